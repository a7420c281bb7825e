//! The times in which the database takes nothing: no room on the disk, a file that is gone, a
//! server that is restarted. What it is, in words, and whether it is over.

use std::{
    fmt,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{postgres::PgDatabaseError, sqlite::SqliteError};

/// Bytes that are written to see whether there is room again: more than a page, so that what was
/// left of a file's last block does not answer for the disk.
pub(crate) const PROBE: usize = 128 << 10;

/// Why the database takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// There is no room on its disk, or the process may write no more.
    Full,
    /// Its file, its folder or the whole database may only be read.
    ReadOnly,
    /// Another process holds its lock.
    Locked,
    /// Its file is not where it was opened, or another is there.
    Gone,
    /// Its disk answers with errors.
    Broken,
    /// Its server does not answer, or is being restarted.
    Unreachable,
}

/// What has happened, and what to do, for people.
impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => {
                "The database has no room left, so nothing new can be saved; what was saved is kept. Free some room on the disk that the database is on (or raise the limit on it): Longshore goes on by itself."
            }
            Self::ReadOnly => {
                "The database may only be read, so nothing new can be saved. Let Longshore write its data folder and the database in it: Longshore goes on by itself."
            }
            Self::Locked => {
                "Another process keeps the database locked. When it lets go, Longshore goes on by itself."
            }
            Self::Gone => {
                "The database's file is not where it was when Longshore started, so nothing is saved that would be lost. Put it back, and Longshore goes on by itself; if it was replaced, restart Longshore."
            }
            Self::Broken => {
                "The disk that the database is on answers with errors. Mend it: Longshore goes on by itself. The server's log has the error."
            }
            Self::Unreachable => {
                "The database cannot be reached. When it can be, Longshore goes on by itself."
            }
        })
    }
}

impl Outage {
    /// Is it the database that takes nothing, and not the statement that is wrong?
    pub(crate) fn of(error: &sqlx::Error) -> Option<Self> {
        use sqlx::Error;
        match error {
            Error::Database(error) => {
                if let Some(postgres) = error.try_downcast_ref::<PgDatabaseError>() {
                    return of_postgres(postgres.code());
                }
                let code = error.try_downcast_ref::<SqliteError>()?;
                let code = sqlx::error::DatabaseError::code(code)?.parse().ok()?;
                of_sqlite(code)
            }
            Error::Io(_)
            | Error::Tls(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed
            | Error::BeginFailed => Some(Self::Unreachable),
            _ => None,
        }
    }
}

/// Result and extended codes: <https://www.sqlite.org/rescode.html>.
fn of_sqlite(code: i32) -> Option<Outage> {
    // Of a disk with no room: a write, its flush, the index of the log.
    const NO_ROOM: [i32; 8] = [778, 1034, 1290, 1546, 4618, 4874, 5130, 5386];
    match (code & 0xff, code) {
        (13, _) => Some(Outage::Full),
        (10, code) if NO_ROOM.contains(&code) => Some(Outage::Full),
        (8, 1032) | (14, _) => Some(Outage::Gone),
        (3 | 8, _) => Some(Outage::ReadOnly),
        (5 | 6, _) => Some(Outage::Locked),
        (7 | 10 | 11 | 26, _) => Some(Outage::Broken),
        _ => None,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgres(state: &str) -> Option<Outage> {
    match state {
        "53100" => Some(Outage::Full),
        "25006" => Some(Outage::ReadOnly),
        "58030" | "XX001" | "XX002" => Some(Outage::Broken),
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" => Some(Outage::Unreachable),
        state if state.starts_with("08") => Some(Outage::Unreachable),
        _ => None,
    }
}

/// What is known of it; shared by all clones of a store.
#[derive(Clone, Default)]
pub(crate) struct Outages(Arc<Mutex<Option<Outage>>>);

impl Outages {
    pub(crate) fn now(&self) -> Option<Outage> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `true` for the first that meets it.
    pub(crate) fn begin(&self, outage: Outage) -> bool {
        let before = self.replace(Some(outage));
        if before != Some(outage) {
            tracing::error!(?outage, "{outage}");
        }
        before.is_none()
    }

    pub(crate) fn end(&self) {
        if self.replace(None).is_some() {
            tracing::info!("the database takes what is written again");
        }
    }

    fn replace(&self, outage: Option<Outage>) -> Option<Outage> {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *now, outage)
    }
}

/// The file of a database, as it was when it was opened. One that was removed would go on taking
/// what is written, and lose it with the process.
#[derive(Clone)]
pub(crate) struct DatabaseFile {
    path: Arc<Path>,
    /// Device and number; `None` of a database that has no file.
    is: Option<(u64, u64)>,
}

impl DatabaseFile {
    pub(crate) fn opened(path: &Path) -> Self {
        Self {
            path: path.into(),
            is: identity(path),
        }
    }

    /// Is it still there?
    pub(crate) fn is_there(&self) -> bool {
        self.is.is_none() || self.is == identity(&self.path)
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::{DatabaseFile, Outage, Outages, of_postgres, of_sqlite};

    #[test]
    fn what_the_databases_say_when_they_take_nothing() {
        for (code, outage) in [
            (13, Some(Outage::Full)),
            (778, Some(Outage::Full)),
            (266, Some(Outage::Broken)),
            (8, Some(Outage::ReadOnly)),
            (1032, Some(Outage::Gone)),
            (5, Some(Outage::Locked)),
            (517, Some(Outage::Locked)),
            (14, Some(Outage::Gone)),
            (1, None),
            (2067, None),
        ] {
            assert_eq!(of_sqlite(code), outage, "{code}");
        }
        for (state, outage) in [
            ("53100", Some(Outage::Full)),
            ("57P01", Some(Outage::Unreachable)),
            ("57P03", Some(Outage::Unreachable)),
            ("08006", Some(Outage::Unreachable)),
            ("25006", Some(Outage::ReadOnly)),
            ("23505", None),
            ("42P01", None),
        ] {
            assert_eq!(of_postgres(state), outage, "{state}");
        }
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::WorkerCrashed] {
            assert_eq!(Outage::of(&error), Some(Outage::Unreachable));
        }
        assert_eq!(Outage::of(&sqlx::Error::RowNotFound), None);
    }

    #[test]
    fn every_clone_knows_of_it() {
        let outages = Outages::default();
        assert!(outages.clone().begin(Outage::Locked));
        assert!(!outages.begin(Outage::Full), "somebody looks already");
        assert_eq!(outages.now(), Some(Outage::Full));
        outages.end();
        assert_eq!(outages.clone().now(), None);
    }

    #[test]
    fn a_file_that_was_replaced_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a.db"), folder.path().join("b.db"));
        std::fs::write(&path, "1").unwrap();
        let file = DatabaseFile::opened(&path);
        assert!(file.is_there());
        std::fs::rename(&path, &aside).unwrap();
        assert!(!file.is_there());
        std::fs::write(&path, "2").unwrap();
        assert!(!file.is_there());
        std::fs::rename(&aside, &path).unwrap();
        assert!(file.is_there());
    }
}
