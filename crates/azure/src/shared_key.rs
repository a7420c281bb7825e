//! Shared Key: a request signed with the account key.
//!
//! Source: "Authorize with Shared Key" (the Blob service's string-to-sign).

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use model::{AccountName, Secret};
use reqwest::{Request, header::HeaderMap};
use url::Url;

use crate::{Error, Result};

/// Headers whose values are signed in this order, after the method and before the `x-ms-` headers.
/// `Date` is left empty because `x-ms-date` is sent.
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

/// An account key, decoded once.
pub(crate) fn decode_key(key: &Secret) -> Result<hmac::Key> {
    let bytes = BASE64.decode(key.expose().trim()).map_err(|_| {
        Error::invalid("the account key is not base64; copy it from the account's access keys")
    })?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Base64 HMAC-SHA256 of a string-to-sign.
pub(crate) fn signature(key: &hmac::Key, text: &str) -> String {
    BASE64.encode(hmac::sign(key, text.as_bytes()))
}

/// The value of `Authorization` for a request that has all its other headers.
pub(crate) fn authorization(key: &hmac::Key, account: &AccountName, request: &Request) -> String {
    let length = request
        .body()
        .and_then(|body| body.as_bytes())
        .map_or(0, <[u8]>::len);
    let text = string_to_sign(
        account,
        request.method().as_str(),
        request.url(),
        request.headers(),
        length,
    );
    format!("SharedKey {account}:{}", signature(key, &text))
}

fn string_to_sign(
    account: &AccountName,
    method: &str,
    url: &Url,
    headers: &HeaderMap,
    length: usize,
) -> String {
    let value = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .trim()
    };
    let mut text = method.to_owned();
    for name in SIGNED_HEADERS {
        text.push('\n');
        match name {
            // Azure signs a length of zero as nothing.
            "content-length" if length > 0 => text.push_str(&length.to_string()),
            "content-length" => {}
            _ => text.push_str(value(name)),
        }
    }
    let mut names: Vec<&str> = headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| name.starts_with("x-ms-"))
        .collect();
    names.sort_unstable();
    for name in names {
        text.push_str(&format!("\n{name}:{}", value(name)));
    }
    text.push_str(&format!("\n/{account}{}", url.path()));
    let mut query: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
        .collect();
    query.sort_unstable();
    for (name, value) in query {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use model::{AccountName, Secret};
    use reqwest::header::HeaderMap;
    use url::Url;

    use super::{decode_key, signature, string_to_sign};

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn text(method: &str, url: &str, headers: &HeaderMap, length: usize) -> String {
        let account = AccountName::parse("myaccount").unwrap();
        string_to_sign(&account, method, &Url::parse(url).unwrap(), headers, length)
    }

    /// The example of Microsoft's page, for List Blobs.
    #[test]
    fn microsofts_list_example() {
        assert_eq!(
            text(
                "GET",
                "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=list&include=snapshots&include=metadata&include=uncommittedblobs",
                &headers(&[
                    ("x-ms-version", "2015-02-21"),
                    ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
                    ("accept", "*/*")
                ]),
                0,
            ),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:list\ninclude:metadata\ninclude:snapshots\ninclude:uncommittedblobs\nrestype:container"
        );
    }

    #[test]
    fn a_write_signs_length_type_condition_and_the_encoded_path() {
        assert_eq!(
            text(
                "PUT",
                "https://myaccount.blob.core.windows.net/c/a%2F..%2Fb%20%23.json",
                &headers(&[
                    ("content-type", "application/json"),
                    ("if-none-match", "*"),
                    ("x-ms-blob-type", "BlockBlob"),
                    ("x-ms-date", "D"),
                ]),
                11,
            ),
            "PUT\n\n\n11\n\napplication/json\n\n\n\n*\n\n\nx-ms-blob-type:BlockBlob\nx-ms-date:D\n/myaccount/c/a%2F..%2Fb%20%23.json"
        );
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_vector() {
        let key = decode_key(&Secret::new("SmVmZQ==")).unwrap();
        assert_eq!(
            signature(&key, "what do ya want for nothing?"),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
    }

    #[test]
    fn a_key_that_is_none_is_not_quoted() {
        let error = decode_key(&Secret::new("not base64 s3cret")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
