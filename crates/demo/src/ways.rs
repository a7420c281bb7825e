//! The customer's side: a tenant, a storage account, and each way that a customer can let Longshore in.

use serde_json::{Value, json};
use testkit::{Account, App, DirectoryRole, Endpoints, LocalAzure, Role};

use crate::media::Media;

pub const MEDIA: &str = "media";
pub const TASKS: &str = "tasks";
pub const ANNOTATIONS: &str = "annotations";

/// What the task files hold together, in rows.
pub const TASK_ROWS: i64 = 7;

const JSON_TASKS: &str = r#"[
  {"data": {"text": "The quick brown fox"}, "predictions": [{"model_version": "v1", "score": 0.5, "result": []}]},
  {"data": {"text": "jumps over the lazy dog"}},
  {"text": "a bare row is a task's data"}
]"#;
const JSON_TASK: &str = r#"{"data": {"text": "one task in one file"}, "meta": {"by": "demo"}}"#;
const JSONL_TASKS: &str = "{\"text\": \"first line\"}\n{\"text\": \"zweite Zeile, ünïcödé 🐈\"}\n{\"data\": {\"text\": \"third line\"}}\n";

/// A way to connect: the storage type and the credential fields of the REST API.
#[derive(Debug)]
pub struct Way {
    pub title: &'static str,
    pub kind: &'static str,
    pub credential: Value,
}

/// A prepared customer.
#[derive(Debug)]
pub struct Customer {
    pub account: Account,
    /// Who may consent for the tenant: `name@domain`.
    pub administrator: String,
    tenant_id: String,
    app: App,
    secret: String,
    certificate_pem: String,
    sas_token: String,
    system_identity: Identity,
    user_identity: Identity,
    platform_app: App,
    platform_secret: String,
}

#[derive(Debug)]
struct Identity {
    client_id: String,
}

impl Customer {
    /// Makes the tenant, the account with its blobs, and the least roles for each way.
    ///
    /// # Errors
    /// The control endpoint's or the blob endpoint's refusal.
    pub async fn prepare(azure: &LocalAzure, media: &Media) -> anyhow::Result<Self> {
        let platform = azure.create_tenant("longshore.example").await?;
        let tenant_id = azure.create_tenant("contoso.example").await?;
        let account = azure.create_account("contosomedia", &tenant_id).await?;
        for container in [MEDIA, TASKS, ANNOTATIONS] {
            azure.create_container(&account, container).await?;
        }
        for file in &media.files {
            azure
                .put_blob(
                    &account,
                    MEDIA,
                    &file.blob_name,
                    &file.content_type,
                    file.bytes.clone(),
                )
                .await?;
        }
        for (name, text) in [
            ("batch.json", JSON_TASKS),
            ("single.json", JSON_TASK),
            ("lines.jsonl", JSONL_TASKS),
        ] {
            azure
                .put_blob(&account, TASKS, name, "application/json", text.into())
                .await?;
        }

        let app = azure
            .create_app(&tenant_id, "contoso-labeling", false)
            .await?;
        let secret = azure.add_secret(&app).await?;
        let certificate_pem = azure.add_certificate(&app).await?;
        let service_principal = azure.consent(&tenant_id, &app).await?;

        let platform_app = azure.create_app(&platform, "Longshore", true).await?;
        let platform_secret = azure.add_secret(&platform_app).await?;
        azure.register_redirects(&platform_app).await?;
        let administrator = azure
            .create_user(&tenant_id, "ada", DirectoryRole::GlobalAdministrator)
            .await?;

        let (system, system_object) = azure
            .create_identity(&tenant_id, "longshore-vm", "system_assigned")
            .await?;
        let (user, user_object) = azure
            .create_identity(&tenant_id, "longshore-app", "user_assigned")
            .await?;

        let sas_token = account.sas("rwlacd");
        let customer = Self {
            account,
            tenant_id,
            administrator,
            app,
            secret,
            certificate_pem,
            sas_token,
            system_identity: Identity { client_id: system },
            user_identity: Identity { client_id: user },
            platform_app,
            platform_secret,
        };
        for principal in [&service_principal, &system_object, &user_object] {
            customer.grant(azure, principal).await?;
        }
        Ok(customer)
    }

    /// Gives a principal the least roles for the demo's walk.
    ///
    /// # Errors
    /// The control endpoint's refusal.
    pub async fn grant(&self, azure: &LocalAzure, principal: &str) -> anyhow::Result<()> {
        let account = &self.account;
        for (role, scope) in [
            (Role::DataReader, account.container_scope(MEDIA)),
            (Role::DataReader, account.container_scope(TASKS)),
            (Role::DataContributor, account.container_scope(ANNOTATIONS)),
            (Role::Delegator, account.scope.clone()),
        ] {
            azure.assign_role(principal, role, &scope).await?;
        }
        Ok(())
    }

    /// The tenant that the account is of.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// What the operator of this Longshore sets: the platform's app, and the host's App Service identity.
    pub fn environment(&self, endpoints: &Endpoints) -> Vec<(String, String)> {
        [
            ("LONGSHORE_APP_CLIENT_ID", &self.platform_app.client_id),
            ("LONGSHORE_APP_CLIENT_SECRET", &self.platform_secret),
            ("IDENTITY_ENDPOINT", &endpoints.identity_endpoint),
            ("IDENTITY_HEADER", &endpoints.identity_header),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
    }

    /// Every way to connect, as the REST API takes it.
    pub fn ways(&self) -> Vec<Way> {
        let principal = |proof: (&str, &str)| json!({"tenant_id": self.tenant_id, "client_id": self.app.client_id, proof.0: proof.1});
        vec![
            Way {
                title: "account key",
                kind: "azure",
                credential: json!({"account_key": self.account.key}),
            },
            Way {
                title: "service principal, secret",
                kind: "azure_spi",
                credential: principal(("client_secret", &self.secret)),
            },
            Way {
                title: "service principal, certificate",
                kind: "azure_spi",
                credential: principal(("client_certificate", &self.certificate_pem)),
            },
            Way {
                title: "managed identity, IMDS",
                kind: "azure_mi",
                credential: json!({"identity_source": "imds", "identity_client_id": self.system_identity.client_id}),
            },
            Way {
                title: "managed identity, App Service",
                kind: "azure_mi",
                credential: json!({"identity_source": "app_service", "identity_client_id": self.user_identity.client_id}),
            },
            Way {
                title: "SAS token",
                kind: "azure_sas",
                credential: json!({"sas_token": self.sas_token}),
            },
            Way {
                title: "Azure link (consented app)",
                kind: "azure_link",
                credential: json!({"tenant_id": self.tenant_id}),
            },
        ]
    }
}
