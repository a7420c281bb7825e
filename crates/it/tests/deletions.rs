//! A large project goes in steps: of no use at once, gone for good also when the server is killed.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use crate::world::{IMAGE_CONFIG, World};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_large_project_is_of_no_use_at_once_and_goes_after_a_kill_too() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.container("many", &[]).await?;
    world
        .azure
        .generate(&world.account, "many", 60_000, "images/", 10)
        .await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let other = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "many", json!({})).await?;
    world.sync(&storage).await?;
    let tasks = format!("/api/tasks/?project={project}&page_size=1");
    let tasks = world.longshore.get(&tasks).await?.expect(200)?;
    let task = tasks["tasks"][0]["id"].to_string();

    let path = format!("/api/projects/{project}");
    let asked = tokio::spawn(world.longshore.request(Method::DELETE, &path).send());
    eventually("it is being deleted", PATIENCE, async || {
        let seen = world.longshore.get(&path).await?;
        Ok((seen.json["state"] == "being_deleted").then_some(()))
    })
    .await?;
    world.longshore.crash_and_restart()?;
    // Answered before the kill, or not at all.
    drop(asked.await?);

    let seen = world.longshore.get(&path).await?.expect(200)?;
    assert_eq!(seen["state"], "being_deleted");
    let listed = world.longshore.get("/api/projects").await?.expect(200)?;
    let listed = listed["results"].as_array().context("projects")?;
    let states: Vec<&Value> = listed.iter().map(|project| &project["state"]).collect();
    assert_eq!(states, [&Value::Null, &json!("being_deleted")]);
    let body = json!({"title": "another"});
    let changed = world.longshore.patch(&path, &body).await?;
    assert_eq!(changed.status, 409, "{}", changed.text);
    assert!(changed.text.contains("being deleted"), "{}", changed.text);
    for gone in [format!("/api/tasks/{task}"), storage.clone()] {
        assert_eq!(world.longshore.get(&gone).await?.status, 404, "{gone}");
    }
    let body = json!({"project": project, "data": {"image": "x"}});
    let refused = world.longshore.post("/api/tasks", &body).await?;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let home = world.longshore.request(Method::GET, "/").send().await?;
    let home = home.text().await?;
    assert!(home.contains("being deleted"), "{home}");
    // Everybody else goes on.
    let body = json!({"project": other, "data": {"image": "x"}});
    world
        .longshore
        .post("/api/tasks", &body)
        .await?
        .expect(201)?;

    eventually("it is gone", PATIENCE, async || {
        Ok((world.longshore.get(&path).await?.status == 404).then_some(()))
    })
    .await
}
