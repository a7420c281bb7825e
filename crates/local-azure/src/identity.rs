//! Managed identity endpoints of a machine: IMDS and App Service; the others are in [`other_hosts`].
//!
//! Errors are those recorded from the real endpoints; numbers in answers are strings.

mod other_hosts;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Query, State as Shared},
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    State,
    entra::{Subject, access_token, known_resource},
    faults,
    state::{AttachedIdentity, FaultTarget, IdentitySelector, ManagedIdentity},
};

/// How long a managed identity's token lives, in seconds.
const TOKEN_S: i64 = 86_399;

/// Every endpoint on one listener.
pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/metadata/identity/oauth2/token", get(imds))
        .route("/msi/token", get(app_service))
        .merge(other_hosts::router())
        .layer(middleware::from_fn_with_state(
            (Arc::clone(&state), FaultTarget::Imds),
            faults::inject,
        ))
        .with_state(state)
}

/// `GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=…`, header `Metadata: true`.
async fn imds(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let answer = match imds_token(&state, &headers, &query) {
        Ok(token) => Json(token).into_response(),
        Err((error, description)) => (
            StatusCode::BAD_REQUEST,
            Json(json!({"error": error, "error_description": description})),
        )
            .into_response(),
    };
    ([(header::SERVER, "IMDS/150.870.65.1854")], answer).into_response()
}

/// `Err` is the OAuth error and its description, answered with 400.
fn imds_token(
    state: &State,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
) -> Result<Value, (&'static str, String)> {
    let invalid = |text: &str| ("invalid_request", text.to_owned());
    if !headers
        .get("metadata")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
    {
        return Err(invalid("Required metadata header not specified"));
    }
    if headers.contains_key("x-forwarded-for") {
        return Err(invalid("Forwarded requests are not allowed"));
    }
    for required in ["api-version", "resource"] {
        if !query.contains_key(required) {
            return Err(invalid(&format!(
                "Required query variable '{required}' is missing"
            )));
        }
    }
    let identity = match state.world().attached_identity(&selector(query)) {
        AttachedIdentity::One(identity) => identity,
        AttachedIdentity::None => return Err(invalid("Identity not found")),
        AttachedIdentity::Ambiguous => {
            return Err(invalid(
                "Multiple user assigned identities exist, please specify the clientId / resourceId \
                 of the identity in the token request",
            ));
        }
    };
    let mut token =
        token(state, &identity, &query["resource"]).map_err(|text| ("invalid_resource", text))?;
    let now = state.now_ms() / 1000;
    token["expires_in"] = json!(TOKEN_S.to_string());
    token["ext_expires_in"] = json!(TOKEN_S.to_string());
    token["not_before"] = json!(now.to_string());
    Ok(token)
}

/// `GET $IDENTITY_ENDPOINT?api-version=2019-08-01&resource=…`, header `X-IDENTITY-HEADER`.
async fn app_service(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    app_service_token(&state, &headers, &query).map_or_else(
        |(status, message)| {
            let body = json!({
                "statusCode": status.as_u16(),
                "message": message,
                "correlationId": uuid::Uuid::new_v4().to_string(),
            });
            (status, Json(body)).into_response()
        },
        |token| Json(token).into_response(),
    )
}

fn app_service_token(
    state: &State,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
) -> Result<Value, (StatusCode, String)> {
    let refuse = |status, text: &str| (status, text.to_owned());
    if headers
        .get("x-identity-header")
        .is_none_or(|value| value.as_bytes() != state.endpoints().identity_header.as_bytes())
    {
        return Err(refuse(
            StatusCode::UNAUTHORIZED,
            "The X-IDENTITY-HEADER header is missing or wrong.",
        ));
    }
    if query.get("api-version").map(String::as_str) != Some("2019-08-01") {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "The api-version is not supported.",
        ));
    }
    let resource = query
        .get("resource")
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "The resource is missing."))?;
    let selector = selector(query);
    let found = match &selector {
        // Here the default is the system-assigned identity and nothing else.
        IdentitySelector::Default => AttachedIdentity::from(state.world().system_identity()),
        named => state.world().attached_identity(named),
    };
    let AttachedIdentity::One(identity) = found else {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            match selector {
                IdentitySelector::Default => "Unable to load the proper Managed Identity.",
                _ => {
                    "No User Assigned or Delegated Managed Identity found for specified \
                     ClientId/ResourceId/PrincipalId."
                }
            },
        ));
    };
    token(state, &identity, resource).map_err(|text| (StatusCode::BAD_REQUEST, text))
}

/// What both endpoints answer; `Err` is Entra's text when the tenant has no such resource.
fn token(state: &State, identity: &ManagedIdentity, resource: &str) -> Result<Value, String> {
    known_resource(&state.world(), &identity.tenant, resource)
        .map_err(|refusal| refusal.to_string())?;
    let subject = Subject {
        tenant: &identity.tenant,
        object_id: &identity.object_id,
        client_id: &identity.client_id,
        proof: "2",
    };
    Ok(json!({
        "access_token": access_token(state, &subject, resource, TOKEN_S),
        "client_id": identity.client_id,
        "expires_on": (state.now_ms() / 1000 + TOKEN_S).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

/// The parameter names of both endpoints.
fn selector(query: &HashMap<String, String>) -> IdentitySelector {
    let named = |names: &[&str]| names.iter().find_map(|name| query.get(*name)).cloned();
    if let Some(id) = named(&["client_id"]) {
        IdentitySelector::ClientId(id)
    } else if let Some(id) = named(&["object_id", "principal_id"]) {
        IdentitySelector::ObjectId(id)
    } else if let Some(id) = named(&["msi_res_id", "mi_res_id"]) {
        IdentitySelector::ResourceId(id)
    } else {
        IdentitySelector::Default
    }
}
