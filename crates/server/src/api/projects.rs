//! Projects, with Label Studio's fields.

pub(crate) mod list;

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use engine::{LabelConfig, ProjectInput, aside, project_settings};
use model::{Actor, Project, ProjectId, User, UserId, json};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    extract::{Body, Change, Id, instant},
    fields::{Fields, Given, Input},
};

/// A project.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProjectView {
    id: i64,
    title: String,
    description: String,
    /// Label Studio's XML.
    label_config: String,
    organization: i64,
    created_by: Option<UserView>,
    created_at: String,
    num_tasks_with_annotations: i64,
    task_number: i64,
    useful_annotation_number: i64,
    ground_truth_number: i64,
    skipped_annotations_number: i64,
    total_annotations_number: i64,
    total_predictions_number: i64,
    finished_task_number: i64,
    queue_total: i64,
    queue_done: i64,
    control_weights: Value,
    parsed_label_config: Value,
    config_has_control_tags: bool,
    config_suitable_for_bulk_annotation: bool,
    /// Always null: never returned.
    task_data_password: Option<String>,
    /// `being_deleted`, when it cannot be used any more.
    state: Option<&'static str>,
    /// Label Studio's settings: `color`, `sampling`, `maximum_annotations`, …
    #[serde(flatten)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// A person, in short.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct UserView {
    id: i64,
    first_name: String,
    last_name: String,
    email: String,
    avatar: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            avatar: None,
        }
    }
}

impl ProjectView {
    async fn new(project: Project, created_by: Option<UserView>) -> Self {
        let mut settings = project_settings(&project);
        let weights = settings.remove("control_weights").unwrap_or_default();
        // Stored configs were checked when they came in.
        let config = LabelConfig::read(&project.label_config).await;
        let config = config.unwrap_or_default();
        let (control_weights, parsed_label_config) = aside(project.label_config.len(), || {
            (config.control_weights(&weights), config.to_json())
        })
        .await;
        Self {
            id: project.id.0,
            organization: project.org_id.0,
            created_by,
            created_at: instant(project.created_at_ms),
            num_tasks_with_annotations: project.labeled_task_count,
            task_number: project.task_count,
            useful_annotation_number: project.annotation_count,
            ground_truth_number: 0,
            skipped_annotations_number: project.cancelled_annotation_count,
            total_annotations_number: project.annotation_count,
            total_predictions_number: project.prediction_count,
            finished_task_number: project.labeled_task_count,
            queue_total: project.task_count,
            queue_done: project.labeled_task_count,
            control_weights,
            parsed_label_config,
            config_has_control_tags: config.has_controls(),
            config_suitable_for_bulk_annotation: config.suits_bulk_annotation(),
            task_data_password: None,
            state: project.is_being_deleted.then_some("being_deleted"),
            settings,
            title: project.title,
            description: project.description,
            label_config: project.label_config,
        }
    }
}

/// One page of projects.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProjectPage {
    count: i64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<ProjectView>,
}

/// A project to create or the fields of one to change.
#[derive(ToSchema)]
pub(crate) struct ProjectFields {
    title: Option<String>,
    description: Option<String>,
    label_config: Option<String>,
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

impl Input for ProjectFields {
    const NOT_KEPT: &'static [&'static str] = &[
        "agreement_methodology",
        "agreement_threshold",
        "annotation_limit_count",
        "annotation_limit_percent",
        "annotator_evaluation_continuous_tasks",
        "annotator_evaluation_metric",
        "annotator_evaluation_minimum_score",
        "annotator_evaluation_minimum_tasks",
        "annotator_evaluation_onboarding_tasks",
        "assignment_settings",
        "collection_mode",
        "comment_classification_config",
        "created_by",
        "custom_interface_code",
        "custom_interface_compiled",
        "custom_interface_params",
        "custom_script",
        "custom_task_lock_ttl",
        "dm_column_defaults",
        "include_members",
        "input_schema",
        "internal_description",
        "max_additional_annotators_assignable",
        "mode",
        "organization",
        "output_schema",
        "pause_on_failed_annotator_evaluation",
        "require_comment_on_skip",
        "review_settings",
        "show_unused_data_columns_to_annotators",
        "source_interface_id",
        "source_interface_version",
        "strict_task_overlap",
        "task_data_password",
        "use_custom_interface",
        "workspace",
    ];
    const NULLABLE: &'static [&'static str] = &[
        "color",
        "control_weights",
        "description",
        "expert_instruction",
        "label_config",
        "model_version",
        "pinned_at",
        "task_data_login",
        "title",
    ];

    fn read(fields: &mut Fields) -> Self {
        const FLAGS: [&str; 13] = [
            "annotator_evaluation_enabled",
            "enable_empty_annotation",
            "evaluate_predictions_automatically",
            "is_draft",
            "is_published",
            "reveal_preannotations_interactively",
            "show_annotation_history",
            "show_collab_predictions",
            "show_ground_truth_first",
            "show_instruction",
            "show_overlap_first",
            "show_skip_button",
            "start_training_on_annotation_update",
        ];
        const COUNTS: [&str; 3] = [
            "maximum_annotations",
            "min_annotations_to_start_training",
            "overlap_cohort_percentage",
        ];
        const TEXTS: [&str; 7] = [
            "color",
            "expert_instruction",
            "model_version",
            "pinned_at",
            "sampling",
            "skip_queue",
            "task_data_login",
        ];
        let mut settings = Map::new();
        for name in FLAGS {
            keep(&mut settings, name, fields.flag(name));
        }
        for name in COUNTS {
            keep(&mut settings, name, fields.int(name));
        }
        for name in TEXTS {
            keep(&mut settings, name, fields.text(name));
        }
        let weights = match fields.json("control_weights") {
            Given::Value(raw) => match json_value(&raw) {
                Ok(value) => Given::Value(value),
                Err(error) => {
                    fields.wrong("control_weights", error.to_string());
                    Given::Absent
                }
            },
            Given::Null => Given::Null,
            Given::Absent => Given::Absent,
        };
        keep(&mut settings, "control_weights", weights);
        Self {
            title: fields.emptied("title"),
            description: fields.emptied("description"),
            label_config: fields.emptied("label_config"),
            settings,
        }
    }
}

/// A JSON that can be read again.
fn json_value(raw: &RawValue) -> Result<Value, String> {
    let text = raw.get();
    let checked = json::check_levels(text).and_then(|()| json::check_strictly(text));
    checked.map_err(|fault| fault.to_string())?;
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

fn keep<T: Into<Value>>(settings: &mut Map<String, Value>, name: &str, given: Given<T>) {
    if let Some(value) = given.patch() {
        settings.insert(name.to_owned(), value.map_or(Value::Null, Into::into));
    }
}

impl From<ProjectFields> for ProjectInput {
    fn from(fields: ProjectFields) -> Self {
        Self {
            title: fields.title,
            description: fields.description,
            label_config: fields.label_config,
            settings: fields.settings,
        }
    }
}

/// A labeling config to check.
#[derive(ToSchema)]
pub(crate) struct LabelConfigInput {
    #[schema(value_type = String)]
    label_config: Option<String>,
}

impl Input for LabelConfigInput {
    fn read(fields: &mut Fields) -> Self {
        let label_config = fields.text("label_config");
        Self {
            label_config: fields.required("label_config", label_config),
        }
    }
}

/// The config is right.
#[derive(Serialize, ToSchema)]
pub(crate) struct Validated {
    config_essential_data_has_changed: Option<bool>,
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(fields): Body<ProjectFields>,
) -> Answer<Created<ProjectView>> {
    let project = app.engine.create_project(&actor, &fields.into()).await?;
    view(&app, &actor, project).await.map(Created)
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<ProjectId>,
) -> Answer<Json<ProjectView>> {
    let project = app.engine.see_project(&actor, id).await?;
    view(&app, &actor, project).await.map(Json)
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<ProjectId>,
    change: Change<ProjectFields>,
) -> Answer<Json<ProjectView>> {
    let current = async || {
        let project = app.engine.get_project(&actor, id).await?;
        view(&app, &actor, project).await
    };
    let fields = change.of(current).await?;
    let project = app
        .engine
        .update_project(&actor, id, &fields.into())
        .await?;
    view(&app, &actor, project).await.map(Json)
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<ProjectId>,
) -> Answer<NoContent> {
    app.engine.delete_project(&actor, id).await?;
    Ok(NoContent)
}

pub(crate) async fn validate(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<ProjectId>,
    Body(input): Body<LabelConfigInput>,
) -> Answer<Json<Validated>> {
    let config = input.label_config.unwrap_or_default();
    app.engine
        .validate_label_config(&actor, id, &config)
        .await?;
    Ok(Json(Validated {
        config_essential_data_has_changed: None,
    }))
}

async fn view(app: &App, actor: &Actor, project: Project) -> Answer<ProjectView> {
    let creator = creator(app, actor, project.created_by).await?;
    Ok(ProjectView::new(project, creator).await)
}

async fn views(app: &App, actor: &Actor, projects: Vec<Project>) -> Answer<Vec<ProjectView>> {
    let ids: BTreeSet<i64> = projects
        .iter()
        .map(|project| project.created_by.0)
        .collect();
    let mut people = BTreeMap::new();
    for id in ids {
        people.insert(id, creator(app, actor, UserId(id)).await?);
    }
    let mut views = Vec::with_capacity(projects.len());
    for project in projects {
        let creator = people.get(&project.created_by.0).cloned().flatten();
        views.push(ProjectView::new(project, creator).await);
    }
    Ok(views)
}

/// Nobody when the account was deleted meanwhile.
async fn creator(app: &App, actor: &Actor, id: UserId) -> Answer<Option<UserView>> {
    match app.engine.get_user(actor, id).await {
        Ok(user) => Ok(Some(user.into())),
        Err(engine::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
