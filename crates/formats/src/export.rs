//! Annotations and tasks to the files of a target storage, in Label Studio's export form
//! (recorded from Label Studio 1.23.2).

use jiff::Timestamp;
use model::{Annotation, AnnotationId, Prediction, Task, TaskId, User, UserId};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The file of one annotation: its members, with the whole task as `task`. `completed_by` is the
/// person named by [`Annotation::completed_by`]; without one only the id and e-mail are known.
pub fn annotation_file(
    task: &Task,
    annotation: &Annotation,
    completed_by: Option<&User>,
) -> Vec<u8> {
    json(&AnnotationFile {
        created_username: username(annotation),
        completed_by: completed_by
            .map(Person::from)
            .or_else(|| Person::by_email(annotation)),
        task: TaskMembers::of(task),
        annotation: AnnotationMembers::of(annotation),
    })
}

/// The file of one task: its members, with `annotations` and `predictions` as arrays.
pub fn task_file(task: &Task, annotations: &[Annotation], predictions: &[Prediction]) -> Vec<u8> {
    json(&TaskFile {
        task: TaskMembers::of(task),
        annotations: annotations
            .iter()
            .map(|annotation| TaskFileAnnotation {
                created_username: username(annotation),
                completed_by: annotation.completed_by,
                task: annotation.task_id,
                annotation: AnnotationMembers::of(annotation),
            })
            .collect(),
        predictions: predictions.iter().map(PredictionMembers::of).collect(),
    })
}

/// `ANNOTATION_ID.json`.
pub fn annotation_file_name(id: AnnotationId) -> String {
    format!("{id}.json")
}

/// `TASK_ID.json`.
pub fn task_file_name(id: TaskId) -> String {
    format!("{id}.json")
}

fn json<T: Serialize>(file: &T) -> Vec<u8> {
    serde_json::to_vec(file).expect("plain structs with text keys always serialize")
}

/// Label Studio's `" EMAIL, ID"`; empty when nobody is known.
fn username(annotation: &Annotation) -> String {
    match (&annotation.completed_by_email, annotation.completed_by) {
        (Some(email), Some(id)) => format!(" {email}, {id}"),
        _ => String::new(),
    }
}

#[derive(Serialize)]
struct AnnotationFile<'a> {
    created_username: String,
    completed_by: Option<Person<'a>>,
    task: TaskMembers<'a>,
    #[serde(flatten)]
    annotation: AnnotationMembers<'a>,
}

#[derive(Serialize)]
struct TaskFile<'a> {
    #[serde(flatten)]
    task: TaskMembers<'a>,
    annotations: Vec<TaskFileAnnotation<'a>>,
    predictions: Vec<PredictionMembers<'a>>,
}

#[derive(Serialize)]
struct TaskFileAnnotation<'a> {
    created_username: String,
    completed_by: Option<UserId>,
    task: TaskId,
    #[serde(flatten)]
    annotation: AnnotationMembers<'a>,
}

#[derive(Serialize)]
struct Person<'a> {
    id: UserId,
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
}

impl<'a> From<&'a User> for Person<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            first_name: &user.first_name,
            last_name: &user.last_name,
            email: &user.email,
        }
    }
}

impl<'a> Person<'a> {
    fn by_email(annotation: &'a Annotation) -> Option<Self> {
        Some(Self {
            id: annotation.completed_by?,
            first_name: "",
            last_name: "",
            email: annotation.completed_by_email.as_deref().unwrap_or_default(),
        })
    }
}

/// The members that both forms of an annotation share.
#[derive(Serialize)]
struct AnnotationMembers<'a> {
    id: i64,
    result: &'a RawValue,
    was_cancelled: bool,
    ground_truth: bool,
    created_at: Instant,
    updated_at: Instant,
    draft_created_at: Option<Instant>,
    lead_time: Option<f64>,
    import_id: Option<i64>,
    last_action: Option<&'a str>,
    bulk_created: bool,
    project: i64,
    updated_by: Option<UserId>,
    parent_prediction: Option<i64>,
    parent_annotation: Option<i64>,
    last_created_by: Option<UserId>,
}

impl<'a> AnnotationMembers<'a> {
    fn of(annotation: &'a Annotation) -> Self {
        Self {
            id: annotation.id.0,
            result: &annotation.result,
            was_cancelled: annotation.was_cancelled,
            ground_truth: annotation.ground_truth,
            created_at: Instant(annotation.created_at_ms),
            updated_at: Instant(annotation.updated_at_ms),
            draft_created_at: None,
            lead_time: annotation.lead_time,
            import_id: None,
            last_action: None,
            bulk_created: false,
            project: annotation.project_id.0,
            updated_by: annotation.updated_by,
            parent_prediction: annotation.parent_prediction.map(|id| id.0),
            parent_annotation: annotation.parent_annotation.map(|id| id.0),
            last_created_by: None,
        }
    }
}

#[derive(Serialize)]
struct TaskMembers<'a> {
    id: i64,
    data: &'a RawValue,
    meta: &'a RawValue,
    created_at: Instant,
    updated_at: Instant,
    is_labeled: bool,
    allow_skip: bool,
    overlap: i64,
    inner_id: i64,
    total_annotations: i64,
    cancelled_annotations: i64,
    total_predictions: i64,
    precomputed_agreement: Option<f64>,
    comment_count: i64,
    unresolved_comment_count: i64,
    last_comment_updated_at: Option<Instant>,
    project: i64,
    updated_by: Option<UserId>,
    file_upload: Option<i64>,
    comment_authors: [i64; 0],
}

impl<'a> TaskMembers<'a> {
    fn of(task: &'a Task) -> Self {
        Self {
            id: task.id.0,
            data: &task.data,
            meta: &task.meta,
            created_at: Instant(task.created_at_ms),
            updated_at: Instant(task.updated_at_ms),
            is_labeled: task.is_labeled,
            allow_skip: true,
            overlap: task.overlap,
            inner_id: task.inner_id,
            total_annotations: task.annotation_count,
            cancelled_annotations: task.cancelled_annotation_count,
            total_predictions: task.prediction_count,
            precomputed_agreement: None,
            comment_count: 0,
            unresolved_comment_count: 0,
            last_comment_updated_at: None,
            project: task.project_id.0,
            updated_by: task.updated_by,
            file_upload: None,
            comment_authors: [],
        }
    }
}

#[derive(Serialize)]
struct PredictionMembers<'a> {
    id: i64,
    result: &'a RawValue,
    score: Option<f64>,
    model_version: Option<&'a str>,
    created_at: Instant,
    updated_at: Instant,
    task: TaskId,
    project: i64,
}

impl<'a> PredictionMembers<'a> {
    fn of(prediction: &'a Prediction) -> Self {
        Self {
            id: prediction.id.0,
            result: &prediction.result,
            score: prediction.score,
            model_version: prediction.model_version.as_deref(),
            created_at: Instant(prediction.created_at_ms),
            updated_at: Instant(prediction.updated_at_ms),
            task: prediction.task_id,
            project: prediction.project_id.0,
        }
    }
}

/// Unix milliseconds, written as RFC 3339 with microseconds: `2026-11-21T17:52:04.699000Z`.
struct Instant(i64);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let at = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        out.collect_str(&format_args!("{at:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Annotation, AnnotationId, OrgId, Prediction, PredictionId, ProjectId, Role, Task, TaskId,
        User, UserId,
    };
    use serde_json::{Value, json, value::RawValue};

    use super::{annotation_file, annotation_file_name, task_file, task_file_name};

    const CREATED_MS: i64 = 1_795_283_521_109; // 2026-11-21T17:52:01.109Z

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn task() -> Task {
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

    fn annotation() -> Annotation {
        Annotation {
            id: AnnotationId(3),
            org_id: OrgId(1),
            project_id: ProjectId(5),
            task_id: TaskId(12002),
            result: raw(
                r#"[{"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": ["B"]}}]"#,
            ),
            was_cancelled: false,
            ground_truth: false,
            lead_time: None,
            completed_by: Some(UserId(1)),
            completed_by_email: Some("bench@example.com".to_owned()),
            updated_by: Some(UserId(1)),
            parent_prediction: None,
            parent_annotation: None,
            unique_id: None,
            created_at_ms: CREATED_MS + 6_230,
            updated_at_ms: CREATED_MS + 6_684,
        }
    }

    /// What Label Studio 1.23.2 wrote for the same annotation, with its times cut to milliseconds;
    /// `created_ago` is left out: it is not true any more when someone reads the file.
    #[test]
    fn an_annotation_file_is_label_studios() {
        let user = User {
            id: UserId(1),
            org_id: OrgId(1),
            email: "bench@example.com".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            role: Role::Owner,
            created_at_ms: 0,
        };
        let recorded = json!({
            "id": 3,
            "result": [{"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": ["B"]}}],
            "created_username": " bench@example.com, 1",
            "completed_by": {"id": 1, "first_name": "", "last_name": "", "email": "bench@example.com"},
            "task": {
                "id": 12002, "data": {"image": "azure-blob://trace-in/images/1.png"}, "meta": {},
                "created_at": "2026-11-21T17:52:01.109000Z", "updated_at": "2026-11-21T17:52:07.728000Z",
                "is_labeled": true, "allow_skip": true, "overlap": 1, "inner_id": 2, "total_annotations": 1,
                "cancelled_annotations": 0, "total_predictions": 0, "precomputed_agreement": null,
                "comment_count": 0, "unresolved_comment_count": 0, "last_comment_updated_at": null,
                "project": 5, "updated_by": 1, "file_upload": null, "comment_authors": []
            },
            "was_cancelled": false, "ground_truth": false,
            "created_at": "2026-11-21T17:52:07.339000Z", "updated_at": "2026-11-21T17:52:07.793000Z",
            "draft_created_at": null, "lead_time": null, "import_id": null, "last_action": null,
            "bulk_created": false, "project": 5, "updated_by": 1, "parent_prediction": null,
            "parent_annotation": null, "last_created_by": null
        });
        for person in [Some(&user), None] {
            let file = annotation_file(&task(), &annotation(), person);
            assert_eq!(serde_json::from_slice::<Value>(&file).unwrap(), recorded);
        }
        assert_eq!(annotation_file_name(AnnotationId(3)), "3.json");
    }

    #[test]
    fn a_task_file_can_be_imported_again() {
        let prediction = Prediction {
            id: PredictionId(4),
            org_id: OrgId(1),
            project_id: ProjectId(5),
            task_id: TaskId(12002),
            result: raw("[]"),
            score: Some(0.5),
            model_version: Some("v1".to_owned()),
            created_at_ms: 0,
            updated_at_ms: 0,
        };
        let file = task_file(&task(), &[annotation()], &[prediction]);
        let value: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(value["annotations"][0]["completed_by"], 1);
        assert_eq!(value["annotations"][0]["task"], 12002);
        assert_eq!(
            value["predictions"][0]["created_at"],
            "1970-01-01T00:00:00.000000Z"
        );

        let mut reader =
            crate::TaskReader::new(&task_file_name(TaskId(12002)), crate::Limits::default());
        let rows = reader.push(&file).unwrap();
        assert_eq!(rows[0].data.get(), task().data.get());
        assert_eq!(
            rows[0].annotations[0].result.get(),
            annotation().result.get()
        );
        assert_eq!(rows[0].predictions[0].score, Some(0.5));
    }
}
