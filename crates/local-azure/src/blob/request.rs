//! A blob request as the service reads it: account, container and blob out of the raw path.

use axum::body::Body;
use http::{HeaderMap, Method, Request, header, request::Parts};
use percent_encoding::percent_decode_str;

use crate::blob::{
    error::{BlobError, Result},
    query::Query,
};

/// What clients before every version header get ("Versioning for Azure Storage").
const OLDEST_VERSION: &str = "2009-09-19";

/// A parsed request without its body.
#[derive(Clone, Debug)]
pub struct BlobRequest {
    pub method: Method,
    /// The path as sent: what a SharedKey signature covers.
    pub raw_path: String,
    pub query: Query,
    pub headers: HeaderMap,
    pub account: String,
    pub container: Option<String>,
    /// Percent-decoded, and then as the service reads it: [`as_stored`].
    pub blob: Option<String>,
    /// The account's base URL as the client addressed it, with a trailing slash.
    pub endpoint: String,
    /// When it arrived, by this Azure's clock.
    pub now_ms: i64,
    /// Folders are entries of their own: a hierarchical namespace.
    pub is_hierarchical: bool,
    /// How long the account takes to bring a blob back from the archive.
    pub rehydration_ms: i64,
}

impl BlobRequest {
    /// Reads a request's head. `scheme` is the listener's.
    ///
    /// The account is the first label of a host such as `ACCOUNT.blob.core.windows.net`,
    /// else the first path segment. A `/` sent as `%2F` is a `/`.
    ///
    /// # Errors
    /// 400 for a path that is not UTF-8 or a container or blob name against Azure's rules.
    pub fn read(request: Request<Body>, scheme: &str, now_ms: i64) -> Result<(Self, Body)> {
        let (
            Parts {
                method,
                uri,
                headers,
                ..
            },
            body,
        ) = request.into_parts();
        let host = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
                .unwrap_or(""),
        };
        let path = percent_decode_str(uri.path().trim_start_matches('/'))
            .decode_utf8()
            .map_err(|_| BlobError::invalid_uri())?;
        let (account, path, endpoint) = match account_of_host(host) {
            Some(account) => (account.to_owned(), &*path, format!("{scheme}://{host}/")),
            None => {
                let (account, rest) = path.split_once('/').unwrap_or((&path, ""));
                (
                    account.to_owned(),
                    rest,
                    format!("{scheme}://{host}/{account}/"),
                )
            }
        };
        let (container, blob) = path.split_once('/').unwrap_or((path, ""));
        let parsed = Self {
            query: Query::parse(uri.query().unwrap_or("")),
            raw_path: uri.path().to_owned(),
            account,
            container: named(container, |name| model::ContainerName::parse(name).is_ok())?,
            blob: named(&as_stored(blob), |name| {
                model::BlobName::parse(name).is_ok()
            })?,
            endpoint,
            method,
            headers,
            now_ms,
            is_hierarchical: false,
            rehydration_ms: 0,
        };
        Ok((parsed, body))
    }

    /// A request made here, to seed the engine: it passes no authentication.
    pub fn internal(method: Method, account: &str, container: &str, blob: Option<&str>) -> Self {
        Self {
            method,
            raw_path: String::new(),
            query: Query::default(),
            headers: HeaderMap::new(),
            account: account.to_owned(),
            container: Some(container.to_owned()),
            blob: blob.map(as_stored),
            endpoint: format!("https://{account}.blob.core.windows.net/"),
            now_ms: model::Clock::system().now_ms(),
            is_hierarchical: false,
            rehydration_ms: 0,
        }
    }

    /// A header's text; one that is not visible ASCII reads as absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The service version asked for: the header, else a SAS's `sv`, else the oldest.
    pub fn version(&self) -> &str {
        self.header("x-ms-version")
            .or_else(|| self.query.get("sv"))
            .unwrap_or(OLDEST_VERSION)
    }

    /// The container's name; absent only for operations on the service.
    pub fn container(&self) -> Result<&str> {
        self.container.as_deref().ok_or_else(BlobError::invalid_uri)
    }

    /// The blob's name; absent only for operations on a container or the service.
    pub fn blob(&self) -> Result<&str> {
        self.blob.as_deref().ok_or_else(BlobError::invalid_uri)
    }
}

/// The name that the service makes of a sent one: `\` becomes `/`, and the dots at the end of a
/// segment go. `.`, `..` and `//` stay.
pub(super) fn as_stored(name: &str) -> String {
    let name = name.replace('\\', "/");
    let segments: Vec<&str> = name
        .split('/')
        .map(|segment| match segment.trim_end_matches('.') {
            "" => segment,
            kept => kept,
        })
        .collect();
    segments.join("/")
}

/// `acct` of `acct.blob.core.windows.net:443`.
fn account_of_host(host: &str) -> Option<&str> {
    let (account, rest) = host.split_once('.')?;
    rest.starts_with("blob.").then_some(account)
}

fn named(name: &str, valid: impl FnOnce(&str) -> bool) -> Result<Option<String>> {
    if name.is_empty() {
        Ok(None)
    } else if valid(name) {
        Ok(Some(name.to_owned()))
    } else {
        Err(BlobError::invalid_resource_name())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;

    use super::BlobRequest;

    fn read(uri: &str, host: &str) -> BlobRequest {
        let request = Request::get(uri)
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        BlobRequest::read(request, "https", 0).unwrap().0
    }

    #[test]
    fn names_are_what_the_client_sent_decoded_once() {
        for (path, blob) in [
            ("/acct/cont/a/b", "a/b"),
            ("/acct/cont/a%2Fb", "a/b"),
            ("/acct/cont/a//b/./../c%20", "a//b/./../c "),
            ("/acct/cont/100%25%20%231%3F+&=", "100% #1?+&="),
            ("/acct/cont/%F0%9F%90%88", "🐈"),
            ("/acct/cont//lead", "/lead"),
            ("/acct/cont/a%5Cb\\c", "a/b/c"),
            ("/acct/cont/a./b../c.d...", "a/b/c.d"),
        ] {
            let request = read(path, "127.0.0.1:1");
            assert_eq!(request.blob.as_deref(), Some(blob), "{path}");
            assert_eq!(request.container.as_deref(), Some("cont"));
            assert_eq!(request.account, "acct");
        }
    }

    #[test]
    fn the_account_is_in_the_host_when_the_host_is_azures() {
        let request = read("/cont/b", "acct.blob.core.windows.net:8443");
        assert_eq!(request.account, "acct");
        assert_eq!(request.container.as_deref(), Some("cont"));
        assert_eq!(request.endpoint, "https://acct.blob.core.windows.net:8443/");
        let local = read("/acct?comp=list", "localhost:1");
        assert_eq!((local.account.as_str(), local.container), ("acct", None));
        assert_eq!(local.endpoint, "https://localhost:1/acct/");
    }
}
