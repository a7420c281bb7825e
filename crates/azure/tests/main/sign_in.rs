//! People who sign in at a local Entra ID, and what is made of what comes back.

use azure::{AppRegistration, Azure, EntraUser, ErrorKind, SignInRequest};
use local_azure::state::{AppAudience, Deviations, DirectoryRole, IdTokenFlaw, Tenant, TenantUser};
use model::{ClientProof, Secret};
use url::Url;

use crate::world::{HOUR_MS, World};

const BACK: &str = "https://longshore.example/connect/azure/callback";

struct Stage {
    world: World,
    azure: Azure,
    ann: TenantUser,
    verifier: Secret,
}

impl Stage {
    async fn start() -> Self {
        let world = World::start().await;
        let state = world.local.state();
        let ours: Tenant = state.create_tenant("longshore.example").unwrap();
        let app = state
            .create_app(&ours.id, "Longshore", AppAudience::MultiTenant)
            .unwrap();
        state
            .set_redirect_uris(&app.client_id, vec![BACK.to_owned()])
            .unwrap();
        let secret = state.add_secret(&app.client_id, 720 * HOUR_MS).unwrap();
        let ann = state
            .create_user(&world.tenant.id, "ann", DirectoryRole::Member)
            .unwrap();
        let app = AppRegistration {
            client_id: app.client_id,
            proof: ClientProof::Secret(Secret::new(secret.value)),
        };
        let azure = world.azure_with(azure::HostIdentity::default(), Some(app));
        Self {
            world,
            azure,
            ann,
            verifier: Secret::new("v".repeat(43)),
        }
    }

    fn request(&self) -> SignInRequest<'_> {
        SignInRequest {
            redirect_uri: BACK,
            state: "the state",
            nonce: "the nonce",
            pkce_verifier: &self.verifier,
        }
    }

    /// Signs in as Ann; the code that comes back with the state.
    async fn code(&self) -> Secret {
        let mut url = self.azure.authorize_url(&self.request()).unwrap();
        url.query_pairs_mut()
            .append_pair("login_as", &self.ann.user_principal_name);
        let ca = std::fs::read(&self.world.local.endpoints().ca_file).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_merge([reqwest::Certificate::from_pem(&ca).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let answer = client.get(url).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        let back = Url::parse(location).unwrap();
        let value = |wanted: &str| {
            let found = back.query_pairs().find(|(name, _)| name == wanted);
            found.unwrap().1.into_owned()
        };
        assert_eq!(value("state"), "the state");
        Secret::new(value("code"))
    }

    async fn sign_in(&self) -> azure::Result<EntraUser> {
        let code = self.code().await;
        self.azure.redeem_code(&code, &self.request()).await
    }
}

#[tokio::test]
async fn a_person_proves_who_they_are_and_where() {
    let stage = Stage::start().await;
    let user = stage.sign_in().await.unwrap();
    assert_eq!(user.tenant_id, stage.world.tenant.id);
    assert_eq!(user.object_id, stage.ann.object_id);
    assert_eq!(user.username.as_deref(), Some("ann@customer.example"));
    assert_eq!(user.tenant_domain.as_deref(), Some("customer.example"));
    // The keys are kept, and rotation is noticed by the first token of the new one.
    stage.sign_in().await.unwrap();
    assert_eq!(stage.world.count_requests("/discovery/v2.0/keys"), 1);
    stage.world.local.state().keys().rotate();
    stage.sign_in().await.unwrap();
    assert_eq!(stage.world.count_requests("/discovery/v2.0/keys"), 2);
}

#[tokio::test]
async fn a_flawed_id_token_proves_nothing() {
    let stage = Stage::start().await;
    for flaw in [
        IdTokenFlaw::WrongIssuer,
        IdTokenFlaw::ForeignIssuer,
        IdTokenFlaw::WrongAudience,
        IdTokenFlaw::WrongNonce,
        IdTokenFlaw::NoNonce,
        IdTokenFlaw::Expired,
        IdTokenFlaw::NotYetValid,
        IdTokenFlaw::Unsigned,
        IdTokenFlaw::SymmetricSignature,
        IdTokenFlaw::UnknownKey,
        IdTokenFlaw::Tampered,
    ] {
        stage.world.local.state().deviate(Deviations {
            id_token: Some(flaw),
            ..Deviations::default()
        });
        let error = stage.sign_in().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IdTokenRefused, "{flaw:?}: {error}");
    }
}

#[tokio::test]
async fn a_code_works_once_and_only_with_its_verifier() {
    let stage = Stage::start().await;
    let code = stage.code().await;
    let thief = Secret::new("w".repeat(43));
    let stolen = SignInRequest {
        pkce_verifier: &thief,
        ..stage.request()
    };
    let error = stage.azure.redeem_code(&code, &stolen).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TokenRefused, "{error}");
    let code = stage.code().await;
    stage
        .azure
        .redeem_code(&code, &stage.request())
        .await
        .unwrap();
    let error = stage
        .azure
        .redeem_code(&code, &stage.request())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("AADSTS54005"), "{error}");
}

#[tokio::test]
async fn consent_is_asked_of_a_tenant_id_only() {
    let stage = Stage::start().await;
    let url = stage
        .azure
        .admin_consent_url(&stage.world.tenant.id, BACK, "s")
        .unwrap();
    assert!(
        url.path()
            .starts_with(&format!("/{}/", stage.world.tenant.id))
    );
    for other in ["common", "organizations", "contoso.com", "a/../b"] {
        let error = stage.azure.admin_consent_url(other, BACK, "s").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{other}");
    }
    let without_app = stage.world.azure();
    assert!(without_app.authorize_url(&stage.request()).is_err());
}
