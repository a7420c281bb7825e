//! Control of the directory.
//!
//! | request | body → answer |
//! |---|---|
//! | `POST /tenants` | `{domain}` → tenant |
//! | `POST /tenants/{tenant}/users` | `{name, role}` → user |
//! | `POST /personal-accounts` | `{email}` → user |
//! | `POST /apps` | `{tenant, display_name, audience?, redirect_uris?}` → app |
//! | `PATCH /apps/{client_id}` | `{audience?, redirect_uris?, tells_roles?}` (`tells_roles: false`: no `wids` in its id_tokens) |
//! | `POST /apps/{client_id}/secrets` | `{expires_in_s?}` (negative: expired) → `{key_id, value, expires_at_ms}` |
//! | `POST /apps/{client_id}/certificates` | `{pem?, expires_at_ms?}` → thumbprints, and `pem` (a new certificate with its key when none was given) |
//! | `POST /apps/{client_id}/federated-credentials` | `{issuer, subject, audience}` |
//! | `POST /external-issuers` | `{issuer, public_key}` |
//! | `POST /workload-identities` | `{client_id, namespace, service_account, file}` → federated credential; writes the token file |
//! | `GET`, `PUT /deviations` | how Entra departs from what it should do: [`Deviations`] |
//! | `POST /consent` | `{tenant, client_id}` → `{object_id}` |
//! | `PATCH`, `DELETE /service-principals/{object_id}` | `{enabled?, blocked_by_policy?}` |
//! | `POST /identities` | `{tenant, name, kind}` → managed identity, attached |
//! | `PATCH /identities/{object_id}` | `{attached}` |

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State as Shared},
    routing::{get, patch, post},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, ControlError, done};
use crate::self_signed;
use crate::state::{
    App, AppAudience, AppSecret, Deviations, DirectoryRole, FederatedCredential, IdentityKind,
    ManagedIdentity, State, Tenant, TenantUser,
};

pub fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/tenants", post(create_tenant))
        .route("/tenants/{tenant}/users", post(create_user))
        .route("/personal-accounts", post(create_personal_account))
        .route("/deviations", get(deviations).put(deviate))
        .route("/apps", post(create_app))
        .route("/apps/{client_id}", patch(change_app))
        .route("/apps/{client_id}/secrets", post(add_secret))
        .route("/apps/{client_id}/certificates", post(add_certificate))
        .route(
            "/apps/{client_id}/federated-credentials",
            post(add_federated_credential),
        )
        .route("/external-issuers", post(add_external_issuer))
        .route("/workload-identities", post(add_workload_identity))
        .route("/consent", post(consent))
        .route(
            "/service-principals/{object_id}",
            patch(change_service_principal).delete(remove_service_principal),
        )
        .route("/identities", post(create_identity))
        .route("/identities/{object_id}", patch(attach_identity))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    domain: String,
}

async fn create_tenant(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<NewTenant>,
) -> Answer<Tenant> {
    Ok(Json(state.create_tenant(&new.domain)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    role: DirectoryRole,
}

async fn create_user(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    Json(new): Json<NewUser>,
) -> Answer<TenantUser> {
    Ok(Json(state.create_user(&tenant, &new.name, new.role)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPersonalAccount {
    email: String,
}

async fn create_personal_account(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<NewPersonalAccount>,
) -> Json<TenantUser> {
    Json(state.create_personal_account(&new.email))
}

async fn deviations(Shared(state): Shared<Arc<State>>) -> Json<Deviations> {
    Json(state.deviations())
}

async fn deviate(
    Shared(state): Shared<Arc<State>>,
    Json(deviations): Json<Deviations>,
) -> StatusCode {
    state.deviate(deviations);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    tenant: String,
    display_name: String,
    #[serde(default)]
    audience: AppAudience,
    #[serde(default)]
    redirect_uris: Vec<String>,
}

async fn create_app(Shared(state): Shared<Arc<State>>, Json(new): Json<NewApp>) -> Answer<App> {
    let mut app = state.create_app(&new.tenant, &new.display_name, new.audience)?;
    app.redirect_uris = new.redirect_uris.clone();
    state.set_redirect_uris(&app.client_id, new.redirect_uris)?;
    Ok(Json(app))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppSetting {
    audience: Option<AppAudience>,
    redirect_uris: Option<Vec<String>>,
    tells_roles: Option<bool>,
}

async fn change_app(
    Shared(state): Shared<Arc<State>>,
    Path(client_id): Path<String>,
    Json(setting): Json<AppSetting>,
) -> Result<StatusCode, ControlError> {
    if let Some(audience) = setting.audience {
        state.set_audience(&client_id, audience)?;
    }
    if let Some(uris) = setting.redirect_uris {
        state.set_redirect_uris(&client_id, uris)?;
    }
    if let Some(tells_roles) = setting.tells_roles {
        state.tell_roles(&client_id, tells_roles)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSecret {
    #[serde(default = "half_a_year")]
    expires_in_s: i64,
}

fn half_a_year() -> i64 {
    180 * 24 * 3600
}

async fn add_secret(
    Shared(state): Shared<Arc<State>>,
    Path(client_id): Path<String>,
    Json(new): Json<NewSecret>,
) -> Answer<AppSecret> {
    let lifetime_ms = new.expires_in_s.saturating_mul(1000);
    Ok(Json(state.add_secret(&client_id, lifetime_ms)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    #[serde(default)]
    pem: Option<String>,
    #[serde(default)]
    expires_at_ms: Option<i64>,
}

async fn add_certificate(
    Shared(state): Shared<Arc<State>>,
    Path(client_id): Path<String>,
    Json(new): Json<NewCertificate>,
) -> Answer<Value> {
    let pem = match new.pem {
        Some(pem) => pem,
        None => self_signed(&client_id).map_err(anyhow::Error::from)?,
    };
    let added = state.add_certificate(&client_id, &pem, new.expires_at_ms)?;
    let mut answer = json!(added);
    answer["pem"] = json!(pem);
    Ok(Json(answer))
}

async fn add_federated_credential(
    Shared(state): Shared<Arc<State>>,
    Path(client_id): Path<String>,
    Json(new): Json<FederatedCredential>,
) -> Result<StatusCode, ControlError> {
    state.add_federated_credential(&client_id, new)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExternalIssuer {
    issuer: String,
    /// PEM, `PUBLIC KEY`, RSA.
    public_key: String,
}

async fn add_external_issuer(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<ExternalIssuer>,
) -> Result<StatusCode, ControlError> {
    state.add_external_issuer(&new.issuer, &new.public_key)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkloadIdentity {
    client_id: String,
    namespace: String,
    service_account: String,
    /// Where the projected token is written; call again for a fresh one.
    file: PathBuf,
}

async fn add_workload_identity(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<WorkloadIdentity>,
) -> Answer<FederatedCredential> {
    let credential =
        state.trust_service_account(&new.client_id, &new.namespace, &new.service_account)?;
    state
        .project_token(&new.namespace, &new.service_account, &new.file)
        .map_err(|error| ControlError::Invalid(format!("{}: {error}", new.file.display())))?;
    Ok(Json(credential))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    tenant: String,
    client_id: String,
}

async fn consent(Shared(state): Shared<Arc<State>>, Json(new): Json<Consent>) -> Answer<Value> {
    let object_id = state.consent(&new.tenant, &new.client_id)?;
    Ok(Json(json!({"object_id": object_id})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalSetting {
    enabled: Option<bool>,
    blocked_by_policy: Option<bool>,
}

async fn change_service_principal(
    Shared(state): Shared<Arc<State>>,
    Path(object_id): Path<String>,
    Json(setting): Json<PrincipalSetting>,
) -> Result<StatusCode, ControlError> {
    let enabled = setting
        .enabled
        .is_none_or(|enabled| state.enable_service_principal(&object_id, enabled));
    let blocked = setting
        .blocked_by_policy
        .is_none_or(|blocked| state.block_service_principal(&object_id, blocked));
    done(enabled && blocked, "service principal")
}

async fn remove_service_principal(
    Shared(state): Shared<Arc<State>>,
    Path(object_id): Path<String>,
) -> Result<StatusCode, ControlError> {
    done(
        state.remove_service_principal(&object_id),
        "service principal",
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIdentity {
    tenant: String,
    name: String,
    kind: IdentityKind,
}

async fn create_identity(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<NewIdentity>,
) -> Answer<ManagedIdentity> {
    Ok(Json(state.create_identity(
        &new.tenant,
        &new.name,
        new.kind,
    )?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentitySetting {
    attached: bool,
}

async fn attach_identity(
    Shared(state): Shared<Arc<State>>,
    Path(object_id): Path<String>,
    Json(setting): Json<IdentitySetting>,
) -> Result<StatusCode, ControlError> {
    done(
        state.attach_identity(&object_id, setting.attached),
        "managed identity",
    )
}
