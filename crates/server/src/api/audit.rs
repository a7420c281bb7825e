//! The audit log: a page at a time, or all that was asked for as JSON lines.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use engine::{AuditQuery, AuditRecord};
use futures_util::stream;
use model::Actor;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::Answer,
    error::ApiError,
    extract::{Query, instant},
    parameters::{Parameter, count, id, text},
    stranger::{Shown, put_on},
};

/// What the log can be asked by.
pub(crate) const PARAMETERS: [Parameter; 8] = [
    text("search"),
    text("action"),
    text("user"),
    text("subject"),
    text("event_id"),
    text("since"),
    text("until"),
    id("before_id"),
];
/// Entries of one page.
pub(crate) const LIMIT: Parameter = count("limit", 1_000);
/// The `user` of what the operator's commands did.
const OPERATOR: &str = "operator";
const PAGE: i64 = 100;
const DAY_MS: i64 = 24 * 3600 * 1000;
const EXPORT_PAGE: i64 = 1_000;

/// One entry.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditView {
    id: i64,
    /// A GUID; of `blob.sign` also the `scid` of the user delegation SAS.
    event_id: String,
    at: String,
    /// `person`, `operator` (a command of the program) or `longshore` (its workers).
    by: &'static str,
    /// The person's id; null for the operator's commands and the workers.
    user: Option<i64>,
    email: Option<String>,
    /// `blob.sign`, for instance.
    action: String,
    /// `task/7`, for instance.
    subject: String,
    #[schema(value_type = Object)]
    detail: Box<RawValue>,
}

impl AuditView {
    fn of(record: AuditRecord) -> Self {
        let by = whose(&record);
        Self {
            id: record.id,
            event_id: record.event_id,
            at: instant(record.at_ms),
            by,
            user: record.actor.map(|user| user.0),
            email: record.actor_email,
            action: record.action,
            subject: record.subject,
            detail: RawValue::from_string(record.detail).unwrap_or_default(),
        }
    }
}

/// Whose an entry is, in one word.
pub(crate) fn whose(record: &AuditRecord) -> &'static str {
    match record.actor {
        Some(_) => "person",
        None if record.is_by_operator() => OPERATOR,
        None => "longshore",
    }
}

/// Reads what is asked for.
pub(crate) fn read_query(query: &Query) -> Result<AuditQuery, ApiError> {
    let text = |name| {
        let text = query.text(name).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let is_operator = text("user").as_deref() == Some(OPERATOR);
    let since_ms = text("since").map(|text| moment_of("since", &text, 0));
    // A day is meant with all of it.
    let until_ms = text("until").map(|text| moment_of("until", &text, DAY_MS));
    Ok(AuditQuery {
        search: text("search"),
        action: text("action"),
        actor: if is_operator { None } else { query.id("user")? },
        by_operator: is_operator,
        subject: text("subject"),
        event_id: text("event_id").map(|id| id.to_lowercase()),
        since_ms: since_ms.transpose()?,
        until_ms: until_ms.transpose()?,
        before_id: query.id("before_id")?,
        limit: query.id("limit")?.unwrap_or(PAGE),
    })
}

/// An instant, or a day's beginning and so much more.
fn moment_of(name: &str, text: &str, more_ms: i64) -> Result<i64, ApiError> {
    let parse = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let instant = parse(text).map(jiff::Timestamp::as_millisecond);
    let day = || parse(&format!("{text}T00:00:00Z")).map(|at| at.as_millisecond() + more_ms);
    instant.or_else(day).ok_or_else(|| {
        let message = "Give a day or an instant, like 2026-11-21T08:00:00Z.";
        engine::Error::field(name, message).into()
    })
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
    query: Query,
) -> Answer<Json<Vec<AuditView>>> {
    let records = app.engine.list_audit(&actor, &read_query(&query)?).await?;
    Ok(Json(records.into_iter().map(AuditView::of).collect()))
}

/// One object a line, read from the database page by page while the client takes them. An error
/// on the way ends the connection: no file looks whole that is not.
pub(crate) async fn export(State(app): State<App>, actor: Actor, query: Query) -> Answer<Response> {
    let asked = AuditQuery {
        limit: EXPORT_PAGE,
        ..read_query(&query)?
    };
    let first = app.engine.export_audit(&actor, &asked).await?;
    let pages = stream::try_unfold(Some(first), move |page| {
        let (app, asked) = (app.clone(), asked.clone());
        async move {
            let Some(page) = page else { return Ok(None) };
            let next = match page.last() {
                Some(last) if page.len() as i64 == EXPORT_PAGE => {
                    let older = AuditQuery {
                        before_id: Some(last.id),
                        ..asked
                    };
                    let page = app.engine.go_on_exporting_audit(&actor, &older);
                    Some(page.await?)
                }
                _ => None,
            };
            Ok::<_, engine::Error>(Some((lines(page), next)))
        }
    });
    let headers = [
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"longshore-audit.jsonl\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, Body::from_stream(pages)).into_response();
    put_on(&Shown::file("application/x-ndjson"), response.headers_mut());
    Ok(response)
}

fn lines(records: Vec<AuditRecord>) -> Bytes {
    let mut text = String::new();
    for record in records {
        // Its parts are texts, numbers and JSON that was parsed: there is nothing to fail.
        text += &serde_json::to_string(&AuditView::of(record)).unwrap_or_default();
        text.push('\n');
    }
    text.into()
}
