//! No wrong 200: whatever a query or a body says acts, or is refused by its name.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Longshore};

use crate::{
    isolation::{ask, operations, sample::Samples, world_with_an_app},
    world::{TEXT_CONFIG, World},
};

const UNKNOWN: &str = "no_such_thing";

/// Takes any JSON as its body.
const ANY_BODY: &str = "/api/projects/{id}/import";

fn is_refused_by_name(answer: &Answer, name: &str) -> bool {
    answer.status == 400 && answer.text.contains(name)
}

#[tokio::test]
async fn no_operation_ignores_what_it_does_not_know() -> anyhow::Result<()> {
    let world = world_with_an_app().await?;
    let samples = Samples::new(&world).await?;
    let mut wrong = Vec::new();
    for operation in operations(&world.longshore).await? {
        let (method, path) = (&operation.method, &operation.path);
        let made = samples.make(method.clone(), path, Longshore::TOKEN).await?;
        let mut with_query = made.clone();
        let sign = if made.path.contains('?') { '&' } else { '?' };
        with_query.path += &format!("{sign}{UNKNOWN}=1");
        let mut tried = vec![("a parameter", with_query)];
        let has_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        if has_body && path != ANY_BODY {
            let mut with_member = made.clone();
            with_member.body.get_or_insert(json!({}))[UNKNOWN] = 1.into();
            tried.push(("a member", with_member));
        }
        for (what, sample) in tried {
            let answer = ask(&samples, &sample, Some(Longshore::TOKEN)).await?;
            if !is_refused_by_name(&answer, UNKNOWN) {
                let text: String = answer.text.chars().take(200).collect();
                wrong.push(format!("{what}: {method} {path}: {} {text}", answer.status));
            }
        }
        if let (Some(Value::Object(members)), true) = (&made.body, path != ANY_BODY) {
            // In the order of their fields, as a struct could be read from an array.
            let mut as_array = made.clone();
            as_array.body = Some(members.values().cloned().collect());
            let answer = ask(&samples, &as_array, Some(Longshore::TOKEN)).await?;
            if !is_refused_by_name(&answer, "Expected a dictionary, but got list") {
                wrong.push(format!("an array: {method} {path}: {}", answer.status));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// A project with tasks of one text each; their ids.
async fn tasks(world: &World, count: usize) -> anyhow::Result<(i64, Vec<i64>)> {
    made(world, count, "t").await
}

async fn made(world: &World, count: usize, text: &str) -> anyhow::Result<(i64, Vec<i64>)> {
    let project = world.project(TEXT_CONFIG).await?;
    let rows = vec![json!({"text": text}); count];
    let path = format!("/api/projects/{project}/import?return_task_ids=true");
    let made = world
        .longshore
        .post(&path, &json!(rows))
        .await?
        .expect(201)?;
    Ok((project, serde_json::from_value(made["task_ids"].clone())?))
}

async fn annotated(world: &World, task: i64, query: &str) -> anyhow::Result<Value> {
    let path = format!("/api/tasks/{task}/annotations/{query}");
    let body = json!({"result": [], "lead_time": 1.5});
    world.longshore.post(&path, &body).await?.expect(201)
}

fn ids_of(tasks: &Value) -> Vec<i64> {
    let tasks = tasks.as_array().into_iter().flatten();
    tasks.filter_map(|task| task["id"].as_i64()).collect()
}

#[tokio::test]
async fn an_export_has_what_was_asked_for() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (project, tasks) = tasks(&world, 4).await?;
    annotated(&world, tasks[0], "").await?;
    let skip = format!("?project={project}&was_cancelled=1");
    let skipped = annotated(&world, tasks[1], &skip).await?;
    assert_eq!(skipped["was_cancelled"], true);
    annotated(&world, tasks[2], "").await?;
    let get = async |query: &str| {
        let path = format!("/api/projects/{project}/export?{query}");
        world.longshore.get(&path).await
    };
    let (a, b, c, d) = (tasks[0], tasks[1], tasks[2], tasks[3]);
    for (query, expected) in [
        // A task that was skipped has an annotation too.
        (String::new(), vec![a, b, c]),
        (
            "exportType=JSON&download_all_tasks=true".into(),
            vec![a, b, c, d],
        ),
        (format!("ids[]={c}"), vec![c]),
        (format!("ids={c}"), vec![c]),
        (format!("ids[]={c}&ids[]={a}"), vec![a, c]),
        (format!("ids={c}&ids={a}"), vec![a, c]),
        (format!("ids={c},{a},{a}"), vec![a, c]),
        (format!("ids[]=[{c},{a}]"), vec![a, c]),
        (format!("ids={d}"), vec![]),
        (format!("ids={d}&download_all_tasks=True"), vec![d]),
        ("ids[]=999999".into(), vec![]),
        (
            "interpolate_key_frames=false&download_resources=0".into(),
            vec![a, b, c],
        ),
        // As the SDK's exports.as_json asks.
        (
            "export_type=JSON&download_all_tasks=true&download_resources=true".into(),
            vec![a, b, c, d],
        ),
    ] {
        let exported = get(&query).await?.expect(200)?;
        assert_eq!(ids_of(&exported), expected, "{query}");
    }
    for (query, named) in [
        ("interpolate_key_frames=true", "interpolate_key_frames"),
        ("download_resources=true", "download_resources"),
        ("converted_format=COCO", "converted_format"),
        ("exportType=COCO", "exportType"),
        ("exportType=JSON&export_type=CSV", "export_type"),
        ("download_all_tasks=maybe", "download_all_tasks"),
        (
            "download_all_tasks=true&download_all_tasks=false",
            "download_all_tasks",
        ),
        ("ids=abc", "ids"),
        ("ids[]=", "ids"),
    ] {
        let refused = get(query).await?;
        assert!(
            is_refused_by_name(&refused, named),
            "{query}: {}",
            refused.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_during_an_export_takes_nothing_else_with_it() -> anyhow::Result<()> {
    let world = World::start().await?;
    // More than the connection holds.
    let project = made(&world, 2_000, &"x".repeat(10_000)).await?.0;
    for path in [
        format!("/api/projects/{project}/export?download_all_tasks=true"),
        format!("/api/projects/{project}/tasks?page_size=-1"),
        format!("/api/tasks?project={project}&page_size=5000&ordering=-id"),
    ] {
        let known: BTreeSet<i64> = ids(&world, project).await?.into_iter().collect();
        let mut answer = world.longshore.request(Method::GET, &path).send().await?;
        let mut text = answer.chunk().await?.context("a first part")?.to_vec();
        // Read already, whatever the direction.
        let mut gone: Vec<i64> = known.iter().take(150).copied().collect();
        gone.extend(known.iter().rev().take(150));
        let selected = json!({"selectedItems": {"all": false, "included": gone}});
        let delete = format!("/api/dm/actions?id=delete_tasks&project={project}");
        world
            .longshore
            .post(&delete, &selected)
            .await?
            .expect(200)?;
        while let Some(part) = answer.chunk().await? {
            text.extend(part);
        }
        let read: Value = serde_json::from_slice(&text)?;
        let listed = ids_of(read.get("tasks").unwrap_or(&read));
        let distinct: BTreeSet<i64> = listed.iter().copied().collect();
        assert_eq!(distinct.len(), listed.len(), "{path}: each comes once");
        let stayed = known.iter().filter(|id| !gone.contains(id));
        let lost: Vec<&i64> = stayed.filter(|id| !distinct.contains(id)).collect();
        assert!(lost.is_empty(), "{path}: {lost:?}");
    }
    Ok(())
}

async fn ids(world: &World, project: i64) -> anyhow::Result<Vec<i64>> {
    let path = format!("/api/projects/{project}/tasks?page_size=-1&include=id");
    Ok(ids_of(&world.longshore.get(&path).await?.expect(200)?))
}

#[tokio::test]
async fn a_list_of_tasks_is_the_one_that_was_asked_for() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (project, tasks) = tasks(&world, 250).await?;
    let get = async |path: String| world.longshore.get(&path).await;
    let newest: Vec<i64> = tasks.iter().rev().copied().collect();
    let chosen =
        json!({"selectedItems": {"all": false, "included": [tasks[7], tasks[3], 999_999]}});
    // As the SDK's older client asks for everything.
    let all =
        json!({"filters": null, "ordering": [], "selectedItems": {"all": true, "excluded": []}});
    for (query, expected) in [
        ("page_size=-1".to_owned(), &tasks[..]),
        ("page_size=10000".to_owned(), &tasks[..]),
        ("".to_owned(), &tasks[..100]),
        ("page=3&page_size=100".to_owned(), &tasks[200..]),
        ("page=2&page_size=7".to_owned(), &tasks[7..14]),
        (
            "ordering=-id&page=2&page_size=100".to_owned(),
            &newest[100..200],
        ),
        ("ordering=id&page_size=3&fields=all".to_owned(), &tasks[..3]),
        (
            r#"query={"ordering":["-tasks:id"]}&page_size=5"#.to_owned(),
            &newest[..5],
        ),
        (format!("query={chosen}"), &[tasks[3], tasks[7]]),
        (format!("query={chosen}&page=2&page_size=1"), &tasks[7..8]),
        (format!("query={all}&include=id&page_size=250"), &tasks[..]),
        (
            "only_annotated=false&view=&resolve_uri=True".to_owned(),
            &tasks[..100],
        ),
    ] {
        let whole = get(format!("/api/tasks?project={project}&{query}")).await?;
        assert_eq!(ids_of(&whole.expect(200)?["tasks"]), expected, "{query}");
        let plain = get(format!("/api/projects/{project}/tasks?{query}")).await?;
        assert_eq!(ids_of(&plain.expect(200)?), expected, "{query}");
    }
    let one = get(format!(
        "/api/tasks?project={project}&query={chosen}&include=id"
    ))
    .await?;
    let expected = json!({"total": 2, "total_annotations": 0, "total_predictions": 0,
        "tasks": [{"id": tasks[3]}, {"id": tasks[7]}]});
    assert_eq!(one.expect(200)?, expected);

    let filter = r#"{"filters":{"conjunction":"and","items":[{"filter":"filter:tasks:id","operator":"equal","value":2,"type":"Number"}]}}"#;
    for (status, query, named) in [
        (400, format!("query={filter}"), "filters"),
        (400, "query=[".to_owned(), "JSON parse error"),
        (400, "query={\"made_up\":1}".to_owned(), "made_up"),
        (
            400,
            "query={\"ordering\":[\"tasks:data.n\"]}".to_owned(),
            "ordering",
        ),
        (
            400,
            "query={\"selectedItems\":[true]}".to_owned(),
            "selectedItems",
        ),
        (
            400,
            "query={\"selectedItems\":{\"all\":false,\"included\":[]}}".to_owned(),
            "selectedItems",
        ),
        (400, "only_annotated=true".to_owned(), "only_annotated"),
        (400, "include=data".to_owned(), "include"),
        (400, "ordering=title".to_owned(), "ordering"),
        (400, "filters=x".to_owned(), "filters"),
        (400, "search=zzz".to_owned(), "search"),
        (400, "fields=bogus".to_owned(), "fields"),
        (400, "page_size=0".to_owned(), "page_size"),
        (400, "page_size=-2".to_owned(), "page_size"),
        (400, "page_size=abc".to_owned(), "page_size"),
        (400, "resolve_uri=maybe".to_owned(), "resolve_uri"),
        (501, "view=1".to_owned(), "views"),
        (404, "page=0".to_owned(), "Invalid page"),
        (404, "page=-1".to_owned(), "Invalid page"),
        (404, "page=abc".to_owned(), "Invalid page"),
        (404, "page=4".to_owned(), "Invalid page"),
        (404, "page=2&page_size=-1".to_owned(), "Invalid page"),
    ] {
        for path in [
            format!("/api/tasks?project={project}&{query}"),
            format!("/api/projects/{project}/tasks?{query}"),
        ] {
            let refused = get(path.clone()).await?;
            assert_eq!(refused.status, status, "{path}: {}", refused.text);
            assert!(refused.text.contains(named), "{path}: {}", refused.text);
        }
    }
    // Of the whole organization not all at once.
    let refused = get("/api/tasks?page_size=-1".to_owned()).await?;
    assert!(
        is_refused_by_name(&refused, "page_size"),
        "{}",
        refused.text
    );
    Ok(())
}

#[tokio::test]
async fn a_page_has_a_size_or_is_refused() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(TEXT_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    for list in [
        "/api/projects".to_owned(),
        format!("{storage}/runs"),
        format!("{storage}/errors"),
    ] {
        for wrong in ["0", "-1", "abc", "1001", "1.5"] {
            let refused = world
                .longshore
                .get(&format!("{list}?page_size={wrong}"))
                .await?;
            let names = is_refused_by_name(&refused, "page_size") && refused.text.contains("1000");
            assert!(names, "{list} {wrong}: {}", refused.text);
        }
        let right = world
            .longshore
            .get(&format!("{list}?page_size=1000"))
            .await?;
        assert_eq!(right.status, 200, "{list}");
    }
    for wrong in ["0", "-1", "abc", "1001"] {
        let refused = world
            .longshore
            .get(&format!("/api/audit?limit={wrong}"))
            .await?;
        assert!(
            is_refused_by_name(&refused, "limit"),
            "{wrong}: {}",
            refused.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_list_of_projects_is_the_one_that_was_asked_for() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut made = Vec::new();
    for title in ["cats", "dogs", "birds"] {
        let body = json!({"title": title});
        let project = world
            .longshore
            .post("/api/projects", &body)
            .await?
            .expect(201)?;
        made.push(project["id"].as_i64().context("id")?);
    }
    let (cats, dogs, birds) = (made[0], made[1], made[2]);
    let get = async |query: &str| world.longshore.get(&format!("/api/projects?{query}")).await;
    for (query, expected) in [
        (format!("ids={cats},{birds},999999"), vec![birds, cats]),
        (format!("ids={cats},{birds}&page_size=1&page=2"), vec![cats]),
        ("search=DOG".to_owned(), vec![dogs]),
        (
            "ordering=-created_at&filter=all&page_size=2".to_owned(),
            vec![birds, dogs],
        ),
    ] {
        let listed = get(&query).await?.expect(200)?;
        assert_eq!(ids_of(&listed["results"]), expected, "{query}");
    }
    let some = get(&format!("ids={cats}&include=id,title,assignment_settings")).await?;
    assert_eq!(
        some.expect(200)?["results"],
        json!([{"id": cats, "title": "cats"}])
    );
    for query in [
        "title=cats",
        "ordering=title",
        "filter=pinned_only",
        "state=x",
        "ids=x",
        "workspaces=1",
    ] {
        let refused = get(query).await?;
        let name = query.split('=').next().unwrap_or_default();
        assert!(
            is_refused_by_name(&refused, name),
            "{query}: {}",
            refused.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_array_selects_no_tasks() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (project, tasks) = tasks(&world, 3).await?;
    let path = format!("/api/dm/actions?id=delete_tasks&project={project}");
    for (selected, named) in [
        (json!([true]), "selectedItems"),
        (json!([false, [tasks[0]], []]), "selectedItems"),
        (json!({"all": [true]}), "selectedItems.all"),
        (
            json!({"all": false, "included": {"0": tasks[0]}}),
            "selectedItems.included",
        ),
        (
            json!({"all": false, "included": [[tasks[0]]]}),
            "selectedItems.included",
        ),
        (
            json!({"all": true, "included": [tasks[0]]}),
            "selectedItems",
        ),
        (json!({"all": true, "colour": 1}), "selectedItems.colour"),
        (json!({"excluded": []}), "selectedItems.all"),
        (json!(true), "selectedItems"),
    ] {
        let body = json!({"selectedItems": selected});
        let refused = world.longshore.post(&path, &body).await?;
        assert!(
            is_refused_by_name(&refused, named),
            "{body}: {}",
            refused.text
        );
        assert!(!refused.text.contains("struct"), "{}", refused.text);
    }
    let other = json!({"selectedItems": {"all": true}, "project": project + 1});
    let refused = world.longshore.post(&path, &other).await?;
    assert!(is_refused_by_name(&refused, "project"), "{}", refused.text);
    let narrowed = json!({"selectedItems": {"all": true}, "annotator": 5});
    let refused = world.longshore.post(&path, &narrowed).await?;
    assert!(
        is_refused_by_name(&refused, "annotator"),
        "{}",
        refused.text
    );
    assert_eq!(ids(&world, project).await?, tasks);
    // As Label Studio's front end asks.
    let path = format!("{path}&tabID=7");
    let body = json!({"ordering": ["tasks:id"], "selectedItems": {"all": false, "included": [tasks[0]]},
        "filters": {"conjunction": "and", "items": []}, "annotator": "", "project": project.to_string()});
    world.longshore.post(&path, &body).await?.expect(200)?;
    assert_eq!(ids(&world, project).await?, tasks[1..]);
    Ok(())
}
