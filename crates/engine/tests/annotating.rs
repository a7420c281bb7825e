//! Annotating together: the next task, presence, drafts, and changes that meet.

use engine::{AnnotationInput, DraftInput, Error, Expected};
use model::{Actor, Annotation, ProjectId, Role, Task, TaskId};
use serde_json::json;

use crate::world::{World, invalid, is_not_found, raw};

const MINUTE: i64 = 60_000;

fn labeled() -> AnnotationInput {
    AnnotationInput {
        result: Some(raw(&json!([{"type": "choices"}]))),
        ..AnnotationInput::default()
    }
}

fn draft() -> DraftInput {
    DraftInput {
        result: Some(raw(&json!([]))),
        lead_time: Some(1.0),
    }
}

/// A project of three tasks, and another member.
async fn together(world: &World) -> (ProjectId, Vec<Task>, Actor) {
    let project = world.project(&world.owner).await;
    let data = json!({"image": "a"});
    let tasks = world.tasks(&project, &vec![data; 3]).await;
    let ann = world
        .member_of(world.owner.org_id, "ann@example.com", Role::Annotator)
        .await;
    (project.id, tasks, ann)
}

async fn annotate(world: &World, actor: &Actor, task: TaskId) -> Annotation {
    let input = labeled();
    let made = world.engine.create_annotation(actor, task, &input);
    made.await.unwrap()
}

#[tokio::test]
async fn a_task_is_free_again_two_minutes_after_the_last_sign() {
    let world = World::start().await;
    let (project, tasks, ann) = together(&world).await;
    let (engine, owner) = (&world.engine, &world.owner);
    let next = async |actor: &Actor| {
        engine
            .next_task(actor, project, None)
            .await
            .map(|task| task.id)
    };
    assert_eq!(next(owner).await.unwrap(), tasks[0].id);
    world.clock.advance_ms(MINUTE + MINUTE / 2);
    engine.note_presence(owner, tasks[0].id).await.unwrap();
    world.clock.advance_ms(MINUTE);
    assert_eq!(
        next(&ann).await.unwrap(),
        tasks[1].id,
        "the owner is still there"
    );
    world.clock.advance_ms(MINUTE);
    annotate(&world, &ann, tasks[1].id).await;
    assert_eq!(next(&ann).await.unwrap(), tasks[0].id, "the owner has gone");
    for task in [&tasks[0], &tasks[2]] {
        annotate(&world, &ann, task.id).await;
    }
    assert!(matches!(next(&ann).await, Err(Error::NothingLeft)));

    let reader = world.member_of(owner.org_id, "r@example.com", Role::ReadOnly);
    let reader = reader.await;
    assert!(matches!(next(&reader).await, Err(Error::Denied { .. })));
    assert!(
        engine
            .label_history(&reader, project)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(engine.label_history(&ann, project).await.unwrap().len(), 3);
    let stranger = world.stranger().await;
    assert!(is_not_found(&next(&stranger).await));
    assert!(is_not_found(
        &engine.label_history(&stranger, project).await
    ));
    assert!(is_not_found(
        &engine.note_presence(&stranger, tasks[0].id).await
    ));
}

#[tokio::test]
async fn a_sign_within_ten_seconds_is_not_written_again() {
    let world = World::start().await;
    let (_, tasks, ann) = together(&world).await;
    let (engine, task) = (&world.engine, tasks[0].id);
    let start = world.clock.now_ms();
    let seen = async || {
        let presence = engine.note_presence(&world.owner, task).await.unwrap();
        assert_eq!(presence.others.len(), 1);
        presence.others[0].seen_at_ms - start
    };
    let sign = async || drop(engine.note_presence(&ann, task).await.unwrap());
    sign().await;
    world.clock.advance_ms(9_999);
    sign().await;
    assert_eq!(seen().await, 0);
    world.clock.advance_ms(1);
    sign().await;
    assert_eq!(seen().await, 10_000);
}

#[tokio::test]
async fn drafts_are_checked_and_private() {
    let world = World::start().await;
    let (_, tasks, ann) = together(&world).await;
    let (engine, task) = (&world.engine, tasks[0].id);
    let saved = engine.save_draft(&ann, task, None, &draft()).await.unwrap();
    let made = annotate(&world, &world.owner, task).await;
    let of_change = engine
        .save_draft(&ann, task, Some(made.id), &draft())
        .await
        .unwrap();
    let listed = async |annotation| {
        let drafts = engine.list_drafts(&ann, task, annotation).await.unwrap();
        drafts.into_iter().map(|draft| draft.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, [saved.id, of_change.id]);
    assert_eq!(listed(Some(made.id)).await, [of_change.id]);

    for (wrong, said) in [
        (DraftInput::default(), "result: This field is required."),
        (
            DraftInput {
                result: Some(raw(&json!({}))),
                ..draft()
            },
            "result: Give a JSON array",
        ),
        (
            DraftInput {
                lead_time: Some(-1.0),
                ..draft()
            },
            "lead_time: ",
        ),
    ] {
        let errors = invalid(engine.save_draft(&ann, task, None, &wrong).await);
        assert!(errors[0].starts_with(said), "{errors:?}");
    }
    let elsewhere = tasks[1].id;
    assert!(is_not_found(
        &engine
            .save_draft(&ann, elsewhere, Some(made.id), &draft())
            .await
    ));
    assert!(is_not_found(
        &engine.list_drafts(&ann, elsewhere, Some(made.id)).await
    ));
    let stranger = world.stranger().await;
    for other in [&world.owner, &stranger] {
        assert!(is_not_found(&engine.get_draft(other, saved.id).await));
        assert!(is_not_found(
            &engine.update_draft(other, saved.id, &draft()).await
        ));
        assert!(is_not_found(&engine.delete_draft(other, saved.id).await));
    }
    assert!(is_not_found(
        &engine.save_draft(&stranger, task, None, &draft()).await
    ));
    engine.delete_draft(&ann, saved.id).await.unwrap();
    assert_eq!(listed(None).await, [of_change.id]);
}

#[tokio::test]
async fn a_unique_id_belongs_to_who_used_it_first() {
    let world = World::start().await;
    let (_, tasks, ann) = together(&world).await;
    let engine = &world.engine;
    let with = |unique_id: &str| AnnotationInput {
        unique_id: Some(unique_id.to_owned()),
        ..labeled()
    };
    let submit = async |actor: &Actor, id: &str| {
        engine
            .create_annotation(actor, tasks[0].id, &with(id))
            .await
    };
    let made = submit(&ann, "once").await.unwrap();
    assert_eq!(submit(&ann, "once").await.unwrap().id, made.id);
    let taken = submit(&world.owner, "once").await;
    assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");
    for wrong in ["", &"x".repeat(101)] {
        assert!(invalid(submit(&ann, wrong).await)[0].starts_with("unique_id: "));
    }
}

#[tokio::test]
async fn a_change_to_another_state_says_who_was_faster() {
    let world = World::start().await;
    let (_, tasks, ann) = together(&world).await;
    let (engine, owner) = (&world.engine, &world.owner);
    let made = annotate(&world, owner, tasks[0].id).await;
    let opened = Expected::UpdatedAt(vec![made.updated_at_ms]);
    let update = async |actor: &Actor| {
        engine
            .update_annotation(actor, made.id, &labeled(), opened.clone())
            .await
    };
    update(&ann).await.unwrap();
    let Err(Error::ChangedMeanwhile { by, current }) = update(owner).await else {
        panic!("the change was overwritten");
    };
    assert_eq!(by.as_deref(), Some("ann@example.com"));
    assert!(current.updated_at_ms > made.updated_at_ms);
    let deleted = engine
        .delete_annotation(owner, made.id, opened.clone())
        .await;
    assert!(matches!(deleted, Err(Error::ChangedMeanwhile { .. })));
    let now = Expected::UpdatedAt(vec![current.updated_at_ms]);
    engine.delete_annotation(owner, made.id, now).await.unwrap();
    assert!(is_not_found(&update(owner).await));
}
