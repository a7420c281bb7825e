//! Where this Azure listens, as its ready line and as a cloud profile.

use std::{io, net::SocketAddr, path::Path};

use serde::Serialize;

/// Base URLs without a trailing slash; the JSON ready line of the program.
#[derive(Clone, Debug, Serialize)]
pub struct Endpoints {
    /// The authority: `https://127.0.0.1:PORT`.
    pub entra: String,
    /// Path style: `{blob}/ACCOUNT/CONTAINER/BLOB`.
    pub blob: String,
    /// The same over plain HTTP.
    pub blob_http: String,
    pub imds: String,
    /// `IDENTITY_ENDPOINT` of App Service.
    pub identity_endpoint: String,
    /// `IDENTITY_HEADER` of App Service.
    pub identity_header: String,
    /// `IDENTITY_ENDPOINT` of an Azure Arc machine.
    pub arc_endpoint: String,
    /// The folder of its keys.
    pub arc_keys: String,
    /// `MSI_ENDPOINT` of Azure Machine Learning; its `MSI_SECRET` is `identity_header`.
    pub ml_endpoint: String,
    /// `MSI_ENDPOINT` of Cloud Shell.
    pub cloud_shell_endpoint: String,
    pub control: String,
    /// The certificate authority of the HTTPS endpoints, PEM.
    pub ca_file: String,
    /// The cloud profile.
    pub cloud_file: String,
}

impl Endpoints {
    /// From the addresses of entra, blob over HTTPS, blob over HTTP, imds and control.
    pub(crate) fn new(dir: &Path, addresses: [io::Result<SocketAddr>; 5]) -> io::Result<Self> {
        let [entra, blob, blob_http, imds, control] = addresses;
        let (entra, blob, blob_http) = (entra?, blob?, blob_http?);
        let (imds, control) = (imds?, control?);
        let file = |name: &str| dir.join(name).display().to_string();
        Ok(Self {
            entra: format!("https://{entra}"),
            blob: format!("https://{blob}"),
            blob_http: format!("http://{blob_http}"),
            imds: format!("http://{imds}"),
            identity_endpoint: format!("http://{imds}/msi/token"),
            identity_header: uuid::Uuid::new_v4().to_string(),
            arc_endpoint: format!("http://{imds}/arc/token"),
            arc_keys: file("arc-keys"),
            ml_endpoint: format!("http://{imds}/ml/token"),
            cloud_shell_endpoint: format!("http://{imds}/cloud-shell/token"),
            control: format!("http://{control}"),
            ca_file: file("ca.pem"),
            cloud_file: file("cloud.toml"),
        })
    }

    /// The v2 issuer of a tenant, which federated credentials name.
    pub fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.entra)
    }

    /// Writes the cloud profile that points a product at this Azure.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write_profile(&self) -> io::Result<()> {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        std::fs::write(
            Path::new(&self.cloud_file),
            format!(
                "name = \"local\"\n\
                 authority = {authority}\n\
                 blob_endpoint = {blob}\n\
                 uri_suffix = \"blob.core.windows.net\"\n\
                 storage_resource = \"https://storage.azure.com\"\n\
                 federated_audience = \"api://AzureADTokenExchange\"\n\
                 imds_base = {imds}\n\
                 extra_ca_file = {ca}\n\
                 arc_keys = {arc_keys}\n",
                authority = text(&self.entra),
                blob = text(&format!("{}/{{account}}", self.blob)),
                imds = text(&self.imds),
                ca = text(&self.ca_file),
                arc_keys = text(&self.arc_keys),
            ),
        )
    }
}
