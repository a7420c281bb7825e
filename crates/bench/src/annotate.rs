//! Annotations created over HTTP, each committed to disk with its outbox row before the answer.

use anyhow::Context;
use serde_json::json;
use testkit::Longshore;

use crate::{
    load,
    report::{Report, say},
    setup::{Bench, project, storage},
};

/// 201s per second on 16 connections, while the worker delivers them to the container.
pub async fn create(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    say("annotate: preparing …");
    let (azure, account, _) = bench.azure().await?;
    azure.create_container(&account, "annotations").await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, Vec::new())?;
    let project = project(&longshore).await?;
    let body = json!({"project": project, "account_name": account.name, "container": "annotations", "account_key": account.key});
    let target = storage(&longshore, "/api/storages/export/azure", &body).await?;
    let rows: Vec<_> = (0..200)
        .map(|row| json!({"image": format!("https://example.com/{row}.png")}))
        .collect();
    let imported = longshore
        .post(
            &format!("/api/projects/{project}/import?return_task_ids=true"),
            &json!(rows),
        )
        .await?
        .expect(201)?;
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
            let headers = [
                ("Authorization", token.as_str()),
                ("Content-Type", "application/json"),
            ];
            load::message(
                "POST",
                &address,
                &format!("/api/tasks/{id}/annotations/"),
                &headers,
                annotation.as_bytes(),
            )
        })
        .collect();
    let length = bench.load_time();
    let (one, sixteen) = tokio::task::spawn_blocking(move || {
        let one = load::run(&address, &requests, 1, length / 4, 201)?;
        anyhow::Ok((one, load::run(&address, &requests, 16, length, 201)?))
    })
    .await??;
    let target = longshore.get(&target).await?.expect(200)?;
    report.add(
        "create an annotation, 16 connections, SQLite",
        format!(
            "{:.2} ms mean at one connection; the target storage was being written meanwhile ({} by then)",
            one.mean.as_secs_f64() * 1e3,
            target["last_sync_count"]
        ),
        format!("{:.0}/s", sixteen.per_second),
        "at least 1,000/s",
        sixteen.per_second >= 1_000.0,
    );
    Ok(())
}
