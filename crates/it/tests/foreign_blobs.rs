//! What Longshore did not write is not overwritten, not deleted, and imported.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Longshore, Sas, SasScope, Settings, eventually};

use crate::world::{IMAGE_CONFIG, World};

const PATIENCE: Duration = Duration::from_secs(30);
const MINE: &str = r#"{"image": "https://example.com/mine.png"}"#;

/// A target over a container with a customer's `1.json` to `5.json`, and one annotated task; the
/// storage's path, and the name of what it would write.
async fn in_the_way(world: &World, prefix: &str) -> anyhow::Result<(String, String)> {
    let folder = if prefix.is_empty() { "" } else { "out/" };
    let names: Vec<String> = (1..=5).map(|n| format!("{folder}{n}.json")).collect();
    let blobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), MINE)).collect();
    world.container("data", &blobs).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let more = json!({"prefix": prefix, "can_delete_objects": true});
    let target = world.by_key(project, "data", more);
    let target = world.storage("/api/storages/export/azure", &target).await?;
    let body = json!({"project": project, "data": {"image": "https://example.com/1.png"}});
    let task = world
        .longshore
        .post("/api/tasks", &body)
        .await?
        .expect(201)?;
    let annotation = world.annotate(&task).await?;
    Ok((target, format!("{folder}{}.json", annotation["id"])))
}

async fn told(longshore: &Longshore, target: &str) -> anyhow::Result<Value> {
    eventually("a blob in the way", PATIENCE, async || {
        let storage = longshore.get(target).await?.expect(200)?;
        Ok((storage["foreign_blobs"] == 1).then_some(storage))
    })
    .await
}

async fn text(world: &World, name: &str) -> anyhow::Result<String> {
    let blob = world.azure.read_blob(&world.account, "data", name).await?;
    Ok(String::from_utf8(blob.unwrap_or_default())?)
}

#[tokio::test]
async fn a_customers_numbered_files_survive_until_somebody_adopts_them() -> anyhow::Result<()> {
    for prefix in ["", "out"] {
        let world = World::start().await?;
        let (target, name) = in_the_way(&world, prefix).await?;
        told(&world.longshore, &target).await?;
        let foreign = world.longshore.get(&format!("{target}/foreign")).await?;
        assert_eq!(foreign.expect(200)?, json!([{"blob": name}]));
        let id = target.rsplit('/').next().unwrap_or_default();
        let page = world.longshore.get(&format!("/storages/{id}")).await?.text;
        for words in ["was not written by Longshore", "Overwrite this blob"] {
            assert!(page.contains(words), "{page}");
        }
        assert_eq!(text(&world, &name).await?, MINE);

        let adopt = format!("{target}/adopt");
        let adopted = world
            .longshore
            .post(&adopt, &json!({}))
            .await?
            .expect(200)?;
        assert_eq!(adopted["foreign_blobs"], 0);
        eventually("the annotation's file", PATIENCE, async || {
            Ok(text(&world, &name)
                .await?
                .contains("\"result\"")
                .then_some(()))
        })
        .await?;
        for number in 1..=5 {
            let other = name.replace("1.json", &format!("{number}.json"));
            if other != name {
                assert_eq!(text(&world, &other).await?, MINE, "{other}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn two_installations_in_one_place_are_told_and_neither_wins() -> anyhow::Result<()> {
    let first = World::start().await?;
    first.container("data", &[]).await?;
    let (longshore, cloud) = (&first.longshore, &first.azure.endpoints.cloud_file);
    let second = Longshore::start(cloud, Settings::default())?;
    let mut written = String::new();
    for (installation, is_first) in [(longshore, true), (&second, false)] {
        let config = json!({"title": "test", "label_config": IMAGE_CONFIG});
        let project = installation.post("/api/projects/", &config).await?;
        let project = project.expect(201)?["id"].as_i64().unwrap_or_default();
        let body = first.by_key(project, "data", json!({}));
        let target = installation
            .post("/api/storages/export/azure", &body)
            .await?;
        let id = target.expect(201)?["id"].to_string();
        let body = json!({"project": project, "data": {"image": "https://example.com/1.png"}});
        let task = installation.post("/api/tasks", &body).await?.expect(201)?;
        let path = format!("/api/tasks/{}/annotations/", task["id"]);
        let body = crate::world::annotation("cat");
        let annotation = installation.post(&path, &body).await?.expect(201)?;
        let name = format!("{}.json", annotation["id"]);
        if is_first {
            written = eventually("the first one's file", PATIENCE, async || {
                Ok(Some(text(&first, &name).await?).filter(|text| !text.is_empty()))
            })
            .await?;
            continue;
        }
        told(installation, &format!("/api/storages/export/azure/{id}")).await?;
        let page = installation.get(&format!("/storages/{id}")).await?.text;
        assert!(page.contains("another installation of Longshore"), "{page}");
        assert_eq!(text(&first, &name).await?, written);
    }
    Ok(())
}

#[tokio::test]
async fn a_sync_imports_a_customers_numbered_file_beside_our_own() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (target, name) = in_the_way(&world, "").await?;
    told(&world.longshore, &target).await?;
    let adopt = format!("{target}/adopt");
    world
        .longshore
        .post(&adopt, &json!({}))
        .await?
        .expect(200)?;
    eventually("our own file", PATIENCE, async || {
        Ok(text(&world, &name)
            .await?
            .contains("\"result\"")
            .then_some(()))
    })
    .await?;
    let body = MINE.as_bytes().to_vec();
    world
        .azure
        .put_blob(&world.account, "data", "6.json", "application/json", body)
        .await?;
    let other = world.project(IMAGE_CONFIG).await?;
    let more = json!({"use_blob_urls": false});
    let source = world.source(other, "data", more).await?;
    let ended = world.sync(&source).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    // 2.json to 6.json, and not the annotation's.
    assert_eq!(ended["last_sync_count"], 5, "{ended}");
    assert!(!world.imported(other).await?.contains(&name));
    Ok(())
}

#[tokio::test]
async fn a_blob_that_may_not_be_read_is_told_so_and_can_be_adopted() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("data", &[("1.json", MINE)]).await?;
    let sas = Sas {
        permissions: "cwd",
        scope: SasScope::Container("data"),
        start: "",
        expiry: "2099-01-01T00:00:00Z",
        protocol: "https,http",
        address: "",
    };
    let project = world.project(IMAGE_CONFIG).await?;
    let body = json!({
        "project": project, "account_name": world.account.name, "container": "data",
        "sas_token": sas.signed_by(&world.account),
    });
    let target = world
        .storage("/api/storages/export/azure_sas", &body)
        .await?;
    let body = json!({"project": project, "data": {"image": "https://example.com/1.png"}});
    let task = world
        .longshore
        .post("/api/tasks", &body)
        .await?
        .expect(201)?;
    world.annotate(&task).await?;
    told(&world.longshore, &target).await?;
    let id = target.rsplit('/').next().unwrap_or_default();
    let page = world.longshore.get(&format!("/storages/{id}")).await?.text;
    assert!(page.contains("may not read it"), "{page}");
    assert_eq!(text(&world, "1.json").await?, MINE);
    let adopt = format!("{target}/adopt");
    world
        .longshore
        .post(&adopt, &json!({}))
        .await?
        .expect(200)?;
    eventually("the annotation's file", PATIENCE, async || {
        let written = text(&world, "1.json").await?;
        Ok(written.contains("\"result\"").then_some(()))
    })
    .await
}
