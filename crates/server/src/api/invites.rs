//! Invitations to the caller's organization.

use axum::{Json, extract::State};
use engine::Invite;
use model::{Actor, InviteId, Role, Secret};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent, members::read_role},
    extract::{Body, Id, instant},
    fields::{Fields, Input},
};

/// An invitation that can still be accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct InviteView {
    id: i64,
    email: String,
    /// `owner`, `manager`, `annotator` or `read_only`.
    role: &'static str,
    /// E-mail of whoever invited; without their rights the invitation ends.
    created_by: String,
    created_at: String,
    expires_at: String,
    /// The link, only when it is made: whoever opens it becomes the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl InviteView {
    fn of(invite: Invite, url: Option<String>) -> Self {
        Self {
            id: invite.id.0,
            email: invite.email,
            role: invite.role.as_str(),
            created_by: invite.created_by_email,
            created_at: instant(invite.created_at_ms),
            expires_at: instant(invite.expires_at_ms),
            url,
        }
    }
}

/// Whom to invite.
#[derive(ToSchema)]
pub(crate) struct InviteInput {
    #[schema(value_type = String)]
    pub(crate) email: Option<String>,
    /// `owner`, `manager`, `annotator` or `read_only`.
    #[schema(value_type = String)]
    pub(crate) role: Role,
}

impl Input for InviteInput {
    fn read(fields: &mut Fields) -> Self {
        let email = fields.text("email");
        Self {
            email: fields.required("email", email),
            role: read_role(fields),
        }
    }
}

/// The link to give to the invited person.
pub(crate) fn link(app: &App, secret: &Secret) -> String {
    let base = app.settings.public_url.as_str().trim_end_matches('/');
    format!("{base}/invite/{}", secret.expose())
}

pub(crate) async fn list(State(app): State<App>, actor: Actor) -> Answer<Json<Vec<InviteView>>> {
    let invites = app.engine.list_invites(&actor).await?;
    let views = invites
        .into_iter()
        .map(|invite| InviteView::of(invite, None));
    Ok(Json(views.collect()))
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(input): Body<InviteInput>,
) -> Answer<Created<InviteView>> {
    let email = input.email.unwrap_or_default();
    let (invite, secret) = app.engine.create_invite(&actor, &email, input.role).await?;
    let url = link(&app, &secret);
    Ok(Created(InviteView::of(invite, Some(url))))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<InviteId>,
) -> Answer<NoContent> {
    app.engine.revoke_invite(&actor, id).await?;
    Ok(NoContent)
}
