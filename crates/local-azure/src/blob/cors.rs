//! CORS of the Blob service: preflight answers and the headers of actual answers.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response};

use crate::{
    blob::{
        error::{BlobError, Result},
        request::BlobRequest,
    },
    state::CorsRule,
};

/// Answers a preflight by the first rule that allows it; it is never authenticated.
///
/// # Errors
/// 400 without `Origin` or method, 403 when no rule allows it.
pub fn preflight(rules: &[CorsRule], request: &BlobRequest) -> Result<Response<Body>> {
    let required = |name: &'static str| {
        request
            .header(name)
            .ok_or_else(|| BlobError::missing_header(name))
    };
    let origin = required("origin")?;
    let method = required("access-control-request-method")?;
    let asked = request
        .header("access-control-request-headers")
        .unwrap_or("");
    let rule = rules
        .iter()
        .find(|rule| {
            allows_origin(rule, origin)
                && allows_method(rule, method)
                && asked
                    .split(',')
                    .map(str::trim)
                    .all(|name| name.is_empty() || allows_header(rule, name))
        })
        .ok_or_else(BlobError::cors_forbidden)?;
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    put_origin(headers, rule, origin);
    put(headers, "access-control-allow-methods", method);
    if !asked.is_empty() {
        put(headers, "access-control-allow-headers", asked);
    }
    headers.insert("access-control-max-age", rule.max_age_in_seconds.into());
    Ok(answer)
}

/// Adds what a browser needs to read the answer, when a rule allows its origin and method.
pub fn decorate(
    rules: &[CorsRule],
    method: &Method,
    origin: Option<&str>,
    headers: &mut HeaderMap,
) {
    if rules.is_empty() {
        return;
    }
    headers.insert("vary", HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    let allowed = rules
        .iter()
        .find(|rule| allows_origin(rule, origin) && allows_method(rule, method.as_str()));
    if let Some(rule) = allowed {
        put_origin(headers, rule, origin);
        if !rule.exposed_headers.is_empty() {
            put(
                headers,
                "access-control-expose-headers",
                &exposed(rule, headers),
            );
        }
    }
}

/// The names of the answer's headers that the rule exposes; patterns are spelled out.
fn exposed(rule: &CorsRule, headers: &HeaderMap) -> String {
    let names: Vec<&str> = headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| {
            rule.exposed_headers
                .iter()
                .any(|pattern| covers(pattern, name))
        })
        .collect();
    names.join(",")
}

fn allows_origin(rule: &CorsRule, origin: &str) -> bool {
    rule.allowed_origins
        .iter()
        .any(|allowed| match allowed.split_once('*') {
            // `*`, or a host with any labels in front: `https://*.contoso.com`.
            Some((before, after)) => {
                origin.len() >= before.len() + after.len()
                    && origin.starts_with(before)
                    && origin.ends_with(after)
            }
            None => allowed == origin,
        })
}

fn allows_method(rule: &CorsRule, method: &str) -> bool {
    rule.allowed_methods
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(method))
}

fn allows_header(rule: &CorsRule, name: &str) -> bool {
    rule.allowed_headers
        .iter()
        .any(|pattern| covers(pattern, name))
}

/// A literal name, or a prefix followed by `*`.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name
            .get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

fn put_origin(headers: &mut HeaderMap, rule: &CorsRule, origin: &str) {
    if rule.allowed_origins.iter().any(|allowed| allowed == "*") {
        put(headers, "access-control-allow-origin", "*");
    } else {
        put(headers, "access-control-allow-origin", origin);
        put(headers, "access-control-allow-credentials", "true");
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
