//! Measures the import and annotation paths on a temporary SQLite file:
//! `cargo run --release -p store --example import_speed [BLOBS]`.

use std::time::Instant;

use model::{
    AccountName, ContainerName, Credential, Direction, ExportLayout, ImportMode, Prefix, Secret,
    ServeMode, StorageSettings, SyncCounts,
};
use serde_json::value::RawValue;
use store::{
    ApplyPage, NewAnnotation, NewProject, NewStorage, SealKeys, SeenBlob, Store, StoreOptions,
    TaskQuery,
};

const PAGE: usize = 5_000;

#[tokio::main]
#[expect(
    clippy::print_stdout,
    reason = "a measuring program prints its measurements"
)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let blobs: usize = std::env::args()
        .nth(1)
        .map_or(Ok(100_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let store = Store::open(&StoreOptions {
        database_url: format!("sqlite://{}", dir.path().join("speed.db").display()),
        seal_keys: SealKeys::parse(SealKeys::generate().expose())?,
        max_connections: 4,
    })
    .await?;
    store.migrate().await?;
    let (org, user) = store
        .create_first_owner("a@example.com", "hash", "Org", 1)
        .await?
        .ok_or("not empty")?;
    let json = |text: &str| RawValue::from_string(text.to_owned());
    let new_project = NewProject {
        title: "p".to_owned(),
        description: String::new(),
        label_config: "<View/>".to_owned(),
        settings: json("{}")?,
        created_by: user,
    };
    let project = store.create_project(org, &new_project, 1).await?.id;
    let new_storage = |direction| -> Result<_, model::NameError> {
        Ok(NewStorage {
            org_id: org,
            project_id: project,
            direction,
            settings: StorageSettings {
                title: "s".to_owned(),
                description: None,
                account: AccountName::parse("account1")?,
                container: ContainerName::parse("images")?,
                prefix: Prefix::new(""),
                regex_filter: None,
                recursive: true,
                import_mode: ImportMode::Files,
                serve_mode: ServeMode::Presigned,
                presign_ttl_minutes: 60,
                export_layout: ExportLayout::PerAnnotation,
                can_delete_objects: false,
            },
        })
    };
    let key = Credential::AccountKey {
        key: Secret::new("a2V5"),
    };
    let storage = store
        .create_storage(&new_storage(Direction::Source)?, &key, 1)
        .await?
        .ok_or("no project")?;

    for pass in ["new", "nothing new"] {
        let run = store
            .start_run(org, storage.id, 1)
            .await?
            .ok_or("no storage")?
            .run;
        let run = store.mark_run_started(run.id, 1).await?.ok_or("gone")?.run;
        let mut counts = SyncCounts::default();
        let (mut spent, mut slowest) = (0.0, 0.0_f64);
        for start in (0..blobs).step_by(PAGE) {
            let page: Vec<_> = (start..(start + PAGE).min(blobs)).map(seen).collect();
            counts.listed += page.len() as i64;
            let began = Instant::now();
            let outcome = store
                .apply_blob_page(&ApplyPage {
                    org_id: org,
                    project_id: project,
                    storage_id: storage.id,
                    run_id: run.id,
                    attempt: run.attempts,
                    account: &storage.account,
                    container: &storage.container,
                    blobs: &page,
                    marker_after: Some("marker"),
                    counts: &counts,
                    now_ms: 2,
                })
                .await?
                .ok_or("fenced")?;
            let took = began.elapsed().as_secs_f64();
            spent += took;
            slowest = slowest.max(took);
            counts = outcome.counts;
        }
        store
            .finish_run(run.id, model::SyncStatus::Completed, &counts, None, 3)
            .await?;
        println!(
            "{pass}: {:.0} blobs/s, {:.1} ms a page, slowest {:.1} ms ({counts:?})",
            blobs as f64 / spent,
            spent * 1e3 * PAGE as f64 / blobs as f64,
            slowest * 1e3
        );
    }

    for (what, targets) in [("no target", 0), ("one target", 1)] {
        for _ in 0..targets {
            store
                .create_storage(&new_storage(Direction::Target)?, &key, 1)
                .await?;
        }
        let query = TaskQuery {
            project: Some(project),
            limit: 4_000,
            ..TaskQuery::default()
        };
        let (tasks, _) = store.list_tasks(org, &query).await?;
        let annotation = NewAnnotation {
            result: json(
                r#"[{"id":"a","from_name":"l","to_name":"i","type":"choices","value":{"choices":["x"]}}]"#,
            )?,
            was_cancelled: false,
            ground_truth: false,
            lead_time: Some(1.5),
            completed_by: Some(user),
            parent_prediction: None,
            parent_annotation: None,
        };
        let began = Instant::now();
        for task in &tasks {
            store
                .create_annotation(org, task.id, &annotation, 5)
                .await?;
        }
        println!(
            "annotations, {what}: {:.0}/s",
            tasks.len() as f64 / began.elapsed().as_secs_f64()
        );
    }

    let deep = TaskQuery {
        project: Some(project),
        limit: 100,
        offset: blobs as i64 - 100,
        ..TaskQuery::default()
    };
    let began = Instant::now();
    store.list_tasks(org, &deep).await?;
    println!(
        "last page of tasks by offset: {:.1} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    let (last, _) = store.list_tasks(org, &deep).await?;
    let began = Instant::now();
    for task in last.iter().cycle().take(20_000) {
        store.find_task_for_resolve(org, task.id).await?;
    }
    println!(
        "find_task_for_resolve, one after another: {:.0}/s",
        20_000.0 / began.elapsed().as_secs_f64()
    );
    store.close().await;
    Ok(())
}

fn seen(index: usize) -> SeenBlob {
    let name = format!("folder/{:04}/picture-{index:08}.jpg", index / 1000);
    SeenBlob {
        etag: format!("0x8DC{index:012X}"),
        size: 12_345,
        modified_ms: 1_700_000_000_000,
        data_json: format!(r#"{{"image":"https://account1.blob.core.windows.net/images/{name}"}}"#),
        name,
    }
}
