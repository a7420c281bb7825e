//! API tokens: personal access tokens (refresh JWTs) and the access tokens made from them.

use axum::{Json, extract::State};
use model::Actor;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    client_address::ClientAddress,
    error::ApiError,
    extract::Body,
    fields::{Fields, Input},
};

/// A personal access token: whole when it is made, without its signature in lists.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    token: String,
}

/// Good for five minutes as `Authorization: Bearer …`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Access {
    access: String,
}

/// A new personal access token in the place of the old one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refresh {
    refresh: String,
}

/// Which kinds of tokens are on: always both.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenSettings {
    api_tokens_enabled: bool,
    legacy_api_tokens_enabled: bool,
}

const BOTH_ON: TokenSettings = TokenSettings {
    api_tokens_enabled: true,
    legacy_api_tokens_enabled: true,
};

/// A personal access token.
#[derive(ToSchema)]
pub(crate) struct RefreshInput {
    #[schema(value_type = String)]
    refresh: Option<String>,
}

impl Input for RefreshInput {
    fn read(fields: &mut Fields) -> Self {
        let refresh = fields.text("refresh");
        Self {
            refresh: fields.required("refresh", refresh),
        }
    }
}

impl RefreshInput {
    fn token(&self) -> &str {
        self.refresh.as_deref().unwrap_or_default()
    }
}

/// Label Studio's token settings.
#[derive(ToSchema)]
pub(crate) struct TokenSettingsInput {
    api_tokens_enabled: Option<bool>,
    legacy_api_tokens_enabled: Option<bool>,
    /// Accepted and not used: a token lives a year.
    #[expect(dead_code, reason = "part of the documented input")]
    api_token_ttl_days: Option<i64>,
}

impl Input for TokenSettingsInput {
    fn read(fields: &mut Fields) -> Self {
        let input = Self {
            api_tokens_enabled: fields.flag("api_tokens_enabled").value(),
            legacy_api_tokens_enabled: fields.flag("legacy_api_tokens_enabled").value(),
            api_token_ttl_days: fields.int("api_token_ttl_days").value(),
        };
        for (name, wanted) in [
            ("api_tokens_enabled", input.api_tokens_enabled),
            ("legacy_api_tokens_enabled", input.legacy_api_tokens_enabled),
        ] {
            if wanted == Some(false) {
                fields.wrong(name, "Both kinds of tokens are always on here.");
            }
        }
        input
    }
}

pub(crate) async fn settings(_: Actor) -> Json<TokenSettings> {
    Json(BOTH_ON)
}

pub(crate) async fn update_settings(
    _: Actor,
    Body(_): Body<TokenSettingsInput>,
) -> Json<TokenSettings> {
    Json(BOTH_ON)
}

pub(crate) async fn list(State(app): State<App>, actor: Actor) -> Answer<Json<Vec<TokenView>>> {
    let tokens = app.engine.list_refresh_tokens(&actor).await?;
    Ok(Json(
        tokens
            .into_iter()
            .map(|token| TokenView { token })
            .collect(),
    ))
}

pub(crate) async fn create(State(app): State<App>, actor: Actor) -> Answer<Created<TokenView>> {
    let token = app.engine.create_refresh_token(&actor).await?;
    Ok(Created(TokenView {
        token: token.expose().to_owned(),
    }))
}

pub(crate) async fn refresh(
    State(app): State<App>,
    from: ClientAddress,
    Body(input): Body<RefreshInput>,
) -> Answer<Json<Access>> {
    let access = app.engine.refresh_access(input.token()).await;
    let access = access.map_err(|error| refused(&app, from, &input, error))?;
    Ok(Json(Access {
        access: access.expose().to_owned(),
    }))
}

pub(crate) async fn rotate(
    State(app): State<App>,
    from: ClientAddress,
    Body(input): Body<RefreshInput>,
) -> Answer<Json<Refresh>> {
    let refresh = app.engine.rotate_refresh(input.token()).await;
    let refresh = refresh.map_err(|error| refused(&app, from, &input, error))?;
    Ok(Json(Refresh {
        refresh: refresh.expose().to_owned(),
    }))
}

/// A token that is none is counted as one in the header would be.
fn refused(
    app: &App,
    ClientAddress(from): ClientAddress,
    input: &RefreshInput,
    error: engine::Error,
) -> ApiError {
    let refused = ApiError::of_refresh_token(error);
    if !refused.is_unauthenticated() {
        return refused;
    }
    let counted = app
        .attempts
        .credential_failed(from, input.token().as_bytes());
    counted.err().unwrap_or(refused)
}

pub(crate) async fn blacklist(
    State(app): State<App>,
    actor: Actor,
    Body(input): Body<RefreshInput>,
) -> Answer<NoContent> {
    app.engine.blacklist_refresh(&actor, input.token()).await?;
    Ok(NoContent)
}
