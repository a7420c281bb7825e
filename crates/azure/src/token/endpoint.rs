//! What each managed identity endpoint is asked, and how an identity is named to it.
//!
//! Sources: "How to use managed identities on an Azure VM to acquire an access token", "Managed
//! identities for App Service: REST endpoint reference", and Microsoft's identity libraries (Azure
//! Arc, Azure Machine Learning, Cloud Shell).

use model::{IdentityId, IdentitySource, Secret};
use reqwest::{
    Body, Method, Request,
    header::{CONTENT_TYPE, HeaderValue},
};
use url::{Url, form_urlencoded};

use super::Tokens;
use crate::{Error, ErrorKind, Result};

/// A request to a managed identity endpoint, sent anew for each try.
pub(super) struct Question {
    url: Url,
    header: &'static str,
    value: HeaderValue,
    /// Only Cloud Shell is posted to.
    form: Option<String>,
}

impl Question {
    pub(super) fn request(&self) -> Request {
        let method = match self.form {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let mut request = Request::new(method, self.url.clone());
        request
            .headers_mut()
            .insert(self.header, self.value.clone());
        if let Some(form) = &self.form {
            request.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            *request.body_mut() = Some(Body::from(form.clone()));
        }
        request
    }
}

/// The names of an endpoint's parameters for a client, an object and a resource id; a kind of id
/// without one cannot be chosen there.
type Names = [Option<&'static str>; 3];

impl Tokens {
    /// # Errors
    /// `IdentityUnavailable` when the host does not have this endpoint, `IdentityNotSelectable` when
    /// it cannot be asked for `identity`, `IdentityHostUnsupported`, `InvalidInput`.
    pub(super) fn question(
        &self,
        source: IdentitySource,
        identity: &IdentityId,
        resource: &str,
    ) -> Result<Question> {
        match source {
            IdentitySource::AppService => {
                let (endpoint, secret) = both(
                    self.host.identity_endpoint.as_deref(),
                    self.host.identity_header.as_ref(),
                    "this host is no App Service: IDENTITY_ENDPOINT and IDENTITY_HEADER are not set",
                )?;
                let names = [Some("client_id"), Some("principal_id"), Some("mi_res_id")];
                Ok(Question {
                    url: url(endpoint, "2019-08-01", resource, identity, names)?,
                    header: "x-identity-header",
                    value: secret_header("IDENTITY_HEADER", secret)?,
                    form: None,
                })
            }
            IdentitySource::AzureArc => {
                let (endpoint, _) = both(
                    self.host.identity_endpoint.as_deref(),
                    self.host.imds_endpoint.as_ref(),
                    "this host is no Azure Arc machine: IDENTITY_ENDPOINT and IMDS_ENDPOINT are not set",
                )?;
                metadata(url(endpoint, "2020-06-01", resource, identity, [None; 3])?)
            }
            IdentitySource::AzureMl => {
                let (endpoint, secret) = both(
                    self.host.msi_endpoint.as_deref(),
                    self.host.msi_secret.as_ref(),
                    "this host is no Azure Machine Learning compute: MSI_ENDPOINT and MSI_SECRET are not set",
                )?;
                let the_computes = self.host.default_identity_client_id.clone();
                let identity = match (identity, the_computes) {
                    (IdentityId::SystemAssigned, Some(id)) => &IdentityId::ClientId(id),
                    (chosen, _) => chosen,
                };
                let names = [Some("clientid"), None, Some("mi_res_id")];
                Ok(Question {
                    url: url(endpoint, "2017-09-01", resource, identity, names)?,
                    header: "secret",
                    value: secret_header("MSI_SECRET", secret)?,
                    form: None,
                })
            }
            IdentitySource::CloudShell => {
                let (endpoint, ()) = both(
                    self.host.msi_endpoint.as_deref(),
                    Some(()),
                    "this host is no Cloud Shell: MSI_ENDPOINT is not set",
                )?;
                selected(identity, [None; 3])?;
                let form = form_urlencoded::Serializer::new(String::new())
                    .append_pair("resource", resource)
                    .finish();
                Ok(Question {
                    form: Some(form),
                    ..metadata(parse(endpoint)?)?
                })
            }
            IdentitySource::ServiceFabric => Err(Error::new(
                ErrorKind::IdentityHostUnsupported,
                "Service Fabric's endpoint is known by the thumbprint of its certificate only, which Longshore does not trust",
            )),
            IdentitySource::Auto | IdentitySource::Imds | IdentitySource::WorkloadIdentity => {
                let base = self.host.imds_base.as_ref();
                let base = base.unwrap_or(&self.cloud.imds_base).trim_end_matches('/');
                let endpoint = format!("{base}/metadata/identity/oauth2/token");
                let names = [Some("client_id"), Some("object_id"), Some("msi_res_id")];
                metadata(url(&endpoint, "2018-02-01", resource, identity, names)?)
            }
        }
    }
}

fn both<A, B>(one: Option<A>, other: Option<B>, absent: &str) -> Result<(A, B)> {
    one.zip(other)
        .ok_or_else(|| Error::new(ErrorKind::IdentityUnavailable, absent))
}

fn metadata(url: Url) -> Result<Question> {
    Ok(Question {
        url,
        header: "metadata",
        value: HeaderValue::from_static("true"),
        form: None,
    })
}

fn secret_header(variable: &str, secret: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(secret.expose())
        .map_err(|_| Error::invalid(format!("{variable} cannot be sent as a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn parse(endpoint: &str) -> Result<Url> {
    Url::parse(endpoint)
        .map_err(|error| Error::invalid(format!("identity endpoint {endpoint:?}: {error}")))
}

/// The parameter that names `identity`, and its value; none for the default identity.
///
/// # Errors
/// `IdentityNotSelectable` when the endpoint has no parameter for this kind of id.
fn selected(identity: &IdentityId, names: Names) -> Result<Option<(&'static str, &str)>> {
    let [client, object, resource_id] = names;
    let (name, id, what) = match identity {
        IdentityId::SystemAssigned => return Ok(None),
        IdentityId::ClientId(id) => (client, id, "client id"),
        IdentityId::ObjectId(id) => (object, id, "object id"),
        IdentityId::ResourceId(id) => (resource_id, id, "resource id"),
    };
    let name = name.ok_or_else(|| {
        Error::new(
            ErrorKind::IdentityNotSelectable,
            format!("its endpoint cannot be asked for an identity by {what} ({id})"),
        )
    })?;
    Ok(Some((name, id)))
}

fn url(
    endpoint: &str,
    version: &str,
    resource: &str,
    identity: &IdentityId,
    names: Names,
) -> Result<Url> {
    let mut url = parse(endpoint)?;
    url.query_pairs_mut()
        .append_pair("api-version", version)
        .append_pair("resource", resource)
        .extend_pairs(selected(identity, names)?);
    Ok(url)
}
