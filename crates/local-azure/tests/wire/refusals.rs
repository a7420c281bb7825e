//! What Entra refuses: every AADSTS code with its HTTP status and OAuth error.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local_azure::{
    self_signed,
    state::{AppAudience, AppCertificate},
};
use serde_json::{Value, json};

use crate::support::{World, answer, assert_refused};

#[tokio::test]
async fn the_body_has_entras_shape() {
    let world = World::start().await;
    let (status, body) = world
        .ask(&world.customer.id, &[("client_secret", "wrong")])
        .await;
    assert_eq!(status, 401);
    let description = body["error_description"].as_str().unwrap();
    let text = |field: &str| body[field].as_str().unwrap().to_owned();
    for part in [
        format!("Trace ID: {}", text("trace_id")),
        format!("Correlation ID: {}", text("correlation_id")),
        format!("Timestamp: {}", text("timestamp")),
    ] {
        assert!(description.contains(&part), "{description}");
    }
    assert!(text("timestamp").ends_with('Z') && text("timestamp").contains(' '));
    assert!(text("error_uri").ends_with("/error?code=7000215"));
}

#[tokio::test]
async fn secrets() {
    let world = World::start().await;
    let tenant = &world.customer.id;
    let client_id = &world.app.client_id;
    let wrong = world.ask(tenant, &[("client_secret", "wrong")]).await;
    assert_refused(&wrong, (401, "invalid_client", 7000215));

    let secret = world.state().add_secret(client_id, 60_000).unwrap();
    let its_id = world
        .ask(tenant, &[("client_secret", &secret.key_id)])
        .await;
    assert_refused(&its_id, (401, "invalid_client", 7000215));

    let expired = world.state().add_secret(client_id, -1).unwrap();
    let expired = world
        .ask(tenant, &[("client_secret", &expired.value)])
        .await;
    assert_refused(&expired, (401, "invalid_client", 7000222));

    let none = world.ask(tenant, &[]).await;
    assert_refused(&none, (401, "invalid_client", 7000218));
}

#[tokio::test]
async fn apps_and_principals() {
    let world = World::start().await;
    let secret = world.secret();
    let state = world.state();
    let ask = async |tenant: &str, client_id: &str| {
        world
            .ask(
                tenant,
                &[("client_secret", &secret), ("client_id", client_id)],
            )
            .await
    };
    let customer = world.customer.id.as_str();
    let id = world.app.client_id.as_str();

    let nobody = "11111111-2222-3333-4444-555555555555";
    assert_refused(
        &ask(customer, nobody).await,
        (400, "unauthorized_client", 700016),
    );
    let single = state
        .create_app(&world.platform.id, "Single", AppAudience::SingleTenant)
        .unwrap();
    assert_refused(
        &ask(customer, &single.client_id).await,
        (400, "unauthorized_client", 700016),
    );

    let not_a_guid = ask(customer, "longshore").await;
    assert_refused(&not_a_guid, (400, "unauthorized_client", 700038));
    assert!(not_a_guid.1.get("error_uri").is_none());

    let other = state.create_tenant("fabrikam.onmicrosoft.com").unwrap();
    assert_refused(&ask(&other.id, id).await, (401, "invalid_client", 7000229));

    assert!(state.enable_service_principal(&world.principal, false));
    assert_refused(
        &ask(customer, id).await,
        (400, "unauthorized_client", 7000112),
    );
    assert!(state.enable_service_principal(&world.principal, true));
    assert_eq!(ask(customer, id).await.0, 200);

    assert!(state.block_service_principal(&world.principal, true));
    assert_refused(&ask(customer, id).await, (400, "access_denied", 53003));
    let wrong = world.ask(customer, &[("client_secret", "wrong")]).await;
    assert_refused(&wrong, (401, "invalid_client", 7000215));
    assert!(state.block_service_principal(&world.principal, false));
    assert_eq!(ask(customer, id).await.0, 200);

    assert!(state.remove_service_principal(&world.principal));
    assert_refused(&ask(customer, id).await, (401, "invalid_client", 7000229));
    let again = state.consent(customer, id).unwrap();
    assert_ne!(
        again, world.principal,
        "a new principal, without the old one's roles"
    );
    assert_eq!(ask(customer, id).await.0, 200);
}

#[tokio::test]
async fn tenants() {
    let world = World::start().await;
    let secret = world.secret();
    let ask = async |tenant: &str| world.ask(tenant, &[("client_secret", &secret)]).await;
    for unknown in [
        "nowhere.onmicrosoft.com",
        "11111111-2222-3333-4444-555555555555",
    ] {
        assert_refused(&ask(unknown).await, (400, "invalid_request", 90002));
    }
    assert_refused(&ask("common").await, (400, "invalid_request", 9001023));
    assert_refused(&ask("organizations").await, (400, "invalid_request", 50059));

    let discovery = format!(
        "{}/nowhere.onmicrosoft.com/v2.0/.well-known/openid-configuration",
        world.azure.endpoints().entra
    );
    let discovery = answer(world.client.get(discovery).send().await.unwrap()).await;
    assert_refused(&discovery, (400, "invalid_tenant", 90002));
}

#[tokio::test]
async fn requests() {
    let world = World::start().await;
    let secret = world.secret();
    for (field, value, refused) in [
        (
            "grant_type",
            "password",
            (400, "unsupported_grant_type", 70003),
        ),
        ("grant_type", "", (400, "invalid_request", 900144)),
        ("client_id", "", (400, "invalid_request", 900144)),
        ("scope", "", (400, "invalid_request", 900144)),
        (
            "scope",
            "https://storage.azure.com",
            (400, "invalid_scope", 1002012),
        ),
        (
            "scope",
            "https://a/.default https://b/.default",
            (400, "invalid_scope", 1002012),
        ),
        (
            "scope",
            "https://nothing.example/.default",
            (400, "invalid_resource", 500011),
        ),
    ] {
        let answer = world
            .ask(
                &world.customer.id,
                &[("client_secret", &secret), (field, value)],
            )
            .await;
        assert_refused(&answer, refused);
    }
}

/// An app's own assertion, to be made wrong in one place.
struct Assertion {
    header: Header,
    claims: Value,
}

impl Assertion {
    fn new(world: &World, certificate: &AppCertificate) -> Self {
        use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
        let mut header = Header::new(Algorithm::PS256);
        let thumbprint = hex::decode(&certificate.sha256).unwrap();
        header.x5t_s256 = Some(BASE64_URL_SAFE_NO_PAD.encode(thumbprint));
        let now = world.state().now_ms() / 1000;
        Self {
            header,
            claims: json!({
                "aud": world.token_url(&world.customer.id), "iss": world.app.client_id,
                "sub": world.app.client_id, "jti": "1", "nbf": now, "exp": now + 300,
            }),
        }
    }

    fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims[claim] = value.into();
        self
    }

    fn sign(&self, pem: &str) -> String {
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        jsonwebtoken::encode(&self.header, &self.claims, &key).unwrap()
    }
}

#[tokio::test]
async fn certificates() {
    let world = World::start().await;
    let state = world.state();
    let (pem, other_pem) = (self_signed("ours").unwrap(), self_signed("other").unwrap());
    let client_id = &world.app.client_id;
    let known = state.add_certificate(client_id, &pem, None).unwrap();
    let ask = async |jwt: String| world.ask_with_assertion(&world.customer.id, &jwt).await;
    assert_eq!(ask(Assertion::new(&world, &known).sign(&pem)).await.0, 200);

    // Of another app, so that its thumbprint is unknown here.
    let elsewhere = state
        .create_app(&world.platform.id, "Other", AppAudience::MultiTenant)
        .unwrap();
    let unknown = state
        .add_certificate(&elsewhere.client_id, &other_pem, None)
        .unwrap();
    let refused = ask(Assertion::new(&world, &unknown).sign(&other_pem)).await;
    assert_refused(&refused, (401, "invalid_client", 700027));
    let description = refused.1["error_description"].as_str().unwrap();
    let thumbprint = unknown.sha256.to_ascii_uppercase();
    assert!(
        description.contains(&format!(
            "[Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}'"
        )),
        "{description}"
    );

    let forged = ask(Assertion::new(&world, &known).sign(&other_pem)).await;
    assert_refused(&forged, (401, "invalid_client", 700027));

    let now = state.now_ms();
    let old_pem = self_signed("old").unwrap();
    let old = state
        .add_certificate(client_id, &old_pem, Some(now - 1))
        .unwrap();
    let expired_key = ask(Assertion::new(&world, &old).sign(&old_pem)).await;
    assert_refused(&expired_key, (401, "invalid_client", 700027));

    let wrong = async |claim: &str, value: Value| {
        ask(Assertion::new(&world, &known).with(claim, value).sign(&pem)).await
    };
    assert_refused(
        &wrong("aud", json!(world.token_url(&world.platform.id))).await,
        (401, "invalid_client", 700023),
    );
    assert_refused(
        &wrong("aud", json!("https://login.microsoftonline.com/x/v2.0")).await,
        (401, "invalid_client", 700023),
    );
    assert_refused(
        &wrong("exp", json!(now / 1000 - 3600)).await,
        (401, "invalid_client", 700024),
    );
    assert_refused(
        &wrong("sub", json!("someone")).await,
        (401, "invalid_client", 700021),
    );
    assert_refused(
        &ask("a.b.c".to_owned()).await,
        (401, "invalid_client", 50027),
    );
}

#[tokio::test]
async fn an_assertion_for_another_app_is_refused() {
    let world = World::start().await;
    let pem = self_signed("ours").unwrap();
    let known = world
        .state()
        .add_certificate(&world.app.client_id, &pem, None)
        .unwrap();
    let jwt = Assertion::new(&world, &known)
        .with("iss", "other")
        .with("sub", "other")
        .sign(&pem);
    let refused = world.ask_with_assertion(&world.customer.id, &jwt).await;
    assert_refused(&refused, (401, "invalid_client", 700021));
}
