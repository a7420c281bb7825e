//! Clouds as data: public, US Government, China, or an operator's own profile.

use std::path::PathBuf;

use model::{AccountName, BlobUri};
use url::Url;

use crate::Result;

/// Where one Azure cloud lives. Only the operator chooses it; a customer never can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// `public`, `usgov`, `china`, or the profile's own name.
    pub name: String,
    /// Where Entra ID signs in, such as `https://login.microsoftonline.com/`.
    pub authority: Url,
    /// Other hosts of the same authority, which a challenge may name.
    pub authority_aliases: Vec<String>,
    /// Address of an account, with `{account}`: `https://{account}.blob.core.windows.net`.
    pub blob_endpoint: String,
    /// Host suffix of the canonical URIs in task data: `blob.core.windows.net`.
    pub uri_suffix: String,
    /// The resource that storage tokens are for: `https://storage.azure.com`.
    pub storage_resource: String,
    /// Audience of a managed identity's token when it is used as an app's proof.
    pub federated_audience: String,
    /// Base address of the instance metadata service.
    pub imds_base: String,
    /// PEM file of certificate authorities that are trusted besides the system's.
    pub extra_ca_file: Option<PathBuf>,
}

impl Cloud {
    /// The cloud that most of the world uses.
    pub fn public() -> Self {
        unfinished()
    }

    /// Azure US Government.
    pub fn us_government() -> Self {
        unfinished()
    }

    /// Azure in China, run by 21Vianet.
    pub fn china() -> Self {
        unfinished()
    }

    /// `public`, `usgov` or `china`.
    pub fn by_name(_name: &str) -> Option<Self> {
        unfinished()
    }

    /// A profile: the keys are this type's fields, `authority_aliases` and `extra_ca_file` optional.
    ///
    /// # Errors
    /// `InvalidInput` with the line, on an unknown key or an address that is not one.
    pub fn from_profile_toml(_text: &str) -> Result<Self> {
        unfinished()
    }

    /// The blob that an absolute URI names: the canonical form `https://ACCOUNT.SUFFIX/CONTAINER/BLOB`
    /// or this cloud's own endpoint form. Percent-encoding is undone, query and fragment are dropped.
    pub fn parse_blob_uri(&self, _text: &str) -> Option<BlobUri> {
        unfinished()
    }

    /// The canonical URI of a blob, percent-encoded so that no URL parser changes it.
    pub fn blob_uri(&self, _uri: &BlobUri) -> String {
        unfinished()
    }

    /// Where the account is served, without a trailing slash.
    pub fn account_url(&self, _account: &AccountName) -> String {
        unfinished()
    }
}

fn unfinished<T>() -> T {
    panic!("unfinished")
}
