//! Apps without a secret: a managed identity's or a cluster's token as the client assertion.

use local_azure::{
    entra::SigningKeys,
    state::{FederatedCredential, IdentityKind},
};
use serde_json::{Value, json};

use crate::support::{World, answer, assert_refused, claims};

const EXCHANGE: &str = "api://AzureADTokenExchange";

/// The token of a managed identity for the exchange, from IMDS.
async fn identity_token(world: &World, client_id: &str) -> String {
    let url = format!(
        "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={EXCHANGE}&client_id={client_id}",
        world.azure.endpoints().imds
    );
    let request = world.client.get(url).header("Metadata", "true");
    let (status, body) = answer(request.send().await.unwrap()).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_managed_identity_proves_the_app_in_the_customers_tenant() {
    let world = World::start().await;
    let state = world.state();
    let identity = state
        .create_identity(&world.platform.id, "longshore", IdentityKind::UserAssigned)
        .unwrap();
    let token = identity_token(&world, &identity.client_id).await;
    let own = claims(&token);
    assert_eq!(
        (&own["ver"], &own["aud"]),
        (&json!("2.0"), &json!(EXCHANGE))
    );
    assert_eq!(own["sub"], identity.object_id);

    let unconfigured = world.ask_with_assertion(&world.customer.id, &token).await;
    assert_refused(&unconfigured, (401, "invalid_client", 70025));

    let credential = FederatedCredential {
        issuer: own["iss"].as_str().unwrap().to_owned(),
        subject: identity.object_id.clone(),
        audience: EXCHANGE.to_owned(),
    };
    state
        .add_federated_credential(&world.app.client_id, credential)
        .unwrap();
    let (status, body) = world.ask_with_assertion(&world.customer.id, &token).await;
    assert_eq!(status, 200, "{body}");
    let granted = claims(body["access_token"].as_str().unwrap());
    assert_eq!(granted["tid"], world.customer.id);
    assert_eq!(granted["oid"], world.principal);

    state.advance_clock_ms(2 * 24 * 3600 * 1000);
    let expired = world.ask_with_assertion(&world.customer.id, &token).await;
    assert_refused(&expired, (401, "invalid_client", 700024));
}

#[tokio::test]
async fn an_identity_of_another_tenant_than_the_apps_home_is_refused() {
    let world = World::start().await;
    let state = world.state();
    let identity = state
        .create_identity(&world.customer.id, "theirs", IdentityKind::UserAssigned)
        .unwrap();
    let token = identity_token(&world, &identity.client_id).await;
    let credential = FederatedCredential {
        issuer: world.azure.endpoints().issuer(&world.customer.id),
        subject: identity.object_id,
        audience: EXCHANGE.to_owned(),
    };
    state
        .add_federated_credential(&world.app.client_id, credential)
        .unwrap();
    let refused = world.ask_with_assertion(&world.customer.id, &token).await;
    assert_refused(&refused, (401, "invalid_client", 700236));
}

#[tokio::test]
async fn a_projected_service_account_token_proves_the_app() {
    let world = World::start().await;
    let state = world.state();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("azure-identity-token");
    state
        .trust_service_account(&world.app.client_id, "labels", "longshore")
        .unwrap();
    state.project_token("labels", "longshore", &file).unwrap();
    let token = std::fs::read_to_string(&file).unwrap();
    let (status, body) = world.ask_with_assertion(&world.customer.id, &token).await;
    assert_eq!(status, 200, "{body}");

    state.project_token("labels", "another", &file).unwrap();
    let token = std::fs::read_to_string(&file).unwrap();
    let refused = world.ask_with_assertion(&world.customer.id, &token).await;
    assert_refused(&refused, (401, "invalid_client", 700213));
}

#[tokio::test]
async fn each_mismatch_has_its_own_code() {
    let world = World::start().await;
    let state = world.state();
    let keys = SigningKeys::generate();
    let issuer = "https://token.example/oidc";
    state
        .add_external_issuer(issuer, &keys.public_key())
        .unwrap();
    for issuer in [issuer, "https://nobody-knows.example"] {
        let credential = FederatedCredential {
            issuer: issuer.to_owned(),
            subject: "repo:Longshore".to_owned(),
            audience: EXCHANGE.to_owned(),
        };
        state
            .add_federated_credential(&world.app.client_id, credential)
            .unwrap();
    }

    let now = state.now_ms() / 1000;
    let good = json!({
        "iss": issuer, "sub": "repo:Longshore", "aud": EXCHANGE, "nbf": now, "exp": now + 600,
    });
    let ask = async |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        world
            .ask_with_assertion(&world.customer.id, &keys.sign(&claims))
            .await
    };
    assert_eq!(ask("jti", json!("1")).await.0, 200);
    assert_eq!(ask("aud", json!([EXCHANGE, "other"])).await.0, 200);
    for (claim, value, code) in [
        ("iss", json!("https://other.example"), 700211),
        ("iss", json!(format!("{issuer}/")), 700211),
        ("sub", json!("repo:other"), 700213),
        ("sub", json!("repo:longshore"), 7002138),
        ("aud", json!("api://other"), 700212),
        ("exp", json!(now - 3600), 700024),
        ("nbf", json!(now + 3600), 700024),
    ] {
        assert_refused(&ask(claim, value).await, (401, "invalid_client", code));
    }
    assert_refused(
        &ask("iss", json!("https://nobody-knows.example")).await,
        (400, "invalid_request", 50166),
    );

    let forged = SigningKeys::generate().sign(&good);
    let forged = world.ask_with_assertion(&world.customer.id, &forged).await;
    assert_refused(&forged, (400, "invalid_request", 5000811));
}
