//! Signing in with e-mail and password, and out.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use engine::SESSION_MS;
use model::Secret;

use super::html::{Text, failed, page, with_status};
use crate::{
    App,
    attempts::Guess,
    auth::{ClientAddress, SESSION_COOKIE, check_same_site, session_of},
    error::ApiError,
    extract::{Body, Query},
    fields::{Fields, Input},
};

/// The sign-in form.
pub(crate) struct SignIn {
    email: String,
    password: Secret,
    next: String,
}

impl Input for SignIn {
    fn read(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email").value().unwrap_or_default(),
            password: Secret::new(fields.text("password").value().unwrap_or_default()),
            next: fields.text("next").value().unwrap_or_default(),
        }
    }
}

pub(crate) async fn sign_in_form(State(app): State<App>, query: Query) -> Response {
    sign_in_page(
        &app,
        StatusCode::OK,
        query.text("next").unwrap_or_default(),
        "",
    )
}

fn sign_in_page(app: &App, status: StatusCode, next: &str, problem: &str) -> Response {
    let problem = match problem {
        "" => String::new(),
        text => format!("<p class=\"problem\" role=\"alert\">{}</p>", Text(text)),
    };
    let entra = if app.engine.offers_entra_sign_in() {
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        format!("<p><a href=\"/user/login/entra?next={next}\">Sign in with Entra ID</a></p>")
    } else {
        String::new()
    };
    let form = format!(
        "{problem}<form method=\"post\" action=\"/user/login\" class=\"narrow\">\
         <input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label>E-mail <input type=\"email\" name=\"email\" autocomplete=\"username\" required autofocus></label>\
         <label>Password <input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form>{entra}",
        Text(next)
    );
    with_status(status, page("Sign in", None, &form))
}

pub(crate) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    ClientAddress(from): ClientAddress,
    Body(form): Body<SignIn>,
) -> Response {
    if let Err(error) = check_same_site(&Method::POST, &headers, &app) {
        return failed(&error);
    }
    let email = form.email.trim().to_lowercase();
    let guesses = [
        Guess::Password(from),
        Guess::PasswordOf(from, email.clone()),
        Guess::PasswordOfFromAnywhere(email),
    ];
    for guess in &guesses {
        if let Err(error) = app.attempts.check(guess) {
            return sign_in_page(&app, error.status(), &form.next, error.detail());
        }
    }
    // Counted before the work, so that attempts at once count too.
    for guess in &guesses {
        app.attempts.failed(guess.clone());
    }
    match app.engine.sign_in(&form.email, &form.password).await {
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
                Redirect::to(own_path(&form.next)),
            )
                .into_response()
        }
        Err(error) => {
            let error = ApiError::from(error);
            sign_in_page(&app, error.status(), &form.next, error.detail())
        }
    }
}

pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Err(error) = check_same_site(&Method::POST, &headers, &app) {
        return failed(&error);
    }
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
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }
}
