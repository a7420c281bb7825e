//! Signing in with e-mail and password, and out.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use engine::SESSION_MS;
use model::{Secret, budgets};

use super::{
    form::Form,
    frame::Frame,
    html::{failed, with_status},
};
use crate::{
    App,
    attempts::Guess,
    auth::{ClientAddress, OurPage, SESSION_COOKIE, session_of},
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
    let guesses = [
        Guess::Password(from),
        Guess::PasswordOf(from, email.clone()),
        Guess::PasswordOfFromAnywhere(email.clone()),
    ];
    for guess in &guesses {
        if let Err(error) = app.attempts.check(guess) {
            return sign_in_page(&app, error.status(), form.refused(&error)).await;
        }
    }
    // Counted before the work, so that attempts at once count too.
    for guess in &guesses {
        app.attempts.failed(guess.clone());
    }
    let password = Secret::new(form.value("password"));
    match app.engine.sign_in(&email, &password).await {
        Ok((session, _)) => {
            for guess in &guesses {
                app.attempts.succeeded(guess);
            }
            // The session before this one ends: nobody goes on with a cookie they planted.
            if let Some(old) = session_of(&headers)
                && let Err(error) = app.engine.sign_out(old).await
            {
                return failed(&error.into());
            }
            (
                session_cookie(&app, &session),
                Redirect::to(own_path(form.value("next"))),
            )
                .into_response()
        }
        Err(error) => {
            let error = ApiError::from(error);
            if error.is_busy() {
                // It was no guess.
                for guess in &guesses {
                    app.attempts.succeeded(guess);
                }
                return failed(&error);
            }
            let mut form = form;
            form.wrong("password", error.detail());
            sign_in_page(&app, error.status(), form).await
        }
    }
}

pub(crate) async fn sign_out(State(app): State<App>, _: OurPage, headers: HeaderMap) -> Response {
    if let Some(session) = session_of(&headers)
        && let Err(error) = app.engine.sign_out(session).await
    {
        return failed(&error.into());
    }
    (ended_session(&app), Redirect::to("/user/login")).into_response()
}

/// The header that keeps a new session in the browser.
pub(super) fn session_cookie(app: &App, session: &Secret) -> [(HeaderName, String); 1] {
    let cookie = cookie(app, session.expose(), SESSION_MS / 1000);
    [(header::SET_COOKIE, cookie)]
}

/// The header that takes it away.
pub(super) fn ended_session(app: &App) -> [(HeaderName, String); 1] {
    [(header::SET_COOKIE, cookie(app, "", 0))]
}

fn cookie(app: &App, value: &str, max_age_s: i64) -> String {
    let secure = if app.settings.public_url.scheme() == "https" {
        "; Secure"
    } else {
        ""
    };
    format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}")
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
