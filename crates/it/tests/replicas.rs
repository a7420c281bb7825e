//! Several Longshores on one PostgreSQL: one syncs, another shows it; no annotation is exported twice or lost.

use private_postgres::PrivatePostgres;
use serde_json::json;
use testkit::{Longshore, Settings};

use crate::world::{IMAGE_CONFIG, World, sealing_key};

#[tokio::test]
async fn two_replicas_share_one_postgresql() -> anyhow::Result<()> {
    let database = PrivatePostgres::start();
    let folder = tempfile::tempdir()?;
    let key_file = sealing_key(folder.path())?;
    let environment = vec![
        ("LONGSHORE_DATABASE_URL".to_owned(), database.url()),
        (
            "LONGSHORE_SECRET_KEY_FILE".to_owned(),
            key_file.display().to_string(),
        ),
    ];
    let api = Settings {
        environment: environment.clone(),
        role: Some("api"),
        ..Settings::default()
    };
    let world = World::with(api).await?;
    let worker = Settings {
        environment,
        ..Settings::default()
    };
    let other = Longshore::start(&world.azure.endpoints.cloud_file, worker)?;

    world.container("out", &[]).await?;
    let names: Vec<String> = (0..30).map(|number| format!("{number:02}.png")).collect();
    let blobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    world.container("media", &blobs).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    let ended = world.sync(&storage).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(world.imported(project).await?, names);

    let target = world
        .storage(
            "/api/storages/export/azure",
            &world.by_key(project, "out", json!({})),
        )
        .await?;
    // Its first, full export would write again what comes meanwhile.
    world.ended(&target).await?;
    let mut files = Vec::new();
    for (number, task) in world.tasks(project).await?.iter().enumerate() {
        let replica = if number % 2 == 0 {
            &world.longshore
        } else {
            &other
        };
        let path = format!("/api/tasks/{}/annotations/", task["id"]);
        let created = replica
            .post(&path, &crate::world::annotation("cat"))
            .await?
            .expect(201)?;
        files.push(format!("{}.json", created["id"]));
    }
    world.exported_at_most("out", &files, 1).await
}
