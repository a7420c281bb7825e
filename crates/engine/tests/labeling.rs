//! Projects, tasks, annotations and predictions.

use engine::{
    AnnotationInput, Error, Expected, LabelConfig, PredictionInput, ProjectInput, TaskInput,
    TaskPaging, project_settings,
};
use model::{ProjectId, Role, TaskId};
use serde_json::{Value, json};

use crate::world::{World, invalid, is_not_found, raw, uri};

#[tokio::test]
async fn projects_keep_what_was_set_and_show_defaults_for_the_rest() {
    let world = World::start().await;
    let engine = &world.engine;
    let made = engine
        .create_project(&world.owner, &ProjectInput::default())
        .await
        .unwrap();
    assert_eq!(
        (made.title.as_str(), made.label_config.as_str()),
        ("", "<View></View>")
    );
    let patch = ProjectInput {
        title: Some("Cats".to_owned()),
        settings: json!({"maximum_annotations": 3})
            .as_object()
            .unwrap()
            .clone(),
        ..ProjectInput::default()
    };
    engine
        .update_project(&world.owner, made.id, &patch)
        .await
        .unwrap();
    let patch = ProjectInput {
        settings: json!({"color": "#000000"}).as_object().unwrap().clone(),
        ..ProjectInput::default()
    };
    let project = engine
        .update_project(&world.owner, made.id, &patch)
        .await
        .unwrap();
    let settings = project_settings(&project);
    assert_eq!(project.title, "Cats");
    assert_eq!(settings["maximum_annotations"], 3);
    assert_eq!(settings["color"], "#000000");
    assert_eq!(settings["sampling"], "Sequential sampling");

    let wrong = engine
        .validate_label_config(&world.owner, made.id, "<View><Nope")
        .await;
    assert_eq!(
        invalid(wrong),
        ["label_config: unclosed token: line 1, column 6"]
    );
    engine.delete_project(&world.owner, made.id).await.unwrap();
    assert!(is_not_found(
        &engine.get_project(&world.owner, made.id).await
    ));
}

#[tokio::test]
async fn every_form_of_import() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    for (body, data) in [
        (r#"{"image": "a"}"#, vec![json!({"image": "a"})]),
        (
            r#"[{"image": "a"}, {"data": {"image": "b"}, "meta": {"k": 1}}]"#,
            vec![json!({"image": "a"}), json!({"image": "b"})],
        ),
        (
            "{\"image\": \"a\"}\n{\"image\": \"b\"}\n",
            vec![json!({"image": "a"}), json!({"image": "b"})],
        ),
        (r#"{"$undefined$": "a"}"#, vec![json!({"image": "a"})]),
    ] {
        let imported = world
            .engine
            .import_tasks(&world.owner, project.id, body.as_bytes())
            .await
            .unwrap();
        let mut stored = Vec::new();
        for id in imported.task_ids {
            let task = world.engine.get_task(&world.owner, id).await.unwrap();
            stored.push(serde_json::from_str::<Value>(task.data.get()).unwrap());
        }
        assert_eq!(stored, data, "{body}");
    }
    let body = json!([{"data": {"image": "x"},
        "annotations": [{"result": [], "lead_time": 2.5}, {"result": [], "was_cancelled": true}],
        "predictions": [{"result": [], "score": 0.5, "model_version": "m"}]}]);
    let imported = world
        .engine
        .import_tasks(&world.owner, project.id, body.to_string().as_bytes())
        .await
        .unwrap();
    assert_eq!(
        (imported.annotation_count, imported.prediction_count),
        (2, 1)
    );
    let task = imported.task_ids[0];
    let annotations = world
        .engine
        .list_annotations(&world.owner, task)
        .await
        .unwrap();
    assert_eq!(annotations.len(), 2);
    assert_eq!(annotations[0].completed_by, Some(world.owner.user_id));
    let page = world
        .engine
        .list_tasks(
            &world.owner,
            &TaskPaging {
                project: Some(project.id),
                limit: 2,
                offset: 4,
            },
        )
        .await
        .unwrap();
    assert_eq!(
        (page.tasks.len(), page.total, page.total_predictions),
        (2, 7, 1)
    );
}

#[tokio::test]
async fn a_wrong_import_creates_nothing_and_says_where() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    for (body, said) in [
        (
            r#"[{"image": "a"}, {"img": "b"}]"#,
            r#"non_field_errors: Error at item 1: "image" key is expected in task data"#,
        ),
        (r#"[{"image": {"a": 1}}]"#, "of type 'dict'"),
        (
            "[{\"image\": \"a\"},\n {\"image\": }]",
            "JSON parse error - line 2, column",
        ),
        (
            r#"[{"data": {"image": "a"}, "annotations": [{}]}]"#,
            "result",
        ),
        ("[]", "data is empty"),
        ("", "no tasks"),
        ("[1]", "line 1, column 2"),
    ] {
        let errors = invalid(
            world
                .engine
                .import_tasks(&world.owner, project.id, body.as_bytes())
                .await,
        );
        assert!(errors[0].contains(said), "{body}: {errors:?}");
    }
    let paging = TaskPaging {
        project: Some(project.id),
        limit: 10,
        offset: 0,
    };
    assert_eq!(
        world
            .engine
            .list_tasks(&world.owner, &paging)
            .await
            .unwrap()
            .total,
        0
    );
}

#[tokio::test]
async fn single_tasks_are_checked_too() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let engine = &world.engine;
    let with = |data: Value| TaskInput {
        data: Some(raw(&data)),
        ..TaskInput::default()
    };
    let task = engine
        .create_task(&world.owner, project.id, &with(json!({"image": "a"})))
        .await
        .unwrap();
    let updated = engine
        .update_task(
            &world.owner,
            task.id,
            &with(json!({"image": "b", "more": 1})),
        )
        .await
        .unwrap();
    assert_eq!(updated.data.get(), r#"{"image":"b","more":1}"#);
    assert!(
        invalid(
            engine
                .update_task(&world.owner, task.id, &with(json!({})))
                .await
        )[0]
        .starts_with("data: ")
    );
    assert!(
        invalid(
            engine
                .update_task(&world.owner, task.id, &with(json!([])))
                .await
        )[0]
        .starts_with("data: ")
    );
    assert_eq!(
        invalid(
            engine
                .create_task(&world.owner, ProjectId(999), &with(json!({})))
                .await
        ),
        [r#"project: Invalid pk "999" - object does not exist."#]
    );
    engine.delete_task(&world.owner, task.id).await.unwrap();
    assert!(is_not_found(
        &engine.delete_task(&world.owner, task.id).await
    ));
}

#[tokio::test]
async fn browsers_get_resolve_links_for_covered_blobs_only() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "images/a.png", "a").await;
    let tasks = world
        .tasks(
            &project,
            &[
                json!({"image": uri("acct", "inbox", "images/a.png"), "n": 1}),
                json!({"image": "azure-blob://inbox/images/ü.png"}),
                json!({"image": uri("acct", "inbox", "elsewhere/a.png")}),
                json!({"image": "https://example.com/a.png"}),
            ],
        )
        .await;
    let plain = world
        .engine
        .data_for_browser(&world.owner, &tasks)
        .await
        .unwrap();
    assert_eq!(plain[0].get(), tasks[0].data.get());

    world
        .source(&project, |input| input.prefix = Some("images".to_owned()))
        .await;
    let data = world
        .engine
        .data_for_browser(&world.owner, &tasks)
        .await
        .unwrap();
    let link =
        |index: usize| serde_json::from_str::<Value>(data[index].get()).unwrap()["image"].clone();
    for index in [0, 1] {
        let prefix = format!("/tasks/{}/resolve/?fileuri=", tasks[index].id);
        assert!(
            link(index).as_str().unwrap().starts_with(&prefix),
            "{}",
            data[index]
        );
    }
    for index in [2, 3] {
        assert_eq!(data[index].get(), tasks[index].data.get());
    }
}

#[tokio::test]
async fn annotations_and_predictions() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let task = world.tasks(&project, &[json!({"image": "a"})]).await[0].id;
    let engine = &world.engine;
    let annotator = world
        .member_of(world.owner.org_id, "a@example.com", Role::Annotator)
        .await;
    let input = AnnotationInput {
        result: Some(raw(&json!([{"type": "choices"}]))),
        lead_time: Some(1.5),
        ..AnnotationInput::default()
    };
    let made = engine
        .create_annotation(&annotator, task, &input)
        .await
        .unwrap();
    assert_eq!(made.completed_by, Some(annotator.user_id));
    let change = AnnotationInput {
        ground_truth: Some(true),
        ..AnnotationInput::default()
    };
    let changed = engine
        .update_annotation(&annotator, made.id, &change, Expected::Any)
        .await
        .unwrap();
    assert!(changed.ground_truth);
    assert_eq!(
        (changed.lead_time, changed.result.get()),
        (Some(1.5), r#"[{"type":"choices"}]"#)
    );
    let kept = engine.get_annotation(&annotator, made.id).await.unwrap();
    assert!(kept.ground_truth);

    for (wrong, said) in [
        (
            AnnotationInput::default(),
            "result: This field is required.",
        ),
        (
            AnnotationInput {
                result: Some(raw(&json!({}))),
                ..AnnotationInput::default()
            },
            "result: Give a JSON array",
        ),
        (
            AnnotationInput {
                lead_time: Some(-1.0),
                ..AnnotationInput::default()
            },
            "lead_time: ",
        ),
    ] {
        let errors = invalid(engine.create_annotation(&annotator, task, &wrong).await);
        assert!(errors[0].starts_with(said), "{errors:?}");
    }
    let prediction = PredictionInput {
        result: Some(raw(&json!([]))),
        score: Some(0.9),
        ..PredictionInput::default()
    };
    let denied = engine
        .create_prediction(&annotator, task, &prediction)
        .await;
    assert!(matches!(denied, Err(Error::Denied { .. })));
    let made_prediction = engine
        .create_prediction(&world.owner, task, &prediction)
        .await
        .unwrap();
    let listed = engine
        .list_predictions(&world.owner, Some(project.id), None)
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    let unknown = engine
        .create_prediction(&world.owner, TaskId(999), &prediction)
        .await;
    assert_eq!(
        invalid(unknown),
        [r#"task: Invalid pk "999" - object does not exist."#]
    );

    engine
        .delete_prediction(&world.owner, made_prediction.id)
        .await
        .unwrap();
    engine
        .delete_annotation(&annotator, made.id, Expected::Any)
        .await
        .unwrap();
    assert!(is_not_found(
        &engine.get_annotation(&annotator, made.id).await
    ));
}

#[tokio::test]
async fn labels_in_use_are_read_once_while_a_config_is_typed() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let task = world.tasks(&project, &[json!({"image": "a"})]).await[0].id;
    let config = LabelConfig::parse(&project.label_config).unwrap();
    let lost = async || {
        let lost = world
            .engine
            .lost_labels(&world.owner, project.id, &config)
            .await;
        let said = lost.unwrap().into_iter();
        said.map(|lost| (lost.label.unwrap_or_default(), lost.count))
            .collect::<Vec<_>>()
    };
    let using = |label: &str| AnnotationInput {
        result: Some(raw(&json!([{
            "from_name": "choice", "to_name": "image", "type": "choices",
            "value": {"choices": [label]},
        }]))),
        ..AnnotationInput::default()
    };
    let annotate = async |label: &str| {
        let input = using(label);
        let made = world.engine.create_annotation(&world.owner, task, &input);
        made.await.unwrap().id
    };
    assert_eq!(lost().await, []);
    // One that comes is seen at once, a change of one that was there after a minute.
    let id = annotate("C").await;
    assert_eq!(lost().await, [("C".to_owned(), 1)]);
    let change = using("D");
    let changed = world
        .engine
        .update_annotation(&world.owner, id, &change, Expected::Any);
    changed.await.unwrap();
    assert_eq!(lost().await, [("C".to_owned(), 1)], "not read again");
    world.clock.advance_ms(60_000);
    assert_eq!(lost().await, [("D".to_owned(), 1)]);
    annotate("E").await;
    assert_eq!(lost().await, [("D".to_owned(), 1), ("E".to_owned(), 1)]);
}
