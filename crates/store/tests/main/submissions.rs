//! Annotations that people submit, change against each other, and keep as drafts.

use model::{AnnotationId, Draft, TaskId, UserId};
use store::{AnnotationPatch, DraftPatch, Edited, Expected, NewDraft, Submission};

use crate::world::{NOW, World, counts, json};

fn unique(id: &str) -> Submission {
    Submission {
        unique_id: Some(id.to_owned()),
        draft: None,
    }
}

async fn draft(w: &World, user: UserId, task: TaskId, of: Option<AnnotationId>) -> Draft {
    let draft = NewDraft {
        task,
        annotation: of,
        result: json(r#"[{"id":"d"}]"#),
        lead_time: Some(2.5),
    };
    let saved = w.store.save_draft(w.org, user, &draft, NOW).await;
    saved.unwrap().unwrap()
}

pub async fn one_unique_id_makes_one_annotation(w: World) {
    let (task, other) = (w.task().await, w.task().await);
    w.target(model::ExportLayout::PerAnnotation, false).await;
    let requests: Vec<_> = (0..12)
        .map(|_| {
            let (store, org, annotation) = (w.store.clone(), w.org, w.annotation());
            tokio::spawn(async move {
                let made = store
                    .submit_annotation(org, task, &annotation, &unique("a"), NOW)
                    .await;
                made.unwrap().unwrap().id
            })
        })
        .collect();
    let mut ids = Vec::new();
    for request in requests {
        ids.push(request.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(counts(&w.counted().await), (2, 1, 1, 0, 0));
    let due = w.store.claim_outbox("w", 10, 1_000, NOW).await.unwrap();
    assert_eq!(
        (due.len(), due[0].version),
        (1, 1),
        "repeating exports nothing"
    );

    let submit = async |task, id| {
        let made = w
            .store
            .submit_annotation(w.org, task, &w.annotation(), &unique(id), NOW)
            .await;
        made.unwrap().unwrap().id
    };
    assert_ne!(submit(task, "b").await, ids[0]);
    assert_ne!(submit(other, "a").await, ids[0]);
    assert_eq!(counts(&w.counted().await), (2, 2, 3, 0, 0));
}

pub async fn a_change_meets_the_state_it_expects(w: World) {
    let task = w.task().await;
    let made = w
        .store
        .create_annotation(w.org, task, &w.annotation(), NOW)
        .await;
    let made = made.unwrap().unwrap();
    let patch = |expected| AnnotationPatch {
        was_cancelled: Some(true),
        expected,
        ..AnnotationPatch::default()
    };
    let first = Expected::UpdatedAt(vec![made.updated_at_ms]);
    let update = async |expected| {
        let edited = w
            .store
            .update_annotation(w.org, made.id, &patch(expected), w.user, NOW)
            .await;
        edited.unwrap()
    };
    // Within the same millisecond, and by a clock that goes back.
    let second = update(first.clone()).await.done().unwrap();
    assert_eq!(second.updated_at_ms, NOW + 1);
    let Edited::ChangedMeanwhile(current) = update(first.clone()).await else {
        panic!("an old state was changed");
    };
    assert_eq!(
        (current.updated_at_ms, current.updated_by),
        (NOW + 1, Some(w.user))
    );
    assert!(
        update(Expected::UpdatedAt(Vec::new()))
            .await
            .done()
            .is_none()
    );
    let any_of = Expected::UpdatedAt(vec![NOW, NOW + 1]);
    assert_eq!(update(any_of).await.done().unwrap().updated_at_ms, NOW + 2);
    assert_eq!(counts(&w.counted().await), (1, 0, 0, 1, 0));

    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, org, user, id) = (w.store.clone(), w.org, w.user, made.id);
            let patch = patch(Expected::UpdatedAt(vec![NOW + 2]));
            tokio::spawn(async move {
                let edited = store
                    .update_annotation(org, id, &patch, user, NOW + 9)
                    .await;
                edited.unwrap().done().is_some()
            })
        })
        .collect();
    let mut changed = 0;
    for writer in writers {
        changed += usize::from(writer.await.unwrap());
    }
    assert_eq!(
        changed, 1,
        "of eight who expect the same state, one changes it"
    );

    let delete = async |expected: Expected| {
        let edited = w
            .store
            .delete_annotation(w.org, made.id, &expected, NOW)
            .await;
        edited.unwrap()
    };
    assert!(matches!(delete(first).await, Edited::ChangedMeanwhile(_)));
    assert_eq!(counts(&w.counted().await), (1, 0, 0, 1, 0));
    assert!(
        delete(Expected::UpdatedAt(vec![NOW + 9]))
            .await
            .done()
            .is_some()
    );
    assert!(matches!(delete(Expected::Any).await, Edited::NotFound));
    assert_eq!(counts(&w.counted().await), (1, 0, 0, 0, 0));
}

pub async fn changes_at_once_are_counted_once(w: World) {
    let task = w.task().await;
    let made = w
        .store
        .create_annotation(w.org, task, &w.annotation(), NOW)
        .await;
    let id = made.unwrap().unwrap().id;
    let writers: Vec<_> = (0..16)
        .map(|n| {
            let (store, org, user) = (w.store.clone(), w.org, w.user);
            tokio::spawn(async move {
                let patch = AnnotationPatch {
                    was_cancelled: Some(n % 2 == 0),
                    ..AnnotationPatch::default()
                };
                let edited = store.update_annotation(org, id, &patch, user, NOW).await;
                edited.unwrap().done().unwrap().updated_at_ms
            })
        })
        .collect();
    let mut times = Vec::new();
    for writer in writers {
        times.push(writer.await.unwrap());
    }
    times.sort_unstable();
    assert!(
        times.into_iter().eq(NOW + 1..NOW + 17),
        "each change has its own time"
    );
    w.counted().await;
}

pub async fn a_draft_is_its_persons_alone(w: World) {
    let task = w.task().await;
    let colleague = w.member("colleague@example.com").await;
    let mine = draft(&w, w.user, task, None).await;
    let theirs = draft(&w, colleague, task, None).await;
    assert_ne!(mine.id, theirs.id);
    assert_eq!(mine.user_email, "owner@example.com");
    assert_eq!(
        draft(&w, w.user, task, None).await.id,
        mine.id,
        "saved over"
    );

    let found = async |org, user, id| w.store.find_draft(org, user, id).await.unwrap();
    assert!(found(w.org, w.user, mine.id).await.is_some());
    assert!(found(w.org, colleague, mine.id).await.is_none());
    assert!(found(w.stranger(), w.user, mine.id).await.is_none());
    let listed = w.store.find_drafts_of_tasks(w.org, w.user, &[task]).await;
    assert!(listed.unwrap().iter().map(|draft| draft.id).eq([mine.id]));
    let patch = DraftPatch {
        result: Some(json("[]")),
        lead_time: None,
    };
    let update = async |user| {
        let changed = w
            .store
            .update_draft(w.org, user, mine.id, &patch, NOW + 1)
            .await;
        changed.unwrap()
    };
    assert!(update(colleague).await.is_none());
    let changed = update(w.user).await.unwrap();
    assert_eq!((changed.result.get(), changed.lead_time), ("[]", Some(2.5)));
    assert!(
        !w.store
            .delete_draft(w.org, colleague, mine.id)
            .await
            .unwrap()
    );
    assert!(w.store.delete_draft(w.org, w.user, mine.id).await.unwrap());
    assert!(found(w.org, colleague, theirs.id).await.is_some());

    let nowhere = NewDraft {
        task,
        annotation: Some(AnnotationId(99)),
        result: json("[]"),
        lead_time: None,
    };
    let saved = w.store.save_draft(w.org, w.user, &nowhere, NOW).await;
    assert!(saved.unwrap().is_none(), "no such annotation");
    let foreign = NewDraft {
        annotation: None,
        ..nowhere
    };
    let saved = w
        .store
        .save_draft(w.another_org().await, w.user, &foreign, NOW);
    assert!(
        saved.await.unwrap().is_none(),
        "another organization's task"
    );
}

pub async fn a_draft_goes_with_what_it_became(w: World) {
    let task = w.task().await;
    let colleague = w.member("colleague@example.com").await;
    let (mine, theirs) = (
        draft(&w, w.user, task, None).await,
        draft(&w, colleague, task, None).await,
    );
    let submit = async |draft| {
        let submission = Submission {
            unique_id: Some("once".to_owned()),
            draft: Some(draft),
        };
        let made = w
            .store
            .submit_annotation(w.org, task, &w.annotation(), &submission, NOW)
            .await;
        made.unwrap().unwrap().id
    };
    let drafts = async |user| {
        let found = w.store.find_drafts_of_tasks(w.org, user, &[task]).await;
        found.unwrap().len()
    };
    let annotation = submit(theirs.id).await;
    assert_eq!(
        (drafts(w.user).await, drafts(colleague).await),
        (1, 1),
        "not mine to submit"
    );
    assert_eq!(submit(mine.id).await, annotation);
    assert_eq!((drafts(w.user).await, drafts(colleague).await), (0, 1));

    let change = draft(&w, w.user, task, Some(annotation)).await;
    let patch = AnnotationPatch {
        draft: Some(change.id),
        ..AnnotationPatch::default()
    };
    let stale = AnnotationPatch {
        expected: Expected::UpdatedAt(vec![1]),
        ..patch.clone()
    };
    let update = async |patch: &AnnotationPatch| {
        let edited = w
            .store
            .update_annotation(w.org, annotation, patch, w.user, NOW)
            .await;
        edited.unwrap().done().is_some()
    };
    assert!(!update(&stale).await);
    assert_eq!(drafts(w.user).await, 1, "a refused change keeps its draft");
    assert!(update(&patch).await);
    assert_eq!(drafts(w.user).await, 0);

    draft(&w, w.user, task, Some(annotation)).await;
    let deleted = w
        .store
        .delete_annotation(w.org, annotation, &Expected::Any, NOW)
        .await;
    deleted.unwrap().done().unwrap();
    assert_eq!(drafts(w.user).await, 0, "a change to nothing");
    assert!(w.store.delete_task(w.org, task, NOW).await.unwrap());
    assert_eq!(drafts(colleague).await, 0);
}
