//! One local Azure, one database, one worker, and the router asked in process.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use azure::{Azure, Cloud, HostIdentity};
use bytes::Bytes;
use engine::{Engine, FirstOwner, Limits, Settings, ThumbnailSettings, Worker};
use http_body_util::BodyExt as _;
use local_azure::{LocalAzure, Options, blob::PublicAccess, state::AccountSettings};
use model::{Clock, Secret};
use serde_json::Value;
use server::ServerSettings;
use store::{SealKeys, Store, StoreOptions};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use url::Url;

/// The account of the recorded exchanges.
pub const ACCOUNT: &str = "devstoreaccount1";
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
pub const EMAIL: &str = "bench@example.com";
pub const PASSWORD: &str = "correct horse battery";

pub struct World {
    pub app: Router,
    pub azure: LocalAzure,
    /// Base64.
    pub account_key: String,
    _stop: DropGuard,
    _dir: TempDir,
}

/// What the server answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    pub async fn start() -> Self {
        Self::with(|settings| settings).await
    }

    pub async fn with(change: impl FnOnce(ServerSettings) -> ServerSettings) -> Self {
        Self::made(Clock::system(), change).await
    }

    /// With this clock.
    pub async fn at(clock: &Clock) -> Self {
        Self::made(clock.clone(), |settings| settings).await
    }

    async fn made(clock: Clock, change: impl FnOnce(ServerSettings) -> ServerSettings) -> Self {
        let azure = LocalAzure::start(Options::default()).await.unwrap();
        let tenant = azure.state().create_tenant("contoso.example").unwrap();
        let account = azure
            .state()
            .create_account(ACCOUNT, &tenant.id, AccountSettings::default())
            .unwrap();
        let account_key = account.key1.clone();
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
        let client = Azure::new(cloud, HostIdentity::default(), None, clock.clone()).unwrap();
        let settings = Settings {
            token_key: Secret::new("k".repeat(32)),
            app_client_id: None,
            default_account: None,
            limits: Limits::default(),
            thumbnails: ThumbnailSettings {
                folder: dir.path().join("thumbnails"),
                max_bytes: 64 << 20,
            },
        };
        let engine = Engine::new(store, client, clock, settings);
        engine
            .bootstrap_owner(&FirstOwner {
                email: EMAIL.to_owned(),
                password: Secret::new(PASSWORD),
                organization: "Label Studio".to_owned(),
                token: Some(Secret::new(TOKEN)),
            })
            .await
            .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(Worker::run(engine.clone(), stop.clone(), 2));
        let settings = change(ServerSettings::new(
            Url::parse("http://longshore.example/").unwrap(),
        ));
        Self {
            app: server::app(engine, settings),
            azure,
            account_key,
            _stop: stop.drop_guard(),
            _dir: dir,
        }
    }

    pub async fn container(&self, name: &str) {
        let blobs = self.azure.state().blobs();
        blobs
            .create_container(ACCOUNT, name, PublicAccess::None)
            .await
            .unwrap();
    }

    pub async fn put(&self, container: &str, name: &str, body: impl Into<Bytes>, kind: &str) {
        let blobs = self.azure.state().blobs();
        blobs
            .put(ACCOUNT, container, name, body.into(), kind)
            .await
            .unwrap();
    }

    /// Asks as it is.
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// Asks with the owner's token; the body is JSON.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Token {TOKEN}"));
        let request = match body {
            Some(json) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(json.to_string())),
            None => request.body(Body::empty()),
        };
        self.ask(request.unwrap()).await
    }

    /// The answer's JSON, when its status is this one.
    pub async fn expect(
        &self,
        status: u16,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Value {
        let answer = self.call(method, path, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path}: {}",
            answer.text()
        );
        answer.json()
    }
}
