//! What every case starts from: a customer's tenant with an account, where everything works.

use std::{fs, path::PathBuf};

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Account, App, LocalAzure, Longshore, Role, Settings};

use super::case::{Case, Direction};

/// The container that everything is about.
pub const CONTAINER: &str = "media";

pub struct Lab {
    pub azure: LocalAzure,
    pub tenant: String,
    pub account: Account,
    /// Files of a case: a changed cloud profile, a certificate.
    folder: TempDir,
}

/// An app registration that has proven itself, and its principal in the customer's tenant.
pub struct Client {
    pub app: App,
    pub secret: String,
    /// Object id.
    pub principal: String,
}

impl Lab {
    pub async fn start() -> anyhow::Result<Self> {
        let azure = LocalAzure::start(None)?;
        let tenant = azure.create_tenant("contoso.example").await?;
        let account = azure.create_account("contosodata", &tenant).await?;
        azure.create_container(&account, CONTAINER).await?;
        for name in ["cats/a.png", "cats/b.png", "dogs/c.png"] {
            azure
                .put_blob(&account, CONTAINER, name, "image/png", b"pixels".to_vec())
                .await?;
        }
        Ok(Self {
            azure,
            tenant,
            account,
            folder: TempDir::new()?,
        })
    }

    /// Longshore as the case wants it; its cloud profile is the case's own when it wrote one.
    ///
    /// A tenant is linked while everything works, before the case's own settings come.
    pub async fn longshore(&self, case: &Case) -> anyhow::Result<Longshore> {
        let own = self.path("cloud.toml");
        let cloud = if own.exists() {
            own
        } else {
            self.azure.endpoints.cloud_file.clone()
        };
        let mut settings = case.settings.clone();
        if case.kind == "azure_link" {
            settings.data_dir = Some(self.path("data"));
            self.link(&settings).await?;
        }
        Longshore::start(&cloud, settings)
    }

    async fn link(&self, settings: &Settings) -> anyhow::Result<()> {
        let app = self.azure.create_app(&self.tenant, "linking", true).await?;
        let secret = self.azure.add_secret(&app).await?;
        self.azure.consent(&self.tenant, &app).await?;
        let working = Settings {
            environment: vec![
                ("LONGSHORE_APP_CLIENT_ID".to_owned(), app.client_id),
                ("LONGSHORE_APP_CLIENT_SECRET".to_owned(), secret),
            ],
            ..settings.clone()
        };
        let longshore = Longshore::start(&self.azure.endpoints.cloud_file, working)?;
        let link = ["azure-link", "add", "--tenant-id", &self.tenant];
        let added = longshore.command(&link)?;
        let said = String::from_utf8_lossy(&added.stderr);
        ensure!(added.status.success(), "{said}");
        Ok(())
    }

    /// A file of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives Longshore a cloud profile where some lines (`key = value`) are others, or none.
    pub fn profile(&self, change: impl Fn(&str) -> Option<String>) -> anyhow::Result<()> {
        let text = fs::read_to_string(&self.azure.endpoints.cloud_file)?;
        let changed: Vec<String> = text.lines().filter_map(change).collect();
        ensure!(changed.join("\n") != text.trim_end(), "nothing was changed");
        Ok(fs::write(self.path("cloud.toml"), changed.join("\n"))?)
    }

    /// The report on the case's storage, by the API.
    pub async fn check(&self, longshore: &Longshore, case: &Case) -> anyhow::Result<Value> {
        let answer = longshore.post("/api/check", &body(case)).await?;
        answer.expect(200)
    }

    /// Fails when the report or the log hold a secret, whoever's it is.
    pub async fn shows_no_secret(
        &self,
        longshore: &Longshore,
        case: &Case,
        report: &Value,
    ) -> anyhow::Result<()> {
        let log = fs::read_to_string(longshore.data_dir.join("longshore.log"))?;
        let report = report.to_string();
        for secret in self.secrets(case).await? {
            ensure!(!report.contains(&secret), "the API shows {secret}");
            ensure!(!log.contains(&secret), "the log shows {secret}");
        }
        Ok(())
    }

    /// Every secret of the local Azure and of the case's own fields.
    pub async fn secrets(&self, case: &Case) -> anyhow::Result<Vec<String>> {
        let state = self
            .azure
            .control(Method::GET, "/state", &json!({}))
            .await?;
        let mut secrets = vec![self.azure.endpoints.identity_header.clone()];
        for account in state["accounts"].as_array().into_iter().flatten() {
            let keys = account["keys"].as_array().into_iter().flatten();
            secrets.extend(keys.filter_map(Value::as_str).map(str::to_owned));
        }
        for app in state["apps"].as_array().into_iter().flatten() {
            let known = app["secrets"].as_array().into_iter().flatten();
            secrets.extend(
                known
                    .filter_map(|secret| secret["value"].as_str())
                    .map(str::to_owned),
            );
        }
        for field in ["account_key", "client_secret"] {
            secrets.extend(case.fields[field].as_str().map(str::to_owned));
        }
        if let Some((_, signature)) = case.fields["sas_token"]
            .as_str()
            .and_then(|token| token.split_once("sig="))
        {
            secrets.push(signature.split('&').next().unwrap_or_default().to_owned());
        }
        if let Some(pem) = case.fields["client_certificate"].as_str() {
            let lines = pem.lines().filter(|line| !line.starts_with("-----"));
            secrets.extend(lines.map(str::to_owned));
        }
        secrets.retain(|secret| secret.len() > 11);
        ensure!(!secrets.is_empty(), "nothing to look for");
        Ok(secrets)
    }

    /// A storage with the account's key.
    pub fn by_key(&self, more: Value) -> (&'static str, Value) {
        let key = json!({"account_key": self.account.key});
        ("azure", self.fields(&[key, more]))
    }

    /// A storage with a SAS token; none is anonymous.
    pub fn by_sas(&self, token: &str, more: Value) -> (&'static str, Value) {
        let token = json!({"sas_token": token});
        ("azure_sas", self.fields(&[token, more]))
    }

    /// A storage with a service principal of the customer's tenant.
    pub fn by_secret(&self, app: &App, secret: &str, more: Value) -> (&'static str, Value) {
        let client = json!({
            "tenant_id": self.tenant, "client_id": app.client_id, "client_secret": secret,
        });
        ("azure_spi", self.fields(&[client, more]))
    }

    /// A storage with a managed identity of this machine.
    pub fn by_identity(&self, identity: Value) -> (&'static str, Value) {
        ("azure_mi", self.fields(&[identity]))
    }

    /// A storage with Longshore's own app in the customer's tenant.
    pub fn by_link(&self, more: Value) -> (&'static str, Value) {
        let tenant = json!({"tenant_id": self.tenant});
        ("azure_link", self.fields(&[tenant, more]))
    }

    fn fields(&self, more: &[Value]) -> Value {
        let mut fields = json!({
            "account_name": self.account.name, "container": CONTAINER,
            "use_blob_urls": true, "recursive_scan": true, "presign": false,
        });
        for (name, value) in more.iter().filter_map(Value::as_object).flatten() {
            fields[name] = value.clone();
        }
        fields
    }

    /// A service principal with a secret, and no role at all.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let app = self
            .azure
            .create_app(&self.tenant, "labeling", false)
            .await?;
        let secret = self.azure.add_secret(&app).await?;
        let principal = self.azure.consent(&self.tenant, &app).await?;
        Ok(Client {
            app,
            secret,
            principal,
        })
    }

    /// The same, as a reader of the whole account.
    pub async fn reader(&self) -> anyhow::Result<Client> {
        let client = self.client().await?;
        self.azure
            .assign_role(&client.principal, Role::DataReader, &self.account.scope)
            .await?;
        Ok(client)
    }

    /// Assigns any role, built in or custom.
    pub async fn assign(&self, principal: &str, role: &str, scope: &str) -> anyhow::Result<()> {
        let body = json!({"principal": principal, "role": role, "scope": scope});
        self.post("/role-assignments", body).await.map(|_| ())
    }

    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.azure.control(Method::POST, path, &body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.azure.control(Method::PATCH, path, &body).await
    }

    /// Every request of this kind meets this from now on.
    pub async fn fault(&self, target: &str, matches: &str, kind: Value) -> anyhow::Result<()> {
        let fault = json!({"target": target, "matches": matches, "kind": kind});
        self.azure.fault(&fault).await
    }

    /// The account's switches.
    pub async fn switch(&self, switches: Value) -> anyhow::Result<()> {
        self.azure.set_account(&self.account, &switches).await
    }

    /// The role assignment scope of the container.
    pub fn container_scope(&self) -> String {
        self.account.container_scope(CONTAINER)
    }

    /// This many hours from now, as a SAS writes it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the programs under test run on the real clock"
    )]
    pub fn in_hours(hours: i64) -> String {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        format!("{at:.0}")
    }
}

/// The request that checks a storage that is not saved.
fn body(case: &Case) -> Value {
    let mut body = case.fields.clone();
    body["type"] = json!(case.kind);
    body["target"] = json!(case.direction == Direction::Target);
    body
}
