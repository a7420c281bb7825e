//! Sync against its own limits: only listing, only inserting, only downloading.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use azure::{ContainerClient, GetRequest};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{
    AccountName, BlobName, ContainerName, Credential, Direction, ExportLayout, ImportMode, Prefix,
    Secret, ServeMode, StorageSettings, SyncCounts,
};
use serde_json::{json, value::RawValue};
use store::{ApplyPage, NewProject, NewStorage, SealKeys, SeenBlob, Store, StoreOptions};
use testkit::{Account, LocalAzure, Longshore};

use crate::{
    report::{Report, say},
    setup::{Bench, client, list_all, project, storage, sync},
};

/// Rows in one transaction: one listing page of Azure's.
const BATCH: usize = 5_000;
/// Downloads at once, as the sync does by default.
const DOWNLOADS: usize = 16;

/// 100,000 and 1,000,000 blobs in files mode, twice each.
pub async fn files(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let (azure, account, _) = bench.azure().await?;
    let mut peaks = Vec::new();
    for full in [100_000_u64, 1_000_000] {
        let count = bench.count(full);
        let container = format!("blobs-{count}");
        say(&format!("import: making {count} blobs …"));
        azure.create_container(&account, &container).await?;
        azure
            .generate(&account, &container, count, "images/", 1_024)
            .await?;
        let cloud_file = &azure.endpoints.cloud_file;
        let client = client(cloud_file, &account.name, &account.key, &container)?;

        let longshore = bench.longshore(cloud_file, "all")?;
        let path = source(&longshore, &account, &container, true).await?;
        let (listed, listing) = list_all(&client).await?;
        anyhow::ensure!(
            listed == count,
            "{listed} blobs were listed, {count} were made"
        );
        let inserting = insert(&account, &container, count).await?;
        let (ended, first) = sync(&longshore, &path).await?;
        anyhow::ensure!(
            ended["last_sync_count"] == count,
            "the sync brought {}",
            ended["last_sync_count"]
        );
        let (_, listing_again) = list_all(&client).await?;
        let (again, second) = sync(&longshore, &path).await?;
        anyhow::ensure!(
            again["meta"]["tasks_existed"] == count,
            "the second sync saw {}",
            again["meta"]
        );
        let peak = longshore.child.peak_memory_kib()? as f64 / 1024.0;

        let slower = listing.min(listing_again).max(inserting);
        let ratio = first.as_secs_f64() / slower.as_secs_f64();
        report.add(
            &format!("sync of {count} blobs, of the slower of listing and inserting"),
            format!(
                "{:.1} s ({:.0} blobs/s); only listing {:.1} s, only inserting {:.1} s",
                first.as_secs_f64(),
                count as f64 / first.as_secs_f64(),
                listing.as_secs_f64(),
                inserting.as_secs_f64()
            ),
            format!("{ratio:.2} ×"),
            "at most 1.3 ×",
            ratio <= 1.3,
        );
        let listing = listing.min(listing_again);
        let ratio = second.as_secs_f64() / listing.as_secs_f64();
        report.add(
            &format!("sync again, nothing new in {count} blobs, of only listing"),
            format!(
                "{:.2} s; only listing {:.2} s",
                second.as_secs_f64(),
                listing.as_secs_f64()
            ),
            format!("{ratio:.2} ×"),
            "at most 1.3 ×",
            ratio <= 1.3,
        );
        peaks.push(peak);
    }
    let growth = peaks[1] / peaks[0];
    report.add(
        "peak memory of the larger sync, of the smaller's",
        format!("{:.0} MiB and {:.0} MiB", peaks[1], peaks[0]),
        format!("{growth:.2} ×"),
        "at most 1.2 ×, under 200 MiB",
        growth <= 1.2 && peaks[1] < 200.0,
    );
    Ok(())
}

/// 10,000 JSON files with one task each.
pub async fn json(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let count = bench.count(10_000);
    say(&format!("import: making {count} JSON files …"));
    let (azure, account, _) = bench.azure().await?;
    azure.create_container(&account, "tasks").await?;
    put_task_files(&azure, &account, count).await?;
    let cloud_file = &azure.endpoints.cloud_file;
    let client = client(cloud_file, &account.name, &account.key, "tasks")?;
    let longshore = bench.longshore(cloud_file, "all")?;
    let path = source(&longshore, &account, "tasks", false).await?;

    let before = download_all(&client).await?;
    let (ended, took) = sync(&longshore, &path).await?;
    anyhow::ensure!(
        ended["last_sync_count"] == count,
        "the sync brought {}",
        ended["last_sync_count"]
    );
    let downloading = before.min(download_all(&client).await?);
    let ratio = took.as_secs_f64() / downloading.as_secs_f64();
    report.add(
        &format!("sync of {count} JSON files, of only downloading them"),
        format!(
            "{:.1} s ({:.0} files/s); only downloading {:.1} s, {DOWNLOADS} at once",
            took.as_secs_f64(),
            count as f64 / took.as_secs_f64(),
            downloading.as_secs_f64()
        ),
        format!("{ratio:.2} ×"),
        "at most 1.3 ×",
        ratio <= 1.3,
    );
    Ok(())
}

async fn source(
    longshore: &Longshore,
    account: &Account,
    container: &str,
    files: bool,
) -> anyhow::Result<String> {
    let body = json!({
        "project": project(longshore).await?, "account_name": account.name, "account_key": account.key,
        "container": container, "use_blob_urls": files, "recursive_scan": true,
    });
    storage(longshore, "/api/storages/azure/", &body).await
}

async fn put_task_files(azure: &LocalAzure, account: &Account, count: u64) -> anyhow::Result<()> {
    stream::iter(0..count)
        .map(|number| async move {
            let text = json!({"data": {"image": format!("https://example.com/{number}.png"), "number": number}});
            azure.put_blob(account, "tasks", &format!("{number:06}.json"), "application/json", text.to_string().into()).await
        })
        .buffer_unordered(DOWNLOADS)
        .try_collect()
        .await
}

/// Lists, and downloads every blob: what a sync of JSON files cannot be faster than.
async fn download_all(client: &ContainerClient) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let client = Arc::new(client.clone());
    let mut marker = None::<String>;
    loop {
        let request = azure::ListRequest {
            marker: marker.as_deref(),
            ..azure::ListRequest::default()
        };
        let page = client.list(&request).await?;
        stream::iter(page.blobs)
            .map(|blob| {
                let client = client.clone();
                async move {
                    let response = client
                        .get(&BlobName::parse(blob.name)?, &GetRequest::default())
                        .await?;
                    response.body.read_all(1 << 20).await?;
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(DOWNLOADS)
            .try_collect::<()>()
            .await?;
        match page.next_marker {
            Some(next) => marker = Some(next),
            None => return Ok(start.elapsed()),
        }
    }
}

/// The rows that a sync would write, in the same batches, into a fresh database.
async fn insert(account: &Account, container: &str, count: u64) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let store = open(folder.path()).await?;
    let now_ms = 1_790_000_000_000;
    let owner = store
        .create_first_owner("bench@example.com", "", "bench", now_ms)
        .await?;
    let (org, created_by) = owner.context("a fresh database")?;
    let settings = RawValue::from_string("{}".into())?;
    let project = NewProject {
        title: "bench".into(),
        description: String::new(),
        label_config: String::new(),
        settings,
        created_by,
    };
    let project = store.create_project(org, &project, now_ms).await?;
    let (account, container) = (
        AccountName::parse(&*account.name)?,
        ContainerName::parse(container)?,
    );
    let storage = NewStorage {
        org_id: org,
        project_id: project.id,
        direction: Direction::Source,
        settings: StorageSettings {
            title: String::new(),
            description: None,
            account: account.clone(),
            container: container.clone(),
            prefix: Prefix::default(),
            regex_filter: None,
            recursive: true,
            import_mode: ImportMode::Files,
            serve_mode: ServeMode::Proxy,
            presign_ttl_minutes: 15,
            export_layout: ExportLayout::PerAnnotation,
            can_delete_objects: false,
        },
    };
    let credential = Credential::AccountKey {
        key: Secret::new("AAAA"),
    };
    let storage = store
        .create_storage(&storage, &credential, now_ms)
        .await?
        .context("the storage")?;
    let run = store
        .start_run(org, storage.id, now_ms)
        .await?
        .context("the run")?
        .run;
    let run = store
        .mark_run_started(run.id, now_ms)
        .await?
        .context("the started run")?;

    let mut took = Duration::ZERO;
    let mut counts = SyncCounts::default();
    for first in (0..count).step_by(BATCH) {
        let blobs: Vec<SeenBlob> = (first..(first + BATCH as u64).min(count))
            .map(|number| {
                let name = format!("images/{number:09}.png");
                let data_json = format!(
                    r#"{{"image":"https://{account}.blob.core.windows.net/{container}/{name}"}}"#
                );
                SeenBlob {
                    name,
                    etag: format!("0x8DE{number:012X}"),
                    size: 1_024,
                    modified_ms: now_ms,
                    data_json,
                }
            })
            .collect();
        counts.listed += blobs.len() as i64;
        let page = ApplyPage {
            org_id: org,
            project_id: project.id,
            storage_id: storage.id,
            run_id: run.run.id,
            attempt: run.run.attempts,
            account: &account,
            container: &container,
            blobs: &blobs,
            marker_after: Some("marker"),
            counts: &counts,
            now_ms,
        };
        let start = Instant::now();
        let outcome = store
            .apply_blob_page(&page)
            .await?
            .context("the run is ours")?;
        took += start.elapsed();
        counts = outcome.counts;
    }
    anyhow::ensure!(
        counts.created as u64 == count,
        "{} rows were inserted",
        counts.created
    );
    Ok(took)
}

async fn open(folder: &Path) -> anyhow::Result<Store> {
    let seal_keys = SealKeys::parse(SealKeys::generate().expose())?;
    let database_url = format!("sqlite://{}", folder.join("bench.db").display());
    let store = Store::open(&StoreOptions {
        database_url,
        seal_keys,
        max_connections: 4,
    })
    .await?;
    store.migrate().await?;
    Ok(store)
}
