//! Control of storage accounts and role assignments.
//!
//! | request | body → answer |
//! |---|---|
//! | `POST /accounts` | `{name, tenant, …switches}` → account with `keys` and `scope` |
//! | `PATCH /accounts/{name}` | any switches: `allow_shared_key`, `allow_public_access`, `firewall_open`, `allowed_addresses`, `https_only`, `hierarchical_namespace`, `soft_delete`, `rehydration_ms`, `cors`, `access_policies` (`{"CONTAINER/ID": {start?, expiry?, permissions?}}`), `holds` (`[{kind: lease \| retention \| legal_hold, container, prefix?}]`), `acls` (`[{principal, container, folder?, permissions}]`, letters of `rl`), `denied` (object ids under a deny assignment), `challenge` (a false one) |
//! | `POST /accounts/{name}/rotate-keys` | → account |
//! | `POST /accounts/{name}/revoke-delegation-keys` | |
//! | `POST /role-assignments` | `{principal, role, scope, effective_after_ms?}` → assignment |
//! | `DELETE /role-assignments/{id}` | |
//! | `POST /role-definitions` | `{name, actions, data_actions}`, a custom role |

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State as Shared},
    routing::{delete, patch, post},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, ControlError, done};
use crate::state::{Account, AccountSettings, RoleAssignment, RoleDefinition, State};

pub fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/accounts", post(create_account))
        .route("/accounts/{name}", patch(change_account))
        .route("/accounts/{name}/rotate-keys", post(rotate_keys))
        .route(
            "/accounts/{name}/revoke-delegation-keys",
            post(revoke_delegation_keys),
        )
        .route("/role-assignments", post(assign_role))
        .route("/role-assignments/{id}", delete(remove_role))
        .route("/role-definitions", post(create_role))
}

/// An account with its derived fields.
pub fn shown(account: &Account) -> Value {
    let mut shown = json!(account);
    shown["keys"] = json!([account.key1, account.key2]);
    shown["scope"] = json!(account.scope());
    shown
}

#[derive(Deserialize)]
struct NewAccount {
    name: String,
    tenant: String,
    #[serde(flatten)]
    switches: Map<String, Value>,
}

async fn create_account(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<NewAccount>,
) -> Answer<Value> {
    let settings = switched(&AccountSettings::default(), new.switches)?;
    let account = state.create_account(&new.name, &new.tenant, settings)?;
    Ok(Json(shown(&account)))
}

async fn change_account(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Json(switches): Json<Map<String, Value>>,
) -> Answer<Value> {
    let mut outcome = Ok(());
    let account = state.change_account(&name, |settings| match switched(settings, switches) {
        Ok(changed) => *settings = changed,
        Err(error) => outcome = Err(error),
    })?;
    outcome?;
    Ok(Json(shown(&account)))
}

/// The settings with the given switches replaced; an unknown switch is refused.
fn switched(
    settings: &AccountSettings,
    switches: Map<String, Value>,
) -> Result<AccountSettings, ControlError> {
    let mut all = json!(settings);
    if let Value::Object(all) = &mut all {
        all.extend(switches);
    }
    serde_json::from_value(all).map_err(|error| ControlError::Invalid(error.to_string()))
}

async fn rotate_keys(Shared(state): Shared<Arc<State>>, Path(name): Path<String>) -> Answer<Value> {
    Ok(Json(shown(&*state.rotate_account_keys(&name)?)))
}

async fn revoke_delegation_keys(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> StatusCode {
    state.revoke_delegation_keys(&name);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRoleAssignment {
    /// An object id.
    principal: String,
    /// Name or id.
    role: String,
    scope: String,
    /// The propagation delay.
    #[serde(default)]
    effective_after_ms: i64,
}

async fn assign_role(
    Shared(state): Shared<Arc<State>>,
    Json(new): Json<NewRoleAssignment>,
) -> Answer<RoleAssignment> {
    Ok(Json(state.assign_role(
        &new.principal,
        &new.role,
        &new.scope,
        new.effective_after_ms,
    )?))
}

async fn remove_role(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ControlError> {
    done(state.remove_role(&id), "role assignment")
}

async fn create_role(
    Shared(state): Shared<Arc<State>>,
    Json(role): Json<RoleDefinition>,
) -> Answer<RoleDefinition> {
    state.create_role(role.clone())?;
    Ok(Json(role))
}
