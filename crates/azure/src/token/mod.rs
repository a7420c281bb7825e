//! Access tokens: where each credential gets them, cached, one request at a time.

pub(crate) mod arc;
mod certificate;
mod endpoint;
mod entra;
mod host;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub(crate) use certificate::certificate_expiry;
pub(crate) use entra::AuthorizationCode;

use aws_lc_rs::digest;
use model::{ClientProof, IdentityId, IdentitySource, Secret};

use crate::{
    Cloud, HostIdentity, Result,
    http::Http,
    renewable::{Freshness, Renewable},
};

/// Renewed when this much life or less is left.
const RENEW_BEFORE_MS: i64 = 300_000;
/// Not used when less than this is left: it would expire on its way.
const UNUSABLE_BEFORE_MS: i64 = 10_000;
/// Above this many cached values, those that no client holds are dropped.
const CACHE_LIMIT: usize = 1_000;

/// A bearer token.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) text: Secret,
    pub(crate) expires_at_ms: i64,
}

impl AccessToken {
    fn freshness(&self, now_ms: i64) -> Freshness {
        match self.expires_at_ms - now_ms {
            left if left > RENEW_BEFORE_MS => Freshness::Fresh,
            left if left > UNUSABLE_BEFORE_MS => Freshness::Aging,
            _ => Freshness::Spent,
        }
    }
}

/// Who a token is for.
#[derive(Clone)]
pub(crate) enum TokenSource {
    /// An app in a tenant, by client credentials.
    App {
        tenant_id: String,
        client_id: String,
        proof: ClientProof,
    },
    /// A managed identity of this machine.
    Host {
        source: IdentitySource,
        identity: IdentityId,
    },
}

/// Identity of a credential, secrets included, that says nothing about them.
pub(crate) type Fingerprint = [u8; 32];

impl TokenSource {
    /// Equal for equal credentials, and for no others.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut add = |part: &str| {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        };
        match self {
            Self::App {
                tenant_id,
                client_id,
                proof,
            } => {
                add("app");
                add(tenant_id);
                add(client_id);
                match proof {
                    ClientProof::Secret(secret) => {
                        add("secret");
                        add(secret.expose());
                    }
                    ClientProof::Certificate { pem } => {
                        add("certificate");
                        add(pem.expose());
                    }
                    ClientProof::Federated { source, identity } => {
                        add("federated");
                        add(&format!("{source:?} {identity:?}"));
                    }
                }
            }
            Self::Host { source, identity } => {
                add("host");
                add(&format!("{source:?} {identity:?}"));
            }
        }
        hash.finish()
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    }

    /// The tenant that its tokens are of, where we know it.
    pub(crate) fn tenant_id(&self) -> Option<&str> {
        match self {
            Self::App { tenant_id, .. } => Some(tenant_id),
            Self::Host { .. } => None,
        }
    }
}

/// Values by what they were fetched for; a client holds its own and meets no lock of others.
pub(crate) struct Cache<K, T>(Mutex<HashMap<K, Arc<Renewable<T>>>>);

impl<K, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: std::hash::Hash + Eq, T: Clone> Cache<K, T> {
    pub(crate) fn slot(&self, key: K) -> Arc<Renewable<T>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CACHE_LIMIT && !slots.contains_key(&key) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// Drops the values of every key that `matches`, also for those who hold their slot.
    pub(crate) fn forget(&self, matches: impl Fn(&K) -> bool) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|key, slot| {
            let forgotten = matches(key);
            if forgotten {
                slot.discard(|_| true);
            }
            !forgotten
        });
    }
}

/// What a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Resource {
    Storage,
    /// To be another app's proof.
    Exchange,
}

/// Gets and keeps tokens. All of one cloud, so the cloud is no part of the key.
pub(crate) struct Tokens {
    http: Arc<Http>,
    cloud: Arc<Cloud>,
    host: HostIdentity,
    cache: Cache<(Fingerprint, Resource), AccessToken>,
    /// Bounds how long requests are tried again.
    patience: Option<Duration>,
}

impl Tokens {
    pub(crate) fn new(http: Arc<Http>, cloud: Arc<Cloud>, host: HostIdentity) -> Self {
        Self {
            http,
            cloud,
            host,
            cache: Cache::default(),
            patience: None,
        }
    }

    /// The same sources with no token of theirs.
    pub(crate) fn with_own_cache(&self, patience: Duration) -> Self {
        Self {
            http: Arc::clone(&self.http),
            cloud: Arc::clone(&self.cloud),
            host: self.host.clone(),
            cache: Cache::default(),
            patience: Some(patience),
        }
    }

    /// A token for Blob Storage, usable for at least a few seconds.
    pub(crate) async fn storage_token(
        &self,
        source: &TokenSource,
        fingerprint: Fingerprint,
    ) -> Result<AccessToken> {
        match source {
            TokenSource::Host { source, identity } => {
                self.host_token(*source, identity, fingerprint, Resource::Storage)
                    .await
            }
            TokenSource::App {
                tenant_id,
                client_id,
                proof,
            } => {
                let now_ms = self.http.clock().now_ms();
                self.cache
                    .slot((fingerprint, Resource::Storage))
                    .get(
                        now_ms,
                        |token| token.freshness(now_ms),
                        || self.app_token(tenant_id, client_id, proof),
                    )
                    .await
            }
        }
    }

    /// A token for Blob Storage that was not held before, and is not kept.
    pub(crate) async fn new_storage_token(&self, source: &TokenSource) -> Result<AccessToken> {
        match source {
            TokenSource::Host { source, identity } => {
                self.fetch_host_token(*source, identity, Resource::Storage)
                    .await
            }
            TokenSource::App {
                tenant_id,
                client_id,
                proof,
            } => self.app_token(tenant_id, client_id, proof).await,
        }
    }

    /// Storage did not take this token: it is not used again.
    pub(crate) fn discard(&self, fingerprint: Fingerprint, token: &AccessToken) {
        self.cache
            .slot((fingerprint, Resource::Storage))
            .discard(|held| held.text == token.text);
    }

    pub(crate) fn forget(&self, fingerprint: Fingerprint) {
        self.cache.forget(|(held, _)| *held == fingerprint);
    }

    async fn host_token(
        &self,
        source: IdentitySource,
        identity: &IdentityId,
        fingerprint: Fingerprint,
        resource: Resource,
    ) -> Result<AccessToken> {
        let now_ms = self.http.clock().now_ms();
        self.cache
            .slot((fingerprint, resource))
            .get(
                now_ms,
                |token| token.freshness(now_ms),
                || self.fetch_host_token(source, identity, resource),
            )
            .await
    }
}
