//! The connections that read a SQLite file. Not sqlx's pool, for two reasons: that one sends each
//! connection a ping when it comes back, which for SQLite is one more walk to the connection's
//! thread and as dear as a query; and it takes turns, where the reader that came back last has the
//! warmest pages.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, Error, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};
use tokio::{
    runtime::Handle,
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
    /// One permit for each reader that may be in use, in the order of asking.
    free: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
}

/// A reader during a query.
struct Asked {
    reader: Option<SqliteConnection>,
    permit: Option<OwnedSemaphorePermit>,
    readers: Readers,
}

impl Asked {
    fn answered<T>(&mut self, answer: &Result<T, Error>) {
        let reader = self.reader.take();
        if !matches!(answer, Err(Error::WorkerCrashed)) {
            self.readers.idle().extend(reader);
        }
    }
}

impl Drop for Asked {
    /// A query that nobody waits for any more goes on in the reader's thread. Until it has ended it
    /// counts as running, or giving up and asking again would run any number at once.
    fn drop(&mut self) {
        let (Some(mut reader), Ok(runtime)) = (self.reader.take(), Handle::try_current()) else {
            return;
        };
        let (permit, readers) = (self.permit.take(), self.readers.clone());
        runtime.spawn(async move {
            if reader.ping().await.is_ok() {
                readers.idle().push(reader);
            }
            drop(permit);
        });
    }
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
        self.ask(async |reader| query.fetch_all(reader).await).await
    }

    /// The first row of a query, which does not look for a second.
    pub(crate) async fn row(
        &self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Option<SqliteRow>, Error> {
        self.ask(async |reader| query.fetch_optional(reader).await)
            .await
    }

    /// Waits for the queries that run, and closes every reader; later queries fail.
    pub(crate) async fn close(&self) {
        let all = self.0.free.acquire_many(self.0.most).await;
        self.0.free.close();
        drop(all);
        let idle = mem::take(&mut *self.idle());
        for reader in idle {
            // It has only read: there is nothing to lose.
            let _ = reader.close().await;
        }
    }

    async fn ask<T>(
        &self,
        query: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let permit = timeout(self.0.wait, self.0.free.clone().acquire_owned())
            .await
            .map_err(|_| Error::PoolTimedOut)?
            .map_err(|_| Error::PoolClosed)?;
        let idle = self.idle().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => self.0.options.connect().await?,
        };
        let mut asked = Asked {
            reader: None,
            permit: Some(permit),
            readers: self.clone(),
        };
        let answer = query(asked.reader.insert(reader)).await;
        asked.answered(&answer);
        answer
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{Error, Row as _, sqlite::SqliteConnectOptions};
    use tokio::time::timeout;

    use super::Readers;

    /// Takes a while.
    const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
         SELECT COUNT(*) AS n FROM (SELECT i FROM n LIMIT 1000000)";

    async fn one_reader(folder: &tempfile::TempDir) -> Readers {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("a.db"))
            .create_if_missing(true);
        let wait = Duration::from_secs(30);
        Readers::open(options, 1, wait).await.unwrap()
    }

    #[tokio::test]
    async fn a_query_given_up_counts_until_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let readers = one_reader(&folder).await;
        let given_up = readers.rows(sqlx::query(LONG));
        assert!(timeout(Duration::from_millis(1), given_up).await.is_err());
        assert_eq!(readers.0.free.available_permits(), 0);
        let rows = readers
            .rows(sqlx::query("SELECT 1 AS n UNION SELECT 2"))
            .await;
        assert_eq!(rows.unwrap().len(), 2);
        let row = readers
            .row(sqlx::query("SELECT 1 AS n UNION SELECT 2"))
            .await;
        assert_eq!(row.unwrap().unwrap().get::<i64, _>("n"), 1);
        assert_eq!(readers.idle().len(), 1, "the same reader");
    }

    #[tokio::test]
    async fn a_refused_query_leaves_its_reader() {
        let folder = tempfile::tempdir().unwrap();
        let readers = one_reader(&folder).await;
        for _ in 0..3 {
            let refused = readers
                .row(sqlx::query("SELECT nothing FROM nowhere"))
                .await;
            assert!(matches!(refused, Err(Error::Database(_))));
        }
        assert!(
            readers
                .row(sqlx::query("SELECT 1"))
                .await
                .unwrap()
                .is_some()
        );
        readers.close().await;
        let closed = readers.row(sqlx::query("SELECT 1")).await;
        assert!(matches!(closed, Err(Error::PoolClosed)));
    }
}
