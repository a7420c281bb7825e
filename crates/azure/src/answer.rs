//! Reads the failure answers of Blob Storage, Entra ID and the identity endpoints.
//!
//! Sources: "Common REST API error codes", "Blob service error codes", "Microsoft Entra
//! authentication and authorization error codes", and recorded answers (a byte order mark before
//! the XML, no body for HEAD, AADSTS numbers in `error_codes`).

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;

use crate::{Challenge, Error, ErrorKind, error::Parts, instant, xml::Xml};

/// A complete failure answer, and when it came (our clock, Unix milliseconds).
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) now_ms: i64,
}

/// Tenant ids are GUIDs; a domain name cannot be compared with a challenge.
fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok()
}

impl Answer<'_> {
    /// Blob Storage: the code is in a header and, except for HEAD, in an XML body.
    /// `token_tenant` is the tenant of the bearer token that was sent, as far as it is known.
    pub(crate) fn storage_error(&self, token_tenant: Option<&str>) -> Error {
        let body = StorageBody::parse(self.body);
        let code = self.header("x-ms-error-code").or(body.code);
        let is_azure = code.is_some() || is_of_storage(self.headers);
        let detail = body.detail;
        let message = match body
            .message
            .split("\nRequestId:")
            .next()
            .unwrap_or_default()
            .trim()
        {
            "" if !is_azure => self.foreign(),
            "" => "Azure Storage gave no reason".to_owned(),
            text if detail.is_empty() => text.to_owned(),
            text => format!("{text} ({})", detail.trim()),
        };
        let message = match body.named.as_slice() {
            [] => message,
            named => format!("{message} [{}]", named.join(", ")),
        };
        let kind = match &code {
            None if !is_azure => ErrorKind::NotAzure,
            code => storage_kind(self.status, code.as_deref().unwrap_or_default(), &detail),
        };
        let mut parts = self.parts(kind, &message);
        if let (401, Some(ours), Some(challenge)) =
            (self.status.as_u16(), token_tenant, &parts.challenge)
            && is_guid(ours)
            && is_guid(&challenge.tenant_id)
            && !challenge.tenant_id.eq_ignore_ascii_case(ours)
        {
            parts.kind = ErrorKind::WrongTenant;
        }
        Error::from(Parts {
            code,
            request_id: self.header("x-ms-request-id"),
            ..parts
        })
    }

    /// An answer that something else gave, whatever its status.
    pub(crate) fn not_azure(&self) -> Error {
        Error::from(self.parts(ErrorKind::NotAzure, &self.foreign()))
    }

    /// Entra ID's token endpoint: `error`, `error_description`, `error_codes`, `trace_id`.
    pub(crate) fn entra_error(&self) -> Error {
        let body: EntraBody = serde_json::from_slice(self.body).unwrap_or_default();
        let number = body
            .error_codes
            .first()
            .copied()
            .or_else(|| aadsts(&body.error_description));
        // Entra ID says `error` in every refusal; only when it is overloaded it may say nothing.
        let is_entra = !body.error.is_empty();
        let kind = match self.status.as_u16() {
            429 => ErrorKind::Throttled,
            _ if body.error == "temporarily_unavailable" => ErrorKind::Throttled,
            503 if is_entra => ErrorKind::Throttled,
            500.. if is_entra || self.body.is_empty() => ErrorKind::Unexpected,
            _ if !is_entra => ErrorKind::NotAzure,
            400..500 => ErrorKind::TokenRefused,
            _ => ErrorKind::Unexpected,
        };
        // The separators before the trace id changed over the years; the text ends where it begins.
        let text = body
            .error_description
            .split("Trace ID:")
            .next()
            .unwrap_or_default()
            .trim();
        let foreign;
        let message = if kind == ErrorKind::NotAzure {
            foreign = self.foreign();
            &foreign
        } else if text.is_empty() {
            "Entra ID gave no reason"
        } else {
            text
        };
        Error::from(Parts {
            code: number
                .map(|number| format!("AADSTS{number}"))
                .or(non_empty(body.error)),
            request_id: non_empty(body.trace_id).or_else(|| self.header("x-ms-request-id")),
            ..self.parts(kind, message)
        })
    }

    /// IMDS: the same JSON without numbers. App Service: `statusCode` and `message`.
    pub(crate) fn identity_error(&self) -> Error {
        if self
            .header("content-type")
            .is_some_and(|content_type| content_type.contains("html"))
        {
            return self.not_azure();
        }
        let body: EntraBody = serde_json::from_slice(self.body).unwrap_or_default();
        let texts = [&body.error_description, &body.message];
        let message = texts.into_iter().find(|text| !text.is_empty()).map_or(
            "the managed identity endpoint gave no reason",
            String::as_str,
        );
        Error::from(Parts {
            code: non_empty(body.error),
            request_id: self.header("x-ms-request-id"),
            ..self.parts(ErrorKind::IdentityUnavailable, message)
        })
    }

    fn parts(&self, kind: ErrorKind, message: &str) -> Parts {
        Parts {
            status: Some(self.status.as_u16()),
            retry_after: self.retry_after(),
            challenge: self
                .headers
                .get_all("www-authenticate")
                .iter()
                .find_map(|value| Challenge::parse(value.to_str().ok()?)),
            clock_skew_ms: self
                .header("date")
                .and_then(|date| instant::parse_http_date(&date))
                .map(|theirs| theirs - self.now_ms),
            ..Parts::new(kind, message)
        }
    }

    /// What can be told of an answer that is not Azure's: enough to find who sent it.
    fn foreign(&self) -> String {
        let said = |name: &str| Some(format!("{name}: {}", self.header(name)?));
        let told: Vec<String> = ["server", "via", "content-type"]
            .into_iter()
            .filter_map(said)
            .collect();
        match told.as_slice() {
            [] => format!("status {} with {} bytes", self.status, self.body.len()),
            told => format!("status {} ({})", self.status, told.join(", ")),
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    fn retry_after(&self) -> Option<Duration> {
        let number = |name| self.header(name)?.trim().parse::<u64>().ok();
        number("x-ms-retry-after-ms")
            .or_else(|| number("retry-after-ms"))
            .map(Duration::from_millis)
            .or_else(|| number("retry-after").map(Duration::from_secs))
    }
}

/// Blob Storage puts its request id and version on every answer. Source: "Common REST API response
/// headers"; what lacks both was answered by something on the way.
pub(crate) fn is_of_storage(headers: &HeaderMap) -> bool {
    headers.contains_key("x-ms-request-id") || headers.contains_key("x-ms-version")
}

/// A code decides alone. A status without a code says only what the protocol itself means by it: a
/// 412 may be a lease, a 503 a gateway.
fn storage_kind(status: StatusCode, code: &str, detail: &str) -> ErrorKind {
    match code {
        "BlobNotFound" | "ResourceNotFound" | "PathNotFound" => ErrorKind::NotFound,
        "ContainerNotFound" | "ContainerBeingDeleted" | "FilesystemNotFound" => {
            ErrorKind::ContainerNotFound
        }
        "NoAuthenticationInformation" => ErrorKind::NoCredential,
        // "Issuer validation failed. Issuer did not match."
        "InvalidAuthenticationInfo" if detail.contains("ssuer") => ErrorKind::WrongTenant,
        "InvalidAuthenticationInfo" | "AuthenticationFailed" | "AuthorizationProtocolMismatch" => {
            ErrorKind::CredentialRejected
        }
        "AuthorizationPermissionMismatch"
        | "AuthorizationResourceTypeMismatch"
        | "AuthorizationServiceMismatch"
        | "InsufficientAccountPermissions" => ErrorKind::RoleMissing,
        "AuthorizationFailure" | "AuthorizationSourceIPMismatch" => ErrorKind::Firewall,
        "KeyBasedAuthenticationNotPermitted" => ErrorKind::SharedKeyDisabled,
        "PublicAccessNotPermitted" => ErrorKind::PublicAccessDisabled,
        "ConditionNotMet" | "TargetConditionNotMet" => ErrorKind::ConditionNotMet,
        "BlobAlreadyExists" | "UnauthorizedBlobOverwrite" => ErrorKind::AlreadyExists,
        "InvalidRange" => ErrorKind::InvalidRange,
        "BlobArchived" | "BlobBeingRehydrated" => ErrorKind::Archived,
        "ServerBusy" => ErrorKind::Throttled,
        "OperationTimedOut" => ErrorKind::TimedOut,
        _ if !code.is_empty() => ErrorKind::Unexpected,
        _ => match status.as_u16() {
            401 => ErrorKind::CredentialRejected,
            404 => ErrorKind::NotFound,
            408 => ErrorKind::TimedOut,
            416 => ErrorKind::InvalidRange,
            429 => ErrorKind::Throttled,
            _ => ErrorKind::Unexpected,
        },
    }
}

#[derive(Default)]
struct StorageBody {
    code: Option<String>,
    message: String,
    detail: String,
    /// Which header, parameter or XML node it is about, as `Name=value`.
    named: Vec<String>,
}

impl StorageBody {
    /// What can be read of it; a body that is no XML gives nothing.
    fn parse(body: &[u8]) -> Self {
        let mut parsed = Self::default();
        let _unreadable = Xml::new(body).and_then(|mut xml| {
            xml.root("Error")?;
            xml.children(|xml, tag| {
                match tag.name().as_ref() {
                    "Code" => parsed.code = Some(xml.text(tag)?),
                    "Message" => parsed.message = xml.text(tag)?,
                    "AuthenticationErrorDetail" => parsed.detail = xml.text(tag)?,
                    name @ ("HeaderName"
                    | "HeaderValue"
                    | "QueryParameterName"
                    | "QueryParameterValue"
                    | "XmlNodeName"
                    | "Reason"
                    | "MinimumAllowed"
                    | "MaximumAllowed") => {
                        let name = name.to_owned();
                        parsed.named.push(format!("{name}={}", xml.text(tag)?));
                    }
                    _ => xml.skip(tag)?,
                }
                Ok(())
            })
        });
        parsed
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EntraBody {
    error: String,
    error_description: String,
    message: String,
    error_codes: Vec<u64>,
    trace_id: String,
}

/// The number of the first `AADSTS…` in a text.
fn aadsts(text: &str) -> Option<u64> {
    let digits = text.split("AADSTS").nth(1)?;
    digits[..digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len())]
        .parse()
        .ok()
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
