//! People at Entra ID: signing in (authorization code, PKCE, nonce) and the administrator's consent.
//!
//! Sources: "OAuth 2.0 authorization code flow", "OpenID Connect on the Microsoft identity
//! platform", "OAuth 2.0 client credentials flow" (its admin consent page, which asks for what the
//! app registration lists).

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use model::Secret;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::{
    Azure, Error, ErrorKind, Result,
    azure::AppRegistration,
    id_token::{self, EntraUser, Expected},
    token::AuthorizationCode,
};

/// One sign-in: what is sent with the person, and must be there again when the answer is redeemed.
#[derive(Clone, Copy, Debug)]
pub struct SignInRequest<'a> {
    /// Registered with the app; where Entra ID sends the person back.
    pub redirect_uri: &'a str,
    /// Random; comes back with the person.
    pub state: &'a str,
    /// Random; comes back inside the id_token.
    pub nonce: &'a str,
    /// Random, 43 to 128 characters (RFC 7636); only its hash travels with the person.
    pub pkce_verifier: &'a Secret,
}

impl Azure {
    /// Where a person of any tenant signs in; asks which account every time.
    ///
    /// # Errors
    /// `InvalidInput` when this server has no app registration.
    pub fn authorize_url(&self, request: &SignInRequest<'_>) -> Result<Url> {
        let verifier = request.pkce_verifier.expose().as_bytes();
        let challenge = BASE64URL.encode(digest::digest(&digest::SHA256, verifier));
        let mut url = self.entra_url("organizations/oauth2/v2.0/authorize")?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.app()?.client_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("scope", "openid profile")
            .append_pair("redirect_uri", request.redirect_uri)
            .append_pair("state", request.state)
            .append_pair("nonce", request.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("prompt", "select_account");
        Ok(url)
    }

    /// Who signed in: redeems the code and verifies the id_token.
    ///
    /// # Errors
    /// `TokenRefused` when Entra ID does not take the code, `IdTokenRefused` when what it gave
    /// proves nothing.
    pub async fn redeem_code(
        &self,
        code: &Secret,
        request: &SignInRequest<'_>,
    ) -> Result<EntraUser> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: String,
        }
        let app = self.app()?;
        let shared = self.shared();
        let endpoint = self.entra_url("organizations/oauth2/v2.0/token")?;
        let body = shared
            .tokens
            .redeem(
                endpoint,
                (&app.client_id, &app.proof),
                &AuthorizationCode {
                    code,
                    redirect_uri: request.redirect_uri,
                    pkce_verifier: request.pkce_verifier,
                },
            )
            .await?;
        // The cause is not kept: it could quote the token.
        let token = serde_json::from_slice::<Answer>(&body)
            .map(|answer| Secret::new(answer.id_token))
            .map_err(|_| id_token::refused("Entra ID gave none"))?;
        let kid = id_token::key_id(token.expose())?;
        let key = shared
            .signing_keys
            .get(&shared.http, &shared.cloud, &kid)
            .await?;
        let expected = Expected {
            authority: &shared.cloud.authority,
            client_id: &app.client_id,
            nonce: request.nonce,
            now_ms: shared.http.clock().now_ms(),
        };
        id_token::verify(token.expose(), &key, &expected)
    }

    /// Where an administrator of this tenant consents to our app.
    ///
    /// # Errors
    /// `InvalidInput` when the tenant is no GUID, or this server has no app registration.
    pub fn admin_consent_url(
        &self,
        tenant_id: &str,
        redirect_uri: &str,
        state: &str,
    ) -> Result<Url> {
        let tenant = Uuid::try_parse(tenant_id)
            .map_err(|_| Error::invalid(format!("{tenant_id:?} is no tenant id")))?;
        let mut url = self.entra_url(&format!("{tenant}/adminconsent"))?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.app()?.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state);
        Ok(url)
    }

    fn app(&self) -> Result<&AppRegistration> {
        self.app_registration().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "this server has no app registration, so nobody can connect to Azure with it",
            )
        })
    }

    fn entra_url(&self, path: &str) -> Result<Url> {
        Url::parse(&format!("{}/{path}", self.cloud().authority))
            .map_err(|error| Error::invalid(error.to_string()))
    }
}
