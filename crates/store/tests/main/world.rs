//! An opened, migrated store with an owner, a project and shorthands.

use model::{
    AccountName, ContainerName, Credential, Direction, ExportLayout, ImportMode, OrgId, Prefix,
    Project, ProjectId, Role, Secret, ServeMode, Storage, StorageId, StorageSettings, TaskId,
    UserId,
};
use private_postgres::PrivatePostgres;
use serde_json::value::RawValue;
use store::{
    Deletion, DeletionStep, NewAnnotation, NewPrediction, NewProject, NewStorage, NewTask, NewUser,
    Origin, SealKeys, Store, StoreOptions,
};
use tempfile::TempDir;

pub const NOW: i64 = 1_795_000_000_000;

pub struct World {
    pub store: Store,
    pub org: OrgId,
    pub user: UserId,
    pub project: ProjectId,
    pub options: StoreOptions,
    pub dir: TempDir,
    _postgres: Option<PrivatePostgres>,
}

impl World {
    pub async fn on_sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("longshore.db").display());
        Self::new(url, dir, None).await
    }

    pub async fn on_postgres() -> Self {
        let postgres = PrivatePostgres::start();
        Self::new(postgres.url(), tempfile::tempdir().unwrap(), Some(postgres)).await
    }

    async fn new(database_url: String, dir: TempDir, postgres: Option<PrivatePostgres>) -> Self {
        let options = StoreOptions {
            database_url,
            seal_keys: SealKeys::parse(SealKeys::generate().expose()).unwrap(),
            max_connections: 8,
        };
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        store.ping().await.unwrap();
        let (org, user) = store
            .create_first_owner("Owner@Example.com", "$argon2id$owner", "Org", NOW)
            .await
            .unwrap()
            .unwrap();
        let project = NewProject {
            title: "Cats".to_owned(),
            description: String::new(),
            label_config: "<View/>".to_owned(),
            settings: json("{}"),
            created_by: user,
        };
        let project = store.create_project(org, &project, NOW).await.unwrap().id;
        Self {
            store,
            org,
            user,
            project,
            options,
            dir,
            _postgres: postgres,
        }
    }

    /// An organization that is not the owner's.
    pub fn stranger(&self) -> OrgId {
        OrgId(self.org.0 + 1)
    }

    /// A second organization.
    pub async fn another_org(&self) -> OrgId {
        let owner = NewUser {
            email: "second@example.com",
            password_hash: "",
            first_name: "",
            last_name: "",
            role: Role::Owner,
        };
        let created = self.store.create_org("Second", &owner, NOW).await;
        created.unwrap().org_id
    }

    /// Deletes a project, to the last step; `false` when there is none.
    pub async fn delete_project(&self, org: OrgId, project: ProjectId) -> bool {
        let begun = self.store.begin_project_deletion(org, project, NOW);
        self.delete(begun.await.unwrap()).await
    }

    /// Deletes a storage, to the last step; `false` when there is none.
    pub async fn delete_storage(&self, org: OrgId, storage: StorageId) -> bool {
        let begun = self.store.begin_storage_deletion(org, storage, NOW);
        self.delete(begun.await.unwrap()).await
    }

    async fn delete(&self, begun: Option<Deletion>) -> bool {
        let Some(deletion) = begun else { return false };
        while self.store.delete_step(deletion).await.unwrap() != DeletionStep::Done {}
        true
    }

    /// Another member of the organization.
    pub async fn member(&self, email: &str) -> UserId {
        let user = NewUser {
            email,
            password_hash: "",
            first_name: "",
            last_name: "",
            role: Role::Annotator,
        };
        let created = self.store.create_user(self.org, &user, NOW).await;
        created.unwrap().id
    }

    pub fn new_storage(&self, direction: Direction) -> NewStorage {
        NewStorage {
            org_id: self.org,
            project_id: self.project,
            direction,
            settings: StorageSettings {
                title: "Pictures".to_owned(),
                description: None,
                account: AccountName::parse("account1").unwrap(),
                container: ContainerName::parse("images").unwrap(),
                prefix: Prefix::new("in"),
                regex_filter: Some(".*png".to_owned()),
                recursive: true,
                import_mode: ImportMode::Files,
                serve_mode: ServeMode::Presigned,
                presign_ttl_minutes: 15,
                export_layout: ExportLayout::PerAnnotation,
                can_delete_objects: false,
            },
        }
    }

    pub async fn storage(&self, storage: NewStorage) -> Storage {
        let created = self
            .store
            .create_storage(&storage, &account_key(), NOW)
            .await;
        created.unwrap().unwrap()
    }

    pub async fn source(&self) -> Storage {
        self.storage(self.new_storage(Direction::Source)).await
    }

    pub async fn target(&self, export_layout: ExportLayout, can_delete_objects: bool) -> Storage {
        let mut target = self.new_storage(Direction::Target);
        target.settings.export_layout = export_layout;
        target.settings.can_delete_objects = can_delete_objects;
        self.storage(target).await
    }

    pub async fn tasks(&self, tasks: &[NewTask]) -> Vec<TaskId> {
        let created = self
            .store
            .create_tasks(self.org, self.project, tasks, NOW, self.user);
        created.await.unwrap().unwrap()
    }

    pub async fn task(&self) -> TaskId {
        self.tasks(&[task()]).await[0]
    }

    pub fn annotation(&self) -> NewAnnotation {
        NewAnnotation {
            result: json(r#"[{"type":"choices"}]"#),
            was_cancelled: false,
            ground_truth: false,
            lead_time: Some(1.25),
            completed_by: Some(self.user),
            parent_prediction: None,
            parent_annotation: None,
            origin: Origin::default(),
        }
    }

    /// The project, after holding that its counters are what counting anew gives.
    pub async fn counted(&self) -> Project {
        let kept = self.store.find_project(self.org, self.project).await;
        let counted = self.store.recount_project(self.org, self.project).await;
        let (kept, counted) = (kept.unwrap().unwrap(), counted.unwrap().unwrap());
        assert_eq!(counts(&kept), counts(&counted), "kept, counted");
        counted
    }
}

/// (tasks, labeled, annotations, cancelled, predictions)
pub fn counts(project: &Project) -> (i64, i64, i64, i64, i64) {
    (
        project.task_count,
        project.labeled_task_count,
        project.annotation_count,
        project.cancelled_annotation_count,
        project.prediction_count,
    )
}

pub fn json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

pub fn task() -> NewTask {
    NewTask {
        data: json(r#"{"image":"https://account1.blob.core.windows.net/images/in/a.png"}"#),
        meta: None,
        annotations: Vec::new(),
        predictions: Vec::new(),
    }
}

pub fn prediction(score: f64) -> NewPrediction {
    NewPrediction {
        result: json("[]"),
        score: Some(score),
        model_version: Some("v1".to_owned()),
    }
}

pub const KEY: &str = "bWFya2VyLWFjY291bnQta2V5";

pub fn account_key() -> Credential {
    Credential::AccountKey {
        key: Secret::new(KEY),
    }
}
