//! Import: odd names, filters, prefixes, task files, repeats, cancel.

use std::time::Duration;

use serde_json::json;
use testkit::eventually;

use crate::world::{IMAGE_CONFIG, TEXT_CONFIG, World};

const ODD: [&str; 9] = [
    "plain.png",
    "with space.png",
    "ha#sh.png",
    "per%20cent 100%.png",
    "plus+plus.png",
    "que?ry=1&x.png",
    "dépôt/ünï 日本 🐈.png",
    "a//b/./c.png",
    "quote'\"<&>.png",
];

#[tokio::test]
async fn every_name_becomes_one_task_and_folder_markers_do_not() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut blobs: Vec<(&str, &str)> = ODD.iter().map(|name| (*name, "x")).collect();
    blobs.push(("dépôt/", ""));
    world.container("media", &blobs).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    let ended = world.sync(&storage).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["last_sync_count"], ODD.len());
    let mut expected = ODD.map(str::to_owned).to_vec();
    expected.sort_unstable();
    assert_eq!(world.imported(project).await?, expected);

    let again = world.sync(&storage).await?;
    assert_eq!(
        (&again["status"], &again["last_sync_count"]),
        (&json!("completed"), &json!(0)),
        "{again}"
    );
    assert_eq!(again["meta"]["tasks_existed"], ODD.len());
    Ok(())
}

#[tokio::test]
async fn prefix_depth_and_filter_choose_what_comes() -> anyhow::Result<()> {
    let world = World::start().await?;
    let names = [
        "images/a.png",
        "images/b.jpg",
        "images/deep/c.png",
        "images2/d.png",
        "e.png",
    ];
    world
        .container("media", &names.map(|name| (name, "x")))
        .await?;
    for (more, expected) in [
        (
            json!({"prefix": "images"}),
            &["images/a.png", "images/b.jpg", "images/deep/c.png"][..],
        ),
        (
            json!({"prefix": "images/", "recursive_scan": false}),
            &["images/a.png", "images/b.jpg"],
        ),
        (
            json!({"regex_filter": r".*\.png"}),
            &[
                "e.png",
                "images/a.png",
                "images/deep/c.png",
                "images2/d.png",
            ],
        ),
        (json!({"regex_filter": "*.jpg"}), &["images/b.jpg"]),
        (
            json!({"prefix": "images", "regex_filter": r"images/deep/.*"}),
            &["images/deep/c.png"],
        ),
    ] {
        let project = world.project(IMAGE_CONFIG).await?;
        let storage = world.source(project, "media", more.clone()).await?;
        let ended = world.sync(&storage).await?;
        assert_eq!(ended["status"], "completed", "{more}: {ended}");
        assert_eq!(world.imported(project).await?, expected, "{more}");
    }
    Ok(())
}

#[tokio::test]
async fn the_same_container_through_another_storage_makes_no_duplicates() -> anyhow::Result<()> {
    let world = World::start().await?;
    world
        .container("media", &[("a.png", "x"), ("b.png", "x")])
        .await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let first = world.source(project, "media", json!({})).await?;
    world.sync(&first).await?;
    world.longshore.delete(&first).await?.expect(204)?;
    assert_eq!(
        world.tasks(project).await?.len(),
        2,
        "the tasks of a deleted storage stay"
    );
    let second = world.source(project, "media", json!({})).await?;
    let ended = world.sync(&second).await?;
    assert_eq!(ended["last_sync_count"], 0, "{ended}");
    assert_eq!(world.tasks(project).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn one_bad_task_file_is_listed_with_line_and_column_and_stops_nothing() -> anyhow::Result<()>
{
    let world = World::start().await?;
    let deep = format!("{{\"text\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let long = format!("{{\"text\": \"{}\"}}", "x".repeat(17 << 20));
    world
        .container(
            "tasks",
            &[
                (
                    "0-good.jsonl",
                    "\u{feff}{\"text\": \"one\"}\n{\"text\": \"two\"}\n",
                ),
                (
                    "1-broken.jsonl",
                    "{\"text\": \"lost\"}\n{\"text\": oops}\n{\"text\": \"also lost\"}\n",
                ),
                ("2-nan.json", "{\"text\": \"x\", \"score\": NaN}"),
                ("3-twice.json", "{\"text\": \"x\", \"text\": \"y\"}"),
                ("4-deep.json", &deep),
                ("5-long.jsonl", &long),
                (
                    "6-array.json",
                    "[{\"text\": \"three\"}, {\"data\": {\"text\": \"four\"}}]",
                ),
            ],
        )
        .await?;
    world
        .azure
        .put_blob(
            &world.account,
            "tasks",
            "7-latin1.json",
            "application/json",
            b"{\"text\": \"caf\xe9\"}".to_vec(),
        )
        .await?;
    let project = world.project(TEXT_CONFIG).await?;
    let storage = world
        .source(project, "tasks", json!({"use_blob_urls": false}))
        .await?;
    let ended = world.sync(&storage).await?;
    assert_eq!(ended["status"], "completed_with_errors", "{ended}");
    let mut texts: Vec<String> = world
        .tasks(project)
        .await?
        .iter()
        .map(|task| task["data"]["text"].to_string())
        .collect();
    texts.sort_unstable();
    assert_eq!(
        texts,
        ["\"four\"", "\"one\"", "\"three\"", "\"two\""],
        "a broken file leaves nothing half-done"
    );

    let errors = world
        .longshore
        .get(&format!("{storage}/errors"))
        .await?
        .expect(200)?;
    let errors = errors["results"]
        .as_array()
        .or(errors.as_array())
        .expect("a list of errors")
        .clone();
    for (name, line, column, word) in [
        ("1-broken.jsonl", Some(2), Some(10), "expected"),
        ("2-nan.json", Some(1), Some(24), "NaN"),
        ("3-twice.json", Some(1), None, "text"),
        ("4-deep.json", Some(1), None, "levels of nesting"),
        ("5-long.jsonl", Some(1), None, "16 MiB"),
        ("7-latin1.json", Some(1), Some(14), "UTF-8"),
    ] {
        let error = errors
            .iter()
            .find(|error| error.to_string().contains(name))
            .unwrap_or_else(|| panic!("{name}: {errors:#?}"));
        assert!(error["message"].to_string().contains(word), "{error}");
        assert_eq!(error["line"].as_i64(), line, "{error}");
        if let Some(column) = column {
            assert_eq!(error["column"].as_i64(), Some(column), "{error}");
        }
    }
    assert_eq!(errors.len(), 6, "{errors:#?}");

    // Mended in Azure, the same sync brings it and the complaint goes away.
    world
        .azure
        .put_blob(
            &world.account,
            "tasks",
            "2-nan.json",
            "application/json",
            b"{\"text\": \"x\"}".to_vec(),
        )
        .await?;
    let again = world.sync(&storage).await?;
    assert_eq!(again["last_sync_count"], 1, "{again}");
    Ok(())
}

#[tokio::test]
async fn a_long_sync_shows_live_counts_and_stops_when_cancelled() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("many", &[]).await?;
    world
        .azure
        .generate(&world.account, "many", 200_000, "images/", 10)
        .await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "many", json!({})).await?;
    let started = world
        .longshore
        .post(&format!("{storage}/sync"), &json!({}))
        .await?
        .expect(200)?;
    assert_eq!(
        started["status"], "in_progress",
        "a sync of more than 2 seconds answers its progress: {started}"
    );
    let counts = eventually("a live count", Duration::from_secs(30), async || {
        let now = world.longshore.get(&storage).await?.expect(200)?;
        Ok(now["last_sync_count"].as_i64().filter(|count| *count > 0))
    })
    .await?;
    world
        .longshore
        .post(&format!("{storage}/cancel"), &json!({}))
        .await?
        .expect(200)?;
    let ended = world.ended(&storage).await?;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    let project_now = world
        .longshore
        .get(&format!("/api/projects/{project}/"))
        .await?
        .expect(200)?;
    let kept = project_now["task_number"].as_i64().unwrap_or_default();
    assert!(
        kept >= counts && kept < 200_000,
        "{kept} tasks kept, {counts} were counted"
    );
    assert_eq!(
        ended["last_sync_count"].as_i64(),
        Some(kept),
        "the count is true: {ended}"
    );
    Ok(())
}
