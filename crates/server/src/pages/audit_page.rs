//! The audit log for owners: filtered, paged, downloaded as JSON lines.

use axum::{extract::State, response::Response};
use engine::{AuditAction, AuditRecord};
use model::Actor;

use super::{
    Person,
    html::{Plain, Text, page, render},
};
use crate::{
    App,
    api::audit::read_query,
    error::ApiError,
    extract::{Query, instant},
};

pub(crate) async fn show(State(app): State<App>, Person(actor): Person, query: Query) -> Response {
    render(body(&app, &actor, &query).await)
}

async fn body(app: &App, actor: &Actor, query: &Query) -> Result<Plain, ApiError> {
    let asked = read_query(query)?;
    let who = app.engine.whoami(actor).await?;
    let records = app.engine.list_audit(actor, &asked).await?;
    let rows: String = records.iter().map(row).collect();
    let table = if records.is_empty() {
        "<p>Nothing matches.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th>When (UTC)</th><th>Who</th><th>What</th><th>Of</th><th>Detail</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    let older = match records.last() {
        Some(last) if records.len() as i64 == asked.limit => format!(
            "<p><a href=\"/settings/audit?{}\">Older</a></p>",
            Text(&query.with("before_id", &last.id.to_string()))
        ),
        _ => String::new(),
    };
    let chosen = asked.action.as_deref().unwrap_or_default();
    let actions: String = AuditAction::ALL
        .iter()
        .map(|action| {
            let selected = if action.as_str() == chosen {
                " selected"
            } else {
                ""
            };
            format!(
                "<option value=\"{}\"{selected}>{}</option>",
                action.as_str(),
                action.title()
            )
        })
        .collect();
    let html = format!(
        "<p><a href=\"/settings\">Settings</a></p>\
         <form method=\"get\" action=\"/settings/audit\" class=\"row\">\
         <label>Search <input type=\"search\" name=\"search\" value=\"{}\"></label>\
         <label>What <select name=\"action\"><option value=\"\">Everything</option>{actions}</select></label>\
         <label>Since <input type=\"date\" name=\"since\" value=\"{}\"></label>\
         <label>Event id or <code>scid</code> <input name=\"event_id\" value=\"{}\"></label>\
         <button>Show</button></form>\
         {table}{older}<p><a href=\"/api/audit/export?{}\">Download as JSON lines</a></p>",
        Text(asked.search.as_deref().unwrap_or_default()),
        Text(query.text("since").unwrap_or_default()),
        Text(asked.event_id.as_deref().unwrap_or_default()),
        Text(&query.without("before_id")),
    );
    Ok(page("Audit", Some(&who.user.email), &html))
}

fn row(record: &AuditRecord) -> String {
    let at: String = instant(record.at_ms).chars().take(19).collect();
    let title = AuditAction::ALL
        .iter()
        .find(|action| action.as_str() == record.action)
        .map_or(record.action.as_str(), |action| action.title());
    let who = record.actor_email.as_deref().unwrap_or("Longshore");
    let detail = if record.detail == "{}" {
        ""
    } else {
        &record.detail
    };
    format!(
        "<tr><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
        Text(&record.event_id),
        at.replace('T', " "),
        Text(who),
        Text(title),
        Text(&record.subject),
        Text(detail),
    )
}
