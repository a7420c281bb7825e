//! Filtered lists of tasks, paged both ways, and what happens to many tasks at once.

use model::{ExportLayout, SyncCounts, Task, TaskId, UserId};
use store::{
    ApplyPage, BulkDeleted, FoundTasks, NewAnnotation, NewTask, OutboxOp, SeenBlob, TaskCursor,
    TaskFilter, TaskOrder, TaskState,
};

use crate::world::{NOW, World, counts, json, prediction, task};

fn ids(tasks: &[Task]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.id).collect()
}

fn text_task(text: &str) -> NewTask {
    NewTask {
        data: json(&format!(r#"{{"text":"{text}"}}"#)),
        ..task()
    }
}

fn labeled(w: &World, was_cancelled: bool) -> NewTask {
    NewTask {
        annotations: vec![NewAnnotation {
            was_cancelled,
            ..w.annotation()
        }],
        ..task()
    }
}

async fn find(w: &World, filter: &TaskFilter, cursor: TaskCursor, limit: i64) -> FoundTasks {
    let found = w.store.find_tasks(w.org, filter, cursor, limit);
    found.await.unwrap()
}

/// All of a list, in pages of `limit`.
async fn walk(w: &World, filter: &TaskFilter, limit: i64) -> Vec<TaskId> {
    let (mut all, mut cursor) = (Vec::new(), TaskCursor::First);
    loop {
        let page = find(w, filter, cursor, limit).await;
        assert!(page.tasks.len() as i64 <= limit);
        all.extend(ids(&page.tasks));
        match page.more {
            Some(id) => cursor = TaskCursor::After(id),
            None => return all,
        }
    }
}

pub async fn pages_go_forward_and_back(w: World) {
    let all = w.tasks(&vec![task(); 7]).await;
    let oldest = TaskFilter::all(w.project);
    let newest = TaskFilter {
        order: TaskOrder::NewestFirst,
        ..oldest.clone()
    };
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    for (filter, expected) in [(&oldest, &all), (&newest, &reversed)] {
        for limit in [1, 3, 7, 9] {
            assert_eq!(walk(&w, filter, limit).await, *expected, "{limit}");
        }
        let first = find(&w, filter, TaskCursor::First, 3).await;
        assert_eq!(first.more, Some(expected[2]));
        let third = find(&w, filter, TaskCursor::After(expected[5]), 3).await;
        assert_eq!((ids(&third.tasks), third.more), (vec![expected[6]], None));
        let back = find(&w, filter, TaskCursor::Before(expected[6]), 3).await;
        assert_eq!(ids(&back.tasks), expected[3..6]);
        assert_eq!(back.more, Some(expected[3]));
        let back = find(&w, filter, TaskCursor::Before(expected[3]), 3).await;
        assert_eq!(
            (ids(&back.tasks), back.more),
            (expected[..3].to_vec(), None)
        );
        assert_eq!(back.looked_at, 0, "no search");
    }
    let foreign = w
        .store
        .find_tasks(w.stranger(), &oldest, TaskCursor::First, 9);
    assert!(foreign.await.unwrap().tasks.is_empty());
}

pub async fn states_and_annotators_are_told_apart(w: World) {
    let made = w
        .tasks(&[
            task(),
            labeled(&w, false),
            labeled(&w, true),
            labeled(&w, false),
        ])
        .await;
    let other = UserId(w.user.0 + 1000);
    for task in [made[2], made[3]] {
        let theirs = NewAnnotation {
            completed_by: Some(other),
            ..w.annotation()
        };
        let theirs = w.store.create_annotation(w.org, task, &theirs, NOW).await;
        theirs.unwrap().unwrap();
    }
    // The second one was skipped first and is labeled now; a fifth is only skipped.
    let skipped = w.tasks(&[labeled(&w, true)]).await[0];
    let listed = async |state, annotator| {
        let filter = TaskFilter {
            state,
            annotator,
            ..TaskFilter::all(w.project)
        };
        walk(&w, &filter, 2).await
    };
    assert_eq!(listed(TaskState::ToDo, None).await, [made[0]]);
    assert_eq!(listed(TaskState::Labeled, None).await, made[1..]);
    assert_eq!(listed(TaskState::Skipped, None).await, [skipped]);
    assert_eq!(
        listed(TaskState::All, Some(w.user)).await,
        [made[1], made[2], made[3], skipped]
    );
    assert_eq!(listed(TaskState::All, Some(other)).await, made[2..]);
    assert_eq!(listed(TaskState::Labeled, Some(other)).await, made[2..]);
    assert_eq!(listed(TaskState::Skipped, Some(other)).await, []);
    assert_eq!(listed(TaskState::Draft(w.user), None).await, []);
}

pub async fn a_search_says_how_far_it_looked(w: World) {
    // More than one step of the search; the matches are at both ends.
    let mut many = vec![text_task("nothing of note"); 5_300];
    many[2] = text_task("100% of Zebra_crossings");
    many[5_200] = text_task("zebra_crossings at night");
    many[7] = text_task(r#"she said \"hi\" in the caf\u00E9 \ud83d\ude00"#);
    many[9] = text_task("café");
    let made = w.tasks(&many).await;
    let search = |text: &str, order| TaskFilter {
        text: Some(text.to_owned()),
        order,
        ..TaskFilter::all(w.project)
    };
    for (text, expected) in [
        ("ZEBRA_cross", vec![made[2], made[5_200]]),
        ("100% of", vec![made[2]]),
        ("100!", vec![]),
        ("zebra%night", vec![]),
        ("said \"hi\" in", vec![made[7]]),
        ("café", vec![made[7], made[9]]),
        ("😀", vec![made[7]]),
        ("\":\"", vec![]),
    ] {
        let found = walk(&w, &search(text, TaskOrder::OldestFirst), 10).await;
        assert_eq!(found, expected, "{text}");
    }
    for order in [TaskOrder::OldestFirst, TaskOrder::NewestFirst] {
        let (mut looked_at, mut cursor) = (0, TaskCursor::First);
        loop {
            let page = find(&w, &search("nowhere", order), cursor, 10).await;
            assert!(page.tasks.is_empty());
            looked_at += page.looked_at;
            match page.more {
                Some(id) => cursor = TaskCursor::After(id),
                None => break,
            }
        }
        assert_eq!(looked_at, 5_300);
        let first = find(&w, &search("zebra", order), TaskCursor::First, 1).await;
        let until = if order == TaskOrder::OldestFirst {
            3
        } else {
            100
        };
        assert_eq!((first.tasks.len(), first.looked_at), (1, until));
    }
}

pub async fn blobs_are_found_by_name_and_storage(w: World) {
    let storage = w.source().await;
    let run = w.store.start_run(w.org, storage.id, NOW).await.unwrap();
    let run = run.unwrap().run;
    let run = w.store.mark_run_started(run.id, NOW).await.unwrap();
    let run = run.unwrap().run;
    let blob = |name: &str| SeenBlob {
        name: name.to_owned(),
        etag: "0x1".to_owned(),
        size: 5,
        modified_ms: NOW,
        data_json: r#"{"image":"the word zoo is in the data only"}"#.to_owned(),
    };
    let blobs = [blob("in/cat.png"), blob("in/Dog.png")];
    let page = ApplyPage {
        org_id: w.org,
        project_id: w.project,
        storage_id: storage.id,
        run_id: run.id,
        attempt: run.attempts,
        account: &storage.account,
        container: &storage.container,
        blobs: &blobs,
        marker_after: None,
        counts: &SyncCounts::default(),
        now_ms: NOW,
    };
    w.store.apply_blob_page(&page).await.unwrap().unwrap();
    let by_hand = w.tasks(&[text_task("a dog in a zoo")]).await[0];
    let all = walk(&w, &TaskFilter::all(w.project), 9).await;
    assert_eq!(all.len(), 3);
    let of_storage = TaskFilter {
        storage: Some(storage.id),
        ..TaskFilter::all(w.project)
    };
    assert_eq!(walk(&w, &of_storage, 9).await, all[..2]);
    let by_text = |text: &str, of: &TaskFilter| TaskFilter {
        text: Some(text.to_owned()),
        ..of.clone()
    };
    let everything = TaskFilter::all(w.project);
    assert_eq!(walk(&w, &by_text("dog", &everything), 9).await, all[1..]);
    assert_eq!(walk(&w, &by_text("dog", &of_storage), 9).await, [all[1]]);
    assert_eq!(walk(&w, &by_text("zoo", &everything), 9).await, [by_hand]);

    // A blob whose tasks are gone is forgotten, so that the next sync imports it again.
    let gone = w.store.delete_tasks(w.org, w.project, &all[..1], NOW).await;
    assert_eq!(gone.unwrap().tasks, 1);
    w.store
        .finish_run(
            run.id,
            model::SyncStatus::Completed,
            &SyncCounts::default(),
            None,
            NOW,
        )
        .await
        .unwrap();
    let names = [("in/cat.png", "0x1"), ("in/Dog.png", "0x1")];
    let known = w
        .store
        .known_blobs(w.project, &storage.account, &storage.container, &names)
        .await
        .unwrap();
    assert_eq!(
        known,
        [store::BlobStanding::New, store::BlobStanding::Imported]
    );
}

pub async fn many_are_deleted_with_true_counters(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, true).await;
    let full = NewTask {
        predictions: vec![prediction(0.5)],
        ..labeled(&w, false)
    };
    let made = w
        .tasks(&[full.clone(), labeled(&w, true), task(), full.clone(), full])
        .await;
    let of = |tasks, annotations| BulkDeleted { tasks, annotations };
    let foreign = w.store.delete_tasks(w.stranger(), w.project, &made, NOW);
    assert_eq!(foreign.await.unwrap(), of(0, 0));
    let another = store::NewProject {
        title: String::new(),
        description: String::new(),
        label_config: String::new(),
        settings: json("{}"),
        created_by: w.user,
    };
    let another = w.store.create_project(w.org, &another, NOW).await;
    let another = another.unwrap().id;
    let elsewhere = w.store.delete_tasks(w.org, another, &made, NOW).await;
    assert_eq!(elsewhere.unwrap(), of(0, 0));
    assert_eq!(counts(&w.counted().await), (5, 3, 3, 1, 3));

    let emptied = w
        .store
        .delete_annotations_of_tasks(w.org, w.project, &made[..3], w.user, NOW)
        .await;
    assert_eq!(emptied.unwrap(), of(2, 2));
    assert_eq!(counts(&w.counted().await), (5, 2, 2, 0, 3));
    let first = w.store.find_task(w.org, made[0]).await.unwrap().unwrap();
    assert!(!first.is_labeled && first.annotation_count == 0);
    let again = w
        .store
        .delete_annotations_of_tasks(w.org, w.project, &made[..3], w.user, NOW)
        .await;
    assert_eq!(again.unwrap(), of(0, 0));

    let twice = [made[3], made[3], made[2], TaskId(i64::MAX)];
    let deleted = w.store.delete_tasks(w.org, w.project, &twice, NOW).await;
    assert_eq!(deleted.unwrap(), of(2, 1));
    assert_eq!(counts(&w.counted().await), (3, 1, 1, 0, 2));
    let left = w.store.list_task_ids(w.org, w.project, TaskId(0), 9).await;
    assert_eq!(left.unwrap(), [made[0], made[1], made[4]]);

    // Every deleted annotation's blob is deleted from the target; the one left is written.
    let items = w.store.claim_outbox("w", 99, 1_000, NOW).await.unwrap();
    let ops = |op| items.iter().filter(|item| item.op == op).count();
    assert!(items.iter().all(|item| item.storage_id == target.id));
    assert_eq!((ops(OutboxOp::Delete), ops(OutboxOp::Upsert)), (3, 1));
}
