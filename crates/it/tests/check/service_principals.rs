//! Service principals that Entra ID gives no token, each AADSTS code by its own cause.

use serde_json::json;

use super::{
    case::{Case, cases},
    lab::Lab,
};

cases! {
    secret_wrong: async |lab: &Lab| {
        let client = lab.reader().await?;
        let fields = lab.by_secret(&client.app, "wrong~secret~value~0123456789", json!({}));
        Ok(Case::new(fields, "sign_in", "client_secret_wrong")
            .azure_code("AADSTS7000215")
            .fixed_by_entering("client_secret"))
    };
    secret_expired: async |lab: &Lab| {
        let client = lab.reader().await?;
        let expired = lab.azure.add_expired_secret(&client.app).await?;
        let fields = lab.by_secret(&client.app, &expired, json!({}));
        Ok(Case::new(fields, "sign_in", "client_secret_expired")
            .azure_code("AADSTS7000222")
            .fixed_by_entering("client_secret"))
    };
    certificate_unknown: async |lab: &Lab| {
        let client = lab.reader().await?;
        // One that another app has been given.
        let other = lab.azure.create_app(&lab.tenant, "other", false).await?;
        let pem = lab.azure.add_certificate(&other).await?;
        let public = pem.find("-----BEGIN CERTIFICATE").map(|at| &pem[at..]).unwrap_or(&pem);
        let end = public.find("-----END CERTIFICATE-----").map_or(public.len(), |at| at + 25);
        std::fs::write(lab.path("uploaded.pem"), &public[..end])?;
        let (kind, mut fields) = lab.by_secret(&client.app, "", json!({"client_certificate": pem}));
        fields.as_object_mut().map(|fields| fields.remove("client_secret"));
        let file = lab.path("uploaded").display().to_string();
        Ok(Case::new((kind, fields), "sign_in", "client_certificate_unknown")
            .azure_code("AADSTS700027")
            .fixed()
            .fill("CERTIFICATE", file))
    };
    app_of_another_tenant: async |lab: &Lab| {
        let fabrikam = lab.azure.create_tenant("fabrikam.example").await?;
        let app = lab.azure.create_app(&fabrikam, "theirs", false).await?;
        let secret = lab.azure.add_secret(&app).await?;
        let fields = lab.by_secret(&app, &secret, json!({}));
        Ok(Case::new(fields, "sign_in", "client_id_unknown").azure_code("AADSTS700016"))
    };
    /// An app that other tenants may use, and this one has not taken in; then it has no role.
    service_principal_missing: async |lab: &Lab| {
        let vendor = lab.azure.create_tenant("vendor.example").await?;
        let app = lab.azure.create_app(&vendor, "labeling", true).await?;
        let secret = lab.azure.add_secret(&app).await?;
        let fields = lab.by_secret(&app, &secret, json!({}));
        Ok(Case::new(fields, "sign_in", "service_principal_missing")
            .azure_code("AADSTS7000229")
            .fixed_by(2))
    };
    service_principal_disabled: async |lab: &Lab| {
        let client = lab.reader().await?;
        let path = format!("/service-principals/{}", client.principal);
        lab.patch(&path, json!({"enabled": false})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "sign_in", "service_principal_disabled")
            .azure_code("AADSTS7000112")
            .fixed())
    };
    tenant_unknown: async |lab: &Lab| {
        let client = lab.reader().await?;
        let nowhere = json!({"tenant_id": "00000000-0000-4000-8000-000000000000"});
        let fields = lab.by_secret(&client.app, &client.secret, nowhere);
        Ok(Case::new(fields, "sign_in", "tenant_not_found").azure_code("AADSTS90002"))
    };
    conditional_access: async |lab: &Lab| {
        let client = lab.reader().await?;
        let path = format!("/service-principals/{}", client.principal);
        lab.patch(&path, json!({"blocked_by_policy": true})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "sign_in", "conditional_access").azure_code("AADSTS53003"))
    };
    /// Everything about the identity is right, and the account is somebody else's.
    account_of_another_tenant: async |lab: &Lab| {
        let client = lab.reader().await?;
        let fabrikam = lab.azure.create_tenant("fabrikam.example").await?;
        let account = lab.azure.create_account("fabrikamdata", &fabrikam).await?;
        lab.azure.create_container(&account, "media").await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({"account_name": "fabrikamdata"}));
        Ok(Case::new(fields, "tenant", "wrong_tenant").says(fabrikam).says(&lab.tenant))
    };
    entra_says_what_nobody_knows: async |lab: &Lab| {
        let client = lab.reader().await?;
        let fault = json!({"status": {"status": 400, "code": "invented_last_night"}});
        lab.fault("entra", "/token", fault).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "sign_in", "azure_error").state("unknown").says("invented_last_night"))
    };
}
