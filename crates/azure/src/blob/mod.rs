//! Blobs of one container, reached with one credential.

mod body;
mod list;
mod range;
mod read;
mod sign;
mod write;

use std::{fmt, sync::Arc};

use model::{BlobName, BlobRevision, ContainerName};
use reqwest::Method;

use crate::{
    Error, Result,
    account::{Account, Call},
    encoding,
};

pub use body::BlobBody;
pub use list::{BlobItem, ListPage, ListRequest};
pub use read::{BlobProperties, GetRequest, GetResponse, GetStatus};
pub use sign::{SignRequest, SignedUrl};
pub use write::{PutCondition, PutResult};

/// One container and one credential. Cheap to clone; making one decodes and hashes its secret,
/// which takes microseconds.
#[derive(Clone)]
pub struct ContainerClient(Arc<Container>, Option<BlobRevision>);

struct Container {
    account: Account,
    name: ContainerName,
}

impl ContainerClient {
    pub(crate) fn new(account: Account, name: ContainerName) -> Self {
        Self(Arc::new(Container { account, name }), None)
    }

    pub(crate) fn place(&self) -> (&Account, &ContainerName) {
        (&self.0.account, &self.0.name)
    }

    /// The same, for reading this state of a blob: `get`, `head` and `sign` mean it.
    #[must_use]
    pub fn of_revision(&self, revision: Option<BlobRevision>) -> Self {
        Self(self.0.clone(), revision)
    }

    /// A call that reads the blob, in the state that this client is for.
    fn read_call(&self, method: Method, blob: &BlobName) -> Result<Call> {
        let call = Call::new(method, self.path(blob)?);
        Ok(match self.1.as_ref().map(BlobRevision::parameter) {
            Some((name, made)) => call.query(name, made),
            None => call,
        })
    }

    /// The encoded path of a blob.
    fn path(&self, blob: &BlobName) -> Result<String> {
        if matches!(blob.as_str(), "." | "..") {
            return Err(Error::invalid(format!(
                "a URL cannot name a blob called {:?}",
                blob.as_str()
            )));
        }
        Ok(format!(
            "/{}/{}",
            self.0.name,
            encoding::blob_path(blob.as_str())
        ))
    }
}

impl fmt::Debug for ContainerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerClient")
            .field("account", &self.0.account.name)
            .field("container", &self.0.name)
            .field("auth", &self.0.account.auth.kind())
            .finish()
    }
}
