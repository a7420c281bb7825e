//! Longshore's own app in a customer's tenant: consent, and what proves the app.

use reqwest::Method;
use serde_json::json;
use testkit::App;

use super::{
    case::{Case, cases},
    lab::Lab,
};

/// Longshore's app and the id of its home tenant.
async fn own_app(lab: &Lab) -> anyhow::Result<(App, String)> {
    let home = lab.azure.create_tenant("longshore.example").await?;
    Ok((lab.azure.create_app(&home, "Longshore", true).await?, home))
}

/// The audience of the tokens that prove an app.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// An app that a managed identity of its home tenant proves, with one federated credential (issuer,
/// subject, audience) made from the identity's issuer and subject, or none.
async fn federated(
    lab: &Lab,
    code: &'static str,
    credential: impl Fn(&str, &str) -> Option<[String; 3]>,
) -> anyhow::Result<Federated> {
    let (app, home) = own_app(lab).await?;
    let (client_id, object_id) = lab
        .azure
        .create_identity(&home, "longshore", "user_assigned")
        .await?;
    let issuer = format!("{}/{home}/v2.0", lab.azure.endpoints.entra);
    if let Some([issuer, subject, audience]) = credential(&issuer, &object_id) {
        let trusted = json!({"issuer": issuer, "subject": subject, "audience": audience});
        let path = format!("/apps/{}/federated-credentials", app.client_id);
        lab.azure.control(Method::POST, &path, &trusted).await?;
    }
    let principal = lab.azure.consent(&lab.tenant, &app).await?;
    lab.assign(&principal, "Storage Blob Data Reader", &lab.account.scope)
        .await?;
    let case = Case::new(lab.by_link(json!({})), "sign_in", code)
        .env("LONGSHORE_APP_CLIENT_ID", app.client_id)
        .env(
            "LONGSHORE_APP_FEDERATED",
            format!("managed-identity:{client_id}"),
        );
    Ok(Federated {
        case,
        home,
        subject: object_id,
    })
}

struct Federated {
    case: Case,
    /// The identity's tenant.
    home: String,
    /// The identity's object id.
    subject: String,
}

cases! {
    /// The administrator opens the printed address; then the app has no role.
    consent_missing: async |lab: &Lab| {
        let (app, _) = own_app(lab).await?;
        let secret = lab.azure.add_secret(&app).await?;
        Ok(Case::new(lab.by_link(json!({})), "sign_in", "consent_missing")
            .azure_code("AADSTS7000229")
            .says("adminconsent")
            .fixed_by(2)
            .env("LONGSHORE_APP_CLIENT_ID", app.client_id)
            .env("LONGSHORE_APP_CLIENT_SECRET", secret))
    };
    own_secret_expired: async |lab: &Lab| {
        let (app, _) = own_app(lab).await?;
        let expired = lab.azure.add_expired_secret(&app).await?;
        let principal = lab.azure.consent(&lab.tenant, &app).await?;
        lab.assign(&principal, "Storage Blob Data Reader", &lab.account.scope).await?;
        Ok(Case::new(lab.by_link(json!({})), "sign_in", "client_secret_expired")
            .says("operator")
            .env("LONGSHORE_APP_CLIENT_ID", app.client_id)
            .env("LONGSHORE_APP_CLIENT_SECRET", expired))
    };
    federated_subject_is_another: async |lab: &Lab| {
        let nobody = "00000000-0000-4000-8000-000000000000";
        let seeded = federated(lab, "federation_mismatch", |issuer, _| {
            Some([issuer, nobody, AUDIENCE].map(str::to_owned))
        })
        .await?;
        Ok(seeded.case.azure_code("AADSTS700213").says(seeded.subject))
    };
    federated_issuer_is_another: async |lab: &Lab| {
        let seeded = federated(lab, "federation_mismatch", |_, subject| {
            Some(["https://issuer.example/v2.0", subject, AUDIENCE].map(str::to_owned))
        })
        .await?;
        Ok(seeded.case.azure_code("AADSTS700211"))
    };
    federated_subject_in_capitals: async |lab: &Lab| {
        let seeded = federated(lab, "federation_mismatch", |issuer, subject| {
            Some([issuer, &subject.to_uppercase(), AUDIENCE].map(str::to_owned))
        })
        .await?;
        Ok(seeded.case.azure_code("AADSTS7002138"))
    };
    federated_audience_is_another: async |lab: &Lab| {
        let seeded = federated(lab, "federation_mismatch", |issuer, subject| {
            Some([issuer, subject, "api://somebody-else"].map(str::to_owned))
        })
        .await?;
        Ok(seeded.case.azure_code("AADSTS700212").says(AUDIENCE))
    };
    federated_credential_missing: async |lab: &Lab| {
        let seeded = federated(lab, "federation_missing", |_, _| None).await?;
        Ok(seeded
            .case
            .azure_code("AADSTS70025")
            .fixed()
            .fill("TENANT_ID", seeded.home)
            .fill("PRINCIPAL_ID", seeded.subject))
    };
}
