//! Entra ID's token endpoint: OAuth 2.0 client credentials, by secret, certificate or federation.
//!
//! Source: "Microsoft identity platform and the OAuth 2.0 client credentials flow".

use std::time::Duration;

use bytes::Bytes;
use model::{ClientProof, IdentityId, IdentitySource, Secret};
use reqwest::{Method, Request, header};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{AccessToken, Resource, TokenSource, Tokens, certificate::ClientCertificate};
use crate::{
    Error, ErrorKind, Result,
    http::{Destination, read_body, request_id},
    retry,
};

/// One try at the token endpoint, body included.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Tokens are 1 to 3 KiB; more than this is no token answer.
pub(super) const TOKEN_ANSWER_LIMIT: usize = 256 << 10;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a person brought back from signing in.
pub(crate) struct AuthorizationCode<'a> {
    pub(crate) code: &'a Secret,
    pub(crate) redirect_uri: &'a str,
    pub(crate) pkce_verifier: &'a Secret,
}

impl Tokens {
    pub(super) async fn app_token(
        &self,
        tenant_id: &str,
        client_id: &str,
        proof: &ClientProof,
    ) -> Result<AccessToken> {
        let endpoint = self.token_endpoint(tenant_id)?;
        let (field, value) = self.proof_of_app(&endpoint, client_id, proof).await?;
        self.client_credentials(endpoint, client_id, field, &value)
            .await
    }

    /// The answer to a code: JSON with an `id_token`.
    pub(crate) async fn redeem(
        &self,
        endpoint: Url,
        (client_id, proof): (&str, &ClientProof),
        code: &AuthorizationCode<'_>,
    ) -> Result<Bytes> {
        let (field, value) = self.proof_of_app(&endpoint, client_id, proof).await?;
        let body = form(
            &[
                ("grant_type", "authorization_code"),
                ("client_id", client_id),
                ("code", code.code.expose()),
                ("redirect_uri", code.redirect_uri),
                ("code_verifier", code.pkce_verifier.expose()),
            ],
            (field, &value),
        );
        retry::ONE_USE
            .within(self.patience)
            .run(|| self.answer(token_request(&endpoint, &body)))
            .await
    }

    /// The form field that proves the app, and its value.
    async fn proof_of_app(
        &self,
        endpoint: &Url,
        client_id: &str,
        proof: &ClientProof,
    ) -> Result<(&'static str, Secret)> {
        Ok(match proof {
            ClientProof::Secret(secret) => ("client_secret", secret.clone()),
            ClientProof::Certificate { pem } => {
                let certificate = ClientCertificate::from_pem(pem)?;
                let now_ms = self.http.clock().now_ms();
                (
                    "client_assertion",
                    certificate.assertion(client_id, endpoint.as_str(), now_ms)?,
                )
            }
            ClientProof::Federated { source, identity } => (
                "client_assertion",
                self.federated_assertion(*source, identity).await?,
            ),
        })
    }

    /// The proof of an app that trusts this host: the cluster's own token for it, or a managed
    /// identity's token for the exchange audience.
    async fn federated_assertion(
        &self,
        source: IdentitySource,
        identity: &IdentityId,
    ) -> Result<Secret> {
        if self.host_source(source) == IdentitySource::WorkloadIdentity {
            return self
                .projected_token()
                .await
                .map_err(|error| error.with_identity_source(IdentitySource::WorkloadIdentity));
        }
        let host = TokenSource::Host {
            source,
            identity: identity.clone(),
        };
        let token = self
            .host_token(source, identity, host.fingerprint(), Resource::Exchange)
            .await?;
        Ok(token.text)
    }

    /// Entra gives a token for storage to whoever has this proof of being the app.
    pub(super) async fn client_credentials(
        &self,
        endpoint: Url,
        client_id: &str,
        field: &str,
        value: &Secret,
    ) -> Result<AccessToken> {
        let scope = format!("{}/.default", self.cloud.storage_resource);
        let body = form(
            &[
                ("grant_type", "client_credentials"),
                ("client_id", client_id),
                ("scope", &scope),
            ],
            (field, value),
        );
        let body = retry::ENTRA
            .within(self.patience)
            .run(|| self.answer(token_request(&endpoint, &body)))
            .await?;
        TokenAnswer::parse(&body, self.http.clock().now_ms())
            .map_err(|error| error.with_host(endpoint.authority()))
    }

    async fn answer(&self, request: Request) -> Result<Bytes> {
        let response = self.http.send(Destination::Entra, request).await?;
        if !response.status().is_success() {
            return Err(self
                .http
                .failure(response, |answer| answer.entra_error())
                .await);
        }
        read_body(response, Destination::Entra, TOKEN_ANSWER_LIMIT).await
    }

    pub(super) fn token_endpoint(&self, tenant_id: &str) -> Result<Url> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let is_tenant = tenant_id.len() >= 3
            && tenant_id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && tenant_id.chars().all(is_name)
            && !matches!(tenant_id, "common" | "organizations" | "consumers");
        if !is_tenant {
            return Err(Error::invalid(format!(
                "{tenant_id:?} is not a tenant: use its GUID or its domain name, such as contoso.onmicrosoft.com"
            )));
        }
        Url::parse(&format!(
            "{}/{tenant_id}/oauth2/v2.0/token",
            self.cloud.authority
        ))
        .map_err(|error| Error::invalid(format!("authority {}: {error}", self.cloud.authority)))
    }
}

/// A form body; `proof` is the app's.
fn form(fields: &[(&str, &str)], (field, value): (&str, &Secret)) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).append_pair(field, value.expose());
    if field == "client_assertion" {
        form.append_pair("client_assertion_type", ASSERTION_TYPE);
    }
    Bytes::from(form.finish())
}

fn token_request(endpoint: &Url, body: &Bytes) -> Request {
    let mut request = Request::new(Method::POST, endpoint.clone());
    *request.body_mut() = Some(body.clone().into());
    *request.timeout_mut() = Some(TIMEOUT);
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert(
        header::ACCEPT,
        header::HeaderValue::from_static("application/json"),
    );
    headers.insert("client-request-id", request_id());
    request
}

/// `expires_in` is a number from Entra and a string from the identity endpoints; App Service's
/// older answers have only `expires_on`.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: String,
    expires_in: Option<Number>,
    expires_on: Option<Number>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

impl Number {
    fn get(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl TokenAnswer {
    pub(super) fn parse(body: &[u8], now_ms: i64) -> Result<AccessToken> {
        // serde's own text could quote the token.
        // A captive portal's page has status 200 too.
        let unreadable = || {
            Error::new(
                ErrorKind::NotAzure,
                "the token answer has no access_token with a lifetime",
            )
        };
        let answer: Self = serde_json::from_slice(body).map_err(|_| unreadable())?;
        let text = Secret::new(answer.access_token);
        let lasts = answer.expires_in.and_then(|seconds| seconds.get());
        let until = answer.expires_on.and_then(|seconds| seconds.get());
        let expires_at_ms = lasts
            .map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1000)))
            .or(until.map(|seconds| seconds.saturating_mul(1000)))
            .ok_or_else(unreadable)?;
        Ok(AccessToken {
            text,
            expires_at_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::TokenAnswer;

    #[test]
    fn lifetimes_in_every_spelling() {
        for (body, expires_at_ms) in [
            (r#"{"access_token":"t","expires_in":3599}"#, Some(3_600_000)),
            (
                r#"{"access_token":"t","expires_in":"3599","expires_on":"9"}"#,
                Some(3_600_000),
            ),
            (
                r#"{"access_token":"t","expires_on":"1767229200"}"#,
                Some(1_767_229_200_000),
            ),
            (r#"{"access_token":"t"}"#, None),
            (r#"{"expires_in":1}"#, None),
            ("<html>", None),
        ] {
            let token = TokenAnswer::parse(body.as_bytes(), 1_000);
            assert_eq!(
                token.ok().map(|token| token.expires_at_ms),
                expires_at_ms,
                "{body}"
            );
        }
        let leaky = TokenAnswer::parse(br#"{"access_token":7,"id":"s3cret"}"#, 0)
            .err()
            .unwrap();
        assert!(!format!("{leaky:?}").contains("s3cret"));
    }
}

#[cfg(test)]
mod fuzz {
    use serde_json::Value;

    use super::TokenAnswer;

    /// A token is what the answer says that it is, with a lifetime; what cannot be read is not quoted.
    #[test]
    fn token_answers() {
        const NOW_MS: i64 = 1_767_225_600_000;
        let seeds = [
            r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"q7Zx0Lk2Vb9T"}"#,
            r#"{"access_token":"q7Zx0Lk2Vb9T","expires_on":"1767229200","resource":"https://storage.azure.com/"}"#,
            r#"{"access_token":["q7Zx0Lk2Vb9T"],"expires_in":" 7 "}"#,
        ];
        let words = [
            "\"access_token\":",
            "\"expires_in\":",
            "\"expires_on\":",
            "\"9223372036854775807\"",
            "null",
            "{",
            "}",
            ",",
            "\"",
        ];
        ::fuzz::bytes("token_answers", &seeds.map(str::as_bytes), &words, |body| {
            match TokenAnswer::parse(body, NOW_MS) {
                Err(error) => assert!(!error.message().contains("q7Zx")),
                Ok(token) => {
                    // A number that no double holds, in a member that nobody reads.
                    let Ok(said) = serde_json::from_slice::<Value>(body) else {
                        return;
                    };
                    assert_eq!(said["access_token"], token.text.expose());
                    assert!(!said["expires_in"].is_null() || !said["expires_on"].is_null());
                }
            }
        });
    }
}
