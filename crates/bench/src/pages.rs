//! Pages: how long the server takes for the first page, and for the grid of a large project.

use std::time::Duration;

use serde_json::json;
use testkit::Longshore;

use crate::{
    load,
    report::{Report, say},
    setup::{Bench, project, storage, sync},
};

/// Requests of each page, one after another.
const REQUESTS: usize = 200;

/// The home page, and pages of the grid of a project with a million tasks.
pub async fn first_pages(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let tasks = bench.count(1_000_000);
    say(&format!("pages: preparing {tasks} tasks …"));
    let (azure, account, _) = bench.azure().await?;
    azure.create_container(&account, "media").await?;
    azure
        .generate(&account, "media", tasks, "images/", 10)
        .await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, "all")?;
    let project = project(&longshore).await?;
    let body = json!({
        "project": project, "account_name": account.name, "account_key": account.key, "container": "media",
        "use_blob_urls": true, "recursive_scan": true, "presign": false,
    });
    let storage = storage(&longshore, "/api/storages/azure/", &body).await?;
    sync(&longshore, &storage).await?;

    let grid = format!("/projects/{project}");
    for (what, path, reach, most_ms) in [
        ("the first page", "/".to_owned(), "p95 under 100 ms", 100.0),
        (
            "the grid's first page",
            grid.clone(),
            "p95 under 150 ms",
            150.0,
        ),
        (
            "the grid from the middle on",
            format!("{grid}?after={}", tasks / 2),
            "p95 under 150 ms",
            150.0,
        ),
        (
            "the grid, what is to do, newest first",
            format!("{grid}?state=to-do&order=newest"),
            "p95 under 150 ms",
            150.0,
        ),
        (
            "one step of a search that finds nothing",
            format!("{grid}?text=nowhere"),
            "p95 under 300 ms",
            300.0,
        ),
    ] {
        let (mean, p95) = times(&longshore, path).await?;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        report.add(
            &format!("page: {what}, {tasks} tasks"),
            format!("{:.1} ms mean of {REQUESTS}", ms(mean)),
            format!("p95 {:.1} ms", ms(p95)),
            reach,
            ms(p95) < most_ms,
        );
    }
    Ok(())
}

/// Mean and 95th percentile of one connection's answers, the connecting included.
async fn times(longshore: &Longshore, path: String) -> anyhow::Result<(Duration, Duration)> {
    let address = longshore.url.trim_start_matches("http://").to_owned();
    let token = format!("Token {}", Longshore::TOKEN);
    tokio::task::spawn_blocking(move || {
        let request = load::get(&address, &path, &[("Authorization", &token)]);
        let mut times = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            times.push(load::once(&address, &request, 200)?.1);
        }
        times.sort_unstable();
        let mean = times.iter().sum::<Duration>() / REQUESTS as u32;
        Ok((mean, times[REQUESTS * 95 / 100]))
    })
    .await?
}
