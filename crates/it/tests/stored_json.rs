//! What is taken can be read again: by Python, by whoever reads the export, and by our own import.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json, value::RawValue};

use crate::world::{TEXT_CONFIG, World};

/// Levels of arrays around nothing.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

struct Places {
    world: World,
    project: i64,
    task: i64,
    annotation: i64,
    draft: i64,
    prediction: i64,
}

impl Places {
    async fn start() -> anyhow::Result<Self> {
        let world = World::start().await?;
        let project = world.project(TEXT_CONFIG).await?;
        let made = async |path: String, body: Value| -> anyhow::Result<i64> {
            let made = world.longshore.post(&path, &body).await?.expect(201)?;
            Ok(made["id"].as_i64().unwrap_or_default())
        };
        let task = json!({"project": project, "data": {"text": "x"}});
        let task = made("/api/tasks/".to_owned(), task).await?;
        let result = json!({"result": []});
        let annotation = made(format!("/api/tasks/{task}/annotations/"), result.clone()).await?;
        let draft = made(format!("/api/tasks/{task}/drafts"), result).await?;
        let prediction = json!({"task": task, "result": []});
        let prediction = made("/api/predictions/".to_owned(), prediction).await?;
        Ok(Self {
            world,
            project,
            task,
            annotation,
            draft,
            prediction,
        })
    }

    /// The status and text of an answer to a body that no JSON library would write.
    async fn send(&self, method: Method, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let request = self.world.longshore.request(method, path);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Every way in of a result: how, where, and the body around it.
    fn results(&self) -> Vec<(Method, String, String, String)> {
        let (project, task) = (self.project, self.task);
        let row = |label: &str| {
            (
                format!(r#"[{{"data": {{"text": "x"}}, "{label}": [{{"result": "#),
                "}]}]".to_owned(),
            )
        };
        let field = || (r#"{"result": "#.to_owned(), "}".to_owned());
        let of_task = || (format!(r#"{{"task": {task}, "result": "#), "}".to_owned());
        [
            (
                Method::POST,
                format!("/api/tasks/{task}/annotations/"),
                field(),
            ),
            (
                Method::PATCH,
                format!("/api/annotations/{}/", self.annotation),
                field(),
            ),
            (Method::POST, format!("/api/tasks/{task}/drafts"), field()),
            (
                Method::PATCH,
                format!("/api/drafts/{}/", self.draft),
                field(),
            ),
            (Method::POST, "/api/predictions/".to_owned(), of_task()),
            (
                Method::PATCH,
                format!("/api/predictions/{}/", self.prediction),
                field(),
            ),
            (
                Method::POST,
                format!("/api/projects/{project}/import"),
                row("annotations"),
            ),
            (
                Method::POST,
                format!("/api/projects/{project}/import"),
                row("predictions"),
            ),
        ]
        .map(|(method, path, (before, after))| (method, path, before, after))
        .into()
    }

    /// Every way in of task data and meta.
    fn objects(&self) -> Vec<(Method, String, String, String)> {
        let (project, task) = (self.project, self.task);
        let of = |before: String, after: &str| (before, after.to_owned());
        [
            (
                Method::POST,
                "/api/tasks/".to_owned(),
                of(format!(r#"{{"project": {project}, "data": "#), "}"),
            ),
            (
                Method::PATCH,
                format!("/api/tasks/{task}/"),
                of(r#"{"data": "#.to_owned(), "}"),
            ),
            (
                Method::PATCH,
                format!("/api/tasks/{task}/"),
                of(r#"{"meta": "#.to_owned(), "}"),
            ),
            (
                Method::POST,
                format!("/api/projects/{project}/import"),
                of("[".to_owned(), "]"),
            ),
            (
                Method::POST,
                format!("/api/projects/{project}/import"),
                of(r#"[{"data": "#.to_owned(), "}]"),
            ),
            (
                Method::POST,
                format!("/api/projects/{project}/import"),
                of(r#"[{"data": {"text": "x"}, "meta": "#.to_owned(), "}]"),
            ),
            (
                Method::PATCH,
                format!("/api/projects/{project}/"),
                of(r#"{"control_weights": "#.to_owned(), "}"),
            ),
        ]
        .map(|(method, path, (before, after))| (method, path, before, after))
        .into()
    }
}

#[tokio::test]
async fn what_could_not_be_read_again_is_refused_wherever_it_comes_in() -> anyhow::Result<()> {
    let places = Places::start().await?;
    let (deep, hostile) = (nested(100), nested(50_000));
    let inner = [
        ("deep", deep.as_str()),
        ("hostile", &hostile),
        ("half a pair", r#""\ud800""#),
        ("too large", "1e999"),
        ("twice", r#"{"a": 1, "a": 2}"#),
        ("NaN", "NaN"),
    ];
    let shapes = ["{}", "1", "[1]", "[[]]", "[null]", r#"[{}, "a"]"#];
    for (method, path, before, after) in places.results() {
        for (what, bad) in inner {
            let body = format!(r#"{before}[{{"type": "choices", "value": {bad}}}]{after}"#);
            let (status, text) = places.send(method.clone(), &path, &body).await?;
            assert_eq!(status, 400, "{method} {path}, {what}: {text}");
        }
        for bad in shapes {
            // An imported prediction of an empty object is an empty one, as in Label Studio.
            if bad == "{}" && before.contains("predictions") {
                continue;
            }
            let body = format!("{before}{bad}{after}");
            let (status, text) = places.send(method.clone(), &path, &body).await?;
            assert_eq!(status, 400, "{method} {path}, {bad}: {text}");
            assert!(text.contains("result"), "{method} {path}, {bad}: {text}");
        }
    }
    for (method, path, before, after) in places.objects() {
        for (what, bad) in inner {
            let body = format!(r#"{before}{{"text": "x", "value": {bad}}}{after}"#);
            let (status, text) = places.send(method.clone(), &path, &body).await?;
            assert_eq!(status, 400, "{method} {path}, {what}: {text}");
        }
        for bad in ["[]", "1", r#""text""#] {
            let body = format!("{before}{bad}{after}");
            let (status, text) = places.send(method.clone(), &path, &body).await?;
            assert_eq!(status, 400, "{method} {path}, {bad}: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_null_character_in_a_text_is_refused_by_name() -> anyhow::Result<()> {
    let places = Places::start().await?;
    let project = format!("/api/projects/{}/", places.project);
    let import = format!("/api/projects/{}/import", places.project);
    for (method, path, body, named) in [
        (
            Method::PATCH,
            project.as_str(),
            r#"{"title": "a\u0000b"}"#,
            "title",
        ),
        (
            Method::PATCH,
            &project,
            r#"{"model_version": "a\u0000b"}"#,
            "model_version",
        ),
        (
            Method::PATCH,
            &format!("/api/predictions/{}/", places.prediction),
            r#"{"model_version": "\u0000"}"#,
            "model_version",
        ),
        (
            Method::POST,
            &import,
            r#"[{"data": {"text": "x"}, "predictions": [{"result": [], "model_version": "\u0000"}]}]"#,
            "model_version",
        ),
    ] {
        let (status, text) = places.send(method, path, body).await?;
        assert_eq!(status, 400, "{path}: {text}");
        assert!(text.contains(named), "{path}: {text}");
    }
    let (status, _) = places
        .send(Method::GET, "/api/projects/?title=%00", "")
        .await?;
    assert!(status < 500, "{status}");
    Ok(())
}

#[tokio::test]
async fn what_is_taken_comes_back_by_export_and_import() -> anyhow::Result<()> {
    let places = Places::start().await?;
    let world = &places.world;
    // The deepest, and what is on the edge of numbers and texts.
    let value = format!(
        r#"{{"deep": {}, "n": 12345678901234567890123, "f": 0.1, "e": -1.5e-300,
            "s": "\u0000 \ud83d\ude00 é \\ \" \u2028"}}"#,
        nested(98)
    );
    let row = format!(
        r#"{{"data": {{"text": "x", "v": {value}}}, "meta": {{"v": {value}}},
            "annotations": [{{"result": [{value}], "lead_time": 1.5}}],
            "predictions": [{{"result": [{value}], "score": 0.5}}]}}"#
    );
    let mut exports = Vec::new();
    let mut body = format!("[{row}]");
    for round in 0..3 {
        let project = world.project(TEXT_CONFIG).await?;
        let path = format!("/api/projects/{project}/import");
        let (status, text) = places.send(Method::POST, &path, &body).await?;
        assert_eq!(status, 201, "round {round}: {text}");
        let path =
            format!("/api/projects/{project}/export?exportType=JSON&download_all_tasks=true");
        (_, body) = places.send(Method::GET, &path, "").await?;
        exports.push(kept(&body)?);
    }
    assert_eq!(exports[0], exports[1]);
    assert_eq!(exports[1], exports[2]);
    assert!(
        exports[0][0].contains("12345678901234567890123"),
        "{:?}",
        exports[0]
    );
    Ok(())
}

/// The texts that must not change, of the only task.
fn kept(export: &str) -> anyhow::Result<[String; 3]> {
    type Members = BTreeMap<String, Box<RawValue>>;
    let [task]: [Members; 1] = serde_json::from_str(export)?;
    let [annotation]: [Members; 1] = serde_json::from_str(task["annotations"].get())?;
    Ok([&task["data"], &task["meta"], &annotation["result"]].map(|raw| raw.get().to_owned()))
}
