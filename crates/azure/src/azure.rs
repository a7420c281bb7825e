//! The one handle of this crate: a cloud, the host's identities, our app, and the caches.

use std::{path::PathBuf, sync::Arc};

use model::{AccountName, ClientProof, Clock, ContainerName, Credential, Secret};

use crate::{Challenge, Cloud, ContainerClient, Error, ErrorKind, Result};

/// What the host offers to prove who it is: the operator's settings, never a customer's.
#[derive(Clone, Debug, Default)]
pub struct HostIdentity {
    /// Instead of the cloud's instance metadata address.
    pub imds_base: Option<String>,
    /// App Service's `IDENTITY_ENDPOINT`.
    pub identity_endpoint: Option<String>,
    /// App Service's `IDENTITY_HEADER`.
    pub identity_header: Option<Secret>,
    /// AKS workload identity's projected token; read again for every token.
    pub federated_token_file: Option<PathBuf>,
    /// Workload identity's client id, when the credential names none.
    pub client_id: Option<String>,
    /// Workload identity's tenant.
    pub tenant_id: Option<String>,
}

/// Our multi-tenant app behind every Azure link.
#[derive(Clone, Debug)]
pub struct AppRegistration {
    /// The application (client) id, the same in every tenant.
    pub client_id: String,
    /// How it proves itself; the federated kind holds no secret.
    pub proof: ClientProof,
}

/// Microsoft, for one cloud. Cheap to clone: clones share connections, tokens and delegation keys.
#[derive(Clone)]
pub struct Azure {
    cloud: Arc<Cloud>,
}

impl Azure {
    /// Builds the HTTP clients; no IO but reading the extra CA file.
    ///
    /// # Errors
    /// `InvalidInput` when the extra CA file cannot be read or is not PEM.
    pub fn new(
        cloud: Cloud,
        _host: HostIdentity,
        _app: Option<AppRegistration>,
        _clock: Clock,
    ) -> Result<Self> {
        Ok(Self {
            cloud: Arc::new(cloud),
        })
    }

    /// The cloud that this handle talks to.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// A client for one container. No IO: a bad credential shows at the first call.
    pub fn container(
        &self,
        _credential: &Credential,
        _account: &AccountName,
        _container: &ContainerName,
    ) -> ContainerClient {
        ContainerClient {}
    }

    /// Which tenant owns the account, by its challenge to an anonymous request.
    ///
    /// # Errors
    /// `AccountNotFound`, `Unreachable`, or `Unexpected` when the challenge names an authority or a
    /// resource that this cloud does not have.
    pub async fn tenant_of_account(&self, _account: &AccountName) -> Result<Challenge> {
        Err(Error::new(ErrorKind::Unexpected, "unfinished"))
    }

    /// Drops the cached tokens and delegation keys of a credential. What was signed stays valid.
    pub fn forget(&self, _credential: &Credential) {}
}
