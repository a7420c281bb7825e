//! What a change may say: null where a field can be empty, a copy of what is there, and nothing that
//! would be forgotten.

use serde_json::{Value, json};

use crate::world::{IMAGE_CONFIG, World};

struct Things {
    world: World,
    project: i64,
    task: i64,
    annotation: i64,
    prediction: i64,
    draft: i64,
    storage: String,
}

impl Things {
    async fn start() -> anyhow::Result<Self> {
        let world = World::start().await?;
        world.container("media", &[("a.png", "x")]).await?;
        let project = world.project(IMAGE_CONFIG).await?;
        let made = async |path: String, body: Value| -> anyhow::Result<i64> {
            let made = world.longshore.post(&path, &body).await?.expect(201)?;
            Ok(made["id"].as_i64().unwrap_or_default())
        };
        let task = json!({"project": project, "data": {"image": "x"}, "meta": {"a": 1}});
        let task = made("/api/tasks/".into(), task).await?;
        let result = json!({"result": [], "lead_time": 1.5});
        let annotation = json!({"result": [], "lead_time": 1.5, "unique_id": "one"});
        let annotation = made(format!("/api/tasks/{task}/annotations/"), annotation).await?;
        let draft = made(format!("/api/tasks/{task}/drafts"), result).await?;
        let prediction = json!({"task": task, "result": [], "score": 0.5, "model_version": "m"});
        let prediction = made("/api/predictions/".into(), prediction).await?;
        let more = json!({"title": "t", "prefix": "", "description": "d", "regex_filter": ".*"});
        let storage = world.source(project, "media", more).await?;
        Ok(Self {
            world,
            project,
            task,
            annotation,
            prediction,
            draft,
            storage,
        })
    }

    async fn all(&self) -> anyhow::Result<Vec<String>> {
        Ok(vec![
            format!("/api/projects/{}", self.project),
            format!("/api/tasks/{}", self.task),
            format!("/api/annotations/{}", self.annotation),
            format!("/api/predictions/{}", self.prediction),
            format!("/api/drafts/{}", self.draft),
            self.storage.clone(),
            format!("/api/members/{}", self.member().await?),
        ])
    }

    async fn member(&self) -> anyhow::Result<Value> {
        let members = self
            .world
            .longshore
            .get("/api/members")
            .await?
            .expect(200)?;
        Ok(members[0]["id"].clone())
    }

    async fn read(&self, path: &str) -> anyhow::Result<Value> {
        if path.starts_with("/api/members/") {
            let members = self.world.longshore.get("/api/members").await?;
            return Ok(members.expect(200)?[0].clone());
        }
        self.world.longshore.get(path).await?.expect(200)
    }
}

#[tokio::test]
async fn null_empties_or_is_refused() -> anyhow::Result<()> {
    let things = Things::start().await?;
    let longshore = &things.world.longshore;
    let all = things.all().await?;
    let [
        project,
        task,
        annotation,
        prediction,
        draft,
        storage,
        member,
    ] = &all[..]
    else {
        panic!("{all:?}");
    };
    for (path, field, empty) in [
        (project, "title", json!("")),
        (project, "description", json!("")),
        (project, "label_config", json!("<View></View>")),
        (project, "pinned_at", Value::Null),
        (task, "meta", json!({})),
        (prediction, "model_version", json!("")),
        (storage, "title", Value::Null),
        (storage, "description", Value::Null),
        (storage, "regex_filter", Value::Null),
        (storage, "expires_at", Value::Null),
    ] {
        longshore
            .patch(path, &json!({field: null}))
            .await?
            .expect(200)?;
        let now = things.read(path).await?;
        assert_eq!(now[field], empty, "{path} {field}");
    }
    for (path, field) in [
        (project, "show_instruction"),
        (project, "sampling"),
        (project, "maximum_annotations"),
        (task, "data"),
        (annotation, "result"),
        (annotation, "lead_time"),
        (annotation, "was_cancelled"),
        (annotation, "ground_truth"),
        (prediction, "result"),
        (prediction, "score"),
        (draft, "result"),
        (draft, "lead_time"),
        (storage, "container"),
        (storage, "account_key"),
        (storage, "presign"),
        (storage, "presign_ttl"),
        (storage, "use_blob_urls"),
        (member, "role"),
    ] {
        let before = things.read(path).await?;
        let refused = longshore.patch(path, &json!({field: null})).await?;
        assert_eq!(refused.status, 400, "{path} {field}: {}", refused.text);
        assert!(refused.text.contains(field), "{path}: {}", refused.text);
        assert_eq!(things.read(path).await?, before, "{path} {field}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_changed_may_only_be_repeated() -> anyhow::Result<()> {
    let things = Things::start().await?;
    let longshore = &things.world.longshore;
    for path in things.all().await? {
        let mut copy = things.read(&path).await?;
        // A browser's address of the blob: data is changed by what it says.
        if path.starts_with("/api/tasks/") {
            copy["data"] = json!({"image": "y"});
        }
        let changed = longshore.patch(&path, &copy).await?;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text);
        for (field, other) in [
            ("id", json!(4711)),
            ("created_at", json!("2020-01-01T00:00:00Z")),
        ] {
            let mut body = json!({field: other});
            if path.starts_with("/api/members/") {
                body["role"] = "owner".into();
            }
            let refused = longshore.patch(&path, &body).await?;
            assert_eq!(refused.status, 400, "{path}: {}", refused.text);
            assert!(refused.text.contains(field), "{path}: {}", refused.text);
        }
        copy["colour_of"] = 1.into();
        let unknown = longshore.patch(&path, &copy).await?;
        assert_eq!(unknown.status, 400, "{path}: {}", unknown.text);
        assert!(
            unknown.text.contains("Unknown field"),
            "{path}: {}",
            unknown.text
        );
    }
    let (annotation, task) = (things.annotation, things.task);
    for (path, body, named) in [
        (
            format!("/api/annotations/{annotation}"),
            json!({"task": task + 1}),
            "task",
        ),
        (
            format!("/api/annotations/{annotation}"),
            json!({"completed_by": 99}),
            "completed_by",
        ),
        (
            format!("/api/annotations/{annotation}"),
            json!({"unique_id": "z"}),
            "unique_id",
        ),
        (
            format!("/api/annotations/{annotation}"),
            json!({"parent_prediction": 9}),
            "parent_prediction",
        ),
        (
            format!("/api/tasks/{task}"),
            json!({"project": things.project + 1}),
            "project",
        ),
        (
            format!("/api/tasks/{task}"),
            json!({"is_labeled": false}),
            "is_labeled",
        ),
        (
            format!("/api/tasks/{task}"),
            json!({"overlap": 3}),
            "overlap",
        ),
        (
            format!("/api/tasks/{task}"),
            json!({"annotations": []}),
            "annotations",
        ),
        (
            format!("/api/predictions/{}", things.prediction),
            json!({"task": task + 1}),
            "task",
        ),
        (
            format!("/api/projects/{}", things.project),
            json!({"organization": 99}),
            "organization",
        ),
        (
            format!("/api/projects/{}", things.project),
            json!({"workspace": 3}),
            "workspace",
        ),
        (
            format!("/api/projects/{}", things.project),
            json!({"task_number": 3}),
            "task_number",
        ),
        (
            things.storage.clone(),
            json!({"status": "completed"}),
            "status",
        ),
        (things.storage.clone(), json!({"type": "azure_sas"}), "type"),
        (
            things.storage.clone(),
            json!({"provider": "s3"}),
            "provider",
        ),
        (
            things.storage.clone(),
            json!({"synchronizable": false}),
            "synchronizable",
        ),
        (things.storage.clone(), json!({"project": 4711}), "project"),
        (
            format!("{}?project=4711", things.storage),
            json!({"title": "t"}),
            "project",
        ),
    ] {
        let refused = longshore.patch(&path, &body).await?;
        assert_eq!(refused.status, 400, "{path} {body}: {}", refused.text);
        assert!(
            refused.text.contains(&format!("\"{named}\"")),
            "{body}: {}",
            refused.text
        );
    }
    // As Label Studio's front end saves a storage, whose project its query names too.
    let id = things.storage.rsplit('/').next().unwrap_or_default();
    let body = json!({"project": things.project, "provider": "azure", "title": "edited",
        "use_blob_urls": true, "container": "media", "prefix": "", "id": id.parse::<i64>()?});
    let path = format!("{}?project={}", things.storage, things.project);
    let saved = longshore.patch(&path, &body).await?.expect(200)?;
    assert_eq!(saved["title"], "edited");
    Ok(())
}

#[tokio::test]
async fn what_is_not_kept_is_refused_when_something_is_made() -> anyhow::Result<()> {
    let things = Things::start().await?;
    let longshore = &things.world.longshore;
    let (project, task) = (things.project, things.task);
    let data = json!({"image": "x"});
    let annotations = format!("/api/tasks/{task}/annotations");
    let drafts = format!("/api/tasks/{task}/drafts");
    for (path, body, named) in [
        (
            "/api/tasks",
            json!({"project": project, "data": data, "overlap": 2}),
            "overlap",
        ),
        (
            "/api/tasks",
            json!({"project": project, "data": data, "is_labeled": true}),
            "is_labeled",
        ),
        (
            "/api/tasks",
            json!({"project": project, "data": data, "inner_id": 7}),
            "inner_id",
        ),
        (
            "/api/tasks",
            json!({"project": project, "data": data, "annotations": [{"result": []}]}),
            "annotations",
        ),
        (
            &annotations,
            json!({"result": [], "completed_by": 99}),
            "completed_by",
        ),
        (
            &annotations,
            json!({"result": [], "project": project + 1}),
            "project",
        ),
        (
            &drafts,
            json!({"result": [], "was_postponed": true}),
            "was_postponed",
        ),
        (
            &drafts,
            json!({"result": [], "project": project + 1}),
            "project",
        ),
        (
            "/api/predictions",
            json!({"task": task, "result": [], "cluster": 3}),
            "cluster",
        ),
        (
            "/api/projects",
            json!({"title": "t", "workspace": 3}),
            "workspace",
        ),
    ] {
        let refused = longshore.post(path, &body).await?;
        assert_eq!(refused.status, 400, "{path} {body}: {}", refused.text);
        assert!(
            refused.text.contains(&format!("\"{named}\"")),
            "{body}: {}",
            refused.text
        );
    }
    // What Label Studio's front end says of itself, and what asks for nothing.
    let editors = json!({"lead_time": 1.5, "result": [], "draft_id": 0, "parent_prediction": null,
        "parent_annotation": null, "started_at": "2026-11-28T18:54:17.334Z", "unique_id": "two",
        "project": project.to_string()});
    let path = |path: &str| format!("{path}?project={project}");
    longshore
        .post(&path(&drafts), &editors)
        .await?
        .expect(201)?;
    longshore
        .post(&path(&annotations), &editors)
        .await?
        .expect(201)?;
    let task = json!({"project": project, "data": data, "overlap": 1, "allow_skip": true,
        "is_labeled": false, "annotations": [], "file_upload": null});
    longshore.post("/api/tasks", &task).await?.expect(201)?;
    let below = format!("/api/projects/{project}/tasks");
    let in_path = longshore.post(&below, &json!({"data": data})).await?;
    assert_eq!(in_path.expect(201)?["project"], project);
    let other = json!({"data": data, "project": project + 1});
    let other = longshore.post(&below, &other).await?;
    assert_eq!(other.status, 400, "{}", other.text);
    Ok(())
}
