//! The pages of storages: the wizard keeps secrets to itself.

use anyhow::{Context, ensure};
use testkit::Person;

use crate::world::{IMAGE_CONFIG, World};

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
