//! The access check of one storage: a button, then the steps in words. It works without a script,
//! with the keyboard alone, and no state is told by colour only.

use axum::{extract::State, http::HeaderMap, response::Response};
use engine::check::{CheckOptions, CheckReport, CheckStep, Granted, StepState};
use model::{Actor, Storage, StorageId};

use super::{
    Person,
    html::{Plain, Text, page, render},
};
use crate::{
    App,
    error::ApiError,
    extract::{Body, Id, moment},
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

pub(crate) async fn check_form(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
) -> Response {
    render(form_body(&app, &actor, id).await)
}

async fn form_body(app: &App, actor: &Actor, id: StorageId) -> Result<Plain, ApiError> {
    let storage = app.engine.find_storage(actor, id).await?;
    let who = app.engine.whoami(actor).await?;
    let body = format!(
        "{}{}<p>Tries everything that this storage needs, with its own credential, and says what does not work and who fixes it. Nothing in Longshore changes.</p>{}",
        back(&storage),
        alerts(app, &storage),
        buttons(&storage, "Check access")
    );
    Ok(page("Access check", Some(&who.user.email), &body))
}

pub(crate) async fn check(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    headers: HeaderMap,
    Body(form): Body<CheckForm>,
) -> Response {
    render(check_body(&app, &actor, id, &headers, &form).await)
}

async fn check_body(
    app: &App,
    actor: &Actor,
    id: StorageId,
    headers: &HeaderMap,
    form: &CheckForm,
) -> Result<Plain, ApiError> {
    let storage = app.engine.find_storage(actor, id).await?;
    let who = app.engine.whoami(actor).await?;
    // The browser's own origin: the page that will show the media.
    let origin = headers
        .get(axum::http::header::ORIGIN)
        .and_then(|value| value.to_str().ok())
        .filter(|origin| *origin != "null")
        .map_or_else(
            || app.settings.public_url.origin().ascii_serialization(),
            str::to_owned,
        );
    let options = CheckOptions {
        origin: Some(origin),
        granted: match form.granted {
            Some(true) => Granted::JustNow,
            _ => Granted::NotSaid,
        },
        ..CheckOptions::default()
    };
    let report = app
        .engine
        .check_storage(actor, storage.direction, storage.kind, id, &options)
        .await?;
    let body = format!(
        "{}{}{}",
        back(&storage),
        results(&report),
        buttons(&storage, "Check again")
    );
    Ok(page("Access check", Some(&who.user.email), &body))
}

fn back(storage: &Storage) -> String {
    format!(
        "<p><a href=\"/projects/{}\">Back to the project</a></p><p><code>{}/{}/{}</code> <small>{}</small></p>",
        storage.project_id,
        Text(storage.account.as_str()),
        Text(storage.container.as_str()),
        Text(storage.prefix.as_str()),
        storage.kind.title()
    )
}

/// What a person should know before anything is tried: the last failure that no success followed,
/// and a credential that ends soon.
pub(super) fn alerts(app: &App, storage: &Storage) -> String {
    let health = &storage.health;
    let mut text = String::new();
    if let Some(failure) = &health.last_failure
        && health
            .last_success_at_ms
            .is_none_or(|at_ms| at_ms < failure.at_ms)
    {
        text += &format!(
            "<div class=\"problem\">It failed last at {}: {} <code>{}</code></div>",
            Text(&moment(failure.at_ms)),
            Text(&failure.text),
            Text(&failure.code)
        );
    }
    if let (Some(end_ms), true) = (health.expires_at_ms, app.engine.expires_soon(storage)) {
        text += &format!(
            "<div class=\"problem\">Its credential ends at {}: enter a new one before then.</div>",
            Text(&moment(end_ms))
        );
    }
    text
}

fn buttons(storage: &Storage, text: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/storages/{}/check\"><button>{text}</button> \
         <button name=\"granted\" value=\"true\">A role was granted just now: check again</button></form>",
        storage.id
    )
}

fn results(report: &CheckReport) -> String {
    format!(
        "<p role=\"status\"><strong>{}</strong> <small>{:.1} seconds</small></p><ol class=\"steps\">{}</ol>",
        report.verdict.sentence(),
        report.took_ms as f64 / 1000.0,
        report.steps.iter().map(step_line).collect::<String>()
    )
}

fn step_line(step: &CheckStep) -> String {
    let paragraph = |text: &str| match text {
        "" => String::new(),
        text => format!("<p>{}</p>", Text(text)),
    };
    let code = step
        .code
        .map_or_else(String::new, |code| format!(" <code>{code}</code>"));
    let azure = step.azure.as_ref().map_or_else(String::new, |answer| {
        let status = answer
            .status
            .map_or_else(String::new, |status| status.to_string());
        let request = answer
            .request_id
            .as_deref()
            .map_or_else(String::new, |id| format!(", request id {id}"));
        let said = format!(
            "Azure answered {status} {}{request}: {}",
            answer.code.as_deref().unwrap_or_default(),
            answer.message
        );
        format!("<p><small>{}</small></p>", Text(&said))
    });
    let tried = match step.state {
        StepState::Skipped => String::new(),
        _ => paragraph(&step.tried),
    };
    let fix = step.fix.as_ref().map_or_else(String::new, |fix| {
        let block = |label: &str, text: &Option<String>| {
            text.as_deref().map_or_else(String::new, |text| {
                format!(
                    "<pre tabindex=\"0\" aria-label=\"{label}\"><code>{}</code></pre>",
                    Text(text)
                )
            })
        };
        let portal = fix.portal.as_deref().map_or_else(String::new, |path| {
            format!("<p>In the portal: {}</p>", Text(path))
        });
        let takes = fix
            .takes
            .map_or_else(String::new, |time| format!("<p>Takes {time}.</p>"));
        let bicep = match &fix.bicep {
            None => String::new(),
            bicep => format!(
                "<details><summary>Bicep</summary>{}</details>",
                block("Bicep", bicep)
            ),
        };
        format!(
            "<p>{}</p>{}{portal}{takes}{bicep}",
            Text(&fix.text),
            block("Command", &fix.command)
        )
    });
    format!(
        "<li class=\"{}\"><h2>{}: {}{code}</h2>{tried}{}{azure}{fix}</li>",
        step.state.as_str(),
        step.state.title(),
        step.title,
        paragraph(&step.cause),
    )
}
