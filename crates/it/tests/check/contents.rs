//! What is in the account: containers, prefixes, filters, tiers, kinds.

use serde_json::json;

use super::{
    case::{Case, cases},
    lab::{CONTAINER, Lab},
};

cases! {
    container_missing: async |lab: &Lab| {
        let fields = lab.by_key(json!({"container": "medai"}));
        Ok(Case::new(fields, "list", "container_not_found").says("medai").fixed())
    };
    container_being_deleted: async |lab: &Lab| {
        let fault = json!({"status": {"status": 409, "code": "ContainerBeingDeleted"}});
        lab.fault("blob", "restype=container", fault).await?;
        Ok(Case::new(lab.by_key(json!({})), "list", "container_being_deleted")
            .azure_code("ContainerBeingDeleted"))
    };
    prefix_matches_nothing: async |lab: &Lab| {
        let fields = lab.by_key(json!({"prefix": "Cats"}));
        Ok(Case::new(fields, "list", "prefix_matches_nothing").says("Cats"))
    };
    blobs_soft_deleted: async |lab: &Lab| {
        lab.switch(json!({"soft_delete": true})).await?;
        lab.azure.delete_blob(&lab.account, CONTAINER, "dogs/c.png").await?;
        let fields = lab.by_key(json!({"prefix": "dogs"}));
        Ok(Case::new(fields, "list", "blobs_soft_deleted")
            .says("can still be restored: 1.")
            .says("dogs/c.png")
            .fixed())
    };
    /// What was deleted is elsewhere.
    others_soft_deleted: async |lab: &Lab| {
        lab.switch(json!({"soft_delete": true})).await?;
        lab.azure.delete_blob(&lab.account, CONTAINER, "dogs/c.png").await?;
        let fields = lab.by_key(json!({"prefix": "Cats"}));
        Ok(Case::new(fields, "list", "prefix_matches_nothing").says("Cats"))
    };
    /// Nobody tells what was deleted, so nothing is guessed.
    soft_deleted_not_told: async |lab: &Lab| {
        lab.switch(json!({"soft_delete": true})).await?;
        lab.azure.delete_blob(&lab.account, CONTAINER, "dogs/c.png").await?;
        let fault = json!({"status": {"status": 400, "code": "InvalidQueryParameterValue"}});
        lab.fault("blob", "include=deleted", fault).await?;
        let fields = lab.by_key(json!({"prefix": "dogs"}));
        Ok(Case::new(fields, "list", "prefix_matches_nothing").says("dogs"))
    };
    filter_matches_nothing: async |lab: &Lab| {
        let fields = lab.by_key(json!({"regex_filter": ".*\\.jpe?g"}));
        Ok(Case::new(fields, "list", "filter_matches_nothing").says("Of 3 blobs"))
    };
    blob_archived: async |lab: &Lab| {
        lab.azure.create_container(&lab.account, "old").await?;
        lab.azure.put_blob(&lab.account, "old", "a.png", "image/png", b"x".to_vec()).await?;
        lab.azure.set_tier(&lab.account, "old", "a.png", "Archive").await?;
        lab.switch(json!({"rehydration_ms": 0})).await?;
        let fields = lab.by_key(json!({"container": "old"}));
        Ok(Case::new(fields, "read", "blob_archived").says("a.png").fixed())
    };
    blob_on_its_way_out_of_the_archive: async |lab: &Lab| {
        lab.azure.create_container(&lab.account, "old").await?;
        lab.azure.put_blob(&lab.account, "old", "a.png", "image/png", b"x".to_vec()).await?;
        lab.azure.set_tier(&lab.account, "old", "a.png", "Archive").await?;
        lab.azure.set_tier(&lab.account, "old", "a.png", "Hot").await?;
        let fields = lab.by_key(json!({"container": "old"}));
        Ok(Case::new(fields, "read", "blob_rehydrating").azure_code("BlobBeingRehydrated"))
    };
    only_folders_without_recursion: async |lab: &Lab| {
        let fields = lab.by_key(json!({"recursive_scan": false}));
        Ok(Case::new(fields, "list", "only_folders").says("2 folders"))
    };
    /// It works, and there is nothing in it yet.
    container_empty: async |lab: &Lab| {
        lab.azure.create_container(&lab.account, "fresh").await?;
        let fields = lab.by_key(json!({"container": "fresh"}));
        Ok(Case::new(fields, "list", "container_empty").state("advice"))
    };
    some_blobs_archived: async |lab: &Lab| {
        lab.azure.set_tier(&lab.account, CONTAINER, "cats/a.png", "Archive").await?;
        lab.switch(json!({"rehydration_ms": 0})).await?;
        Ok(Case::new(lab.by_key(json!({})), "account_kind", "some_blobs_archived")
            .state("advice")
            .says("cats/")
            .fixed())
    };
    container_public: async |lab: &Lab| {
        lab.switch(json!({"allow_public_access": true})).await?;
        let path = format!("/accounts/{}/containers/{CONTAINER}", lab.account.name);
        lab.patch(&path, json!({"public_access": "container"})).await?;
        let client = lab.reader().await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "public_access", "container_public").state("advice").fixed())
    };
}

/// Directories of such an account are no blobs to label; the account works.
#[tokio::test]
async fn a_hierarchical_namespace_is_told() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let case = Case::new(lab.by_key(json!({})), "", "");
    let longshore = lab.longshore(&case).await?;
    for hierarchical in [false, true] {
        lab.switch(json!({"hierarchical_namespace": hierarchical}))
            .await?;
        let report = lab.check(&longshore, &case).await?;
        let steps = report["steps"].as_array().into_iter().flatten();
        let kind: Vec<_> = steps.filter(|step| step["id"] == "account_kind").collect();
        assert_eq!(kind[0]["state"], "passed", "{report:#}");
        let told = kind[0]["cause"].as_str().unwrap_or_default();
        assert_eq!(
            told.contains("hierarchical namespace"),
            hierarchical,
            "{told}"
        );
    }
    Ok(())
}

/// And nothing at all is wrong with the lab itself, whatever the credential.
#[tokio::test]
async fn nothing_is_wrong() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    lab.switch(super::cors::everybody()).await?;
    let client = lab.reader().await?;
    let presigned = json!({"presign": true});
    let sas = testkit::Sas {
        scope: testkit::SasScope::Container(CONTAINER),
        protocol: "https",
        ..testkit::Sas::default()
    };
    let mut longshore = None;
    for fields in [
        lab.by_key(presigned.clone()),
        lab.by_sas(&sas.signed_by(&lab.account), presigned.clone()),
        lab.by_secret(&client.app, &client.secret, presigned),
    ] {
        let case = Case::new(fields, "", "");
        let longshore = match &longshore {
            Some(running) => running,
            None => longshore.insert(lab.longshore(&case).await?),
        };
        let report = lab.check(longshore, &case).await?;
        // An account key is more than a source needs, whoever uses it.
        let is_good = |step: &serde_json::Value| {
            matches!(step["state"].as_str(), Some("passed" | "skipped"))
                || step["code"] == "account_key_all_rights"
        };
        assert!(
            report["steps"]
                .as_array()
                .is_some_and(|steps| steps.iter().all(is_good)),
            "{report:#}"
        );
        assert!(
            report["steps"].to_string().contains("\"cors\""),
            "{report:#}"
        );
    }
    Ok(())
}
