//! Settings: where they are, and the person's own account.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::EntraIdentity;
use model::{Actor, Role, Secret};

use super::{
    Person, failed,
    form::Form,
    frame::{Frame, Section},
    html::{live, render, render_live, with_status},
    sign_in::{signed_in, signed_out},
};
use crate::{App, attempts::Guess, error::ApiError, extract::Query};

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    frame: Frame,
}

pub(crate) async fn settings(State(app): State<App>, Person(actor): Person) -> Response {
    let frame = Frame::load(&app, &actor, Section::Settings).await;
    render(frame.map(|frame| Settings { frame }))
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    form: Form,
    role: Role,
    /// Who signs in as this person at Entra ID.
    identity: Option<EntraIdentity>,
    offers_entra: bool,
    notice: Option<&'static str>,
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person, query: Query) -> Response {
    let changed = query.text("changed").is_some();
    let page = page(&app, &actor, Form::default()).await;
    let page = page.map(|page| Account {
        notice: changed
            .then_some("Your password is changed, and your sessions in other browsers have ended."),
        ..page
    });
    render_live(page, &app.engine.cloud().authority)
}

async fn page(app: &App, actor: &Actor, form: Form) -> Result<Account, ApiError> {
    Ok(Account {
        frame: Frame::load(app, actor, Section::Settings).await?,
        form,
        role: actor.role,
        identity: app.engine.entra_identity(actor).await?,
        offers_entra: app.engine.offers_entra_sign_in(),
        notice: None,
    })
}

/// A role for people.
pub(super) fn role_words(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Manager => "manager",
        Role::Annotator => "annotator",
        Role::ReadOnly => "read-only",
    }
}

/// What a role may do.
pub(super) fn role_meaning(role: Role) -> &'static str {
    match role {
        Role::Owner => "Everything: members, the connection to Azure and the audit log too.",
        Role::Manager => "Makes projects and storages, imports, syncs, exports, and labels.",
        Role::Annotator => "Labels tasks, and sees the projects.",
        Role::ReadOnly => "Sees projects, tasks and annotations, and changes nothing.",
    }
}

pub(crate) async fn change_password(
    State(app): State<App>,
    Person(actor): Person,
    form: Form,
) -> Response {
    match try_change(&app, &actor, &form).await {
        Ok(session) => match signed_in(&app, &session, actor.user_id) {
            Ok(cookies) => (cookies, Redirect::to("/settings/account?changed")).into_response(),
            Err(error) => failed(&error),
        },
        Err(error) if error.is_busy() => failed(&error),
        Err(error) => match page(&app, &actor, form.refused(&error)).await {
            Ok(page) => live(
                with_status(error.status(), page),
                &app.engine.cloud().authority,
            ),
            Err(error) => failed(&error),
        },
    }
}

/// The current password is guessed by whoever has the session, so wrong ones are limited.
async fn try_change(app: &App, actor: &Actor, form: &Form) -> Result<Secret, ApiError> {
    let secret = |name: &str| Secret::new(form.value(name));
    let guess = Guess::OwnPassword(actor.user_id);
    app.attempts.failed(guess)?;
    let changed = app
        .engine
        .change_password(actor, &secret("current_password"), &secret("password"))
        .await;
    let changed = changed.map_err(ApiError::from);
    let is_wrong = |error: &ApiError| {
        let mut fields = error.field_errors().iter();
        fields.any(|error| error.field == "current_password")
    };
    if !changed.as_ref().is_err_and(is_wrong) {
        app.attempts.succeeded(guess);
    }
    changed
}

pub(crate) async fn sign_out_everywhere(State(app): State<App>, Person(actor): Person) -> Response {
    match app.engine.sign_out_everywhere(&actor).await {
        Ok(()) => signed_out(&app),
        Err(error) => failed(&error.into()),
    }
}
