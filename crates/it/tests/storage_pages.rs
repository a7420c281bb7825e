//! The pages of storages: for whom they are, and that the wizard keeps secrets to itself.

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::Person;

use crate::{
    pages::made,
    world::{IMAGE_CONFIG, World},
};

const OF_PROJECT: [&str; 8] = [
    "/storages",
    "/storages/events",
    "/exports",
    "/exports/events",
    "/connect",
    "/connect/sign-in",
    "/connect-target",
    "/connect-target/sign-in",
];
const OF_STORAGE: [&str; 9] = [
    "",
    "/events",
    "/history",
    "/history/events",
    "/errors",
    "/errors/events",
    "/settings",
    "/disconnect",
    "/check",
];
const SENT_TO_PROJECT: [&str; 6] = [
    "/connect/sign-in",
    "/connect/review",
    "/connect/check",
    "/connect/preview",
    "/connect/start-over",
    "/connect-target/place",
];
const SENT_TO_STORAGE: [&str; 6] = [
    "/sync",
    "/cancel",
    "/errors/retry",
    "/settings",
    "/disconnect",
    "/check",
];

#[tokio::test]
async fn annotators_are_refused_and_other_organizations_find_nothing() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let source = world.source(project, "media", json!({})).await?;
    let id = source.rsplit('/').next().context("id")?;
    let create = ["user", "create", "ann@example.com", "--role", "annotator"];
    let annotator = made(&world, &create, "ann@example.com").await?;
    let eve = "eve@example.com";
    let create = ["organization", "create", "Other", "--owner", eve];
    let stranger = made(&world, &create, eve).await?;

    let of_project = |rest: &str| format!("/projects/{project}{rest}");
    let of_storage = |rest: &str| format!("/storages/{id}{rest}");
    let mut wrong = Vec::new();
    let shown = OF_PROJECT.map(of_project).into_iter();
    for path in shown.chain(OF_STORAGE.map(of_storage)) {
        for (who, person, status) in [("annotator", &annotator, 403), ("stranger", &stranger, 404)]
        {
            let answer = person.get(&path).await?;
            // The first page of the wizard only leads to the first step, which is refused.
            let is_entrance = answer.status == 303 && status == 404 && path.contains("/connect");
            if answer.status != status && !is_entrance {
                wrong.push(format!("GET {path} by {who}: {}", answer.status));
            }
        }
    }
    let sent = SENT_TO_PROJECT.map(of_project).into_iter();
    for path in sent.chain(SENT_TO_STORAGE.map(of_storage)) {
        for (who, person, status) in [("annotator", &annotator, 403), ("stranger", &stranger, 404)]
        {
            let answer = person.post(&path, &[]).await?;
            if answer.status != status {
                wrong.push(format!("POST {path} by {who}: {}", answer.status));
            }
        }
    }
    for (who, person, status) in [("annotator", &annotator, 403), ("stranger", &stranger, 200)] {
        let answer = person.get("/exports").await?;
        if answer.status != status || answer.text.contains("media") {
            wrong.push(format!("GET /exports by {who}: {}", answer.status));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn a_secret_goes_through_the_wizard_once_and_is_kept_sealed() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let owner = Person::owner(&world.longshore).await?;
    let at = |step: &str| format!("/projects/{project}/connect/{step}");
    let (key, account) = (world.account.key.as_str(), world.account.name.as_str());

    // Nobody is let in at a later step.
    let early = owner.get(&at("review")).await?;
    assert_eq!(early.location()?, at("sign-in"));

    let sign_in = [("method", "account_key"), ("account_key", key)];
    let next = owner
        .post(&at("sign-in"), &[&sign_in[..], &[("go", "next")]].concat())
        .await?;
    assert_eq!(next.location()?, at("place"));
    let place = [("account_name", account), ("container", "media")];
    let place = [&place[..], &[("serve", "proxy"), ("go", "next")]].concat();
    let next = owner.post(&at("place"), &place).await?;
    assert_eq!(next.location()?, at("content"), "{}", next.text);
    for step in ["sign-in", "place", "content"] {
        let page = owner.get(&at(step)).await?;
        assert_eq!(page.status, 200);
        ensure!(!page.text.contains(key), "{step} shows the key");
    }
    let database = std::fs::read_dir(&world.longshore.data_dir)?;
    for file in database.flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path())?;
        let is_there = bytes.windows(key.len()).any(|part| part == key.as_bytes());
        ensure!(!is_there, "{} holds the key", file.path().display());
    }

    let content = [("import_mode", "files"), ("recursive", "on")];
    let content = [&content[..], &[("go", "next")]].concat();
    let next = owner.post(&at("content"), &content).await?;
    assert_eq!(next.location()?, at("review"));
    let saved = owner
        .post(&at("review"), &[("go", "save_and_sync")])
        .await?;
    let id = saved
        .location()?
        .rsplit('/')
        .next()
        .context("id")?
        .to_owned();
    let storage = world.ended(&format!("/api/storages/azure/{id}")).await?;
    assert_eq!(storage["last_sync_count"], 1, "{storage}");
    // What was entered is gone.
    let again = owner.get(&at("review")).await?;
    assert_eq!(again.location()?, at("sign-in"));
    Ok(())
}
