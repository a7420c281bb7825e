//! Managed identities of the machine that Longshore runs on: IMDS, App Service, workload identity.
//!
//! Sources: "How to use managed identities on an Azure VM to acquire an access token", "Managed
//! identities for App Service: REST endpoint reference", "Microsoft Entra Workload ID".

use std::time::Duration;

use model::{IdentityId, IdentitySource, Secret};
use reqwest::{Method, Request, header::HeaderValue};
use tokio::time::timeout;
use url::Url;

use super::{
    AccessToken, Resource, Tokens,
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
    /// What `Auto` means on this host.
    pub(super) fn host_source(&self, source: IdentitySource) -> IdentitySource {
        match source {
            IdentitySource::Auto
                if self.host.identity_endpoint.is_some() && self.host.identity_header.is_some() =>
            {
                IdentitySource::AppService
            }
            IdentitySource::Auto if self.host.federated_token_file.is_some() => {
                IdentitySource::WorkloadIdentity
            }
            IdentitySource::Auto => IdentitySource::Imds,
            chosen => chosen,
        }
    }

    pub(super) async fn fetch_host_token(
        &self,
        source: IdentitySource,
        identity: &IdentityId,
        resource: Resource,
    ) -> Result<AccessToken> {
        let (source, resource) = match (self.host_source(source), resource) {
            (IdentitySource::WorkloadIdentity, Resource::Storage) => {
                return self.workload_token(identity).await;
            }
            (source, Resource::Storage) => (source, &self.cloud.storage_resource),
            (source, Resource::Exchange) => (source, &self.cloud.federated_audience),
        };
        let (url, header, value) = match source {
            IdentitySource::AppService => self.app_service_call(identity, resource)?,
            _ => self.imds_call(identity, resource)?,
        };
        let policy = retry::IDENTITY.within(self.patience);
        let asked = |error: Error| error.with_identity_source(source);
        let attempts = policy.run(|| {
            let mut request = Request::new(Method::GET, url.clone());
            request.headers_mut().insert(header, value.clone());
            *request.timeout_mut() = Some(BUDGET);
            self.identity_answer(request)
        });
        let answer = timeout(BUDGET, attempts).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::IdentityUnavailable,
                format!(
                    "the managed identity endpoint gave no token within {} seconds",
                    BUDGET.as_secs()
                ),
            ))
        });
        answer.map_err(asked)
    }

    fn imds_call(
        &self,
        identity: &IdentityId,
        resource: &str,
    ) -> Result<(Url, &'static str, HeaderValue)> {
        let base = self
            .host
            .imds_base
            .as_deref()
            .unwrap_or(&self.cloud.imds_base);
        let endpoint = format!(
            "{}/metadata/identity/oauth2/token",
            base.trim_end_matches('/')
        );
        let names = ["client_id", "object_id", "msi_res_id"];
        let url = identity_url(&endpoint, "2018-02-01", resource, identity, names)?;
        Ok((url, "metadata", HeaderValue::from_static("true")))
    }

    fn app_service_call(
        &self,
        identity: &IdentityId,
        resource: &str,
    ) -> Result<(Url, &'static str, HeaderValue)> {
        let (Some(endpoint), Some(secret)) =
            (&self.host.identity_endpoint, &self.host.identity_header)
        else {
            return Err(Error::new(
                ErrorKind::IdentityUnavailable,
                "this host is no App Service: IDENTITY_ENDPOINT and IDENTITY_HEADER are not set",
            ));
        };
        let mut value = HeaderValue::try_from(secret.expose())
            .map_err(|_| Error::invalid("IDENTITY_HEADER cannot be sent as a header"))?;
        value.set_sensitive(true);
        let names = ["client_id", "principal_id", "mi_res_id"];
        let url = identity_url(endpoint, "2019-08-01", resource, identity, names)?;
        Ok((url, "x-identity-header", value))
    }

    async fn identity_answer(&self, request: Request) -> Result<AccessToken> {
        let response = self.http.send(Destination::Identity, request).await?;
        if !response.status().is_success() {
            return Err(self
                .http
                .failure(response, |answer| answer.identity_error())
                .await);
        }
        let body = read_body(response, Destination::Identity, TOKEN_ANSWER_LIMIT).await?;
        TokenAnswer::parse(&body, self.http.clock().now_ms())
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

/// `names` are the endpoint's parameters for a client, object and resource id.
fn identity_url(
    endpoint: &str,
    version: &str,
    resource: &str,
    identity: &IdentityId,
    names: [&str; 3],
) -> Result<Url> {
    let mut url = Url::parse(endpoint)
        .map_err(|error| Error::invalid(format!("identity endpoint {endpoint:?}: {error}")))?;
    let [client, object, resource_id] = names;
    let mut query = url.query_pairs_mut();
    query
        .append_pair("api-version", version)
        .append_pair("resource", resource);
    match identity {
        IdentityId::SystemAssigned => {}
        IdentityId::ClientId(id) => drop(query.append_pair(client, id)),
        IdentityId::ObjectId(id) => drop(query.append_pair(object, id)),
        IdentityId::ResourceId(id) => drop(query.append_pair(resource_id, id)),
    }
    drop(query);
    Ok(url)
}
