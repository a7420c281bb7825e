//! Pre-signed URLs for reading one blob. With a key at hand, no IO and no waiting.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{BlobName, Secret};
use reqwest::Method;
use url::form_urlencoded;
use uuid::Uuid;

use super::ContainerClient;
use crate::{
    Error, Result,
    account::{Account, Auth, Call},
    delegation_key::{DelegationKey, key_info, sas_life_ms},
    encoding,
    http::{Destination, read_body},
    instant,
    renewable::Freshness,
    retry,
    sas::{self, BlobSas},
    token::Fingerprint,
};

/// A delegation key's answer is about 1 KiB.
const KEY_ANSWER_LIMIT: usize = 64 << 10;

/// How a pre-signed URL answers, and for how long.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// From now; at most 7 days, and 6 for a user delegation SAS. A customer's own SAS keeps its expiry.
    pub ttl: Duration,
    /// The `Content-Type` that the URL answers with, instead of the blob's.
    pub response_content_type: Option<String>,
    /// The `Content-Disposition` that it answers with.
    pub response_content_disposition: Option<String>,
    /// `scid` of a user delegation SAS: Azure's storage logs show it for every request with the
    /// URL. Other kinds of SAS have no place for it.
    pub correlation_id: Option<Uuid>,
}

/// A URL that reads one blob without further credentials.
#[derive(Clone, Debug)]
pub struct SignedUrl {
    /// Whoever has it can read the blob.
    pub url: Secret,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
}

impl ContainerClient {
    /// A URL that reads the blob: a service SAS with an account key, a user delegation SAS with an
    /// Entra credential, the customer's own SAS appended, or the plain address when anonymous.
    /// The last two cannot choose response headers.
    ///
    /// # Errors
    /// `RoleMissing` when the identity may not ask for a user delegation key.
    pub async fn sign(&self, blob: &BlobName, request: &SignRequest) -> Result<SignedUrl> {
        let account = &self.0.account;
        let address = format!("{}{}", account.url, self.path(blob)?);
        let revision = self.1.as_ref();
        let pinned = revision.map_or_else(String::new, |revision| {
            let (name, made) = revision.parameter();
            format!("{name}={}&", encoding::value(made))
        });
        let now_ms = account.shared.http.clock().now_ms();
        let asked_ms = i64::try_from(request.ttl.as_millis())
            .unwrap_or(i64::MAX)
            .min(sas::LONGEST_MS);
        let correlation_id = request
            .correlation_id
            .map_or_else(String::new, |id| id.hyphenated().to_string());
        let sas = |life_ms: i64| BlobSas {
            account: account.name.as_str(),
            container: self.0.name.as_str(),
            blob: blob.as_str(),
            revision,
            now_ms,
            expires_at_ms: now_ms + life_ms,
            protocol: if address.starts_with("https://") {
                "https"
            } else {
                "https,http"
            },
            content_type: request.response_content_type.as_deref().unwrap_or_default(),
            content_disposition: request
                .response_content_disposition
                .as_deref()
                .unwrap_or_default(),
            correlation_id: &correlation_id,
            version: &account.shared.cloud.storage_version,
        };
        let (query, life_ms) = match &account.auth {
            Auth::SharedKey(key) => (sas(asked_ms).service(key), asked_ms),
            Auth::Token { fingerprint, .. } => {
                let life_ms = sas_life_ms(request.ttl);
                let key = account
                    .delegation_key(*fingerprint, now_ms, life_ms)
                    .await?;
                (sas(life_ms).delegated(&key), life_ms)
            }
            Auth::Sas(query) => {
                let expires_at_ms = expiry_of(query.expose()).unwrap_or(now_ms + asked_ms);
                let url = Secret::new(format!("{address}?{pinned}{}", query.expose()));
                return Ok(SignedUrl { url, expires_at_ms });
            }
            Auth::Anonymous => {
                return Ok(SignedUrl {
                    url: Secret::new(match pinned.strip_suffix('&') {
                        Some(pinned) => format!("{address}?{pinned}"),
                        None => address,
                    }),
                    expires_at_ms: now_ms + asked_ms,
                });
            }
            Auth::Unusable(error) => return Err(error.clone()),
        };
        Ok(SignedUrl {
            url: Secret::new(format!("{address}?{pinned}{query}")),
            expires_at_ms: now_ms + life_ms,
        })
    }
}

impl Account {
    /// A key that outlives a SAS of this life; cached, and asked for once however many wait.
    async fn delegation_key(
        &self,
        fingerprint: Fingerprint,
        now_ms: i64,
        life_ms: i64,
    ) -> Result<Arc<DelegationKey>> {
        let slot = self
            .shared
            .delegation_keys
            .slot((fingerprint, self.name.clone()));
        slot.get(
            now_ms,
            |key| key.freshness(now_ms, life_ms),
            || async move {
                let body = Bytes::from(key_info(now_ms, life_ms));
                let call = Call::new(Method::POST, "/")
                    .query("restype", "service")
                    .query("comp", "userdelegationkey")
                    .header("content-type", "application/xml")?
                    .body(body);
                let answer = retry::STORAGE
                    .within(self.shared.patience)
                    .run(async || {
                        let response = self.send(&call).await?;
                        read_body(response, Destination::Storage, KEY_ANSWER_LIMIT).await
                    })
                    .await?;
                let key = DelegationKey::parse(&answer)?;
                if key.freshness(now_ms, life_ms) == Freshness::Spent {
                    return Err(Error::new(
                        crate::ErrorKind::Unexpected,
                        "Azure gave a user delegation key shorter than was asked for",
                    ));
                }
                Ok(Arc::new(key))
            },
        )
        .await
    }
}

/// When a customer's SAS ends; `None` when a stored access policy says it.
fn expiry_of(query: &str) -> Option<i64> {
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "se")?;
    instant::parse_iso(&value)
}
