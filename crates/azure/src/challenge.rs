//! The bearer challenge of a 401: which tenant owns a storage account.

/// `WWW-Authenticate: Bearer authorization_uri=… resource_id=…`, as Azure Storage sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The tenant that the account trusts: the first path segment of `authorization_uri`.
    pub tenant_id: String,
    /// Where that tenant signs in, such as `https://login.microsoftonline.com/TENANT/oauth2/authorize`.
    pub authorization_uri: String,
    /// What a token must be for: `https://storage.azure.com`.
    pub resource_id: Option<String>,
}
