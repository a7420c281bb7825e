//! Every failure of a call to Microsoft, classified once.
//!
//! Sources: "Blob service error codes", "Microsoft Entra authentication and authorization error
//! codes" and recorded answers of both services.

use std::{fmt, sync::Arc, time::Duration};

use model::IdentitySource;

use crate::Challenge;

/// What went wrong, as far as it changes what a person or a caller does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The blob, or what else was asked for, does not exist.
    NotFound,
    ContainerNotFound,
    /// The account's host name does not resolve: there is no such storage account in this cloud.
    AccountNotFound,
    /// A wrong key, an expired or malformed SAS, a token that the account does not take.
    CredentialRejected,
    /// Entra ID gave no token; `code` is its `AADSTS…` number.
    TokenRefused,
    /// What came back from a sign-in does not prove who signed in.
    IdTokenRefused,
    /// The host's managed identity endpoint is absent, or has no such identity.
    IdentityUnavailable,
    /// This kind of host gives the token of one identity, or cannot be asked by this kind of id.
    IdentityNotSelectable,
    /// What answers for Azure Arc wants a file read that is none of its agent's keys.
    IdentityKeyRefused,
    /// This process may not read the key of Azure Arc's agent.
    IdentityKeyUnreadable,
    /// A kind of host whose identities this product does not use.
    IdentityHostUnsupported,
    /// The account belongs to another tenant, named by [`Error::challenge`].
    WrongTenant,
    /// Authenticated, and no role (or SAS permission) allows the operation.
    RoleMissing,
    /// Network rules of the account refuse this machine.
    Firewall,
    SharedKeyDisabled,
    PublicAccessDisabled,
    /// Nothing was sent that could authenticate, and the container is not public.
    NoCredential,
    /// An `If-Match`, `If-None-Match` or date condition did not hold.
    ConditionNotMet,
    /// The blob exists, and the write was for a new one only.
    AlreadyExists,
    InvalidRange,
    /// Something that is not Azure answered: a proxy, a gateway, a captive portal. Its status says
    /// nothing about the account.
    NotAzure,
    /// The blob is in the archive tier, or on its way out of it.
    Archived,
    Throttled,
    /// No connection, or no TLS.
    Unreachable,
    /// The connection ended before the answer did.
    Interrupted,
    TimedOut,
    /// The server's TLS certificate is not trusted here.
    CertificateUntrusted,
    /// We were given something that cannot be sent; nothing was.
    InvalidInput,
    Unexpected,
}

impl ErrorKind {
    /// Does it pass by itself, so that the same request may work moments later?
    pub fn is_transient(self) -> bool {
        match self {
            Self::Throttled | Self::Unreachable | Self::Interrupted | Self::TimedOut => true,
            Self::NotFound
            | Self::ContainerNotFound
            | Self::AccountNotFound
            | Self::CredentialRejected
            | Self::TokenRefused
            | Self::IdTokenRefused
            | Self::IdentityUnavailable
            | Self::IdentityNotSelectable
            | Self::IdentityKeyRefused
            | Self::IdentityKeyUnreadable
            | Self::IdentityHostUnsupported
            | Self::WrongTenant
            | Self::RoleMissing
            | Self::Firewall
            | Self::SharedKeyDisabled
            | Self::PublicAccessDisabled
            | Self::NoCredential
            | Self::ConditionNotMet
            | Self::AlreadyExists
            | Self::InvalidRange
            | Self::NotAzure
            | Self::Archived
            | Self::CertificateUntrusted
            | Self::InvalidInput
            | Self::Unexpected => false,
        }
    }

    /// May a failed read be about this one blob only, so that the others are still worth reading?
    pub fn may_concern_one_blob(self) -> bool {
        match self {
            Self::NotFound
            | Self::Archived
            | Self::ConditionNotMet
            | Self::AlreadyExists
            | Self::InvalidRange
            | Self::InvalidInput
            | Self::Interrupted
            | Self::TimedOut
            | Self::Unexpected => true,
            Self::ContainerNotFound
            | Self::AccountNotFound
            | Self::CredentialRejected
            | Self::TokenRefused
            | Self::IdTokenRefused
            | Self::IdentityUnavailable
            | Self::IdentityNotSelectable
            | Self::IdentityKeyRefused
            | Self::IdentityKeyUnreadable
            | Self::IdentityHostUnsupported
            | Self::WrongTenant
            | Self::RoleMissing
            | Self::Firewall
            | Self::SharedKeyDisabled
            | Self::PublicAccessDisabled
            | Self::NoCredential
            | Self::NotAzure
            | Self::Throttled
            | Self::Unreachable
            | Self::CertificateUntrusted => false,
        }
    }
}

/// A failed call; cheap to clone, so that callers who waited for one request can share its failure.
#[derive(Clone)]
pub struct Error(Arc<Parts>);

/// What an [`Error`] is made of; built with `..Parts::new(kind, message)`.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) kind: ErrorKind,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) clock_skew_ms: Option<i64>,
    pub(crate) host: Option<String>,
    pub(crate) identity_source: Option<IdentitySource>,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Parts {
    pub(crate) fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            status: None,
            code: None,
            message: one_line(message.as_ref()),
            request_id: None,
            retry_after: None,
            challenge: None,
            clock_skew_ms: None,
            host: None,
            identity_source: None,
            source: None,
        }
    }
}

/// Redacted, and without line breaks: error texts end in logs and in one-line fields.
fn one_line(text: &str) -> String {
    let redacted = model::redact(text);
    redacted.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Error {
    /// The classification that callers branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// HTTP status of the answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Azure's own code: `AuthorizationPermissionMismatch`, `AADSTS7000215`, `invalid_request`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Azure's text on one line, redacted, without its request id and time.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// `x-ms-request-id`, or Entra's trace id: what Microsoft's support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long Azure asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The bearer challenge of a 401: who the account trusts.
    pub fn challenge(&self) -> Option<&Challenge> {
        self.0.challenge.as_ref()
    }

    /// Azure's clock minus ours, in milliseconds, by the answer's `Date` (whole seconds).
    /// Signatures fail at 15 minutes.
    pub fn clock_skew_ms(&self) -> Option<i64> {
        self.0.clock_skew_ms
    }

    /// The host (and port) that was asked, where no answer came or what answered was not Azure.
    pub fn host(&self) -> Option<&str> {
        self.0.host.as_deref()
    }

    /// Which endpoint was asked for a managed identity's token; never `Auto`.
    pub fn identity_source(&self) -> Option<IdentitySource> {
        self.0.identity_source
    }

    pub(crate) fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self::from(Parts::new(kind, message))
    }

    /// Nothing was sent: what we were given cannot be.
    pub(crate) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// The same failure, with the host that was asked.
    pub(crate) fn with_host(self, host: &str) -> Self {
        Self::from(Parts {
            host: Some(host.to_owned()),
            ..Arc::unwrap_or_clone(self.0)
        })
    }

    /// The same failure, with the identity endpoint that was asked.
    pub(crate) fn with_identity_source(self, source: IdentitySource) -> Self {
        Self::from(Parts {
            identity_source: Some(source),
            ..Arc::unwrap_or_clone(self.0)
        })
    }

    /// The same failure under another kind, where the caller knows more than the answer says.
    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self::from(Parts {
            kind,
            ..Arc::unwrap_or_clone(self.0)
        })
    }
}

impl From<Parts> for Error {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.status, &self.0.code) {
            (Some(status), Some(code)) => write!(f, "{status} {code}: {}", self.0.message),
            (Some(status), None) => write!(f, "{status}: {}", self.0.message),
            (None, _) => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
