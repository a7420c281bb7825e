//! The Blob service: routing, authentication, authorization and the engines that hold the bytes.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;

use crate::{BlobEngine, State, Transport};

/// The Blob service on one listener.
pub fn router(state: Arc<State>, transport: Transport) -> Router {
    let _ = (state, transport);
    Router::new()
}

/// Where blob bytes live: raw access for seeding, without any authorization.
pub struct Blobs {}

impl Blobs {
    /// Starts the engine.
    pub async fn start(_engine: BlobEngine) -> anyhow::Result<Self> {
        Ok(Self {})
    }

    /// Creates a container (no error when it exists).
    pub async fn create_container(&self, _account: &str, _container: &str, _public: bool) -> anyhow::Result<()> {
        Ok(())
    }

    /// Writes a block blob.
    pub async fn put(
        &self,
        _account: &str,
        _container: &str,
        _blob: &str,
        _body: Bytes,
        _content_type: &str,
    ) -> anyhow::Result<()> {
        Ok(())
    }

    /// Writes `count` blobs `{prefix}{index:09}` of `size` bytes.
    pub async fn generate(
        &self,
        _account: &str,
        _container: &str,
        _prefix: &str,
        _count: u64,
        _size: u64,
    ) -> anyhow::Result<()> {
        Ok(())
    }

    /// The bytes of a blob.
    pub async fn get(&self, _account: &str, _container: &str, _blob: &str) -> anyhow::Result<Option<Bytes>> {
        Ok(None)
    }

    /// The names of all blobs of a container, in order.
    pub async fn names(&self, _account: &str, _container: &str) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
