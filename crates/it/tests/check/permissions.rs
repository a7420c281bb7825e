//! Roles: none, on the wrong place, of the wrong plane, not yet acting, more than needed.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;
use testkit::{Role, eventually};

use super::{
    case::{Case, cases},
    lab::{CONTAINER, Lab},
};

cases! {
    no_role: async |lab: &Lab| {
        let client = lab.client().await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "list", "role_missing")
            .azure_code("AuthorizationPermissionMismatch")
            .says("Storage Blob Data Reader")
            .fixed())
    };
    /// Enough to stream, not to sign.
    reader_of_the_container_only: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.azure.assign_role(&client.principal, Role::DataReader, &lab.container_scope()).await?;
        lab.switch(super::cors::everybody()).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"presign": true}));
        Ok(Case::new(fields, "delegation_key", "delegator_missing")
            .says("Storage Blob Delegator")
            .fixed())
    };
    delegator_and_not_reader: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.azure.assign_role(&client.principal, Role::Delegator, &lab.account.scope).await?;
        lab.switch(super::cors::everybody()).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"presign": true}));
        Ok(Case::new(fields, "list", "role_missing").fixed())
    };
    reader_of_another_container: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.azure.create_container(&lab.account, "other").await?;
        let other = lab.account.container_scope("other");
        lab.azure.assign_role(&client.principal, Role::DataReader, &other).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "list", "role_missing").fixed())
    };
    /// Roles about the account, which do not count for its data.
    owner_of_the_account: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.assign(&client.principal, "Owner", &lab.account.scope).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "list", "role_missing").says("Owner").fixed())
    };
    reader_of_the_subscription: async |lab: &Lab| {
        let client = lab.client().await?;
        let subscription: Vec<&str> = lab.account.scope.split('/').take(3).collect();
        lab.assign(&client.principal, "Reader", &subscription.join("/")).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "list", "role_missing").says("Reader").fixed())
    };
    /// As access control lists of a hierarchical namespace do it: enough to serve, not to import.
    listing_refused_and_reading_allowed: async |lab: &Lab| {
        let client = lab.client().await?;
        let acl = json!({"principal": client.principal, "container": CONTAINER, "permissions": "r"});
        lab.switch(json!({"hierarchical_namespace": true, "acls": [acl]})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "list", "list_not_allowed")
            .state("advice")
            .says("hierarchical namespace"))
    };
    /// A role that would do, and a deny assignment above it.
    denied: async |lab: &Lab| {
        let client = lab.reader().await?;
        lab.switch(json!({"denied": [client.principal]})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "list", "role_missing").says("deny assignment"))
    };
    /// Whoever has just granted it says so, and is not told to grant it.
    role_granted_just_now: async |lab: &Lab| {
        let client = lab.client().await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"granted": true}));
        Ok(Case::new(fields, "list", "role_missing").state("not_yet_effective"))
    };
    /// Works, and may change what it should only read.
    contributor_on_a_source: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.azure.assign_role(&client.principal, Role::DataContributor, &lab.account.scope).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "least_privilege", "role_more_rights")
            .state("advice")
            .says("write and delete")
            .says("Storage Blob Data Reader"))
    };
    /// Works, and can do anything with the account.
    account_key: async |lab: &Lab| {
        Ok(Case::new(lab.by_key(json!({})), "least_privilege", "account_key_all_rights").state("advice"))
    };
}

/// Asking for rights leaves the container as it was, whether they are there or not.
#[tokio::test]
async fn rights_are_asked_for_without_changing_a_blob() -> anyhow::Result<()> {
    for (role, state) in [
        (Role::DataReader, "passed"),
        (Role::DataContributor, "advice"),
    ] {
        let lab = Lab::start().await?;
        let client = lab.client().await?;
        lab.azure
            .assign_role(&client.principal, role, &lab.account.scope)
            .await?;
        let case = Case::new(
            lab.by_secret(&client.app, &client.secret, json!({})),
            "",
            "",
        );
        let longshore = lab.longshore(&case).await?;
        let blobs = format!("/blobs/{}/{CONTAINER}", lab.account.name);
        let before = lab.azure.control(Method::GET, &blobs, &json!({})).await?;
        let report = lab.check(&longshore, &case).await?;
        let after = lab.azure.control(Method::GET, &blobs, &json!({})).await?;
        let steps = report["steps"].as_array().into_iter().flatten();
        let found = steps
            .into_iter()
            .find(|step| step["id"] == "least_privilege")
            .context("the step")?;
        ensure!(found["state"] == state, "{found:#}");
        ensure!(before.to_string().contains("cats/a.png"), "{before:#}");
        assert_eq!(before, after, "nothing was changed");
    }
    Ok(())
}

/// Azure takes minutes to act on a role: the check waits a little, and then tells how it is now.
#[tokio::test]
async fn a_role_that_does_not_act_yet_turns_green_by_itself() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let client = lab.client().await?;
    let fields = lab.by_secret(&client.app, &client.secret, json!({"granted": true}));
    let case = Case::new(fields, "", "");
    let longshore = lab.longshore(&case).await?;
    let assignment = json!({
        "principal": client.principal, "role": "Storage Blob Data Reader",
        "scope": lab.container_scope(), "effective_after_ms": 6_000,
    });
    lab.post("/role-assignments", assignment).await?;
    let first = lab.check(&longshore, &case).await?;
    ensure!(first["verdict"] == "not_yet_effective", "{first:#}");
    eventually("the role to act", Duration::from_secs(40), async || {
        let report = lab.check(&longshore, &case).await?;
        let verdict = report["verdict"].as_str().unwrap_or_default();
        ensure!(
            matches!(verdict, "not_yet_effective" | "ready"),
            "{report:#}"
        );
        Ok((verdict == "ready").then_some(()))
    })
    .await
}
