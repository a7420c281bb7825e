//! The person's API tokens: made and shown once, listed with their last use, revoked.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::{ApiToken, NamedToken, TokenKind};
use model::{Actor, ApiTokenId};

use super::{
    Person, failed,
    html::{Plain, Text, page, with_status},
    members_page::day,
};
use crate::{
    App,
    error::ApiError,
    extract::{Body, Id, moment},
    fields::{Fields, Given, Input},
};

/// The form for a new token.
pub(crate) struct TokenForm(NamedToken);

impl Input for TokenForm {
    fn read(fields: &mut Fields) -> Self {
        let name = fields.text("name").value().unwrap_or_default();
        let expires_in_days = match fields.text("expires_in_days") {
            Given::Value(text) if !text.trim().is_empty() => {
                let days = text.trim().parse().ok();
                if days.is_none() {
                    fields.wrong("expires_in_days", "Give a whole number of days.");
                }
                days
            }
            _ => None,
        };
        Self(NamedToken {
            name,
            expires_in_days,
        })
    }
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    shown(&app, &actor, StatusCode::OK, "").await
}

async fn shown(app: &App, actor: &Actor, status: StatusCode, note: &str) -> Response {
    match body(app, actor, note).await {
        Ok(html) => with_status(status, html),
        Err(error) => failed(&error),
    }
}

async fn body(app: &App, actor: &Actor, note: &str) -> Result<Plain, ApiError> {
    let who = app.engine.whoami(actor).await?;
    let tokens = app.engine.list_api_tokens(actor).await?;
    let rows: String = tokens.iter().map(row).collect();
    let html = format!(
        "<p><a href=\"/settings\">Settings</a></p>{note}\
         <table><thead><tr><th>Token</th><th>Created</th><th>Last used</th><th>Expires</th><th></th></tr></thead><tbody>{rows}</tbody></table>\
         <h2>Make a token</h2><p>A token acts in your name, with your role: <code>Authorization: Token …</code></p>\
         <form method=\"post\" action=\"/settings/tokens\" class=\"narrow\">\
         <label>What it is for <input name=\"name\" maxlength=\"100\" required></label>\
         <label>Days until it expires; empty for never <input type=\"number\" name=\"expires_in_days\" min=\"1\" max=\"3650\" value=\"90\"></label>\
         <button>Make a token</button></form>"
    );
    Ok(page("API tokens", Some(&who.user.email), &html))
}

fn row(token: &ApiToken) -> String {
    let name = match (token.kind, token.name.as_str()) {
        (TokenKind::Refresh, _) => "Personal access token",
        (TokenKind::Legacy, "") => "Unnamed token",
        (TokenKind::Legacy, name) => name,
    };
    let used = token
        .last_used_at_ms
        .map_or_else(|| "never".to_owned(), moment);
    format!(
        "<tr><td>{name}</td><td>{}</td><td>{used}</td><td>{}</td><td><form method=\"post\" action=\"/settings/tokens/{}/revoke\"><button aria-label=\"Revoke {name}\">Revoke</button></form></td></tr>",
        day(token.created_at_ms),
        token.expires_at_ms.map_or_else(|| "never".to_owned(), day),
        token.id,
        name = Text(name),
    )
}

pub(crate) async fn create(
    State(app): State<App>,
    Person(actor): Person,
    Body(TokenForm(new)): Body<TokenForm>,
) -> Response {
    match app.engine.create_named_token(&actor, &new).await {
        Ok(token) => {
            let note = format!(
                "<div role=\"status\"><p>The token is shown only now:</p><p><code class=\"secret\">{}</code></p></div>",
                Text(token.expose())
            );
            shown(&app, &actor, StatusCode::CREATED, &note).await
        }
        Err(error) => {
            let error = ApiError::from(error);
            let note = format!(
                "<p class=\"problem\" role=\"alert\">{}</p>",
                Text(&error.messages())
            );
            shown(&app, &actor, error.status(), &note).await
        }
    }
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ApiTokenId>,
) -> Response {
    match app.engine.revoke_token(&actor, id).await {
        Ok(()) => Redirect::to("/settings/tokens").into_response(),
        Err(error) => failed(&error.into()),
    }
}
