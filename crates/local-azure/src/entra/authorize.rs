//! The sign-in page: authorization code flow with PKCE.
//!
//! A person gets a page that lists every user. Without a browser, the same request carries the
//! page's fields, in the query of a `GET` or in the body of a `POST` to the same URL:
//!
//! | field | meaning |
//! |---|---|
//! | `login_as` | who signs in: `name@domain` |
//! | `action` | `cancel` goes back to the app without signing in |
//!
//! The answer is 302 to `redirect_uri` with `code` and `state`, or with `error`; or Entra's own page
//! (400), which leads nowhere: unknown app, unregistered `redirect_uri`, person of another tenant.
//!
//! Departures from Entra: signing in never creates the service principal, and there is no
//! session, so `prompt=none` without `login_as` is AADSTS50058.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State as Shared},
    response::Response,
};
use bytes::Bytes;
use http::StatusCode;

use super::{
    app_request::AppRequest,
    form::Form,
    page::{error_page, escape, page, people},
    refusal::Refusal,
};
use crate::{State, state::SignIn};

/// `GET` and `POST /{tenant}/oauth2/v2.0/authorize`.
pub async fn authorize(
    Shared(state): Shared<Arc<State>>,
    Path(authority): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let form = Form::merge(&query.unwrap_or_default(), &body);
    AppRequest::read(&state, &authority, &form)
        .and_then(|request| sign_in(&state, &request))
        .unwrap_or_else(|refusal| error_page(&state, &refusal))
}

fn sign_in(state: &State, request: &AppRequest<'_>) -> Result<Response, Refusal> {
    if let Err(refusal) = check(request) {
        return Ok(sent_back(state, request, &refusal));
    }
    let form = request.form;
    if form.get("action") == Some("cancel") {
        return Ok(request.answer([
            ("error", "access_denied".to_owned()),
            ("error_subcode", "cancel".to_owned()),
        ]));
    }
    let Some((home, user)) = request.person(state)? else {
        return Ok(if form.get("prompt") == Some("none") {
            let refusal = Refusal::bad_request(
                50058,
                "login_required",
                "A silent sign-in request was sent but no user is signed in.",
            );
            sent_back(state, request, &refusal)
        } else {
            question(state, request)
        });
    };
    request.check_tenant(&home, &user)?;
    let code = state.issue_code(SignIn {
        client_id: request.app.client_id.clone(),
        redirect_uri: form.required("redirect_uri")?.to_owned(),
        tenant: home.id,
        authority: request.authority.to_owned(),
        user,
        scope: form.required("scope")?.to_owned(),
        nonce: form.owned("nonce"),
        code_challenge: form.owned("code_challenge"),
    });
    let session = uuid::Uuid::new_v4().to_string();
    Ok(request.answer([("code", code), ("session_state", session)]))
}

/// What the app itself got wrong.
fn check(request: &AppRequest<'_>) -> Result<(), Refusal> {
    let form = request.form;
    let malformed = || {
        Refusal::bad_request(
            9002313,
            "invalid_request",
            "Invalid request. Request is malformed or invalid.",
        )
    };
    let response_type = form.required("response_type")?;
    if response_type != "code" {
        return Err(Refusal::bad_request(
            700054,
            "unsupported_response_type",
            format!("response_type '{response_type}' is not enabled for the application."),
        ));
    }
    form.required("scope")?;
    if form
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(malformed());
    }
    if form.get("code_challenge").is_some() && form.get("code_challenge_method") != Some("S256") {
        return Err(malformed());
    }
    match form.get("prompt") {
        None | Some("none" | "login" | "select_account" | "consent") => Ok(()),
        Some(prompt) => Err(Refusal::bad_request(
            90023,
            "invalid_request",
            format!("Unsupported 'prompt' value: '{prompt}'."),
        )),
    }
}

fn sent_back(state: &State, request: &AppRequest<'_>, refusal: &Refusal) -> Response {
    request.answer([
        ("error", refusal.error().to_owned()),
        ("error_description", refusal.description(state, "\r\n")),
    ])
}

fn question(state: &State, request: &AppRequest<'_>) -> Response {
    let tenant = request.tenant.as_ref().map(|tenant| tenant.id.as_str());
    let main = format!(
        "<p>to continue to <strong>{app}</strong></p><form method=\"post\">{people}\
         <button name=\"action\" value=\"sign_in\">Sign in</button>\
         <button name=\"action\" value=\"cancel\" formnovalidate>Cancel</button></form>",
        app = escape(&request.app.display_name),
        people = people(state, tenant, request.form.get("login_hint")),
    );
    page(StatusCode::OK, "Sign in", &main)
}
