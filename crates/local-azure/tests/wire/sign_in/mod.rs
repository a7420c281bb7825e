//! A person signs in and an administrator consents, with the forms' fields instead of a browser.

mod authorize;
mod code;
mod consent;
mod flaws;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use local_azure::state::{DirectoryRole, TenantUser};
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::Value;
use std::collections::HashMap;
use url::Url;

use crate::support::{World, answer, builder};

/// Where the app wants its answers.
pub const CALLBACK: &str = "http://127.0.0.1:8080/connect/azure/callback";
pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0123";

/// The world with people in it, and a client that follows no redirect.
pub struct Pages {
    pub world: World,
    client: Client,
    pub admin: TenantUser,
    pub member: TenantUser,
    /// Administrator of another tenant: the platform's.
    pub stranger: TenantUser,
}

/// What a page or endpoint answered.
pub struct Answer {
    pub status: StatusCode,
    /// Of a redirect.
    pub location: Option<String>,
    pub body: String,
}

impl Pages {
    pub async fn start() -> Self {
        let world = World::start().await;
        let state = world.state();
        let admin = DirectoryRole::GlobalAdministrator;
        let user = |tenant: &str, name, role| state.create_user(tenant, name, role).unwrap();
        state
            .set_redirect_uris(&world.app.client_id, vec![CALLBACK.to_owned()])
            .unwrap();
        Self {
            admin: user(&world.customer.id, "ada", admin),
            member: user(&world.customer.id, "max", DirectoryRole::Member),
            stranger: user(&world.platform.id, "eve", admin),
            client: builder(&world.azure)
                .redirect(Policy::none())
                .build()
                .unwrap(),
            world,
        }
    }

    /// `path` below the authority, with a query.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Answer {
        let base = &self.world.azure.endpoints().entra;
        let url = Url::parse_with_params(&format!("{base}/{path}"), query).unwrap();
        let mut request = self.client.request(method.clone(), url);
        if method == Method::POST {
            request = request.form(form);
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status(),
            location: response
                .headers()
                .get("location")
                .map(|location| location.to_str().unwrap().to_owned()),
            body: response.text().await.unwrap(),
        }
    }

    /// The authorize request of a right client; `more` is added or replaces, and an empty value is left out.
    pub fn authorize_query<'q>(&'q self, more: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        replace(
            &[
                ("client_id", self.world.app.client_id.as_str()),
                ("response_type", "code"),
                ("redirect_uri", CALLBACK),
                ("scope", "openid profile"),
                ("state", "the state & more"),
                ("nonce", "the nonce"),
                ("code_challenge", challenge()),
                ("code_challenge_method", "S256"),
            ],
            more,
        )
    }

    /// What sign-in at `organizations` answers.
    pub async fn authorize(&self, user: &TenantUser, more: &[(&str, &str)]) -> Answer {
        let query = self.authorize_query(more);
        self.send(
            Method::POST,
            "organizations/oauth2/v2.0/authorize",
            &query,
            &[("login_as", &user.user_principal_name)],
        )
        .await
    }

    /// A fresh code of the person.
    pub async fn code(&self, user: &TenantUser) -> String {
        self.authorize(user, &[]).await.parameters()["code"].clone()
    }

    /// Redeems a code at an authority; `more` as in [`Pages::authorize_query`].
    pub async fn redeem(
        &self,
        authority: &str,
        code: &str,
        more: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let secret = self.world.secret();
        let form = replace(
            &[
                ("grant_type", "authorization_code"),
                ("client_id", self.world.app.client_id.as_str()),
                ("client_secret", &secret),
                ("code", code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ],
            more,
        );
        let request = self
            .client
            .post(self.world.token_url(authority))
            .form(&form);
        answer(request.send().await.unwrap()).await
    }

    /// The id_token of a whole sign-in.
    pub async fn id_token(&self, user: &TenantUser) -> String {
        let code = self.code(user).await;
        let (status, body) = self.redeem("organizations", &code, &[]).await;
        assert_eq!(status, 200, "{body}");
        body["id_token"].as_str().unwrap().to_owned()
    }

    /// What the consent page of the customer's tenant answers to `action`.
    pub async fn consent(&self, user: &TenantUser, action: &str) -> Answer {
        self.consent_at(&self.world.customer.id, user, action, &[])
            .await
    }

    pub async fn consent_at(
        &self,
        authority: &str,
        user: &TenantUser,
        action: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let query = replace(
            &[
                ("client_id", self.world.app.client_id.as_str()),
                ("redirect_uri", CALLBACK),
                ("state", "the state & more"),
                ("scope", "https://storage.azure.com/.default"),
            ],
            more,
        );
        self.send(
            Method::POST,
            &format!("{authority}/v2.0/adminconsent"),
            &query,
            &[("login_as", &user.user_principal_name), ("action", action)],
        )
        .await
    }
}

impl Answer {
    /// The parameters of a redirect to the app.
    #[track_caller]
    pub fn parameters(&self) -> HashMap<String, String> {
        assert_eq!(self.status, 302, "{}", self.body);
        let location = Url::parse(self.location.as_ref().unwrap()).unwrap();
        assert!(location.as_str().starts_with(CALLBACK), "{location}");
        location.query_pairs().into_owned().collect()
    }

    /// It is Entra's own page with this code, and leads nowhere.
    #[track_caller]
    pub fn assert_page(&self, status: u16, code: u32) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.location, None);
        assert!(
            self.body.contains(&format!("AADSTS{code}")),
            "{}",
            self.body
        );
    }
}

/// The S256 challenge of [`VERIFIER`].
fn challenge() -> &'static str {
    static CHALLENGE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
    });
    &CHALLENGE
}

fn replace<'v>(
    fields: &[(&'v str, &'v str)],
    more: &[(&'v str, &'v str)],
) -> Vec<(&'v str, &'v str)> {
    fields
        .iter()
        .filter(|(name, _)| more.iter().all(|(replaced, _)| replaced != name))
        .chain(more)
        .filter(|(_, value)| !value.is_empty())
        .copied()
        .collect()
}
