//! Managed identity endpoints outside virtual machines and App Service: the Azure Arc agent, Azure
//! Machine Learning and Cloud Shell, as Microsoft's identity libraries ask them.

use std::{collections::HashMap, fs, io, path::Path, sync::Arc};

use axum::{
    Form, Json, Router,
    extract::{Query, State as Shared},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::token;
use crate::{
    State,
    state::{AttachedIdentity, IdentitySelector},
};

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/arc/token", get(arc))
        .route("/ml/token", get(machine_learning))
        .route("/cloud-shell/token", post(cloud_shell))
}

/// What an endpoint answers: a token, or a status with OAuth's error and its description.
type Answer = Result<Value, (StatusCode, &'static str, String)>;

fn response(answer: Answer) -> Response {
    match answer {
        Ok(token) => Json(token).into_response(),
        Err((status, error, text)) => {
            let body = json!({"error": error, "error_description": text});
            (status, Json(body)).into_response()
        }
    }
}

fn bad(text: &str) -> (StatusCode, &'static str, String) {
    (StatusCode::BAD_REQUEST, "invalid_request", text.to_owned())
}

fn token_of(state: &State, selector: &IdentitySelector, resource: Option<&String>) -> Answer {
    let resource = resource.ok_or_else(|| bad("The resource is missing."))?;
    let found = match selector {
        IdentitySelector::Default => AttachedIdentity::from(state.world().system_identity()),
        named => state.world().attached_identity(named),
    };
    let AttachedIdentity::One(identity) = found else {
        return Err(bad("Identity not found"));
    };
    token(state, &identity, resource)
        .map_err(|text| (StatusCode::BAD_REQUEST, "invalid_resource", text))
}

fn has_metadata(headers: &HeaderMap) -> bool {
    let value = headers.get("metadata");
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The first request is answered with the name of a new key file, the second shows the key, once.
async fn arc(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let folder = Path::new(&state.endpoints().arc_keys);
    if !has_metadata(&headers) {
        return response(Err(bad("Required metadata header not specified")));
    }
    if query.contains_key("client_id") || query.contains_key("msi_res_id") {
        return response(Err(bad("User assigned identities are not supported")));
    }
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    match shown {
        Some(key) if used_up(folder, key) => response(token_of(
            &state,
            &IdentitySelector::Default,
            query.get("resource"),
        )),
        Some(_) => StatusCode::UNAUTHORIZED.into_response(),
        None => match new_key(folder) {
            Ok(file) => {
                let realm = format!("Basic realm={file}");
                (
                    StatusCode::UNAUTHORIZED,
                    [(header::WWW_AUTHENTICATE, realm)],
                )
                    .into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
    }
}

fn new_key(folder: &Path) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}.key", uuid::Uuid::new_v4()));
    fs::write(&file, uuid::Uuid::new_v4().simple().to_string())?;
    Ok(file.display().to_string())
}

/// Is it the key of a file here? The file goes with its use.
fn used_up(folder: &Path, key: &str) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .find(|file| fs::read_to_string(file).is_ok_and(|text| text == key))
        .is_some_and(|file| fs::remove_file(file).is_ok())
}

/// `GET $MSI_ENDPOINT?api-version=2017-09-01&resource=…[&clientid=…]`, header `secret`.
async fn machine_learning(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let secret = state.endpoints().identity_header.as_bytes();
    if headers.get("secret").map(|value| value.as_bytes()) != Some(secret) {
        let text = "The secret is missing or wrong.".to_owned();
        return response(Err((StatusCode::UNAUTHORIZED, "unauthorized", text)));
    }
    if query.get("api-version").map(String::as_str) != Some("2017-09-01") {
        return response(Err(bad("The api-version is not supported.")));
    }
    let selector = match (query.get("clientid"), query.get("mi_res_id")) {
        (Some(id), _) => IdentitySelector::ClientId(id.clone()),
        (None, Some(id)) => IdentitySelector::ResourceId(id.clone()),
        (None, None) => IdentitySelector::Default,
    };
    response(
        token_of(&state, &selector, query.get("resource")).map(|mut token| {
            // A number here, and no `expires_in`.
            let until = token["expires_on"]
                .as_str()
                .and_then(|text| text.parse().ok());
            token["expires_on"] = json!(until.unwrap_or(0_i64));
            token
        }),
    )
}

/// `POST $MSI_ENDPOINT`, form `resource=…`, header `Metadata: true`.
async fn cloud_shell(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if !has_metadata(&headers) {
        return response(Err(bad("Required metadata header not specified")));
    }
    response(token_of(
        &state,
        &IdentitySelector::Default,
        form.get("resource"),
    ))
}
