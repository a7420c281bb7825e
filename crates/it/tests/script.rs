//! No stranger's script: the policy of every page, and what a stored type becomes at the front door.

use anyhow::Context;
use reqwest::{Method, header::ACCEPT};
use serde_json::json;
use testkit::{Answer, Longshore, Person};

use crate::world::{IMAGE_CONFIG, World};

/// The pages of the route table, and the steps of both wizards; live parts, which never end, are none.
fn page_addresses() -> Vec<String> {
    let is_page = |path: &str| {
        let parts = ["/api/", "/static/", "/editor/", "/fonts/"];
        !parts.iter().any(|part| path.starts_with(part)) && !path.ends_with("/events")
    };
    let routes = server::every_route().into_iter();
    let mut found: Vec<String> = routes
        .filter(|route| route.method == "GET" && is_page(&route.path))
        .map(|route| route.path)
        .collect();
    for wizard in ["connect", "connect-target"] {
        for step in ["/sign-in", "/place", "/content", "/review"] {
            found.push(format!("/projects/{{id}}/{wizard}{step}"));
        }
    }
    found
}

fn directive<'a>(policy: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = policy.split("; ");
    parts.find_map(|part| part.strip_prefix(name)?.strip_prefix(' '))
}

#[tokio::test]
async fn every_page_runs_its_own_scripts_only() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let task = json!({"project": project, "data": {"image": "a.png"}});
    let task = world
        .longshore
        .post("/api/tasks", &task)
        .await?
        .expect(201)?;
    let storage = world.source(project, "media", json!({})).await?;
    let storage = storage.rsplit('/').next().context("a storage")?.to_owned();
    let owner = Person::owner(&world.longshore).await?;
    let mut pages = 0;
    for route in page_addresses() {
        let id = if route.starts_with("/storages/") {
            storage.clone()
        } else if route.starts_with("/tasks/") {
            task["id"].to_string()
        } else {
            project.to_string()
        };
        let path = route
            .replace("{id}", &id)
            .replace("{task}", &task["id"].to_string());
        if path.ends_with("/events") {
            continue;
        }
        let answer = owner.get(&path).await?;
        let policy = answer.headers.get("content-security-policy");
        let policy = policy
            .with_context(|| format!("{path} has no policy"))?
            .to_str()?;
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        if !answer.text.starts_with("<!doctype html>") {
            continue;
        }
        pages += 1;
        check_page(&path, policy, &answer)?;
    }
    assert!(pages > 25, "{pages} pages were seen");
    Ok(())
}

fn check_page(path: &str, policy: &str, answer: &Answer) -> anyhow::Result<()> {
    let scripts = directive(policy, "script-src").with_context(|| format!("{path}: {policy}"))?;
    let nonce = scripts.split('\'').nth(1).context("a nonce")?;
    let nonce = nonce.strip_prefix("nonce-").context("a nonce")?;
    assert!(nonce.len() >= 22, "{path}: {policy}");
    let others: Vec<&str> = scripts.split(' ').skip(1).collect();
    assert!(
        others.iter().all(|other| *other == "'wasm-unsafe-eval'"),
        "{path}: {policy}"
    );
    for name in ["base-uri", "object-src"] {
        let is_preview = path.ends_with("/label-preview") && name == "object-src";
        assert!(
            is_preview || directive(policy, name) == Some("'none'"),
            "{path}: {policy}"
        );
    }
    let is_editor = answer.text.contains("id=\"editor\"");
    let forms = directive(policy, "form-action").context("form-action")?;
    assert!(
        forms.starts_with(if is_editor { "'none'" } else { "'self'" }),
        "{path}: {policy}"
    );
    let framed_by = if path.ends_with("/label-preview") {
        "'self'"
    } else {
        "'none'"
    };
    assert_eq!(
        directive(policy, "frame-ancestors"),
        Some(framed_by),
        "{path}"
    );
    for script in answer.text.split("<script ").skip(1) {
        let tag = script.split('>').next().unwrap_or("");
        assert!(
            tag.contains(&format!("nonce=\"{nonce}\"")) || tag.contains("application/json"),
            "{path}: {tag}"
        );
    }
    let has_htmx = answer.text.contains("htmx.min.js");
    assert!(!(is_editor && has_htmx), "{path} has htmx");
    Ok(())
}

#[tokio::test]
async fn whatever_type_was_stored_the_browser_gets_one_of_ours() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[]).await?;
    let stored = [
        (
            "a.png",
            "image/png,text/javascript",
            "application/octet-stream",
        ),
        ("b.js", "text/javascript", "application/octet-stream"),
        ("c.css", "text/css", "application/octet-stream"),
        ("d.xml", "application/xml", "application/octet-stream"),
        (
            "e.txt",
            "text/plain; charset=utf-7",
            "text/plain; charset=utf-8",
        ),
        ("f.svg", "image/svg+xml", "image/svg+xml"),
        (
            "g",
            "multipart/x-mixed-replace; boundary=x",
            "application/octet-stream",
        ),
        ("h.png", "image/png", "image/png"),
    ];
    for (name, content_type, _) in stored {
        world
            .azure
            .put_blob(&world.account, "media", name, content_type, "x".into())
            .await?;
    }
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    world.sync(&storage).await?;
    for task in world.tasks(project).await? {
        let path = task["data"]["image"].as_str().context("an address")?;
        let ask = |used_as: &'static str| {
            let request = world.longshore.request(Method::GET, path);
            Longshore::answer(
                request
                    .header("sec-fetch-dest", used_as)
                    .header(ACCEPT, "*/*"),
            )
        };
        let answer = ask("image").await?;
        let sent = answer.headers["content-type"].to_str()?;
        let name = task["storage_filename"].as_str().context("a name")?;
        let (_, _, wanted) = stored
            .iter()
            .find(|(stored, ..)| *stored == name)
            .context("it")?;
        assert_eq!(sent, *wanted, "{name}");
        for used_as in [
            "script",
            "style",
            "worker",
            "serviceworker",
            "manifest",
            "xslt",
            "embed",
            "iframe",
        ] {
            assert_eq!(ask(used_as).await?.status, 403, "{name} as {used_as}");
        }
    }
    Ok(())
}
