//! What an access check asks Azure beyond ordinary work: each question once, and without patience.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{AccountName, BlobName, ClientProof, ContainerName, Credential, Secret};
use reqwest::{Method, Request};
use tokio::net::lookup_host;
use url::{Url, form_urlencoded};

use crate::{
    Azure, Challenge, ContainerClient, Error, ErrorKind, PutCondition, Result,
    account::{Account, Auth, Call, header_of},
    encoding,
    http::{Destination, is_unknown_host, read_body},
    instant,
    token::certificate_expiry,
    xml::Xml,
};

/// No new try of a refused request begins after this.
const PATIENCE: Duration = Duration::from_secs(2);
/// For one question.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A page of a thousand of the longest names stays below this (bytes).
const LISTING_LIMIT: usize = 32 << 20;

/// How an account met an anonymous request.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Azure's clock minus ours, when it answered.
    pub clock_skew_ms: Option<i64>,
    /// Whom the account trusts, or why it did not say.
    pub challenge: Result<Challenge>,
}

/// What `Get Account Information` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// `StorageV2`, `BlobStorage`, `BlockBlobStorage`, …
    pub kind: Option<String>,
    /// Directories are real: a hierarchical namespace.
    pub is_hierarchical: bool,
}

/// The answer to a browser's question whether it may read across origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preflight {
    Allowed,
    /// No CORS rule of the account lets this origin in.
    Refused,
}

/// Blobs that were deleted and can still be restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoftDeleted {
    pub names: Vec<String>,
    /// There may be more than these.
    pub has_more: bool,
}

/// What a credential may do to blobs besides reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Write,
    Delete,
}

impl Azure {
    /// The same cloud, host and app without any cached token or key, and with little patience: what
    /// it answers is true now.
    pub fn for_a_check(&self) -> Self {
        self.with_own_caches(PATIENCE)
    }

    /// The addresses of the account's host.
    ///
    /// # Errors
    /// `AccountNotFound` when there is no such name, `Unreachable` when the resolver does not answer.
    pub async fn resolve(&self, account: &AccountName) -> Result<Vec<IpAddr>> {
        let url = Url::parse(&self.cloud().account_url(account))
            .map_err(|error| Error::invalid(format!("the account's address: {error}")))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(443);
        match lookup_host((host, port)).await {
            Ok(found) => Ok(found.map(|address| address.ip()).collect()),
            Err(error) => {
                let text = error.to_string();
                let kind = if is_unknown_host(&text) {
                    ErrorKind::AccountNotFound
                } else {
                    ErrorKind::Unreachable
                };
                Err(Error::new(kind, format!("looking up {host}: {text}")))
            }
        }
    }

    /// Asks the account, anonymously, to list its containers: never allowed, so that it says whom
    /// it trusts and what time it is. No retries.
    pub async fn greet(&self, account: &AccountName) -> Greeting {
        let account = Account::new(Arc::clone(self.shared()), account.clone(), Auth::Anonymous);
        let call = Call::new(Method::GET, "/")
            .query("comp", "list")
            .timeout(TIMEOUT);
        let error = match account.send(&call).await {
            Err(error) => error,
            Ok(_) => Error::new(
                ErrorKind::Unexpected,
                "the account lists its containers to anyone",
            ),
        };
        Greeting {
            clock_skew_ms: error.clock_skew_ms(),
            challenge: match error.challenge() {
                Some(challenge) => challenge.clone().believed(self.cloud()),
                // Where the account is in the path and not in the host's name.
                None if error.kind() == ErrorKind::NotFound => {
                    Err(error.with_kind(ErrorKind::AccountNotFound))
                }
                None => Err(error),
            },
        }
    }

    /// Asks, as a browser does before a page of `origin` reads a blob. Never authenticated.
    ///
    /// # Errors
    /// `InvalidInput` when the origin cannot be a header; what prevents an answer.
    pub async fn preflight(
        &self,
        account: &AccountName,
        container: &ContainerName,
        blob: Option<&BlobName>,
        origin: &str,
    ) -> Result<Preflight> {
        let account = Account::new(Arc::clone(self.shared()), account.clone(), Auth::Anonymous);
        let path = match blob {
            Some(blob) => format!("/{container}/{}", encoding::blob_path(blob.as_str())),
            None => format!("/{container}/blob"),
        };
        let call = Call::new(Method::OPTIONS, path)
            .header("origin", origin)?
            .header("access-control-request-method", "GET")?
            .timeout(TIMEOUT);
        match account.send(&call).await {
            Ok(response) => {
                let allowed = header_of(&response, "access-control-allow-origin");
                Ok(match allowed {
                    Some(allowed) if allowed == "*" || allowed == origin => Preflight::Allowed,
                    _ => Preflight::Refused,
                })
            }
            // 403 CorsPreflightFailure; 400 where CORS was never switched on.
            Err(error) if matches!(error.status(), Some(400 | 403)) => Ok(Preflight::Refused),
            Err(error) => Err(error),
        }
    }
}

impl ContainerClient {
    /// The account's kind; Azure may refuse to tell it to a credential that reads blobs well.
    ///
    /// # Errors
    /// The kinds of a refused credential.
    pub async fn account_info(&self) -> Result<AccountInfo> {
        let (account, name) = self.place();
        let call = Call::new(Method::GET, format!("/{name}"))
            .query("restype", "account")
            .query("comp", "properties")
            .timeout(TIMEOUT);
        let response = account.send(&call).await?;
        Ok(AccountInfo {
            kind: header_of(&response, "x-ms-account-kind"),
            is_hierarchical: header_of(&response, "x-ms-is-hns-enabled").as_deref() == Some("true"),
        })
    }

    /// The soft-deleted blobs on the first page below a prefix, which whoever may list may see.
    /// Source: "List Blobs" (REST), `include=deleted`.
    ///
    /// # Errors
    /// As [`ContainerClient::list`]; what an account answers that knows no soft-deleted blobs.
    pub async fn soft_deleted(&self, prefix: &str, delimiter: Option<char>) -> Result<SoftDeleted> {
        let (account, name) = self.place();
        let mut call = Call::new(Method::GET, format!("/{name}"))
            .query("restype", "container")
            .query("comp", "list")
            .query("include", "deleted")
            .query("maxresults", "1000")
            .query("prefix", prefix)
            .timeout(TIMEOUT);
        if let Some(delimiter) = delimiter {
            call = call.query("delimiter", delimiter);
        }
        let response = account.send(&call).await?;
        let body = read_body(response, Destination::Storage, LISTING_LIMIT).await?;
        SoftDeleted::parse(&body)
    }

    /// What the credential may do besides reading, found out without changing anything: both
    /// requests name a blob that is not there and carry an `If-Match` that no blob has. Azure
    /// checks the role (403) before either (412, 404).
    ///
    /// `absent` must be a name that nobody uses: with a real one, a proxy that drops the condition
    /// would make this destroy the blob.
    ///
    /// # Errors
    /// Whatever is neither an answer of the role nor of the condition.
    pub async fn rights_beyond_reading(&self, absent: &BlobName) -> Result<Vec<Right>> {
        const OF_NO_BLOB: &str = "0x0";
        let condition = PutCondition::IfMatch(OF_NO_BLOB.to_owned());
        let (put, deleted) = tokio::join!(
            self.put(absent, Bytes::new(), "text/plain", &condition),
            self.delete(absent, Some(OF_NO_BLOB)),
        );
        if put.is_ok() {
            // The condition was lost on the way: take back the empty blob.
            self.delete(absent, None).await?;
        }
        let mut rights = Vec::new();
        for (right, answer) in [(Right::Write, put.map(drop)), (Right::Delete, deleted)] {
            match answer.map_err(|error| (error.kind(), error)) {
                Ok(()) | Err((ErrorKind::ConditionNotMet | ErrorKind::NotFound, _)) => {
                    rights.push(right);
                }
                Err((ErrorKind::RoleMissing, _)) => {}
                Err((_, error)) => return Err(error),
            }
        }
        Ok(rights)
    }

    /// Reads the first byte behind a pre-signed URL of this account, with nothing but the URL.
    ///
    /// # Errors
    /// What Azure says about the SAS; `InvalidInput` for a URL of another account.
    pub async fn read_signed(&self, url: &Secret) -> Result<Bytes> {
        let (account, _) = self.place();
        if !url.expose().starts_with(&format!("{}/", account.url)) {
            return Err(Error::invalid("the URL is of another account"));
        }
        let address = Url::parse(url.expose())
            .map_err(|error| Error::invalid(format!("the URL is unusable: {error}")))?;
        let mut request = Request::new(Method::GET, address);
        request.headers_mut().insert(
            "range",
            reqwest::header::HeaderValue::from_static("bytes=0-0"),
        );
        *request.timeout_mut() = Some(TIMEOUT);
        let http = &account.shared.http;
        let response = http.send(Destination::Storage, request).await?;
        if response.status().is_success() {
            // An account that ignores ranges would send all of it.
            read_body(response, Destination::Storage, 1 << 20).await
        } else {
            Err(http
                .failure(response, |answer| answer.storage_error(None))
                .await)
        }
    }
}

impl SoftDeleted {
    fn parse(body: &[u8]) -> Result<Self> {
        let mut found = Self::default();
        let mut xml = Xml::new(body)?;
        xml.root("EnumerationResults")?;
        xml.children(|xml, tag| match tag.name().as_ref() {
            "Blobs" => xml.children(|xml, tag| {
                if tag.name().as_ref() != "Blob" {
                    return xml.skip(tag);
                }
                let (mut name, mut is_deleted) = (String::new(), false);
                xml.children(|xml, tag| {
                    match tag.name().as_ref() {
                        "Name" => name = xml.name(tag)?,
                        "Deleted" => is_deleted = xml.text(tag)? == "true",
                        _ => xml.skip(tag)?,
                    }
                    Ok(())
                })?;
                found.names.extend(is_deleted.then_some(name));
                Ok(())
            }),
            "NextMarker" => {
                found.has_more = !xml.text(tag)?.is_empty();
                Ok(())
            }
            _ => xml.skip(tag),
        })?;
        Ok(found)
    }
}

/// When a credential stops working by its own text, in Unix milliseconds: `se` of a SAS, `notAfter`
/// of a client certificate. A client secret's end is known to Entra ID only.
pub fn credential_expiry(credential: &Credential) -> Option<i64> {
    match credential {
        Credential::Sas { token } => {
            let query = token.expose().trim().trim_start_matches('?');
            let (_, end) =
                form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "se")?;
            instant::parse_iso(&end)
                // Azure also takes days and minutes.
                .or_else(|| instant::parse_iso(&format!("{end}T00:00:00Z")))
                .or_else(|| instant::parse_iso(&format!("{}:00Z", end.trim_end_matches('Z'))))
        }
        Credential::ServicePrincipal { proof, .. } => match proof {
            ClientProof::Certificate { pem } => certificate_expiry(pem),
            ClientProof::Secret(_) | ClientProof::Federated { .. } => None,
        },
        Credential::AccountKey { .. }
        | Credential::Anonymous
        | Credential::ManagedIdentity { .. }
        | Credential::AzureLink { .. } => None,
    }
}

/// Whether a SAS was refused because its beginning (`st`) has not come, by the text of Azure's
/// refusal: "Signature not valid in the specified time frame: Start […] - Expiry […] - Current […]".
pub fn is_before_time_frame(message: &str) -> bool {
    let time = |name: &str| {
        let (_, rest) = message.split_once(&format!("{name} ["))?;
        let (date, _) = rest.split_once(']')?;
        instant::parse_http_date(date)
    };
    matches!((time("Start"), time("Current")), (Some(start), Some(now)) if now < start)
}

#[cfg(test)]
mod tests {
    use model::{ClientProof, Credential, Secret};

    use super::{credential_expiry, is_before_time_frame};

    #[test]
    fn the_end_of_a_sas_in_every_spelling() {
        for (token, end) in [
            (
                "sv=1&se=2026-01-01T01%3A00%3A00Z&sig=x",
                Some(1_767_229_200_000),
            ),
            ("?se=2026-01-01T01:00Z&sig=x", Some(1_767_229_200_000)),
            ("se=2026-01-01&sig=x", Some(1_767_225_600_000)),
            ("si=policy&sig=x", None),
            ("se=soon&sig=x", None),
        ] {
            let credential = Credential::Sas {
                token: Secret::new(token),
            };
            assert_eq!(credential_expiry(&credential), end, "{token}");
        }
    }

    #[test]
    fn a_sas_that_has_not_begun_is_told_from_one_that_ended() {
        let refusal = |start: &str, now: &str| {
            format!(
                "Signature not valid in the specified time frame: Start [{start}] - Expiry [Fri, 02 Jan 2026 00:00:00 GMT] - Current [{now}]"
            )
        };
        let first = "Thu, 01 Jan 2026 00:00:00 GMT";
        for (start, now, before) in [
            (first, "Wed, 31 Dec 2025 23:59:59 GMT", true),
            (first, "Sat, 03 Jan 2026 00:00:00 GMT", false),
            ("none", "Sat, 03 Jan 2026 00:00:00 GMT", false),
        ] {
            assert_eq!(is_before_time_frame(&refusal(start, now)), before, "{now}");
        }
        assert!(!is_before_time_frame("Signature did not match."));
    }

    #[test]
    fn the_end_of_a_certificate() {
        let pem = local_azure::self_signed("longshore").unwrap();
        let credential = |pem: &str| Credential::ServicePrincipal {
            tenant_id: "t".to_owned(),
            client_id: "c".to_owned(),
            proof: ClientProof::Certificate {
                pem: Secret::new(pem),
            },
        };
        // 2026-01-01; the local Azure's certificates outlive their test by far.
        assert!(credential_expiry(&credential(&pem)).unwrap() > 1_767_225_600_000);
        assert_eq!(credential_expiry(&credential("no PEM")), None);
    }
}

#[cfg(test)]
mod fuzz {
    use super::SoftDeleted;

    /// What is held of a listing of deleted blobs is no more than what was sent.
    #[test]
    fn deleted_blobs() {
        let seeds = [
            "<EnumerationResults><Blobs><Blob><Name>a</Name><Deleted>true</Deleted></Blob><Blob><Name Encoded=\"true\">b%20</Name></Blob></Blobs><NextMarker>m</NextMarker></EnumerationResults>",
            "<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>",
        ];
        let words = [
            "<Blob>",
            "</Blob>",
            "<Name>",
            "</Name>",
            "<Name Encoded=\"true\">",
            "<Deleted>true</Deleted>",
            "<NextMarker>",
            "/>",
            "<![CDATA[",
            "]]>",
            "&amp;",
            "&#x0;",
            "%FF",
        ];
        ::fuzz::bytes(
            "deleted_blobs",
            &seeds.map(str::as_bytes),
            &words,
            |input| {
                if let Ok(found) = SoftDeleted::parse(input) {
                    assert!(found.names.iter().map(String::len).sum::<usize>() <= input.len());
                }
            },
        );
    }
}
