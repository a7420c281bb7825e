//! A running local Azure: its control endpoint as methods, and its blob endpoint as a browser sees it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Certificate, Method, StatusCode, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Child, programs};

/// A running `local-azure`.
#[derive(Debug)]
pub struct LocalAzure {
    pub endpoints: Endpoints,
    pub(crate) http: reqwest::Client,
    _child: Child,
    _folder: TempDir,
}

/// The program's ready line.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoints {
    pub entra: String,
    pub blob: String,
    pub blob_http: String,
    pub identity_endpoint: String,
    pub identity_header: String,
    pub arc_endpoint: String,
    pub ml_endpoint: String,
    pub cloud_shell_endpoint: String,
    pub control: String,
    pub ca_file: PathBuf,
    pub cloud_file: PathBuf,
}

/// A storage account and its first key.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    /// Base64.
    pub key: String,
    /// For role assignments on the account.
    pub scope: String,
}

/// The built-in roles that Longshore asks for.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    DataReader,
    DataContributor,
    Delegator,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::DataReader => "Storage Blob Data Reader",
            Self::DataContributor => "Storage Blob Data Contributor",
            Self::Delegator => "Storage Blob Delegator",
        }
    }
}

impl Account {
    /// The scope of a role assignment on one container.
    pub fn container_scope(&self, container: &str) -> String {
        format!("{}/blobServices/default/containers/{container}", self.scope)
    }
}

impl LocalAzure {
    /// Starts it on free ports of the loopback; `program` is the built one when absent.
    ///
    /// # Errors
    /// Its log's end, when it does not become ready.
    pub fn start(program: Option<&Path>) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let program = program.map_or_else(|| programs().local_azure.clone(), Path::to_owned);
        let mut command = Command::new(program);
        command.arg("--dir").arg(folder.path());
        let (child, endpoints) =
            Child::start(command, &folder.path().join("local-azure.log"), |line| {
                serde_json::from_str::<Endpoints>(line).ok()
            })?;
        let http = reqwest::Client::builder()
            .add_root_certificate(Certificate::from_pem(&std::fs::read(&endpoints.ca_file)?)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            endpoints,
            http,
            _child: child,
            _folder: folder,
        })
    }

    /// Any request to the control endpoint.
    ///
    /// # Errors
    /// What it refuses, with its reason.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self
            .http
            .request(method, format!("{}{path}", self.endpoints.control))
            .json(body)
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(
            status.is_success(),
            "local Azure refused {path}: {status} {text}"
        );
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.control(Method::POST, path, body).await
    }

    /// A storage account of the tenant.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn create_account(&self, name: &str, tenant: &str) -> anyhow::Result<Account> {
        let account = self
            .post("/accounts", &json!({"name": name, "tenant": tenant}))
            .await?;
        let key = account["keys"][0].as_str().context("keys")?.to_owned();
        Ok(Account {
            name: name.to_owned(),
            key,
            scope: text(&account, "scope")?,
        })
    }

    /// Changes switches such as `allow_shared_key` and `firewall_open`.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn set_account(&self, account: &Account, switches: &Value) -> anyhow::Result<()> {
        self.control(
            Method::PATCH,
            &format!("/accounts/{}", account.name),
            switches,
        )
        .await
        .map(|_| ())
    }

    /// Assigns a built-in role, at once effective.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn assign_role(
        &self,
        principal: &str,
        role: Role,
        scope: &str,
    ) -> anyhow::Result<()> {
        let body = json!({"principal": principal, "role": role.name(), "scope": scope});
        self.post("/role-assignments", &body).await.map(|_| ())
    }

    /// Orders a fault, as the control endpoint takes it.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn fault(&self, fault: &Value) -> anyhow::Result<()> {
        self.post("/faults", fault).await.map(|_| ())
    }

    /// The blobs that were written to a container through its front, each with how often; of the last 2,000 requests.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn written(&self, container: &str) -> anyhow::Result<BTreeMap<String, usize>> {
        let requests = self.control(Method::GET, "/requests", &Value::Null).await?;
        let within = format!("/{container}/");
        let mut written = BTreeMap::new();
        for request in requests.as_array().context("requests")? {
            let path = request["path"].as_str().unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            let name = path.split_once(&within).map(|(_, name)| name);
            if let Some(name) =
                name.filter(|_| request["method"] == "PUT" && request["status"] == 201)
            {
                *written.entry(name.to_owned()).or_default() += 1;
            }
        }
        Ok(written)
    }

    /// A private container.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn create_container(&self, account: &Account, name: &str) -> anyhow::Result<()> {
        self.post(
            &format!("/accounts/{}/containers", account.name),
            &json!({"name": name}),
        )
        .await
        .map(|_| ())
    }

    /// This many blobs `prefix000000000…` of this many bytes each.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn generate(
        &self,
        account: &Account,
        container: &str,
        count: u64,
        prefix: &str,
        size: u64,
    ) -> anyhow::Result<()> {
        let body = json!({"count": count, "prefix": prefix, "size": size});
        self.post(
            &format!("/blobs/{}/{container}/generate", account.name),
            &body,
        )
        .await
        .map(|_| ())
    }

    /// All names in order.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn blob_names(
        &self,
        account: &Account,
        container: &str,
    ) -> anyhow::Result<Vec<String>> {
        let names = self
            .control(
                Method::GET,
                &format!("/blobs/{}/{container}", account.name),
                &json!({}),
            )
            .await?;
        Ok(serde_json::from_value(names)?)
    }

    /// Uploads through the blob endpoint, as the customer would.
    ///
    /// # Errors
    /// Azure's refusal.
    pub async fn put_blob(
        &self,
        account: &Account,
        container: &str,
        name: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<()> {
        let request = self
            .blob(
                Method::PUT,
                account,
                &format!("{container}/{}", segment(name)),
            )
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-type", content_type)
            // An empty body gets no length by itself, and Azure insists on one.
            .header("content-length", bytes.len())
            .body(bytes);
        accepted(request, name).await.map(|_| ())
    }

    /// The bytes; `None` when there is no such blob.
    ///
    /// # Errors
    /// Azure's refusal.
    pub async fn read_blob(
        &self,
        account: &Account,
        container: &str,
        name: &str,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let answer = self
            .blob(
                Method::GET,
                account,
                &format!("{container}/{}", segment(name)),
            )
            .send()
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        anyhow::ensure!(answer.status().is_success(), "{name}: {}", answer.status());
        Ok(Some(answer.bytes().await?.to_vec()))
    }

    /// Deletes a blob as the customer would.
    ///
    /// # Errors
    /// Azure's refusal.
    pub async fn delete_blob(
        &self,
        account: &Account,
        container: &str,
        name: &str,
    ) -> anyhow::Result<()> {
        let request = self.blob(
            Method::DELETE,
            account,
            &format!("{container}/{}", segment(name)),
        );
        accepted(request, name).await.map(|_| ())
    }

    /// Restores a soft-deleted blob.
    ///
    /// # Errors
    /// Azure's refusal.
    pub async fn undelete_blob(
        &self,
        account: &Account,
        container: &str,
        name: &str,
    ) -> anyhow::Result<()> {
        let path = format!("{container}/{}?comp=undelete", segment(name));
        let request = self
            .blob(Method::PUT, account, &path)
            .header("content-length", 0);
        accepted(request, name).await.map(|_| ())
    }

    /// Deletes a container as the customer would.
    ///
    /// # Errors
    /// Azure's refusal.
    pub async fn delete_container(&self, account: &Account, name: &str) -> anyhow::Result<()> {
        accepted(
            self.blob(
                Method::DELETE,
                account,
                &format!("{name}?restype=container"),
            ),
            name,
        )
        .await
        .map(|_| ())
    }

    /// Moves a blob to an access tier; leaving the archive takes no time here.
    ///
    /// # Errors
    /// Azure's refusal.
    pub async fn set_tier(
        &self,
        account: &Account,
        container: &str,
        name: &str,
        tier: &str,
    ) -> anyhow::Result<()> {
        let path = format!("{container}/{}?comp=tier", segment(name));
        let request = self
            .blob(Method::PUT, account, &path)
            .header("x-ms-access-tier", tier)
            .header("content-length", 0);
        accepted(request, name).await.map(|_| ())
    }

    /// Follows a pre-signed URL without any credential, as a browser does.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn browse(&self, url: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.http.get(url).send().await?)
    }

    fn blob(&self, method: Method, account: &Account, path: &str) -> reqwest::RequestBuilder {
        let joint = if path.contains('?') { '&' } else { '?' };
        let url = format!(
            "{}/{}/{path}{joint}{}",
            self.endpoints.blob,
            account.name,
            account.sas("rwdlac")
        );
        self.http
            .request(method, url)
            .header("x-ms-version", "2022-11-02")
    }
}

/// One path segment, `/` encoded too: no URL library takes its dots for directories.
fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

pub(crate) async fn accepted(
    request: reqwest::RequestBuilder,
    what: &str,
) -> anyhow::Result<reqwest::Response> {
    let answer = request.send().await?;
    let status = answer.status();
    anyhow::ensure!(
        status.is_success(),
        "{what}: {status} {}",
        answer.text().await?
    );
    Ok(answer)
}

pub(crate) fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    Ok(value[field]
        .as_str()
        .with_context(|| format!("{field} in {value}"))?
        .to_owned())
}
