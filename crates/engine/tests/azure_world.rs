//! One local Azure, one database, one engine, one project: what every test begins with.

use std::time::{Duration, Instant};

use azure::{Azure, Cloud, HostIdentity};
use bytes::Bytes;
use engine::{
    Engine, FirstOwner, Limits, NewMember, ProjectInput, Settings, StorageInput, ThumbnailSettings,
    Worker,
};
use local_azure::{
    LocalAzure, Options,
    blob::PublicAccess,
    state::{AccountSettings, Fault, FaultKind, FaultTarget},
};
use model::{
    Actor, Clock, CredentialKind, Direction, Project, Role, Secret, Storage, StorageId,
    StorageSettings, SyncRun, TaskId,
};
use store::{SealKeys, Store, StoreOptions, TaskQuery};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The storage account of every test.
pub const ACCOUNT: &str = "media1";

/// The longest that anything here may take; a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything a test needs; gone when it is dropped.
pub struct World {
    pub azure: LocalAzure,
    pub engine: Engine,
    pub store: Store,
    pub owner: Actor,
    pub project: Project,
    key: Secret,
    _dir: TempDir,
}

/// A worker inside this process.
pub struct RunningWorker {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl RunningWorker {
    /// Lets it finish its work and waits for it.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("the worker ends well");
    }

    /// What a crash does: nothing more of it runs.
    pub async fn crash(self) {
        self.task.abort();
        let ended = self.task.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }
}

impl World {
    /// With the limits that the product has.
    pub async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    /// With these limits.
    pub async fn with_limits(limits: Limits) -> Self {
        let azure = LocalAzure::start(Options::default()).await.unwrap();
        let tenant = azure.state().create_tenant("contoso.example").unwrap();
        let account = azure
            .state()
            .create_account(ACCOUNT, &tenant.id, AccountSettings::default())
            .unwrap();
        let key = Secret::new(account.key1.clone());
        let dir = TempDir::new().unwrap();
        let store = Store::open(&StoreOptions {
            database_url: format!("sqlite://{}/test.db", dir.path().display()),
            seal_keys: SealKeys::parse(SealKeys::generate().expose()).unwrap(),
            max_connections: 4,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        let profile = std::fs::read_to_string(&azure.endpoints().cloud_file).unwrap();
        let cloud = Cloud::from_profile_toml(&profile).unwrap();
        let client = Azure::new(cloud, HostIdentity::default(), None, Clock::system()).unwrap();
        let settings = Settings {
            token_key: Secret::new("k".repeat(32)),
            app_client_id: None,
            default_account: None,
            limits,
            thumbnails: ThumbnailSettings {
                folder: dir.path().join("thumbnails"),
                max_bytes: 64 << 20,
            },
        };
        let engine = Engine::new(store.clone(), client, Clock::system(), settings);
        let owner = owner(&engine).await;
        let project = ProjectInput {
            title: Some("Cats".to_owned()),
            label_config: Some(
                r#"<View><Image name="i" value="$image"/><Choices name="c" toName="i"><Choice value="cat"/></Choices></View>"#
                    .to_owned(),
            ),
            ..ProjectInput::default()
        };
        let project = engine.create_project(&owner, &project).await.unwrap();
        Self {
            azure,
            engine,
            store,
            owner,
            project,
            key,
            _dir: dir,
        }
    }

    /// A worker that does one job at a time.
    pub fn worker(&self) -> RunningWorker {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(Worker::run(self.engine.clone(), shutdown.clone(), 1));
        RunningWorker { task, shutdown }
    }

    /// Creates a container of the account.
    pub async fn container(&self, name: &str) {
        let blobs = self.azure.state().blobs();
        blobs
            .create_container(ACCOUNT, name, PublicAccess::None)
            .await
            .unwrap();
    }

    /// Writes a blob behind the product's back.
    pub async fn put(&self, container: &str, name: &str, body: impl Into<Bytes>) {
        let blobs = self.azure.state().blobs();
        blobs
            .put(
                ACCOUNT,
                container,
                name,
                body.into(),
                "application/octet-stream",
            )
            .await
            .unwrap();
    }

    /// A blob's text; `None` when there is no such blob.
    pub async fn text(&self, container: &str, name: &str) -> Option<String> {
        let blobs = self.azure.state().blobs();
        let bytes = blobs.get(ACCOUNT, container, name).await.unwrap()?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// The names of a container's blobs.
    pub async fn names(&self, container: &str) -> Vec<String> {
        let blobs = self.azure.state().blobs();
        blobs.names(ACCOUNT, container).await.unwrap()
    }

    /// Blob requests that contain `matches` meet this fault.
    pub fn fault(&self, matches: &str, kind: FaultKind, times: Option<u32>) {
        self.azure.state().add_fault(Fault {
            target: FaultTarget::Blob,
            matches: matches.to_owned(),
            kind,
            times,
        });
    }

    /// A form of an account-key storage over a container.
    pub fn form(&self, container: &str) -> StorageInput {
        StorageInput {
            project: Some(self.project.id),
            title: Some(container.to_owned()),
            account_name: Some(ACCOUNT.to_owned()),
            account_key: Some(self.key.clone()),
            container: Some(container.to_owned()),
            recursive_scan: Some(true),
            use_blob_urls: Some(true),
            ..StorageInput::default()
        }
    }

    /// Saves a source storage.
    pub async fn source(&self, form: StorageInput) -> StorageId {
        self.save(Direction::Source, form).await
    }

    /// Saves a target storage.
    pub async fn target(&self, form: StorageInput) -> StorageId {
        self.save(Direction::Target, form).await
    }

    /// Changes what is stored of a storage, past the forms.
    pub async fn set(&self, storage: StorageId, change: impl FnOnce(&mut StorageSettings)) {
        let org = self.owner.org_id;
        let found = self.store.find_storage(org, storage).await.unwrap();
        let mut settings = found.unwrap().settings;
        change(&mut settings);
        let changed = self.store.update_storage(org, storage, &settings, None, 0);
        assert!(changed.await.unwrap().is_some());
    }

    async fn save(&self, direction: Direction, form: StorageInput) -> StorageId {
        let kind = CredentialKind::AccountKey;
        let saved = self
            .engine
            .create_storage(&self.owner, direction.by(kind), &form)
            .await;
        saved.unwrap().id
    }

    /// Starts a sync.
    pub async fn start_sync(&self, storage: StorageId) -> SyncRun {
        let kind = CredentialKind::AccountKey;
        let started = self.engine.start_sync(&self.owner, kind, storage).await;
        started.unwrap().last_run.unwrap()
    }

    /// Starts a full export.
    pub async fn start_export(&self, storage: StorageId) -> SyncRun {
        let kind = CredentialKind::AccountKey;
        let started = self.engine.start_export(&self.owner, kind, storage).await;
        started.unwrap().last_run.unwrap()
    }

    /// Cancels a sync or export.
    pub async fn cancel(&self, direction: Direction, storage: StorageId) -> Storage {
        let kind = CredentialKind::AccountKey;
        self.engine
            .cancel_run(&self.owner, direction.by(kind), storage)
            .await
            .unwrap()
    }

    /// The run when it has ended.
    pub async fn ended(&self, run: &SyncRun) -> SyncRun {
        let run = self.engine.wait_run(&self.owner, run.id, PATIENCE).await;
        let run = run.unwrap();
        assert!(!run.status.is_running(), "{run:?}");
        run
    }

    /// Syncs to the end with a worker of its own.
    pub async fn sync(&self, storage: StorageId) -> SyncRun {
        let worker = self.worker();
        let run = self.start_sync(storage).await;
        let run = self.ended(&run).await;
        worker.stop().await;
        run
    }

    /// The data of all tasks of the project, by id.
    pub async fn task_data(&self) -> Vec<serde_json::Value> {
        let query = TaskQuery {
            project: Some(self.project.id),
            limit: 100_000,
            ..TaskQuery::default()
        };
        let (tasks, _) = self
            .store
            .list_tasks(self.owner.org_id, &query)
            .await
            .unwrap();
        tasks
            .iter()
            .map(|task| serde_json::from_str(task.data.get()).unwrap())
            .collect()
    }

    /// The ids of all tasks of the project.
    pub async fn task_ids(&self) -> Vec<TaskId> {
        let query = TaskQuery {
            project: Some(self.project.id),
            limit: 100_000,
            ..TaskQuery::default()
        };
        let (tasks, _) = self
            .store
            .list_tasks(self.owner.org_id, &query)
            .await
            .unwrap();
        tasks.iter().map(|task| task.id).collect()
    }
}

/// The first owner, as the bin makes one.
async fn owner(engine: &Engine) -> Actor {
    let owner = FirstOwner {
        email: "owner@example.com".to_owned(),
        password: Secret::new("correct horse battery"),
        organization: "Contoso".to_owned(),
        token: None,
    };
    engine.bootstrap_owner(&owner).await.unwrap();
    engine.actor_by_email(&owner.email).await.unwrap()
}

/// A further member of the owner's organization.
pub async fn member(world: &World, role: Role) -> Actor {
    let email = format!("{}@example.com", role.as_str());
    let member = NewMember {
        email: email.clone(),
        password: Secret::new("correct horse battery"),
        first_name: String::new(),
        last_name: String::new(),
        role,
    };
    world
        .engine
        .create_user(&world.owner, &member)
        .await
        .unwrap();
    world.engine.actor_by_email(&email).await.unwrap()
}

/// Asks again until `ask` answers `Some`; fails when that takes too long.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
