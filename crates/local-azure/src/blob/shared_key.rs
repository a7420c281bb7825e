//! Shared Key: the string to sign of "Authorize with Shared Key", its signature and its check.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method};

use crate::{
    blob::{
        error::{BlobError, Result},
        query::Query,
        request::BlobRequest,
        time,
    },
    state::Account,
};

/// How far a request's date may be from the service's clock.
const DATE_WINDOW_MS: i64 = 15 * 60 * 1000;

/// The headers whose values are signed one by one, in this order.
const SIGNED_HEADERS: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Checks `SharedKey ACCOUNT:SIGNATURE` against both keys of the account.
///
/// # Errors
/// 403 `KeyBasedAuthenticationNotPermitted` or `AuthenticationFailed` with Azure's detail.
pub fn check(account: &Account, request: &BlobRequest, credential: &str) -> Result<()> {
    if !account.settings.allow_shared_key {
        return Err(BlobError::shared_key_disabled());
    }
    check_date(request)?;
    let (name, signature) = credential.split_once(':').ok_or_else(malformed)?;
    if name != account.name {
        return Err(malformed());
    }
    let text = string_to_sign(
        &request.method,
        &account.name,
        &request.raw_path,
        &request.query,
        &request.headers,
    );
    if [&account.key1, &account.key2]
        .iter()
        .any(|key| is_signature(key, &text, signature))
    {
        return Ok(());
    }
    Err(BlobError::authentication_failed(format!(
        "The MAC signature found in the HTTP request '{signature}' is not the same as any computed signature. Server used following string to sign: '{text}'."
    )))
}

/// What is signed. `path` is as sent, percent-encoded; in path style it names the account again.
pub fn string_to_sign(
    method: &Method,
    account: &str,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
) -> String {
    let mut text = method.as_str().to_owned();
    for name in SIGNED_HEADERS {
        let value = headers
            .get(name)
            .map_or("".into(), |value| String::from_utf8_lossy(value.as_bytes()));
        text.push('\n');
        if !(name == "content-length" && value == "0"
            || name == "date" && headers.contains_key("x-ms-date"))
        {
            text.push_str(&value);
        }
    }
    text.push('\n');
    push_headers(&mut text, headers);
    text.push('/');
    text.push_str(account);
    text.push_str(path);
    push_query(&mut text, query);
    text
}

/// The base64 HMAC-SHA256 of a text under a base64 key; an unreadable key signs as an empty one.
pub fn sign(key: &str, text: &str) -> String {
    BASE64_STANDARD.encode(hmac::sign(&hmac_key(key), text.as_bytes()))
}

/// Is this the signature of a text? Compared in constant time.
pub fn is_signature(key: &str, text: &str, signature: &str) -> bool {
    BASE64_STANDARD
        .decode(signature)
        .is_ok_and(|mac| hmac::verify(&hmac_key(key), text.as_bytes(), &mac).is_ok())
}

fn hmac_key(key: &str) -> hmac::Key {
    hmac::Key::new(
        hmac::HMAC_SHA256,
        &BASE64_STANDARD.decode(key).unwrap_or_default(),
    )
}

fn check_date(request: &BlobRequest) -> Result<()> {
    let date = request
        .header("x-ms-date")
        .or_else(|| request.header("date"));
    let date =
        date.ok_or_else(|| BlobError::authentication_failed("Request date header not specified"))?;
    let at = time::parse_http_date(date).ok_or_else(malformed)?;
    if (at - request.now_ms).abs() > DATE_WINDOW_MS {
        let detail = format!("Request date header too old: '{date}'");
        return Err(BlobError::authentication_failed(detail));
    }
    Ok(())
}

fn malformed() -> BlobError {
    BlobError::authentication_failed("The Authorization header is not formed correctly.")
}

fn push_headers(text: &mut String, headers: &HeaderMap) {
    let mut names: Vec<&str> = headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| name.starts_with("x-ms-"))
        .collect();
    names.sort_unstable();
    for name in names {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
            .collect();
        text.push_str(&format!("{name}:{}\n", values.join(",")));
    }
}

fn push_query(text: &mut String, query: &Query) {
    let mut pairs: Vec<(&str, &str)> = query.pairs().collect();
    pairs.sort_unstable();
    let mut last = None;
    for (name, value) in pairs {
        if last == Some(name) {
            text.push(',');
        } else {
            text.push('\n');
            text.push_str(name);
            text.push(':');
        }
        text.push_str(value);
        last = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};

    use super::{is_signature, sign, string_to_sign};
    use crate::blob::query::Query;

    /// The example of "Authorize with Shared Key", Get Container Metadata and a listing.
    #[test]
    fn the_string_is_that_of_microsofts_examples() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-version", HeaderValue::from_static("2015-02-21"));
        headers.insert(
            "x-ms-date",
            HeaderValue::from_static("Fri, 26 Jun 2015 23:39:12 GMT"),
        );
        let query = Query::parse("restype=container&comp=metadata&timeout=20");
        assert_eq!(
            string_to_sign(&Method::GET, "myaccount", "/mycontainer", &query, &headers),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
        let query = Query::parse("comp=list&include=snapshots&restype=container&include=metadata");
        assert!(
            string_to_sign(&Method::GET, "myaccount", "/mycontainer", &query, &headers).ends_with(
                "/myaccount/mycontainer\ncomp:list\ninclude:metadata,snapshots\nrestype:container"
            )
        );
    }

    #[test]
    fn only_the_key_that_signed_verifies() {
        let signature = sign("a2V5", "text");
        assert!(is_signature("a2V5", "text", &signature));
        assert!(!is_signature("a2V6", "text", &signature));
        assert!(!is_signature("a2V5", "text2", &signature));
        assert!(!is_signature("a2V5", "text", "not base64!"));
    }
}
