//! Managed identities: no endpoint, no such identity, and endpoints that have a bad day.

use serde_json::{Value, json};

use super::{
    case::{Case, cases},
    lab::Lab,
};

/// A reader that is attached to the machine; client id, object id, resource id.
async fn identity(lab: &Lab) -> anyhow::Result<[String; 3]> {
    let body = json!({"tenant": lab.tenant, "name": "labeling", "kind": "user_assigned"});
    let identity = lab.post("/identities", body).await?;
    let ids = ["client_id", "object_id", "resource_id"]
        .map(|field| identity[field].as_str().unwrap_or_default().to_owned());
    lab.assign(&ids[1], "Storage Blob Data Reader", &lab.account.scope)
        .await?;
    Ok(ids)
}

async fn detach(lab: &Lab, object_id: &str) -> anyhow::Result<Value> {
    lab.patch(
        &format!("/identities/{object_id}"),
        json!({"attached": false}),
    )
    .await
}

cases! {
    no_metadata_service: async |lab: &Lab| {
        let [client_id, ..] = identity(lab).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "sign_in", "identity_endpoint_absent")
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9"))
    };
    no_app_service: async |lab: &Lab| {
        let fields = lab.by_identity(json!({"identity_source": "app_service"}));
        Ok(Case::new(fields, "sign_in", "identity_endpoint_absent"))
    };
    no_projected_token: async |lab: &Lab| {
        let fields = lab.by_identity(json!({"identity_source": "workload_identity"}));
        Ok(Case::new(fields, "sign_in", "identity_endpoint_absent")
            .env("AZURE_CLIENT_ID", "00000000-0000-4000-8000-000000000000")
            .env("AZURE_TENANT_ID", &lab.tenant)
            .env("AZURE_FEDERATED_TOKEN_FILE", lab.path("nothing").display().to_string()))
    };
    /// Nobody is asked, and it does not say that Azure refused.
    workload_identity_without_a_client_id: async |lab: &Lab| {
        std::fs::write(lab.path("token"), "projected.token.text")?;
        let fields = lab.by_identity(json!({"identity_source": "workload_identity"}));
        Ok(Case::new(fields, "sign_in", "workload_client_id_missing")
            .says("Azure was not asked")
            .env("AZURE_TENANT_ID", &lab.tenant)
            .env("AZURE_FEDERATED_TOKEN_FILE", lab.path("token").display().to_string()))
    };
    identity_not_assigned: async |lab: &Lab| {
        let [_, object_id, resource_id] = identity(lab).await?;
        detach(lab, &object_id).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_resource_id": resource_id}));
        Ok(Case::new(fields, "sign_in", "identity_not_found")
            .says(resource_id)
            .fixed()
            .fill("VM", "labeling-vm")
            .fill("GROUP", "local"))
    };
    identity_of_that_client_id_not_assigned: async |lab: &Lab| {
        let [client_id, object_id, resource_id] = identity(lab).await?;
        detach(lab, &object_id).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "sign_in", "identity_not_found")
            .says(client_id)
            .fixed()
            .fill("VM", "labeling-vm")
            .fill("GROUP", "local")
            .fill("IDENTITY_RESOURCE_ID", resource_id))
    };
    identity_without_a_role: async |lab: &Lab| {
        let (client_id, _) = lab.azure.create_identity(&lab.tenant, "labeling", "user_assigned").await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "list", "role_missing").says(client_id).fixed())
    };
    metadata_service_throttled: async |lab: &Lab| {
        let [client_id, ..] = identity(lab).await?;
        lab.fault("imds", "", json!({"status": {"status": 429, "retry_after_s": 60}})).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "sign_in", "identity_busy").says("429"))
    };
    metadata_service_updating: async |lab: &Lab| {
        let [client_id, ..] = identity(lab).await?;
        lab.fault("imds", "", json!({"status": {"status": 410}})).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "sign_in", "identity_busy").says("410"))
    };
    metadata_service_failing: async |lab: &Lab| {
        let [client_id, ..] = identity(lab).await?;
        lab.fault("imds", "", json!({"status": {"status": 503}})).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "sign_in", "identity_busy").says("503"))
    };
    metadata_service_silent: async |lab: &Lab| {
        let [client_id, ..] = identity(lab).await?;
        lab.fault("imds", "", json!({"delay": {"ms": 120_000}})).await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "sign_in", "identity_endpoint_slow"))
    };
    app_service_header_wrong: async |lab: &Lab| {
        let fields = lab.by_identity(json!({"identity_source": "app_service"}));
        Ok(Case::new(fields, "sign_in", "identity_header_refused")
            .says("401")
            .env("IDENTITY_ENDPOINT", &lab.azure.endpoints.identity_endpoint)
            .env("IDENTITY_HEADER", "00000000-an-old-header"))
    };
    identity_of_another_tenant: async |lab: &Lab| {
        let fabrikam = lab.azure.create_tenant("fabrikam.example").await?;
        let (client_id, _) = lab.azure.create_identity(&fabrikam, "theirs", "user_assigned").await?;
        let fields = lab.by_identity(json!({"identity_source": "imds", "identity_client_id": client_id}));
        Ok(Case::new(fields, "list", "wrong_tenant").says(&lab.tenant))
    };
}
