//! The audit log for owners: filtered by the address, paged, downloaded as JSON lines.

use askama::Template;
use axum::{extract::State, response::Response};
use engine::{AuditAction, AuditQuery, AuditRecord};
use model::{Actor, User};
use serde_json::{Map, Value};

use super::{
    Person,
    frame::{Frame, Section},
    html::render,
};
use crate::{
    App,
    api::audit::{read_query, whose},
    error::ApiError,
    extract::{Query, moment},
};

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    members: Vec<User>,
    asked: AuditQuery,
    since: String,
    until: String,
    is_filtered: bool,
    entries: Vec<Entry>,
    /// Where the next page is.
    older: Option<String>,
    /// Is this a later page than the first?
    newest: Option<String>,
    download: String,
}

/// An entry as the page says it.
struct Entry {
    event_id: String,
    at_ms: i64,
    who: String,
    what: String,
    subject: String,
    /// Where the subject is seen, if it has a page.
    address: Option<String>,
    details: Vec<(String, String)>,
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person, query: Query) -> Response {
    render(page(&app, &actor, &query).await)
}

async fn page(app: &App, actor: &Actor, query: &Query) -> Result<Audit, ApiError> {
    let asked = read_query(query)?;
    let records = app.engine.list_audit(actor, &asked).await?;
    let older = records
        .last()
        .filter(|_| records.len() as i64 == asked.limit)
        .map(|last| query.with("before_id", &last.id.to_string()));
    let text = |name| query.text(name).unwrap_or_default().to_owned();
    let names = [
        "search", "action", "user", "subject", "since", "until", "event_id",
    ];
    let first = query.without("before_id");
    Ok(Audit {
        frame: Frame::load(app, actor, Section::Audit).await?,
        members: app.engine.list_members(actor).await?,
        since: text("since"),
        until: text("until"),
        is_filtered: names.iter().any(|name| !text(name).trim().is_empty()),
        entries: records.into_iter().map(Entry::of).collect(),
        older: older.map(|query| format!("/settings/audit?{query}")),
        newest: asked.before_id.map(|_| format!("/settings/audit?{first}")),
        download: format!("/api/audit/export?{first}"),
        asked,
    })
}

impl Audit {
    fn actions(&self) -> &'static [AuditAction] {
        AuditAction::ALL
    }

    fn is_action(&self, action: &AuditAction) -> bool {
        self.asked.action.as_deref() == Some(action.as_str())
    }

    fn is_user(&self, member: &User) -> bool {
        self.asked.actor == Some(member.id)
    }
}

impl Entry {
    fn of(record: AuditRecord) -> Self {
        let known = AuditAction::ALL
            .iter()
            .find(|action| action.as_str() == record.action);
        let details: Map<String, Value> = serde_json::from_str(&record.detail).unwrap_or_default();
        let by = whose(&record);
        Self {
            event_id: record.event_id,
            at_ms: record.at_ms,
            who: match (by, record.actor_email, record.actor) {
                (_, Some(email), _) => email,
                (_, None, Some(user)) => format!("A former user (user/{user})"),
                ("operator", ..) => "The operator, by a command".to_owned(),
                _ => "Longshore".to_owned(),
            },
            what: known.map_or(record.action.clone(), |action| action.title().to_owned()),
            address: address_of(&record.subject),
            subject: record.subject,
            details: details
                .into_iter()
                .filter(|(name, value)| !value.is_null() && name != "by")
                .map(
                    |(name, value)| match (name.strip_suffix("_ms"), value.as_i64()) {
                        (Some(name), Some(at_ms)) => (name.to_owned(), moment(at_ms)),
                        _ => (name.replace('_', " "), said(value)),
                    },
                )
                .collect(),
        }
    }
}

/// A detail for people: what an object holds by name, what it does not say left out.
fn said(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            let members = members.map(|(name, value)| match value {
                Value::Object(_) => format!("{} ({})", name.replace('_', " "), said(value)),
                value => format!("{} {}", name.replace('_', " "), said(value)),
            });
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => {
            let items = items.into_iter().map(said);
            items.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// The page of a subject such as `project/3`; it may have been deleted since.
fn address_of(subject: &str) -> Option<String> {
    let (kind, id) = subject.split_once('/')?;
    match kind {
        "project" => Some(format!("/projects/{id}")),
        "storage" => Some(format!("/storages/{id}")),
        "azure_link" => Some(format!("/settings/integrations/{id}")),
        _ => None,
    }
}
