//! An engine over a database of its own, in front of a local Azure of its own, on a clock that
//! tests move.

use std::sync::Arc;

use azure::{AppRegistration, Azure, Cloud, HostIdentity};
use bytes::Bytes;
use engine::{
    DefaultAccount, Engine, FirstOwner, Limits, ProjectInput, Settings, StorageInput,
    ThumbnailSettings,
};
use local_azure::{
    LocalAzure, Options,
    blob::PublicAccess,
    state::{Account, AccountSettings, AppAudience, Fault, FaultKind, FaultTarget},
};
use model::{
    AccountName, Actor, BlobName, BlobUri, ClientProof, Clock, ContainerName, CredentialKind,
    Direction, OrgId, Project, Role, Secret, Storage, Task,
};
use serde_json::{Value, value::RawValue};
use store::{NewUser, SealKeys, Store, StoreOptions};
use tempfile::TempDir;

pub const ACCOUNT: &str = "acct";

/// A well-formed key that no account has.
pub const OTHER_KEY: &str =
    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==";

pub struct World {
    pub engine: Engine,
    pub store: Store,
    pub azure: LocalAzure,
    pub clock: Clock,
    /// The owner of the first organization.
    pub owner: Actor,
    /// The tenant of the account `acct`, which has the containers `inbox` and `outbox`.
    pub tenant: String,
    pub account: Arc<Account>,
    app: AppRegistration,
    _dir: TempDir,
}

/// A service principal that a customer made for us.
pub struct Principal {
    pub client_id: String,
    pub secret: String,
}

/// Has the operator set `AZURE_BLOB_ACCOUNT_NAME` and `_KEY` to the account `acct`?
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OperatorsAccount {
    Set,
    Unset,
}

impl World {
    pub async fn start() -> Self {
        Self::with(OperatorsAccount::Unset).await
    }

    pub async fn with(operators_account: OperatorsAccount) -> Self {
        let clock = Clock::manual(Clock::system().now_ms());
        let azure = LocalAzure::start(Options {
            clock: clock.clone(),
            ..Options::default()
        })
        .await
        .unwrap();
        let state = azure.state();
        let tenant = state.create_tenant("contoso.test").unwrap().id;
        let account = state
            .create_account(ACCOUNT, &tenant, AccountSettings::default())
            .unwrap();
        for container in ["inbox", "outbox"] {
            let created = state
                .blobs()
                .create_container(ACCOUNT, container, PublicAccess::None);
            created.await.unwrap();
        }
        let ours = state.create_tenant("longshore.test").unwrap().id;
        let app = state
            .create_app(&ours, "Longshore", AppAudience::MultiTenant)
            .unwrap();
        let secret = state.add_secret(&app.client_id, 1 << 40).unwrap();
        let app = AppRegistration {
            client_id: app.client_id,
            proof: ClientProof::Secret(Secret::new(secret.value)),
        };

        let profile = std::fs::read_to_string(&azure.endpoints().cloud_file).unwrap();
        let cloud = Cloud::from_profile_toml(&profile).unwrap();
        let host = HostIdentity::default();
        let client = Azure::new(cloud, host, Some(app.clone()), clock.clone()).unwrap();
        let dir = TempDir::new().unwrap();
        let store = Store::open(&StoreOptions {
            database_url: format!("sqlite://{}/longshore.db", dir.path().display()),
            seal_keys: SealKeys::parse(SealKeys::generate().expose()).unwrap(),
            max_connections: 4,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        let is_set = operators_account == OperatorsAccount::Set;
        let settings = Settings {
            token_key: Secret::new("0123456789abcdef0123456789abcdef"),
            app_client_id: Some(app.client_id.clone()),
            default_account: is_set.then(|| DefaultAccount {
                account: AccountName::parse(ACCOUNT).unwrap(),
                key: Secret::new(&account.key1),
            }),
            limits: Limits::default(),
            thumbnails: ThumbnailSettings {
                folder: dir.path().join("thumbnails"),
                max_bytes: 64 << 20,
            },
        };
        let engine = Engine::new(store.clone(), client, clock.clone(), settings);
        let (org_id, user_id) = engine
            .bootstrap_owner(&first_owner())
            .await
            .unwrap()
            .unwrap();
        Self {
            engine,
            store,
            azure,
            clock,
            owner: Actor {
                org_id,
                user_id,
                role: Role::Owner,
            },
            tenant,
            account,
            app,
            _dir: dir,
        }
    }

    /// The owner of another organization.
    pub async fn stranger(&self) -> Actor {
        let owner = FirstOwner {
            email: "stranger@example.com".to_owned(),
            organization: "Another".to_owned(),
            token: None,
            ..first_owner()
        };
        self.engine.create_organization(&owner).await.unwrap()
    }

    pub async fn member_of(&self, org_id: OrgId, email: &str, role: Role) -> Actor {
        let user = NewUser {
            email,
            password_hash: "",
            first_name: "",
            last_name: "",
            role,
        };
        let user = self
            .store
            .create_user(org_id, &user, self.clock.now_ms())
            .await
            .unwrap();
        Actor {
            org_id,
            user_id: user.id,
            role,
        }
    }

    pub async fn put(&self, container: &str, name: &str, body: impl Into<Bytes>) {
        self.put_in(ACCOUNT, container, name, body).await;
    }

    pub async fn put_in(&self, account: &str, container: &str, name: &str, body: impl Into<Bytes>) {
        let blobs = self.azure.state().blobs();
        let put = blobs.put(account, container, name, body.into(), "image/png");
        put.await.unwrap();
    }

    pub async fn names(&self, container: &str) -> Vec<String> {
        let blobs = self.azure.state().blobs();
        blobs.names(ACCOUNT, container).await.unwrap()
    }

    /// Orders a fault of the blob service for requests that match.
    pub fn fault(&self, matches: &str, kind: FaultKind, times: u32) {
        self.azure.state().add_fault(Fault {
            target: FaultTarget::Blob,
            matches: matches.to_owned(),
            kind,
            times: Some(times),
        });
    }

    /// Blob requests since the log was cleared, as `METHOD /path`.
    pub fn blob_requests(&self) -> Vec<String> {
        let requests = self.azure.state().requests();
        requests
            .into_iter()
            .filter(|request| request.front == FaultTarget::Blob)
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Those of them that were more than anonymous.
    pub fn requests_with_credentials(&self) -> Vec<String> {
        let requests = self.azure.state().requests();
        requests
            .into_iter()
            .filter(|request| request.front == FaultTarget::Blob)
            .filter(|request| request.credential != "anonymous")
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// A service principal of the account's tenant with a role on the account.
    pub fn principal(&self, role: &str) -> Principal {
        let state = self.azure.state();
        let app = state
            .create_app(&self.tenant, "Customer's", AppAudience::SingleTenant)
            .unwrap();
        let secret = state.add_secret(&app.client_id, 1 << 40).unwrap();
        let object_id = state.consent(&self.tenant, &app.client_id).unwrap();
        let scope = self.account.scope();
        state.assign_role(&object_id, role, &scope, 0).unwrap();
        Principal {
            client_id: app.client_id,
            secret: secret.value,
        }
    }

    /// Consents to our app in the account's tenant, with a role on the account, and links the tenant.
    pub async fn link(&self, org: OrgId, role: &str) {
        let state = self.azure.state();
        let object_id = state.consent(&self.tenant, &self.app.client_id).unwrap();
        let scope = self.account.scope();
        state.assign_role(&object_id, role, &scope, 0).unwrap();
        self.store
            .create_azure_link(
                org,
                &store::NewAzureLink {
                    tenant_id: &self.tenant,
                    proof: Some(store::LinkProof::Administrator),
                    ..Default::default()
                },
                self.clock.now_ms(),
            )
            .await
            .unwrap();
    }

    /// A project that shows `$image`.
    pub async fn project(&self, actor: &Actor) -> Project {
        let input = ProjectInput {
            title: Some("Images".to_owned()),
            label_config: Some(
                r#"<View><Image name="image" value="$image"/><Choices name="choice" toName="image"><Choice value="A"/><Choice value="B"/></Choices></View>"#
                    .to_owned(),
            ),
            ..ProjectInput::default()
        };
        self.engine.create_project(actor, &input).await.unwrap()
    }

    /// The form of a storage over a container of `acct`, by account key.
    pub fn by_key(&self, project: &Project, container: &str) -> StorageInput {
        StorageInput {
            project: Some(project.id),
            account_name: Some(ACCOUNT.to_owned()),
            account_key: Some(Secret::new(&self.account.key1)),
            container: Some(container.to_owned()),
            ..StorageInput::default()
        }
    }

    /// The same by service principal.
    pub fn by_principal(
        &self,
        project: &Project,
        principal: &Principal,
        container: &str,
    ) -> StorageInput {
        StorageInput {
            account_key: None,
            tenant_id: Some(self.tenant.clone()),
            client_id: Some(principal.client_id.clone()),
            client_secret: Some(Secret::new(&principal.secret)),
            ..self.by_key(project, container)
        }
    }

    /// A source storage over `inbox` by account key, as changed by `change`.
    pub async fn source(
        &self,
        project: &Project,
        change: impl FnOnce(&mut StorageInput),
    ) -> Storage {
        let mut input = self.by_key(project, "inbox");
        change(&mut input);
        let of = Direction::Source.by(CredentialKind::AccountKey);
        self.engine
            .create_storage(&self.owner, of, &input)
            .await
            .unwrap()
    }

    /// Tasks with this data.
    pub async fn tasks(&self, project: &Project, data: &[Value]) -> Vec<Task> {
        let body = serde_json::to_vec(data).unwrap();
        let imported = self
            .engine
            .import_tasks(&self.owner, project.id, &body)
            .await
            .unwrap();
        let mut tasks = Vec::new();
        for id in imported.task_ids {
            tasks.push(self.engine.get_task(&self.owner, id).await.unwrap());
        }
        tasks
    }
}

pub fn first_owner() -> FirstOwner {
    FirstOwner {
        email: "Owner@Example.com ".to_owned(),
        password: Secret::new("correct horse"),
        organization: "Harbour".to_owned(),
        token: Some(Secret::new("fixed-token-of-the-first-owner")),
    }
}

pub fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

/// The canonical URI of a blob.
pub fn uri(account: &str, container: &str, blob: &str) -> String {
    Cloud::public().blob_uri(&BlobUri {
        account: AccountName::parse(account).unwrap(),
        container: ContainerName::parse(container).unwrap(),
        blob: BlobName::parse(blob).unwrap(),
        revision: None,
    })
}

/// The messages of an `Invalid` error, as `field: message`.
pub fn invalid<T: std::fmt::Debug>(result: engine::Result<T>) -> Vec<String> {
    match result {
        Err(engine::Error::Invalid(fields)) => fields
            .iter()
            .map(|field| format!("{}: {}", field.field, field.message))
            .collect(),
        other => panic!("expected wrong fields, got {other:?}"),
    }
}

/// The stable code of an Azure problem, and its text.
pub fn problem<T: std::fmt::Debug>(result: engine::Result<T>) -> (&'static str, String) {
    match result {
        Err(engine::Error::Azure(problem)) => (problem.code.as_str(), problem.to_string()),
        other => panic!("expected an Azure problem, got {other:?}"),
    }
}

pub fn is_not_found<T>(result: &engine::Result<T>) -> bool {
    matches!(result, Err(engine::Error::NotFound { .. }))
}
