//! Annotations and predictions.

use store::{AnnotationPatch, Expected, NewAnnotation, PredictionPatch, PredictionQuery};

use crate::world::{NOW, World, counts, json, prediction};

pub async fn what_annotations_use_is_counted(w: World) {
    let box_of = |label: &str| {
        format!(
            r#"{{"from_name":"box","type":"rectanglelabels","value":{{"x":1,"rectanglelabels":["{label}"]}}}}"#
        )
    };
    let others = r#"{"from_name":"speaker","type":"labels","value":{"labels":["A","B"]}},
        {"from_name":"kind","type":"taxonomy","value":{"taxonomy":[["X","Y"]]}},
        {"from_name":"note","type":"textarea","value":{"text":["so"]}},
        {"from_name":"when","type":"datetime","value":{"datetime":"2026-11-21"}},
        {"from_name":"stars","type":"rating","value":{"rating":3}}, {"type":"relation"}, 7, "text", null"#;
    // Each is an error of one database's JSON functions, or of both.
    let hostile = r#"{"from_name":"path","type":"$[","value":{"x":1}},
        {"from_name":"path","type":"[x]","value":{"[x]":["In brackets"]}},
        {"from_name":"path","type":"a\"b","value":{"a\"b":["Quoted"]}},
        {"from_name":"zero\u0000","type":"choices","value":{"choices":["\u0000"]}},
        {"from_name":"half","type":"choices","value":{"choices":["\ud800"]}},
        {"from_name":7,"type":{},"value":[]}, {"from_name":"odd","type":7,"value":"text"}"#;
    for (result, was_cancelled) in [
        (format!("[{},{}]", box_of("Cat"), box_of("Cat")), false),
        (format!("[{},{others}]", box_of("Dog")), false),
        (format!("[{hostile}]"), false),
        (format!("[{}]", box_of("Skipped")), true),
        ("[]".to_owned(), false),
    ] {
        let annotation = NewAnnotation {
            result: json(&result),
            was_cancelled,
            ..w.annotation()
        };
        let task = w.task().await;
        let made = w
            .store
            .create_annotation(w.org, task, &annotation, NOW)
            .await;
        made.unwrap().unwrap();
    }
    let uses = async |annotations: i64| -> Vec<String> {
        let uses = w.store.label_uses(w.org, w.project, annotations).await;
        let mut said: Vec<String> = uses
            .unwrap()
            .into_iter()
            .map(|used| format!("{} {:?} {}", used.control, used.labels, used.count))
            .collect();
        said.sort();
        said
    };
    assert_eq!(
        uses(100).await,
        [
            r#"box ["Cat"] 2"#,
            r#"box ["Dog"] 1"#,
            r#"kind ["X", "Y"] 1"#,
            r#"note [] 1"#,
            r#"odd [] 1"#,
            r#"path ["In brackets"] 1"#,
            r#"path ["Quoted"] 1"#,
            r#"path [] 1"#,
            r#"speaker ["A", "B"] 1"#,
            r#"stars [] 1"#,
            r#"when [] 1"#,
            "zero\0 [\"\\0\"] 1",
        ]
    );
    assert!(uses(1).await.is_empty(), "only the newest");
    let foreign = w.store.label_uses(w.stranger(), w.project, 100).await;
    assert!(foreign.unwrap().is_empty());
}

pub async fn create_change_delete(w: World) {
    let task = w.task().await;
    let created = w
        .store
        .create_annotation(w.org, task, &w.annotation(), NOW)
        .await;
    let created = created.unwrap().unwrap();
    assert_eq!(
        (created.task_id, created.project_id, created.lead_time),
        (task, w.project, Some(1.25))
    );
    assert_eq!(
        created.completed_by_email.as_deref(),
        Some("owner@example.com")
    );
    let found = w
        .store
        .find_annotation(w.org, created.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(format!("{found:?}"), format!("{created:?}"));
    assert_eq!(counts(&w.counted().await), (1, 1, 1, 0, 0));

    let cancel = AnnotationPatch {
        was_cancelled: Some(true),
        result: Some(json("[]")),
        ..AnnotationPatch::default()
    };
    let changed = w
        .store
        .update_annotation(w.org, created.id, &cancel, w.user, NOW + 1)
        .await;
    let changed = changed.unwrap().done().unwrap();
    assert_eq!((changed.was_cancelled, changed.result.get()), (true, "[]"));
    assert_eq!(
        (changed.updated_by, changed.lead_time),
        (Some(w.user), Some(1.25))
    );
    assert_eq!(counts(&w.counted().await), (1, 0, 0, 1, 0));
    assert!(
        !w.store
            .find_task(w.org, task)
            .await
            .unwrap()
            .unwrap()
            .is_labeled
    );

    let second = w
        .store
        .create_annotation(w.org, task, &w.annotation(), NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(counts(&w.counted().await), (1, 1, 1, 1, 0));
    let listed = w.store.list_annotations_of_task(w.org, task).await.unwrap();
    assert!(
        listed
            .iter()
            .map(|each| each.id)
            .eq([created.id, second.id])
    );
    let delete = async |id| {
        let deleted = w.store.delete_annotation(w.org, id, &Expected::Any, NOW);
        deleted.await.unwrap().done().is_some()
    };
    assert!(delete(second.id).await);
    assert!(!delete(second.id).await);
    assert!(delete(created.id).await);
    assert_eq!(counts(&w.counted().await), (1, 0, 0, 0, 0));
    let gone = w
        .store
        .update_annotation(w.org, second.id, &cancel, w.user, NOW)
        .await;
    assert!(gone.unwrap().done().is_none());
}

pub async fn concurrent_creations_are_all_counted(w: World) {
    let tasks = w.tasks(&[crate::world::task(), crate::world::task()]).await;
    let creators: Vec<_> = (0..40)
        .map(|n| {
            let (store, org, task, annotation) =
                (w.store.clone(), w.org, tasks[n % 2], w.annotation());
            tokio::spawn(async move {
                let created = store.create_annotation(org, task, &annotation, NOW).await;
                let created = created.unwrap().unwrap().id;
                // Every fourth is deleted again, beside the others' creations.
                if n % 4 == 0 {
                    let deleted = store.delete_annotation(org, created, &Expected::Any, NOW);
                    deleted.await.unwrap().done().unwrap();
                }
            })
        })
        .collect();
    for creator in creators {
        creator.await.unwrap();
    }
    assert_eq!(counts(&w.counted().await), (2, 2, 30, 0, 0));
    for (task, expected) in tasks.into_iter().zip([10, 20]) {
        let task = w.store.find_task(w.org, task).await.unwrap().unwrap();
        assert_eq!(task.annotation_count, expected);
    }
}

pub async fn predictions_are_counted_and_filtered(w: World) {
    let (task, other) = (w.task().await, w.task().await);
    let first = w
        .store
        .create_prediction(w.org, task, &prediction(0.5), NOW)
        .await;
    let first = first.unwrap().unwrap();
    w.store
        .create_prediction(w.org, other, &prediction(0.75), NOW)
        .await
        .unwrap();
    assert_eq!(
        (first.score, first.model_version.as_deref()),
        (Some(0.5), Some("v1"))
    );
    let list = async |project, task| {
        let query = PredictionQuery { project, task };
        w.store.list_predictions(w.org, &query).await.unwrap().len()
    };
    assert_eq!(list(None, None).await, 2);
    assert_eq!(list(Some(w.project), None).await, 2);
    assert_eq!(list(None, Some(task)).await, 1);
    assert_eq!(list(Some(model::ProjectId(99)), Some(task)).await, 0);
    let patch = PredictionPatch {
        score: Some(0.875),
        ..PredictionPatch::default()
    };
    let changed = w
        .store
        .update_prediction(w.org, first.id, &patch, NOW + 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.score, changed.model_version.as_deref()),
        (Some(0.875), Some("v1"))
    );
    assert_eq!(counts(&w.counted().await).4, 2);
    assert!(w.store.delete_prediction(w.org, first.id).await.unwrap());
    assert!(!w.store.delete_prediction(w.org, first.id).await.unwrap());
    assert!(
        w.store
            .find_prediction(w.org, first.id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(counts(&w.counted().await).4, 1);
}
