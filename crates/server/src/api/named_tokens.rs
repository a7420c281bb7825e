//! The caller's API tokens by name: made, listed with their last use, revoked.

use axum::{Json, extract::State};
use engine::{ApiToken, NamedToken};
use model::{Actor, ApiTokenId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    extract::{Body, Id, instant},
    fields::{Fields, Input},
};

/// An API token, without its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct NamedTokenView {
    id: i64,
    /// What it is for; of a personal access token its `jti`.
    name: String,
    /// `legacy` (`Authorization: Token …`) or `refresh` (a personal access token).
    kind: &'static str,
    created_at: String,
    /// Null when it never expires.
    expires_at: Option<String>,
    /// To the minute; null when it was never used.
    last_used_at: Option<String>,
}

impl NamedTokenView {
    fn of(token: ApiToken) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            kind: token.kind.as_str(),
            created_at: instant(token.created_at_ms),
            expires_at: token.expires_at_ms.map(instant),
            last_used_at: token.last_used_at_ms.map(instant),
        }
    }
}

/// A new API token.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewTokenView {
    /// Shown this once: `Authorization: Token …`.
    token: String,
}

/// What a new token is for, and for how long.
#[derive(ToSchema)]
pub(crate) struct NamedTokenInput {
    #[schema(value_type = String)]
    name: Option<String>,
    /// None keeps it forever.
    expires_in_days: Option<i64>,
}

impl Input for NamedTokenInput {
    fn read(fields: &mut Fields) -> Self {
        let name = fields.text("name");
        Self {
            name: fields.required("name", name),
            expires_in_days: fields.int("expires_in_days").value(),
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
) -> Answer<Json<Vec<NamedTokenView>>> {
    let tokens = app.engine.list_api_tokens(&actor).await?;
    Ok(Json(tokens.into_iter().map(NamedTokenView::of).collect()))
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(input): Body<NamedTokenInput>,
) -> Answer<Created<NewTokenView>> {
    let new = NamedToken {
        name: input.name.unwrap_or_default(),
        expires_in_days: input.expires_in_days,
    };
    let token = app.engine.create_named_token(&actor, &new).await?;
    Ok(Created(NewTokenView {
        token: token.expose().to_owned(),
    }))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<ApiTokenId>,
) -> Answer<NoContent> {
    app.engine.revoke_token(&actor, id).await?;
    Ok(NoContent)
}
