//! Annotations created over HTTP, each committed to disk with its outbox row before the answer.

use anyhow::Context;
use serde_json::json;
use testkit::Longshore;

use crate::{
    load::{self, Load},
    report::{Report, say},
    setup::{Bench, project, storage},
};

/// 201s per second on 16 connections: alone, and while a worker in the same process delivers them.
pub async fn create(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    say("annotate: preparing …");
    let (one, alone) = load_on(bench, "api").await?;
    let (_, delivering) = load_on(bench, "all").await?;
    report.add(
        "create an annotation, 16 connections, SQLite",
        format!(
            "{:.2} ms mean at one connection; {:.0}/s while the same process writes them to the container",
            one.mean.as_secs_f64() * 1e3,
            delivering.per_second
        ),
        format!("{:.0}/s", alone.per_second),
        "at least 1,000/s",
        alone.per_second >= 1_000.0,
    );
    Ok(())
}

/// On one connection, and on 16.
async fn load_on(bench: &Bench, role: &'static str) -> anyhow::Result<(Load, Load)> {
    let (azure, account, _) = bench.azure().await?;
    azure.create_container(&account, "annotations").await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, role)?;
    let project = project(&longshore).await?;
    let body = json!({
        "project": project, "account_name": account.name, "container": "annotations", "account_key": account.key,
    });
    storage(&longshore, "/api/storages/export/azure", &body).await?;
    let rows: Vec<_> = (0..200)
        .map(|row| json!({"image": format!("https://example.com/{row}.png")}))
        .collect();
    let import = format!("/api/projects/{project}/import?return_task_ids=true");
    let imported = longshore.post(&import, &json!(rows)).await?.expect(201)?;
    let address = longshore.url.trim_start_matches("http://").to_owned();
    let token = format!("Token {}", Longshore::TOKEN);
    let annotation = json!({
        "lead_time": 1.5,
        "result": [{"from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": ["a"]}}],
    })
    .to_string();
    let requests: Vec<Vec<u8>> = imported["task_ids"]
        .as_array()
        .context("task_ids")?
        .iter()
        .map(|id| {
            let path = format!("/api/tasks/{id}/annotations/");
            let headers = [
                ("Authorization", token.as_str()),
                ("Content-Type", "application/json"),
            ];
            load::message("POST", &address, &path, &headers, annotation.as_bytes())
        })
        .collect();
    let length = bench.load_time();
    tokio::task::spawn_blocking(move || {
        let one = load::run(&address, &requests, 1, length / 4, 201)?;
        anyhow::Ok((one, load::run(&address, &requests, 16, length, 201)?))
    })
    .await?
}
