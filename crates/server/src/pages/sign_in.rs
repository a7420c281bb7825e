//! Signing in with e-mail and password, and out.

use std::net::IpAddr;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use engine::{KNOWN_BROWSER_MS, SESSION_MS};
use model::{Secret, UserId, budgets};

use super::{
    form::Form,
    frame::Frame,
    html::{failed, with_status},
};
use crate::{
    App,
    attempts::PasswordTry,
    auth::{OurPage, session_of},
    client_address::ClientAddress,
    cookies::Cookie,
    error::ApiError,
    extract::Query,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    form: Form,
    /// Where Entra ID's button leads, when the operator has registered an app.
    entra: Option<String>,
    /// Nobody can sign in: the server printed where to begin.
    is_first_run: bool,
}

pub(crate) async fn sign_in_form(State(app): State<App>, query: Query) -> Response {
    let next = query.text("next").unwrap_or_default().to_owned();
    sign_in_page(&app, StatusCode::OK, Form::filled([("next", next)])).await
}

async fn sign_in_page(app: &App, status: StatusCode, form: Form) -> Response {
    let form = form.short();
    let entra = app.engine.offers_entra_sign_in().then(|| {
        let next: String =
            url::form_urlencoded::byte_serialize(form.value("next").as_bytes()).collect();
        format!("/user/login/entra?next={next}")
    });
    match app.engine.first_run().await {
        Ok(first_run) => {
            let page = SignIn {
                frame: Frame::nobody(),
                form,
                entra,
                is_first_run: first_run.is_some(),
            };
            with_status(status, page)
        }
        Err(error) => failed(&error.into()),
    }
}

pub(crate) async fn sign_in(
    State(app): State<App>,
    _: OurPage,
    headers: HeaderMap,
    ClientAddress(from): ClientAddress,
    form: Form,
) -> Response {
    let email = form.value("email").trim().to_lowercase();
    let tried = match try_password(&app, &headers, from, &email).await {
        Ok(tried) => tried,
        Err(error) => {
            app.engine.note_limited_sign_in(&email, &from.to_string());
            return sign_in_page(&app, error.status(), form.refused(&error)).await;
        }
    };
    let password = Secret::new(form.value("password"));
    match app.engine.sign_in(&email, &password).await {
        Ok((session, actor)) => {
            app.attempts.take_back(tried);
            // The session before this one ends: nobody goes on with a cookie they planted.
            if let Some(old) = session_of(&headers, &app)
                && let Err(error) = app.engine.sign_out(old).await
            {
                return failed(&error.into());
            }
            match signed_in(&app, &session, actor.user_id) {
                Ok(cookies) => {
                    (cookies, Redirect::to(own_path(form.value("next")))).into_response()
                }
                Err(error) => failed(&error),
            }
        }
        Err(error) => {
            let error = ApiError::from(error);
            if error.is_busy() {
                // It was no guess.
                app.attempts.take_back(tried);
                return failed(&error);
            }
            let mut form = form;
            form.wrong("password", error.detail());
            sign_in_page(&app, error.status(), form).await
        }
    }
}

/// Counted as wrong before it is looked at.
async fn try_password(
    app: &App,
    headers: &HeaderMap,
    from: IpAddr,
    email: &str,
) -> Result<PasswordTry, ApiError> {
    let kept = Cookie::KnownBrowser.read(headers, app);
    let known = match kept {
        Some(kept) if app.engine.is_known_browser(kept, email).await? => Some(kept),
        _ => None,
    };
    app.attempts.try_password(from, known, email)
}

pub(crate) async fn sign_out(State(app): State<App>, _: OurPage, headers: HeaderMap) -> Response {
    if let Some(session) = session_of(&headers, &app)
        && let Err(error) = app.engine.sign_out(session).await
    {
        return failed(&error.into());
    }
    signed_out(&app)
}

/// The header that keeps a new session in the browser.
pub(super) fn session_cookie(app: &App, session: &Secret) -> [(HeaderName, String); 1] {
    [Cookie::Session.kept(app, session.expose(), SESSION_MS / 1000)]
}

/// The same, and the browser is known from now on: the person has proved in it who they are.
pub(super) fn signed_in(
    app: &App,
    session: &Secret,
    user: UserId,
) -> Result<AppendHeaders<[(HeaderName, String); 2]>, ApiError> {
    let [session] = session_cookie(app, session);
    let known = app.engine.known_browser(user)?;
    let known = Cookie::KnownBrowser.kept(app, known.expose(), KNOWN_BROWSER_MS / 1000);
    Ok(AppendHeaders([session, known]))
}

/// To the sign-in page, without a session. What the browser has loaded goes too; what it has not
/// sent yet (kept by the annotate page for its person) stays.
pub(super) fn signed_out(app: &App) -> Response {
    let mut response = (
        [Cookie::Session.kept(app, "", 0)],
        Redirect::to("/user/login"),
    )
        .into_response();
    response
        .headers_mut()
        .insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

/// Where to go after signing in: a path of ours, never another site.
pub(super) fn own_path(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= budgets::NEXT_ADDRESS
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn signing_in_never_leads_to_another_site() {
        assert_eq!(own_path("/projects/5?page=2"), "/projects/5?page=2");
        for other in [
            "",
            "https://evil.com",
            "//evil.com",
            "/\\evil.com",
            "/a\r\nb",
            "javascript:alert(1)",
            &format!("/{}", "x".repeat(100_000)),
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }
}

#[cfg(test)]
mod fuzz {
    use url::Url;

    use super::own_path;

    /// Wherever the address of a sign-in says to go on, a browser stays with us.
    #[test]
    fn next_addresses() {
        let seeds = [
            "/projects/5?page=2#top",
            "//evil.example",
            "/\\evil.example",
        ];
        let words = [
            "/",
            "\\",
            "//",
            "@",
            ":",
            "https:",
            "evil.example",
            "\t",
            "%2F",
            "..",
            "?",
            "#",
        ];
        let here = Url::parse("https://longshore.example/user/login").expect("an address");
        ::fuzz::texts("next_addresses", &seeds, &words, |text| {
            let there = here.join(own_path(text)).expect("an address");
            assert_eq!(there.origin(), here.origin());
        });
    }
}
