//! What Azure and Kubernetes put into a process's environment.

use std::path::PathBuf;

use model::Secret;

/// Variables of Azure's own, with their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// App Service's managed identity.
    pub identity_endpoint: Option<String>,
    pub identity_header: Option<Secret>,
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
