//! What a test starts from: a customer's account on a local Azure, and a Longshore with a project.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use serde_json::{Value, json};
use testkit::{Account, LocalAzure, Longshore, Settings, eventually};

pub const IMAGE_CONFIG: &str = r#"<View><Image name="image" value="$image"/><Choices name="kind" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices></View>"#;
pub const TEXT_CONFIG: &str = r#"<View><Text name="text" value="$text"/><Choices name="kind" toName="text"><Choice value="prose"/></Choices></View>"#;

/// A sealing key in a folder, which several replicas share.
pub fn sealing_key(folder: &Path) -> anyhow::Result<PathBuf> {
    let file = folder.join("key");
    std::fs::write(&file, "0011223344556677".repeat(4))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

pub struct World {
    pub azure: LocalAzure,
    pub longshore: Longshore,
    pub account: Account,
    pub tenant: String,
}

impl World {
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> anyhow::Result<Self> {
        let azure = LocalAzure::start(None)?;
        let tenant = azure.create_tenant("contoso.example").await?;
        let account = azure.create_account("contosodata", &tenant).await?;
        let longshore = Longshore::start(&azure.endpoints.cloud_file, settings)?;
        Ok(Self {
            azure,
            longshore,
            account,
            tenant,
        })
    }

    /// A container with these text blobs.
    pub async fn container(&self, name: &str, blobs: &[(&str, &str)]) -> anyhow::Result<()> {
        self.azure.create_container(&self.account, name).await?;
        for (blob, text) in blobs {
            self.azure
                .put_blob(
                    &self.account,
                    name,
                    blob,
                    "application/octet-stream",
                    text.as_bytes().to_vec(),
                )
                .await?;
        }
        Ok(())
    }

    pub async fn project(&self, label_config: &str) -> anyhow::Result<i64> {
        let body = json!({"title": "test", "label_config": label_config});
        self.longshore
            .post("/api/projects/", &body)
            .await?
            .expect(201)?["id"]
            .as_i64()
            .context("project id")
    }

    /// Fields of a storage by account key, and `more`.
    pub fn by_key(&self, project: i64, container: &str, more: Value) -> Value {
        let mut body = json!({
            "project": project, "account_name": self.account.name, "account_key": self.account.key, "container": container,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }

    /// Creates a storage; its path.
    pub async fn storage(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let created = self.longshore.post(path, body).await?.expect(201)?;
        Ok(format!("{}/{}", path.trim_end_matches('/'), created["id"]))
    }

    /// A source storage by account key, one task per blob.
    pub async fn source(
        &self,
        project: i64,
        container: &str,
        more: Value,
    ) -> anyhow::Result<String> {
        let mut body = self.by_key(
            project,
            container,
            json!({"use_blob_urls": true, "recursive_scan": true, "presign": false}),
        );
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.storage("/api/storages/azure", &body).await
    }

    /// Starts a sync and waits for its end, whatever it is.
    pub async fn sync(&self, storage: &str) -> anyhow::Result<Value> {
        self.longshore
            .post(&format!("{storage}/sync"), &json!({}))
            .await?
            .expect(200)?;
        self.ended(storage).await
    }

    /// Waits until the storage's run has ended.
    pub async fn ended(&self, storage: &str) -> anyhow::Result<Value> {
        eventually("the run to end", Duration::from_secs(60), async || {
            let storage = self.longshore.get(storage).await?.expect(200)?;
            let running = matches!(storage["status"].as_str(), Some("queued" | "in_progress"));
            Ok((!running).then_some(storage))
        })
        .await
    }

    /// Up to 10,000 tasks of a project.
    pub async fn tasks(&self, project: i64) -> anyhow::Result<Vec<Value>> {
        let page = self
            .longshore
            .get(&format!("/api/tasks/?project={project}&page_size=10000"))
            .await?
            .expect(200)?;
        Ok(page["tasks"].as_array().context("tasks")?.clone())
    }

    /// The names of the blobs that became tasks, sorted.
    pub async fn imported(&self, project: i64) -> anyhow::Result<Vec<String>> {
        let tasks = self.tasks(project).await?;
        let mut names: Vec<String> = tasks
            .iter()
            .filter_map(|task| task["storage_filename"].as_str().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub async fn annotate(&self, task: &Value) -> anyhow::Result<Value> {
        let path = format!("/api/tasks/{}/annotations/", task["id"]);
        self.longshore
            .post(&path, &annotation("cat"))
            .await?
            .expect(201)
    }

    /// Waits until the target container has exactly these blobs.
    pub async fn exported(&self, container: &str, expected: &[String]) -> anyhow::Result<()> {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        eventually(
            &format!("{expected:?} in {container}"),
            Duration::from_secs(30),
            async || {
                let mut names = self.azure.blob_names(&self.account, container).await?;
                names.sort_unstable();
                Ok((names == expected).then_some(()))
            },
        )
        .await
    }

    /// Waits until the container has exactly these blobs; each was written at most so many times.
    pub async fn exported_at_most(
        &self,
        container: &str,
        expected: &[String],
        times: usize,
    ) -> anyhow::Result<()> {
        self.exported(container, expected).await?;
        let mut written = self.azure.written(container).await?;
        // The access check writes one, and deletes it.
        written.retain(|name, _| !name.starts_with(".longshore-access-check-"));
        let names: Vec<&String> = written.keys().collect();
        anyhow::ensure!(names.len() == expected.len(), "{names:?} were written");
        anyhow::ensure!(
            written.values().all(|count| (1..=times).contains(count)),
            "more than {times} times: {written:?}"
        );
        Ok(())
    }
}

/// The body of an annotation with one choice.
pub fn annotation(choice: &str) -> Value {
    json!({
        "lead_time": 1.5,
        "result": [{"from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": [choice]}}],
    })
}
