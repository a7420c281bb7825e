//! Annotating, as the browser's page does it: the next task, drafts, retries, and colleagues at
//! the same time.

use anyhow::Context;
use private_postgres::PrivatePostgres;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Longshore, Settings};

use crate::world::{IMAGE_CONFIG, World, annotation};

/// A member of the organization, by token.
pub struct Member<'a> {
    longshore: &'a Longshore,
    token: String,
}

impl<'a> Member<'a> {
    fn owner(longshore: &'a Longshore) -> Self {
        Self {
            longshore,
            token: Longshore::TOKEN.to_owned(),
        }
    }

    /// A new annotator.
    pub fn annotator(longshore: &'a Longshore, email: &str) -> anyhow::Result<Self> {
        let run = |arguments: &[&str]| {
            let output = longshore.command(arguments)?;
            anyhow::ensure!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout)?;
            Ok(text.lines().last().unwrap_or_default().to_owned())
        };
        run(&["user", "create", email, "--role", "annotator"])?;
        let token = run(&["token", "create", email])?;
        Ok(Self { longshore, token })
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        self.ask_if(method, path, body, None).await
    }

    /// With `If-Match`.
    async fn ask_if(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .longshore
            .anonymous(method, path)
            .header("Authorization", format!("Token {}", self.token));
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(tags) = if_match {
            request = request.header("If-Match", tags);
        }
        Longshore::answer(request).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None).await?.expect(200)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, Some(body)).await?.expect(201)
    }
}

/// A project with so many tasks; their ids.
async fn project_with(world: &World, count: usize) -> anyhow::Result<(i64, Vec<i64>)> {
    let project = world.project(IMAGE_CONFIG).await?;
    let tasks: Vec<Value> = (0..count)
        .map(|number| json!({"image": format!("https://example.com/{number}.png")}))
        .collect();
    let path = format!("/api/projects/{project}/import?return_task_ids=true");
    let made = world.longshore.post(&path, &json!(tasks)).await?;
    let ids = made.expect(201)?["task_ids"].clone();
    Ok((project, serde_json::from_value(ids)?))
}

/// The text of an annotation's state, as `If-Match` takes it.
fn etag(annotation: &Value) -> anyhow::Result<String> {
    let at = annotation["updated_at"].as_str().context("updated_at")?;
    Ok(format!("\"{at}\""))
}

#[tokio::test]
async fn two_people_never_get_the_same_task() -> anyhow::Result<()> {
    shared_work(Settings::default()).await
}

#[tokio::test]
async fn two_people_never_get_the_same_task_on_postgresql() -> anyhow::Result<()> {
    let database = PrivatePostgres::start();
    let environment = vec![("LONGSHORE_DATABASE_URL".to_owned(), database.url())];
    shared_work(Settings {
        environment,
        ..Settings::default()
    })
    .await
}

/// Two people label a project together, each asking for the next task at the same instant.
async fn shared_work(settings: Settings) -> anyhow::Result<()> {
    const TASKS: usize = 24;
    let world = World::with(settings).await?;
    let (project, tasks) = project_with(&world, TASKS).await?;
    let next = format!("/api/projects/{project}/next");
    let owner = Member::owner(&world.longshore);
    let ann = Member::annotator(&world.longshore, "ann@example.com")?;

    let mut labeled = Vec::new();
    let (mut mine, mut theirs) = (next.clone(), next.clone());
    while labeled.len() < TASKS {
        let (first, second) = tokio::try_join!(owner.get(&mine), ann.get(&theirs))?;
        for (member, task, path) in [(&owner, first, &mut mine), (&ann, second, &mut theirs)] {
            let id = task["id"].as_i64().context("id")?;
            assert_eq!(task["project"], project);
            assert_eq!(task["is_labeled"], false);
            assert!(task["annotations"].is_array() && task["drafts"].is_array());
            let at = format!("/api/tasks/{id}/annotations");
            member.post(&at, &annotation("cat")).await?;
            labeled.push(id);
            *path = format!("{next}?after={id}");
        }
    }
    labeled.sort_unstable();
    assert_eq!(labeled, tasks, "each once");
    let nothing = owner.ask(Method::GET, &next, None).await?;
    assert_eq!(
        (nothing.status, &nothing.json["code"]),
        (404, &json!("nothing_left"))
    );

    let history = format!("/api/projects/{project}/label-stream-history");
    let lines = owner.get(&history).await?;
    let lines = lines.as_array().context("history")?;
    assert_eq!(lines.len(), TASKS / 2, "mine only");
    let at: Vec<_> = lines
        .iter()
        .map(|line| line["annotationId"].as_i64())
        .collect();
    assert!(at.is_sorted_by(|newer, older| newer > older), "{at:?}");
    assert_eq!(lines[0]["wasCancelled"], false);
    Ok(())
}

#[tokio::test]
async fn a_submission_is_repeated_after_a_crash_and_counts_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let (project, tasks) = project_with(&world, 1).await?;
    let drafts = format!("/api/tasks/{}/drafts/", tasks[0]);
    let annotations = format!("/api/tasks/{}/annotations/", tasks[0]);
    let draft = world
        .longshore
        .post(&drafts, &json!({"result": [], "lead_time": 0.5}))
        .await?
        .expect(201)?;
    let mut body = annotation("cat");
    body["unique_id"] = "7a0f5f3e-4c1b-4a3e-9a41-6e0f2e6f1c55".into();
    body["draft_id"] = draft["id"].clone();
    let first = world
        .longshore
        .post(&annotations, &body)
        .await?
        .expect(201)?;
    // The browser never saw that answer.
    world.longshore.crash_and_restart()?;
    let again = world.longshore.post(&annotations, &body);
    let once_more = world.longshore.post(&annotations, &body);
    let (again, once_more) = tokio::try_join!(again, once_more)?;
    assert_eq!(again.expect(201)?["id"], first["id"]);
    assert_eq!(once_more.expect(201)?["id"], first["id"]);

    let seen = world
        .longshore
        .get(&format!("/api/projects/{project}/"))
        .await?;
    assert_eq!(seen.expect(200)?["total_annotations_number"], 1);
    let seen = world
        .longshore
        .get(&format!("/api/tasks/{}/", tasks[0]))
        .await?;
    let seen = seen.expect(200)?;
    assert_eq!(
        (&seen["drafts"], &seen["draft_exists"]),
        (&json!([]), &json!(false))
    );

    let ann = Member::annotator(&world.longshore, "ann@example.com")?;
    let taken = ann.ask(Method::POST, &annotations, Some(&body)).await?;
    assert_eq!(taken.status, 409, "{}", taken.text);
    Ok(())
}

#[tokio::test]
async fn who_saves_second_is_told_and_overwrites_nothing() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (_, tasks) = project_with(&world, 1).await?;
    let owner = Member::owner(&world.longshore);
    let ann = Member::annotator(&world.longshore, "ann@example.com")?;
    let annotations = format!("/api/tasks/{}/annotations", tasks[0]);
    let made = owner.post(&annotations, &annotation("cat")).await?;
    let path = format!("/api/annotations/{}", made["id"]);
    let (opened, dog) = (etag(&made)?, annotation("dog"));
    let read = owner.ask(Method::GET, &path, None).await?;
    assert_eq!(read.headers["etag"].to_str()?, opened);

    let saved = ann
        .ask_if(Method::PATCH, &path, Some(&dog), Some(&opened))
        .await?;
    let saved_etag = saved.headers["etag"].to_str()?.to_owned();
    let saved = saved.expect(200)?;
    assert_eq!(saved_etag, etag(&saved)?);
    assert_ne!(saved_etag, opened);

    for (method, body) in [
        (Method::PATCH, Some(annotation("bird"))),
        (Method::DELETE, None),
    ] {
        let refused = owner
            .ask_if(method, &path, body.as_ref(), Some(&opened))
            .await?;
        let refused = refused.expect(412)?;
        assert_eq!(refused["code"], "changed_meanwhile");
        let detail = refused["detail"].as_str().context("detail")?;
        let at = saved["updated_at"].as_str().context("updated_at")?;
        assert!(
            detail.contains("ann@example.com") && detail.contains(at),
            "{detail}"
        );
        assert_eq!(refused["current"]["result"], dog["result"]);
        assert_eq!(refused["current"]["updated_at"], saved["updated_at"]);
    }
    assert_eq!(owner.get(&path).await?["result"], dog["result"]);

    let unquoted = saved_etag.trim_matches('"');
    let wrong = owner
        .ask_if(Method::PATCH, &path, Some(&dog), Some(unquoted))
        .await?;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    for tags in [&format!("{opened}, {saved_etag}"), "*"] {
        let saved = owner.ask_if(Method::PATCH, &path, Some(&dog), Some(tags));
        saved.await?.expect(200)?;
    }
    // Without a condition, as scripts do it.
    owner
        .ask(Method::PATCH, &path, Some(&json!({"ground_truth": true})))
        .await?
        .expect(200)?;
    let gone = owner.ask_if(Method::DELETE, &path, None, Some("*")).await?;
    assert_eq!(gone.status, 204, "{}", gone.text);
    Ok(())
}

#[tokio::test]
async fn drafts_are_kept_for_their_person_and_go_with_the_submission() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (project, tasks) = project_with(&world, 3).await?;
    let owner = Member::owner(&world.longshore);
    let ann = Member::annotator(&world.longshore, "ann@example.com")?;
    let at = format!("/api/tasks/{}", tasks[2]);
    let drafts = format!("{at}/drafts");
    let mut body =
        json!({"result": annotation("cat")["result"], "lead_time": 4.5, "parent_prediction": null});
    let saved = ann.post(&drafts, &body).await?;
    for (field, value) in [
        ("user", json!("ann@example.com")),
        ("task", json!(tasks[2])),
        ("annotation", Value::Null),
        ("lead_time", json!(4.5)),
        ("was_postponed", json!(false)),
        ("result", body["result"].clone()),
    ] {
        assert_eq!(saved[field], value, "{field}");
    }
    body["result"] = annotation("dog")["result"].clone();
    assert_eq!(ann.post(&drafts, &body).await?["id"], saved["id"]);

    let mine = ann.get(&at).await?;
    assert_eq!(mine["draft_exists"], true);
    assert_eq!(mine["drafts"][0]["result"], body["result"]);
    let theirs = owner.get(&at).await?;
    assert_eq!(
        (&theirs["drafts"], &theirs["draft_exists"]),
        (&json!([]), &json!(false))
    );
    let draft = format!("/api/drafts/{}", saved["id"]);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let hidden = owner.ask(method, &draft, Some(&body)).await?;
        assert_eq!(hidden.status, 404, "{}", hidden.text);
    }
    assert_eq!(owner.get(&drafts).await?, json!([]));

    // What is unfinished comes first; then the tasks in their order.
    let next = format!("/api/projects/{project}/next");
    assert_eq!(ann.get(&next).await?["id"], tasks[2]);
    let after = format!("{next}?after={}", tasks[2]);
    assert_eq!(ann.get(&after).await?["id"], tasks[0]);

    let changed = json!({"lead_time": 6.0});
    let changed = ann.ask(Method::PATCH, &draft, Some(&changed)).await?;
    assert_eq!(changed.expect(200)?["result"], body["result"]);
    body["draft_id"] = saved["id"].clone();
    let made = ann.post(&format!("{at}/annotations"), &body).await?;
    assert_eq!(ann.ask(Method::GET, &draft, None).await?.status, 404);

    let of_change = format!("{at}/annotations/{}/drafts", made["id"]);
    let change = ann.post(&of_change, &json!({"result": []})).await?;
    assert_eq!(change["annotation"], made["id"]);
    assert_eq!(ann.get(&of_change).await?[0]["id"], change["id"]);
    let path = format!("/api/annotations/{}", made["id"]);
    let patch = json!({"result": [], "draft_id": change["id"]});
    ann.ask(Method::PATCH, &path, Some(&patch))
        .await?
        .expect(200)?;
    assert_eq!(ann.get(&drafts).await?, json!([]));
    let elsewhere = format!("/api/tasks/{}/annotations/{}/drafts", tasks[0], made["id"]);
    for method in [Method::GET, Method::POST] {
        let wrong = ann.ask(method, &elsewhere, Some(&patch)).await?;
        assert_eq!(wrong.status, 404, "{}", wrong.text);
    }
    Ok(())
}

#[tokio::test]
async fn people_on_the_same_task_see_each_other() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (_, tasks) = project_with(&world, 1).await?;
    let owner = Member::owner(&world.longshore);
    let ann = Member::annotator(&world.longshore, "ann@example.com")?;
    let path = format!("/api/tasks/{}/presence", tasks[0]);
    let seen = async |member: &Member<'_>| {
        let seen = member.ask(Method::POST, &path, None).await?;
        seen.expect(200)
    };
    assert_eq!(
        seen(&owner).await?,
        json!({"others": [], "annotations": []})
    );
    let made = owner
        .post(
            &format!("/api/tasks/{}/annotations", tasks[0]),
            &annotation("cat"),
        )
        .await?;
    let for_ann = seen(&ann).await?;
    assert_eq!(for_ann["others"][0]["email"], Longshore::EMAIL);
    assert!(for_ann["others"][0]["seen_at"].is_string());
    let version = json!({"id": made["id"], "updated_at": made["updated_at"]});
    assert_eq!(for_ann["annotations"], json!([version]));
    assert_eq!(seen(&owner).await?["others"][0]["email"], "ann@example.com");
    Ok(())
}
