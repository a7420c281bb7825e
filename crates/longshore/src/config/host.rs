//! What Azure and Kubernetes put into a process's environment.

use std::path::PathBuf;

use model::Secret;

/// Variables of Azure's own, with their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Managed identity of App Service; with the others, of Service Fabric and Azure Arc.
    pub identity_endpoint: Option<String>,
    pub identity_header: Option<Secret>,
    pub identity_server_thumbprint: Option<String>,
    pub imds_endpoint: Option<String>,
    /// Managed identity of Azure Machine Learning and Cloud Shell.
    pub msi_endpoint: Option<String>,
    pub msi_secret: Option<Secret>,
    pub default_identity_client_id: Option<String>,
    /// AKS workload identity.
    pub federated_token_file: Option<PathBuf>,
    pub client_id: Option<String>,
    pub tenant_id: Option<String>,
    /// Another address of the instance metadata service, as Azure's SDKs read it.
    pub imds_base: Option<String>,
    /// The account of `azure` storages that name none.
    pub blob_account_name: Option<String>,
    pub blob_account_key: Option<Secret>,
}

impl Host {
    pub(super) fn take(&mut self, name: &str, value: String) {
        match name {
            "IDENTITY_ENDPOINT" => self.identity_endpoint = Some(value),
            "IDENTITY_HEADER" => self.identity_header = Some(Secret::new(value)),
            "IDENTITY_SERVER_THUMBPRINT" => self.identity_server_thumbprint = Some(value),
            "IMDS_ENDPOINT" => self.imds_endpoint = Some(value),
            "MSI_ENDPOINT" => self.msi_endpoint = Some(value),
            "MSI_SECRET" => self.msi_secret = Some(Secret::new(value)),
            "DEFAULT_IDENTITY_CLIENT_ID" => self.default_identity_client_id = Some(value),
            "AZURE_FEDERATED_TOKEN_FILE" => self.federated_token_file = Some(value.into()),
            "AZURE_CLIENT_ID" => self.client_id = Some(value),
            "AZURE_TENANT_ID" => self.tenant_id = Some(value),
            "AZURE_POD_IDENTITY_AUTHORITY_HOST" => self.imds_base = Some(value),
            "AZURE_BLOB_ACCOUNT_NAME" => self.blob_account_name = Some(value),
            "AZURE_BLOB_ACCOUNT_KEY" => self.blob_account_key = Some(Secret::new(value)),
            _ => {}
        }
    }
}
