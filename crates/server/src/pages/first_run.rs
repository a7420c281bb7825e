//! The first run: the page behind the link that the server prints while nobody can sign in. It makes
//! the organization and its owner, and signs them in.

use askama::Template;
use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Redirect, Response},
};
use engine::FirstOwner;
use model::Secret;

use super::{
    failed,
    form::Form,
    frame::Frame,
    html::{render, with_status},
    sign_in::session_cookie,
};
use crate::{App, attempts::Guess, auth::OurPage, client_address::ClientAddress, error::ApiError};

#[derive(Template)]
#[template(path = "first_run.html")]
struct FirstRun {
    frame: Frame,
    form: Form,
}

/// The secret of the link.
type Link = Result<Path<String>, PathRejection>;

pub(crate) async fn show(State(app): State<App>, from: ClientAddress, link: Link) -> Response {
    let form = Form::filled([("organization", app.settings.organization.clone())]);
    let opened = open(&app, from, link).await;
    render(opened.map(|_| page(form)))
}

fn page(form: Form) -> FirstRun {
    FirstRun {
        frame: Frame::nobody(),
        form: form.short(),
    }
}

/// The link's secret, when it is the right one.
async fn open(app: &App, from: ClientAddress, link: Link) -> Result<String, ApiError> {
    let Path(secret) = link.map_err(|_| ApiError::not_found())?;
    match app.engine.open_first_run(&secret).await {
        Ok(()) => Ok(secret),
        Err(engine::Error::NotFound { .. }) => {
            app.attempts.failed(Guess::FirstRun(from.0))?;
            Err(ApiError::first_run_over())
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn finish(
    State(app): State<App>,
    _: OurPage,
    from: ClientAddress,
    link: Link,
    form: Form,
) -> Response {
    let secret = match open(&app, from, link).await {
        Ok(secret) => secret,
        Err(error) => return failed(&error),
    };
    let owner = FirstOwner {
        email: form.value("email").to_owned(),
        password: Secret::new(form.value("password")),
        organization: form.value("organization").trim().to_owned(),
        token: None,
    };
    match app.engine.finish_first_run(&secret, &owner).await {
        Ok(session) => (session_cookie(&app, &session), Redirect::to("/")).into_response(),
        Err(error) => {
            let error = ApiError::from(error);
            if error.is_busy() {
                return failed(&error);
            }
            with_status(error.status(), page(form.refused(&error)))
        }
    }
}
