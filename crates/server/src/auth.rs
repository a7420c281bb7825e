//! Who acts: an [`Actor`] in a handler's signature is a proven, signed-in person.
//!
//! `Authorization: Token LEGACY`, `Authorization: Bearer ACCESS_JWT`, or the browser's session
//! cookie. A cookie is sent by the browser whoever made the page, so changing anything with it
//! needs proof that the page was ours.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
};
use engine::Presented;
use model::Actor;

use crate::{App, client_address::ClientAddress, cookies::Cookie, error::ApiError};

/// The id of the person for whom a page was made. The browser's session may be somebody else's by
/// now; what the page kept for its person must not be saved as theirs.
const MADE_FOR: HeaderName = HeaderName::from_static("x-longshore-user");

impl FromRequestParts<App> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(proven) = parts.extensions.get::<Self>() {
            return Ok(*proven);
        }
        let proven = proven_actor(&parts.method, &parts.headers, app).await;
        // Looked up first: what is right goes through, whatever others at its address do.
        if proven.as_ref().is_err_and(ApiError::is_unauthenticated)
            && let Some(credential) = credential_of(&parts.headers, app)
        {
            let ClientAddress(from) = ClientAddress::of(parts, app);
            app.attempts.credential_failed(from, credential)?;
        }
        if let (Ok(actor), Some(asker)) = (&proven, parts.extensions.get::<Asker>()) {
            asker.is(*actor);
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

/// Who a request was proven to be of, for what happens around it.
#[derive(Clone, Default)]
pub(crate) struct Asker(Arc<OnceLock<Actor>>);

impl Asker {
    fn is(&self, actor: Actor) {
        // It was somebody already: the same.
        let _ = self.0.set(actor);
    }

    pub(crate) fn who(&self) -> Option<&Actor> {
        self.0.get()
    }
}

/// What the sender says they are known by, as it came.
fn credential_of<'a>(headers: &'a HeaderMap, app: &App) -> Option<&'a [u8]> {
    match headers.get(header::AUTHORIZATION) {
        Some(value) => Some(value.as_bytes()),
        None => session_of(headers, app).map(str::as_bytes),
    }
}

/// What the sender says they are known by, understood; `None` when they say nothing that we know.
///
/// # Errors
/// 401 when it is not text.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    app: &App,
) -> Result<Option<Presented<'a>>, ApiError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(session_of(headers, app).map(Presented::Session));
    };
    let text = value
        .to_str()
        .map_err(|_| ApiError::unauthenticated("Invalid token."))?;
    let (scheme, token) = text.trim().split_once(' ').unwrap_or((text, ""));
    let token = token.trim();
    Ok(if scheme.eq_ignore_ascii_case("token") {
        Some(Presented::Token(token))
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Some(Presented::AccessToken(token))
    } else {
        None
    })
}

/// Who the request's headers prove, without counting a failure.
pub(crate) async fn proven_actor(
    method: &Method,
    headers: &HeaderMap,
    app: &App,
) -> Result<Actor, ApiError> {
    let presented = presented(headers, app)?.ok_or_else(|| {
        ApiError::unauthenticated("Authentication credentials were not provided.")
    })?;
    let actor = app.engine.authenticate(presented).await?;
    if matches!(presented, Presented::Session(_)) {
        check_same_site(method, headers, app).inspect_err(|error| {
            let origin = headers.get(header::ORIGIN).map(HeaderValue::to_str);
            let origin = origin.and_then(Result::ok).unwrap_or("no origin");
            app.engine
                .note_refusal(&actor, error.code(), &format!("{method} from {origin}"));
        })?;
        let made_for = headers.get(MADE_FOR);
        if made_for.is_some_and(|id| id.as_bytes() != actor.user_id.to_string().as_bytes()) {
            return Err(ApiError::another_person());
        }
    }
    Ok(actor)
}

/// The session cookie's value.
pub(crate) fn session_of<'a>(headers: &'a HeaderMap, app: &App) -> Option<&'a str> {
    Cookie::Session.read(headers, app)
}

/// Refuses a browser's changing request that did not come from a page of ours: the `Origin`, all of
/// it, must be the public URL's; without `Origin`, `Sec-Fetch-Site` must say so.
fn check_same_site(method: &Method, headers: &HeaderMap, app: &App) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let ours = app.settings.public_url.origin().ascii_serialization();
    let is_ours = match headers.get(header::ORIGIN) {
        Some(origin) => origin.as_bytes() == ours.as_bytes(),
        None => headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin" || site == "none"),
    };
    if is_ours {
        Ok(())
    } else {
        Err(ApiError::cross_site(&ours))
    }
}
