//! Members and invitations, for owners.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::{Actor, InviteId, Role, User, UserId};

use super::{
    Person,
    account::role_words,
    failed,
    html::{Plain, Text, page, with_status},
};
use crate::{
    App,
    api::{
        invites::{InviteInput, link},
        members::RoleInput,
    },
    error::ApiError,
    extract::{Body, Id, instant},
};

const PAGE: &str = "/settings/members";
const ROLES: [Role; 4] = [Role::Owner, Role::Manager, Role::Annotator, Role::ReadOnly];

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    shown(&app, &actor, StatusCode::OK, String::new()).await
}

/// The page under a note: the new link, or what did not work.
async fn shown(app: &App, actor: &Actor, status: StatusCode, note: String) -> Response {
    match body(app, actor, &note).await {
        Ok(html) => with_status(status, html),
        Err(error) => failed(&error),
    }
}

async fn refused(app: &App, actor: &Actor, error: ApiError) -> Response {
    let note = format!(
        "<p class=\"problem\" role=\"alert\">{}</p>",
        Text(&error.messages())
    );
    shown(app, actor, error.status(), note).await
}

async fn body(app: &App, actor: &Actor, note: &str) -> Result<Plain, ApiError> {
    let who = app.engine.whoami(actor).await?;
    let members = app.engine.list_members(actor).await?;
    let rows: String = members.iter().map(member_row).collect();
    let invites: String = app
        .engine
        .list_invites(actor)
        .await?
        .iter()
        .map(|invite| {
            format!(
                "<tr><td>{}</td><td>{}</td><td>until {}</td><td><form method=\"post\" action=\"/settings/invites/{}/revoke\"><button>Take back</button></form></td></tr>",
                Text(&invite.email),
                role_words(invite.role),
                day(invite.expires_at_ms),
                invite.id
            )
        })
        .collect();
    let invites = if invites.is_empty() {
        String::new()
    } else {
        format!(
            "<h2>Open invitations</h2><table><thead><tr><th>E-mail</th><th>Role</th><th>Valid</th><th></th></tr></thead><tbody>{invites}</tbody></table>"
        )
    };
    let html = format!(
        "<p><a href=\"/settings\">Settings</a></p>{note}\
         <table><thead><tr><th>Member</th><th>Since</th><th>Role</th><th></th></tr></thead><tbody>{rows}</tbody></table>\
         <p>Owners may do everything. Managers run projects, storages, syncs and exports. Annotators label. Read-only members look.</p>\
         <h2>Invite a person</h2><form method=\"post\" action=\"/settings/members/invite\" class=\"narrow\">\
         <label>E-mail <input type=\"email\" name=\"email\" required></label>\
         <label>Role {}</label><button>Make a link</button></form>{invites}",
        role_choice(Role::Annotator, "")
    );
    Ok(page("Members", Some(&who.user.email), &html))
}

fn member_row(member: &User) -> String {
    let name = format!("{} {}", member.first_name, member.last_name);
    format!(
        "<tr><td>{email}<br><small>{}</small></td><td>{}</td><td><form method=\"post\" action=\"/settings/members/{id}/role\">{} <button>Change role</button></form></td>\
         <td><form method=\"post\" action=\"/settings/members/{id}/remove\"><button aria-label=\"Remove {email}\">Remove</button></form></td></tr>",
        Text(name.trim()),
        day(member.created_at_ms),
        role_choice(member.role, &format!("Role of {}", member.email)),
        id = member.id,
        email = Text(&member.email),
    )
}

fn role_choice(chosen: Role, label: &str) -> String {
    let options: String = ROLES
        .into_iter()
        .map(|role| {
            let selected = if role == chosen { " selected" } else { "" };
            format!(
                "<option value=\"{}\"{selected}>{}</option>",
                role.as_str(),
                role_words(role)
            )
        })
        .collect();
    let label = if label.is_empty() {
        String::new()
    } else {
        format!(" aria-label=\"{}\"", Text(label))
    };
    format!("<select name=\"role\"{label}>{options}</select>")
}

/// `2026-11-21`.
pub(super) fn day(at_ms: i64) -> String {
    instant(at_ms).chars().take(10).collect()
}

pub(crate) async fn invite(
    State(app): State<App>,
    Person(actor): Person,
    Body(input): Body<InviteInput>,
) -> Response {
    let email = input.email.unwrap_or_default();
    match app.engine.create_invite(&actor, &email, input.role).await {
        Ok((invite, secret)) => {
            let note = format!(
                "<div role=\"status\"><p>Give this link to {}. It is shown only now, works once, and until {}:</p><p><code class=\"secret\">{}</code></p></div>",
                Text(&invite.email),
                day(invite.expires_at_ms),
                Text(&link(&app, &secret))
            );
            shown(&app, &actor, StatusCode::CREATED, note).await
        }
        Err(error) => refused(&app, &actor, error.into()).await,
    }
}

pub(crate) async fn revoke_invite(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<InviteId>,
) -> Response {
    let revoked = app.engine.revoke_invite(&actor, id).await;
    settled(&app, &actor, revoked).await
}

pub(crate) async fn change_role(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<UserId>,
    Body(input): Body<RoleInput>,
) -> Response {
    let changed = app.engine.change_role(&actor, id, input.role).await;
    settled(&app, &actor, changed.map(drop)).await
}

pub(crate) async fn remove(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<UserId>,
) -> Response {
    let removed = app.engine.remove_member(&actor, id).await;
    settled(&app, &actor, removed).await
}

async fn settled(app: &App, actor: &Actor, done: engine::Result<()>) -> Response {
    match done {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(error) => refused(app, actor, error.into()).await,
    }
}
