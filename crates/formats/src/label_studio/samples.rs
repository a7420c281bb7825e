//! A task with an annotation and a prediction, for tests.

use model::{
    Annotation, AnnotationId, OrgId, Prediction, PredictionId, ProjectId, Task, TaskId, UserId,
};
use serde_json::value::RawValue;

use crate::LabeledTask;

pub(crate) const CREATED_MS: i64 = 1_795_283_521_109; // 2026-11-21T17:52:01.109Z

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

pub(crate) fn task() -> Task {
    Task {
        id: TaskId(12002),
        org_id: OrgId(1),
        project_id: ProjectId(5),
        inner_id: 2,
        data: raw(r#"{"image": "azure-blob://trace-in/images/1.png"}"#),
        meta: raw("{}"),
        overlap: 1,
        is_labeled: true,
        annotation_count: 1,
        cancelled_annotation_count: 0,
        prediction_count: 0,
        source_storage_id: None,
        source_blob_id: None,
        source_blob_name: None,
        updated_by: Some(UserId(1)),
        created_at_ms: CREATED_MS,
        updated_at_ms: CREATED_MS + 6_619,
    }
}

pub(crate) fn annotation() -> Annotation {
    Annotation {
        id: AnnotationId(3),
        org_id: OrgId(1),
        project_id: ProjectId(5),
        task_id: TaskId(12002),
        result: raw(r#"[{"from_name": "choice"}, {"from_name": "choice"}]"#),
        was_cancelled: false,
        ground_truth: false,
        lead_time: None,
        completed_by: Some(UserId(1)),
        completed_by_email: Some("bench@example.com".to_owned()),
        author: None,
        import_id: None,
        updated_by: Some(UserId(1)),
        parent_prediction: None,
        parent_annotation: None,
        unique_id: None,
        created_at_ms: CREATED_MS,
        updated_at_ms: CREATED_MS,
    }
}

pub(crate) fn prediction() -> Prediction {
    Prediction {
        id: PredictionId(4),
        org_id: OrgId(1),
        project_id: ProjectId(5),
        task_id: TaskId(12002),
        result: raw("[]"),
        score: Some(0.5),
        model_version: Some("v1".to_owned()),
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(crate) fn labeled_task() -> LabeledTask {
    LabeledTask {
        task: task(),
        annotations: vec![annotation()],
        predictions: vec![prediction()],
    }
}
