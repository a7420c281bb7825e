//! Settings: where they are, and the person's own account.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use model::{Actor, Permission, Secret};

use super::{
    Person,
    html::{Plain, Text, live, page, render, render_live, with_status},
    sign_in::{ended_session, session_cookie},
};
use crate::{
    App,
    error::ApiError,
    extract::Body,
    fields::{Fields, Input},
};

/// The form for another password.
pub(crate) struct PasswordForm {
    current: Secret,
    new: Secret,
}

impl Input for PasswordForm {
    fn read(fields: &mut Fields) -> Self {
        let current = fields.text("current_password").value();
        let new = fields.text("password").value();
        Self {
            current: Secret::new(current.unwrap_or_default()),
            new: Secret::new(new.unwrap_or_default()),
        }
    }
}

pub(crate) async fn settings(State(app): State<App>, Person(actor): Person) -> Response {
    render(settings_body(&app, &actor).await)
}

async fn settings_body(app: &App, actor: &Actor) -> Result<Plain, ApiError> {
    const OWN: [(&str, &str, &str); 2] = [
        ("account", "Account", "your password and your sessions"),
        ("tokens", "API tokens", "for scripts and the SDK"),
    ];
    const OF_OWNERS: [(&str, &str, &str); 3] = [
        (
            "members",
            "Members",
            "who belongs to the organization, and their roles",
        ),
        ("integrations", "Integrations", "Connect to Azure"),
        ("audit", "Audit", "who did and saw what"),
    ];
    let who = app.engine.whoami(actor).await?;
    let of_owners: &[_] = if actor.may(Permission::ManageOrganization) {
        &OF_OWNERS
    } else {
        &[]
    };
    let links: String = OWN
        .iter()
        .chain(of_owners)
        .map(|(path, name, what)| {
            format!("<li><a href=\"/settings/{path}\">{name}</a>: {what}</li>")
        })
        .collect();
    Ok(page(
        "Settings",
        Some(&who.user.email),
        &format!("<p>{}</p><ul>{links}</ul>", Text(&who.organization)),
    ))
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    let body = account_body(&app, &actor, "").await;
    render_live(body, &app.engine.cloud().authority)
}

async fn account_body(app: &App, actor: &Actor, problem: &str) -> Result<Plain, ApiError> {
    let who = app.engine.whoami(actor).await?;
    let problem = match problem {
        "" => String::new(),
        text => format!("<p class=\"problem\" role=\"alert\">{}</p>", Text(text)),
    };
    let entra = entra_section(app, actor).await?;
    let body = format!(
        "<p>{} in {}, as {}.</p>{problem}\
         <h2>Password</h2><form method=\"post\" action=\"/settings/account/password\" class=\"narrow\">\
         <label>Current password <input type=\"password\" name=\"current_password\" autocomplete=\"current-password\" required></label>\
         <label>New password, at least 8 characters <input type=\"password\" name=\"password\" autocomplete=\"new-password\" minlength=\"8\" required></label>\
         <button>Change password</button></form>{entra}\
         <h2>Sessions</h2><p>Ends every session of yours, in every browser, and revokes your personal access tokens. <a href=\"/settings/tokens\">API tokens</a> for scripts stay until you revoke them.</p>\
         <form method=\"post\" action=\"/settings/account/sign-out-everywhere\"><button>Sign out everywhere</button></form>",
        Text(&who.user.email),
        Text(&who.organization),
        role_words(actor.role),
    );
    Ok(page("Account", Some(&who.user.email), &body))
}

/// What signs the person in at Entra ID, when the operator has registered an app.
async fn entra_section(app: &App, actor: &Actor) -> Result<String, ApiError> {
    let identity = app.engine.entra_identity(actor).await?;
    let inner = match identity {
        Some(identity) => format!(
            "<p>{} of the tenant <code>{}</code> (object id <code>{}</code>) signs in as you.</p>\
             <form method=\"post\" action=\"/settings/account/entra/remove\"><button>Remove</button></form>",
            Text(identity.username.as_deref().unwrap_or("An account")),
            Text(&identity.tenant_id),
            Text(&identity.object_id),
        ),
        None if app.engine.offers_entra_sign_in() => {
            "<p>Sign in once at Entra ID with your work or school account; your password keeps working.</p>\
             <form method=\"post\" action=\"/settings/account/entra\"><button>Sign in with Entra ID from now on</button></form>"
                .to_owned()
        }
        None => return Ok(String::new()),
    };
    Ok(format!("<h2>Entra ID</h2>{inner}"))
}

/// A role for people.
pub(super) fn role_words(role: model::Role) -> &'static str {
    match role {
        model::Role::Owner => "owner",
        model::Role::Manager => "manager",
        model::Role::Annotator => "annotator",
        model::Role::ReadOnly => "read-only",
    }
}

pub(crate) async fn change_password(
    State(app): State<App>,
    Person(actor): Person,
    Body(form): Body<PasswordForm>,
) -> Response {
    let changed = app
        .engine
        .change_password(&actor, &form.current, &form.new)
        .await;
    match changed {
        Ok(session) => (
            session_cookie(&app, &session),
            Redirect::to("/settings/account"),
        )
            .into_response(),
        Err(error) => {
            let error = ApiError::from(error);
            match account_body(&app, &actor, &error.messages()).await {
                Ok(html) => live(
                    with_status(error.status(), html),
                    &app.engine.cloud().authority,
                ),
                Err(error) => super::failed(&error),
            }
        }
    }
}

pub(crate) async fn sign_out_everywhere(State(app): State<App>, Person(actor): Person) -> Response {
    match app.engine.sign_out_everywhere(&actor).await {
        Ok(()) => (ended_session(&app), Redirect::to("/user/login")).into_response(),
        Err(error) => super::failed(&error.into()),
    }
}
