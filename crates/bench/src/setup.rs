//! What every benchmark starts from: the programs, a customer's account, a Longshore with a project.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use azure::{Azure, Cloud, ContainerClient, HostIdentity, ListRequest};
use model::{AccountName, Clock, ContainerName, Credential, Secret};
use serde_json::{Value, json};
use testkit::{Account, LocalAzure, Longshore, Settings, eventually};

/// Where the programs are, and how much to do.
pub struct Bench {
    pub longshore: PathBuf,
    pub local_azure: PathBuf,
    pub dev_dir: PathBuf,
    pub quick: bool,
}

pub const LABEL_CONFIG: &str = r#"<View><Image name="image" value="$image"/><Choices name="kind" toName="image"><Choice value="a"/></Choices></View>"#;

impl Bench {
    /// A local Azure with one tenant and one account.
    pub async fn azure(&self) -> anyhow::Result<(LocalAzure, Account, String)> {
        let azure = LocalAzure::start(Some(&self.local_azure))?;
        let tenant = azure.create_tenant("contoso.example").await?;
        let account = azure.create_account("contosobench", &tenant).await?;
        Ok((azure, account, tenant))
    }

    /// A Longshore on a fresh SQLite database; `role` as `longshore serve --role` takes it.
    pub fn longshore(&self, cloud_file: &Path, role: &'static str) -> anyhow::Result<Longshore> {
        let settings = Settings {
            program: Some(self.longshore.clone()),
            role: Some(role),
            ..Settings::default()
        };
        Longshore::start(cloud_file, settings)
    }

    /// How long a load runs.
    pub fn load_time(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 8 })
    }

    /// `full`, or a tenth of it.
    pub fn count(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }
}

/// A project; its id.
pub async fn project(longshore: &Longshore) -> anyhow::Result<i64> {
    let body = json!({"title": "bench", "label_config": LABEL_CONFIG});
    longshore.post("/api/projects/", &body).await?.expect(201)?["id"]
        .as_i64()
        .context("project id")
}

/// A storage of this kind; its path in the API.
pub async fn storage(longshore: &Longshore, path: &str, body: &Value) -> anyhow::Result<String> {
    let created = longshore.post(path, body).await?.expect(201)?;
    Ok(format!("{}/{}", path.trim_end_matches('/'), created["id"]))
}

/// Starts a sync and waits for its end: the storage as it is then, and how long it took.
pub async fn sync(longshore: &Longshore, storage: &str) -> anyhow::Result<(Value, Duration)> {
    let start = Instant::now();
    longshore
        .post(&format!("{storage}/sync"), &json!({}))
        .await?
        .expect(200)?;
    let ended = eventually("the sync to end", Duration::from_secs(1200), async || {
        let storage = longshore.get(storage).await?.expect(200)?;
        let running = matches!(storage["status"].as_str(), Some("queued" | "in_progress"));
        Ok((!running).then_some(storage))
    })
    .await?;
    let took = start.elapsed();
    anyhow::ensure!(
        ended["status"] == "completed",
        "the sync ended {}: {}",
        ended["status"],
        ended["traceback"]
    );
    Ok((ended, took))
}

/// The `azure` crate on one container, with the account's key.
pub fn client(
    cloud_file: &Path,
    account: &str,
    key: &str,
    container: &str,
) -> anyhow::Result<ContainerClient> {
    let cloud = Cloud::from_profile_toml(&std::fs::read_to_string(cloud_file)?)?;
    let azure = Azure::new(cloud, HostIdentity::default(), None, Clock::system())?;
    let credential = Credential::AccountKey {
        key: Secret::new(key),
    };
    Ok(azure.container(
        &credential,
        &AccountName::parse(account)?,
        &ContainerName::parse(container)?,
    ))
}

/// Lists everything and keeps nothing but the count: what a sync cannot be faster than.
pub async fn list_all(client: &ContainerClient) -> anyhow::Result<(u64, Duration)> {
    let start = Instant::now();
    let (mut count, mut marker) = (0, None::<String>);
    loop {
        let page = client
            .list(&ListRequest {
                marker: marker.as_deref(),
                ..ListRequest::default()
            })
            .await?;
        count += page.blobs.len() as u64;
        match page.next_marker {
            Some(next) => marker = Some(next),
            None => return Ok((count, start.elapsed())),
        }
    }
}
