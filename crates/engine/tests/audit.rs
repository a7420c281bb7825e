//! What the audit log is told of by workers, what it lets go of, and that nobody fills it.

use engine::{AuditQuery, AuditRecord, Limits, ResolveRequest};
use model::{Direction, SyncStatus, UserId};
use serde_json::Value;
use store::AuditEntry;

use crate::azure_world::{World, eventually};

const DAY_MS: i64 = 24 * 3_600_000;

async fn entries(world: &World, action: &str) -> Vec<AuditRecord> {
    let query = AuditQuery {
        action: Some(action.to_owned()),
        limit: 1_000,
        ..AuditQuery::default()
    };
    world.engine.list_audit(&world.owner, &query).await.unwrap()
}

fn detail(entry: &AuditRecord) -> Value {
    serde_json::from_str(&entry.detail).unwrap()
}

#[tokio::test]
async fn a_run_that_waits_is_stopped_and_its_end_is_told() {
    let world = World::start().await;
    world.container("media").await;
    world.put("media", "a.png", "x").await;
    let source = world.source(world.form("media")).await;
    let target = world.target(world.form("media")).await;
    world.start_sync(source).await;
    world.cancel(Direction::Source, source).await;
    world.cancel(Direction::Target, target).await;
    for (action, storage) in [("sync.cancel", source), ("export.cancel", target)] {
        let told = entries(&world, action).await;
        assert_eq!(told.len(), 1, "{action}");
        assert_eq!(told[0].subject, format!("storage/{storage}"));
        assert_eq!(told[0].actor, Some(world.owner.user_id));
    }
    world.cancel(Direction::Source, source).await;
    assert_eq!(
        entries(&world, "sync.cancel").await.len(),
        1,
        "none was running"
    );

    let worker = world.worker();
    let run = world.start_sync(source).await;
    assert_eq!(world.ended(&run).await.status, SyncStatus::Completed);
    worker.stop().await;
    let told = entries(&world, "sync.end").await;
    let end = detail(&told[0]);
    assert_eq!(
        (&end["created"], &end["status"]),
        (&1.into(), &"completed".into())
    );
    assert_eq!(told[0].actor, None, "a worker's");
}

#[tokio::test]
async fn what_the_operator_keeps_no_longer_goes_and_it_is_told() {
    let world = World::with_limits(Limits {
        audit_days: Some(30),
        ..Limits::default()
    })
    .await;
    let now_ms = model::Clock::system().now_ms();
    let old = |number: i64, days: i64| AuditEntry {
        event_id: format!("old {number}"),
        at_ms: now_ms - days * DAY_MS,
        org_id: world.owner.org_id,
        actor: Some(UserId(1)),
        action: "task.change",
        subject: format!("task/{number}"),
        detail: "{}".to_owned(),
    };
    let mut log: Vec<AuditEntry> = (0..4_500).map(|number| old(number, 40)).collect();
    log.push(old(5_000, 20));
    world.store.record_audit(&log).await.unwrap();
    let before = entries(&world, "organization").await;
    let worker = world.worker();
    let told = eventually("old entries to go", async || {
        let told = entries(&world, "audit.expire").await;
        let gone = told
            .iter()
            .map(|entry| detail(entry)["entries"].as_i64().unwrap());
        (gone.sum::<i64>() == 4_500).then_some(told)
    })
    .await;
    worker.stop().await;
    assert!(told.len() > 1, "in steps");
    assert!(told.iter().all(|entry| entry.actor.is_none()));
    let kept = entries(&world, "task.change").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].subject, "task/5000");
    assert_eq!(
        entries(&world, "organization").await,
        before,
        "what is young stays"
    );
    assert_eq!(world.engine.expire_audit().await.unwrap(), 0);
}

#[tokio::test]
async fn one_person_who_reads_again_and_again_is_counted() {
    let world = World::start().await;
    world.container("media").await;
    world.put("media", "a.png", "x").await;
    let mut form = world.form("media");
    form.presign = Some(false);
    let source = world.source(form).await;
    let worker = world.worker();
    world.sync(source).await;
    worker.stop().await;
    let task = world.task_ids().await[0];
    let data = world.task_data().await;
    let uri = data[0]["image"].as_str().unwrap();
    for _ in 0..50 {
        let request = ResolveRequest::default();
        let read = world.engine.resolve(&world.owner, task, uri, &request);
        read.await.unwrap();
    }
    let told = entries(&world, "blob.read").await;
    let count = told
        .iter()
        .map(|entry| detail(entry)["count"].as_i64().unwrap_or(1));
    assert_eq!(count.sum::<i64>(), 50);
    assert!(told.len() < 10, "{told:?}");
}
