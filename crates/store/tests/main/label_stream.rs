//! The next task, the history, and who is present.

use std::collections::BTreeSet;

use model::{ProjectId, TaskId, UserId};
use store::{NewAnnotation, NewDraft, NextTask, NextTaskQuery};

use crate::world::{NOW, World, json, task};

const PRESENT: i64 = 120_000;

async fn next(w: &World, user: UserId, after: Option<TaskId>, now_ms: i64) -> NextTask {
    let query = NextTaskQuery {
        project: w.project,
        after,
        present_since_ms: now_ms - PRESENT,
        forget_before_ms: now_ms - 2 * PRESENT,
        now_ms,
    };
    w.store.claim_next_task(w.org, user, &query).await.unwrap()
}

async fn annotate(w: &World, user: UserId, task: TaskId, was_cancelled: bool) {
    let annotation = NewAnnotation {
        completed_by: Some(user),
        was_cancelled,
        ..w.annotation()
    };
    let made = w
        .store
        .create_annotation(w.org, task, &annotation, NOW)
        .await;
    made.unwrap().unwrap();
}

pub async fn the_next_task_is_mine_to_label(w: World) {
    let tasks = w.tasks(&vec![task(); 5]).await;
    let at = |index: usize| NextTask::Task(tasks[index]);
    let colleague = w.member("colleague@example.com").await;
    annotate(&w, colleague, tasks[0], false).await;
    annotate(&w, w.user, tasks[1], true).await;
    assert_eq!(
        next(&w, w.user, None, NOW).await,
        at(2),
        "labeled, skipped by me"
    );
    assert_eq!(next(&w, w.user, None, NOW).await, at(2), "still mine");
    assert_eq!(
        next(&w, colleague, None, NOW).await,
        at(1),
        "skipped by another"
    );
    assert_eq!(
        next(&w, colleague, Some(tasks[1]), NOW).await,
        at(3),
        "I am on 2"
    );
    assert_eq!(next(&w, w.user, Some(tasks[2]), NOW).await, at(4));
    assert_eq!(
        next(&w, w.user, Some(tasks[4]), NOW).await,
        at(2),
        "once round"
    );
    assert_eq!(
        next(&w, colleague, Some(tasks[3]), NOW).await,
        at(4),
        "which I left"
    );

    let later = NOW + PRESENT;
    assert_eq!(
        next(&w, colleague, Some(tasks[1]), later).await,
        at(2),
        "I am gone"
    );
    for index in [2, 3, 4] {
        annotate(&w, w.user, tasks[index], false).await;
    }
    assert_eq!(next(&w, w.user, None, later).await, NextTask::NothingLeft);
    assert_eq!(next(&w, colleague, None, later).await, at(1));

    let query = NextTaskQuery {
        project: w.project,
        after: None,
        present_since_ms: 0,
        forget_before_ms: 0,
        now_ms: later,
    };
    let foreign = w.store.claim_next_task(w.stranger(), w.user, &query).await;
    assert_eq!(foreign.unwrap(), NextTask::NoProject);
}

pub async fn unfinished_work_comes_first(w: World) {
    let tasks = w.tasks(&vec![task(); 4]).await;
    let save = async |index: usize, now_ms| {
        let draft = NewDraft {
            task: tasks[index],
            annotation: None,
            result: json("[]"),
            lead_time: None,
        };
        let saved = w.store.save_draft(w.org, w.user, &draft, now_ms).await;
        saved.unwrap().unwrap();
    };
    save(3, NOW).await;
    save(2, NOW + 1).await;
    let at = |index: usize| NextTask::Task(tasks[index]);
    assert_eq!(next(&w, w.user, None, NOW).await, at(2), "the newest draft");
    annotate(&w, w.user, tasks[2], false).await;
    assert_eq!(
        next(&w, w.user, None, NOW).await,
        at(3),
        "a draft of a labeled task is not work"
    );
    assert_eq!(
        next(&w, w.user, Some(tasks[3]), NOW).await,
        at(0),
        "who moves on, moves on"
    );
    let colleague = w.member("colleague@example.com").await;
    assert_eq!(
        next(&w, colleague, None, NOW).await,
        at(1),
        "not another's draft"
    );
}

pub async fn people_who_ask_at_once_get_different_tasks(w: World) {
    let tasks = w.tasks(&vec![task(); 8]).await;
    let mut people = vec![w.user];
    for n in 1..8 {
        people.push(w.member(&format!("person{n}@example.com")).await);
    }
    let w = std::sync::Arc::new(w);
    let asking: Vec<_> = people
        .into_iter()
        .map(|person| {
            let w = w.clone();
            tokio::spawn(async move { next(&w, person, None, NOW).await })
        })
        .collect();
    let mut claimed = BTreeSet::new();
    for one in asking {
        let NextTask::Task(task) = one.await.unwrap() else {
            panic!("nothing left");
        };
        claimed.insert(task);
    }
    assert!(claimed.into_iter().eq(tasks));
    let late = w.member("late@example.com").await;
    assert_eq!(next(&w, late, None, NOW).await, NextTask::NothingLeft);
}

pub async fn presence_and_history(w: World) {
    let (task, other) = (w.task().await, w.task().await);
    let colleague = w.member("colleague@example.com").await;
    let (store, org) = (&w.store, w.org);
    store.note_presence(org, w.user, task, NOW).await.unwrap();
    store
        .note_presence(org, colleague, task, NOW)
        .await
        .unwrap();
    store
        .note_presence(org, colleague, task, NOW + 7)
        .await
        .unwrap();
    let strange = w.stranger();
    store
        .note_presence(strange, colleague, other, NOW)
        .await
        .unwrap();
    let present = async |org, task, since| {
        let present = store.present_on_task(org, task, since).await.unwrap();
        let seen = present.into_iter().map(|one| (one.email, one.seen_at_ms));
        seen.collect::<Vec<_>>()
    };
    let theirs = ("colleague@example.com".to_owned(), NOW + 7);
    assert_eq!(
        present(org, task, NOW - 1).await,
        [("owner@example.com".to_owned(), NOW), theirs.clone()]
    );
    assert_eq!(present(org, task, NOW).await, [theirs]);
    assert!(present(strange, task, 0).await.is_empty());
    assert!(present(org, other, 0).await.is_empty());
    // The next task ends being on the one before, and forgets old signs.
    assert_eq!(
        next(&w, w.user, Some(task), NOW).await,
        NextTask::Task(other)
    );
    assert_eq!(present(org, task, NOW - 1).await.len(), 1);
    store
        .note_presence(org, colleague, other, NOW)
        .await
        .unwrap();
    assert_eq!(present(org, other, NOW - 1).await.len(), 2);
    next(&w, colleague, None, NOW + 3 * PRESENT).await;
    assert_eq!(present(org, other, NOW - 1).await.len(), 1);

    assert!(
        store
            .annotation_versions(org, task)
            .await
            .unwrap()
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .annotation_versions(strange, task)
            .await
            .unwrap()
            .is_none()
    );
    annotate(&w, w.user, task, false).await;
    annotate(&w, colleague, task, false).await;
    annotate(&w, w.user, other, true).await;
    let versions = store.annotation_versions(org, task).await.unwrap().unwrap();
    assert!(
        versions
            .iter()
            .map(|version| version.updated_at_ms)
            .eq([NOW, NOW])
    );
    let history = async |org, project, limit| {
        let found = store.label_history(org, w.user, project, limit).await;
        let lines = found.unwrap().into_iter();
        lines
            .map(|line| (line.task_id, line.was_cancelled))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        history(org, w.project, 9).await,
        [(other, true), (task, false)]
    );
    assert_eq!(history(org, w.project, 1).await, [(other, true)]);
    assert!(history(org, ProjectId(99), 9).await.is_empty());
    assert!(history(strange, w.project, 9).await.is_empty());
}
