//! Targets: new files, replaced files, deleted files.

use serde_json::json;
use testkit::{Role, Sas, SasScope};

use super::{
    case::{Case, cases},
    lab::{CONTAINER, Client, Lab},
};

const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";

/// A client with a custom role of these data actions on the account.
async fn with_role(lab: &Lab, actions: &[&str]) -> anyhow::Result<Client> {
    let client = lab.client().await?;
    let actions: Vec<String> = actions
        .iter()
        .map(|action| format!("{BLOBS}/{action}"))
        .collect();
    lab.post(
        "/role-definitions",
        json!({"name": "Custom", "data_actions": actions}),
    )
    .await?;
    lab.assign(&client.principal, "Custom", &lab.account.scope)
        .await?;
    Ok(client)
}

cases! {
    reader_cannot_write: async |lab: &Lab| {
        let client = lab.reader().await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"prefix": "export"}));
        Ok(Case::new(fields, "write", "role_missing")
            .target()
            .says("Storage Blob Data Contributor")
            .fixed())
    };
    cannot_delete: async |lab: &Lab| {
        let client = with_role(lab, &["read", "write", "add/action"]).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"can_delete_objects": true}));
        Ok(Case::new(fields, "delete", "role_missing").target().fixed())
    };
    /// Changed annotations must replace the file of their task.
    cannot_overwrite: async |lab: &Lab| {
        let client = with_role(lab, &["read", "add/action"]).await?;
        let per_task = json!({"export_layout": "per_task"});
        let fields = lab.by_secret(&client.app, &client.secret, per_task);
        Ok(Case::new(fields, "overwrite", "overwrite_not_allowed")
            .target()
            .azure_code("UnauthorizedBlobOverwrite")
            .fixed())
    };
    /// Each annotation has its own file: it works, until one is changed.
    append_only: async |lab: &Lab| {
        let client = with_role(lab, &["read", "add/action"]).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "overwrite", "append_only").target().state("advice").fixed())
    };
    container_missing: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.azure.assign_role(&client.principal, Role::DataContributor, &lab.account.scope).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"container": "annotations"}));
        Ok(Case::new(fields, "write", "container_not_found").target().fixed())
    };
    sas_without_write: async |lab: &Lab| {
        let sas = Sas { scope: SasScope::Container(CONTAINER), ..Sas::default() };
        let fields = lab.by_sas(&sas.signed_by(&lab.account), json!({}));
        Ok(Case::new(fields, "write", "sas_permission_missing")
            .target()
            .fixed_by_entering("sas_token")
            .fill("YYYY-MM-DDTHH:MMZ", Lab::in_hours(24)))
    };
    account_key_off: async |lab: &Lab| {
        lab.switch(json!({"allow_shared_key": false})).await?;
        Ok(Case::new(lab.by_key(json!({})), "write", "shared_key_disabled").target().fixed())
    };
    /// What the check wrote stays, and is told of.
    retention_policy: async |lab: &Lab| {
        lab.switch(json!({"holds": [{"kind": "retention", "container": CONTAINER}]})).await?;
        Ok(Case::new(lab.by_key(json!({})), "overwrite", "retention_policy").target())
    };
    leased: async |lab: &Lab| {
        lab.switch(json!({"holds": [{"kind": "lease", "container": CONTAINER}]})).await?;
        Ok(Case::new(lab.by_key(json!({})), "overwrite", "leased").target().says("lease"))
    };
}

/// A target that works is left as it was: the check's own blob is gone.
#[tokio::test]
async fn nothing_is_left_behind() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let case = Case::new(lab.by_key(json!({"prefix": "export"})), "", "").target();
    let longshore = lab.longshore(&case).await?;
    let before = lab.azure.blob_names(&lab.account, CONTAINER).await?;
    let report = lab.check(&longshore, &case).await?;
    // An account key is more than a target needs.
    assert_eq!(report["verdict"], "advice", "{report:#}");
    assert_eq!(lab.azure.blob_names(&lab.account, CONTAINER).await?, before);
    Ok(())
}
