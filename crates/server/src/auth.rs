//! Who acts: an [`Actor`] in a handler's signature is a proven, signed-in person.
//!
//! `Authorization: Token LEGACY`, `Authorization: Bearer ACCESS_JWT`, or the browser's session
//! cookie. A cookie is sent by the browser whoever made the page, so changing anything with it
//! needs proof that the page was ours.

use std::{
    convert::Infallible,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::IpAddr,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Method, header, request::Parts},
};
use model::Actor;

use crate::{
    App,
    attempts::{Guess, client_address},
    error::ApiError,
};

/// The browser's session; `HttpOnly`, `SameSite=Lax`, `Secure` behind https.
pub(crate) const SESSION_COOKIE: &str = "longshore_session";

/// The id of the person for whom a page was made. The browser's session may be somebody else's by
/// now; what the page kept for its person must not be saved as theirs.
const MADE_FOR: HeaderName = HeaderName::from_static("x-longshore-user");

impl FromRequestParts<App> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Some(credential) = credential_of(&parts.headers) else {
            return proven_actor(&parts.method, &parts.headers, app).await;
        };
        let mut hasher = DefaultHasher::new();
        credential.hash(&mut hasher);
        let from = client_address(parts, app);
        let again = Guess::TokenAgain(from, hasher.finish());
        app.attempts.check(&Guess::Token(from))?;
        app.attempts.check(&again)?;
        let proven = proven_actor(&parts.method, &parts.headers, app).await;
        if proven.as_ref().is_err_and(ApiError::is_unauthenticated) {
            app.attempts.token_failed(from, again);
        }
        proven
    }
}

/// A page of ours made the browser send it: known before its body is read. For routes that need no
/// [`Actor`], who proves it too.
pub(crate) struct OurPage;

impl FromRequestParts<App> for OurPage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        check_same_site(&parts.method, &parts.headers, app).map(|()| Self)
    }
}

/// Where a request comes from, for limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(client_address(parts, app)))
    }
}

/// What the sender says they are known by.
fn credential_of(headers: &HeaderMap) -> Option<&[u8]> {
    match headers.get(header::AUTHORIZATION) {
        Some(value) => Some(value.as_bytes()),
        None => session_of(headers).map(str::as_bytes),
    }
}

/// Who the request's headers prove, without counting a failure.
pub(crate) async fn proven_actor(
    method: &Method,
    headers: &HeaderMap,
    app: &App,
) -> Result<Actor, ApiError> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value
            .to_str()
            .map_err(|_| ApiError::unauthenticated("Invalid token."))?;
        let (scheme, token) = text.trim().split_once(' ').unwrap_or((text, ""));
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("token") {
            return Ok(app.engine.authenticate_token(token).await?);
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(app.engine.authenticate_access_token(token).await?);
        }
    } else if let Some(session) = session_of(headers) {
        let actor = app.engine.authenticate_session(session).await?;
        check_same_site(method, headers, app)?;
        let made_for = headers.get(MADE_FOR);
        if made_for.is_some_and(|id| id.as_bytes() != actor.user_id.to_string().as_bytes()) {
            return Err(ApiError::another_person());
        }
        return Ok(actor);
    }
    Err(ApiError::unauthenticated(
        "Authentication credentials were not provided.",
    ))
}

/// The session cookie's value.
pub(crate) fn session_of(headers: &HeaderMap) -> Option<&str> {
    cookie_of(headers, SESSION_COOKIE)
}

/// A cookie's value, when it has one.
pub(crate) fn cookie_of<'a>(headers: &'a HeaderMap, cookie: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == cookie)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// Refuses a browser's changing request that did not come from a page of ours: the `Origin` must
/// be the public URL's, or the host that was asked; without `Origin`, `Sec-Fetch-Site` must say so.
fn check_same_site(method: &Method, headers: &HeaderMap, app: &App) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let ours = match text(header::ORIGIN) {
        Some(origin) => {
            let asked = text(header::HOST).unwrap_or_default();
            origin == app.settings.public_url.origin().ascii_serialization()
                || origin
                    .split_once("://")
                    .is_some_and(|(_, host)| host == asked)
        }
        None => text(HeaderName::from_static("sec-fetch-site"))
            .is_some_and(|site| site == "same-origin" || site == "none"),
    };
    if ours {
        Ok(())
    } else {
        Err(ApiError::cross_site())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::session_of;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=b; longshore_session=xyz; c=d"),
        );
        assert_eq!(session_of(&headers), Some("xyz"));
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("longshore_session="),
        );
        assert_eq!(session_of(&headers), None);
    }
}
