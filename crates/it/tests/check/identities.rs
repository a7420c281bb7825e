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

/// The machine's own identity, which may write too.
async fn system_identity(lab: &Lab) -> anyhow::Result<()> {
    let (_, object_id) = lab
        .azure
        .create_identity(&lab.tenant, "machine", "system_assigned")
        .await?;
    lab.assign(
        &object_id,
        "Storage Blob Data Contributor",
        &lab.account.scope,
    )
    .await
}

fn arc(lab: &Lab, case: Case) -> Case {
    case.env("IDENTITY_ENDPOINT", &lab.azure.endpoints.arc_endpoint)
        .env("IMDS_ENDPOINT", "http://127.0.0.1:40342")
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
    /// The token comes by the agent's key file: everything is reached, up to advice about the role.
    azure_arc_works: async |lab: &Lab| {
        system_identity(lab).await?;
        let fields = lab.by_identity(json!({"identity_source": "auto"}));
        Ok(arc(lab, Case::new(fields, "least_privilege", "role_more_rights").state("advice")))
    };
    azure_arc_has_one_identity: async |lab: &Lab| {
        let fields = lab.by_identity(json!({"identity_client_id": "00000000-0000-4000-8000-000000000000"}));
        Ok(arc(lab, Case::new(fields, "sign_in", "identity_not_selectable").says("Azure Arc").says("Nothing was asked")))
    };
    azure_arc_does_not_read_other_files: async |lab: &Lab| {
        system_identity(lab).await?;
        lab.profile(|line| (!line.starts_with("arc_keys")).then(|| line.to_owned()))?;
        let fields = lab.by_identity(json!({"identity_source": "azure_arc"}));
        Ok(arc(lab, Case::new(fields, "sign_in", "identity_key_refused").says("/var/opt/azcmagent/tokens")))
    };
    azure_arc_agent_stopped: async |lab: &Lab| {
        let fields = lab.by_identity(json!({}));
        Ok(Case::new(fields, "sign_in", "identity_endpoint_absent")
            .says("Azure Arc agent")
            .says("azcmagent show")
            .env("IDENTITY_ENDPOINT", "http://127.0.0.1:9/metadata/identity/oauth2/token")
            .env("IMDS_ENDPOINT", "http://127.0.0.1:9"))
    };
    azure_machine_learning_works: async |lab: &Lab| {
        let (client_id, object_id) = lab.azure.create_identity(&lab.tenant, "compute", "user_assigned").await?;
        lab.assign(&object_id, "Storage Blob Data Contributor", &lab.account.scope).await?;
        let fields = lab.by_identity(json!({}));
        Ok(Case::new(fields, "least_privilege", "role_more_rights")
            .state("advice")
            .env("MSI_ENDPOINT", &lab.azure.endpoints.ml_endpoint)
            .env("MSI_SECRET", &lab.azure.endpoints.identity_header)
            .env("DEFAULT_IDENTITY_CLIENT_ID", client_id))
    };
    azure_machine_learning_refuses_an_old_secret: async |lab: &Lab| {
        let fields = lab.by_identity(json!({}));
        Ok(Case::new(fields, "sign_in", "identity_endpoint_refuses")
            .says("Azure Machine Learning")
            .env("MSI_ENDPOINT", &lab.azure.endpoints.ml_endpoint)
            .env("MSI_SECRET", "00000000-an-old-secret"))
    };
    cloud_shell_has_one_identity: async |lab: &Lab| {
        let fields = lab.by_identity(json!({"identity_client_id": "00000000-0000-4000-8000-000000000000"}));
        Ok(Case::new(fields, "sign_in", "identity_not_selectable")
            .says("Cloud Shell")
            .env("MSI_ENDPOINT", &lab.azure.endpoints.cloud_shell_endpoint))
    };
    service_fabric: async |lab: &Lab| {
        let fields = lab.by_identity(json!({}));
        Ok(Case::new(fields, "sign_in", "identity_host_unsupported")
            .says("Service Fabric")
            .env("IDENTITY_ENDPOINT", &lab.azure.endpoints.identity_endpoint)
            .env("IDENTITY_HEADER", &lab.azure.endpoints.identity_header)
            .env("IDENTITY_SERVER_THUMBPRINT", "0000000000000000000000000000000000000000"))
    };
    several_identities: async |lab: &Lab| {
        lab.azure.create_identity(&lab.tenant, "one", "user_assigned").await?;
        lab.azure.create_identity(&lab.tenant, "two", "user_assigned").await?;
        let fields = lab.by_identity(json!({}));
        Ok(Case::new(fields, "sign_in", "identity_not_chosen")
            .says("several user-assigned identities")
            .says("az vm identity show"))
    };
    /// The first answers of a trust that was made just now.
    entra_does_not_know_it_yet: async |lab: &Lab| {
        let client = lab.client().await?;
        lab.assign(&client.principal, "Storage Blob Data Contributor", &lab.account.scope).await?;
        let text = "{\"error\":\"unauthorized_client\",\"error_description\":\"AADSTS700016: Application was not found in the directory.\",\"error_codes\":[700016]}";
        let kind = json!({"answer": {"status": 400, "headers": {"content-type": "application/json"}, "body": text}});
        lab.azure.fault(&json!({"target": "entra", "matches": "/token", "kind": kind, "times": 1})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "least_privilege", "role_more_rights").state("advice"))
    };
    metadata_header_lost: async |lab: &Lab| {
        let text = r#"{"error":"bad_request_102","error_description":"Required metadata header not specified"}"#;
        lab.fault("imds", "", json!({"answer": {"status": 400, "body": text}})).await?;
        Ok(Case::new(lab.by_identity(json!({})), "sign_in", "identity_header_lost").says("proxy"))
    };
    identity_endpoint_forbidden_by_a_policy: async |lab: &Lab| {
        let text = "IMDS access is restricted for this pod";
        lab.fault("imds", "", json!({"answer": {"status": 403, "body": text}})).await?;
        Ok(Case::new(lab.by_identity(json!({"identity_source": "auto"})), "sign_in", "identity_endpoint_refuses")
            .says("169.254.169.254")
            .says("may keep it"))
    };
    identity_endpoint_is_a_proxy: async |lab: &Lab| {
        let kind = json!({"answer": {"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>bad gateway</html>"}});
        lab.fault("imds", "", kind).await?;
        Ok(Case::new(lab.by_identity(json!({})), "sign_in", "not_azure").says("502"))
    };
    app_service_without_an_identity: async |lab: &Lab| {
        let fields = lab.by_identity(json!({"identity_client_id": "00000000-0000-4000-8000-000000000000"}));
        Ok(Case::new(fields, "sign_in", "identity_not_found")
            .says("App Service")
            .says("az webapp identity assign")
            .env("IDENTITY_ENDPOINT", &lab.azure.endpoints.identity_endpoint)
            .env("IDENTITY_HEADER", &lab.azure.endpoints.identity_header))
    };
}
