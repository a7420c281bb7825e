//! What is done to many tasks at once, and who may.

use engine::{
    AuditQuery, BulkAction, BulkDeleted, Error, Selection, TaskCursor, TaskFilter, TaskOrder,
    TaskState,
};
use model::{Role, TaskId};
use serde_json::json;

use crate::world::{World, is_not_found};

#[tokio::test]
async fn lists_turn_their_pages() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let made = world.tasks(&project, &vec![json!({"image": "x"}); 5]).await;
    for order in [TaskOrder::OldestFirst, TaskOrder::NewestFirst] {
        let filter = TaskFilter {
            order,
            ..TaskFilter::all(project.id)
        };
        let page = async |cursor| {
            let page = world.engine.find_tasks(&world.owner, &filter, cursor, 2);
            let page = page.await.unwrap();
            let ids: Vec<TaskId> = page.tasks.iter().map(|task| task.id).collect();
            (ids, page.next, page.back)
        };
        let mut ids: Vec<TaskId> = made.iter().map(|task| task.id).collect();
        if order == TaskOrder::NewestFirst {
            ids.reverse();
        }
        let (first, next, back) = page(TaskCursor::First).await;
        assert_eq!((&first[..], back), (&ids[..2], None));
        let (second, next, back) = page(next.unwrap()).await;
        assert_eq!(second, ids[2..4]);
        let (third, end, back_from_third) = page(next.unwrap()).await;
        assert_eq!((&third[..], end), (&ids[4..], None));
        // Back from the third is the second; back from there is the first, with nothing before.
        let (again, next, _) = page(back_from_third.unwrap()).await;
        assert_eq!((again, next), (second, Some(TaskCursor::After(ids[3]))));
        let (again, next, none) = page(back.unwrap()).await;
        assert_eq!((again, none), (first, None));
        assert_eq!(next, Some(TaskCursor::After(ids[1])));
        // Beyond the end there is nothing, and the way back leads to the last ones.
        let (empty, end, back) = page(TaskCursor::After(ids[4])).await;
        assert_eq!((empty, end), (vec![], None));
        let (last, ..) = page(back.unwrap()).await;
        assert_eq!(last, ids[3..]);
    }
    let stranger = world.stranger().await;
    let filter = TaskFilter::all(project.id);
    let theirs = world
        .engine
        .find_tasks(&stranger, &filter, TaskCursor::First, 9);
    assert!(is_not_found(&theirs.await));
}

#[tokio::test]
async fn many_are_deleted_by_who_may_and_it_is_told() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let labeled = json!({"data": {"image": "x"}, "annotations": [{"result": []}]});
    // More than one batch.
    let made = world.tasks(&project, &vec![labeled; 520]).await;
    let ids: Vec<TaskId> = made.iter().map(|task| task.id).collect();
    let act = async |actor: &model::Actor, action, selection| {
        let acted = world
            .engine
            .act_on_tasks(actor, project.id, action, selection);
        acted.await
    };
    let annotator = world
        .member_of(world.owner.org_id, "ann@example.com", Role::Annotator)
        .await;
    let all = || Selection::AllBut(Vec::new());
    let denied = act(&annotator, BulkAction::DeleteTasks, all()).await;
    assert!(matches!(denied, Err(Error::Denied { .. })));
    let stranger = world.stranger().await;
    let foreign = act(&stranger, BulkAction::DeleteTasks, all()).await;
    assert!(is_not_found(&foreign));

    let one = Selection::Only(vec![ids[0], TaskId(i64::MAX)]);
    let emptied = act(&world.owner, BulkAction::DeleteAnnotations, one)
        .await
        .unwrap();
    let of = |tasks, annotations| BulkDeleted { tasks, annotations };
    assert_eq!(emptied, of(1, 1));
    // All that a filter matches, in batches, without what came after they were counted.
    let labeled = TaskFilter {
        state: TaskState::Labeled,
        order: TaskOrder::NewestFirst,
        ..TaskFilter::all(project.id)
    };
    let denied = world.engine.count_matching(&annotator, &labeled).await;
    assert!(matches!(denied, Err(Error::Denied { .. })));
    let foreign = world.engine.count_matching(&stranger, &labeled).await;
    assert!(is_not_found(&foreign));
    let count = world.engine.count_matching(&world.owner, &labeled).await;
    let count = count.unwrap();
    assert_eq!((count.tasks, count.annotations), (519, 519));
    assert_eq!(count.last, Some(ids[519]));
    let last = ids[517];
    let matching = Selection::Matching {
        filter: labeled,
        last,
    };
    let emptied = act(&world.owner, BulkAction::DeleteAnnotations, matching);
    assert_eq!(emptied.await.unwrap(), of(517, 517));
    let spared = Selection::AllBut(vec![ids[0], ids[519]]);
    let deleted = act(&world.owner, BulkAction::DeleteTasks, spared)
        .await
        .unwrap();
    assert_eq!(deleted, of(518, 1));
    let project = world
        .engine
        .get_project(&world.owner, project.id)
        .await
        .unwrap();
    assert_eq!((project.task_count, project.labeled_task_count), (2, 1));

    let query = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    let entries = world.engine.list_audit(&world.owner, &query).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action.ends_with(".delete"))
        .map(|entry| (entry.action.as_str(), entry.detail.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("task.delete", r#"{"annotations":1,"tasks":518}"#),
            ("annotation.delete", r#"{"annotations":517,"tasks":517}"#),
            ("annotation.delete", r#"{"annotations":1,"tasks":1}"#)
        ]
    );
}
