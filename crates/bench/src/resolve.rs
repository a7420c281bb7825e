//! Redirects to user delegation SAS URLs: the delegation key is cached, every request signs.

use anyhow::Context;
use serde_json::json;
use testkit::{Longshore, Role};

use crate::{
    load,
    report::{Report, say},
    setup::{Bench, project, storage, sync},
};

/// 303s per second on 16 connections, this machine's cores shared with the load generator.
pub async fn redirects(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    say("resolve: preparing …");
    let (azure, account, tenant) = bench.azure().await?;
    azure.create_container(&account, "media").await?;
    azure
        .generate(&account, "media", 1_000, "images/", 10)
        .await?;
    let app = azure.create_app(&tenant, "bench", false).await?;
    let secret = azure.add_secret(&app).await?;
    let principal = azure.consent(&tenant, &app).await?;
    azure
        .assign_role(&principal, Role::DataReader, &account.scope)
        .await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, "all")?;
    let project = project(&longshore).await?;
    let body = json!({
        "project": project, "account_name": account.name, "container": "media", "use_blob_urls": true,
        "recursive_scan": true, "presign": true, "presign_ttl": 15,
        "tenant_id": tenant, "client_id": app.client_id, "client_secret": secret,
    });
    let storage = storage(&longshore, "/api/storages/azure_spi/", &body).await?;
    sync(&longshore, &storage).await?;
    let requests = media_requests(&longshore, project).await?;

    let address = longshore.url.trim_start_matches("http://").to_owned();
    let length = bench.load_time();
    let (one, sixteen) = tokio::task::spawn_blocking(move || {
        let one = load::run(&address, &requests, 1, length / 4, 303)?;
        anyhow::Ok((one, load::run(&address, &requests, 16, length, 303)?))
    })
    .await??;
    report.add(
        "resolve by user delegation SAS redirect, 16 connections",
        format!(
            "{:.0} µs mean at one connection",
            one.mean.as_secs_f64() * 1e6
        ),
        format!("{:.0}/s", sixteen.per_second),
        "at least 10,000/s",
        sixteen.per_second >= 10_000.0,
    );
    Ok(())
}

/// One request for each task's media, as the task list gives its address.
pub async fn media_requests(longshore: &Longshore, project: i64) -> anyhow::Result<Vec<Vec<u8>>> {
    let address = longshore.url.trim_start_matches("http://");
    let token = format!("Token {}", Longshore::TOKEN);
    let tasks = longshore
        .get(&format!("/api/tasks/?project={project}&page_size=200"))
        .await?
        .expect(200)?;
    tasks["tasks"]
        .as_array()
        .context("tasks")?
        .iter()
        .map(|task| {
            let path = task["data"]["image"].as_str().context("data.image")?;
            Ok(load::get(address, path, &[("Authorization", &token)]))
        })
        .collect()
}
