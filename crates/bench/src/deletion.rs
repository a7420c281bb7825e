//! A large project is deleted: how long does anybody else who writes wait?

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::Longshore;

use crate::{
    report::{Report, say},
    setup::{Bench, project, storage, sync},
};

/// The longest answer to another writer, from the deletion's request until the project is gone.
pub async fn beside_writers(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let tasks = bench.count(1_000_000);
    say(&format!("deletion: preparing {tasks} tasks …"));
    let (azure, account, _) = bench.azure().await?;
    azure.create_container(&account, "media").await?;
    azure
        .generate(&account, "media", tasks, "images/", 10)
        .await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, "all")?;
    let (large, other) = (project(&longshore).await?, project(&longshore).await?);
    let body = json!({
        "project": large, "account_name": account.name, "account_key": account.key, "container": "media",
        "use_blob_urls": true, "recursive_scan": true, "presign": false,
    });
    let storage = storage(&longshore, "/api/storages/azure/", &body).await?;
    sync(&longshore, &storage).await?;

    let path = format!("/api/projects/{large}");
    let begun = Instant::now();
    let (mut longest, mut writes) = (Duration::ZERO, 0);
    let others = async {
        loop {
            longest = longest.max(write(&longshore, other).await?);
            writes += 1;
            if writes % 50 == 0 && longshore.get(&path).await?.status == 404 {
                return anyhow::Ok(());
            }
        }
    };
    let (deletion, others) = tokio::join!(longshore.delete(&path), others);
    deletion?.expect(204)?;
    others?;
    let took = begun.elapsed();
    let longest_ms = longest.as_secs_f64() * 1e3;
    report.add(
        &format!("a project of {tasks} tasks is deleted: the longest wait of another writer"),
        format!(
            "{writes} writes meanwhile; it was gone after {:.1} s",
            took.as_secs_f64()
        ),
        format!("{longest_ms:.0} ms"),
        "at most 100 ms",
        longest_ms <= 100.0,
    );
    Ok(())
}

async fn write(longshore: &Longshore, project: i64) -> anyhow::Result<Duration> {
    let body = json!({"project": project, "data": {"image": "https://example.com/1.png"}});
    let asked = Instant::now();
    longshore.post("/api/tasks", &body).await?.expect(201)?;
    Ok(asked.elapsed())
}
