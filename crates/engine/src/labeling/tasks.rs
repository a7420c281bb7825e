//! Tasks: listed, read, created one by one or in bulk, changed, deleted.

use std::{
    collections::{HashMap, hash_map::Entry},
    slice,
};

use azure::Cloud;
use formats::{FormatError, TaskReader, TaskRow};
use model::{
    Actor, Direction, Permission, Project, ProjectId, Storage, Task, TaskId,
    budgets::{IMPORT_ERRORS, IMPORT_TASKS},
    json as stored_json,
};
use serde_json::{json, value::RawValue};
use store::{NewTask, TaskPatch, TaskQuery};

use crate::{
    AuditAction, Engine, Error, FieldError, LabelConfig, Result, aside,
    labeling::{imported::Authors, label_config::Members},
    media::blob_uris::{self, Outside, ShownData},
    require,
};

/// Annotations and predictions of one import at most.
const IMPORT_LABELS: usize = 1_000_000;
/// Bytes of an import that are parsed before the rows are counted.
const IMPORT_PIECE: usize = 1 << 20;

/// Which page of which tasks.
#[derive(Clone, Copy, Debug)]
pub struct TaskPaging {
    /// `None` for all projects of the organization.
    pub project: Option<ProjectId>,
    pub limit: i64,
    pub offset: i64,
}

/// One page of tasks, with the totals of all pages that Label Studio shows.
#[derive(Clone, Debug)]
pub struct TaskPage {
    pub tasks: Vec<Task>,
    pub total: i64,
    pub total_annotations: i64,
    pub total_predictions: i64,
}

/// A task to create, or the fields of one to change.
#[derive(Clone, Debug, Default)]
pub struct TaskInput {
    /// JSON object.
    pub data: Option<Box<RawValue>>,
    /// JSON object.
    pub meta: Option<Box<RawValue>>,
}

/// What an import made.
#[derive(Clone, Debug)]
pub struct Imported {
    /// In the order of the body.
    pub task_ids: Vec<TaskId>,
    pub annotation_count: i64,
    pub prediction_count: i64,
}

impl Engine {
    /// One page of tasks, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn list_tasks(&self, actor: &Actor, paging: &TaskPaging) -> Result<TaskPage> {
        require(actor, Permission::Read)?;
        let (total_annotations, total_predictions) = match paging.project {
            Some(id) => {
                let project = self.get_project(actor, id).await?;
                (project.annotation_count, project.prediction_count)
            }
            None => self.store().count_in_projects(actor.org_id).await?,
        };
        let query = TaskQuery {
            project: paging.project,
            limit: paging.limit,
            offset: paging.offset,
            ..TaskQuery::default()
        };
        let (tasks, total) = self.store().list_tasks(actor.org_id, &query).await?;
        Ok(TaskPage {
            tasks,
            total,
            total_annotations,
            total_predictions,
        })
    }

    /// One task.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn get_task(&self, actor: &Actor, id: TaskId) -> Result<Task> {
        require(actor, Permission::Read)?;
        let task = self.store().find_task(actor.org_id, id).await?;
        task.ok_or_else(|| Error::not_found("Task", id))
    }

    /// Creates one task.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the project does not exist, or the data lacks what its config shows.
    pub async fn create_task(
        &self,
        actor: &Actor,
        project: ProjectId,
        input: &TaskInput,
    ) -> Result<Task> {
        require(actor, Permission::ManageProjects)?;
        let no_project = || {
            Error::field(
                "project",
                format!("Invalid pk \"{project}\" - object does not exist."),
            )
        };
        let found = self.store().find_project(actor.org_id, project).await?;
        let found = found.filter(|project| !project.is_being_deleted);
        let config = config_of(&found.ok_or_else(no_project)?).await;
        let data = input
            .data
            .as_deref()
            .ok_or_else(|| Error::field("data", "This field is required."))?;
        let new = NewTask {
            data: aside(data.get().len(), || {
                checked_data(self.cloud(), &config, data, None)
            })
            .await
            .map_err(|message| Error::field("data", message))?,
            meta: input.meta.as_deref().map(checked_meta).transpose()?,
            annotations: Vec::new(),
            predictions: Vec::new(),
        };
        let ids = self
            .store()
            .create_tasks(actor.org_id, project, &[new], self.now_ms(), actor.user_id)
            .await?
            .ok_or_else(no_project)?;
        match ids.first() {
            Some(id) => {
                let (subject, detail) = (format!("task/{id}"), json!({"project": project.0}));
                self.record(actor, AuditAction::TaskCreate, subject, detail)
                    .await?;
                self.get_task(actor, *id).await
            }
            None => Err(Error::Internal("the database made no task".to_owned())),
        }
    }

    /// Changes a task's data or meta.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when the data lacks what the config shows.
    pub async fn update_task(&self, actor: &Actor, id: TaskId, input: &TaskInput) -> Result<Task> {
        require(actor, Permission::ManageProjects)?;
        let task = self.get_task(actor, id).await?;
        let data = match &input.data {
            None => None,
            Some(data) => {
                let config = config_of(&self.get_project(actor, task.project_id).await?).await;
                let shown = if blob_uris::may_hold_links(data) {
                    self.data_for_browser(actor, slice::from_ref(&task)).await?
                } else {
                    Vec::new()
                };
                let own = shown.first().map(|shown| ShownData {
                    stored: &task.data,
                    shown,
                });
                let checked = aside(data.get().len(), || {
                    checked_data(self.cloud(), &config, data, own.as_ref())
                })
                .await;
                Some(checked.map_err(|message| Error::field("data", message))?)
            }
        };
        let patch = TaskPatch {
            data,
            meta: input.meta.as_deref().map(checked_meta).transpose()?,
        };
        let changed = [
            ("data", patch.data.is_some()),
            ("meta", patch.meta.is_some()),
        ];
        let changed = changed.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
        let detail = json!({
            "project": task.project_id.0,
            "changed": changed.collect::<Vec<_>>(),
        });
        self.telling(actor, AuditAction::TaskChange, format!("task/{id}"), detail)
            .update_task(actor.org_id, id, &patch, actor.user_id, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("Task", id))
    }

    /// Deletes a task with its annotations and predictions.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn delete_task(&self, actor: &Actor, id: TaskId) -> Result<()> {
        require(actor, Permission::ManageProjects)?;
        let task = self.get_task(actor, id).await?;
        let detail = json!({
            "project": task.project_id.0,
            "tasks": 1,
            "annotations": task.annotation_count + task.cancelled_annotation_count,
        });
        if self
            .telling(actor, AuditAction::TaskDelete, format!("task/{id}"), detail)
            .delete_task(actor.org_id, id, self.now_ms())
            .await?
        {
            Ok(())
        } else {
            Err(Error::not_found("Task", id))
        }
    }

    /// Creates the tasks of a JSON body, all or none: an object, an array of objects or JSONL;
    /// each one task data itself, or `{data, meta, annotations, predictions}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the project; [`Error::Invalid`] with line and column when it is not
    /// JSON, else naming every wrong task by its place.
    pub async fn import_tasks(
        &self,
        actor: &Actor,
        project: ProjectId,
        body: &[u8],
    ) -> Result<Imported> {
        self.import_tasks_from(actor, project, body, "api").await
    }

    /// As [`Engine::import_tasks`]; the audit log says that they came `from` there.
    ///
    /// # Errors
    /// As [`Engine::import_tasks`].
    pub async fn import_tasks_from(
        &self,
        actor: &Actor,
        project: ProjectId,
        body: &[u8],
        from: &str,
    ) -> Result<Imported> {
        require(actor, Permission::ManageProjects)?;
        let config = config_of(&self.get_project(actor, project).await?).await;
        let authors = self.authors(actor.org_id, Some(actor.user_id)).await?;
        let tasks = aside(body.len(), || {
            tasks_of(self.cloud(), &authors, &config, body)
        })
        .await?;
        let count = |of: fn(&NewTask) -> usize| tasks.iter().map(of).sum::<usize>() as i64;
        let (annotation_count, prediction_count) = (
            count(|task| task.annotations.len()),
            count(|task| task.predictions.len()),
        );
        let task_ids = self
            .store()
            .create_tasks(actor.org_id, project, &tasks, self.now_ms(), actor.user_id)
            .await?
            .ok_or_else(|| Error::not_found("Project", project))?;
        let detail = json!({
            "from": from,
            "tasks": task_ids.len(),
            "annotations": annotation_count,
            "predictions": prediction_count,
            "first_task": task_ids.first(),
            "last_task": task_ids.last(),
        });
        let subject = format!("project/{project}");
        self.record(actor, AuditAction::TaskImport, subject, detail)
            .await?;
        Ok(Imported {
            task_ids,
            annotation_count,
            prediction_count,
        })
    }

    /// The data of these tasks for a browser, in their order: every URI of a blob inside a source
    /// storage of the task's project becomes `/tasks/ID/resolve/?fileuri=BASE64`.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn data_for_browser(
        &self,
        actor: &Actor,
        tasks: &[Task],
    ) -> Result<Vec<Box<RawValue>>> {
        let links = self.links_now(actor.org_id).await?;
        let outside = if links.was_ever_linked && !links.reads_anonymously {
            Outside::Resolve
        } else {
            Outside::AsTheyAre
        };
        self.data_shown(actor, tasks, outside).await
    }

    /// The same for the pages with the editor, which load no blob but through this server or by its
    /// leave: those outside of storages become such links too.
    ///
    /// # Errors
    /// As [`Engine::data_for_browser`].
    pub async fn data_for_editor(
        &self,
        actor: &Actor,
        tasks: &[Task],
    ) -> Result<Vec<Box<RawValue>>> {
        self.data_shown(actor, tasks, Outside::Resolve).await
    }

    async fn data_shown(
        &self,
        actor: &Actor,
        tasks: &[Task],
        outside: Outside,
    ) -> Result<Vec<Box<RawValue>>> {
        require(actor, Permission::Read)?;
        let mut storages: HashMap<ProjectId, Vec<Storage>> = HashMap::new();
        let mut out = Vec::with_capacity(tasks.len());
        for task in tasks {
            let of_project = match storages.entry(task.project_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let found = self.store().list_storages(
                        actor.org_id,
                        Some(task.project_id),
                        Some(Direction::Source),
                        None,
                    );
                    new.insert(found.await?)
                }
            };
            let data = aside(task.data.get().len(), || {
                blob_uris::for_browser(self.cloud(), task.id, &task.data, of_project, outside)
            });
            out.push(data.await);
        }
        Ok(out)
    }
}

/// The rows of an import's body; what they cost in memory is bounded by their number.
fn rows_of(body: &[u8]) -> Result<Vec<TaskRow>> {
    let limits = formats::Limits {
        max_blob_bytes: body.len() as u64,
        max_rows: IMPORT_TASKS,
        ..formats::Limits::default()
    };
    let wrong = |error: FormatError| {
        let message = format!("JSON parse error - {error} ({})", error.fix);
        Error::field(FieldError::NON_FIELD, message)
    };
    let mut reader = TaskReader::new("", limits);
    let (mut rows, mut labels) = (Vec::new(), 0);
    for piece in body.chunks(IMPORT_PIECE) {
        let more = reader.push(piece).map_err(wrong)?;
        labels += more
            .iter()
            .map(|row| row.annotations.len() + row.predictions.len())
            .sum::<usize>();
        if labels > IMPORT_LABELS {
            let message = format!(
                "At most {IMPORT_LABELS} annotations and predictions come in at once: split the import."
            );
            return Err(Error::field(FieldError::NON_FIELD, message));
        }
        rows.extend(more);
    }
    rows.extend(reader.finish().map_err(wrong)?);
    Ok(rows)
}

async fn config_of(project: &Project) -> LabelConfig {
    // It was checked when it was saved.
    let config = LabelConfig::read(&project.label_config).await;
    config.unwrap_or_default()
}

/// The tasks of an import's body.
fn tasks_of(
    cloud: &Cloud,
    authors: &Authors,
    config: &LabelConfig,
    body: &[u8],
) -> Result<Vec<NewTask>> {
    let rows = rows_of(body)?;
    if rows.is_empty() {
        return Err(Error::field(FieldError::NON_FIELD, "data is empty"));
    }
    let mut tasks = Vec::with_capacity(rows.len());
    let mut errors = Vec::new();
    for row in rows {
        match checked_data(cloud, config, &row.data, None) {
            Ok(data) => tasks.push(authors.new_task(TaskRow { data, ..row })),
            Err(message) => errors.push(FieldError {
                field: FieldError::NON_FIELD.to_owned(),
                message: format!("Error at item {}: {message}", row.row),
            }),
        }
    }
    if errors.len() > IMPORT_ERRORS {
        let more = errors.len() - IMPORT_ERRORS;
        errors.truncate(IMPORT_ERRORS);
        errors.push(FieldError {
            field: FieldError::NON_FIELD.to_owned(),
            message: format!("… and {more} more"),
        });
    }
    if errors.is_empty() {
        Ok(tasks)
    } else {
        Err(Error::Invalid(errors))
    }
}

/// The data as it is kept, when it can be read again and the config can show it: links of ours are
/// the addresses of blobs again, and data of one nameless field (`$undefined$`, as Label Studio
/// writes it) gets the name of the field that the config shows. The rest stays byte for byte.
fn checked_data(
    cloud: &Cloud,
    config: &LabelConfig,
    data: &RawValue,
    own: Option<&ShownData<'_>>,
) -> Result<Box<RawValue>, String> {
    const NAMELESS: &str = "$undefined$";
    if !data.get().starts_with('{') {
        return Err("Task data must be a JSON object.".to_owned());
    }
    stored_json::check_object(data).map_err(|fault| fault.to_string())?;
    let mut kept = blob_uris::without_links(cloud, data, own).unwrap_or_else(|| data.to_owned());
    if let Some(name) = config.first_data_key() {
        let members = members_of(&kept)?;
        if members.contains_key(NAMELESS) && !members.contains_key(name) {
            let renamed = stored_json::replace_strings(kept.get(), |string, text| {
                let is_it = string.is_key && string.depth == 1 && text == NAMELESS;
                is_it.then(|| name.to_owned())
            });
            kept = renamed.unwrap_or(kept);
        }
    }
    config.check_data(&members_of(&kept)?)?;
    Ok(kept)
}

fn members_of(data: &RawValue) -> Result<Members<'_>, String> {
    serde_json::from_str(data.get()).map_err(|error| error.to_string())
}

fn checked_meta(meta: &RawValue) -> Result<Box<RawValue>> {
    stored_json::check_object(meta).map_err(|fault| Error::field("meta", fault.to_string()))?;
    Ok(meta.to_owned())
}
