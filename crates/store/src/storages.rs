//! Source and target storages with their sealed credentials. Every write raises the project's
//! `storages_version`, which caches of a project's storages are keyed by.

use model::{
    AccountName, ContainerName, Credential, CredentialKind, Direction, ExportLayout, ImportMode,
    OrgId, Prefix, ProjectId, ServeMode, Storage, StorageId, StorageSettings,
};

use crate::{
    Result, Store,
    credentials::{credential_of, put_credential},
    db::{Row, Sql, Tx, sql},
    storage_health::health_of,
    sync_runs::last_run_of,
};

macro_rules! storages {
    ($rest:literal) => {
        concat!(
            "SELECT s.*, c.sealed, r.id AS run_id, r.status, r.listed, r.filtered, r.skipped, r.created,
             r.existed, r.changed, r.failed, r.total, r.error, r.attempts, r.queued_at_ms, r.started_at_ms,
             r.last_ping_at_ms, r.finished_at_ms,
             h.last_success_at_ms, h.last_failure_at_ms, h.failure_code, h.failure_text, h.expires_at_ms,
             (SELECT COUNT(*) FROM exported_objects x WHERE x.storage_id = s.id AND x.state = 'foreign')
             AS foreign_objects FROM storages s JOIN storage_credentials c ON c.storage_id = s.id
             LEFT JOIN sync_runs r ON r.id = s.last_run_id
             LEFT JOIN storage_health h ON h.storage_id = s.id ",
            $rest
        )
    };
}

/// A storage to create; its kind is its credential's.
#[derive(Clone, Debug)]
pub struct NewStorage {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub direction: Direction,
    pub settings: StorageSettings,
}

impl Store {
    /// Creates a storage; `None` when the project is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_storage(
        &self,
        storage: &NewStorage,
        credential: &Credential,
        now_ms: i64,
    ) -> Result<Option<Storage>> {
        let mut tx = self.db.begin().await?;
        if !raise_storages_version(&mut tx, storage.org_id, storage.project_id).await? {
            return Ok(None);
        }
        let insert = with_settings(
            sql("INSERT INTO storages (title, description, account, container, prefix, regex_filter, recursive,
                 import_mode, serve_mode, presign_ttl_minutes, export_layout, can_delete_objects,
                 org_id, project_id, direction, kind, created_at_ms, updated_at_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
                 RETURNING id"),
            &storage.settings,
        )
        .bind(storage.org_id)
        .bind(storage.project_id)
        .bind(storage.direction.as_str())
        .bind(credential.kind().as_str())
        .bind(now_ms);
        let row = tx.one(insert).await?;
        let id = StorageId(row.get("id")?);
        put_credential(&mut tx, &self.seal_keys, storage.org_id, id, credential).await?;
        tx.commit().await?;
        self.find_storage(storage.org_id, id).await
    }

    /// A storage of the organization, without its credential.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_storage(&self, org: OrgId, id: StorageId) -> Result<Option<Storage>> {
        let query = sql(storages!("WHERE s.org_id = $1 AND s.id = $2"));
        let row = self.db.read_one(query.bind(org).bind(id)).await?;
        row.as_ref().map(storage_of).transpose()
    }

    /// A storage of the organization and its credential.
    ///
    /// # Errors
    /// When the credential cannot be opened with the keys, or the database fails.
    pub async fn find_storage_with_credential(
        &self,
        org: OrgId,
        id: StorageId,
    ) -> Result<Option<(Storage, Credential)>> {
        let query = sql(storages!("WHERE s.org_id = $1 AND s.id = $2"));
        let row = self.db.read_one(query.bind(org).bind(id)).await?;
        row.map(|row| Ok((storage_of(&row)?, credential_of(&self.seal_keys, &row)?)))
            .transpose()
    }

    /// Storages of the organization by id, limited to what is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_storages(
        &self,
        org: OrgId,
        project: Option<ProjectId>,
        direction: Option<Direction>,
        kind: Option<CredentialKind>,
    ) -> Result<Vec<Storage>> {
        let query = sql(storages!(
            "WHERE s.org_id = $1 AND s.project_id = COALESCE($2, s.project_id)
             AND s.direction = COALESCE($3, s.direction) AND s.kind = COALESCE($4, s.kind) ORDER BY s.id"
        ))
        .bind(org)
        .bind(project)
        .bind(direction.map(Direction::as_str))
        .bind(kind.map(CredentialKind::as_str));
        self.db.read(query).await?.iter().map(storage_of).collect()
    }

    /// The storages of a project in one direction, with their credentials.
    ///
    /// # Errors
    /// When a credential cannot be opened with the keys, or the database fails.
    pub async fn storages_of_project_with_credentials(
        &self,
        org: OrgId,
        project: ProjectId,
        direction: Direction,
    ) -> Result<Vec<(Storage, Credential)>> {
        let query = sql(storages!(
            "WHERE s.org_id = $1 AND s.project_id = $2 AND s.direction = $3 ORDER BY s.id"
        ))
        .bind(org)
        .bind(project)
        .bind(direction.as_str());
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| Ok((storage_of(row)?, credential_of(&self.seal_keys, row)?)))
            .collect()
    }

    /// Sets a storage's settings, and its credential when one is given; `None` when there is no such
    /// storage.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_storage(
        &self,
        org: OrgId,
        id: StorageId,
        settings: &StorageSettings,
        credential: Option<&Credential>,
        now_ms: i64,
    ) -> Result<Option<Storage>> {
        let mut tx = self.db.begin().await?;
        let update = with_settings(
            sql("UPDATE storages SET title = $1, description = $2, account = $3, container = $4, prefix = $5,
                 regex_filter = $6, recursive = $7, import_mode = $8, serve_mode = $9,
                 presign_ttl_minutes = $10, export_layout = $11, can_delete_objects = $12,
                 kind = COALESCE($13, kind), updated_at_ms = $14
                 WHERE org_id = $15 AND id = $16 RETURNING project_id"),
            settings,
        )
        .bind(credential.map(|credential| credential.kind().as_str()))
        .bind(now_ms)
        .bind(org)
        .bind(id);
        let row = tx.row(update).await?;
        let Some(row) = row else { return Ok(None) };
        raise_storages_version(&mut tx, org, ProjectId(row.get("project_id")?)).await?;
        if let Some(credential) = credential {
            put_credential(&mut tx, &self.seal_keys, org, id, credential).await?;
        }
        tx.commit().await?;
        self.find_storage(org, id).await
    }
}

/// `false` when the project is not the organization's, or is being deleted.
pub(crate) async fn raise_storages_version(
    tx: &mut Tx,
    org: OrgId,
    project: ProjectId,
) -> Result<bool> {
    let raise = "UPDATE projects SET storages_version = storages_version + 1
         WHERE org_id = $1 AND id = $2 AND NOT EXISTS
         (SELECT 1 FROM deletions d WHERE d.project_id = projects.id AND d.storage_id IS NULL)";
    Ok(tx.execute(sql(raise).bind(org).bind(project)).await? > 0)
}

/// The statement with the settings as its parameters `$1` to `$12`.
fn with_settings(statement: Sql, settings: &StorageSettings) -> Sql {
    statement
        .bind(settings.title.as_str())
        .bind(settings.description.as_deref())
        .bind(settings.account.as_str())
        .bind(settings.container.as_str())
        .bind(settings.prefix.as_str())
        .bind(settings.regex_filter.as_deref())
        .bind(settings.recursive)
        .bind(settings.import_mode.as_str())
        .bind(settings.serve_mode.as_str())
        .bind(settings.presign_ttl_minutes)
        .bind(settings.export_layout.as_str())
        .bind(settings.can_delete_objects)
}

fn storage_of(row: &Row) -> Result<Storage> {
    Ok(Storage {
        id: StorageId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        project_id: ProjectId(row.get("project_id")?),
        direction: row.word("direction", Direction::parse)?,
        kind: row.parsed("kind", |text| text.parse::<CredentialKind>())?,
        settings: StorageSettings {
            title: row.get("title")?,
            description: row.get("description")?,
            account: row.parsed("account", AccountName::parse)?,
            container: row.parsed("container", ContainerName::parse)?,
            prefix: Prefix::new(&row.get::<String>("prefix")?),
            regex_filter: row.get("regex_filter")?,
            recursive: row.flag("recursive")?,
            import_mode: row.word("import_mode", ImportMode::parse)?,
            serve_mode: row.word("serve_mode", ServeMode::parse)?,
            presign_ttl_minutes: row.get("presign_ttl_minutes")?,
            export_layout: row.word("export_layout", ExportLayout::parse)?,
            can_delete_objects: row.flag("can_delete_objects")?,
        },
        created_at_ms: row.get("created_at_ms")?,
        last_run: last_run_of(row)?,
        health: health_of(row)?,
        foreign_objects: row.get("foreign_objects")?,
    })
}
