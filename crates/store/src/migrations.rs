//! The schema's versions: `migrations/{sqlite,postgres}`, applied in order, never edited.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{MigrateError, Migration, Migrator},
};

use crate::{Error, Result, db::Pools};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The one migration that was edited once: with these lines at its end, in builds of 2026-11-28.
const EDITED: (i64, &str) = (
    10,
    "-- A worker looks for them every second.\n\
     CREATE INDEX sync_runs_stopping ON sync_runs (id) WHERE stopping = 1;\n",
);

/// Brings the schema to this version.
pub(crate) async fn run(pools: &Pools) -> Result<()> {
    let migrator = match pools {
        Pools::Sqlite { .. } => &SQLITE,
        Pools::Postgres(_) => &POSTGRES,
    };
    match apply(migrator, pools).await {
        // The database was made by such a build: it has that form, and 0013 knows it.
        Err(MigrateError::VersionMismatch(version)) if version == EDITED.0 => {
            apply(&as_edited(migrator), pools).await
        }
        ended => ended,
    }
    .map_err(|source| Error::caused_by("the schema could not be migrated", source))
}

async fn apply(migrator: &Migrator, pools: &Pools) -> std::result::Result<(), MigrateError> {
    match pools {
        Pools::Sqlite { writer, .. } => migrator.run(writer).await,
        Pools::Postgres(pool) => migrator.run(pool).await,
    }
}

fn as_edited(migrator: &Migrator) -> Migrator {
    let migrations = migrator.iter().map(|migration| {
        if migration.version != EDITED.0 {
            return migration.clone();
        }
        Migration::new(
            migration.version,
            migration.description.clone(),
            migration.migration_type,
            AssertSqlSafe(format!("{}{}", migration.sql.as_str(), EDITED.1)).into_sql_str(),
            migration.no_tx,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
