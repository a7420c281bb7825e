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
pub(crate) mod shown;
mod sign_in;
pub(crate) mod storage;
pub(crate) mod tokens_page;
pub(crate) mod words;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use model::{Actor, budgets};

use crate::App;
pub(crate) use check::{check, check_form};
pub(crate) use events::Watchers;
use html::failed;
pub(crate) use sign_in::{sign_in, sign_in_form, sign_out};

/// htmx's: the page that a part is asked for, and where it shall go instead.
const CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");
const GO_TO: HeaderName = HeaderName::from_static("hx-redirect");

/// A signed-in person; others are sent to the sign-in page, and from there back to the page that
/// they were on.
pub(crate) struct Person(pub(crate) Actor);

impl FromRequestParts<App> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Actor::from_request_parts(parts, app).await {
            Ok(actor) => Ok(Self(actor)),
            Err(error) if error.is_unauthenticated() => {
                let next: String =
                    url::form_urlencoded::byte_serialize(page_of(parts).as_bytes()).collect();
                let sign_in = format!("/user/login?next={next}");
                if !parts.headers.contains_key("hx-request") {
                    return Err(Redirect::to(&sign_in).into_response());
                }
                let mut refused = failed(&error);
                if let Ok(sign_in) = HeaderValue::try_from(sign_in) {
                    refused.headers_mut().insert(GO_TO, sign_in);
                }
                Err(refused)
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Path and query of the page that the browser shows or asks for; of a very long one only that it
/// is ours.
fn page_of(parts: &Parts) -> String {
    let page = any_page_of(parts);
    if page.len() > budgets::NEXT_ADDRESS {
        return "/".to_owned();
    }
    page
}

fn any_page_of(parts: &Parts) -> String {
    let from = match parts.method.is_safe() {
        _ if parts.headers.contains_key("hx-request") => CURRENT_URL,
        true => return parts.uri.to_string(),
        false => header::REFERER,
    };
    let page = parts.headers.get(from).and_then(|url| url.to_str().ok());
    let page = page.and_then(|url| url::Url::parse(url).ok());
    page.map_or_else(
        || "/".to_owned(),
        |url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
    )
}
