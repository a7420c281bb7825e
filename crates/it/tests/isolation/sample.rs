//! A request for every operation that works when its sender may, made of new rows each time.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Longshore};

use crate::world::{IMAGE_CONFIG, World, annotation};

/// In everything that belongs to the tested organization, and in nothing else.
pub const MARK: &str = "contoso-only";

/// Why the test fails when an operation is added to the table.
const NO_SAMPLE: &str = "no sample: say in it/tests/isolation/sample.rs how it is asked";

#[derive(Clone)]
pub struct Sample {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
}

impl Sample {
    /// As someone sends it who knows the ids and has nothing of the organization's.
    pub fn by_a_stranger(mut self) -> anyhow::Result<Self> {
        if let Some(body) = &mut self.body {
            *body = serde_json::from_str(&body.to_string().replace(MARK, "other"))?;
        }
        Ok(self)
    }
}

pub struct Samples<'a> {
    world: &'a World,
    project: i64,
    image: String,
    numbers: AtomicU64,
}

impl<'a> Samples<'a> {
    pub async fn new(world: &'a World) -> anyhow::Result<Self> {
        world.container("samples", &[("a.png", "image")]).await?;
        let body = json!({"title": MARK, "label_config": IMAGE_CONFIG});
        let project = world.longshore.post("/api/projects", &body).await?;
        let samples = Self {
            world,
            project: id(&project.expect(201)?)?,
            image: format!(
                "https://{}.blob.core.windows.net/samples/a.png",
                world.account.name
            ),
            numbers: AtomicU64::default(),
        };
        // For the blob that tasks name.
        samples.storage("/api/storages/azure").await?;
        Ok(samples)
    }

    pub fn project(&self) -> i64 {
        self.project
    }

    pub fn longshore(&self) -> &Longshore {
        &self.world.longshore
    }

    /// `token` is whose own rows are wanted, where an operation is about those.
    pub async fn make(&self, method: Method, path: &str, token: &str) -> anyhow::Result<Sample> {
        let (path, body) = if let Some(rest) = path.strip_prefix("/api/storages") {
            self.of_storages(&method, path, rest).await?
        } else if path.contains("{tenant}") {
            self.of_links(&method, path).await?
        } else if path.contains("/drafts") {
            self.of_drafts(&method, path, token).await?
        } else {
            self.of_others(&method, path, token).await?
        };
        Ok(Sample { method, path, body })
    }

    async fn of_others(
        &self,
        method: &Method,
        template: &str,
        token: &str,
    ) -> anyhow::Result<(String, Option<Value>)> {
        let project = self.project;
        let at = |id: i64| template.replace("{id}", &id.to_string());
        let label_config = json!({"label_config": IMAGE_CONFIG});
        Ok(match (method.as_str(), template) {
            (
                "GET",
                "/health"
                | "/ready"
                | "/api/version"
                | "/api/openapi.json"
                | "/api/current-user/whoami"
                | "/api/jwt/settings"
                | "/api/token"
                | "/api/projects"
                | "/api/members"
                | "/api/invites"
                | "/api/api-tokens"
                | "/api/audit"
                | "/api/audit/export"
                | "/api/azure-links",
            ) => (template.to_owned(), None),
            ("POST", "/api/jwt/settings") => (
                template.to_owned(),
                Some(json!({"api_tokens_enabled": true})),
            ),
            ("POST", "/api/token") => (template.to_owned(), None),
            ("POST", "/api/token/refresh" | "/api/token/rotate") => {
                (template.to_owned(), Some(json!({"refresh": "none"})))
            }
            ("POST", "/api/token/blacklist") => {
                let made = self
                    .send(Method::POST, "/api/token", token, &json!({}))
                    .await?;
                let made = made.expect(201)?;
                (template.to_owned(), Some(json!({"refresh": made["token"]})))
            }
            ("POST", "/api/current-user/sign-out-everywhere") => (template.to_owned(), None),
            ("POST", "/api/api-tokens") => (template.to_owned(), Some(json!({"name": MARK}))),
            ("DELETE", "/api/api-tokens/{id}") => {
                let name = format!("{MARK} {}", self.number());
                let body = json!({"name": name});
                self.send(Method::POST, "/api/api-tokens", token, &body)
                    .await?
                    .expect(201)?;
                (at(self.token_named(token, &name).await?), None)
            }
            ("POST", "/api/invites") => (template.to_owned(), Some(self.invite())),
            ("DELETE", "/api/invites/{id}") => {
                let made = self.owner_posts("/api/invites", &self.invite()).await?;
                (at(id(&made)?), None)
            }
            ("PATCH", "/api/members/{id}") => {
                (at(self.member().await?), Some(json!({"role": "read_only"})))
            }
            ("DELETE", "/api/members/{id}") => (at(self.member().await?), None),
            ("POST", "/api/projects") => (template.to_owned(), Some(json!({"title": MARK}))),
            (
                "GET",
                "/api/projects/{id}"
                | "/api/projects/{id}/tasks"
                | "/api/projects/{id}/export/formats"
                | "/api/projects/{id}/label-stream-history",
            ) => (at(project), None),
            ("GET", "/api/projects/{id}/next") => {
                self.task().await?;
                (at(project), None)
            }
            ("GET", "/api/projects/{id}/export") => {
                (format!("{}?exportType=JSON", at(project)), None)
            }
            ("PATCH", "/api/projects/{id}") => (at(project), Some(json!({"description": MARK}))),
            ("DELETE", "/api/projects/{id}") => {
                let body = json!({"title": MARK});
                let made = self.owner_posts("/api/projects", &body).await?;
                (at(id(&made)?), None)
            }
            ("POST", "/api/projects/{id}/validate") => (at(project), Some(label_config)),
            ("POST", "/api/projects/{id}/import") => (at(project), Some(json!([{"image": MARK}]))),
            ("GET", "/api/tasks") => (format!("{template}?project={project}"), None),
            ("POST", "/api/projects/{id}/tasks") => {
                (at(project), Some(json!({"data": {"image": MARK}})))
            }
            ("POST", "/api/tasks") => (
                template.to_owned(),
                Some(json!({"project": project, "data": {"image": MARK}})),
            ),
            ("GET" | "DELETE", "/api/tasks/{id}")
            | ("GET", "/api/tasks/{id}/annotations")
            | ("POST", "/api/tasks/{id}/presence") => (at(self.task().await?), None),
            ("PATCH", "/api/tasks/{id}") => (
                at(self.task().await?),
                Some(json!({"data": {"image": MARK}})),
            ),
            ("POST", "/api/dm/actions") => {
                let tasks = json!({"all": false, "included": [self.task().await?]});
                (
                    format!("{template}?id=delete_tasks&project={project}"),
                    Some(json!({"selectedItems": tasks})),
                )
            }
            ("GET", "/tasks/{id}/resolve" | "/tasks/{id}/presign") => {
                let image = self.image.replace(':', "%3A").replace('/', "%2F");
                (format!("{}?fileuri={image}", at(self.task().await?)), None)
            }
            ("POST", "/api/tasks/{id}/annotations") => {
                (at(self.task().await?), Some(annotation("cat")))
            }
            ("GET" | "DELETE", "/api/annotations/{id}") => (at(self.annotation().await?), None),
            ("PATCH", "/api/annotations/{id}") => {
                (at(self.annotation().await?), Some(annotation("dog")))
            }
            ("GET", "/api/predictions") => (format!("{template}?project={project}"), None),
            ("POST", "/api/predictions") => {
                (template.to_owned(), Some(self.prediction_body().await?))
            }
            ("GET" | "DELETE", "/api/predictions/{id}") => (at(self.prediction().await?), None),
            ("PATCH", "/api/predictions/{id}") => {
                (at(self.prediction().await?), Some(json!({"score": 0.5})))
            }
            ("POST", "/api/azure-links/pending/check") => (template.to_owned(), None),
            ("PATCH", "/api/azure-links/settings") => {
                (template.to_owned(), Some(json!({"anonymous_reads": false})))
            }
            ("POST", "/api/check") => {
                let mut body = self.storage_body();
                body["type"] = "azure".into();
                (template.to_owned(), Some(body))
            }
            _ => bail!(NO_SAMPLE),
        })
    }

    async fn of_drafts(
        &self,
        method: &Method,
        template: &str,
        token: &str,
    ) -> anyhow::Result<(String, Option<Value>)> {
        let task = self.task().await?;
        let body = json!({"result": [], "lead_time": 1.5});
        let has_body = matches!(method.as_str(), "POST" | "PATCH");
        let of_task = format!("/api/tasks/{task}/drafts");
        let path = match template {
            "/api/tasks/{id}/drafts" => of_task,
            "/api/tasks/{id}/annotations/{annotation}/drafts" => {
                let annotation = self.annotation_of(task).await?;
                format!("/api/tasks/{task}/annotations/{annotation}/drafts")
            }
            "/api/drafts/{id}" => {
                // Who may not annotate has none; theirs to be refused is the owner's.
                let made = self.send(Method::POST, &of_task, token, &body).await?;
                let made = match made.status {
                    403 => self.owner_posts(&of_task, &body).await?,
                    _ => made.expect(201)?,
                };
                format!("/api/drafts/{}", id(&made)?)
            }
            _ => bail!(NO_SAMPLE),
        };
        Ok((path, has_body.then_some(body)))
    }

    async fn of_links(
        &self,
        method: &Method,
        template: &str,
    ) -> anyhow::Result<(String, Option<Value>)> {
        let tenant = &self.world.tenant;
        let seen = self.longshore().get("/api/azure-links").await?;
        let seen = seen.expect(200)?;
        let links = seen["links"].as_array().context("links")?;
        if links.iter().all(|link| !link["unlinked_at"].is_null()) {
            super::run(
                self.longshore(),
                &["azure-link", "add", "--tenant-id", tenant],
            )?;
        }
        let path = template.replace("{tenant}", tenant);
        let account = &self.world.account.name;
        Ok(match (method.as_str(), template) {
            ("DELETE", "/api/azure-links/{tenant}") => (path, None),
            ("POST", "/api/azure-links/{tenant}/check") => (path, None),
            ("GET", "/api/azure-links/{tenant}/grants") => {
                (format!("{path}?account={account}&container=samples"), None)
            }
            // Nobody else has linked the tenant: what was never given is taken back already.
            ("POST", "/api/azure-links/{tenant}/agreement") => {
                (path, Some(json!({"organization": 2, "agreed": false})))
            }
            ("POST", "/api/azure-links/{tenant}/claim") => (
                path,
                Some(json!({"account": account, "container": "samples"})),
            ),
            _ => bail!(NO_SAMPLE),
        })
    }

    async fn of_storages(
        &self,
        method: &Method,
        template: &str,
        rest: &str,
    ) -> anyhow::Result<(String, Option<Value>)> {
        let (base, rest) = match rest.strip_prefix("/export") {
            Some(rest) => ("/api/storages/export/azure", rest),
            None => ("/api/storages/azure", rest),
        };
        let path = template.replace("{kind}", "azure");
        let of_project = format!("{path}?project={}", self.project);
        let storage = async || {
            let id = self.storage(base).await?;
            anyhow::Ok(path.replace("{id}", &id.to_string()))
        };
        Ok(match (method.as_str(), rest) {
            ("GET", "" | "/{kind}") => (of_project, None),
            ("GET", "/types" | "/{kind}/form") => (path.clone(), None),
            ("POST", "/{kind}" | "/{kind}/validate" | "/{kind}/files") => {
                (path.clone(), Some(self.storage_body()))
            }
            (
                "GET",
                "/{kind}/{id}"
                | "/{kind}/{id}/runs"
                | "/{kind}/{id}/errors"
                | "/{kind}/{id}/foreign",
            )
            | ("DELETE", "/{kind}/{id}") => (storage().await?, None),
            ("PATCH" | "PUT", "/{kind}/{id}") => (storage().await?, Some(json!({"title": MARK}))),
            (
                "POST",
                "/{kind}/{id}/sync"
                | "/{kind}/{id}/cancel"
                | "/{kind}/{id}/check"
                | "/{kind}/{id}/adopt"
                | "/{kind}/{id}/retry-errors",
            ) => (storage().await?, Some(json!({}))),
            _ => bail!(NO_SAMPLE),
        })
    }

    fn storage_body(&self) -> Value {
        self.world.by_key(
            self.project,
            "samples",
            json!({"title": MARK, "use_blob_urls": true}),
        )
    }

    async fn storage(&self, base: &str) -> anyhow::Result<i64> {
        let mut body = self.storage_body();
        if base.contains("/export/") {
            body.as_object_mut()
                .context("an object")?
                .remove("use_blob_urls");
        }
        id(&self.owner_posts(base, &body).await?)
    }

    async fn task(&self) -> anyhow::Result<i64> {
        let body = json!({"project": self.project, "data": {"image": self.image, "note": MARK}});
        id(&self.owner_posts("/api/tasks", &body).await?)
    }

    async fn annotation(&self) -> anyhow::Result<i64> {
        self.annotation_of(self.task().await?).await
    }

    async fn annotation_of(&self, task: i64) -> anyhow::Result<i64> {
        let path = format!("/api/tasks/{task}/annotations");
        id(&self.owner_posts(&path, &annotation("cat")).await?)
    }

    async fn prediction_body(&self) -> anyhow::Result<Value> {
        Ok(json!({"task": self.task().await?, "result": [], "model_version": MARK}))
    }

    async fn prediction(&self) -> anyhow::Result<i64> {
        let body = self.prediction_body().await?;
        id(&self.owner_posts("/api/predictions", &body).await?)
    }

    fn invite(&self) -> Value {
        json!({"email": format!("person{}@{MARK}.example", self.number()), "role": "annotator"})
    }

    /// A new member, by invitation.
    async fn member(&self) -> anyhow::Result<i64> {
        let invite = self.invite();
        let made = self.owner_posts("/api/invites", &invite).await?;
        let url = made["url"].as_str().context("url")?;
        let path = url.find("/invite/").map(|at| &url[at..]).context("path")?;
        let request = self
            .longshore()
            .anonymous(Method::POST, path)
            .header("Origin", &self.longshore().url)
            .form(&[("password", "correct horse")]);
        Longshore::answer(request).await?.expect(303)?;
        let members = self.longshore().get("/api/members").await?.expect(200)?;
        let members = members.as_array().context("members")?;
        let member = members.iter().find(|one| one["email"] == invite["email"]);
        id(member.context("the new member")?)
    }

    /// Another one each time.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    async fn token_named(&self, token: &str, name: &str) -> anyhow::Result<i64> {
        let tokens = self.tokens(token).await?;
        id(tokens
            .iter()
            .rfind(|one| one["name"] == name)
            .context("the new token")?)
    }

    async fn tokens(&self, token: &str) -> anyhow::Result<Vec<Value>> {
        let body = json!({});
        let listed = self.send(Method::GET, "/api/api-tokens", token, &body);
        let listed = listed.await?.expect(200)?;
        Ok(listed.as_array().context("tokens")?.clone())
    }

    async fn owner_posts(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.longshore().post(path, body).await?.expect(201)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let request = self
            .longshore()
            .anonymous(method, path)
            .header("Authorization", format!("Token {token}"))
            .json(body);
        Longshore::answer(request).await
    }
}

fn id(row: &Value) -> anyhow::Result<i64> {
    row["id"].as_i64().with_context(|| format!("id of {row}"))
}
