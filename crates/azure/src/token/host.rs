//! Managed identities of the machine that Longshore runs on: which endpoint is asked, and asking it.
//!
//! Sources: `ManagedIdentityCredential` of Microsoft's identity libraries, "Microsoft Entra Workload
//! ID".

use std::time::Duration;

use model::{IdentityId, IdentitySource, Secret};
use reqwest::{Response, StatusCode, header::AUTHORIZATION};
use tokio::time::timeout;

use super::{
    AccessToken, Resource, Tokens, arc,
    endpoint::Question,
    entra::{TOKEN_ANSWER_LIMIT, TokenAnswer},
};
use crate::{
    Error, ErrorKind, Result,
    http::{Destination, read_body},
    retry,
};

/// The whole acquisition, retries included; Microsoft's own libraries take over a minute.
const BUDGET: Duration = Duration::from_secs(10);

impl Tokens {
    /// What `Auto` means on this host, in the order of Microsoft's libraries.
    pub(super) fn host_source(&self, source: IdentitySource) -> IdentitySource {
        if source != IdentitySource::Auto {
            return source;
        }
        let host = &self.host;
        let has_endpoint = host.identity_endpoint.is_some();
        if has_endpoint && host.identity_header.is_some() {
            match host.identity_server_thumbprint {
                Some(_) => IdentitySource::ServiceFabric,
                None => IdentitySource::AppService,
            }
        } else if has_endpoint && host.imds_endpoint.is_some() {
            IdentitySource::AzureArc
        } else if host.msi_endpoint.is_some() && host.msi_secret.is_some() {
            IdentitySource::AzureMl
        } else if host.msi_endpoint.is_some() {
            IdentitySource::CloudShell
        } else if host.federated_token_file.is_some() {
            IdentitySource::WorkloadIdentity
        } else {
            IdentitySource::Imds
        }
    }

    pub(super) async fn fetch_host_token(
        &self,
        source: IdentitySource,
        identity: &IdentityId,
        resource: Resource,
    ) -> Result<AccessToken> {
        let source = self.host_source(source);
        let token = match (source, resource) {
            (IdentitySource::WorkloadIdentity, Resource::Storage) => {
                self.workload_token(identity).await
            }
            (_, Resource::Storage) => {
                self.ask(source, identity, &self.cloud.storage_resource)
                    .await
            }
            (_, Resource::Exchange) => {
                self.ask(source, identity, &self.cloud.federated_audience)
                    .await
            }
        };
        token.map_err(|error| error.with_identity_source(source))
    }

    async fn ask(
        &self,
        source: IdentitySource,
        identity: &IdentityId,
        resource: &str,
    ) -> Result<AccessToken> {
        let question = self.question(source, identity, resource)?;
        let policy = retry::IDENTITY.within(self.patience);
        let attempts = policy.run(|| self.identity_answer(source, &question));
        timeout(BUDGET, attempts).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::IdentityUnavailable,
                format!(
                    "the managed identity endpoint gave no token within {} seconds",
                    BUDGET.as_secs()
                ),
            ))
        })
    }

    async fn identity_answer(
        &self,
        source: IdentitySource,
        question: &Question,
    ) -> Result<AccessToken> {
        let mut response = self.send_question(question, None).await?;
        if source == IdentitySource::AzureArc && response.status() == StatusCode::UNAUTHORIZED {
            // Each challenge has a key of its own, so nothing is kept for the next.
            response = self.send_question(question, Some(&response)).await?;
        }
        if !response.status().is_success() {
            return Err(self
                .http
                .failure(response, |answer| answer.identity_error())
                .await);
        }
        let host = response.url().authority().to_owned();
        let body = read_body(response, Destination::Identity, TOKEN_ANSWER_LIMIT).await?;
        TokenAnswer::parse(&body, self.http.clock().now_ms())
            .map_err(|error| error.with_host(&host))
    }

    async fn send_question(
        &self,
        question: &Question,
        challenge: Option<&Response>,
    ) -> Result<Response> {
        let mut request = question.request();
        *request.timeout_mut() = Some(BUDGET);
        if let Some(challenge) = challenge {
            let key = arc::answer_to(challenge, &self.cloud.arc_keys).await?;
            request.headers_mut().insert(AUTHORIZATION, key);
        }
        self.http.send(Destination::Identity, request).await
    }

    /// AKS: the projected token is the assertion of the app (or user-assigned identity) named.
    async fn workload_token(&self, identity: &IdentityId) -> Result<AccessToken> {
        // First, because a machine outside such a cluster has none of the three.
        let assertion = self.projected_token().await?;
        let client_id = match identity {
            IdentityId::ClientId(id) => Some(id),
            IdentityId::SystemAssigned => self.host.client_id.as_ref(),
            IdentityId::ObjectId(_) | IdentityId::ResourceId(_) => None,
        };
        let client_id = client_id.ok_or_else(|| {
            Error::invalid(
                "workload identity needs a client id: in the credential, or as AZURE_CLIENT_ID",
            )
        })?;
        let tenant_id = self.host.tenant_id.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::IdentityUnavailable,
                "workload identity needs a tenant: AZURE_TENANT_ID is not set",
            )
        })?;
        self.client_credentials(
            self.token_endpoint(tenant_id)?,
            client_id,
            "client_assertion",
            &assertion,
        )
        .await
    }

    /// Read each time: the cluster replaces the file before the token expires.
    pub(super) async fn projected_token(&self) -> Result<Secret> {
        let unavailable = |why: String| Error::new(ErrorKind::IdentityUnavailable, why);
        let file = self.host.federated_token_file.as_ref().ok_or_else(|| {
            unavailable(
                "workload identity needs a token file: AZURE_FEDERATED_TOKEN_FILE is not set"
                    .to_owned(),
            )
        })?;
        let text = tokio::fs::read_to_string(file)
            .await
            .map_err(|error| unavailable(format!("token file {}: {error}", file.display())))?;
        Ok(Secret::new(text.trim()))
    }
}
