//! The connections that read a SQLite file. Not sqlx's pool, for two reasons: that one sends each
//! connection a ping when it comes back, which for SQLite is one more walk to the connection's
//! thread and as dear as a query; and it takes turns, where the reader that came back last has the
//! warmest pages.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, Error, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// A set of readers, opened when they are needed; cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Shared>);

struct Shared {
    options: SqliteConnectOptions,
    most: u32,
    /// How long a query waits for a reader.
    wait: Duration,
    /// One permit for each reader that may be taken, in the order of asking.
    free: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
}

/// A reader in use. It goes back when dropped, also in the middle of a query: nothing that reads
/// begins a transaction, and its thread ends the query of a receiver that is gone.
struct Reader {
    /// `None` only while it is dropped, or when its thread has ended.
    connection: Option<SqliteConnection>,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens the first of at most `most` readers.
    pub(crate) async fn open(
        options: SqliteConnectOptions,
        most: u32,
        wait: Duration,
    ) -> Result<Self, Error> {
        let first = options.connect().await?;
        Ok(Self(Arc::new(Shared {
            options,
            most,
            wait,
            free: Arc::new(Semaphore::new(most as usize)),
            idle: Mutex::new(vec![first]),
        })))
    }

    /// The rows of a query.
    pub(crate) async fn rows(
        &self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, Error> {
        let mut reader = self.take().await?;
        let rows = query.fetch_all(reader.connection()?).await;
        reader.checked(rows)
    }

    /// The first row of a query, which does not look for a second.
    pub(crate) async fn row(
        &self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Option<SqliteRow>, Error> {
        let mut reader = self.take().await?;
        let row = query.fetch_optional(reader.connection()?).await;
        reader.checked(row)
    }

    /// Waits for the queries that run, and closes every reader; later queries fail.
    pub(crate) async fn close(&self) {
        let all = self.0.free.acquire_many(self.0.most).await;
        self.0.free.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            // What it had was only read.
            let _ = connection.close().await;
        }
    }

    async fn take(&self) -> Result<Reader, Error> {
        let permit = timeout(self.0.wait, self.0.free.clone().acquire_owned())
            .await
            .map_err(|_| Error::PoolTimedOut)?
            .map_err(|_| Error::PoolClosed)?;
        let idle = self.0.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.options.connect().await?,
        };
        Ok(Reader {
            connection: Some(connection),
            shared: self.0.clone(),
            _permit: permit,
        })
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.connection.as_mut().ok_or(Error::WorkerCrashed)
    }

    /// A reader whose thread has ended is not used again.
    fn checked<T>(mut self, answer: Result<T, Error>) -> Result<T, Error> {
        if matches!(answer, Err(Error::WorkerCrashed)) {
            self.connection = None;
        }
        answer
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.shared.idle().push(connection);
        }
    }
}
