//! One link: which roles to grant and whether they act, control of a container, unlinking.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{
    Claim, GrantScope, GrantState, GrantedRole, Grants, RoleNeed, Unlinked, container_of,
};
use model::Actor;

use super::{PAGE, Person, failed, last_sas, problem_words, tenant_words};
use crate::{
    App,
    api::azure_links::{ContainerInput, Tenant, grants_state, purpose_of},
    error::ApiError,
    extract::{Body, Query},
    pages::html::{Plain, Text, page, render, render_live, with_status},
};

pub(crate) async fn show_link(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
    query: Query,
) -> Response {
    let body = link_body(&app, &actor, &tenant, &query).await;
    render_live(body, &app.engine.cloud().authority)
}

async fn link_body(
    app: &App,
    actor: &Actor,
    tenant: &str,
    query: &Query,
) -> Result<Plain, ApiError> {
    let link = app.engine.get_azure_link(actor, tenant).await?;
    let who = app.engine.whoami(actor).await?;
    let text = |name| query.text(name).unwrap_or_default();
    let (account, container, purpose) = (text("account"), text("container"), text("purpose"));
    let found = if account.is_empty() && container.is_empty() {
        String::new()
    } else {
        match asked(app, actor, tenant, (account, container, purpose)).await {
            Ok(grants) => grants_words(&grants),
            Err(error) => format!(
                "<p class=\"problem\" role=\"alert\">{}</p>",
                Text(&error.messages())
            ),
        }
    };
    let chosen = |value| if purpose == value { " selected" } else { "" };
    let html = format!(
        "<p><a href=\"{PAGE}\">Integrations</a></p><h2>{}</h2>\
         <p>The consent alone lets Longshore read nothing. Grant roles to its service principal, on the containers that you choose.</p>\
         <form method=\"get\" action=\"{PAGE}/{tenant}\" class=\"narrow\">\
         <label>Storage account <input name=\"account\" value=\"{}\" required></label>\
         <label>Container <input name=\"container\" value=\"{}\" required></label>\
         <label>The container is for <select name=\"purpose\"><option value=\"read\"{}>reading blobs as tasks</option><option value=\"export\"{}>writing annotations</option></select></label>\
         <button>Show what to grant</button></form>{found}",
        tenant_words(link.tenant_domain.as_deref(), &link.tenant_id),
        Text(account),
        Text(container),
        chosen("read"),
        chosen("export"),
        tenant = Text(tenant),
    );
    Ok(page("Grant roles", Some(&who.user.email), &html))
}

async fn asked(
    app: &App,
    actor: &Actor,
    tenant: &str,
    (account, container, purpose): (&str, &str, &str),
) -> Result<Grants, ApiError> {
    let purpose = purpose_of(purpose)?;
    let (account, container) = container_of(account, container)?;
    let found = app
        .engine
        .grants(actor, tenant, &account, &container, purpose);
    Ok(found.await?)
}

fn grants_words(grants: &Grants) -> String {
    let purpose = match grants.purpose {
        engine::GrantPurpose::Read => "read",
        engine::GrantPurpose::Export => "export",
    };
    let address: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("account", grants.account.as_str())
        .append_pair("container", grants.container.as_str())
        .append_pair("purpose", purpose)
        .finish();
    let verdict = if grants.is_granted() {
        "<p class=\"good\" role=\"status\">Granted: the container can be used.</p>"
    } else {
        "<p role=\"status\">Waiting for the roles to act. A new role takes up to ten minutes; this page turns green by itself.</p>"
    };
    let rows: String = grants.roles.iter().map(role_row).collect();
    let problem = grants
        .problem
        .as_ref()
        .map_or_else(String::new, problem_words);
    format!(
        "<section data-live=\"/api/azure-links/{}/grants?{}\" data-method=\"GET\" data-every=\"5000\" data-state=\"{}\">\
         <h2>{}/{}</h2>{verdict}{problem}{}\
         <table><thead><tr><th>Role</th><th>On</th><th>Why</th><th>Acts</th></tr></thead><tbody>{rows}</tbody></table>\
         <p>To the service principal <code>{}</code>. An owner of the storage account, or a Role Based Access Control Administrator, runs one of these:</p>{}</section>",
        Text(&grants.tenant_id),
        Text(&address),
        Text(&grants_state(grants)),
        Text(grants.account.as_str()),
        Text(grants.container.as_str()),
        claim_words(grants),
        Text(
            grants
                .principal_object_id
                .as_deref()
                .unwrap_or("PRINCIPAL_OBJECT_ID")
        ),
        [
            ("az CLI", &grants.az, " open"),
            ("Bicep", &grants.bicep, ""),
            ("Terraform", &grants.terraform, ""),
            (
                "A minimal custom role instead, on the container",
                &grants.custom_role,
                ""
            ),
        ]
        .into_iter()
        .map(|(name, text, open)| format!(
            "<details{open}><summary>{name}</summary><pre>{}</pre></details>",
            Text(text)
        ))
        .collect::<String>(),
    )
}

fn role_row(role: &GrantedRole) -> String {
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
    format!(
        "<tr><td>{}</td><td>{on}</td><td>{}</td><td class=\"status\">{state}</td></tr>",
        Text(role.name),
        Text(role.why)
    )
}

/// What to do on a container where another organization was first.
fn claim_words(grants: &Grants) -> String {
    let Claim::Asked { marker, command } = &grants.claim else {
        return String::new();
    };
    format!(
        "<div class=\"problem\"><p>Another organization uses this container already. Prove once that it is yours too: someone who may write to it makes the blob <code>{}</code>, then press Claim.</p><pre>{}</pre>\
         <form method=\"post\" action=\"{PAGE}/{}/claim\"><input type=\"hidden\" name=\"account\" value=\"{}\"><input type=\"hidden\" name=\"container\" value=\"{}\"><button>Claim</button></form></div>",
        Text(marker),
        Text(command),
        Text(&grants.tenant_id),
        Text(grants.account.as_str()),
        Text(grants.container.as_str()),
    )
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
    render(confirm_body(&app, &actor, &tenant).await)
}

async fn confirm_body(app: &App, actor: &Actor, tenant: &str) -> Result<Plain, ApiError> {
    let preview = app.engine.preview_unlink(actor, tenant).await?;
    let who = app.engine.whoami(actor).await?;
    let storages = match preview.storages.len() {
        0 => "No storage uses the link.".to_owned(),
        1 => "One storage uses the link and stops working; its tasks and annotations stay."
            .to_owned(),
        count => format!(
            "{count} storages use the link and stop working; their tasks and annotations stay."
        ),
    };
    let html = format!(
        "<p><a href=\"{PAGE}\">Integrations</a></p><h2>What stops</h2>\
         <p>From the moment you confirm, Longshore uses no token of the tenant <code>{tenant}</code> and signs no URL with it. {storages} Running syncs and exports stop and say so. Nothing is read anonymously instead.</p>\
         {}<form method=\"post\" action=\"{PAGE}/{tenant}/unlink\"><button class=\"primary\">Unlink from Azure</button></form>",
        leftovers(&preview),
        tenant = Text(&preview.tenant_id),
    );
    Ok(page("Unlink from Azure", Some(&who.user.email), &html))
}

fn leftovers(unlinked: &Unlinked) -> String {
    let items: String = unlinked
        .leftovers
        .iter()
        .map(|left| {
            format!(
                "<li>{}<pre>{}</pre></li>",
                Text(left.what),
                Text(&left.command)
            )
        })
        .collect();
    format!(
        "<h2>What stays in Azure</h2><p>Unlinking revokes nothing in Azure. {} An administrator removes what stays:</p><ol>{items}</ol>",
        last_sas(unlinked.last_sas_expires_at_ms)
    )
}

pub(crate) async fn unlink(
    State(app): State<App>,
    Person(actor): Person,
    Tenant(tenant): Tenant,
) -> Response {
    match unlinked_body(&app, &actor, &tenant).await {
        Ok(html) => with_status(axum::http::StatusCode::OK, html),
        Err(error) => failed(&error),
    }
}

async fn unlinked_body(app: &App, actor: &Actor, tenant: &str) -> Result<Plain, ApiError> {
    let who = app.engine.whoami(actor).await?;
    let unlinked = app.engine.delete_azure_link(actor, tenant).await?;
    let html = format!(
        "<p class=\"good\" role=\"status\">Unlinked: no token of the tenant <code>{}</code> is used any more.</p>{}<p><a href=\"{PAGE}\">Integrations</a></p>",
        Text(&unlinked.tenant_id),
        leftovers(&unlinked)
    );
    Ok(page("Unlinked", Some(&who.user.email), &html))
}
