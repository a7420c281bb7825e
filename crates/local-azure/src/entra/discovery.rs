//! OpenID discovery documents, the signing keys, and instance discovery for Microsoft's libraries.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State as Shared},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::State;

/// Authorities that stand for every tenant.
const SHARED_AUTHORITIES: [&str; 3] = ["common", "organizations", "consumers"];

/// `/{tenant}/v2.0/.well-known/openid-configuration`.
pub async fn v2(Shared(state): Shared<Arc<State>>, Path(tenant): Path<String>) -> Response {
    document(&state, &tenant, "v2.0/", |tenant| {
        state.endpoints().issuer(tenant)
    })
}

/// `/{tenant}/.well-known/openid-configuration`.
pub async fn v1(Shared(state): Shared<Arc<State>>, Path(tenant): Path<String>) -> Response {
    document(&state, &tenant, "", |tenant| {
        format!("https://sts.windows.net/{tenant}/")
    })
}

fn document(
    state: &State,
    tenant: &str,
    version: &str,
    issuer: impl FnOnce(&str) -> String,
) -> Response {
    let id = if SHARED_AUTHORITIES.contains(&tenant) {
        "{tenantid}".to_owned()
    } else {
        match state.world().tenant(tenant) {
            Ok(found) => found.id.clone(),
            Err(_) => return tenant_not_found(tenant, "invalid_tenant").response(state),
        }
    };
    let authority = if id == "{tenantid}" { tenant } else { &id };
    let base = format!("{}/{authority}", state.endpoints().entra);
    Json(json!({
        "issuer": issuer(&id),
        "authorization_endpoint": format!("{base}/oauth2/{version}authorize"),
        "token_endpoint": format!("{base}/oauth2/{version}token"),
        "jwks_uri": format!("{base}/discovery/{version}keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "tenant_region_scope": null,
        "cloud_instance_name": "local-azure",
    }))
    .into_response()
}

/// `/{tenant}/discovery/v2.0/keys`; each key names the issuer it signs for.
pub async fn keys(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let mut jwks = state.keys().jwks();
    for key in jwks["keys"].as_array_mut().into_iter().flatten() {
        key["issuer"] = json!(state.endpoints().issuer("{tenantid}"));
    }
    Json(jwks)
}

/// `/common/discovery/instance`: yes, this authority is one.
pub async fn instance(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let base = &state.endpoints().entra;
    let host = base.trim_start_matches("https://");
    let port = host.rsplit(':').next().unwrap_or_default();
    Json(json!({
        "tenant_discovery_endpoint": format!("{base}/common/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": host,
            "preferred_cache": host,
            "aliases": [host, format!("localhost:{port}")],
        }],
    }))
}

/// AADSTS90002; the OAuth error differs between discovery and the token endpoint.
pub fn tenant_not_found(tenant: &str, error: &'static str) -> Refusal {
    Refusal::bad_request(
        90002,
        error,
        format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud. Check with your subscription administrator, this may \
             happen if there are no active subscriptions for the tenant."
        ),
    )
}
