//! Lists while tasks go, read piece by piece; and how long ago things were.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt as _;
use model::Clock;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::{TOKEN, World};

/// The body of an answer of which one piece is read before `meanwhile`.
async fn read_around(world: &World, path: &str, meanwhile: impl AsyncFnOnce()) -> Value {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Token {TOKEN}"))
        .body(Body::empty());
    let answer = world.app.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap();
    let mut text = first.into_data().unwrap().to_vec();
    meanwhile().await;
    text.extend(body.collect().await.unwrap().to_bytes());
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn what_goes_while_a_list_is_read_takes_nothing_with_it() {
    let world = World::start().await;
    let project = json!({"title": "t"});
    let project = world
        .expect(201, "POST", "/api/projects", Some(&project))
        .await["id"]
        .clone();
    let rows: Value = (0..2_000).map(|n| json!({"text": n})).collect();
    let import = format!("/api/projects/{project}/import?return_task_ids=true");
    let made = world.expect(201, "POST", &import, Some(&rows)).await;
    let mut tasks: Vec<i64> = serde_json::from_value(made["task_ids"].clone()).unwrap();
    let all: Vec<String> = tasks.iter().map(i64::to_string).collect();
    for path in [
        format!("/api/projects/{project}/export?download_all_tasks=true"),
        format!(
            "/api/projects/{project}/export?download_all_tasks=true&ids={}",
            all.join(",")
        ),
        format!("/api/projects/{project}/tasks?page_size=-1"),
        format!("/api/tasks?project={project}&page_size=1900&ordering=id"),
    ] {
        // What was read already, and what was not.
        let mut gone: Vec<i64> = tasks.drain(..150).collect();
        gone.extend(tasks.split_off(tasks.len() - 50));
        let selected = json!({"selectedItems": {"all": false, "included": gone}});
        let delete = format!("/api/dm/actions?id=delete_tasks&project={project}");
        let read = read_around(&world, &path, async || {
            world.expect(200, "POST", &delete, Some(&selected)).await;
        });
        let read = read.await;
        let read = read.get("tasks").unwrap_or(&read).as_array().unwrap();
        let ids: Vec<i64> = read
            .iter()
            .map(|task| task["id"].as_i64().unwrap())
            .collect();
        let distinct: BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "{path}: each comes once");
        let lost: Vec<&i64> = tasks.iter().filter(|id| !distinct.contains(id)).collect();
        assert!(lost.is_empty(), "{path}: {lost:?}");
        assert!(
            ids.len() < tasks.len() + gone.len(),
            "{path}: it was read whole before"
        );
    }
}

#[tokio::test]
async fn how_long_ago_is_by_the_servers_clock() {
    let clock = Clock::manual(Clock::system().now_ms());
    let world = World::at(&clock).await;
    let project = json!({"title": "t"});
    let project = world
        .expect(201, "POST", "/api/projects", Some(&project))
        .await;
    let task = json!({"project": project["id"], "data": {"text": "x"}});
    let task = world.expect(201, "POST", "/api/tasks", Some(&task)).await["id"].clone();
    let result = json!({"result": []});
    let of_task = async |what: &str, body: &Value| {
        let path = format!("/api/tasks/{task}/{what}");
        world.expect(201, "POST", &path, Some(body)).await["id"].clone()
    };
    let annotation = of_task("annotations", &result).await;
    let draft = of_task("drafts", &result).await;
    let prediction = json!({"result": [], "task": task});
    let prediction = world.expect(201, "POST", "/api/predictions", Some(&prediction));
    let prediction = prediction.await["id"].clone();
    clock.advance_ms(65 * 60 * 1000);
    let ago = "1\u{a0}hour, 5\u{a0}minutes";
    for path in [
        format!("/api/annotations/{annotation}"),
        format!("/api/drafts/{draft}"),
        format!("/api/predictions/{prediction}"),
    ] {
        let read = world.expect(200, "GET", &path, None).await;
        assert_eq!(read["created_ago"], ago, "{path}");
    }
    let whole = format!("/api/tasks/{task}");
    let whole = world.expect(200, "GET", &whole, None).await;
    for said in ["annotations", "drafts", "predictions"] {
        assert_eq!(whole[said][0]["created_ago"], ago, "{said}");
    }
}
