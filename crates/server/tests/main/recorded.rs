//! Replays the recorded exchanges in their order and compares status and JSON: every recorded key
//! is there with the same type and, where it is not an id or a time, the same value.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Map, Value, json};

use crate::world::{ACCOUNT, Answer, TOKEN, World};

const RECORDED: &str = include_str!("../label-studio-http.jsonl");

/// Keys that Label Studio does not have.
const OURS: [&str; 17] = [
    "account_name",
    "azure",
    "can_delete_objects",
    "cause",
    "code",
    "counts",
    "export_layout",
    "fix",
    "longshore",
    "role",
    "type",
    "recursive_scan",
    // how a storage fares, and when its credential ends
    "health",
    "expires_at",
    "expires_soon",
    // what is in the way of an export
    "foreign_blobs",
    // the author of a downloaded annotation, for an import elsewhere
    "created_username",
];
/// Keys whose values are of one installation or moment, or better here; their type is compared.
const OF_THE_MOMENT: [&str; 47] = [
    "access",
    "annotations_ids",
    "annotations_results",
    "annotators",
    "attempts",
    "branch",
    "can_delete_objects",
    "commit",
    "created_ago",
    "created_at",
    "created_by",
    "data",
    "date",
    "date_joined",
    "duration",
    "finished_task_number",
    "ground_truth_number",
    "id",
    "initials",
    "last_activity",
    "last_modified",
    "last_sync",
    "last_sync_job",
    "message",
    "num_tasks_with_annotations",
    "permissions",
    "predictions_results",
    "presign",
    "project",
    "queue_total",
    "refresh",
    "skipped_annotations_number",
    "task",
    "task_ids",
    "task_number",
    "time_completed",
    "time_in_progress",
    "time_last_ping",
    "time_queued",
    "token",
    "total_annotations_number",
    "total_predictions_number",
    "unique_id",
    "updated_at",
    "updated_by",
    "useful_annotation_number",
    "version",
];

/// Recorded ids of a family (`projects`, `tasks`, …) and ours.
#[derive(Default)]
struct Ids(HashMap<(String, i64), i64>);

impl Ids {
    fn ours(&self, family: &str, recorded: i64) -> i64 {
        let known = self.0.get(&(family.to_owned(), recorded));
        known.copied().unwrap_or(recorded)
    }

    fn learn(&mut self, family: &str, recorded: &Value, ours: &Value) {
        if let (Some(recorded), Some(ours)) = (recorded.as_i64(), ours.as_i64()) {
            self.0.insert((family.to_owned(), recorded), ours);
        }
    }
}

struct Replay {
    world: World,
    ids: Ids,
    refresh: String,
    problems: Vec<String>,
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_alike() {
    let world = World::start().await;
    for container in ["trace-in", "trace-json", "trace-out"] {
        world.container(container).await;
    }
    for name in [
        "images/0.png",
        "images/1.png",
        "images/2.png",
        "images/sub/3.png",
    ] {
        world.put("trace-in", name, vec![7; 600], "image/png").await;
    }
    put_task_files(&world).await;
    let mut replay = Replay {
        world,
        ids: Ids::default(),
        refresh: String::new(),
        problems: Vec::new(),
    };
    let mut count = 0;
    for line in RECORDED.lines() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        replay.exchange(&exchange).await;
        count += 1;
    }
    assert!(count > 70, "{count}");
    assert!(replay.problems.is_empty(), "{}", replay.problems.join("\n"));
}

async fn put_task_files(world: &World) {
    let image = |n: u32| json!({"image": format!("azure-blob://trace-in/images/{n}.png")});
    let task = |n: u32, place: u32| {
        let mut data = image(n);
        data["n"] = place.into();
        data
    };
    let region = |id: &str, label: &str| json!([{"id": id, "from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": [label]}}]);
    let lines = format!("{}\n{}\n", task(0, 4), task(0, 5));
    let list = json!([
        task(1, 2),
        {"data": task(2, 3),
         "annotations": [{"result": region("a1", "B")}],
         "predictions": [{"result": region("p1", "A"), "model_version": "v1", "score": 0.5}]},
    ]);
    for (name, body) in [
        ("lines.jsonl", lines),
        ("list.json", list.to_string()),
        ("one.json", task(0, 1).to_string()),
    ] {
        world
            .put("trace-json", name, body, "application/json")
            .await;
    }
}

impl Replay {
    async fn exchange(&mut self, exchange: &Value) {
        let step = exchange["step"].as_str().unwrap();
        let answer = self.settled(exchange).await;
        let at = |what: &str| format!("[{step}] {what}");
        if i64::from(answer.status.as_u16()) != exchange["status"].as_i64().unwrap() {
            self.problems.push(at(&format!(
                "status {} instead of {}: {}",
                answer.status,
                exchange["status"],
                answer.text()
            )));
            return;
        }
        for (name, value) in exchange["headers"].as_object().unwrap() {
            let given = answer.header(name.as_str());
            let matters = exchange["response"].is_object() || exchange["response"].is_array();
            if matters && name != "content-type" && Some(given) != value.as_str() {
                self.problems.push(at(&format!(
                    "header {name} is {given:?} instead of {value}"
                )));
            }
        }
        let (recorded, ours) = (&exchange["response"], answer.json());
        self.learn(exchange["path"].as_str().unwrap(), recorded, &ours);
        let mut differences = Vec::new();
        compare(recorded, &ours, "", &mut differences);
        self.problems
            .extend(differences.iter().map(|difference| at(difference)));
    }

    /// Label Studio has no worker when it is recorded: what it answers is always done.
    async fn settled(&self, exchange: &Value) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.send(exchange).await;
            let shown = answer.json();
            let status = shown.get(0).unwrap_or(&shown)["status"].clone();
            let is_running = status == "queued" || status == "in_progress";
            if exchange["method"] != "GET" || !is_running || Instant::now() > deadline {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn send(&self, exchange: &Value) -> Answer {
        let step = exchange["step"].as_str().unwrap();
        let mut path = self.path(exchange["path"].as_str().unwrap());
        let query = exchange["query"].as_str().unwrap();
        if !query.is_empty() {
            let query = query.replace(
                "project=5",
                &format!("project={}", self.ids.ours("projects", 5)),
            );
            path = format!("{path}?{query}");
        }
        let request = Request::builder()
            .method(exchange["method"].as_str().unwrap())
            .uri(path);
        let request = match step {
            _ if step.ends_with("no auth") => request,
            "bad token" => request.header(header::AUTHORIZATION, "Token bad"),
            _ => request.header(header::AUTHORIZATION, format!("Token {TOKEN}")),
        };
        let body = match &exchange["request"] {
            Value::Null => return self.world.ask(request.body(Body::empty()).unwrap()).await,
            Value::String(text) => text.clone(),
            Value::Object(fields) => self.fields(step, fields).to_string(),
            other => other.to_string(),
        };
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.world
            .ask(request.body(Body::from(body)).unwrap())
            .await
    }

    fn path(&self, recorded: &str) -> String {
        let mut family = "";
        let segments = recorded
            .split('/')
            .map(|segment| match segment.parse::<i64>() {
                Ok(id) => self.ids.ours(family, id).to_string(),
                Err(_) => {
                    if !["azure", "export"].contains(&segment) {
                        family = segment;
                    }
                    segment.to_owned()
                }
            });
        segments.collect::<Vec<_>>().join("/")
    }

    fn fields(&self, step: &str, recorded: &Map<String, Value>) -> Value {
        let mut fields = recorded.clone();
        for (name, family) in [
            ("project", "projects"),
            ("task", "tasks"),
            ("id", "storages"),
        ] {
            if let Some(id) = fields.get(name).and_then(Value::as_i64) {
                fields.insert(name.to_owned(), self.ids.ours(family, id).into());
            }
        }
        if fields.contains_key("account_name") && !step.contains("wrong key") {
            fields.insert(
                "account_key".to_owned(),
                self.world.account_key.clone().into(),
            );
        }
        if fields.get("refresh").is_some_and(|token| token == "…") {
            fields.insert("refresh".to_owned(), self.refresh.clone().into());
        }
        Value::Object(fields)
    }

    fn learn(&mut self, path: &str, recorded: &Value, ours: &Value) {
        let family = [
            "storages",
            "annotations",
            "predictions",
            "projects",
            "tasks",
        ]
        .into_iter()
        .find(|family| path.contains(&format!("/{family}")));
        if let Some(family) = family {
            self.ids.learn(family, &recorded["id"], &ours["id"]);
        }
        for task in ours["tasks"].as_array().into_iter().flatten() {
            let recorded = task["inner_id"].as_i64().unwrap() + 12_000;
            self.ids.learn("tasks", &recorded.into(), &task["id"]);
        }
        for name in ["token", "refresh"] {
            if let Some(token) = ours[name].as_str() {
                self.refresh = token.to_owned();
            }
        }
    }
}

fn compare(recorded: &Value, ours: &Value, place: &str, differences: &mut Vec<String>) {
    match (recorded, ours) {
        // The download holds predictions whole, where Label Studio's file can be imported nowhere.
        (Value::Number(_), Value::Object(whole)) if place.contains(".predictions[") => {
            compare(recorded, &whole["id"], place, differences);
        }
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, value) in recorded {
                let place = format!("{place}.{name}");
                match ours.get(name) {
                    None => differences.push(format!("{place} is missing")),
                    // Our words are better, and sometimes we know the field.
                    Some(ours) if value.get("non_field_errors").is_some() => {
                        if ours.as_object().is_none_or(Map::is_empty) {
                            differences.push(format!("{place} says nothing"));
                        }
                    }
                    Some(ours) if name == "detail" || name == "presign_ttl" && ours.is_array() => {
                        if !same_detail(value, ours) {
                            differences.push(format!("{place} is {ours} instead of {value}"));
                        }
                    }
                    Some(ours) if OF_THE_MOMENT.contains(&name.as_str()) => {
                        if !same_type(value, ours) {
                            differences.push(format!("{place} is {ours}, recorded {value}"));
                        }
                    }
                    Some(ours) => compare(value, ours, &place, differences),
                }
            }
            for name in ours.keys() {
                if !recorded.contains_key(name) && !OURS.contains(&name.as_str()) {
                    differences.push(format!("{place}.{name} is not Label Studio's"));
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            if recorded.is_empty() != ours.is_empty() {
                differences.push(format!(
                    "{place} has {} items instead of {}",
                    ours.len(),
                    recorded.len()
                ));
            }
            if let (Some(recorded), Some(ours)) = (recorded.first(), ours.first()) {
                compare(recorded, ours, &format!("{place}[0]"), differences);
            }
        }
        _ if recorded == ours => {}
        _ => differences.push(format!("{place} is {ours} instead of {recorded}")),
    }
}

/// The words of a parser differ, the place in the text does not.
fn same_detail(recorded: &Value, ours: &Value) -> bool {
    let (Some(recorded), Some(ours)) = (recorded.as_str(), ours.as_str()) else {
        return same_type(recorded, ours);
    };
    match (recorded.split_once(": line"), ours.split_once(": line")) {
        (Some((_, recorded)), Some((_, ours))) => recorded == ours,
        _ => recorded == ours,
    }
}

fn same_type(recorded: &Value, ours: &Value) -> bool {
    recorded.is_null()
        || ours.is_null()
        || std::mem::discriminant(recorded) == std::mem::discriminant(ours)
}

#[test]
fn the_account_is_the_recorded_one() {
    assert!(RECORDED.contains(ACCOUNT));
}
