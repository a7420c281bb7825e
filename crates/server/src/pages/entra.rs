//! Signing in with Entra ID: from the sign-in page, and connecting it on the account page.

use std::net::IpAddr;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use engine::EntraOutcome;
use model::{Secret, UserId};

use super::{
    Person,
    connect::{Addresses, returned},
    frame::Frame,
    html::{Message, failed, with_status},
    sign_in::{own_path, signed_in},
};
use crate::{
    App,
    attempts::{Caller, Guess},
    auth::session_of,
    client_address::ClientAddress,
    cookies::Cookie,
    error::ApiError,
    extract::Query,
};

/// How long a browser may be away at Entra ID.
const COOKIE_S: i64 = 600;
const ACCOUNT: &str = "/settings/account";

/// Begins signing in; a link, so that no form ends on another site.
pub(crate) async fn begin(
    State(app): State<App>,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    query: Query,
) -> Response {
    // A picture of another site's page would do it too.
    let mode = headers.get("sec-fetch-mode");
    if mode.is_some_and(|mode| mode != "navigate") {
        return failed(&ApiError::invalid_request(
            "Open this address as a page, or press Sign in with Entra ID.",
        ));
    }
    // Each one begun is a row: counted as a failure until it succeeds.
    let guess = Guess::EntraBegin(caller(&app, &headers, from));
    if let Err(error) = app.attempts.failed(guess) {
        return failed(&error);
    }
    let to = Addresses::of(&app);
    match app.engine.begin_entra_sign_in(&to.as_connect()).await {
        Ok((url, browser)) => {
            let next = own_path(query.text("next").unwrap_or_default());
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let value = format!("{}.{next}", browser.expose());
            let kept = Cookie::EntraSignIn.kept(&app, &value, COOKIE_S);
            ([kept], Redirect::to(&url)).into_response()
        }
        Err(error) => failed(&error.into()),
    }
}

/// Begins connecting the member's own identity.
pub(crate) async fn connect(
    State(app): State<App>,
    Person(actor): Person,
    headers: HeaderMap,
) -> Response {
    let Some(session) = session_of(&headers, &app) else {
        return failed(&ApiError::invalid_request(
            "This needs a browser that is signed in here.",
        ));
    };
    let to = Addresses::of(&app);
    let to = to.as_connect();
    let begun = app.engine.begin_entra_identity(&actor, session, &to);
    match begun.await {
        Ok(url) => Redirect::to(&url).into_response(),
        Err(error) => failed(&error.into()),
    }
}

pub(crate) async fn remove(State(app): State<App>, Person(actor): Person) -> Response {
    match app.engine.remove_entra_identity(&actor).await {
        Ok(()) => Redirect::to(ACCOUNT).into_response(),
        Err(error) => failed(&error.into()),
    }
}

/// The answer to a browser that comes back from one of these; `None` when it began neither.
pub(super) async fn came_back(
    app: &App,
    ClientAddress(from): ClientAddress,
    headers: &HeaderMap,
    query: &Query,
) -> Option<Response> {
    let to = Addresses::of(app);
    let to = to.as_connect();
    let returned = returned(query);
    let kept = Cookie::EntraSignIn
        .read(headers, app)
        .and_then(|value| value.split_once('.'));
    let browsers = [kept.map(|(browser, _)| browser), session_of(headers, app)];
    for browser in browsers.into_iter().flatten() {
        let finished = app.engine.finish_entra(browser, &to, &returned);
        let mut response = match finished.await {
            Ok(None) => continue,
            Ok(Some(EntraOutcome::Connected)) => Redirect::to(ACCOUNT).into_response(),
            Ok(Some(EntraOutcome::SignedIn(session, user))) => {
                let guess = Guess::EntraBegin(caller(app, headers, from));
                app.attempts.succeeded(guess);
                let next = kept.map_or("", |(_, next)| next);
                signed_in_as(app, headers, (&session, user), next).await
            }
            Err(error) => {
                let error = ApiError::from(error);
                not_signed_in(error.status(), &error.messages())
            }
        };
        let (name, value) = Cookie::EntraSignIn.kept(app, "", 0);
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(name, value);
        }
        return Some(response);
    }
    None
}

/// What somebody sees whom no state belongs to.
pub(super) fn not_begun_here(app: &App, ClientAddress(from): ClientAddress) -> Response {
    if let Err(error) = app.attempts.failed(Guess::EntraReturn(from)) {
        return failed(&error);
    }
    not_signed_in(
        StatusCode::BAD_REQUEST,
        "This sign-in was not begun in this browser, was used already, or is more than ten minutes old. Begin again.",
    )
}

/// Whose sign-ins are counted: strangers at its address do not keep a known browser out.
fn caller(app: &App, headers: &HeaderMap, from: IpAddr) -> Caller {
    match Cookie::KnownBrowser.read(headers, app) {
        Some(kept) if app.engine.is_somebodys_browser(kept) => app.attempts.known_browser(kept),
        _ => Caller::Address(from),
    }
}

async fn signed_in_as(
    app: &App,
    headers: &HeaderMap,
    (session, user): (&Secret, UserId),
    next: &str,
) -> Response {
    // The session before this one ends: nobody goes on with a cookie they planted.
    if let Some(old) = session_of(headers, app)
        && let Err(error) = app.engine.sign_out(old).await
    {
        return failed(&error.into());
    }
    let next = url::form_urlencoded::parse(next.as_bytes()).next();
    let next = next.map(|(path, _)| path.into_owned()).unwrap_or_default();
    match signed_in(app, session, user) {
        Ok(cookies) => (cookies, Redirect::to(own_path(&next))).into_response(),
        Err(error) => failed(&error),
    }
}

fn not_signed_in(status: StatusCode, message: &str) -> Response {
    let page = Message {
        frame: Frame::nobody(),
        heading: "Not signed in with Entra ID",
        problem: Some(message.to_owned()),
        says: &[],
        links: &[("/user/login", "Sign in"), (ACCOUNT, "Account")],
    };
    with_status(status, page)
}
