//! Another organization's ids lead nowhere.

use engine::{AnnotationInput, Expected, PredictionInput, ProjectInput, TaskInput, TaskPaging};
use serde_json::json;

use crate::world::{World, invalid, is_not_found, raw};

#[tokio::test]
async fn another_organization_sees_nothing() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let task = world.tasks(&project, &[json!({"image": "a"})]).await[0].id;
    let engine = &world.engine;
    let result = Some(raw(&json!([])));
    let annotation = engine
        .create_annotation(
            &world.owner,
            task,
            &AnnotationInput {
                result: result.clone(),
                ..AnnotationInput::default()
            },
        )
        .await
        .unwrap();
    let prediction = engine
        .create_prediction(
            &world.owner,
            task,
            &PredictionInput {
                result: result.clone(),
                ..PredictionInput::default()
            },
        )
        .await
        .unwrap();

    let stranger = world.stranger().await;
    let annotation_input = AnnotationInput {
        result: result.clone(),
        ..AnnotationInput::default()
    };
    let prediction_input = PredictionInput {
        result,
        ..PredictionInput::default()
    };
    let paging = TaskPaging {
        project: Some(project.id),
        limit: 10,
        offset: 0,
    };
    assert!(is_not_found(
        &engine.get_project(&stranger, project.id).await
    ));
    assert!(is_not_found(
        &engine
            .update_project(&stranger, project.id, &ProjectInput::default())
            .await
    ));
    assert!(is_not_found(
        &engine.delete_project(&stranger, project.id).await
    ));
    assert!(is_not_found(
        &engine
            .validate_label_config(&stranger, project.id, "<View/>")
            .await
    ));
    assert!(is_not_found(&engine.list_tasks(&stranger, &paging).await));
    assert!(is_not_found(
        &engine.import_tasks(&stranger, project.id, b"{}").await
    ));
    assert!(is_not_found(&engine.get_task(&stranger, task).await));
    assert!(is_not_found(
        &engine
            .update_task(&stranger, task, &TaskInput::default())
            .await
    ));
    assert!(is_not_found(&engine.delete_task(&stranger, task).await));
    assert!(is_not_found(
        &engine.list_annotations(&stranger, task).await
    ));
    assert!(is_not_found(
        &engine
            .create_annotation(&stranger, task, &annotation_input)
            .await
    ));
    assert!(is_not_found(
        &engine.get_annotation(&stranger, annotation.id).await
    ));
    assert!(is_not_found(
        &engine
            .update_annotation(&stranger, annotation.id, &annotation_input, Expected::Any)
            .await
    ));
    assert!(is_not_found(
        &engine
            .delete_annotation(&stranger, annotation.id, Expected::Any)
            .await
    ));
    assert!(is_not_found(
        &engine.get_prediction(&stranger, prediction.id).await
    ));
    assert!(is_not_found(
        &engine
            .update_prediction(&stranger, prediction.id, &prediction_input)
            .await
    ));
    assert!(is_not_found(
        &engine.delete_prediction(&stranger, prediction.id).await
    ));
    assert!(is_not_found(
        &engine
            .list_predictions(&stranger, Some(project.id), None)
            .await
    ));
    assert!(
        engine
            .annotations_of_tasks(&stranger, &[task])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        engine
            .predictions_of_tasks(&stranger, &[task])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        engine.list_projects(&stranger, 10, 0).await.unwrap().total,
        0
    );
    // Not even by creating in it, whether it exists or not.
    let task_input = TaskInput {
        data: Some(raw(&json!({"image": "a"}))),
        ..TaskInput::default()
    };
    assert_eq!(
        invalid(engine.create_task(&stranger, project.id, &task_input).await),
        [format!(
            "project: Invalid pk \"{}\" - object does not exist.",
            project.id
        )]
    );
    invalid(
        engine
            .create_prediction(&stranger, task, &prediction_input)
            .await,
    );

    let mine = engine.get_task(&world.owner, task).await.unwrap();
    assert_eq!((mine.annotation_count, mine.prediction_count), (1, 1));
}
