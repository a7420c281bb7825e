//! One annotation has the same values wherever it is read: in its own file, in its task's file, from
//! the API and in the download. What only one of them has is listed here.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    annotate::Member,
    world::{IMAGE_CONFIG, World, annotation},
};

const UNIQUE_ID: &str = "4d3c5e4a-0f0a-4d64-8f5e-1d4f4b3b2a10";

/// What each place says of the same annotation and its task.
struct Read {
    file: Value,
    task_file: Value,
    api: Value,
    api_task: Value,
    download: Value,
}

/// Reads them once both files say what the API says.
async fn read(world: &World, project: i64, task: i64, id: i64) -> anyhow::Result<Read> {
    let get = async |path: String| world.longshore.get(&path).await?.expect(200);
    let api = get(format!("/api/annotations/{id}/")).await?;
    let file = |container: &'static str, name: String, changed_at: fn(&Value) -> &Value| {
        let (api, name) = (&api, format!("{name}.json"));
        async move {
            eventually(&name, Duration::from_secs(30), async || {
                let bytes = world.azure.read_blob(&world.account, container, &name);
                let file: Value =
                    serde_json::from_slice(&bytes.await?.unwrap_or_default()).unwrap_or_default();
                Ok((*changed_at(&file) == api["updated_at"]).then_some(file))
            })
            .await
        }
    };
    let tasks = get(format!("/api/projects/{project}/export?exportType=JSON")).await?;
    Ok(Read {
        file: file("each", id.to_string(), |file| &file["updated_at"]).await?,
        task_file: file(
            "whole",
            task.to_string(),
            |file| &file["annotations"][0]["updated_at"],
        )
        .await?,
        api_task: get(format!("/api/tasks/{task}/?resolve_uri=false")).await?,
        download: tasks[0].clone(),
        api,
    })
}

/// Compares member by member: the names that only the one and only the other has.
fn compared(what: &str, one: &Value, other: &Value) -> [BTreeSet<String>; 2] {
    let names = |of: &Value| -> BTreeSet<String> {
        let members = of.as_object().unwrap_or_else(|| panic!("{what}: {of}"));
        members.keys().cloned().collect()
    };
    let (ones, others) = (names(one), names(other));
    for name in ones.intersection(&others) {
        assert_eq!(one[name], other[name], "{what}: {name}");
    }
    [&ones - &others, &others - &ones]
}

fn only<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// The annotation's own file names its person and its task in full.
fn named_by_id(file: &Value) -> Value {
    let mut file = file.clone();
    for member in ["completed_by", "task"] {
        file[member] = file[member]["id"].clone();
    }
    file
}

fn check(read: &Read) {
    let downloaded = &read.download["annotations"][0];
    let shown = &read.api_task["annotations"][0];
    let filed = &read.task_file["annotations"][0];
    let file = named_by_id(&read.file);
    let more = only(["prediction", "result_count", "unique_id"]);
    for (what, other, has_more, lacks) in [
        ("file", &file, only([]), only(["created_ago"])),
        ("task's file", filed, only([]), only(["created_ago"])),
        ("task", shown, only([]), only([])),
        ("download", downloaded, more, only(["created_ago"])),
    ] {
        let found = compared(what, other, &read.api);
        assert_eq!(found, [has_more, lacks], "{what}");
    }

    let mut api_task = read.api_task.clone();
    // A list of people in Label Studio too.
    api_task["updated_by"] = api_task["updated_by"][0]["user_id"].clone();
    for what in ["annotations", "predictions", "drafts"] {
        api_task.as_object_mut().unwrap().remove(what);
    }
    let in_lists = only([
        "annotations_ids",
        "annotations_results",
        "annotators",
        "avg_lead_time",
        "completed_at",
        "draft_exists",
        "predictions_model_versions",
        "predictions_results",
        "predictions_score",
        "storage_filename",
    ]);
    let [filed_only, api_only] = compared("the file's task", &read.file["task"], &api_task);
    assert_eq!(filed_only, only(["allow_skip", "precomputed_agreement"]));
    assert_eq!(api_only, in_lists);
    let [more, less] = compared("the task's file", &read.task_file, &read.file["task"]);
    assert_eq!(
        (more, less),
        (only(["annotations", "predictions"]), only([]))
    );
    let [more, less] = compared("the download's task", &read.download, &read.file["task"]);
    assert_eq!(more, only(["annotations", "drafts", "predictions"]));
    assert_eq!(
        less,
        only([
            "file_upload",
            "is_labeled",
            "overlap",
            "precomputed_agreement"
        ])
    );

    let (filed, shown) = (
        &read.task_file["predictions"][0],
        &read.api_task["predictions"][0],
    );
    let [more, less] = compared("prediction", filed, shown);
    assert_eq!(more, only([]));
    let of_models = [
        "cluster",
        "created_ago",
        "mislabeling",
        "model",
        "model_run",
        "neighbors",
    ];
    assert_eq!(less, only(of_models));
    assert_eq!(read.download["predictions"], json!([filed]));
}

#[tokio::test]
async fn an_annotation_is_the_same_in_its_files_the_api_and_the_download() -> anyhow::Result<()> {
    let world = World::start().await?;
    let project = world.project(IMAGE_CONFIG).await?;
    for (container, layout) in [("each", "per_annotation"), ("whole", "per_task")] {
        world.container(container, &[]).await?;
        let body = world.by_key(project, container, json!({"export_layout": layout}));
        world.storage("/api/storages/export/azure", &body).await?;
    }
    let made = async |path: String, body: Value| -> anyhow::Result<i64> {
        let made = world.longshore.post(&path, &body).await?.expect(201)?;
        made["id"].as_i64().context("id")
    };
    let data = json!({"image": "https://example.com/1.png"});
    let body = json!({"project": project, "data": data, "meta": {"batch": 7}});
    let task = made("/api/tasks/".to_owned(), body).await?;
    let result = annotation("dog")["result"].take();
    let body = json!({"task": task, "result": result, "score": 0.5, "model_version": "m1"});
    let prediction = made("/api/predictions/".to_owned(), body).await?;
    let mut body = annotation("cat");
    body["unique_id"] = UNIQUE_ID.into();
    body["parent_prediction"] = prediction.into();
    body["ground_truth"] = true.into();
    let id = made(format!("/api/tasks/{task}/annotations/"), body).await?;

    let first = read(&world, project, task, id).await?;
    check(&first);
    let owner = first.api["completed_by"].clone();
    assert!(owner.is_i64(), "{owner}");
    assert_eq!(first.file["updated_by"], owner);
    assert_eq!(first.download["annotations"][0]["unique_id"], UNIQUE_ID);

    // A colleague's change is told everywhere too, and the author stays.
    let colleague = Member::annotator(&world.longshore, "ann@example.com")?;
    let path = format!("/api/annotations/{id}/");
    let change = annotation("dog");
    let changed = colleague.ask(Method::PATCH, &path, Some(&change));
    changed.await?.expect(200)?;
    let second = read(&world, project, task, id).await?;
    check(&second);
    assert_eq!(second.file["completed_by"]["id"], owner);
    assert_ne!(second.file["updated_by"], owner);
    assert_eq!(second.download["annotations"][0]["unique_id"], UNIQUE_ID);
    Ok(())
}
