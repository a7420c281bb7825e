//! Azure links: state, unlinking, grants and claims. Connecting needs a browser: `pages::connect`.

mod view;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::request::Parts,
};
use engine::{GrantPurpose, container_of};
use model::{Actor, OrgId};
use utoipa::ToSchema;

use crate::{
    App,
    api::Answer,
    error::ApiError,
    extract::{Body, Query},
    fields::{Fields, Input},
};
pub(crate) use view::{
    ClaimView, GrantsView, IntegrationsView, UnlinkedView, grants_state, state_of,
};

/// A tenant in the path.
pub(crate) struct Tenant(pub(crate) String);

impl FromRequestParts<App> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(tenant) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::not_found())?;
        Ok(Self(tenant.to_lowercase()))
    }
}

/// Which container.
#[derive(ToSchema)]
pub(crate) struct ContainerInput {
    pub(crate) account: Option<String>,
    pub(crate) container: Option<String>,
}

impl Input for ContainerInput {
    fn read(fields: &mut Fields) -> Self {
        Self {
            account: fields.text("account").value(),
            container: fields.text("container").value(),
        }
    }
}

/// What an organization that holds a tenant says of another one's link.
#[derive(ToSchema)]
pub(crate) struct AgreementInput {
    /// Which organization, as `others` of the link names it.
    #[schema(value_type = i64)]
    pub(crate) organization: Option<i64>,
    /// `false` takes it back.
    #[schema(value_type = bool)]
    pub(crate) agreed: Option<bool>,
}

impl Input for AgreementInput {
    fn read(fields: &mut Fields) -> Self {
        let organization = fields.int("organization");
        let agreed = fields.flag("agreed");
        Self {
            organization: fields.required("organization", organization),
            agreed: fields.required("agreed", agreed),
        }
    }
}

/// The policy for blobs outside storages while nothing is linked.
#[derive(ToSchema)]
pub(crate) struct AnonymousInput {
    #[schema(value_type = bool)]
    pub(crate) anonymous_reads: Option<bool>,
}

impl Input for AnonymousInput {
    fn read(fields: &mut Fields) -> Self {
        let given = fields.flag("anonymous_reads");
        Self {
            anonymous_reads: fields.required("anonymous_reads", given),
        }
    }
}

pub(crate) async fn list(State(app): State<App>, actor: Actor) -> Answer<Json<IntegrationsView>> {
    Ok(Json(app.engine.integrations(&actor).await?.into()))
}

pub(crate) async fn check_pending(
    State(app): State<App>,
    actor: Actor,
) -> Answer<Json<IntegrationsView>> {
    app.engine.check_connect(&actor).await?;
    list(State(app), actor).await
}

pub(crate) async fn check(
    State(app): State<App>,
    actor: Actor,
    Tenant(tenant): Tenant,
) -> Answer<Json<IntegrationsView>> {
    app.engine.check_azure_link(&actor, &tenant).await?;
    list(State(app), actor).await
}

pub(crate) async fn unlink(
    State(app): State<App>,
    actor: Actor,
    Tenant(tenant): Tenant,
) -> Answer<Json<UnlinkedView>> {
    Ok(Json(
        app.engine.delete_azure_link(&actor, &tenant).await?.into(),
    ))
}

pub(crate) async fn grants(
    State(app): State<App>,
    actor: Actor,
    Tenant(tenant): Tenant,
    query: Query,
) -> Answer<Json<GrantsView>> {
    // A tenant that is not linked is 404 whatever the query is.
    app.engine.get_azure_link(&actor, &tenant).await?;
    let text = |name| query.text(name).unwrap_or_default();
    let (account, container) = container_of(text("account"), text("container"))?;
    let purpose = purpose_of(text("purpose"))?;
    let found = app
        .engine
        .grants(&actor, &tenant, &account, &container, purpose);
    Ok(Json(found.await?.into()))
}

pub(crate) fn purpose_of(text: &str) -> Answer<GrantPurpose> {
    match text {
        "" | "read" => Ok(GrantPurpose::Read),
        "export" => Ok(GrantPurpose::Export),
        _ => Err(engine::Error::field("purpose", "Give \"read\" or \"export\".").into()),
    }
}

pub(crate) async fn claim(
    State(app): State<App>,
    actor: Actor,
    Tenant(tenant): Tenant,
    Body(input): Body<ContainerInput>,
) -> Answer<Json<ClaimView>> {
    app.engine.get_azure_link(&actor, &tenant).await?;
    let (account, container) = container_of(
        input.account.as_deref().unwrap_or_default(),
        input.container.as_deref().unwrap_or_default(),
    )?;
    let claim = app
        .engine
        .claim_container(&actor, &tenant, &account, &container);
    Ok(Json(claim.await?.into()))
}

pub(crate) async fn agree(
    State(app): State<App>,
    actor: Actor,
    Tenant(tenant): Tenant,
    Body(input): Body<AgreementInput>,
) -> Answer<Json<IntegrationsView>> {
    let other = OrgId(input.organization.unwrap_or_default());
    let agreed = input.agreed.unwrap_or_default();
    app.engine
        .agree_on_link(&actor, &tenant, other, agreed)
        .await?;
    list(State(app), actor).await
}

pub(crate) async fn settings(
    State(app): State<App>,
    actor: Actor,
    Body(input): Body<AnonymousInput>,
) -> Answer<Json<IntegrationsView>> {
    if let Some(allowed) = input.anonymous_reads {
        app.engine.set_anonymous_reading(&actor, allowed).await?;
    }
    list(State(app), actor).await
}
