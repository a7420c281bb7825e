//! Projects: a labeling config, its tasks, and Label Studio's project settings.

use model::{Actor, Permission, Project, ProjectId};
use serde_json::{Map, Value, json, value::RawValue};
use store::{NewProject, ProjectPatch};

use crate::{
    AuditAction, Engine, Error, FieldError, LabelConfig, Result,
    audit::{changes, short},
    require,
    runs::deletion,
};

/// What a project shows when it has no config of its own.
const EMPTY_CONFIG: &str = "<View></View>";
const TITLE_LIMIT: usize = 255;

/// A project to create, or the fields of one to change.
#[derive(Clone, Debug, Default)]
pub struct ProjectInput {
    pub title: Option<String>,
    pub description: Option<String>,
    /// Label Studio's XML.
    pub label_config: Option<String>,
    /// Any of [`project_settings`], merged into what is stored; others are refused by name.
    pub settings: Map<String, Value>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Engine {
    /// Creates a project.
    ///
    /// # Errors
    /// [`Error::Invalid`] on a wrong labeling config or setting.
    pub async fn create_project(&self, actor: &Actor, input: &ProjectInput) -> Result<Project> {
        require(actor, Permission::ManageProjects)?;
        check(input).await?;
        let new = NewProject {
            title: input.title.clone().unwrap_or_default(),
            description: input.description.clone().unwrap_or_default(),
            label_config: config_or_empty(input.label_config.as_deref()).to_owned(),
            settings: raw(&input.settings)?,
            created_by: actor.user_id,
        };
        let created = self
            .store()
            .create_project(actor.org_id, &new, self.now_ms())
            .await?;
        let detail = json!({"title": short(&created.title)});
        let subject = format!("project/{}", created.id);
        self.record(actor, AuditAction::ProjectCreate, subject, detail)
            .await?;
        Ok(created)
    }

    /// One project, which can be used.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's; [`Error::Conflict`] while it is being
    /// deleted.
    pub async fn get_project(&self, actor: &Actor, id: ProjectId) -> Result<Project> {
        let project = self.see_project(actor, id).await?;
        if project.is_being_deleted {
            let message = format!("Project {id} is being deleted, and cannot be used any more.");
            return Err(Error::Conflict { message });
        }
        Ok(project)
    }

    /// One project as it stands, also while it is being deleted.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn see_project(&self, actor: &Actor, id: ProjectId) -> Result<Project> {
        require(actor, Permission::Read)?;
        let project = self.store().find_project(actor.org_id, id).await?;
        project.ok_or_else(|| Error::not_found("Project", id))
    }

    /// The organization's projects, newest first.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_projects(
        &self,
        actor: &Actor,
        limit: i64,
        offset: i64,
    ) -> Result<Page<Project>> {
        self.search_projects(actor, "", limit, offset).await
    }

    /// The organization's projects with the text in their title or description, newest first;
    /// capitals do not matter.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn search_projects(
        &self,
        actor: &Actor,
        text: &str,
        limit: i64,
        offset: i64,
    ) -> Result<Page<Project>> {
        require(actor, Permission::Read)?;
        let (items, total) = self
            .store()
            .list_projects(actor.org_id, text, limit, offset)
            .await?;
        Ok(Page { items, total })
    }

    /// Changes the given fields.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] on a wrong labeling config or setting.
    pub async fn update_project(
        &self,
        actor: &Actor,
        id: ProjectId,
        input: &ProjectInput,
    ) -> Result<Project> {
        require(actor, Permission::ManageProjects)?;
        let before = self.get_project(actor, id).await?;
        check(input).await?;
        let settings = if input.settings.is_empty() {
            None
        } else {
            let mut merged = stored_settings(&before);
            merged.extend(input.settings.clone());
            Some(raw(&merged)?)
        };
        let patch = ProjectPatch {
            title: input.title.clone(),
            description: input.description.clone(),
            label_config: input
                .label_config
                .as_deref()
                .map(|config| config_or_empty(Some(config)).to_owned()),
            settings,
        };
        let input = ProjectInput {
            label_config: patch.label_config.clone(),
            ..input.clone()
        };
        let (subject, detail) = (
            format!("project/{id}"),
            changes::of_project(&before, &input),
        );
        let updated = self
            .telling(actor, AuditAction::ProjectChange, subject, detail)
            .update_project(actor.org_id, id, &patch, self.now_ms())
            .await?;
        updated.ok_or_else(|| Error::not_found("Project", id))
    }

    /// Deletes a project with its tasks, annotations and storages: it cannot be used from now on, and
    /// what has not gone when this returns goes by itself. Blobs in Azure stay.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn delete_project(&self, actor: &Actor, id: ProjectId) -> Result<()> {
        require(actor, Permission::ManageProjects)?;
        let project = self.get_project(actor, id).await?;
        let detail = json!({
            "title": short(&project.title),
            "tasks": project.task_count,
            "annotations": project.annotation_count,
        });
        let store = self.telling(
            actor,
            AuditAction::ProjectDelete,
            format!("project/{id}"),
            detail,
        );
        let begun = store.begin_project_deletion(actor.org_id, id, self.now_ms());
        let begun = begun
            .await?
            .ok_or_else(|| Error::not_found("Project", id))?;
        deletion::begin(self, begun).await;
        Ok(())
    }

    /// Tells the audit log that the actor downloads a project's annotations.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn begin_download(&self, actor: &Actor, id: ProjectId) -> Result<()> {
        self.get_project(actor, id).await?;
        self.record(
            actor,
            AuditAction::ExportDownload,
            format!("project/{id}"),
            json!({}),
        )
        .await
    }

    /// Checks a labeling config as [`Engine::update_project`] would, and changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] saying what is wrong.
    pub async fn validate_label_config(
        &self,
        actor: &Actor,
        id: ProjectId,
        label_config: &str,
    ) -> Result<()> {
        self.get_project(actor, id).await?;
        check_label_config(label_config)
            .await
            .map_err(|error| Error::Invalid(vec![error]))
    }
}

/// Every setting of a project, with Label Studio's default where none is stored.
pub fn project_settings(project: &Project) -> Map<String, Value> {
    let mut settings: Map<String, Value> = SETTINGS
        .iter()
        .map(|setting| (setting.name.to_owned(), (setting.default)()))
        .collect();
    settings.extend(stored_settings(project));
    settings
}

fn stored_settings(project: &Project) -> Map<String, Value> {
    serde_json::from_str(project.settings.get()).unwrap_or_default()
}

fn config_or_empty(config: Option<&str>) -> &str {
    config
        .filter(|config| !config.trim().is_empty())
        .unwrap_or(EMPTY_CONFIG)
}

fn raw(settings: &Map<String, Value>) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(settings)
        .map_err(|error| Error::Internal(format!("project settings: {error}")))
}

async fn check(input: &ProjectInput) -> Result<()> {
    let mut errors = Vec::new();
    if input
        .title
        .as_ref()
        .is_some_and(|title| title.chars().count() > TITLE_LIMIT)
    {
        errors.push(FieldError {
            field: "title".to_owned(),
            message: format!("Ensure this field has no more than {TITLE_LIMIT} characters."),
        });
    }
    if let Some(config) = &input.label_config
        && let Err(error) = check_label_config(config).await
    {
        errors.push(error);
    }
    errors.extend(
        input
            .settings
            .iter()
            .filter_map(|(name, value)| check_setting(name, value).err()),
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

async fn check_label_config(config: &str) -> Result<(), FieldError> {
    match LabelConfig::read(config_or_empty(Some(config))).await {
        Ok(_) => Ok(()),
        Err(message) => Err(FieldError {
            field: "label_config".to_owned(),
            message,
        }),
    }
}

fn check_setting(name: &str, value: &Value) -> Result<(), FieldError> {
    let wrong = |message: String| FieldError {
        field: name.to_owned(),
        message,
    };
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        return Err(wrong(format!("A project has no field {name:?}.")));
    };
    let (fits, expected) = match setting.kind {
        Kind::Bool => (value.is_boolean(), "true or false".to_owned()),
        Kind::Text => (value.is_string() || value.is_null(), "a text".to_owned()),
        Kind::Count { max } => (
            value
                .as_i64()
                .is_some_and(|count| (0..=max).contains(&count)),
            format!("a whole number from 0 to {max}"),
        ),
        Kind::Object => (
            value.is_object() || value.is_null(),
            "a JSON object".to_owned(),
        ),
        Kind::OneOf(choices) => (
            value.as_str().is_some_and(|text| choices.contains(&text)),
            format!("one of: {}", choices.join(", ")),
        ),
    };
    if fits {
        Ok(())
    } else {
        Err(wrong(format!("Give {expected}.")))
    }
}

struct Setting {
    name: &'static str,
    kind: Kind,
    default: fn() -> Value,
}

enum Kind {
    Bool,
    Text,
    Count { max: i64 },
    Object,
    OneOf(&'static [&'static str]),
}

const fn flag(name: &'static str, default: fn() -> Value) -> Setting {
    Setting {
        name,
        kind: Kind::Bool,
        default,
    }
}

const fn text(name: &'static str, default: fn() -> Value) -> Setting {
    Setting {
        name,
        kind: Kind::Text,
        default,
    }
}

const fn count(name: &'static str, max: i64, default: fn() -> Value) -> Setting {
    Setting {
        name,
        kind: Kind::Count { max },
        default,
    }
}

fn yes() -> Value {
    true.into()
}

fn no() -> Value {
    false.into()
}

fn empty() -> Value {
    "".into()
}

fn null() -> Value {
    Value::Null
}

/// Label Studio's project settings that a client can set, with its defaults.
static SETTINGS: [Setting; 24] = [
    flag("annotator_evaluation_enabled", no),
    text("color", || "#FFFFFF".into()),
    Setting {
        name: "control_weights",
        kind: Kind::Object,
        default: || json!({}),
    },
    flag("enable_empty_annotation", yes),
    flag("evaluate_predictions_automatically", no),
    text("expert_instruction", empty),
    flag("is_draft", no),
    flag("is_published", no),
    count("maximum_annotations", 1000, || 1.into()),
    count("min_annotations_to_start_training", i64::MAX, || 0.into()),
    text("model_version", empty),
    count("overlap_cohort_percentage", 100, || 100.into()),
    text("pinned_at", null),
    flag("reveal_preannotations_interactively", no),
    Setting {
        name: "sampling",
        kind: Kind::OneOf(&[
            "Sequential sampling",
            "Uniform sampling",
            "Uncertainty sampling",
        ]),
        default: || "Sequential sampling".into(),
    },
    flag("show_annotation_history", no),
    flag("show_collab_predictions", yes),
    flag("show_ground_truth_first", no),
    flag("show_instruction", no),
    flag("show_overlap_first", no),
    flag("show_skip_button", yes),
    Setting {
        name: "skip_queue",
        kind: Kind::OneOf(&["REQUEUE_FOR_ME", "REQUEUE_FOR_OTHERS", "IGNORE_SKIPPED"]),
        default: || "REQUEUE_FOR_OTHERS".into(),
    },
    flag("start_training_on_annotation_update", no),
    text("task_data_login", null),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ProjectInput, check};
    use crate::Error;

    #[tokio::test]
    async fn every_wrong_field_is_named() {
        let input = ProjectInput {
            title: Some("x".repeat(300)),
            label_config: Some("<View><Nope".to_owned()),
            settings: json!({"show_instruction": "yes", "sampling": "Random", "colour": "#fff",
                "overlap_cohort_percentage": 101, "color": "#fff"})
            .as_object()
            .unwrap()
            .clone(),
            ..ProjectInput::default()
        };
        let Err(Error::Invalid(errors)) = check(&input).await else {
            panic!("accepted")
        };
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "title",
                "label_config",
                "colour",
                "overlap_cohort_percentage",
                "sampling",
                "show_instruction"
            ]
        );
        assert_eq!(errors[1].message, "unclosed token: line 1, column 6");
        assert!(errors[4].message.contains("Uniform sampling"));
    }
}
