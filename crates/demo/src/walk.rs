//! One way to connect, from the storage's creation to the annotation blobs, each step checked.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{LocalAzure, Longshore, eventually};

use crate::{
    media::Media,
    report::{Report, Row, say},
    ways::{ANNOTATIONS, Customer, MEDIA, TASK_ROWS, TASKS, Way},
};

const LABEL_CONFIG: &str = r#"<View><Image name="image" value="$image"/><Choices name="kind" toName="image"><Choice value="picture"/><Choice value="other"/></Choices></View>"#;
const TEXT_CONFIG: &str = r#"<View><Text name="text" value="$text"/><Choices name="kind" toName="text"><Choice value="prose"/></Choices></View>"#;

/// How many tasks get an annotation in each walk.
const ANNOTATED: usize = 3;

/// Runs the walk and adds its row; a step that fails is in the row, with the reason.
pub async fn connect_and_prove(
    azure: &LocalAzure,
    longshore: &Longshore,
    media: &Media,
    customer: &Customer,
    way: &Way,
    report: &mut Report,
) {
    let walk = Walk {
        azure,
        longshore,
        media,
        customer,
        way,
    };
    let mut cells = Vec::new();
    let mut note = |what: &'static str, outcome: anyhow::Result<String>| {
        if let Ok(fact) = &outcome {
            say(&format!("      {what}: {fact}"));
        }
        cells.push((what, outcome.map_err(|error| format!("{error:#}"))));
    };
    let imported = walk.import().await;
    let tasks = match imported {
        Ok((storage, tasks)) => {
            note("imported", Ok(format!("{} blobs", tasks.len())));
            note(
                "same bytes by proxy",
                walk.serve(&tasks, storage, Serving::Proxy).await,
            );
            note(
                "by pre-signed URL",
                walk.serve(&tasks, storage, Serving::Presigned).await,
            );
            tasks
        }
        Err(error) => {
            note("imported", Err(error));
            Vec::new()
        }
    };
    note("JSON and JSONL", walk.import_task_files().await);
    note("annotations in container", walk.export(&tasks).await);
    report.add(Row {
        way: way.title,
        cells,
    });
}

#[derive(Clone, Copy, PartialEq)]
enum Serving {
    Proxy,
    Presigned,
}

struct Walk<'a> {
    azure: &'a LocalAzure,
    longshore: &'a Longshore,
    media: &'a Media,
    customer: &'a Customer,
    way: &'a Way,
}

/// A task as the API lists it: id, blob name, and the address of its media.
struct Imported {
    id: i64,
    project: i64,
    blob_name: String,
    media_path: String,
}

impl Walk<'_> {
    async fn project(&self, title: &str, label_config: &str) -> anyhow::Result<i64> {
        let body =
            json!({"title": format!("{title} ({})", self.way.title), "label_config": label_config});
        let project = self
            .longshore
            .post("/api/projects/", &body)
            .await?
            .expect(201)?;
        project["id"].as_i64().context("project id")
    }

    fn storage(&self, project: i64, container: &str, more: Value) -> Value {
        let mut body = json!({
            "project": project, "title": container, "account_name": self.customer.account.name, "container": container,
        });
        for fields in [&self.way.credential, &more] {
            for (name, value) in fields.as_object().into_iter().flatten() {
                body[name] = value.clone();
            }
        }
        body
    }

    /// Syncs and waits for the end, whatever it is.
    async fn sync(&self, path: &str) -> anyhow::Result<Value> {
        self.longshore
            .post(&format!("{path}/sync"), &json!({}))
            .await?
            .expect(200)?;
        eventually("the sync to end", Duration::from_secs(60), async || {
            let storage = self.longshore.get(path).await?.expect(200)?;
            let running = matches!(storage["status"].as_str(), Some("queued" | "in_progress"));
            Ok((!running).then_some(storage))
        })
        .await
    }

    async fn import(&self) -> anyhow::Result<(i64, Vec<Imported>)> {
        let project = self.project("Media", LABEL_CONFIG).await?;
        let body = self.storage(
            project,
            MEDIA,
            json!({"use_blob_urls": true, "recursive_scan": true, "presign": false}),
        );
        let created = self
            .longshore
            .post(&format!("/api/storages/{}/", self.way.kind), &body)
            .await?
            .expect(201)?;
        let storage = created["id"].as_i64().context("storage id")?;
        let ended = self
            .sync(&format!("/api/storages/{}/{storage}", self.way.kind))
            .await?;
        ensure!(
            ended["status"] == "completed",
            "the sync ended {}: {}",
            ended["status"],
            ended["traceback"]
        );

        let listed = self
            .longshore
            .get(&format!(
                "/api/tasks/?project={project}&page=1&page_size=1000"
            ))
            .await?
            .expect(200)?;
        let tasks = listed["tasks"].as_array().context("tasks")?;
        let imported: Vec<Imported> = tasks
            .iter()
            .map(|task| {
                Ok(Imported {
                    id: task["id"].as_i64().context("task id")?,
                    project,
                    blob_name: task["storage_filename"]
                        .as_str()
                        .context("storage_filename")?
                        .to_owned(),
                    media_path: task["data"]["image"]
                        .as_str()
                        .context("data.image")?
                        .to_owned(),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let mut names: Vec<&str> = imported
            .iter()
            .map(|task| task.blob_name.as_str())
            .collect();
        let mut expected: Vec<&str> = self
            .media
            .data()
            .map(|file| file.blob_name.as_str())
            .collect();
        names.sort_unstable();
        expected.sort_unstable();
        ensure!(
            names == expected,
            "imported {} blobs, the container has {}",
            names.len(),
            expected.len()
        );
        Ok((storage, imported))
    }

    async fn serve(
        &self,
        tasks: &[Imported],
        storage: i64,
        serving: Serving,
    ) -> anyhow::Result<String> {
        let path = format!("/api/storages/{}/{storage}", self.way.kind);
        self.longshore
            .patch(&path, &json!({"presign": serving == Serving::Presigned}))
            .await?
            .expect(200)?;
        let files: BTreeMap<_, _> = self
            .media
            .data()
            .map(|file| (file.blob_name.as_str(), file))
            .collect();
        let mut bytes = 0;
        for task in tasks {
            let name = &task.blob_name;
            let file = files
                .get(name.as_str())
                .with_context(|| format!("{name} is not ours"))?;
            let answer = self
                .longshore
                .request(Method::GET, &task.media_path)
                .send()
                .await?;
            let answer = match serving {
                Serving::Proxy => answer,
                Serving::Presigned => {
                    ensure!(
                        answer.status() == 303,
                        "{name}: expected 303, got {}",
                        answer.status()
                    );
                    let location = answer
                        .headers()
                        .get("location")
                        .context("location")?
                        .to_str()?
                        .to_owned();
                    self.azure.browse(&location).await?
                }
            };
            ensure!(
                answer.status() == 200,
                "{name}: {}: {}",
                answer.status(),
                answer.text().await?
            );
            let body = answer.bytes().await?;
            ensure!(
                body == file.bytes,
                "{name}: {} bytes came, {} were stored",
                body.len(),
                file.bytes.len()
            );
            bytes += body.len();
        }
        Ok(format!(
            "{} blobs, {:.1} MB",
            tasks.len(),
            bytes as f64 / 1e6
        ))
    }

    async fn import_task_files(&self) -> anyhow::Result<String> {
        let project = self.project("Text", TEXT_CONFIG).await?;
        let body = self.storage(
            project,
            TASKS,
            json!({"use_blob_urls": false, "recursive_scan": true}),
        );
        let created = self
            .longshore
            .post(&format!("/api/storages/{}/", self.way.kind), &body)
            .await?
            .expect(201)?;
        let ended = self
            .sync(&format!(
                "/api/storages/{}/{}",
                self.way.kind, created["id"]
            ))
            .await?;
        ensure!(
            ended["status"] == "completed",
            "the sync ended {}: {}",
            ended["status"],
            ended["traceback"]
        );
        let project = self
            .longshore
            .get(&format!("/api/projects/{project}/"))
            .await?
            .expect(200)?;
        let (tasks, predictions) = (
            &project["task_number"],
            &project["total_predictions_number"],
        );
        ensure!(
            *tasks == TASK_ROWS && *predictions == 1,
            "{tasks} tasks and {predictions} predictions came"
        );
        Ok(format!("{TASK_ROWS} tasks from 3 files"))
    }

    async fn export(&self, tasks: &[Imported]) -> anyhow::Result<String> {
        let project = tasks.first().context("nothing was imported")?.project;
        let prefix = self.way.title.replace([' ', ',', '(', ')'], "-");
        let body = self.storage(project, ANNOTATIONS, json!({"prefix": prefix}));
        let path = format!("/api/storages/export/{}", self.way.kind);
        self.longshore.post(&path, &body).await?.expect(201)?;

        for task in tasks.iter().take(ANNOTATED) {
            let result = json!([{"from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": ["picture"]}}]);
            let path = format!("/api/tasks/{}/annotations/", task.id);
            let body = json!({"result": result, "lead_time": 1.5});
            let annotation = self.longshore.post(&path, &body).await?.expect(201)?;
            let name = format!("{prefix}/{}.json", annotation["id"]);
            let blob = eventually(
                &format!("{ANNOTATIONS}/{name}"),
                Duration::from_secs(30),
                async || {
                    self.azure
                        .read_blob(&self.customer.account, ANNOTATIONS, &name)
                        .await
                },
            )
            .await?;
            let exported: Value = serde_json::from_slice(&blob).context("the exported file")?;
            ensure!(
                exported["id"] == annotation["id"]
                    && exported["result"] == result
                    && exported["task"]["id"] == task.id,
                "{name} is not the annotation: {exported}"
            );
        }
        let names = self
            .azure
            .blob_names(&self.customer.account, ANNOTATIONS)
            .await?;
        let written = names
            .iter()
            .filter(|name| name.starts_with(&format!("{prefix}/")))
            .count();
        ensure!(
            written == ANNOTATED,
            "{written} blobs under {prefix}/, expected {ANNOTATED}"
        );
        Ok(format!("{written} files"))
    }
}
