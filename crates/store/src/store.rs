//! Opening, migrating and checking the database, and the keys that it keeps.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Notify;

use crate::{
    Error, Outage, Result, SealKeys,
    annotation_commits::AnnotationCommits,
    db::{Db, Pools, sql},
    migrations,
    outage::DatabaseFile,
    readers::Readers,
    seal::SealedRow,
};

/// How long a statement waits for a connection, or SQLite's lock of another process.
const WAIT: Duration = Duration::from_secs(10);

/// How to open the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://PATH` (created when missing) or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub database_url: String,
    /// Seals credentials; the current key first.
    pub seal_keys: SealKeys,
    /// Connections at most: readers on SQLite (which has one writer too), all on PostgreSQL.
    pub max_connections: u32,
}

/// The database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    pub(crate) seal_keys: SealKeys,
    pub(crate) annotation_commits: AnnotationCommits,
    jobs_waiting: Arc<Notify>,
}

impl Store {
    /// Connects; a bad URL or an unreachable server fails here and not on the first request.
    /// Does not migrate.
    ///
    /// # Errors
    /// When the URL is of no known kind, or the database cannot be opened.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let url = options.database_url.as_str();
        let db = if url.starts_with("sqlite:") {
            open_sqlite(url, options.max_connections).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let connect = PgConnectOptions::from_str(url)?.disable_statement_logging();
            Db::new(Pools::Postgres(
                PgPoolOptions::new()
                    .max_connections(options.max_connections.max(2))
                    .acquire_timeout(WAIT)
                    .connect_with(connect)
                    .await
                    .map_err(|source| Error::caused_by("PostgreSQL cannot be reached", source))?,
            ))
        } else {
            return Err(Error::new(
                "the database URL begins neither with sqlite:// nor with postgres://",
            ));
        };
        Ok(Self {
            annotation_commits: AnnotationCommits::new(&db),
            db,
            seal_keys: options.seal_keys.clone(),
            jobs_waiting: Arc::new(Notify::new()),
        })
    }

    /// Brings the schema to this version; safe to call from several replicas at once.
    ///
    /// # Errors
    /// When a migration fails, or the schema is newer than this program.
    pub async fn migrate(&self) -> Result<()> {
        migrations::run(&self.db.pools).await
    }

    /// Answers when the database can be reached, is migrated and takes what is written.
    ///
    /// # Errors
    /// When the database cannot be reached, or takes nothing.
    pub async fn ping(&self) -> Result<()> {
        self.db.read(sql("SELECT id FROM orgs LIMIT 1")).await?;
        self.db.require_no_outage()
    }

    /// Why the database takes nothing, as far as this process knows.
    pub fn outage(&self) -> Option<Outage> {
        self.db.outages.now()
    }

    /// Closes every connection; SQLite folds its log into the database file.
    pub async fn close(&self) {
        match &self.db.pools {
            Pools::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Woken when this process enqueues a job or an outbox item; workers wait on it, and also look from time to time.
    pub fn job_notify(&self) -> &Notify {
        &self.jobs_waiting
    }

    /// 32 random bytes under this name, made at the first call and kept sealed: the same for every
    /// replica and every start (signing of access tokens, for instance).
    ///
    /// # Errors
    /// When the key cannot be opened with the sealing keys, or the database fails.
    pub async fn signing_key(&self, name: &str, now_ms: i64) -> Result<[u8; 32]> {
        let mut tx = self.db.begin().await?;
        let inserted = tx
            .row(
                sql(
                    "INSERT INTO signing_keys (name, sealed, created_at_ms) VALUES ($1, $2, $3)
                     ON CONFLICT (name) DO NOTHING RETURNING id",
                )
                .bind(name)
                .bind(Vec::new())
                .bind(now_ms),
            )
            .await?;
        let key = if let Some(row) = inserted {
            let id: i64 = row.get("id")?;
            let key: [u8; 32] = rand::random();
            let sealed = self.seal_keys.seal(signing_key_row(id), &key)?;
            let update = "UPDATE signing_keys SET sealed = $2 WHERE id = $1";
            tx.execute(sql(update).bind(id).bind(sealed)).await?;
            key
        } else {
            let row = tx
                .one(sql("SELECT id, sealed FROM signing_keys WHERE name = $1").bind(name))
                .await?;
            self.seal_keys
                .open(
                    signing_key_row(row.get("id")?),
                    &row.get::<Vec<u8>>("sealed")?,
                )?
                .try_into()
                .map_err(|_| Error::new("a signing key is not 32 bytes long"))?
        };
        tx.commit().await?;
        Ok(key)
    }
}

/// Where a storage's credential is sealed.
pub(crate) fn credential_row(org_id: i64, storage_id: i64) -> SealedRow {
    SealedRow {
        table: "storage_credentials",
        org_id,
        id: storage_id,
    }
}

/// The file of an SQLite database, as the URL names it.
pub fn sqlite_file(database_url: &str) -> Option<PathBuf> {
    if !database_url.starts_with("sqlite:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(database_url).ok()?;
    Some(options.get_filename().to_owned())
}

fn signing_key_row(id: i64) -> SealedRow {
    SealedRow {
        table: "signing_keys",
        org_id: 0,
        id,
    }
}

async fn open_sqlite(url: &str, max_readers: u32) -> Result<Db> {
    // FULL: what was acknowledged is on disk, also after a power cut.
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WAIT)
        .statement_cache_capacity(256)
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    let file = options.get_filename().to_owned();
    let open = |source| Error::caused_by("the SQLite database cannot be opened", source);
    // A connection to a file does not go stale: no check before use, no end of life.
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WAIT * 3)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(
            options
                .clone()
                .pragma("cache_size", "-32768")
                .pragma("wal_autocheckpoint", "8192"),
        )
        .await
        .map_err(open)?;
    let readers = Readers::open(
        options.pragma("query_only", "1"),
        max_readers.max(1),
        WAIT * 3,
    )
    .await
    .map_err(open)?;
    let file = DatabaseFile::opened(&file);
    Ok(Db::new(Pools::Sqlite {
        writer,
        readers,
        file,
    }))
}
