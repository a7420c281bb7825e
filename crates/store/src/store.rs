//! Opening, migrating and checking the database.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{Result, SealKeys};

/// How to open the database.
#[derive(Clone)]
pub struct StoreOptions {
    /// `sqlite://PATH` (created when missing) or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub database_url: String,
    /// Seals credentials; the current key first.
    pub seal_keys: SealKeys,
    /// Connections at most: readers on SQLite (which has one writer besides), all on PostgreSQL.
    pub max_connections: u32,
}

/// The database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) jobs_waiting: Arc<Notify>,
}

impl Store {
    /// Connects; a bad URL or an unreachable server fails here and not on the first request.
    /// Does not migrate.
    ///
    /// # Errors
    /// When the URL is of no known kind, or the database cannot be opened.
    pub async fn open(_options: &StoreOptions) -> Result<Self> {
        todo!()
    }

    /// Brings the schema to this version; safe to call from several replicas at once.
    ///
    /// # Errors
    /// When a migration fails, or the schema is newer than this program.
    pub async fn migrate(&self) -> Result<()> {
        todo!()
    }

    /// Answers when the database can be written.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn ping(&self) -> Result<()> {
        todo!()
    }

    /// Woken when this process enqueues a job or an outbox item; workers wait on it and poll besides.
    pub fn job_notify(&self) -> &Notify {
        &self.jobs_waiting
    }

    /// Seals every stored secret again with the current key; answers how many rows.
    ///
    /// # Errors
    /// When a row cannot be opened with any of the keys.
    pub async fn reseal_all(&self) -> Result<u64> {
        todo!()
    }

    /// 32 random bytes under this name, made at the first call and kept sealed: the same for every
    /// replica and every start (signing of access tokens, for instance).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn signing_key(&self, _name: &str, _now_ms: i64) -> Result<[u8; 32]> {
        todo!()
    }
}
