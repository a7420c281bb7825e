//! A started local Azure with one customer and one app, and a client that trusts its authority.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use local_azure::{
    LocalAzure, Options, State,
    state::{App, AppAudience, Tenant},
};
use reqwest::{Certificate, Client, ClientBuilder, Response, StatusCode};
use serde_json::Value;

pub const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub const DAY_MS: i64 = 24 * 3600 * 1000;

pub struct World {
    pub azure: LocalAzure,
    pub client: Client,
    pub platform: Tenant,
    pub customer: Tenant,
    /// Multi-tenant, home in the platform, consented by the customer.
    pub app: App,
    /// Its object id in the customer's tenant.
    pub principal: String,
}

impl World {
    pub async fn start() -> Self {
        let azure = LocalAzure::start(Options::default()).await.unwrap();
        let client = client(&azure);
        let state = azure.state();
        let platform = state.create_tenant("platform.onmicrosoft.com").unwrap();
        let customer = state.create_tenant("contoso.onmicrosoft.com").unwrap();
        let app = state
            .create_app(&platform.id, "Longshore", AppAudience::MultiTenant)
            .unwrap();
        let principal = state.consent(&customer.id, &app.client_id).unwrap();
        Self {
            client,
            platform,
            customer,
            app,
            principal,
            azure,
        }
    }

    pub fn state(&self) -> &State {
        self.azure.state()
    }

    pub fn secret(&self) -> String {
        let secret = self
            .state()
            .add_secret(&self.app.client_id, DAY_MS)
            .unwrap();
        secret.value
    }

    pub fn token_url(&self, tenant: &str) -> String {
        format!(
            "{}/{tenant}/oauth2/v2.0/token",
            self.azure.endpoints().entra
        )
    }

    /// A token request for storage by the app; `more` is added or replaces.
    pub async fn ask(&self, tenant: &str, more: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.app.client_id.as_str()),
            ("scope", STORAGE_SCOPE),
        ];
        form.retain(|(name, _)| more.iter().all(|(replaced, _)| replaced != name));
        form.extend(more);
        answer(
            self.client
                .post(self.token_url(tenant))
                .form(&form)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn ask_with_assertion(&self, tenant: &str, jwt: &str) -> (StatusCode, Value) {
        self.ask(
            tenant,
            &[
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", jwt),
            ],
        )
        .await
    }
}

pub fn client(azure: &LocalAzure) -> Client {
    builder(azure).build().unwrap()
}

/// Trusts this Azure's authority and no other.
pub fn builder(azure: &LocalAzure) -> ClientBuilder {
    let pem = std::fs::read(&azure.endpoints().ca_file).unwrap();
    Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
}

pub async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

/// The claims of a JWT, unverified.
pub fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Checks a refusal's status, OAuth error and AADSTS code.
#[track_caller]
pub fn assert_refused((status, body): &(StatusCode, Value), expected: (u16, &str, u32)) {
    let (expected_status, error, code) = expected;
    assert_eq!(status.as_u16(), expected_status, "{body}");
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(body["error_codes"], serde_json::json!([code]), "{body}");
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with(&format!("AADSTS{code}: ")),
        "{description}"
    );
}
