//! What we hold to reach a storage account, and what each kind is called.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Secret;

/// The kind of a credential; its text is the storage type of the REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CredentialKind {
    /// Account name and key: Label Studio's only kind for Azure.
    #[serde(rename = "azure")]
    AccountKey,
    /// A service principal of the customer, by client secret or certificate.
    #[serde(rename = "azure_spi")]
    ServicePrincipal,
    /// A managed identity of the machine that Longshore runs on.
    #[serde(rename = "azure_mi")]
    ManagedIdentity,
    /// A container or account SAS; an empty one reads public containers anonymously.
    #[serde(rename = "azure_sas")]
    Sas,
    /// Longshore's own app with the customer's consent.
    #[serde(rename = "azure_link")]
    AzureLink,
}

impl CredentialKind {
    /// Every kind, in the order shown to people.
    pub const ALL: [Self; 5] = [
        Self::AzureLink,
        Self::ServicePrincipal,
        Self::ManagedIdentity,
        Self::Sas,
        Self::AccountKey,
    ];

    /// The storage type in paths and JSON: `azure`, `azure_spi`, `azure_mi`, `azure_sas`, `azure_link`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountKey => "azure",
            Self::ServicePrincipal => "azure_spi",
            Self::ManagedIdentity => "azure_mi",
            Self::Sas => "azure_sas",
            Self::AzureLink => "azure_link",
        }
    }

    /// The storage type of the REST API in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::AccountKey => "Microsoft Azure",
            Self::ServicePrincipal => "Microsoft Azure (service principal)",
            Self::ManagedIdentity => "Microsoft Azure (managed identity)",
            Self::Sas => "Microsoft Azure (SAS token)",
            Self::AzureLink => "Microsoft Azure (Azure link)",
        }
    }

    /// How a storage signs in, for people.
    pub fn method(self) -> &'static str {
        match self {
            Self::AccountKey => "Account key",
            Self::ServicePrincipal => "Service principal",
            Self::ManagedIdentity => "Managed identity",
            Self::Sas => "SAS token or public container",
            Self::AzureLink => "Azure link",
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CredentialKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

/// A credential with its secrets; never serialized as it is (the store seals it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Base64 account key, as the portal shows it.
    AccountKey { key: Secret },
    /// SAS query without the leading `?`.
    Sas { token: Secret },
    /// No credential: public containers only.
    Anonymous,
    /// A service principal of the customer.
    ServicePrincipal {
        tenant_id: String,
        client_id: String,
        proof: ClientProof,
    },
    /// The machine's own identity; holds no secret.
    ManagedIdentity {
        source: IdentitySource,
        identity: IdentityId,
    },
    /// Longshore's app, in the customer's tenant; the app's own proof is the operator's setting.
    AzureLink { tenant_id: String },
}

impl Credential {
    /// The kind; an anonymous credential is a SAS storage without a token.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::AccountKey { .. } => CredentialKind::AccountKey,
            Self::Sas { .. } | Self::Anonymous => CredentialKind::Sas,
            Self::ServicePrincipal { .. } => CredentialKind::ServicePrincipal,
            Self::ManagedIdentity { .. } => CredentialKind::ManagedIdentity,
            Self::AzureLink { .. } => CredentialKind::AzureLink,
        }
    }

    /// The tenant that it names, by id or domain; a managed identity's is Azure's to say.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::ServicePrincipal { tenant_id, .. } | Self::AzureLink { tenant_id } => {
                Some(tenant_id)
            }
            Self::AccountKey { .. }
            | Self::Sas { .. }
            | Self::Anonymous
            | Self::ManagedIdentity { .. } => None,
        }
    }

    /// Does Entra ID give tokens for it? Then roles say what it may do.
    pub fn uses_token(&self) -> bool {
        match self {
            Self::ServicePrincipal { .. }
            | Self::ManagedIdentity { .. }
            | Self::AzureLink { .. } => true,
            Self::AccountKey { .. } | Self::Sas { .. } | Self::Anonymous => false,
        }
    }

    /// Is it the identity of the machine that Longshore runs on?
    pub fn is_hosts(&self) -> bool {
        match self {
            Self::ManagedIdentity { .. } => true,
            Self::AccountKey { .. }
            | Self::Sas { .. }
            | Self::Anonymous
            | Self::ServicePrincipal { .. }
            | Self::AzureLink { .. } => false,
        }
    }
}

/// How an app proves that it is itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// The secret's *value*, not its id.
    Secret(Secret),
    /// PEM with the certificate and its private key (PKCS#8 or PKCS#1).
    Certificate { pem: Secret },
    /// No secret: a managed identity's token is the client assertion.
    Federated {
        source: IdentitySource,
        identity: IdentityId,
    },
}

/// Which endpoint of the host gives the managed identity's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentitySource {
    /// The one whose variables are set, as Azure's SDKs choose, else IMDS.
    #[default]
    Auto,
    /// A virtual machine's instance metadata service.
    Imds,
    /// App Service, Functions, Container Apps.
    AppService,
    /// AKS workload identity: a projected service account token.
    WorkloadIdentity,
    /// A machine outside Azure, by its Azure Arc agent.
    AzureArc,
    /// Compute of an Azure Machine Learning workspace.
    AzureMl,
    /// Azure Cloud Shell: the identity of the person who opened it.
    CloudShell,
    /// Known, and refused by name: its endpoint is trusted by a thumbprint only.
    ServiceFabric,
}

impl IdentitySource {
    /// Every source, in the order shown to people.
    pub const ALL: [Self; 8] = [
        Self::Auto,
        Self::Imds,
        Self::AppService,
        Self::WorkloadIdentity,
        Self::AzureArc,
        Self::AzureMl,
        Self::CloudShell,
        Self::ServiceFabric,
    ];

    /// As in the REST API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Imds => "imds",
            Self::AppService => "app_service",
            Self::WorkloadIdentity => "workload_identity",
            Self::AzureArc => "azure_arc",
            Self::AzureMl => "azure_ml",
            Self::CloudShell => "cloud_shell",
            Self::ServiceFabric => "service_fabric",
        }
    }

    /// Where Longshore runs, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Auto => "Find out",
            Self::Imds => "Virtual machine",
            Self::AppService => "App Service, Functions or Container Apps",
            Self::WorkloadIdentity => "AKS workload identity",
            Self::AzureArc => "Azure Arc",
            Self::AzureMl => "Azure Machine Learning compute",
            Self::CloudShell => "Cloud Shell",
            Self::ServiceFabric => "Service Fabric",
        }
    }
}

impl FromStr for IdentitySource {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(())
    }
}

/// Which of the host's identities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityId {
    #[default]
    SystemAssigned,
    ClientId(String),
    ObjectId(String),
    ResourceId(String),
}
