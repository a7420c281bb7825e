//! A customer's Azure with one account and one container, and the product's view of it.

use std::{collections::HashMap, sync::Arc};

use azure::{
    AppRegistration, Azure, Cloud, ContainerClient, HostIdentity, PutCondition, SignRequest,
};
use local_azure::{
    LocalAzure, Options,
    blob::PublicAccess,
    state::{Account, AccountSettings, App, AppAudience, Fault, FaultKind, FaultTarget, Tenant},
};
use model::{AccountName, BlobName, ClientProof, Clock, ContainerName, Credential, Secret};

pub const HOUR_MS: i64 = 3_600_000;

pub struct World {
    pub local: LocalAzure,
    pub tenant: Tenant,
    pub account: Arc<Account>,
    /// Azure's clock and ours are this one until a test moves Azure's.
    pub clock: Clock,
}

impl World {
    pub async fn start() -> Self {
        let clock = Clock::manual(Clock::system().now_ms());
        let options = Options {
            clock: clock.clone(),
            ..Options::default()
        };
        let local = LocalAzure::start(options).await.unwrap();
        let state = local.state();
        let tenant = state.create_tenant("customer.example").unwrap();
        let account = state
            .create_account("acct1", &tenant.id, AccountSettings::default())
            .unwrap();
        state
            .blobs()
            .create_container("acct1", "data", PublicAccess::None)
            .await
            .unwrap();
        Self {
            local,
            tenant,
            account,
            clock,
        }
    }

    pub fn cloud(&self) -> Cloud {
        let profile = std::fs::read_to_string(&self.local.endpoints().cloud_file).unwrap();
        Cloud::from_profile_toml(&profile).unwrap()
    }

    pub fn azure(&self) -> Azure {
        self.azure_with(HostIdentity::default(), None)
    }

    pub fn azure_with(&self, host: HostIdentity, app: Option<AppRegistration>) -> Azure {
        Azure::new(self.cloud(), host, app, self.clock.clone()).unwrap()
    }

    /// The container `data` through a new [`Azure`].
    pub fn data(&self, credential: &Credential) -> ContainerClient {
        container(&self.azure(), credential, "data")
    }

    pub fn key(&self) -> Credential {
        Credential::AccountKey {
            key: Secret::new(&self.account.key1),
        }
    }

    /// An app of the customer, consented, with a secret and this role on the account.
    pub fn service_principal(&self, role: &str) -> (App, Credential) {
        let state = self.local.state();
        let app = state
            .create_app(&self.tenant.id, "their app", AppAudience::SingleTenant)
            .unwrap();
        self.grant(
            &state.consent(&self.tenant.id, &app.client_id).unwrap(),
            role,
        );
        let secret = state.add_secret(&app.client_id, 720 * HOUR_MS).unwrap();
        let credential = self.principal(&app, ClientProof::Secret(Secret::new(secret.value)));
        (app, credential)
    }

    /// That app, in the customer's tenant, with another proof.
    pub fn principal(&self, app: &App, proof: ClientProof) -> Credential {
        Credential::ServicePrincipal {
            tenant_id: self.tenant.id.clone(),
            client_id: app.client_id.clone(),
            proof,
        }
    }

    /// Assigns a role on the account, in effect since an hour.
    pub fn grant(&self, object_id: &str, role: &str) {
        self.local
            .state()
            .assign_role(object_id, role, &self.account.scope(), -HOUR_MS)
            .unwrap();
    }

    pub fn change_account(&self, change: impl FnOnce(&mut AccountSettings)) {
        self.local.state().change_account("acct1", change).unwrap();
    }

    pub fn fault(&self, target: FaultTarget, matches: &str, times: u32, kind: FaultKind) {
        let (matches, times) = (matches.to_owned(), Some(times));
        self.local.state().add_fault(Fault {
            target,
            matches,
            kind,
            times,
        });
    }

    /// How many logged requests contain this in `METHOD /path?query`.
    pub fn count_requests(&self, matches: &str) -> usize {
        let requests = self.local.state().requests();
        requests
            .iter()
            .filter(|record| format!("{} {}", record.method, record.path).contains(matches))
            .count()
    }

    /// What a browser gets from a URL: status, headers, body.
    pub async fn browse(&self, url: &str) -> (u16, HashMap<String, String>, Vec<u8>) {
        let ca = std::fs::read(&self.local.endpoints().ca_file).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_merge([reqwest::Certificate::from_pem(&ca).unwrap()])
            .build()
            .unwrap();
        let response = client.get(url).send().await.unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        (
            response.status().as_u16(),
            headers,
            response.bytes().await.unwrap().to_vec(),
        )
    }
}

pub fn account() -> AccountName {
    AccountName::parse("acct1").unwrap()
}

pub fn container(azure: &Azure, credential: &Credential, name: &str) -> ContainerClient {
    azure.container(credential, &account(), &ContainerName::parse(name).unwrap())
}

pub fn blob(name: &str) -> BlobName {
    BlobName::parse(name).unwrap()
}

pub fn minutes(minutes: u64) -> SignRequest {
    SignRequest {
        ttl: std::time::Duration::from_secs(60 * minutes),
        response_content_type: None,
        response_content_disposition: None,
        correlation_id: None,
    }
}

/// Writes, lists, reads, signs and deletes: what every credential must be able to do.
pub async fn exercise(world: &World, data: &ContainerClient) {
    let name = blob("dir/ä 1%.txt");
    data.put(&name, "hello".into(), "text/plain", &PutCondition::None)
        .await
        .unwrap();
    let page = data.list(&azure::ListRequest::default()).await.unwrap();
    assert_eq!(
        page.blobs
            .iter()
            .map(|blob| blob.name.as_str())
            .collect::<Vec<_>>(),
        [name.as_str()]
    );
    data.exists().await.unwrap();
    let answer = data
        .get(&name, &azure::GetRequest::default())
        .await
        .unwrap();
    assert_eq!(answer.body.read_all(100).await.unwrap(), "hello");
    let url = data.sign(&name, &minutes(5)).await.unwrap().url;
    let (status, headers, body) = world.browse(url.expose()).await;
    assert_eq!(
        (status, body.as_slice()),
        (200, b"hello".as_slice()),
        "{headers:?}"
    );
    data.delete(&name, None).await.unwrap();
}
