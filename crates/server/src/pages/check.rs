//! The access check of one storage: a button, then the steps in words. It works without a script,
//! with the keyboard alone, and no state is told by colour only.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use engine::{
    AzureAnswer,
    check::{CheckOptions, CheckReport, Granted},
};
use model::{Actor, StorageId};

use super::{
    Person,
    frame::{Frame, Section},
    html::render,
    storage::{StorageHead, Tab, live::Alerts},
};
use crate::{
    App,
    error::ApiError,
    extract::{Body, Id},
    fields::{Fields, Input},
};

/// The form: which of its two buttons was pressed.
pub(crate) struct CheckForm {
    granted: Option<bool>,
}

impl Input for CheckForm {
    fn read(fields: &mut Fields) -> Self {
        Self {
            granted: fields.flag("granted").value(),
        }
    }
}

#[derive(Template)]
#[template(path = "storage_check.html")]
struct Check {
    frame: Frame,
    head: StorageHead,
    alerts: Option<Alerts>,
    report: Option<CheckReport>,
}

pub(crate) async fn check_form(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
) -> Response {
    render(load(&app, &actor, id, None).await)
}

pub(crate) async fn check(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    headers: HeaderMap,
    Body(form): Body<CheckForm>,
) -> Response {
    let options = CheckOptions {
        granted: match form.granted {
            Some(true) => Granted::JustNow,
            _ => Granted::NotSaid,
        },
        ..options(&app, &headers)
    };
    render(load(&app, &actor, id, Some(options)).await)
}

/// The page, after a check when there are options for one.
async fn load(
    app: &App,
    actor: &Actor,
    id: StorageId,
    options: Option<CheckOptions>,
) -> Result<Check, ApiError> {
    let storage = app.engine.find_storage(actor, id).await?;
    let report = match options {
        None => None,
        Some(options) => Some(
            app.engine
                .check_storage(actor, storage.storage_type(), id, &options)
                .await?,
        ),
    };
    Ok(Check {
        frame: Frame::load(app, actor, Section::Projects).await?,
        head: StorageHead::load(app, actor, &storage, Tab::Check).await?,
        // What is found now says more than what failed last.
        alerts: report.is_none().then(|| Alerts::of(app, &storage)),
        report,
    })
}

/// How a page checks: from the browser's own origin, which is that of the pages with the media.
pub(super) fn options(app: &App, headers: &HeaderMap) -> CheckOptions {
    let origin = headers
        .get(axum::http::header::ORIGIN)
        .and_then(|value| value.to_str().ok())
        .filter(|origin| *origin != "null")
        .map_or_else(
            || app.settings.public_url.origin().ascii_serialization(),
            str::to_owned,
        );
    CheckOptions {
        origin: Some(origin),
        ..CheckOptions::default()
    }
}

/// `Azure answered 403 AuthorizationFailure, request id …: …`, for templates.
pub(crate) fn answer_words(answer: &AzureAnswer) -> String {
    let status = answer
        .status
        .map_or_else(String::new, |status| status.to_string());
    let request = answer
        .request_id
        .as_deref()
        .map_or_else(String::new, |id| format!(", request id {id}"));
    format!(
        "Azure answered {status} {}{request}: {}",
        answer.code.as_deref().unwrap_or_default(),
        answer.message
    )
}

/// `1.2 seconds`, for templates.
pub(crate) fn seconds(ms: &u64) -> String {
    format!("{:.1} seconds", *ms as f64 / 1000.0)
}
