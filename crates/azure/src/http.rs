//! The HTTP clients, and the only `.send()`.

use std::{error::Error as _, time::Duration};

use bytes::{Bytes, BytesMut};
use model::Clock;
use reqwest::{
    Certificate, Client, ClientBuilder, Request, Response, header::HeaderValue, redirect,
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{Cloud, Error, ErrorKind, Result, answer::Answer, error::Parts};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The same on this machine or its own link: an absent metadata service does not answer at all.
const CONNECT_HOST: Duration = Duration::from_secs(2);
/// The longest silence while a blob is streamed; other answers have a time for the whole.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// The longest wait for a failure's body.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections are closed after this; Azure's front ends keep them a little longer.
const IDLE: Duration = Duration::from_secs(50);
/// Most bytes of a failure's body; what is beyond is not read.
const FAILURE_LIMIT: usize = 64 << 10;

/// Where a request goes, which decides the client and the meaning of a failed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Storage,
    Entra,
    /// The managed identity endpoint of this machine: never through a proxy.
    Identity,
}

pub(crate) struct Http {
    internet: Client,
    host: Client,
    clock: Clock,
}

impl Http {
    pub(crate) fn new(cloud: &Cloud, clock: Clock) -> Result<Self> {
        let mut authorities = Vec::new();
        if let Some(file) = &cloud.extra_ca_file {
            let unusable = |why: &dyn std::fmt::Display| {
                Error::invalid(format!("extra CA file {}: {why}", file.display()))
            };
            let pem = std::fs::read(file).map_err(|error| unusable(&error))?;
            authorities = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            if authorities.is_empty() {
                return Err(unusable(&"it holds no PEM certificate"));
            }
        }
        let build = |builder: ClientBuilder| {
            builder
                .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .referer(false)
                // Blob Storage speaks nothing newer; one connection a stream also bounds its memory.
                .http1_only()
                .pool_idle_timeout(IDLE)
                .build()
                .map_err(|error| transport_error(error, Destination::Storage))
        };
        Ok(Self {
            internet: build(
                Client::builder()
                    .connect_timeout(CONNECT)
                    .tls_certs_merge(authorities),
            )?,
            host: build(Client::builder().connect_timeout(CONNECT_HOST).no_proxy())?,
            clock,
        })
    }

    /// Sends once and waits for the answer's head, whatever its status. The request's timeout, if
    /// it has one, holds until the body is read.
    pub(crate) async fn send(&self, to: Destination, request: Request) -> Result<Response> {
        let client = match to {
            Destination::Identity => &self.host,
            Destination::Storage | Destination::Entra => &self.internet,
        };
        let (method, host, path) = (
            request.method().clone(),
            request.url().authority().to_owned(),
            // Without the query, which may be a SAS.
            request.url().path().to_owned(),
        );
        let result = client
            .execute(request)
            .await
            .map_err(|error| transport_error(error, to).with_host(&host));
        match &result {
            Ok(response) => tracing::debug!(
                %method, host, path,
                status = response.status().as_u16(),
                request_id = response.headers().get("x-ms-request-id").and_then(|id| id.to_str().ok()),
                "answered"
            ),
            Err(error) => tracing::debug!(%method, host, path, %error, "no answer"),
        }
        result
    }

    /// Reads a failure's body and has `read` make the error of it.
    pub(crate) async fn failure(
        &self,
        mut response: Response,
        read: impl FnOnce(&Answer<'_>) -> Error,
    ) -> Error {
        let host = response.url().authority().to_owned();
        let mut body = BytesMut::new();
        // What has arrived is used even when the rest does not: the status alone says most.
        while let Ok(Ok(Some(chunk))) = timeout(FAILURE_TIMEOUT, response.chunk()).await {
            body.extend_from_slice(&chunk);
            if body.len() >= FAILURE_LIMIT {
                break;
            }
        }
        read(&Answer {
            status: response.status(),
            headers: response.headers(),
            body: &body,
            now_ms: self.clock.now_ms(),
        })
        .with_host(&host)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// A new id that Microsoft's logs keep with the request.
pub(crate) fn request_id() -> HeaderValue {
    HeaderValue::try_from(Uuid::new_v4().to_string()).expect("a UUID is ASCII")
}

/// The whole body, at most `limit` bytes.
pub(crate) async fn read_body(
    mut response: Response,
    to: Destination,
    limit: usize,
) -> Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport_error(error, to))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!("the answer is larger than {limit} bytes"),
            ));
        }
    }
    Ok(body.freeze())
}

/// Classifies what went wrong below HTTP. The address is dropped: its query may be a SAS.
pub(crate) fn transport_error(error: reqwest::Error, to: Destination) -> Error {
    let error = error.without_url();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let text = deeper.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        cause = deeper.source();
    }
    let causes = causes.join(": ");
    let (kind, what) = if causes.contains("invalid peer certificate") {
        (
            ErrorKind::CertificateUntrusted,
            "the server's certificate is not trusted",
        )
    } else if error.is_connect()
        && causes.contains("dns error")
        && is_unknown_host(&causes)
        && to == Destination::Storage
    {
        (
            ErrorKind::AccountNotFound,
            "the account's host name does not exist",
        )
    } else if error.is_connect() {
        (ErrorKind::Unreachable, "no connection")
    } else if error.is_timeout() {
        (ErrorKind::TimedOut, "no answer in time")
    } else if error.is_builder() {
        (ErrorKind::InvalidInput, "the request cannot be sent")
    } else {
        (
            ErrorKind::Interrupted,
            "the connection ended before the answer did",
        )
    };
    let kind = match (to, kind) {
        (Destination::Identity, ErrorKind::Unreachable | ErrorKind::TimedOut) => {
            ErrorKind::IdentityUnavailable
        }
        _ => kind,
    };
    let message = if causes.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {causes}")
    };
    Error::from(Parts {
        source: Some(std::sync::Arc::new(error)),
        ..Parts::new(kind, message)
    })
}

/// The resolver's texts for a name that does not exist (glibc, musl, macOS), unlike one it could not ask about.
pub(crate) fn is_unknown_host(causes: &str) -> bool {
    [
        "Name or service not known",
        "No address associated",
        "Name does not resolve",
        "nodename nor servname",
    ]
    .iter()
    .any(|text| causes.contains(text))
}
