//! What is done to the chosen tasks: asked once more, with the numbers, then done.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{BulkAction, Selection, TaskFilter};
use model::{
    Actor, ProjectId, TaskId,
    budgets::{CHOSEN_TASKS, PARAMETERS},
};

use super::{
    super::{
        Person,
        form::Form,
        frame::{Frame, Section, grouped},
        html::{failed, render, title},
    },
    filter::{Done, ListQuery},
};
use crate::{
    App,
    error::ApiError,
    extract::{Id, Query},
};

#[derive(Template)]
#[template(path = "tasks_confirm.html")]
struct Confirm {
    frame: Frame,
    project: ProjectId,
    project_title: String,
    /// Chosen one by one; none when all that match are meant.
    tasks: Vec<TaskId>,
    /// The newest of all that match.
    matching_to: Option<TaskId>,
    all_that_match: bool,
    task_count: i64,
    deletes_tasks: bool,
    annotations: i64,
    /// The query of the list that it was asked from.
    back: String,
}

impl Confirm {
    fn task_words(&self) -> String {
        count_words(self.task_count, "task")
    }

    fn annotation_words(&self) -> String {
        count_words(self.annotations, "annotation")
    }
}

fn count_words(count: i64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{} {one}s", grouped(count)),
    }
}

/// `POST /projects/{id}/tasks/chosen`: changes nothing.
pub(crate) async fn confirm(
    State(app): State<App>,
    Person(actor): Person,
    Id(project): Id<ProjectId>,
    form: Form,
) -> Response {
    render(confirmation(&app, &actor, project, &form).await)
}

async fn confirmation(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    form: &Form,
) -> Result<Confirm, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    let confirm = Confirm {
        frame: Frame::load(app, actor, Section::Projects).await?,
        project: id,
        project_title: title(&project.title).to_owned(),
        tasks: Vec::new(),
        matching_to: None,
        all_that_match: form.is("matching", "all"),
        task_count: 0,
        annotations: 0,
        deletes_tasks: action(form) == BulkAction::DeleteTasks,
        back: back(form),
    };
    if confirm.all_that_match {
        let filter = filter(actor, id, form);
        let count = app.engine.count_matching(actor, &filter).await?;
        return Ok(Confirm {
            matching_to: count.last,
            task_count: count.tasks,
            annotations: count.annotations,
            ..confirm
        });
    }
    let tasks = app
        .engine
        .find_tasks_by_id(actor, id, &chosen(form)?)
        .await?;
    let annotations = tasks
        .iter()
        .map(|task| task.annotation_count + task.cancelled_annotation_count);
    Ok(Confirm {
        annotations: annotations.sum(),
        task_count: tasks.len() as i64,
        tasks: tasks.iter().map(|task| task.id).collect(),
        ..confirm
    })
}

/// `POST /projects/{id}/tasks/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Person(actor): Person,
    Id(project): Id<ProjectId>,
    form: Form,
) -> Response {
    let deleted = async {
        let action = action(&form);
        let selection = match form.value("matching_to").parse() {
            Ok(last) => Selection::Matching {
                filter: filter(&actor, project, &form),
                last,
            },
            Err(_) => Selection::Only(chosen(&form)?),
        };
        let deleted = app
            .engine
            .act_on_tasks(&actor, project, action, selection)
            .await?;
        Ok::<_, ApiError>(match action {
            BulkAction::DeleteTasks => Done::DeletedTasks(deleted.tasks),
            BulkAction::DeleteAnnotations => Done::DeletedAnnotations(deleted.annotations),
        })
    };
    match deleted.await {
        Ok(done) => {
            let (name, count) = done.parameter();
            let back = back(&form);
            let and = if back.is_empty() { "" } else { "&" };
            let address = format!("/projects/{project}?{back}{and}{name}={count}");
            Redirect::to(&address).into_response()
        }
        Err(error) => failed(&error),
    }
}

fn action(form: &Form) -> BulkAction {
    match form.value("action") {
        "delete_tasks" => BulkAction::DeleteTasks,
        _ => BulkAction::DeleteAnnotations,
    }
}

/// What the list showed that it was asked from.
fn filter(actor: &Actor, project: ProjectId, form: &Form) -> TaskFilter {
    ListQuery::read(&Query::parse(form.value("back")), actor).filter(project)
}

fn chosen(form: &Form) -> Result<Vec<TaskId>, ApiError> {
    let ids: BTreeSet<TaskId> = form
        .values("task")
        .filter_map(|text| text.parse().ok())
        .collect();
    if ids.len() > CHOSEN_TASKS {
        let message = format!(
            "Choose at most {} tasks at once.",
            grouped(CHOSEN_TASKS as i64)
        );
        return Err(engine::Error::field("task", message).into());
    }
    Ok(ids.into_iter().collect())
}

/// The list's query, written anew: whatever was sent, it stays a query.
fn back(form: &Form) -> String {
    let pairs = url::form_urlencoded::parse(form.value("back").as_bytes()).take(PARAMETERS);
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.filter(|(name, _)| !name.starts_with("deleted_")))
        .finish()
}
