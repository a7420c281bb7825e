//! One link: which roles to grant and whether they act, control of a container, unlinking.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{
    AzureLink, GrantPurpose, GrantScope, GrantState, GrantedRole, Grants, RoleNeed, Unlinked,
    container_of,
};
use model::{Actor, OrgId};

use super::{PAGE, Person, failed, last_sas};
use crate::{
    App,
    api::azure_links::{AgreementInput, ContainerInput, Tenant, grants_state, purpose_of},
    error::ApiError,
    extract::{Body, Query},
    pages::{
        frame::{Frame, Section},
        html::{render, render_live},
    },
};

#[derive(Template)]
#[template(path = "azure_link.html")]
struct Link {
    frame: Frame,
    link: AzureLink,
    account: String,
    container: String,
    purpose: String,
    grants: Option<Grants>,
    /// Why there are none.
    problem: Option<String>,
}

pub(crate) async fn show_link(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
    query: Query,
) -> Response {
    let page = link_page(&app, &actor, &tenant, &query).await;
    render_live(page, &app.engine.cloud().authority)
}

async fn link_page(
    app: &App,
    actor: &Actor,
    tenant: &str,
    query: &Query,
) -> Result<Link, ApiError> {
    let link = app.engine.get_azure_link(actor, tenant).await?;
    let text = |name| query.text(name).unwrap_or_default().trim().to_owned();
    let mut page = Link {
        frame: Frame::load(app, actor, Section::Integrations).await?,
        link,
        account: text("account"),
        container: text("container"),
        purpose: text("purpose"),
        grants: None,
        problem: None,
    };
    if !page.account.is_empty() || !page.container.is_empty() {
        match asked(app, actor, tenant, &page).await {
            Ok(grants) => page.grants = Some(grants),
            Err(error) => page.problem = Some(error.messages()),
        }
    }
    Ok(page)
}

async fn asked(app: &App, actor: &Actor, tenant: &str, page: &Link) -> Result<Grants, ApiError> {
    let purpose = purpose_of(&page.purpose)?;
    let (account, container) = container_of(&page.account, &page.container)?;
    let found = app
        .engine
        .grants(actor, tenant, &account, &container, purpose);
    Ok(found.await?)
}

impl Link {
    /// What the page asks for while it waits for the roles.
    fn grants_address(&self, grants: &Grants) -> String {
        let purpose = match grants.purpose {
            GrantPurpose::Read => "read",
            GrantPurpose::Export => "export",
        };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("account", grants.account.as_str())
            .append_pair("container", grants.container.as_str())
            .append_pair("purpose", purpose)
            .finish();
        format!("/api/azure-links/{}/grants?{query}", grants.tenant_id)
    }

    fn grants_state(&self, grants: &Grants) -> String {
        grants_state(grants)
    }

    /// Where the role is granted, and whether it acts.
    fn role_words(&self, role: &GrantedRole) -> (&'static str, &'static str) {
        let on = match role.scope {
            GrantScope::Container => "the container",
            GrantScope::Account => "the storage account",
        };
        let state = match (role.state, role.need) {
            (GrantState::Granted, _) => "yes",
            (GrantState::Missing, RoleNeed::Required) => "not yet",
            (GrantState::Missing, RoleNeed::Optional) => "not yet; only pre-signed URLs need it",
            (GrantState::Unknown, _) => "unknown",
        };
        (on, state)
    }
}

pub(crate) async fn claim(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
    Body(input): Body<ContainerInput>,
) -> Response {
    let (account, container) = (
        input.account.unwrap_or_default(),
        input.container.unwrap_or_default(),
    );
    let claimed = async {
        let (account, container) = container_of(&account, &container)?;
        app.engine
            .claim_container(&actor, &tenant, &account, &container)
            .await
    };
    match claimed.await {
        Ok(_) => {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("account", &account)
                .append_pair("container", &container)
                .finish();
            Redirect::to(&format!("{PAGE}/{tenant}?{query}")).into_response()
        }
        Err(error) => failed(&error.into()),
    }
}

pub(crate) async fn agree(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
    Body(input): Body<AgreementInput>,
) -> Response {
    let other = OrgId(input.organization.unwrap_or_default());
    let agreed = input.agreed.unwrap_or_default();
    match app
        .engine
        .agree_on_link(&actor, &tenant, other, agreed)
        .await
    {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(error) => failed(&error.into()),
    }
}

pub(crate) async fn check(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
) -> Response {
    match app.engine.check_azure_link(&actor, &tenant).await {
        Ok(_) => Redirect::to(PAGE).into_response(),
        Err(error) => failed(&error.into()),
    }
}

pub(crate) async fn confirm_unlink(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
) -> Response {
    let page = async {
        Ok(Unlink {
            unlinked: app.engine.preview_unlink(&actor, &tenant).await?,
            frame: Frame::load(&app, &actor, Section::Integrations).await?,
            is_done: false,
        })
    };
    render(page.await)
}

/// Before and after: what stops, and what stays in Azure.
#[derive(Template)]
#[template(path = "unlink.html")]
struct Unlink {
    frame: Frame,
    unlinked: Unlinked,
    is_done: bool,
}

impl Unlink {
    fn last_sas(&self) -> String {
        last_sas(self.unlinked.last_sas_expires_at_ms)
    }

    fn storages(&self) -> String {
        match self.unlinked.storages.len() {
            0 => "No storage uses the link.".to_owned(),
            1 => "One storage uses the link and stops working; its tasks and annotations stay."
                .to_owned(),
            count => format!(
                "{count} storages use the link and stop working; their tasks and annotations stay."
            ),
        }
    }
}

pub(crate) async fn unlink(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
) -> Response {
    let page = async {
        let frame = Frame::load(&app, &actor, Section::Integrations).await?;
        Ok(Unlink {
            unlinked: app.engine.delete_azure_link(&actor, &tenant).await?,
            frame,
            is_done: true,
        })
    };
    render(page.await)
}
