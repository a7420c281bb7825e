//! The last step: what will be saved, in words; and saving it.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::{Direction, StorageId};

use super::{
    Page,
    wizard::{Step, Wizard},
};
use crate::{
    App,
    error::ApiError,
    pages::{
        Person,
        form::Form,
        html::{failed, with_status},
        storage::{self, Values, problem::Refusal},
    },
};

/// `account/container/prefix`, without a slash at the end.
fn place(values: &Values) -> String {
    let parts = ["account_name", "container", "prefix"].map(|field| values.get(field));
    parts.join("/").trim_end_matches('/').to_owned()
}

pub(super) fn default_title(values: &Values) -> String {
    let parts = ["container", "prefix"].map(|field| values.get(field));
    parts.join("/").trim_end_matches('/').to_owned()
}

/// What will happen, in a sentence or two.
pub(super) fn summary(values: &Values, direction: Direction, project: &str) -> String {
    let place = place(values);
    let by = values.method().map_or("", |method| method.words());
    match direction {
        Direction::Source => {
            let what = match (values.get("import_mode"), values.filter().as_str()) {
                ("tasks", "") => "reads the tasks in every JSON and JSONL file".to_owned(),
                ("tasks", filter) => format!("reads the tasks in the files that match {filter}"),
                (_, "") => "makes a task of every blob".to_owned(),
                (_, filter) => format!("makes a task of every blob that matches {filter}"),
            };
            let depth = match values.get("recursive") {
                "on" => "in all folders",
                _ => "in the first folder only",
            };
            let media = match values.get("serve") {
                "presigned" => format!(
                    "by pre-signed URLs that live {} minutes",
                    values.get("presign_ttl")
                ),
                _ => "through this server".to_owned(),
            };
            format!(
                "Longshore signs in by {by}, looks through {place} {depth} and {what}, in the project {project}. Annotators open the media {media}."
            )
        }
        Direction::Target => {
            let layout = match values.get("export_layout") {
                "per_task" => "one blob per task with all its annotations",
                _ => "one blob per annotation",
            };
            let deletes = match values.get("can_delete_objects") {
                "on" => "When an annotation is deleted, its blob is deleted too.",
                _ => "When an annotation is deleted, its blob stays.",
            };
            format!(
                "Longshore signs in by {by} and writes every annotation of the project {project} to {place}: {layout}. It begins with those that are there already. {deletes}"
            )
        }
    }
}

pub(super) fn facts(values: &Values, direction: Direction) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Storage account", values.get("account_name").to_owned()),
        ("Container", values.get("container").to_owned()),
        (
            "Prefix",
            match values.get("prefix") {
                "" => "none: the whole container".to_owned(),
                prefix => prefix.to_owned(),
            },
        ),
    ];
    if direction == Direction::Source {
        facts.push((
            "Filter",
            match values.filter() {
                filter if filter.is_empty() => "none: every blob".to_owned(),
                filter => filter,
            },
        ));
    }
    facts
}

/// Save, or Save and sync; or Back.
pub(crate) async fn save(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
    form: Form,
) -> Response {
    let saved = async {
        let mut values = wizard.values(&app, &actor).await?;
        let reachable = Step::Review.reachable(&values, wizard.direction);
        if reachable != Step::Review {
            return Ok(wizard.to(reachable));
        }
        values.take(&form, &["title"]);
        wizard.keep(&app, &actor, &values).await?;
        if form.is("go", "back") {
            return Ok(wizard.to(Step::Content));
        }
        let mut page = Page::load(&app, &actor, wizard, Step::Review, &values).await?;
        match create(&app, &actor, wizard, &values).await {
            Ok(id) => {
                let (project, direction) = (wizard.project, wizard.direction);
                app.engine
                    .drop_connect_draft(&actor, project, direction)
                    .await?;
                if direction == Direction::Source && form.is("go", "save_and_sync") {
                    storage::start(&app, &actor, id).await?;
                }
                return Ok(Redirect::to(&format!("/storages/{id}")).into_response());
            }
            Err(Refusal::Azure(problem)) => page.problem = Some(problem),
            Err(Refusal::Other(error)) => page.form = page.form.refused(&error),
        }
        Ok(with_status(StatusCode::BAD_REQUEST, page))
    };
    saved.await.unwrap_or_else(|error: ApiError| failed(&error))
}

async fn create(
    app: &App,
    actor: &model::Actor,
    wizard: Wizard,
    values: &Values,
) -> Result<StorageId, Refusal> {
    let input = values.input(wizard.project);
    let mut input = input.map_err(|error| ApiError::invalid(vec![error]))?;
    if values.get("title").is_empty() {
        input.title = Some(default_title(values));
    }
    let Some(method) = values.method() else {
        return Err(ApiError::required("method").into());
    };
    let created = app
        .engine
        .create_storage(actor, wizard.direction.by(method.kind()), &input);
    Ok(created.await?.id)
}
