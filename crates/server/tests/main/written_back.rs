//! What an answer showed can be sent again: data stays data, and labels keep their author, time and
//! ids, in this project and in another.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, EMAIL, TOKEN, World};

async fn project(world: &World, title: &str) -> Value {
    let body = json!({"title": title, "label_config": "<View/>"});
    let made = world
        .expect(201, "POST", "/api/projects/", Some(&body))
        .await;
    made["id"].clone()
}

/// A project with a source storage on `media`.
async fn project_with_source(world: &World, presign: bool) -> Value {
    world.container("media").await;
    world.put("media", "a.png", "A", "image/png").await;
    let project = project(world, "Cats").await;
    let storage = json!({
        "project": project, "account_name": ACCOUNT, "account_key": world.account_key,
        "container": "media", "presign": presign,
    });
    world
        .expect(201, "POST", "/api/storages/azure", Some(&storage))
        .await;
    project
}

/// Sends a body byte for byte.
async fn send(world: &World, method: &str, path: &str, body: &str) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Token {TOKEN}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = world.ask(request).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
    answer.json()
}

async fn import(world: &World, project: &Value, body: &str) -> Value {
    let path = format!("/api/projects/{project}/import?return_task_ids=true");
    let made = send(world, "POST", &path, body).await;
    made["task_ids"].clone()
}

/// The member `data` of a task's answer, byte for byte.
async fn data(world: &World, task: &Value, resolve: bool) -> String {
    let path = format!("/api/tasks/{task}/?resolve_uri={resolve}");
    let text = world.call("GET", &path, None).await.text();
    let answer: std::collections::HashMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(&text).unwrap();
    answer["data"].get().to_owned()
}

const ODD: &str = r#"{"image":"azure-blob://media/a.png","z":1.10,"a":12345678901234567890123,"m":-0,"e":1E5,"t":"\u00e9"}"#;

#[tokio::test]
async fn only_what_is_a_link_is_shown_otherwise() {
    let world = World::start().await;
    let project = project_with_source(&world, false).await;
    let task = import(&world, &project, &format!("[{ODD}]")).await[0].clone();
    assert_eq!(data(&world, &task, false).await, ODD);
    let link = format!("/tasks/{task}/resolve/?fileuri=YXp1cmUtYmxvYjovL21lZGlhL2EucG5n");
    let shown = ODD.replace("azure-blob://media/a.png", &link);
    assert_eq!(data(&world, &task, true).await, shown);
}

#[tokio::test]
async fn a_task_that_is_read_changed_and_written_keeps_its_blobs() {
    let world = World::start().await;
    let project = project_with_source(&world, false).await;
    let task = import(&world, &project, &format!("[{ODD}]")).await[0].clone();
    let shown = data(&world, &task, true).await;
    let changed = shown.replace(r#""m":-0"#, r#""m":2"#);
    let body = format!(r#"{{"data": {changed}}}"#);
    send(&world, "PATCH", &format!("/api/tasks/{task}/"), &body).await;
    assert_eq!(
        data(&world, &task, false).await,
        ODD.replace(r#""m":-0"#, r#""m":2"#)
    );
    let link: Value = serde_json::from_str(&data(&world, &task, true).await).unwrap();
    let served = world
        .call("GET", link["image"].as_str().unwrap(), None)
        .await;
    assert_eq!(
        (served.status.as_u16(), served.text()),
        (200, "A".to_owned())
    );

    // Into another task and another project.
    let other = self::project(&world, "Dogs").await;
    let twin = import(&world, &other, &format!(r#"[{{"data": {shown}}}]"#)).await[0].clone();
    assert_eq!(data(&world, &twin, false).await, ODD);
    let body = format!(r#"{{"project": {other}, "data": {shown}}}"#);
    let made = send(&world, "POST", "/api/tasks/", &body).await;
    assert_eq!(data(&world, &made["id"], false).await, ODD);
}

#[tokio::test]
async fn a_secret_in_an_address_comes_back_and_is_shown_to_nobody() {
    let world = World::start().await;
    let project = project_with_source(&world, false).await;
    let address = format!("https://{ACCOUNT}.blob.core.windows.net/media/a.png?sv=1&sig=SECRET");
    let text = json!([{"image": address, "n": 1}]).to_string();
    let task = import(&world, &project, &text).await[0].clone();
    let shown = data(&world, &task, true).await;
    let link: Value = serde_json::from_str(&shown).unwrap();
    let served = world
        .call("GET", link["image"].as_str().unwrap(), None)
        .await;
    assert_eq!(served.text(), "A");
    assert!(
        !served.text().contains("SECRET") && !shown.contains("SECRET"),
        "{shown}"
    );
    let body = format!(r#"{{"data": {}}}"#, shown.replace(":1", ":2"));
    send(&world, "PATCH", &format!("/api/tasks/{task}/"), &body).await;
    assert_eq!(
        data(&world, &task, false).await,
        text[1..text.len() - 1].replace(":1}", ":2}")
    );
}

#[tokio::test]
async fn the_words_behind_an_address_stay_and_odd_names_are_links() {
    let world = World::start().await;
    let project = project_with_source(&world, false).await;
    world.put("media", "it's (1).png", "odd", "image/png").await;
    world
        .put("media", "scans/x/b.png", "deep", "image/png")
        .await;
    let opens = async |text: &str, expected: &str| {
        let task = import(&world, &project, &json!([{"v": text}]).to_string()).await[0].clone();
        let shown: Value = serde_json::from_str(&data(&world, &task, true).await).unwrap();
        let shown = shown["v"].as_str().unwrap().to_owned();
        let link = shown.split(' ').next().unwrap();
        let served = world.call("GET", link, None).await;
        assert_eq!(served.text(), expected, "{text}: {shown}");
        shown
    };
    let at = format!("https://{ACCOUNT}.blob.core.windows.net/media");
    let shown = opens(&format!("{at}/a.png shows a cat"), "A").await;
    assert!(
        shown.ends_with("== shows a cat") || shown.ends_with(" shows a cat"),
        "{shown}"
    );
    opens("azure-blob://media/it's (1).png", "odd").await;
    opens(&format!("{at}/it's%20(1).png"), "odd").await;
    opens(r"azure-blob://media/scans\x\b.png", "deep").await;
    opens(&format!("{at}/scans%5Cx/b.png"), "deep").await;
    opens(
        &format!("http://{ACCOUNT}-secondary.blob.core.windows.net/media/a.png"),
        "A",
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_as_one_blob_says_so() {
    let world = World::start().await;
    let project = project_with_source(&world, false).await;
    let zone = "https://acct7.z01.blob.storage.azure.net/c/a.png";
    let both = "azure-blob://media/a.png and b.png";
    let text = json!([{"zone": zone, "both": both}]).to_string();
    let task = import(&world, &project, &text).await[0].clone();
    assert_eq!(data(&world, &task, true).await, text[1..text.len() - 1]);
    for (address, code) in [
        (zone, "dns_zone_account"),
        (both, "ambiguous_address"),
        ("azure-blob://media/a.png", "ambiguous_address"),
    ] {
        let path = format!(
            "/tasks/{task}/resolve/?fileuri={}",
            percent_encoding::utf8_percent_encode(address, percent_encoding::NON_ALPHANUMERIC)
        );
        let answer = world.call("GET", &path, None).await;
        assert_eq!(answer.status, 424, "{}", answer.text());
        assert_eq!(answer.json()["code"], code, "{}", answer.text());
    }
}

/// The pages with the editor load no blob past this server, and read addresses as everybody here does.
#[tokio::test]
async fn the_editor_gets_blobs_outside_of_storages_by_links_too() {
    let world = World::start().await;
    let project = project(&world, "Cats").await;
    let at = "https://elsewhere.blob.core.windows.net/c-1/a.png";
    let pinned = format!("{at}?snapshot=2026-11-28T09:00:00.0000000Z");
    let data = json!({"text": format!("{at} shows a cat"), "image": pinned, "n": 1});
    let task = import(&world, &project, &json!([data]).to_string()).await[0].clone();
    assert_eq!(self::data(&world, &task, true).await, data.to_string());
    let shown = world
        .expect(200, "GET", &format!("/tasks/{task}/shown"), None)
        .await;
    let link = |address: &str| {
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, address);
        format!(
            "/tasks/{task}/resolve/?fileuri={}",
            encoded.replace('+', "-").replace('/', "_")
        )
    };
    assert_eq!(shown["data"]["text"], format!("{} shows a cat", link(at)));
    assert_eq!(shown["data"]["image"], link(&pinned));
}

#[tokio::test]
async fn labels_keep_their_author_time_and_ids() {
    let world = World::start().await;
    let project = project(&world, "Cats").await;
    let result =
        json!([{"from_name": "c", "to_name": "i", "type": "choices", "value": {"choices": ["A"]}}]);
    let annotation = |author: Value| {
        json!({"id": 77, "result": result, "completed_by": author, "unique_id": "u-1",
               "created_at": "2020-01-02T03:04:05Z", "parent_prediction": 5})
    };
    let task = |author: Value| {
        json!({"data": {"text": "x"}, "annotations": [annotation(author)],
               "predictions": [{"id": 4, "result": []},
                               {"id": 5, "result": result, "score": "0.5", "model_version": 2}]})
    };
    let me = world
        .expect(200, "GET", "/api/current-user/whoami", None)
        .await["id"]
        .clone();
    let body = json!([
        task(json!({"id": 9, "email": EMAIL.to_uppercase()})),
        task(json!({"id": 9, "email": "stranger@example.org"})),
        task(me.clone()),
        task(json!(null)),
    ]);
    let ids = import(&world, &project, &body.to_string()).await;
    let read = async |task: &Value| {
        let task = world
            .expect(200, "GET", &format!("/api/tasks/{task}/"), None)
            .await;
        (task["annotations"][0].clone(), task["predictions"].clone())
    };
    let expected = [
        (me.clone(), format!(" {EMAIL}, {me}")),
        (Value::Null, "stranger@example.org".to_owned()),
        // An id is another server's, also when one of ours has the same.
        (Value::Null, format!("user {me}")),
        (me.clone(), format!(" {EMAIL}, {me}")),
    ];
    for (id, (completed_by, name)) in ids.as_array().unwrap().iter().zip(&expected) {
        let (annotation, predictions) = read(id).await;
        assert_eq!(annotation["completed_by"], *completed_by);
        assert_eq!(annotation["created_username"], **name);
        assert_eq!(annotation["created_at"], "2020-01-02T03:04:05.000000Z");
        assert_eq!(annotation["import_id"], 77);
        assert_eq!(annotation["parent_prediction"], predictions[1]["id"]);
        assert_eq!(predictions[1]["model_version"], "2");
    }

    // The download, whole, into another project.
    let path = format!("/api/projects/{project}/export?exportType=JSON");
    let download = world.expect(200, "GET", &path, None).await;
    assert_eq!(download[0]["annotations"][0]["unique_id"], "u-1");
    let other = self::project(&world, "Dogs").await;
    let again = import(&world, &other, &download.to_string()).await;
    for (index, (id, (completed_by, name))) in
        again.as_array().unwrap().iter().zip(&expected).enumerate()
    {
        let (annotation, predictions) = read(id).await;
        let before = &download[index]["annotations"][0];
        assert_eq!(annotation["completed_by"], *completed_by);
        assert_eq!(annotation["created_username"], **name);
        assert_eq!(annotation["created_at"], before["created_at"]);
        assert_eq!(annotation["import_id"], before["id"]);
        assert_eq!(annotation["result"], before["result"]);
        assert_eq!(annotation["parent_prediction"], predictions[1]["id"]);
        assert_eq!(predictions.as_array().unwrap().len(), 2);
        assert_eq!(predictions[1]["score"], 0.5);
    }
}
