//! The token endpoint: which grant, and for client credentials who asks, where, for what, and with
//! which proof.

use serde_json::{Value, json};

use super::{
    APP_TOKEN_S, Subject, TOKEN_EXCHANGE, access_token, assertion, code, form::Form,
    refusal::Refusal,
};
use crate::{
    State,
    entra::discovery::tenant_not_found,
    state::{App, AppAudience, ServicePrincipal, Tenant, World},
};

/// Resources whose service principal every tenant has.
const RESOURCES: [&str; 7] = [
    "https://storage.azure.com",
    "e406a681-f3d4-42a8-90b6-c2b029497af1",
    TOKEN_EXCHANGE,
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://graph.microsoft.com",
    "https://vault.azure.net",
];

/// The assertion type of RFC 7523.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The token response of one request.
///
/// # Errors
/// A [`Refusal`] with the AADSTS code that Entra gives.
pub fn issue(state: &State, authority: &str, form: &Form) -> Result<Value, Refusal> {
    match form.required("grant_type")? {
        "client_credentials" => for_app(state, authority, form),
        "authorization_code" => code::redeem(state, authority, form),
        other => Err(Refusal::bad_request(
            70003,
            "unsupported_grant_type",
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

fn for_app(state: &State, authority: &str, form: &Form) -> Result<Value, Refusal> {
    let client_id = form.required("client_id")?;
    let (app, principal) = {
        let world = state.world();
        let tenant = tenant(&world, authority)?;
        let (app, principal) = principal(&world, tenant, client_id, state.now_ms())?;
        (app.clone(), principal.clone())
    };
    let proof = prove(state, authority, &app, form)?;
    // Policies are evaluated for whoever has proven to be somebody.
    if principal.blocked_by_policy {
        return Err(Refusal::bad_request(
            53003,
            "access_denied",
            "Access has been blocked by Conditional Access policies. The access policy does not \
             allow token issuance.",
        ));
    }
    let audience = audience(form)?;
    known_resource(&state.world(), &principal.tenant, audience)?;

    let subject = Subject {
        tenant: &principal.tenant,
        object_id: &principal.object_id,
        client_id: &app.client_id,
        proof,
    };
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": APP_TOKEN_S,
        "ext_expires_in": APP_TOKEN_S,
        "access_token": access_token(state, &subject, audience, APP_TOKEN_S),
    }))
}

fn tenant<'w>(world: &'w World, authority: &str) -> Result<&'w Tenant, Refusal> {
    match authority {
        "common" | "consumers" => Err(Refusal::bad_request(
            9001023,
            "invalid_request",
            "The grant type is not supported over the /common or /consumers endpoints. Please use \
             the /organizations or tenant-specific endpoint.",
        )),
        "organizations" => Err(Refusal::bad_request(
            50059,
            "invalid_request",
            "No tenant-identifying information found in either the request or implied by any \
             provided credentials.",
        )),
        named => world
            .tenant(named)
            .map_err(|_| tenant_not_found(named, "invalid_request")),
    }
}

fn principal<'w>(
    world: &'w World,
    tenant: &Tenant,
    client_id: &str,
    now_ms: i64,
) -> Result<(&'w App, &'w ServicePrincipal), Refusal> {
    if uuid::Uuid::try_parse(client_id).is_err() {
        return Err(Refusal::unauthorized_client(
            700038,
            format!("{client_id} is not a valid application identifier."),
        ));
    }
    let app = world
        .apps
        .get(&client_id.to_ascii_lowercase())
        .filter(|app| app.audience == AppAudience::MultiTenant || app.home_tenant == tenant.id)
        .ok_or_else(|| Refusal::unknown_app(client_id, Some(tenant)))?;
    let principal = world
        .principal_of_app(&tenant.id, client_id)
        .filter(|principal| principal.visible_at_ms <= now_ms)
        .ok_or_else(|| {
            Refusal::invalid_client(
                7000229,
                format!(
                    "The client application {client_id} is missing service principal in the tenant \
                     {}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
                    tenant.id
                ),
            )
        })?;
    if !principal.enabled {
        return Err(Refusal::unauthorized_client(
            7000112,
            format!(
                "Application '{client_id}'({}) is disabled.",
                app.display_name
            ),
        ));
    }
    Ok((app, principal))
}

/// Checks the app's proof; answers `appidacr`.
///
/// # Errors
/// A [`Refusal`] as of [`issue`].
pub fn prove(
    state: &State,
    authority: &str,
    app: &App,
    form: &Form,
) -> Result<&'static str, Refusal> {
    if let Some(jwt) = form.get("client_assertion") {
        let kind = form.required("client_assertion_type")?;
        if kind != JWT_BEARER {
            return Err(Refusal::bad_request(
                900144,
                "invalid_request",
                format!("The client_assertion_type '{kind}' is not supported."),
            ));
        }
        assertion::check(state, authority, app, jwt)?;
        return Ok("2");
    }
    let Some(secret) = form.get("client_secret") else {
        return Err(Refusal::invalid_client(
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or \
             'client_secret'.",
        ));
    };
    let Some(known) = app.secrets.iter().find(|known| known.value == secret) else {
        return Err(Refusal::invalid_client(
            7000215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the \
                 client secret value, not the client secret ID, for a secret added to app '{}'.",
                app.client_id
            ),
        ));
    };
    if known.expires_at_ms <= state.now_ms() {
        return Err(Refusal::invalid_client(
            7000222,
            format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal to \
                 create new keys for your app: https://aka.ms/NewClientSecret, or consider using \
                 certificate credentials for added security: https://aka.ms/certCreds.",
                app.client_id
            ),
        ));
    }
    Ok("1")
}

/// The resource asked for: v2's one scope without `/.default`, or v1's `resource`, as written.
fn audience(form: &Form) -> Result<&str, Refusal> {
    if let Some(resource) = form.get("resource") {
        return Ok(resource);
    }
    let scope = form.required("scope")?;
    scope
        .strip_suffix("/.default")
        .filter(|resource| !resource.contains(' '))
        .ok_or_else(|| {
            Refusal::bad_request(
                1002012,
                "invalid_scope",
                format!(
                    "The provided value for scope {scope} is not valid. Client credential flows must \
                     have a scope value with /.default suffixed to the resource identifier \
                     (application ID URI)."
                ),
            )
        })
}

/// Does the tenant have a service principal of this resource?
///
/// # Errors
/// AADSTS500011.
pub fn known_resource(world: &World, tenant: &str, resource: &str) -> Result<(), Refusal> {
    let bare = resource.trim_end_matches('/');
    let of_account = || {
        let host = bare.strip_prefix("https://")?;
        let (account, rest) = host.split_once('.')?;
        Some(rest.starts_with("blob.") && world.accounts.contains_key(account))
    };
    let of_app = || {
        let client_id = bare.strip_prefix("api://").unwrap_or(bare);
        world.principal_of_app(tenant, client_id).is_some()
    };
    if RESOURCES.contains(&bare) || of_account() == Some(true) || of_app() {
        return Ok(());
    }
    Err(Refusal::bad_request(
        500011,
        "invalid_resource",
        format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This \
             can happen if the application has not been installed by the administrator of the tenant \
             or consented to by any user in the tenant. You might have sent your authentication \
             request to the wrong tenant."
        ),
    ))
}
