//! Unlinking: at that instant, everywhere, and honest about what stays in Azure.

use std::time::Duration;

use private_postgres::PrivatePostgres;
use serde_json::{Value, json};
use testkit::{Longshore, Role, Settings, eventually};

use super::Stage;
use crate::world::sealing_key;

impl Stage {
    /// Links Contoso, lets its service principal read `media`, and attaches that; the link.
    async fn attached(&self, storage: Value) -> anyhow::Result<(Value, String)> {
        let owner = self.owner().await?;
        let link = self.connect(&owner, &self.ada).await?;
        let (azure, account) = (&self.world.azure, &self.world.account);
        let principal = self.principal(&link);
        for (role, scope) in [
            (Role::DataReader, account.container_scope("media")),
            (Role::Delegator, account.scope.clone()),
        ] {
            azure.assign_role(principal, role, &scope).await?;
        }
        let project = self.world.project(crate::world::IMAGE_CONFIG).await?;
        let mut body = json!({
            "project": project, "account_name": account.name, "container": "media",
            "tenant_id": self.world.tenant, "use_blob_urls": true, "recursive_scan": true, "presign": false,
        });
        for (name, value) in storage.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let storage = self
            .world
            .storage("/api/storages/azure_link/", &body)
            .await?;
        Ok((link, storage))
    }

    async fn unlink(&self, longshore: &Longshore) -> anyhow::Result<()> {
        let path = format!("/api/azure-links/{}/", self.world.tenant);
        let answer = longshore.delete(&path).await?;
        anyhow::ensure!(answer.status < 300, "{}: {}", answer.status, answer.text);
        Ok(())
    }
}

#[tokio::test]
async fn from_that_instant_nothing_is_read_and_the_page_says_what_stays() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    stage.world.container("media", &[("a.png", "x")]).await?;
    let (_, storage) = stage.attached(json!({"presign": true})).await?;
    let synced = stage.world.sync(&storage).await?;
    assert_eq!(synced["status"], "completed", "{synced}");
    let project = synced["project"].as_i64().expect("a project");
    let task = stage.world.tasks(project).await?.remove(0);
    let signed = task["data"]["image"].as_str().expect("a path").to_owned();
    assert_eq!(stage.resolve(&signed).await?.status, 303);
    let path = stage.task("media", "a.png").await?;
    assert!(stage.resolve(&path).await?.status < 400);

    let owner = stage.owner().await?;
    let unlink = format!("/settings/integrations/{}/unlink", stage.world.tenant);
    let leftovers = format!("az ad sp delete --id {}", stage.app.client_id);
    let before = owner.get(&unlink).await?;
    let after = owner.post(&unlink, &[]).await?;
    for path in [&path, &signed] {
        assert!(stage.resolve(path).await?.status >= 400, "{path}");
    }
    assert!(
        before.text.contains("One storage uses the link"),
        "{}",
        before.text
    );
    for page in [&before, &after] {
        for words in [
            leftovers.as_str(),
            "az role assignment delete",
            "The last pre-signed URL that was handed out ends by 20",
        ] {
            let is_there = page.text.contains(words);
            assert!(is_there, "{words:?} is not in: {}", page.text);
        }
    }
    // Not by the back door either: public blobs are not read anonymously now.
    let open = json!({"allow_public_access": true});
    azure.set_account(account, &open).await?;
    stage.make_public("media").await?;
    assert!(stage.resolve(&path).await?.status >= 400);
    // Unless the owner says so.
    let allow = [("anonymous_reads", "true")];
    owner
        .post("/settings/integrations/anonymous", &allow)
        .await?;
    let allowed = stage.resolve(&path).await?;
    assert!(allowed.status < 400, "{}", allowed.text);
    Ok(())
}

#[tokio::test]
async fn every_replica_stops_at_once() -> anyhow::Result<()> {
    let database = PrivatePostgres::start();
    let folder = tempfile::tempdir()?;
    let key_file = sealing_key(folder.path())?;
    let environment = vec![
        ("LONGSHORE_DATABASE_URL", database.url()),
        ("LONGSHORE_SECRET_KEY_FILE", key_file.display().to_string()),
    ];
    let (stage, environment) = Stage::replicated(environment).await?;
    let other = Longshore::start(
        &stage.world.azure.endpoints.cloud_file,
        Settings {
            environment,
            ..Settings::default()
        },
    )?;
    stage.world.container("media", &[("a.png", "x")]).await?;
    stage.attached(json!({})).await?;
    let path = stage.task("media", "a.png").await?;
    let at_other = async || Longshore::answer(other.request(reqwest::Method::GET, &path)).await;
    assert!(stage.resolve(&path).await?.status < 400);
    assert!(at_other().await?.status < 400);
    stage.unlink(&stage.world.longshore).await?;
    assert!(at_other().await?.status >= 400, "the other replica too");
    Ok(())
}

#[tokio::test]
async fn a_sync_that_runs_stops_says_so_and_loses_nothing() -> anyhow::Result<()> {
    const BLOBS: u64 = 30_000;
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    stage.world.container("media", &[]).await?;
    azure
        .generate(account, "media", BLOBS, "images/", 10)
        .await?;
    // Slowed down, so that there is a middle.
    let slow = json!({"target": "blob", "matches": "comp=list", "kind": {"delay": {"ms": 200}}});
    azure.fault(&slow).await?;
    let (_, storage) = stage.attached(json!({})).await?;
    let longshore = &stage.world.longshore;
    longshore
        .post(&format!("{storage}/sync"), &json!({}))
        .await?
        .expect(200)?;
    eventually("progress", Duration::from_secs(60), async || {
        let now = longshore.get(&storage).await?.expect(200)?;
        Ok((now["last_sync_count"].as_u64().unwrap_or(0) > 0).then_some(()))
    })
    .await?;
    stage.unlink(longshore).await?;
    let ended = stage.world.ended(&storage).await?;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert!(
        ended["traceback"].to_string().contains("link"),
        "it says why: {ended}"
    );
    let project = &ended["project"];
    let counted = || async {
        let project = longshore.get(&format!("/api/projects/{project}/")).await?;
        Ok::<_, anyhow::Error>(project.expect(200)?["task_number"].as_u64())
    };
    let so_far = counted().await?;
    assert_eq!(so_far, ended["last_sync_count"].as_u64());
    assert!(so_far < Some(BLOBS), "the sync was stopped: {so_far:?}");

    // Linked again, it goes on to the last blob, each once.
    let owner = stage.owner().await?;
    stage.connect(&owner, &stage.ada).await?;
    assert_eq!(stage.world.sync(&storage).await?["status"], "completed");
    assert_eq!(counted().await?, Some(BLOBS));
    Ok(())
}
