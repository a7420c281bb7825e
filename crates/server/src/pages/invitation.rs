//! What an invited person sees: who invites them, and the form that makes them a member.

use askama::Template;
use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Redirect, Response},
};
use engine::{InvitedPerson, OpenInvite};
use model::Secret;

use super::{
    failed,
    form::Form,
    frame::Frame,
    html::{render, with_status},
    sign_in::signed_in,
};
use crate::{App, attempts::Guess, auth::OurPage, client_address::ClientAddress, error::ApiError};

#[derive(Template)]
#[template(path = "invitation.html")]
struct Invitation {
    frame: Frame,
    form: Form,
    invite: OpenInvite,
}

/// The secret of the link.
type Link = Result<Path<String>, PathRejection>;

pub(crate) async fn show(State(app): State<App>, from: ClientAddress, link: Link) -> Response {
    let Ok(Path(secret)) = link else {
        return failed(&ApiError::not_found());
    };
    render(page(&app, from, &secret, Form::default()).await)
}

async fn page(
    app: &App,
    from: ClientAddress,
    secret: &str,
    form: Form,
) -> Result<Invitation, ApiError> {
    let invite = match app.engine.open_invite(secret).await {
        Ok(invite) => invite,
        Err(engine::Error::NotFound { .. }) => {
            app.attempts.failed(Guess::Invitation(from.0))?;
            return Err(ApiError::invitation_gone());
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Invitation {
        frame: Frame::nobody(),
        form: form.short(),
        invite,
    })
}

pub(crate) async fn accept(
    State(app): State<App>,
    _: OurPage,
    from: ClientAddress,
    link: Link,
    form: Form,
) -> Response {
    let Ok(Path(secret)) = link else {
        return failed(&ApiError::not_found());
    };
    let person = InvitedPerson {
        first_name: form.value("first_name").to_owned(),
        last_name: form.value("last_name").to_owned(),
        password: Secret::new(form.value("password")),
    };
    match app.engine.accept_invite(&secret, &person).await {
        Ok((session, actor)) => match signed_in(&app, &session, actor.user_id) {
            Ok(cookies) => (cookies, Redirect::to("/")).into_response(),
            Err(error) => failed(&error),
        },
        Err(error) => {
            let error = ApiError::from(error);
            if error.is_busy() {
                return failed(&error);
            }
            match page(&app, from, &secret, form.refused(&error)).await {
                Ok(page) => with_status(error.status(), page),
                Err(error) => failed(&error),
            }
        }
    }
}
