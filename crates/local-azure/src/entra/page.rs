//! The pages that a person sees: plain HTML, no script, marked as not Azure.

use axum::response::{Html, IntoResponse as _, Response};
use http::{StatusCode, header};

use super::refusal::Refusal;
use crate::{State, state::DirectoryRole};

/// What a page opens with.
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0;background:#f2f2f2;color:#1b1b1b}\
.banner{background:#7a1f00;color:#fff;margin:0;padding:.5rem 1rem}\
main{background:#fff;max-width:34rem;margin:2rem auto;padding:1rem 2rem 2rem}\
fieldset{border:1px solid #767676;margin:1rem 0;padding:.5rem 1rem}\
label{display:block;padding:.25rem 0}\
button{font:inherit;padding:.4rem 1.2rem;margin-right:.5rem}\
code{overflow-wrap:anywhere}";

/// A whole page. `main` is HTML; `title` is text.
pub fn page(status: StatusCode, title: &str, main: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title} - local Azure</title><style>{STYLE}</style></head><body>\
         <p class=\"banner\"><strong>This is not Azure.</strong> A local stand-in for tests: \
         nobody's password is asked for.</p>\
         <main><h1>{title}</h1>{main}</main></body></html>"
    );
    (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

/// Entra's own error page: it stays here and sends nobody back to the app.
pub fn error_page(state: &State, refusal: &Refusal) -> Response {
    let main = format!(
        "<p>Sorry, but we're having trouble signing you in.</p><p><code>{}</code></p>",
        escape(&refusal.description(state, " "))
    );
    page(refusal.status(), "Sign in", &main)
}

/// One radio button (`login_as`) for each person of every tenant, those of `preferred` first;
/// `hint` (or the first one) is chosen already.
pub fn people(state: &State, preferred: Option<&str>, hint: Option<&str>) -> String {
    let world = state.world();
    let mut all: Vec<_> = world
        .tenants
        .values()
        .flat_map(|tenant| tenant.users.iter().map(move |user| (tenant, user)))
        .collect();
    all.sort_by_key(|(tenant, user)| {
        (
            Some(tenant.id.as_str()) != preferred,
            tenant.domain.as_str(),
            user.role == DirectoryRole::Member,
        )
    });
    if all.is_empty() {
        return "<p>No tenant has a user.</p>".to_owned();
    }
    let chosen = hint
        .filter(|hint| world.user(hint).is_some())
        .unwrap_or(&all[0].1.user_principal_name);
    let radios: String = all
        .iter()
        .map(|(_, user)| {
            let name = escape(&user.user_principal_name);
            let checked = if user.user_principal_name.eq_ignore_ascii_case(chosen) {
                " checked"
            } else {
                ""
            };
            let role = user.role.title();
            format!(
                "<label><input type=\"radio\" name=\"login_as\" value=\"{name}\" required{checked}> \
                 {name} ({role})</label>"
            )
        })
        .collect();
    format!("<fieldset><legend>Who are you?</legend>{radios}</fieldset>")
}

/// Text as HTML, also inside a quoted attribute.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, letter| {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}
