//! A transaction on SQLite's one writer. Not sqlx's: that one counts how deep it is, and counts
//! wrongly when SQLite itself has rolled back (no room, an I/O error), so that the writer is of no
//! use ever after. Here a connection comes back only when it surely is in no transaction.

use sqlx::{Error, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::runtime::Handle;

/// The writer, in a transaction; rolled back when dropped.
pub(crate) struct Writing(Option<PoolConnection<Sqlite>>);

impl Writing {
    /// Takes SQLite's write lock at once.
    pub(crate) async fn begin(writer: &SqlitePool) -> Result<Self, Error> {
        let mut writing = Self(Some(writer.acquire().await?));
        sqlx::query("BEGIN IMMEDIATE")
            .execute(writing.connection()?)
            .await?;
        Ok(writing)
    }

    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        // Only `commit` and `drop` take it, and they are the last.
        self.0.as_deref_mut().ok_or(Error::PoolClosed)
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        sqlx::query("COMMIT").execute(self.connection()?).await?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(mut connection) = self.0.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            // Nobody could wait for it: another is opened.
            drop(connection.detach());
            return;
        };
        runtime.spawn(async move {
            let rolled_back = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            if rolled_back.is_err() {
                // There was nothing to roll back any more, or even that failed: another is opened.
                connection.close_on_drop();
            }
        });
    }
}
