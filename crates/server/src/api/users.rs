//! Versions, and who the caller is.

use axum::{Json, extract::State};
use engine::Whoami;
use model::{Actor, Permission};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{API_VERSION, App, api::Answer, extract::instant};

/// Label Studio's version document: clients read the API's level from it.
pub(crate) async fn version() -> Json<Value> {
    let component = json!({"message": "", "commit": "", "date": "", "branch": ""});
    let mut backend = component.clone();
    backend["version"] = API_VERSION.into();
    Json(json!({
        "release": API_VERSION,
        "label-studio-os-package": {
            "version": API_VERSION,
            "short_version": API_VERSION.rsplit_once('.').map_or(API_VERSION, |(short, _)| short),
            "latest_version_from_pypi": null,
            "latest_version_upload_time": null,
            "current_version_is_outdated": false,
        },
        "label-studio-os-backend": backend,
        "label-studio-frontend": component,
        "dm2": component,
        "label-studio-converter": {"version": ""},
        "edition": "Community",
        "longshore": {"version": env!("CARGO_PKG_VERSION")},
    }))
}

/// The caller, with Label Studio's fields.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhoamiView {
    id: i64,
    first_name: String,
    last_name: String,
    username: String,
    email: String,
    last_activity: String,
    custom_hotkeys: Value,
    avatar: Option<String>,
    initials: String,
    phone: String,
    active_organization: i64,
    active_organization_meta: Organization,
    allow_newsletters: Option<bool>,
    date_joined: String,
    permissions: Vec<&'static str>,
    /// `owner`, `manager`, `annotator` or `read_only`.
    role: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Organization {
    title: String,
    email: String,
}

pub(crate) async fn whoami(State(app): State<App>, actor: Actor) -> Answer<Json<WhoamiView>> {
    let Whoami { user, organization } = app.engine.whoami(&actor).await?;
    let joined = instant(user.created_at_ms);
    Ok(Json(WhoamiView {
        id: user.id.0,
        initials: initials(&user.first_name, &user.last_name, &user.email),
        first_name: user.first_name,
        last_name: user.last_name,
        username: String::new(),
        last_activity: joined.clone(),
        custom_hotkeys: json!({}),
        avatar: None,
        phone: String::new(),
        active_organization: user.org_id.0,
        active_organization_meta: Organization {
            title: organization,
            email: user.email.clone(),
        },
        email: user.email,
        allow_newsletters: None,
        date_joined: joined,
        permissions: permissions(&actor),
        role: actor.role.as_str(),
    }))
}

fn initials(first: &str, last: &str, email: &str) -> String {
    match (first.chars().next(), last.chars().next()) {
        (None, None) => email.chars().take(2).collect(),
        (first, last) => first.into_iter().chain(last).collect(),
    }
}

/// Label Studio's names for what the caller may do here.
fn permissions(actor: &Actor) -> Vec<&'static str> {
    const NAMES: [(Permission, &[&str]); 4] = [
        (
            Permission::Read,
            &[
                "organizations.view",
                "projects.view",
                "tasks.view",
                "annotations.view",
                "labels.view",
                "storages.view",
                "views.view",
                "users.token.any",
            ],
        ),
        (
            Permission::Annotate,
            &[
                "annotations.create",
                "annotations.change",
                "annotations.delete",
            ],
        ),
        (
            Permission::ManageProjects,
            &[
                "projects.create",
                "projects.change",
                "projects.delete",
                "tasks.create",
                "tasks.change",
                "tasks.delete",
                "predictions.any",
                "storages.change",
                "storages.sync",
            ],
        ),
        (
            Permission::ManageOrganization,
            &["organizations.change", "organizations.invite"],
        ),
    ];
    NAMES
        .iter()
        .filter(|(permission, _)| actor.may(*permission))
        .flat_map(|(_, names)| names.iter().copied())
        .collect()
}
