//! The person's API tokens: made and shown once, listed with their last use, revoked.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::{ApiToken, NamedToken, TokenKind};
use model::{Actor, ApiTokenId};

use super::{
    Person, failed,
    form::Form,
    frame::{Frame, Section},
    html::{render, with_status},
};
use crate::{App, error::ApiError, extract::Id};

const DEFAULT_DAYS: &str = "90";

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    frame: Frame,
    form: Form,
    tokens: Vec<ApiToken>,
    /// Shown this once.
    made: Option<String>,
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    render(page(&app, &actor, new_form()).await)
}

fn new_form() -> Form {
    Form::filled([("expires_in_days", DEFAULT_DAYS.to_owned())])
}

async fn page(app: &App, actor: &Actor, form: Form) -> Result<Tokens, ApiError> {
    Ok(Tokens {
        frame: Frame::load(app, actor, Section::Settings).await?,
        tokens: app.engine.list_api_tokens(actor).await?,
        form,
        made: None,
    })
}

impl Tokens {
    /// What the token is called on the page.
    fn name<'a>(&self, token: &'a ApiToken) -> &'a str {
        match (token.kind, token.name.as_str()) {
            (TokenKind::Refresh, _) => "Personal access token",
            (TokenKind::Legacy, "") => "Unnamed token",
            (TokenKind::Legacy, name) => name,
        }
    }
}

pub(crate) async fn create(
    State(app): State<App>,
    Person(actor): Person,
    mut form: Form,
) -> Response {
    let expires_in_days = match form.value("expires_in_days").trim() {
        "" => None,
        days => match days.parse() {
            Ok(days) => Some(days),
            Err(_) => {
                form.wrong("expires_in_days", "Give a whole number of days.");
                None
            }
        },
    };
    let new = NamedToken {
        name: form.value("name").to_owned(),
        expires_in_days,
    };
    let (status, form, made) = if form.has_errors() {
        (StatusCode::BAD_REQUEST, form, None)
    } else {
        match app.engine.create_named_token(&actor, &new).await {
            Ok(token) => (
                StatusCode::CREATED,
                new_form(),
                Some(token.expose().to_owned()),
            ),
            Err(error) => {
                let error = ApiError::from(error);
                (error.status(), form.refused(&error), None)
            }
        }
    };
    match page(&app, &actor, form).await {
        Ok(page) => with_status(status, Tokens { made, ..page }),
        Err(error) => failed(&error),
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
