//! Import by hand: a file of tasks, or tasks that are pasted.

use askama::Template;
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use engine::{Imported, LabelConfig};
use model::{Actor, ProjectId, budgets};

use super::{
    Person, failed,
    frame::{Frame, ProjectHead, Section, Tab, grouped},
    html::{render, with_status},
};
use crate::{
    App,
    error::ApiError,
    extract::{Id, Query, read_upload},
};

#[derive(Template)]
#[template(path = "import.html")]
struct Import {
    frame: Frame,
    head: ProjectHead,
    /// A task as this project's labeling config wants it.
    example: String,
    /// What was pasted.
    text: String,
    errors: Vec<String>,
    done: Option<String>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    query: Query,
) -> Response {
    let page = page(&app, &actor, id).await;
    render(page.map(|page| Import {
        done: query.text("tasks").map(|count| done(count, &query)),
        ..page
    }))
}

async fn page(app: &App, actor: &Actor, id: ProjectId) -> Result<Import, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    Ok(Import {
        frame: Frame::load(app, actor, Section::Projects).await?,
        head: ProjectHead::new(&project, actor, Tab::Tasks),
        example: example(app, &project.label_config).await,
        text: String::new(),
        errors: Vec::new(),
        done: None,
    })
}

/// What the page says after a redirect; only digits of the address are believed.
fn done(tasks: &str, query: &Query) -> String {
    let count = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let (annotations, predictions) = (
        count(query.text("annotations")),
        count(query.text("predictions")),
    );
    let mut said = match count(Some(tasks)) {
        1 => "1 task was imported".to_owned(),
        tasks => format!("{} tasks were imported", grouped(tasks)),
    };
    if annotations + predictions > 0 {
        said += &format!(
            ", with {} annotations and {} predictions",
            grouped(annotations),
            grouped(predictions)
        );
    }
    said + "."
}

/// `[{"image": "https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB"}]`.
async fn example(app: &App, label_config: &str) -> String {
    let config = LabelConfig::read(label_config).await.unwrap_or_default();
    let suffix = &app.engine.cloud().uri_suffix;
    let fields: Vec<String> = config
        .shown_fields()
        .map(|(key, tag)| {
            let value = match tag {
                "Text" | "Header" => "\"A text to label\"".to_owned(),
                "HyperText" => "\"<p>A page to label</p>\"".to_owned(),
                "Paragraphs" => "[{\"author\": \"Ada\", \"text\": \"Good morning.\"}]".to_owned(),
                _ => format!("\"https://ACCOUNT.{suffix}/CONTAINER/BLOB\""),
            };
            format!("\"{}\": {value}", key.split('[').next().unwrap_or(key))
        })
        .collect();
    match fields.as_slice() {
        [] => "[{\"text\": \"A text to label\"}]".to_owned(),
        fields => format!("[{{{}}}]", fields.join(", ")),
    }
}

pub(crate) async fn import(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    request: Request,
) -> Response {
    let sent = match read_upload(request, &app).await {
        Ok(fields) => fields,
        Err(error) => return failed(&error),
    };
    let field = |name: &str| {
        let found = sent.iter().find(|(key, _)| key == name);
        found
            .map(|(_, content)| content.clone())
            .unwrap_or_default()
    };
    let (file, text) = (field("file"), field("text"));
    let tasks = if file.is_empty() { &text } else { &file };
    match take(&app, &actor, id, tasks).await {
        Ok(imported) => Redirect::to(&format!(
            "/projects/{id}/import?tasks={}&annotations={}&predictions={}",
            imported.task_ids.len(),
            imported.annotation_count,
            imported.prediction_count
        ))
        .into_response(),
        Err(error) if error.field_errors().is_empty() => failed(&error),
        Err(error) => match page(&app, &actor, id).await {
            Ok(page) => {
                let errors = error.field_errors().iter();
                let page = Import {
                    errors: errors.map(|error| error.message.clone()).collect(),
                    // A very long text is better kept where it came from.
                    text: match text.len() {
                        0..=budgets::PASTED_AGAIN => String::from_utf8_lossy(&text).into_owned(),
                        _ => String::new(),
                    },
                    ..page
                };
                with_status(error.status(), page)
            }
            Err(error) => failed(&error),
        },
    }
}

async fn take(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    tasks: &Bytes,
) -> Result<Imported, ApiError> {
    if tasks.trim_ascii().is_empty() {
        return Err(ApiError::invalid_request(
            "Choose a file that is not empty, or paste tasks.",
        ));
    }
    Ok(app
        .engine
        .import_tasks_from(actor, id, tasks, "page")
        .await?)
}
