//! The pages: server-rendered (askama, `templates/`), one file a page. What is live on them comes
//! as server-sent events of the same HTML; nothing needs a refresh.

pub(crate) mod account;
pub(crate) mod annotate;
pub(crate) mod audit_page;
pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod connect_storage;
pub(crate) mod editor_licences;
mod editor_page;
pub(crate) mod entra;
pub(crate) mod error_page;
mod events;
pub(crate) mod exports;
pub(crate) mod first_run;
mod form;
pub(crate) mod frame;
pub(crate) mod grid;
pub(crate) mod home;
mod html;
pub(crate) mod import_page;
pub(crate) mod integrations;
pub(crate) mod invitation;
pub(crate) mod label_config;
pub(crate) mod label_preview;
mod labeling_templates;
pub(crate) mod members_page;
pub(crate) mod new_project;
pub(crate) mod project_settings;
pub(crate) mod project_storages;
mod sign_in;
pub(crate) mod storage;
pub(crate) mod tokens_page;
pub(crate) mod words;

use axum::{
    extract::FromRequestParts,
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use model::{Actor, Permission};

use crate::{App, error::ApiError};
pub(crate) use check::{check, check_form};
use html::failed;
pub(crate) use sign_in::{sign_in, sign_in_form, sign_out};

/// A signed-in person; others are sent to the sign-in page.
pub(crate) struct Person(Actor);

impl FromRequestParts<App> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Actor::from_request_parts(parts, app).await {
            Ok(actor) => Ok(Self(actor)),
            Err(error) if error.is_unauthenticated() => {
                let next: String =
                    url::form_urlencoded::byte_serialize(parts.uri.path().as_bytes()).collect();
                Err(Redirect::to(&format!("/user/login?next={next}")).into_response())
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Refuses a page to a role that may not do what it is for.
fn require(actor: &Actor, permission: Permission) -> Result<(), ApiError> {
    if actor.may(permission) {
        Ok(())
    } else {
        Err(engine::Error::Denied { permission }.into())
    }
}
