//! Whatever changes something is told to the audit log: every route of the table and every command
//! is done, and must leave its entry. Refusals and repetitions are told too, and never flood.

pub mod pages;

use std::time::Duration;

use anyhow::{Context, ensure};
use model::AccountName;
use reqwest::Method;
use serde_json::{Value, json};
use server::Route;
use testkit::{Answer, Longshore, Person, eventually};

use crate::{
    isolation::{
        run,
        sample::{MARK, Samples},
        world_with_an_app,
    },
    world::{IMAGE_CONFIG, World},
};

/// What a route leaves in the log.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// An entry with this action.
    As(&'static str),
    /// Nothing, and why that is right.
    Not(&'static str),
}
use Told::{As, Not};

const DRAFT: Told = Not("unfinished work that its person alone sees: nothing is decided");
const CANCEL: Told =
    Not("a run that has ended cannot be stopped; one that waits is, in engine/tests/audit.rs");
const AGREED: Told =
    Not("there is no other organization; azure_link.agree in it/tests/connect/claims.rs");

/// Why the test fails when a route is added.
const UNKNOWN: &str = "say in it/tests/audit.rs what it leaves in the audit log";

fn told(method: &str, path: &str) -> anyhow::Result<Told> {
    let is_target = path.starts_with("/api/storages/export");
    let rest = path.strip_prefix("/api/storages/export");
    let rest = rest.or_else(|| path.strip_prefix("/api/storages"));
    Ok(match (method, rest.unwrap_or(path)) {
        ("POST", "/{kind}") => As("storage.create"),
        ("POST", "/{kind}/validate" | "/{kind}/{id}/check") => As("storage.check"),
        ("POST", "/{kind}/files") => As("storage.preview"),
        ("PATCH" | "PUT", "/{kind}/{id}") => As("storage.change"),
        ("DELETE", "/{kind}/{id}") => As("storage.delete"),
        ("POST", "/{kind}/{id}/sync") if is_target => As("export.start"),
        ("POST", "/{kind}/{id}/sync" | "/{kind}/{id}/retry-errors") => As("sync.start"),
        ("POST", "/{kind}/{id}/cancel") => CANCEL,
        ("POST", "/{kind}/{id}/adopt") => As("export.adopt"),
        ("POST", "/api/jwt/settings") => Not("both kinds of tokens stay on: it changes nothing"),
        ("POST", "/api/token" | "/api/api-tokens") => As("token.create"),
        ("POST", "/api/token/refresh") => As("token.refresh"),
        ("POST", "/api/token/rotate") => As("token.rotate"),
        ("POST", "/api/token/blacklist") | ("DELETE", "/api/api-tokens/{id}") => As("token.revoke"),
        ("POST", "/api/current-user/sign-out-everywhere") => As("session.end_all"),
        ("POST", "/api/projects") => As("project.create"),
        ("PATCH", "/api/projects/{id}") => As("project.change"),
        ("DELETE", "/api/projects/{id}") => As("project.delete"),
        ("POST", "/api/projects/{id}/validate") => Not("it checks a text and changes nothing"),
        ("POST", "/api/projects/{id}/import") => As("task.import"),
        ("POST", "/api/check") => As("storage.check"),
        ("POST", "/api/tasks" | "/api/projects/{id}/tasks") => As("task.create"),
        ("PATCH", "/api/tasks/{id}") => As("task.change"),
        ("DELETE", "/api/tasks/{id}") | ("POST", "/api/dm/actions") => As("task.delete"),
        ("POST", "/api/tasks/{id}/presence") => Not("that a task is open is forgotten in minutes"),
        ("POST", "/api/tasks/{id}/annotations") => As("annotation.create"),
        ("PATCH", "/api/annotations/{id}") => As("annotation.change"),
        ("DELETE", "/api/annotations/{id}") => As("annotation.delete"),
        ("POST", "/api/predictions") => As("prediction.create"),
        ("PATCH", "/api/predictions/{id}") => As("prediction.change"),
        ("DELETE", "/api/predictions/{id}") => As("prediction.delete"),
        (_, path) if path.contains("/drafts") => DRAFT,
        ("POST", "/api/invites") => As("invite.create"),
        ("DELETE", "/api/invites/{id}") => As("invite.revoke"),
        ("PATCH", "/api/members/{id}") => As("member.role"),
        ("DELETE", "/api/members/{id}") => As("member.remove"),
        ("POST", "/api/azure-links/pending/check") => Not("what it links is azure_link.connect"),
        ("PATCH", "/api/azure-links/settings") => As("azure_link.anonymous"),
        ("DELETE", "/api/azure-links/{tenant}") => As("azure_link.unlink"),
        ("POST", "/api/azure-links/{tenant}/check") => As("azure_link.check"),
        // No role on it: nothing is held.
        ("POST", "/api/azure-links/{tenant}/claim") => As("azure_link.refuse"),
        ("POST", "/api/azure-links/{tenant}/agreement") => AGREED,
        _ => anyhow::bail!(UNKNOWN),
    })
}

/// The newest entries, newest first.
async fn entries(longshore: &Longshore, query: &str) -> anyhow::Result<Vec<Value>> {
    let listed = longshore.get(&format!("/api/audit?{query}")).await?;
    Ok(listed.expect(200)?.as_array().context("entries")?.clone())
}

async fn newest(longshore: &Longshore) -> anyhow::Result<i64> {
    let newest = entries(longshore, "limit=1").await?;
    Ok(newest
        .first()
        .and_then(|entry| entry["id"].as_i64())
        .unwrap_or(0))
}

/// Requires an entry with this action, behind the one with the id.
async fn require(
    longshore: &Longshore,
    before: i64,
    action: &str,
    whose: &str,
) -> anyhow::Result<Value> {
    let entries = entries(longshore, "limit=50").await?;
    let new: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["id"].as_i64() > Some(before))
        .collect();
    let found = new
        .iter()
        .find(|entry| entry["action"] == action && entry["by"] == whose);
    let actions: Vec<&Value> = new.iter().map(|entry| &entry["action"]).collect();
    let found = found.with_context(|| format!("no {action} by {whose} among {actions:?}"))?;
    Ok((*found).clone())
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_its_entry() -> anyhow::Result<()> {
    let world = world_with_an_app().await?;
    let longshore = &world.longshore;
    let samples = Samples::new(&world).await?;
    let mut routes = server::every_route();
    routes.retain(|route| route.method != "GET");
    let (pages, api): (Vec<_>, Vec<_>) = routes.into_iter().partition(|route| route.is_page);
    ensure!(
        api.len() > 50 && pages.len() > 40,
        "{} {}",
        api.len(),
        pages.len()
    );
    let mut wrong = Vec::new();
    for Route { method, path, .. } in &api {
        let done = async {
            let action = match told(method, path)? {
                As(action) => action,
                Not(why) => {
                    ensure!(!why.is_empty(), "{path}: say why it leaves none");
                    return Ok(());
                }
            };
            let mut sample = samples
                .make(method.parse::<Method>()?, path, Longshore::TOKEN)
                .await?;
            if path.ends_with("/refresh") || path.ends_with("/rotate") {
                let made = longshore
                    .post("/api/token", &json!({}))
                    .await?
                    .expect(201)?;
                sample.body = Some(json!({"refresh": made["token"]}));
            }
            let before = newest(longshore).await?;
            let mut request = longshore.request(sample.method, &sample.path);
            if let Some(body) = &sample.body {
                request = request.json(body);
            }
            let answer = Longshore::answer(request).await?;
            ensure!(answer.status < 300, "{} {}", answer.status, answer.text);
            require(longshore, before, action, "person").await?;
            anyhow::Ok(())
        };
        if let Err(error) = done.await {
            wrong.push(format!("{method} {path}: {error:#}"));
        }
    }
    wrong.extend(pages::untold(&world, &pages).await?);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn what_the_operator_commands_is_told_as_the_operators() -> anyhow::Result<()> {
    let world = world_with_an_app().await?;
    let longshore = &world.longshore;
    let samples = Samples::new(&world).await?;
    let body = world.by_key(samples.project(), "samples", json!({"use_blob_urls": true}));
    let source = longshore
        .post("/api/storages/azure", &body)
        .await?
        .expect(201)?;
    let body = world.by_key(samples.project(), "samples", json!({}));
    let target = longshore.post("/api/storages/export/azure", &body).await?;
    let (source, target) = (
        source["id"].to_string(),
        target.expect(201)?["id"].to_string(),
    );
    let made = require(longshore, 0, "organization.create", "operator").await?;
    assert_eq!(
        made["user"],
        Value::Null,
        "by the settings at the first start"
    );
    require(longshore, 0, "token.create", "operator").await?;
    let (email, tenant) = ("ann@contoso.example", world.tenant.as_str());
    for (arguments, action) in [
        (
            vec!["user", "create", email, "--role", "owner"],
            "member.create",
        ),
        (vec!["user", "set-password", email], "password.change"),
        (vec!["token", "create", email], "token.create"),
        (
            vec!["azure-link", "add", "--tenant-id", tenant],
            "azure_link.connect",
        ),
        (
            vec!["azure-link", "remove", "--tenant-id", tenant],
            "azure_link.unlink",
        ),
        (vec!["sync", &source], "sync.start"),
        (vec!["export", &target], "export.start"),
        (vec!["check", &source], "storage.check"),
        (vec!["secrets", "rotate"], "secrets.rotate"),
    ] {
        let before = newest(longshore).await?;
        // The check's own verdict is its exit code.
        let output = longshore.command(&arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success() || action == "storage.check",
            "{arguments:?}: {said}"
        );
        let entry = require(longshore, before, action, "operator").await;
        let entry = entry.with_context(|| format!("{arguments:?}"))?;
        assert_eq!(
            (&entry["user"], &entry["email"]),
            (&Value::Null, &Value::Null)
        );
    }
    let only = entries(longshore, "user=operator&limit=1000").await?;
    assert!(only.len() >= 9 && only.iter().all(|entry| entry["by"] == "operator"));
    let page = Person::owner(longshore).await?;
    let page = page.get("/settings/audit?user=operator").await?.text;
    assert!(
        page.contains("<td>The operator, by a command</td>"),
        "{page}"
    );

    // A new organization's log begins with who made it.
    let other = "owner@other.example";
    run(
        longshore,
        &["organization", "create", "Other", "--owner", other],
    )?;
    let other = run(longshore, &["token", "create", other])?;
    let request = longshore.anonymous(Method::GET, "/api/audit");
    let listed = Longshore::answer(request.header("Authorization", format!("Token {other}")));
    let listed = listed.await?.expect(200)?;
    let actions: Vec<&Value> = listed
        .as_array()
        .context("entries")?
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["token.create", "organization.create"]);
    Ok(())
}

async fn by(
    longshore: &Longshore,
    token: &str,
    method: Method,
    path: &str,
) -> anyhow::Result<Answer> {
    let request = longshore.anonymous(method, path);
    let request = request.header("Authorization", format!("Token {token}"));
    Longshore::answer(request.json(&json!({"anonymous_reads": 7}))).await
}

#[tokio::test]
async fn refusals_are_told_and_counted_and_do_not_flood() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let project = world.project(IMAGE_CONFIG).await?;
    let reader = "reader@contoso.example";
    run(
        longshore,
        &["user", "create", reader, "--role", "read_only"],
    )?;
    let reader = run(longshore, &["token", "create", reader])?;

    // Who may not is told so before anything of the body is looked at.
    let path = format!("/api/projects/{project}");
    assert_eq!(
        by(longshore, &reader, Method::DELETE, &path).await?.status,
        403
    );
    let settings = "/api/azure-links/settings";
    assert_eq!(
        by(longshore, &reader, Method::PATCH, settings)
            .await?
            .status,
        403
    );
    assert_eq!(
        by(longshore, &reader, Method::GET, "/api/audit")
            .await?
            .status,
        403
    );
    let refused = entries(longshore, "action=request.refuse&search=reader@").await?;
    let asked: Vec<&Value> = refused
        .iter()
        .map(|entry| &entry["detail"]["asked"])
        .collect();
    assert_eq!(
        asked,
        [
            "GET /api/audit",
            &format!("PATCH {settings}"),
            &format!("DELETE {path}")
        ]
    );

    // The owner's browser is led here by another site's page.
    let owner = Person::owner(longshore).await?;
    let page = owner.post_from(
        "https://evil.example",
        "/settings/account/sign-out-everywhere",
    );
    assert_eq!(page.await?.status, 403);
    let refused = entries(longshore, "action=request.refuse&search=evil.example").await?;
    assert_eq!(
        refused[0]["detail"]["why"], "cross_site_request",
        "{refused:?}"
    );

    let body = json!({"project": project, "data": {"image": "none"}});
    let task = longshore.post("/api/tasks", &body).await?.expect(201)?["id"].clone();
    let long = "%C3%A9".repeat(1_000);
    for number in 0..300 {
        let path = format!("/tasks/{task}/resolve/?fileuri=https%3A%2F%2Fx%2F{number}{long}");
        assert_eq!(
            by(longshore, &reader, Method::GET, &path).await?.status,
            404
        );
    }
    let told = entries(longshore, "action=blob.refuse&limit=1000").await?;
    let count = told
        .iter()
        .map(|entry| entry["detail"]["count"].as_i64().unwrap_or(1));
    assert_eq!(count.sum::<i64>(), 300, "none is lost");
    assert!(told.len() < 60, "{} entries", told.len());
    let longest = told.iter().map(|entry| {
        entry["detail"]["blob"]
            .as_str()
            .map(|blob| blob.chars().count())
    });
    assert_eq!(longest.max(), Some(Some(300)));

    // Wrong passwords until nobody is let try any more.
    for _ in 0..20 {
        assert!(
            Person::sign_in(longshore, Longshore::EMAIL, "wrong password")
                .await
                .is_err()
        );
    }
    let limited = entries(longshore, "action=session.limit").await?;
    assert_eq!(limited[0]["email"], Longshore::EMAIL);
    let count = |entries: Vec<Value>| -> i64 {
        entries
            .iter()
            .map(|entry| entry["detail"]["count"].as_i64().unwrap_or(1))
            .sum()
    };
    let refused = count(entries(longshore, "action=session.refuse").await?);
    assert_eq!(refused + count(limited), 20);

    // Paging through the log is told, in few entries; its export is.
    for _ in 0..50 {
        entries(longshore, "limit=1").await?;
    }
    let limit = Duration::from_secs(30);
    let read = eventually("the count of what was read", limit, async || {
        let read = entries(longshore, "action=audit.read&search=%22action%22%3Anull").await?;
        Ok((count(read.clone()) >= 50).then_some(read))
    });
    let read = read.await?;
    assert!(read.len() < 10, "{} entries", read.len());
    assert_eq!(
        longshore.get("/api/audit/export?action=blob").await?.status,
        200
    );
    let exported = entries(longshore, "action=audit.export").await?;
    assert_eq!(exported[0]["detail"]["asked"]["action"], "blob");
    Ok(())
}

#[tokio::test]
async fn a_signature_in_task_data_goes_nowhere() -> anyhow::Result<()> {
    const SIGNATURE: &str = "SECRETSIGNATURE%3D";
    let world = World::start().await?;
    let longshore = &world.longshore;
    world.container("media", &[("a b.png", "image")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    world.source(project, "media", json!({})).await?;
    let account = AccountName::parse(world.account.name.as_str())?;
    let blob = format!("https://{account}.blob.core.windows.net/media/a%20b.png");
    let pasted = format!("{blob}?sv=2026-02-06&sp=r&sig={SIGNATURE}#top");
    let body = json!({"project": project, "data": {"image": pasted, "note": MARK}});
    let task = longshore.post("/api/tasks", &body).await?.expect(201)?;

    let path = format!("/api/tasks/{}?resolve_uri=true", task["id"]);
    let shown = longshore.get(&path).await?.expect(200)?;
    let link = shown["data"]["image"].as_str().context("a link")?;
    assert!(link.starts_with("/tasks/"), "{link}");
    let read = longshore.get(link).await?;
    assert_eq!(
        (read.status, read.text.as_str()),
        (200, "image"),
        "the link still opens"
    );
    // Also who sends the whole address, as a script may.
    let whole: String = pasted.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let direct = format!("/tasks/{}/resolve/?fileuri={whole}", task["id"]);
    assert_eq!(longshore.get(&direct).await?.status, 200);
    let elsewhere = whole
        .replace("%61%20", "%62%20")
        .replace("%61%25", "%62%25");
    let refused = format!("/tasks/{}/resolve/?fileuri={elsewhere}", task["id"]);
    let refused = longshore.get(&refused).await?;
    assert_eq!(refused.status, 404);
    assert!(
        !refused.text.contains("SECRETSIGNATURE"),
        "{}",
        refused.text
    );

    let log = longshore.get("/api/audit/export").await?.text;
    assert!(!log.contains("SECRETSIGNATURE"), "{log}");
    let reads = entries(longshore, "action=blob.read").await?;
    assert!(
        reads.iter().all(|entry| entry["detail"]["blob"] == blob),
        "{reads:?}"
    );
    let metrics = longshore.get("/metrics").await?;
    assert!(metrics.status == 200 && !metrics.text.contains("SECRETSIGNATURE"));
    let logged = std::fs::read_to_string(longshore.data_dir.join("longshore.log"))?;
    assert!(!logged.contains("SECRETSIGNATURE"));
    // The data itself is the customer's, and goes out as it came.
    let export = longshore
        .get(&format!(
            "/api/projects/{project}/export?exportType=JSON&download_all_tasks=true"
        ))
        .await?;
    assert!(export.text.contains(&pasted), "{}", export.text);
    Ok(())
}
