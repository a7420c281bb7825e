//! The one handle of this crate: a cloud, the host's identities, our app, and the caches.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use model::{AccountName, ClientProof, Clock, ContainerName, Credential, Secret};
use reqwest::Method;

use crate::{
    Challenge, Cloud, ContainerClient, Error, ErrorKind, Result,
    account::{Account, Auth, Call, DelegationKeys},
    http::Http,
    id_token, retry, shared_key,
    signing_keys::SigningKeys,
    token::{TokenSource, Tokens},
};

/// What the host offers to prove who it is: the operator's settings, never a customer's.
#[derive(Clone, Debug, Default)]
pub struct HostIdentity {
    /// Instead of the cloud's instance metadata address.
    pub imds_base: Option<String>,
    /// `IDENTITY_ENDPOINT` of App Service, Service Fabric and Azure Arc.
    pub identity_endpoint: Option<String>,
    /// `IDENTITY_HEADER` of App Service and Service Fabric.
    pub identity_header: Option<Secret>,
    /// Service Fabric's `IDENTITY_SERVER_THUMBPRINT`.
    pub identity_server_thumbprint: Option<String>,
    /// Azure Arc's `IMDS_ENDPOINT`.
    pub imds_endpoint: Option<String>,
    /// `MSI_ENDPOINT` of Azure Machine Learning and Cloud Shell.
    pub msi_endpoint: Option<String>,
    /// Azure Machine Learning's `MSI_SECRET`.
    pub msi_secret: Option<Secret>,
    /// The identity that Azure Machine Learning gave the compute: `DEFAULT_IDENTITY_CLIENT_ID`.
    pub default_identity_client_id: Option<String>,
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
pub struct Azure(Arc<Shared>);

/// What every client of one [`Azure`] shares.
pub(crate) struct Shared {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) http: Arc<Http>,
    pub(crate) tokens: Tokens,
    pub(crate) delegation_keys: DelegationKeys,
    pub(crate) signing_keys: SigningKeys,
    /// Bounds how long requests are tried again, where somebody waits for the answer.
    pub(crate) patience: Option<Duration>,
    app: Option<AppRegistration>,
}

impl Azure {
    /// Builds the HTTP clients; no IO but reading the extra CA file.
    ///
    /// # Errors
    /// `InvalidInput` when the extra CA file cannot be read or is not PEM.
    pub fn new(
        cloud: Cloud,
        host: HostIdentity,
        app: Option<AppRegistration>,
        clock: Clock,
    ) -> Result<Self> {
        let http = Arc::new(Http::new(&cloud, clock)?);
        let cloud = Arc::new(cloud);
        Ok(Self(Arc::new(Shared {
            tokens: Tokens::new(Arc::clone(&http), Arc::clone(&cloud), host),
            delegation_keys: DelegationKeys::default(),
            signing_keys: SigningKeys::default(),
            cloud,
            http,
            app,
            patience: None,
        })))
    }

    /// Shares the connections, and nothing that was got through them.
    pub(crate) fn with_own_caches(&self, patience: Duration) -> Self {
        let shared = &self.0;
        Self(Arc::new(Shared {
            cloud: Arc::clone(&shared.cloud),
            http: Arc::clone(&shared.http),
            tokens: shared.tokens.with_own_cache(patience),
            delegation_keys: DelegationKeys::default(),
            signing_keys: SigningKeys::default(),
            app: shared.app.clone(),
            patience: Some(patience),
        }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    pub(crate) fn app_registration(&self) -> Option<&AppRegistration> {
        self.0.app.as_ref()
    }

    /// The cloud that this handle talks to.
    pub fn cloud(&self) -> &Cloud {
        &self.0.cloud
    }

    /// A client for one container. No IO: a bad credential shows at the first call.
    pub fn container(
        &self,
        credential: &Credential,
        account: &AccountName,
        container: &ContainerName,
    ) -> ContainerClient {
        let account = Account::new(Arc::clone(&self.0), account.clone(), self.auth(credential));
        ContainerClient::new(account, container.clone())
    }

    /// Which tenant owns the account, by its challenge to an anonymous request.
    ///
    /// # Errors
    /// `AccountNotFound`, `Unreachable`, `Firewall`, or `Unexpected` when there is no challenge or
    /// it names an authority or a resource that this cloud does not have.
    pub async fn tenant_of_account(&self, account: &AccountName) -> Result<Challenge> {
        let account = Account::new(Arc::clone(&self.0), account.clone(), Auth::Anonymous);
        // Listing the containers is never public, so even an account with public containers answers 401.
        let call = || Call::new(Method::GET, "/").query("comp", "list");
        let mut error = refusal_of(&account, call()).await?;
        // Some accounts answer 409 to who brings nothing, and the challenge to a token that is none.
        if error.challenge().is_none() && matches!(error.status(), Some(403 | 404 | 409)) {
            let again = call().header("authorization", "Bearer none")?;
            let again = refusal_of(&account, again).await?;
            if again.challenge().is_some() {
                error = again;
            }
        }
        match error.challenge() {
            Some(challenge) => challenge.clone().believed(&self.0.cloud),
            None if error.status() == Some(401) => Err(Error::new(
                ErrorKind::Unexpected,
                "the account refused without naming its tenant",
            )),
            None => Err(error),
        }
    }

    /// Gets a token for a credential, without any request to a storage account: the app is known
    /// in the tenant and proves itself. Credentials that need no token pass.
    ///
    /// # Errors
    /// `TokenRefused`, `IdentityUnavailable`, `Unreachable`; `InvalidInput` when it is an Azure link
    /// and this server has no app registration.
    pub async fn sign_in(&self, credential: &Credential) -> Result<()> {
        if let Some(source) = self.token_source(credential)? {
            let fingerprint = source.fingerprint();
            self.0.tokens.storage_token(&source, fingerprint).await?;
        }
        Ok(())
    }

    /// Gets a new token whatever is cached, to see whether Entra ID still gives one. Answers the
    /// object id of the principal that it is for, as far as the token shows it.
    ///
    /// # Errors
    /// As [`Azure::sign_in`].
    pub async fn prove(&self, credential: &Credential) -> Result<Option<String>> {
        let Some(source) = self.token_source(credential)? else {
            return Ok(None);
        };
        let token = self.0.tokens.new_storage_token(&source).await?;
        Ok(id_token::object_id_in(token.text.expose()))
    }

    /// Drops the cached tokens and delegation keys of a credential. What was signed stays valid.
    pub fn forget(&self, credential: &Credential) {
        if let Ok(Some(source)) = self.token_source(credential) {
            let fingerprint = source.fingerprint();
            self.0.tokens.forget(fingerprint);
            self.0
                .delegation_keys
                .forget(|(held, _)| *held == fingerprint);
        }
    }

    fn auth(&self, credential: &Credential) -> Auth {
        match credential {
            Credential::AccountKey { key } => shared_key::decode_key(key)
                .map_or_else(Auth::Unusable, |key| Auth::SharedKey(Box::new(key))),
            Credential::Sas { token } => Auth::from_sas(token),
            Credential::Anonymous => Auth::Anonymous,
            Credential::ServicePrincipal { .. }
            | Credential::ManagedIdentity { .. }
            | Credential::AzureLink { .. } => match self.token_source(credential) {
                Ok(Some(source)) => Auth::Token {
                    fingerprint: source.fingerprint(),
                    source,
                },
                Ok(None) => Auth::Anonymous,
                Err(error) => Auth::Unusable(error),
            },
        }
    }

    /// Whose token a credential means; `None` for kinds without tokens.
    fn token_source(&self, credential: &Credential) -> Result<Option<TokenSource>> {
        Ok(Some(match credential {
            Credential::AccountKey { .. } | Credential::Sas { .. } | Credential::Anonymous => {
                return Ok(None);
            }
            Credential::ServicePrincipal {
                tenant_id,
                client_id,
                proof,
            } => TokenSource::App {
                tenant_id: tenant_id.clone(),
                client_id: client_id.clone(),
                proof: proof.clone(),
            },
            Credential::ManagedIdentity { source, identity } => TokenSource::Host {
                source: *source,
                identity: identity.clone(),
            },
            Credential::AzureLink { tenant_id } => {
                let app = self.0.app.as_ref().ok_or_else(|| {
                    Error::invalid(
                        "this server has no app registration, so it cannot use an Azure link",
                    )
                })?;
                TokenSource::App {
                    tenant_id: tenant_id.clone(),
                    client_id: app.client_id.clone(),
                    proof: app.proof.clone(),
                }
            }
        }))
    }
}

/// How an account refuses a call that it can only refuse.
async fn refusal_of(account: &Account, call: Call) -> Result<Error> {
    match retry::STORAGE.run(|| account.send(&call)).await {
        Err(error) => Ok(error),
        Ok(_) => Err(Error::new(
            ErrorKind::Unexpected,
            "the account lists its containers to anyone",
        )),
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure")
            .field("cloud", &self.0.cloud.name)
            .finish_non_exhaustive()
    }
}
