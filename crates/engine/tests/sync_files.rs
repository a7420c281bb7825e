//! Files mode: one task per blob, exactly once, whatever happens in between.

use std::{collections::BTreeSet, time::Duration};

use engine::{Error, LeftOut, Limits, PreviewLimits, StorageInput};
use local_azure::state::FaultKind;
use model::{CredentialKind, Direction, Role, StorageSettings, SyncStatus};

use crate::azure_world::{ACCOUNT, World, eventually, member};

const LIMITS: PreviewLimits = PreviewLimits {
    matches: 10,
    left_out: 10,
    looked_at: 0,
};

/// Names that other tools break on.
const ODD_NAMES: [&str; 9] = [
    "a b.png",
    "50% #1?.png",
    "1+1=2.png",
    "a//b.png",
    "naïve/été.png",
    "日本/🐈.png",
    "./x ",
    "quote\"and'apostrophe.png",
    "sub/deep/er/x.png",
];

/// Small pages and a short lease, so that few blobs make many pages.
fn small_pages() -> Limits {
    Limits {
        list_page: 50,
        lease: Duration::from_millis(600),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_wrong_field_in_a_run_is_not_told_as_a_missing_link() {
    let world = World::start().await;
    world.container("media").await;
    let storage = world.source(world.form("media")).await;
    // As an older release may have left it: no form lets it in.
    let change = |settings: &mut StorageSettings| settings.regex_filter = Some("(".to_owned());
    world.set(storage, change).await;
    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::Failed);
    assert!(run.error.unwrap().starts_with("regex_filter: "));
    let kept = world.engine.find_storage(&world.owner, storage).await;
    assert_eq!(kept.unwrap().health.last_failure, None);
}

#[tokio::test]
async fn every_blob_becomes_one_task_and_the_second_sync_finds_nothing_new() {
    let world = World::start().await;
    world.container("media").await;
    let blobs = world.azure.state().blobs();
    blobs
        .generate(ACCOUNT, "media", "img/", 12_000, 3)
        .await
        .unwrap();
    for name in ODD_NAMES {
        world.put("media", name, "x").await;
    }
    world.put("media", "folder/", "").await;
    let storage = world.source(world.form("media")).await;
    // Data: named like what a target storage of the same container writes, and a customer's.
    world.put("media", "out/7.json", "{}").await;
    let target = StorageInput {
        prefix: Some("out".to_owned()),
        ..world.form("media")
    };
    world.target(target).await;

    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::Completed, "{run:?}");
    assert_eq!(run.error, None);
    let expected = 12_000 + ODD_NAMES.len() as i64 + 1;
    assert_eq!(run.counts.created, expected);
    assert_eq!(run.counts.listed, expected + 1);
    assert_eq!(run.counts.skipped, 1);

    let uris: BTreeSet<String> = world
        .task_data()
        .await
        .iter()
        .map(|data| data["image"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(uris.len() as i64, expected);
    let named: BTreeSet<String> = uris
        .iter()
        .map(|uri| {
            world
                .engine
                .cloud()
                .parse_blob_uri(uri)
                .unwrap()
                .blob
                .as_str()
                .to_owned()
        })
        .collect();
    for name in ODD_NAMES {
        // The service makes a slash of a backslash.
        assert!(named.contains(&name.replace('\\', "/")), "{name}");
    }
    assert!(uris.contains(&format!(
        "https://{ACCOUNT}.blob.core.windows.net/media/img/000000000"
    )));

    let again = world.sync(storage).await;
    assert_eq!(again.status, SyncStatus::Completed);
    assert_eq!(again.error, None);
    assert_eq!((again.counts.created, again.counts.existed), (0, expected));
    assert_eq!(world.task_ids().await.len() as i64, expected);
}

#[tokio::test]
async fn a_changed_blob_is_counted_and_makes_no_second_task() {
    let world = World::start().await;
    world.container("media").await;
    for name in ["1.png", "2.png", "3.png"] {
        world.put("media", name, "old").await;
    }
    let storage = world.source(world.form("media")).await;
    world.sync(storage).await;
    world.put("media", "2.png", "new").await;
    world.put("media", "4.png", "new").await;
    let run = world.sync(storage).await;
    let counts = run.counts;
    assert_eq!((counts.created, counts.existed, counts.changed), (1, 2, 1));
    assert_eq!(world.task_ids().await.len(), 4);
    // The change is known now.
    assert_eq!(world.sync(storage).await.counts.changed, 0);
}

#[tokio::test]
async fn prefix_filter_and_depth_choose_the_blobs() {
    let world = World::start().await;
    world.container("media").await;
    for name in ["a/1.png", "a/2.txt", "a/sub/3.png", "ab/4.png", "5.png"] {
        world.put("media", name, "x").await;
    }
    let form = StorageInput {
        prefix: Some("a".to_owned()),
        regex_filter: Some(r".*\.png".to_owned()),
        recursive_scan: Some(false),
        ..world.form("media")
    };
    let preview = world
        .engine
        .preview_files(&world.owner, CredentialKind::AccountKey, &form, LIMITS)
        .await
        .unwrap();
    let blobs: Vec<_> = preview
        .blobs
        .iter()
        .map(|blob| (blob.name.as_str(), blob.left_out))
        .collect();
    assert_eq!(
        blobs,
        [("a/1.png", None), ("a/2.txt", Some(LeftOut::Filter))]
    );
    assert_eq!(
        (preview.listed, preview.matched, preview.filtered),
        (2, 1, 1)
    );
    assert_eq!((preview.folders_not_entered, preview.has_more), (1, false));

    let storage = world.source(form).await;
    let run = world.sync(storage).await;
    assert_eq!((run.counts.created, run.counts.filtered), (1, 1));
}

#[tokio::test]
async fn nothing_matched_says_what_was_seen() {
    let world = World::start().await;
    world.container("media").await;
    world.put("media", "a/1.png", "x").await;
    let form = StorageInput {
        regex_filter: Some(r"1\.png".to_owned()),
        ..world.form("media")
    };
    let storage = world.source(form).await;
    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::Completed);
    let note = run.error.unwrap();
    for word in [
        "Azure lists 1 blobs",
        "filter \"1\\\\.png\"",
        "beginning of the whole name",
    ] {
        assert!(note.contains(word), "{note}");
    }
    assert_eq!(world.task_ids().await.len(), 0);
}

#[tokio::test]
async fn a_second_start_finds_the_running_one_and_a_cancel_stops_it() {
    let world = World::with_limits(small_pages()).await;
    world.container("media").await;
    let blobs = world.azure.state().blobs();
    blobs
        .generate(ACCOUNT, "media", "", 1_000, 0)
        .await
        .unwrap();
    let storage = world.source(world.form("media")).await;
    world.fault("comp=list", FaultKind::Delay { ms: 20 }, None);
    let worker = world.worker();
    let run = world.start_sync(storage).await;
    assert_eq!(world.start_sync(storage).await.id, run.id);
    eventually("the second page", async || {
        let waited = world.engine.wait_run(&world.owner, run.id, Duration::ZERO);
        (waited.await.unwrap().counts.listed >= 100).then_some(())
    })
    .await;
    world.cancel(Direction::Source, storage).await;
    let cancelled = world.ended(&run).await;
    assert_eq!(cancelled.status, SyncStatus::Cancelled);
    assert!(cancelled.counts.listed < 1_000);
    worker.stop().await;
    assert_eq!(
        world.task_ids().await.len() as i64,
        cancelled.counts.created
    );

    // A new run goes on to the end, and adds only what is missing.
    let rest = world.sync(storage).await;
    assert_eq!(rest.status, SyncStatus::Completed);
    assert_eq!(rest.counts.created + cancelled.counts.created, 1_000);
    assert_eq!(world.task_ids().await.len(), 1_000);
}

#[tokio::test]
async fn a_crash_is_resumed_from_the_checkpoint_by_another_worker() {
    let world = World::with_limits(small_pages()).await;
    world.container("media").await;
    let blobs = world.azure.state().blobs();
    blobs
        .generate(ACCOUNT, "media", "", 1_000, 0)
        .await
        .unwrap();
    let storage = world.source(world.form("media")).await;
    world.fault("comp=list", FaultKind::Delay { ms: 20 }, None);
    let worker = world.worker();
    let run = world.start_sync(storage).await;
    eventually("the third page", async || {
        let waited = world.engine.wait_run(&world.owner, run.id, Duration::ZERO);
        (waited.await.unwrap().counts.listed >= 150).then_some(())
    })
    .await;
    worker.crash().await;
    let left = world
        .engine
        .wait_run(&world.owner, run.id, Duration::ZERO)
        .await
        .unwrap();
    assert!(
        left.status.is_running() && left.counts.listed < 1_000,
        "{left:?}"
    );
    world.azure.state().clear_faults();
    world.azure.state().clear_requests();

    let other = world.worker();
    let ended = world.ended(&run).await;
    other.stop().await;
    assert_eq!(ended.status, SyncStatus::Completed, "{ended:?}");
    assert_eq!(ended.attempts, 2);
    assert_eq!((ended.counts.listed, ended.counts.created), (1_000, 1_000));
    assert_eq!(world.task_ids().await.len(), 1_000);
    let pages_listed_again = world
        .azure
        .state()
        .requests()
        .iter()
        .filter(|request| format!("{request:?}").contains("comp=list"))
        .count();
    assert!(pages_listed_again < 20, "{pages_listed_again} of 20 pages");
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_gives_the_sync_back() {
    let world = World::with_limits(small_pages()).await;
    world.container("media").await;
    let blobs = world.azure.state().blobs();
    blobs
        .generate(ACCOUNT, "media", "", 1_000, 0)
        .await
        .unwrap();
    let storage = world.source(world.form("media")).await;
    world.fault("comp=list", FaultKind::Delay { ms: 20 }, None);
    let worker = world.worker();
    let run = world.start_sync(storage).await;
    eventually("the first page", async || {
        let waited = world.engine.wait_run(&world.owner, run.id, Duration::ZERO);
        (waited.await.unwrap().counts.listed >= 50).then_some(())
    })
    .await;
    worker.stop().await;
    world.azure.state().clear_faults();
    let other = world.worker();
    let ended = world.ended(&run).await;
    other.stop().await;
    assert_eq!(ended.status, SyncStatus::Completed, "{ended:?}");
    assert_eq!((ended.counts.listed, ended.counts.created), (1_000, 1_000));
}

#[tokio::test]
async fn throttling_is_waited_out_and_a_refusal_is_explained() {
    let world = World::start().await;
    world.container("media").await;
    world.put("media", "1.png", "x").await;
    let storage = world.source(world.form("media")).await;
    let busy = FaultKind::Status {
        status: 503,
        code: None,
        retry_after_s: None,
    };
    world.fault("comp=list", busy, Some(2));
    assert_eq!(world.sync(storage).await.counts.created, 1);

    world.azure.state().rotate_account_keys(ACCOUNT).unwrap();
    let refused = world.sync(storage).await;
    assert_eq!(refused.status, SyncStatus::Failed);
    let why = refused.error.unwrap();
    assert!(
        why.contains("account key") && why.contains("az storage account keys list"),
        "{why}"
    );
    assert_eq!(world.task_ids().await.len(), 1);
}

#[tokio::test]
async fn an_annotator_may_not_sync() {
    let world = World::start().await;
    world.container("media").await;
    let storage = world.source(world.form("media")).await;
    let annotator = member(&world, Role::Annotator).await;
    let refused = world
        .engine
        .start_sync(&annotator, CredentialKind::AccountKey, storage)
        .await;
    assert!(matches!(refused, Err(Error::Denied { .. })));
}
