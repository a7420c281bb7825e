//! The admin consent pages, v2 and v1: an administrator lets an app into the tenant, which creates
//! its service principal there.
//!
//! A person gets a page. Without a browser, the same request carries the page's fields, in the query
//! of a `GET` or in the body of a `POST` to the same URL:
//!
//! | field | meaning |
//! |---|---|
//! | `login_as` | who decides: `name@domain` |
//! | `action` | `accept`, `cancel`, or, from the page that tells a non-administrator so, `return` |
//!
//! | `action` | who | answer |
//! |---|---|---|
//! | `accept` | an administrator of the tenant | 302 `admin_consent=True&tenant=…&scope=…&state=…` |
//! | `accept` | another person of the tenant | 403, a page with AADSTS90094 whose form sends `return` |
//! | `return` | | 302 `error=access_denied&error_subcode=cancel&state=…` |
//! | `cancel` | anyone of the tenant | 302 `error=access_denied`, AADSTS65004, `admin_consent=True`, no `tenant`, ends in `#` |
//! | any | a person of another tenant | 302 `error=access_denied`, AADSTS50020 |
//!
//! An unknown app (700016), an unregistered `redirect_uri` (50011), an unknown tenant (90002), `common`
//! (90130) and a service that the tenant lacks (650052) end on Entra's own page (400), which leads nowhere.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State as Shared},
    response::Response,
};
use bytes::Bytes;
use http::StatusCode;

use super::{
    app_request::{AppRequest, redirect},
    form::Form,
    page::{error_page, escape, page, people},
    refusal::Refusal,
    token::known_resource,
};
use crate::{State, state::Tenant};

/// Which of the two endpoints; they differ in `scope`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// `GET` and `POST /{tenant}/v2.0/adminconsent`.
pub async fn v2(
    state: Shared<Arc<State>>,
    path: Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    answer(state, path, query, &body, Version::V2)
}

/// `GET` and `POST /{tenant}/adminconsent`.
pub async fn v1(
    state: Shared<Arc<State>>,
    path: Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    answer(state, path, query, &body, Version::V1)
}

fn answer(
    Shared(state): Shared<Arc<State>>,
    Path(authority): Path<String>,
    query: Option<String>,
    body: &[u8],
    version: Version,
) -> Response {
    let form = Form::merge(&query.unwrap_or_default(), body);
    if matches!(authority.as_str(), "common" | "consumers") {
        let refusal = Refusal::bad_request(
            90130,
            "invalid_request",
            "Application is not supported over the /common or /consumers endpoints. Please use the \
             /organizations or tenant-specific endpoint.",
        );
        return error_page(&state, &refusal);
    }
    AppRequest::read(&state, &authority, &form)
        .and_then(|request| decide(&state, &request, version))
        .unwrap_or_else(|refusal| error_page(&state, &refusal))
}

fn decide(state: &State, request: &AppRequest<'_>, version: Version) -> Result<Response, Refusal> {
    let form = request.form;
    if version == Version::V2 {
        form.required("scope")?;
    }
    let (action, person) = (form.get("action"), request.person(state)?);
    if action == Some("return") {
        return Ok(request.answer([
            ("error", "access_denied".to_owned()),
            ("error_subcode", "cancel".to_owned()),
        ]));
    }
    let (Some(action), Some((tenant, user))) = (action, person) else {
        return Ok(question(state, request));
    };
    if let Err(refusal) = request.check_tenant(&tenant, &user) {
        return Ok(sent_back(state, request, &refusal));
    }
    match action {
        "cancel" => {
            let refusal = Refusal::bad_request(
                65004,
                "access_denied",
                "User declined to consent to access the app.",
            );
            Ok(sent_back(state, request, &refusal))
        }
        "accept" if !user.role.may_consent() => Ok(approval_needed(request)),
        "accept" => accept(state, request, version, &tenant),
        _ => Ok(question(state, request)),
    }
}

fn accept(
    state: &State,
    request: &AppRequest<'_>,
    version: Version,
    tenant: &Tenant,
) -> Result<Response, Refusal> {
    let scope = request.form.get("scope").unwrap_or_default();
    let deviations = state.deviations();
    let mut resources = scope
        .split(' ')
        .filter_map(|scope| scope.rsplit_once('/'))
        .map(|(resource, _)| resource)
        .filter(|resource| resource.trim_start_matches("api://") != request.app.client_id);
    // Without a scope, what the app registration lists is asked for.
    let missing = if deviations.missing_service {
        Some(resources.next().unwrap_or("https://storage.azure.com"))
    } else {
        resources.find(|resource| known_resource(&state.world(), &tenant.id, resource).is_err())
    };
    if let Some(resource) = missing {
        return Err(Refusal::bad_request(
            650052,
            "invalid_client",
            format!(
                "The app is trying to access a service '{resource}'({resource}) that your \
                 organization '{}' lacks a service principal for. Contact your IT Admin to review \
                 the configuration of your service subscriptions or consent to the application in \
                 order to create the required service principal.",
                tenant.id
            ),
        ));
    }
    state
        .consent(&tenant.id, &request.app.client_id)
        .map_err(|_| Refusal::unknown_app(&request.app.client_id, Some(tenant)))?;
    let told = deviations
        .consent_tenant
        .unwrap_or_else(|| tenant.id.clone());
    let scope = (version == Version::V2).then(|| ("scope", scope.to_owned()));
    Ok(request.answer(
        [("admin_consent", "True".to_owned()), ("tenant", told)]
            .into_iter()
            .chain(scope),
    ))
}

/// An error as the real redirects carry it: `admin_consent=True` all the same, and a bare `#` last.
fn sent_back(state: &State, request: &AppRequest<'_>, refusal: &Refusal) -> Response {
    let location = request.location([
        ("error", refusal.error().to_owned()),
        ("error_description", refusal.description(state, "\r\n")),
        ("error_uri", refusal.uri(state)),
        ("admin_consent", "True".to_owned()),
    ]);
    redirect(&format!("{location}#"))
}

fn question(state: &State, request: &AppRequest<'_>) -> Response {
    let tenant = request.tenant.as_ref();
    let main = format!(
        "<p><strong>{app}</strong> asks to be let into {tenant}.</p>\
         <p>If you accept, this app gets a service principal in your organization. It can read \
         nothing until you assign it a role.</p>\
         <form method=\"post\">{people}\
         <button name=\"action\" value=\"accept\">Accept</button>\
         <button name=\"action\" value=\"cancel\">Cancel</button></form>",
        app = escape(&request.app.display_name),
        tenant = tenant.map_or_else(
            || "your organization".to_owned(),
            |tenant| escape(&tenant.domain)
        ),
        people = people(
            state,
            tenant.map(|tenant| tenant.id.as_str()),
            request.form.get("login_hint")
        ),
    );
    page(
        StatusCode::OK,
        "Permissions requested: review for your organization",
        &main,
    )
}

fn approval_needed(request: &AppRequest<'_>) -> Response {
    let app = escape(&request.app.display_name);
    let main = format!(
        "<p><strong>{app}</strong> needs permission to access resources in your organization that \
         only an admin can grant. Please ask an admin to grant permission to this app before you can \
         use it.</p><p><code>AADSTS90094</code></p>\
         <form method=\"post\"><button name=\"action\" value=\"return\">Return to the application \
         without granting consent</button></form>"
    );
    page(StatusCode::FORBIDDEN, "Need admin approval", &main)
}
