//! Members and invitations, for owners.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::Invite;
use model::{Actor, InviteId, Role, User, UserId};

use super::{
    Person,
    account::{role_meaning, role_words},
    failed,
    form::Form,
    frame::{Frame, Section},
    html::{render, with_status},
};
use crate::{
    App,
    api::{
        invites::{InviteInput, link},
        members::RoleInput,
    },
    error::ApiError,
    extract::{Body, Id},
};

const PAGE: &str = "/settings/members";
const ROLES: [Role; 4] = [Role::Owner, Role::Manager, Role::Annotator, Role::ReadOnly];

#[derive(Template)]
#[template(path = "members.html")]
struct Members {
    frame: Frame,
    /// Of the invitation.
    form: Form,
    members: Vec<User>,
    invites: Vec<Invite>,
    /// Who looks at the page.
    own: UserId,
    made: Option<NewLink>,
    problem: Option<String>,
}

/// An invitation that was made just now: the only time its link is shown.
struct NewLink {
    invite: Invite,
    address: String,
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    render(
        page(
            &app,
            &actor,
            Form::filled([("role", "annotator".to_owned())]),
        )
        .await,
    )
}

async fn page(app: &App, actor: &Actor, form: Form) -> Result<Members, ApiError> {
    Ok(Members {
        members: app.engine.list_members(actor).await?,
        invites: app.engine.list_invites(actor).await?,
        frame: Frame::load(app, actor, Section::Settings).await?,
        form,
        own: actor.user_id,
        made: None,
        problem: None,
    })
}

impl Members {
    fn roles(&self) -> [(&'static str, &'static str, &'static str); 4] {
        ROLES.map(|role| (role.as_str(), role_words(role), role_meaning(role)))
    }
}

pub(crate) async fn invite(State(app): State<App>, Person(actor): Person, form: Form) -> Response {
    let invited = async {
        let input: InviteInput = form.fields().read()?;
        let email = input.email.unwrap_or_default();
        let (invite, secret) = app.engine.create_invite(&actor, &email, input.role).await?;
        let address = link(&app, &secret);
        Ok(NewLink { invite, address })
    };
    let shown = match invited.await {
        Ok(made) => page(
            &app,
            &actor,
            Form::filled([("role", "annotator".to_owned())]),
        )
        .await
        .map(|page| {
            let made = Some(made);
            (StatusCode::CREATED, Members { made, ..page })
        }),
        Err(error) if ApiError::field_errors(&error).is_empty() => Err(error),
        Err(error) => {
            let form = form.refused(&error);
            page(&app, &actor, form)
                .await
                .map(|page| (error.status(), page))
        }
    };
    match shown {
        Ok((status, page)) => with_status(status, page),
        Err(error) => failed(&error),
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

/// Back to the page, which says what forbids it.
async fn settled(app: &App, actor: &Actor, done: engine::Result<()>) -> Response {
    let error = match done {
        Ok(()) => return Redirect::to(PAGE).into_response(),
        Err(error) => ApiError::from(error),
    };
    if error.status() != StatusCode::CONFLICT {
        return failed(&error);
    }
    let problem = Some(error.messages());
    match page(app, actor, Form::default()).await {
        Ok(page) => with_status(error.status(), Members { problem, ..page }),
        Err(error) => failed(&error),
    }
}
