//! The frame of every page, and texts that cannot become markup.

use std::fmt::{self, Display, Formatter};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::error::ApiError;

/// Only our stylesheet, only our forms, no script at all.
const POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// Other sites learn nothing; our own forms must say where they come from, or the browser sends
/// `Origin: null` and the server takes them for another site's.
const REFERRER: (HeaderName, &str) = (header::REFERRER_POLICY, "same-origin");

/// Pages show what only this person may see, some of it once.
const PRIVATE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

pub(super) fn title(text: &str) -> &str {
    if text.trim().is_empty() {
        "Untitled"
    } else {
        text
    }
}

/// The page, or what went wrong as a page.
pub(super) fn render(body: Result<Html<String>, ApiError>) -> Response {
    match body {
        Ok(html) => with_status(StatusCode::OK, html),
        Err(error) => failed(&error),
    }
}

pub(super) fn with_status(status: StatusCode, html: Html<String>) -> Response {
    (status, [POLICY, REFERRER, PRIVATE], html).into_response()
}

/// The same for a page that runs our one script and whose forms end at Entra ID.
pub(super) fn render_live(body: Result<Html<String>, ApiError>, authority: &str) -> Response {
    live(render(body), authority)
}

/// A page that is written already, likewise.
pub(super) fn live(mut response: Response, authority: &str) -> Response {
    // The operator's setting, an address; one that is no header leaves the strict policy.
    if let Ok(policy) = HeaderValue::try_from(live_policy(authority)) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn live_policy(authority: &str) -> String {
    format!(
        "{}; script-src 'self'; connect-src 'self'",
        POLICY.1.replace(
            "form-action 'self'",
            &format!("form-action 'self' {authority}")
        )
    )
}

pub(super) fn failed(error: &ApiError) -> Response {
    let body = format!(
        "<p class=\"problem\">{}</p><p><a href=\"/\">All projects</a></p>",
        Text(error.detail())
    );
    with_status(error.status(), page("That did not work", None, &body))
}

/// A page under this heading; with the person who is signed in.
pub(super) fn page(heading: &str, email: Option<&str>, body: &str) -> Html<String> {
    let person = email.map_or_else(String::new, |email| {
        format!(
            "<nav><a href=\"/\">Projects</a> <a href=\"/settings\">Settings</a></nav><form method=\"post\" action=\"/user/logout\">{} <button>Sign out</button></form>",
            Text(email)
        )
    });
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{0} · Longshore</title><link rel=\"icon\" href=\"/static/icon.svg\"><link rel=\"stylesheet\" href=\"/static/longshore.css\"></head>\
         <body><header><strong>Longshore</strong>{person}</header><main><h1>{0}</h1>{body}</main></body></html>",
        Text(heading)
    ))
}

/// A text in HTML, also inside quoted attributes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => write!(f, "{c}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn texts_cannot_become_markup() {
        assert_eq!(
            Text("<a href='x' title=\"y\">&").to_string(),
            "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;"
        );
    }
}
