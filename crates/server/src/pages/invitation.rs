//! What an invited person sees: who invites them, and the form that makes them a member.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Method},
    response::{IntoResponse, Redirect, Response},
};
use engine::InvitedPerson;
use model::Secret;

use super::{
    account::role_words,
    failed,
    html::{Plain, Text, page, render, with_status},
    sign_in::session_cookie,
};
use crate::{
    App,
    attempts::Guess,
    auth::{ClientAddress, check_same_site},
    error::ApiError,
    extract::Body,
    fields::{Fields, Input},
};

/// What the invited person fills in.
pub(crate) struct InvitationForm(InvitedPerson);

impl Input for InvitationForm {
    fn read(fields: &mut Fields) -> Self {
        let mut text = |name| fields.text(name).value().unwrap_or_default();
        Self(InvitedPerson {
            first_name: text("first_name"),
            last_name: text("last_name"),
            password: Secret::new(text("password")),
        })
    }
}

/// The secret of the link.
type Link = Result<Path<String>, PathRejection>;

pub(crate) async fn show(State(app): State<App>, from: ClientAddress, link: Link) -> Response {
    let Ok(Path(secret)) = link else {
        return failed(&ApiError::not_found());
    };
    render(body(&app, from, &secret, "").await)
}

async fn body(
    app: &App,
    from: ClientAddress,
    secret: &str,
    problem: &str,
) -> Result<Plain, ApiError> {
    let guess = Guess::Token(from.0);
    app.attempts.check(&guess)?;
    let Ok(invite) = app.engine.open_invite(secret).await else {
        app.attempts.failed(guess);
        return Err(ApiError::invitation_gone());
    };
    let problem = match problem {
        "" => String::new(),
        text => format!("<p class=\"problem\" role=\"alert\">{}</p>", Text(text)),
    };
    let html = format!(
        "<p>You are invited to {} as {}, with the e-mail address {}.</p>{problem}\
         <form method=\"post\" class=\"narrow\">\
         <label>First name <input name=\"first_name\" autocomplete=\"given-name\"></label>\
         <label>Last name <input name=\"last_name\" autocomplete=\"family-name\"></label>\
         <label>Choose a password, at least 8 characters <input type=\"password\" name=\"password\" autocomplete=\"new-password\" minlength=\"8\" required></label>\
         <button>Become a member</button></form>",
        Text(&invite.organization),
        role_words(invite.role),
        Text(&invite.email),
    );
    Ok(page("Invitation", None, &html))
}

pub(crate) async fn accept(
    State(app): State<App>,
    headers: HeaderMap,
    from: ClientAddress,
    link: Link,
    Body(InvitationForm(person)): Body<InvitationForm>,
) -> Response {
    let Ok(Path(secret)) = link else {
        return failed(&ApiError::not_found());
    };
    if let Err(error) = check_same_site(&Method::POST, &headers, &app)
        .and_then(|()| app.attempts.check(&Guess::Token(from.0)))
    {
        return failed(&error);
    }
    match app.engine.accept_invite(&secret, &person).await {
        Ok((session, _)) => (session_cookie(&app, &session), Redirect::to("/")).into_response(),
        Err(error) => {
            let error = ApiError::from(error);
            match body(&app, from, &secret, &error.messages()).await {
                Ok(html) => with_status(error.status(), html),
                Err(error) => failed(&error),
            }
        }
    }
}
