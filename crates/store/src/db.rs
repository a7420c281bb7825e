//! One SQL text on two databases: statements, rows and transactions over a small enum of pools.
//!
//! The house dialect: `$1` placeholders, BIGINT, DOUBLE PRECISION, TEXT and bytes; booleans are 0/1.
//! A batch is one JSON array parameter read by `json_each($1)`, which PostgreSQL has from our own
//! migration. SQLite has one writer connection, handed out in order of arrival, so transactions never
//! meet "database is locked".

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use sqlx::{
    Decode, PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction, Type,
    postgres::{PgArguments, PgRow},
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use tokio::runtime::Handle;

use crate::{
    AuditEntry, Error, ErrorKind, Outage, Result,
    audit::insert_entries,
    outage::{DatabaseFile, Outages, PROBE},
    readers::Readers,
    writing::Writing,
};

/// How often it is looked whether an outage is over.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);

/// The database, with what the audit log is told of its next change.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) pools: Pools,
    pub(crate) outages: Outages,
    telling: Option<Arc<AuditEntry>>,
}

/// The two databases.
#[derive(Clone)]
pub(crate) enum Pools {
    Sqlite {
        /// One connection.
        writer: SqlitePool,
        readers: Readers,
        file: DatabaseFile,
    },
    Postgres(PgPool),
}

/// A transaction that may write; rolled back when dropped.
pub(crate) struct Tx {
    on: OnEngine,
    db: Db,
    telling: Option<Arc<AuditEntry>>,
}

enum OnEngine {
    Sqlite(Writing),
    Postgres(Transaction<'static, Postgres>),
}

/// One row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A statement with its parameters.
pub(crate) struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
    args: Vec<Arg>,
}

/// A parameter; `None` is a typed NULL.
pub(crate) enum Arg {
    Int(Option<i64>),
    Float(Option<f64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// A statement that is the same text on both.
pub(crate) fn sql(text: &'static str) -> Sql {
    sql_of_each(text, text)
}

/// A statement where the two databases differ in a word (row locks).
pub(crate) fn sql_of_each(sqlite: &'static str, postgres: &'static str) -> Sql {
    Sql {
        sqlite,
        postgres,
        args: Vec::new(),
    }
}

impl Sql {
    /// The next parameter.
    pub(crate) fn bind(mut self, arg: impl Into<Arg>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// What SQLite would keep and PostgreSQL refuses is refused on both.
    fn checked(self) -> Result<Self> {
        let has_null = |arg: &Arg| matches!(arg, Arg::Text(Some(text)) if text.contains('\0'));
        if self.args.iter().any(has_null) {
            return Err(Error::null_character());
        }
        Ok(self)
    }

    fn for_sqlite(self) -> Query<'static, Sqlite, SqliteArguments> {
        self.args
            .into_iter()
            .fold(sqlx::query(self.sqlite), |query, arg| match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Float(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
            })
    }

    fn for_postgres(self) -> Query<'static, Postgres, PgArguments> {
        self.args
            .into_iter()
            .fold(sqlx::query(self.postgres), |query, arg| match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Float(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
            })
    }
}

impl Db {
    pub(crate) fn new(pools: Pools) -> Self {
        Self {
            pools,
            outages: Outages::default(),
            telling: None,
        }
    }

    /// The same database, whose changes have this entry of the audit log in their transactions.
    pub(crate) fn telling(&self, entry: AuditEntry) -> Self {
        Self {
            pools: self.pools.clone(),
            outages: self.outages.clone(),
            telling: Some(Arc::new(entry)),
        }
    }

    /// Rows of a statement that only reads.
    pub(crate) async fn read(&self, sql: Sql) -> Result<Vec<Row>> {
        let sql = sql.checked()?;
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => {
                wrap(readers.rows(sql.for_sqlite()).await?, Row::Sqlite)
            }
            Pools::Postgres(pool) => wrap(sql.for_postgres().fetch_all(pool).await?, Row::Postgres),
        })
    }

    /// The only row of a statement that only reads.
    pub(crate) async fn read_one(&self, sql: Sql) -> Result<Option<Row>> {
        let sql = sql.checked()?;
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => readers.row(sql.for_sqlite()).await?.map(Row::Sqlite),
            Pools::Postgres(pool) => sql
                .for_postgres()
                .fetch_optional(pool)
                .await?
                .map(Row::Postgres),
        })
    }

    /// A single writing statement as its own transaction; its `RETURNING` rows.
    pub(crate) async fn write(&self, sql: Sql) -> Result<Vec<Row>> {
        let sql = sql.checked()?;
        if self.telling.is_some() {
            let mut tx = self.begin().await?;
            let rows = tx.rows(sql).await?;
            // Nothing was changed, so there is nothing to tell.
            if !rows.is_empty() {
                tx.commit().await?;
            }
            return Ok(rows);
        }
        self.require_file()?;
        let rows = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let rows = sql.for_sqlite().fetch_all(writer).await;
                rows.map(|rows| wrap(rows, Row::Sqlite))
            }
            Pools::Postgres(pool) => {
                let rows = sql.for_postgres().fetch_all(pool).await;
                rows.map(|rows| wrap(rows, Row::Postgres))
            }
        };
        self.noted(rows)
    }

    /// A single writing statement as its own transaction; how many rows it touched.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64> {
        let sql = sql.checked()?;
        if self.telling.is_some() {
            let mut tx = self.begin().await?;
            let touched = tx.execute(sql).await?;
            if touched > 0 {
                tx.commit().await?;
            }
            return Ok(touched);
        }
        self.require_file()?;
        let touched = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let done = sql.for_sqlite().execute(writer).await;
                done.map(|done| done.rows_affected())
            }
            Pools::Postgres(pool) => {
                let done = sql.for_postgres().execute(pool).await;
                done.map(|done| done.rows_affected())
            }
        };
        self.noted(touched)
    }

    /// Begins a transaction that will write (SQLite takes its write lock at once).
    pub(crate) async fn begin(&self) -> Result<Tx> {
        self.require_file()?;
        let on = match &self.pools {
            Pools::Sqlite { writer, .. } => Writing::begin(writer).await.map(OnEngine::Sqlite),
            Pools::Postgres(pool) => pool.begin().await.map(OnEngine::Postgres),
        };
        Ok(Tx {
            on: self.noted(on)?,
            db: self.clone(),
            telling: self.telling.clone(),
        })
    }

    /// A write's answer; when the database takes nothing, everybody knows from now on.
    fn noted<T>(&self, answer: std::result::Result<T, sqlx::Error>) -> Result<T> {
        answer.map_err(|source| {
            let error = Error::from(source);
            if let ErrorKind::Unavailable(outage) = error.kind() {
                self.note_outage(outage);
            }
            error
        })
    }

    /// Nothing is written to a file that nobody would find again.
    fn require_file(&self) -> Result<()> {
        match &self.pools {
            Pools::Sqlite { file, .. } if !file.is_there() => {
                self.note_outage(Outage::Gone);
                Err(Error::unavailable(Outage::Gone))
            }
            _ => Ok(()),
        }
    }

    /// From the first that meets it on, somebody looks whether it is over.
    fn note_outage(&self, outage: Outage) {
        if !self.outages.begin(outage) {
            return;
        }
        let db = Self {
            telling: None,
            ..self.clone()
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                while !db.is_closed() {
                    tokio::time::sleep(BETWEEN_PROBES).await;
                    if db.probe().await.is_ok() {
                        return db.outages.end();
                    }
                }
            });
        }
    }

    /// Writes something, to see whether that works.
    async fn probe(&self) -> Result<()> {
        let probe = sql("INSERT INTO write_probe (id, count, room) VALUES (1, 1, $1)
             ON CONFLICT (id) DO UPDATE SET count = write_probe.count + 1, room = excluded.room");
        // Not the same as last time, which would not be written.
        let room: Vec<u8> = (0..PROBE).map(|_| rand::random()).collect();
        self.execute(probe.bind(room)).await.map(drop)
    }

    /// Does it take what is written, as far as is known?
    pub(crate) fn require_no_outage(&self) -> Result<()> {
        self.require_file()?;
        match self.outages.now() {
            Some(outage) => Err(Error::unavailable(outage)),
            None => Ok(()),
        }
    }

    fn is_closed(&self) -> bool {
        match &self.pools {
            Pools::Sqlite { writer, .. } => writer.is_closed(),
            Pools::Postgres(pool) => pool.is_closed(),
        }
    }
}

impl Tx {
    /// The rows of a statement.
    pub(crate) async fn rows(&mut self, sql: Sql) -> Result<Vec<Row>> {
        let sql = sql.checked()?;
        let rows = match &mut self.on {
            OnEngine::Sqlite(tx) => {
                let rows = sql.for_sqlite().fetch_all(tx.connection()?).await;
                rows.map(|rows| wrap(rows, Row::Sqlite))
            }
            OnEngine::Postgres(tx) => {
                let rows = sql.for_postgres().fetch_all(&mut **tx).await;
                rows.map(|rows| wrap(rows, Row::Postgres))
            }
        };
        self.db.noted(rows)
    }

    /// The only row of a statement.
    pub(crate) async fn row(&mut self, sql: Sql) -> Result<Option<Row>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// The row of a statement that always has one.
    pub(crate) async fn one(&mut self, sql: Sql) -> Result<Row> {
        self.row(sql)
            .await?
            .ok_or_else(|| Error::new("a statement that always answers a row answered none"))
    }

    /// How many rows the statement touched.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        let sql = sql.checked()?;
        let touched = match &mut self.on {
            OnEngine::Sqlite(tx) => {
                let done = sql.for_sqlite().execute(tx.connection()?).await;
                done.map(|done| done.rows_affected())
            }
            OnEngine::Postgres(tx) => {
                let done = sql.for_postgres().execute(&mut **tx).await;
                done.map(|done| done.rows_affected())
            }
        };
        self.db.noted(touched)
    }

    /// Makes it durable, with the entry of the audit log that tells of it.
    pub(crate) async fn commit(mut self) -> Result<()> {
        if let Some(entry) = self.telling.take() {
            self.execute(insert_entries(std::slice::from_ref(&*entry))?)
                .await?;
        }
        let committed = match self.on {
            OnEngine::Sqlite(tx) => tx.commit().await,
            OnEngine::Postgres(tx) => tx.commit().await,
        };
        self.db.noted(committed)
    }
}

/// What a column can be read as, on both databases.
pub(crate) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// A column by name.
    pub(crate) fn get<T: Column>(&self, column: &'static str) -> Result<T> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A 0/1 column.
    pub(crate) fn flag(&self, column: &'static str) -> Result<bool> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// A JSON column.
    pub(crate) fn json(&self, column: &'static str) -> Result<Box<RawValue>> {
        RawValue::from_string(self.get(column)?)
            .map_err(|source| Error::caused_by("a stored JSON text is broken", source))
    }

    /// A text column that our own `parse` reads back.
    pub(crate) fn parsed<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> std::result::Result<T, E>,
    ) -> Result<T> {
        parse(self.get(column)?)
            .map_err(|_| Error::caused_by("a stored word is unknown", column.to_owned()))
    }

    /// A text column that an enum's `parse` reads back.
    pub(crate) fn word<T>(&self, column: &'static str, parse: fn(&str) -> Option<T>) -> Result<T> {
        self.parsed(column, |text| parse(&text).ok_or(()))
    }
}

fn wrap<T>(rows: Vec<T>, as_row: fn(T) -> Row) -> Vec<Row> {
    rows.into_iter().map(as_row).collect()
}

macro_rules! arg_from {
    ($($from:ty => |$value:ident| $arg:expr),+ $(,)?) => {$(
        impl From<$from> for Arg {
            fn from($value: $from) -> Self { $arg }
        }
    )+};
}

arg_from! {
    i64 => |value| Self::Int(Some(value)),
    Option<i64> => |value| Self::Int(value),
    bool => |value| Self::Int(Some(i64::from(value))),
    Option<bool> => |value| Self::Int(value.map(i64::from)),
    Option<f64> => |value| Self::Float(value),
    String => |value| Self::Text(Some(value)),
    Option<String> => |value| Self::Text(value),
    &str => |value| Self::Text(Some(value.to_owned())),
    Option<&str> => |value| Self::Text(value.map(str::to_owned)),
    &RawValue => |value| Self::Text(Some(value.get().to_owned())),
    Vec<u8> => |value| Self::Bytes(value),
    &[u8; 32] => |value| Self::Bytes(value.to_vec()),
}

macro_rules! arg_from_id {
    ($($id:ident),+ $(,)?) => {$(
        impl From<model::$id> for Arg {
            fn from(id: model::$id) -> Self { Self::Int(Some(id.0)) }
        }

        impl From<Option<model::$id>> for Arg {
            fn from(id: Option<model::$id>) -> Self { Self::Int(id.map(|id| id.0)) }
        }
    )+};
}

arg_from_id!(
    OrgId,
    UserId,
    InviteId,
    ApiTokenId,
    ProjectId,
    TaskId,
    AnnotationId,
    DraftId,
    PredictionId,
    StorageId,
    SyncRunId,
    SourceBlobId,
    JobId,
    DeletionId,
);
