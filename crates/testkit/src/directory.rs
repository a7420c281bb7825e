//! The local Azure's directory: tenants, people, apps, consent, managed identities; and its sign-in
//! and consent pages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, LocalAzure, Longshore, local_azure::text};

/// An app registration.
#[derive(Clone, Debug)]
pub struct App {
    pub client_id: String,
}

/// What a person may do in their tenant.
#[derive(Clone, Copy, Debug)]
pub enum DirectoryRole {
    /// May consent for everyone.
    GlobalAdministrator,
    /// May consent for everyone too.
    CloudApplicationAdministrator,
    /// Administers, and may not consent.
    HelpdeskAdministrator,
    Member,
}

impl LocalAzure {
    /// A tenant's id.
    ///
    /// # Errors
    /// As [`LocalAzure::control`]; so of all below.
    pub async fn create_tenant(&self, domain: &str) -> anyhow::Result<String> {
        text(
            &self.post("/tenants", &json!({"domain": domain})).await?,
            "id",
        )
    }

    /// An app registration; `multi_tenant` as an app that other tenants can consent to.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn create_app(
        &self,
        tenant: &str,
        name: &str,
        multi_tenant: bool,
    ) -> anyhow::Result<App> {
        let audience = if multi_tenant {
            "multi_tenant"
        } else {
            "single_tenant"
        };
        let body = json!({"tenant": tenant, "display_name": name, "audience": audience});
        Ok(App {
            client_id: text(&self.post("/apps", &body).await?, "client_id")?,
        })
    }

    /// A client secret of half a year.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn add_secret(&self, app: &App) -> anyhow::Result<String> {
        text(
            &self
                .post(&format!("/apps/{}/secrets", app.client_id), &json!({}))
                .await?,
            "value",
        )
    }

    /// A client secret that expired an hour ago.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn add_expired_secret(&self, app: &App) -> anyhow::Result<String> {
        text(
            &self
                .post(
                    &format!("/apps/{}/secrets", app.client_id),
                    &json!({"expires_in_s": -3600}),
                )
                .await?,
            "value",
        )
    }

    /// A new certificate of the app: PEM with its private key.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn add_certificate(&self, app: &App) -> anyhow::Result<String> {
        text(
            &self
                .post(&format!("/apps/{}/certificates", app.client_id), &json!({}))
                .await?,
            "pem",
        )
    }

    /// The object id of the app's service principal in the tenant.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn consent(&self, tenant: &str, app: &App) -> anyhow::Result<String> {
        let body = json!({"tenant": tenant, "client_id": app.client_id});
        text(&self.post("/consent", &body).await?, "object_id")
    }

    /// A managed identity attached to this machine: client id and object id.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn create_identity(
        &self,
        tenant: &str,
        name: &str,
        kind: &str,
    ) -> anyhow::Result<(String, String)> {
        let identity = self
            .post(
                "/identities",
                &json!({"tenant": tenant, "name": name, "kind": kind}),
            )
            .await?;
        Ok((text(&identity, "client_id")?, text(&identity, "object_id")?))
    }

    /// A person of the tenant: their `name@domain`.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn create_user(
        &self,
        tenant: &str,
        name: &str,
        role: DirectoryRole,
    ) -> anyhow::Result<String> {
        let role = match role {
            DirectoryRole::GlobalAdministrator => "global_administrator",
            DirectoryRole::CloudApplicationAdministrator => "cloud_application_administrator",
            DirectoryRole::HelpdeskAdministrator => "helpdesk_administrator",
            DirectoryRole::Member => "member",
        };
        let body = json!({"name": name, "role": role});
        text(
            &self
                .post(&format!("/tenants/{tenant}/users"), &body)
                .await?,
            "user_principal_name",
        )
    }

    /// Whether the app's id_tokens tell the roles of people (`wids`); they do unless this takes
    /// them out.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn tell_roles(&self, app: &App, tells_roles: bool) -> anyhow::Result<()> {
        let path = format!("/apps/{}", app.client_id);
        let body = json!({"tells_roles": tells_roles});
        self.control(Method::PATCH, &path, &body).await.map(|_| ())
    }

    /// Lets the app send people back to any Longshore on this machine.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn register_redirects(&self, app: &App) -> anyhow::Result<()> {
        // The port of a loopback address is free, as at Entra ID (RFC 8252, section 7.3).
        let uris =
            ["callback", "consented"].map(|end| format!("http://127.0.0.1/connect/azure/{end}"));
        self.control(
            Method::PATCH,
            &format!("/apps/{}", app.client_id),
            &json!({"redirect_uris": uris}),
        )
        .await
        .map(|_| ())
    }

    /// Orders departures from what Entra ID does, as the control endpoint takes them; `{}` for none.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn deviate(&self, deviations: &Value) -> anyhow::Result<()> {
        self.control(Method::PUT, "/deviations", deviations)
            .await
            .map(|_| ())
    }

    /// The administrator deletes the enterprise application.
    ///
    /// # Errors
    /// As [`LocalAzure::control`].
    pub async fn remove_service_principal(&self, object_id: &str) -> anyhow::Result<()> {
        let path = format!("/service-principals/{object_id}");
        self.control(Method::DELETE, &path, &json!({}))
            .await
            .map(|_| ())
    }

    /// Answers a page of Entra ID; where it sends the browser then.
    ///
    /// # Errors
    /// The page, when it leads nowhere.
    pub async fn decide_at_entra(
        &self,
        page: &str,
        login_as: &str,
        action: &str,
    ) -> anyhow::Result<String> {
        let answer = self.at_entra(page, login_as, action).await?;
        Ok(answer.location()?.to_owned())
    }

    /// Answers a page of Entra ID: the person there is `login_as`, who presses `action`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn at_entra(
        &self,
        page: &str,
        login_as: &str,
        action: &str,
    ) -> anyhow::Result<Answer> {
        let form = [("login_as", login_as), ("action", action)];
        Longshore::answer(self.http.post(page).form(&form)).await
    }
}
