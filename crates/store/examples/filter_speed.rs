//! How fast the grid's lists are in a large project on SQLite.
//!
//! `cargo run --release -p store --example filter_speed -- [TASKS]`

#![expect(clippy::print_stdout, reason = "it is a command line")]

use std::{error::Error, time::Instant};

use model::{
    AccountName, ContainerName, Credential, Direction, ExportLayout, ImportMode, Prefix, Secret,
    ServeMode, SyncCounts, TaskId, UserId,
};
use serde_json::value::RawValue;
use store::{
    ApplyPage, NewAnnotation, NewProject, NewStorage, NewTask, SealKeys, SeenBlob, Store,
    StoreOptions, TaskCursor, TaskFilter, TaskOrder, TaskState,
};

/// Tasks of a grid's page.
const PAGE: i64 = 60;
/// Blobs of a listing's page.
const BLOBS: usize = 5_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks: usize = match std::env::args().nth(1) {
        Some(number) => number.parse()?,
        None => 1_000_000,
    };
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
    let project = NewProject {
        title: "p".to_owned(),
        description: String::new(),
        label_config: "<View/>".to_owned(),
        settings: json("{}")?,
        created_by: user,
    };
    let project = store.create_project(org, &project, 1).await?.id;
    let storage = NewStorage {
        org_id: org,
        project_id: project,
        direction: Direction::Source,
        title: "s".to_owned(),
        description: None,
        account: AccountName::parse("account1")?,
        container: ContainerName::parse("images")?,
        prefix: Prefix::new(""),
        regex_filter: None,
        recursive: true,
        import_mode: ImportMode::Files,
        serve_mode: ServeMode::Proxy,
        presign_ttl_minutes: 60,
        export_layout: ExportLayout::PerAnnotation,
        can_delete_objects: false,
    };
    let key = Credential::AccountKey {
        key: Secret::new("a2V5"),
    };
    let storage = store
        .create_storage(&storage, &key, 1)
        .await?
        .ok_or("no project")?;
    let run = store
        .start_run(org, storage.id, 1)
        .await?
        .ok_or("no storage")?
        .run;
    let run = store.mark_run_started(run.id, 1).await?.ok_or("gone")?.run;

    // A tenth is labeled at the beginning of the project, by hand; one of those is skipped.
    let labeled = tasks / 10;
    let annotation = |was_cancelled| NewAnnotation {
        result: RawValue::NULL.to_owned(),
        was_cancelled,
        ground_truth: false,
        lead_time: None,
        completed_by: Some(user),
        parent_prediction: None,
        parent_annotation: None,
    };
    for start in (0..labeled).step_by(BLOBS) {
        let batch: Vec<_> = (start..(start + BLOBS).min(labeled))
            .map(|index| {
                Ok(NewTask {
                    data: json(&format!(r#"{{"text":"a note of number {index}"}}"#))?,
                    meta: None,
                    annotations: vec![annotation(index == labeled / 2)],
                    predictions: Vec::new(),
                })
            })
            .collect::<Result<_, serde_json::Error>>()?;
        store.create_tasks(org, project, &batch, 2, user).await?;
    }
    let began = Instant::now();
    let mut counts = SyncCounts::default();
    for start in (labeled..tasks).step_by(BLOBS) {
        let page: Vec<_> = (start..(start + BLOBS).min(tasks)).map(seen).collect();
        let page = ApplyPage {
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
            now_ms: 3,
        };
        counts = store.apply_blob_page(&page).await?.ok_or("fenced")?.counts;
    }
    println!(
        "import: {:.0} blobs/s",
        (tasks - labeled) as f64 / began.elapsed().as_secs_f64()
    );

    let all = || TaskFilter::all(project);
    let text = |text: &str| Some(text.to_owned());
    let middle = TaskCursor::After(TaskId(tasks as i64 / 2));
    let cases = [
        ("all, first", all(), TaskCursor::First),
        ("all, in the middle", all(), middle),
        (
            "all, newest first",
            TaskFilter {
                order: TaskOrder::NewestFirst,
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "to do",
            TaskFilter {
                state: TaskState::ToDo,
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "labeled",
            TaskFilter {
                state: TaskState::Labeled,
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "labeled, newest first",
            TaskFilter {
                state: TaskState::Labeled,
                order: TaskOrder::NewestFirst,
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "skipped (one)",
            TaskFilter {
                state: TaskState::Skipped,
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "drafts (none)",
            TaskFilter {
                state: TaskState::Draft(user),
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "by an annotator",
            TaskFilter {
                annotator: Some(user),
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "by nobody, labeled",
            TaskFilter {
                annotator: Some(UserId(99)),
                state: TaskState::Labeled,
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "of a storage",
            TaskFilter {
                storage: Some(storage.id),
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "a text that many have",
            TaskFilter {
                text: text("picture"),
                ..all()
            },
            middle,
        ),
        (
            "a text that the last one has",
            TaskFilter {
                text: text(&format!("{:08}", tasks - 1)),
                ..all()
            },
            TaskCursor::First,
        ),
        (
            "a text that none has",
            TaskFilter {
                text: text("nowhere"),
                ..all()
            },
            TaskCursor::First,
        ),
    ];
    for (what, filter, start) in cases {
        let began = Instant::now();
        let (mut cursor, mut calls, mut slowest, mut looked_at) = (start, 0, 0.0_f64, 0);
        let found = loop {
            let call = Instant::now();
            let page = store.find_tasks(org, &filter, cursor, PAGE).await?;
            slowest = slowest.max(call.elapsed().as_secs_f64());
            calls += 1;
            looked_at += page.looked_at;
            match page.more {
                Some(id) if page.tasks.is_empty() => cursor = TaskCursor::After(id),
                _ => break page.tasks.len(),
            }
        };
        println!(
            "{what}: {found} tasks in {calls} calls, {:.1} ms, slowest call {:.1} ms, looked at {looked_at}",
            began.elapsed().as_secs_f64() * 1e3,
            slowest * 1e3
        );
    }
    let ids = store.list_task_ids(org, project, TaskId(0), 1_000).await?;
    let began = Instant::now();
    let deleted = store.delete_tasks(org, project, &ids, 9).await?;
    println!(
        "1,000 tasks deleted in {:.0} ms ({deleted:?})",
        began.elapsed().as_secs_f64() * 1e3
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
