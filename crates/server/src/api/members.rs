//! Members of the caller's organization.

use axum::{Json, extract::State};
use model::{Actor, Role, User, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, NoContent},
    extract::{Change, Id, instant},
    fields::{Fields, Input},
};

/// A member.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberView {
    id: i64,
    email: String,
    first_name: String,
    last_name: String,
    /// `owner`, `manager`, `annotator` or `read_only`.
    role: &'static str,
    created_at: String,
}

impl MemberView {
    fn of(user: User) -> Self {
        Self {
            id: user.id.0,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            role: user.role.as_str(),
            created_at: instant(user.created_at_ms),
        }
    }
}

/// Another role.
#[derive(ToSchema)]
pub(crate) struct RoleInput {
    /// `owner`, `manager`, `annotator` or `read_only`.
    #[schema(value_type = String)]
    pub(crate) role: Role,
}

impl Input for RoleInput {
    fn read(fields: &mut Fields) -> Self {
        Self {
            role: read_role(fields),
        }
    }
}

/// The field `role`; what is wrong with it is reported, and the input with it refused.
pub(crate) fn read_role(fields: &mut Fields) -> Role {
    let given = fields.text("role");
    let Some(text) = fields.required("role", given) else {
        return Role::ReadOnly;
    };
    Role::parse(&text).unwrap_or_else(|| {
        fields.wrong("role", "One of owner, manager, annotator and read_only.");
        Role::ReadOnly
    })
}

pub(crate) async fn list(State(app): State<App>, actor: Actor) -> Answer<Json<Vec<MemberView>>> {
    let members = app.engine.list_members(&actor).await?;
    Ok(Json(members.into_iter().map(MemberView::of).collect()))
}

pub(crate) async fn change_role(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<UserId>,
    change: Change<RoleInput>,
) -> Answer<Json<MemberView>> {
    let current = async || {
        let members = app.engine.list_members(&actor).await?;
        let member = members.into_iter().find(|member| member.id == id);
        let member = member.ok_or_else(|| engine::Error::not_found("member", id))?;
        Ok(MemberView::of(member))
    };
    let input = change.of(current).await?;
    let member = app.engine.change_role(&actor, id, input.role).await?;
    Ok(Json(MemberView::of(member)))
}

pub(crate) async fn remove(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<UserId>,
) -> Answer<NoContent> {
    app.engine.remove_member(&actor, id).await?;
    Ok(NoContent)
}

pub(crate) async fn sign_out_everywhere(State(app): State<App>, actor: Actor) -> Answer<NoContent> {
    app.engine.sign_out_everywhere(&actor).await?;
    Ok(NoContent)
}
