//! Organizations beside the operator's: made by command, connected by their owners, asking by API.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Longshore, Person};

use super::{Stage, printed_password};

/// An organization and its owner.
pub(super) struct Organization {
    pub name: String,
    email: String,
    password: String,
    token: String,
}

impl Organization {
    /// Another organization on the same server.
    pub fn create(stage: &Stage, name: &str) -> anyhow::Result<Self> {
        let email = format!("{name}@longshore.example");
        let said = stage.run(&["organization", "create", name, "--owner", &email])?;
        let token = stage.run(&["token", "create", &email])?;
        Ok(Self {
            name: name.to_owned(),
            password: printed_password(&said)?,
            token: token.trim().to_owned(),
            email,
        })
    }

    /// The operator's own, which every test begins with.
    pub fn operators() -> Self {
        Self {
            name: "operators".to_owned(),
            email: Longshore::EMAIL.to_owned(),
            password: Longshore::PASSWORD.to_owned(),
            token: Longshore::TOKEN.to_owned(),
        }
    }

    pub async fn owner<'l>(&self, stage: &'l Stage) -> anyhow::Result<Person<'l>> {
        Person::sign_in(&stage.world.longshore, &self.email, &self.password).await
    }

    pub async fn ask(
        &self,
        stage: &Stage,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let request = stage.world.longshore.anonymous(method, path);
        let request = request.header("Authorization", format!("Token {}", self.token));
        Longshore::answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    pub async fn post(&self, stage: &Stage, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.ask(stage, Method::POST, path, Some(body)).await
    }

    /// Somebody of the tenant signs in for it, and leaves the consent page, which somebody else has
    /// accepted once; the link.
    pub async fn link(&self, stage: &Stage, who: &str) -> anyhow::Result<Value> {
        let owner = self.owner(stage).await?;
        stage.sign_in(&owner, who).await?.away()?;
        owner.post("/connect/azure/check", &[]).await?;
        self.its_link(stage).await
    }

    /// The link to Contoso as the API shows it.
    pub async fn its_link(&self, stage: &Stage) -> anyhow::Result<Value> {
        let found = self
            .ask(stage, Method::GET, "/api/azure-links", None)
            .await?;
        let found = found.expect(200)?;
        let links = found["links"].as_array().context("links")?;
        let of_contoso = |link: &&Value| link["tenant_id"] == json!(stage.world.tenant);
        links.iter().find(of_contoso).cloned().context("a link")
    }

    pub async fn unlink(&self, stage: &Stage) -> anyhow::Result<()> {
        let path = format!("/api/azure-links/{}", stage.world.tenant);
        let answer = self.ask(stage, Method::DELETE, &path, None).await?;
        answer.expect(200).map(drop)
    }

    /// Presses Claim.
    pub async fn claim(&self, stage: &Stage, container: &str) -> anyhow::Result<Answer> {
        let path = format!("/api/azure-links/{}/claim", stage.world.tenant);
        let body = json!({"account": stage.world.account.name, "container": container});
        self.post(stage, &path, &body).await
    }

    /// Claims with the marker, which somebody who may write there has put into the container.
    pub async fn prove(&self, stage: &Stage, container: &str) -> anyhow::Result<Answer> {
        let asked = self.claim(stage, container).await?.expect(200)?;
        if let Some(marker) = asked["marker"].as_str() {
            let (azure, account) = (&stage.world.azure, &stage.world.account);
            azure
                .put_blob(account, container, marker, "text/plain", Vec::new())
                .await?;
        }
        self.claim(stage, container).await
    }

    /// Agrees that the other one claims containers, or takes it back.
    pub async fn agree(&self, stage: &Stage, other: &Self, agreed: bool) -> anyhow::Result<Answer> {
        let link = self.its_link(stage).await?;
        let others = link["others"].as_array().context("others")?;
        let found = others
            .iter()
            .find(|link| link["name"] == json!(other.name))
            .with_context(|| format!("{} is not in {others:?}", other.name))?;
        let path = format!("/api/azure-links/{}/agreement", stage.world.tenant);
        let body = json!({"organization": found["organization"], "agreed": agreed});
        self.post(stage, &path, &body).await
    }

    pub async fn project(&self, stage: &Stage) -> anyhow::Result<i64> {
        let body = json!({"title": self.name, "label_config": crate::world::IMAGE_CONFIG});
        let made = self.post(stage, "/api/projects/", &body).await?;
        made.expect(201)?["id"].as_i64().context("an id")
    }

    /// The path that opens a blob outside of storages, for a task that names it.
    pub async fn task(&self, stage: &Stage, project: i64, blob: &str) -> anyhow::Result<String> {
        let account = &stage.world.account.name;
        let uri = format!("https://{account}.blob.core.windows.net/{blob}");
        let body = json!({"project": project, "data": {"image": uri}});
        let task = self.post(stage, "/api/tasks/", &body).await?.expect(201)?;
        Ok(format!("/tasks/{}/resolve/?fileuri={uri}", task["id"]))
    }

    /// The form of a storage over a container by the link.
    pub fn form(&self, stage: &Stage, project: i64, container: &str) -> Value {
        json!({
            "type": "azure_link", "project": project, "account_name": stage.world.account.name,
            "container": container, "tenant_id": stage.world.tenant, "use_blob_urls": true,
        })
    }

    /// Creates a source storage with the account's key.
    pub async fn attach_by_key(&self, stage: &Stage, container: &str) -> anyhow::Result<()> {
        let project = self.project(stage).await?;
        let form = stage.world.by_key(project, container, json!({}));
        let made = self.post(stage, "/api/storages/azure", &form).await?;
        made.expect(201).map(drop)
    }

    /// The audit log's entries of one action, newest first.
    pub async fn audit(&self, stage: &Stage, action: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/audit?action={action}");
        let found = self
            .ask(stage, Method::GET, &path, None)
            .await?
            .expect(200)?;
        found.as_array().cloned().context("entries")
    }
}
