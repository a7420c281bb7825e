//! Ordered departures from what Entra does, over the control endpoint, and each is the one ordered.

use jsonwebtoken::Algorithm;
use local_azure::{entra::TokenProblem, state::CONSUMERS};
use reqwest::Method;
use serde_json::{Value, json};

use super::Pages;
use crate::support::{assert_refused, claims};

impl Pages {
    async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.world.azure.endpoints().control);
        let request = self.world.client.request(method, url).json(body);
        let (status, answer) = crate::support::answer(request.send().await.unwrap()).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    async fn flawed(&self, flaw: &str) -> String {
        self.control(Method::PUT, "/deviations", &json!({"id_token": flaw}))
            .await;
        self.id_token(&self.admin).await
    }

    fn verify(&self, token: &str) -> Result<Value, TokenProblem> {
        let state = self.world.state();
        state.keys().verify(token, state.now_ms())
    }
}

#[tokio::test]
async fn claims_can_be_wrong_under_a_right_signature() {
    let pages = Pages::start().await;
    let right = claims(&pages.id_token(&pages.admin).await);
    for (flaw, claim) in [
        ("wrong_issuer", "iss"),
        ("foreign_issuer", "iss"),
        ("wrong_audience", "aud"),
        ("wrong_nonce", "nonce"),
        ("no_nonce", "nonce"),
    ] {
        let token = pages.flawed(flaw).await;
        pages.verify(&token).unwrap();
        let wrong = claims(&token);
        assert_ne!(wrong[claim], right[claim], "{flaw}");
        for other in ["iss", "aud", "nonce", "tid", "oid"] {
            assert!(
                other == claim || wrong[other] == right[other],
                "{flaw}: {other}"
            );
        }
    }
    let expired = pages.flawed("expired").await;
    assert_eq!(pages.verify(&expired), Err(TokenProblem::Expired));
    let early = pages.flawed("not_yet_valid").await;
    assert_eq!(pages.verify(&early), Err(TokenProblem::NotYetValid));
}

#[tokio::test]
async fn signatures_can_be_wrong_around_right_claims() {
    let pages = Pages::start().await;
    let right = claims(&pages.id_token(&pages.admin).await);
    let same = |token: &str| {
        let claims = claims(token);
        ["iss", "aud", "nonce", "tid"]
            .iter()
            .all(|claim| claims[claim] == right[claim])
    };
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let current = pages.world.state().keys().current();

    let unsigned = pages.flawed("unsigned").await;
    assert!(unsigned.ends_with('.') && same(&unsigned));
    assert_eq!(pages.verify(&unsigned), Err(TokenProblem::Malformed));

    let unknown = pages.flawed("unknown_key").await;
    assert!(kid(&unknown) != current && same(&unknown));
    assert_eq!(pages.verify(&unknown), Err(TokenProblem::UnknownKey));

    let symmetric = pages.flawed("symmetric_signature").await;
    let header = jsonwebtoken::decode_header(&symmetric).unwrap();
    assert_eq!(header.alg, Algorithm::HS256);
    assert!(kid(&symmetric) == current && same(&symmetric));
    assert_eq!(pages.verify(&symmetric), Err(TokenProblem::BadSignature));

    let tampered = pages.flawed("tampered").await;
    assert!(kid(&tampered) == current && same(&tampered));
    assert_ne!(claims(&tampered)["oid"], right["oid"]);
    assert_eq!(pages.verify(&tampered), Err(TokenProblem::BadSignature));
}

#[tokio::test]
async fn an_order_ends_when_it_is_taken_back() {
    let pages = Pages::start().await;
    pages.flawed("expired").await;
    let ordered = pages
        .control(Method::GET, "/deviations", &Value::Null)
        .await;
    assert_eq!(ordered["id_token"], "expired");
    pages.control(Method::PUT, "/deviations", &json!({})).await;
    pages.verify(&pages.id_token(&pages.admin).await).unwrap();
}

#[tokio::test]
async fn the_consent_redirect_can_name_another_tenant() {
    let pages = Pages::start().await;
    let other = &pages.world.platform.id;
    pages
        .control(
            Method::PUT,
            "/deviations",
            &json!({"consent_tenant": other}),
        )
        .await;
    let parameters = pages.consent(&pages.admin, "accept").await.parameters();
    assert_eq!(&parameters["tenant"], other);
}

#[tokio::test]
async fn a_consent_can_take_its_time() {
    let pages = Pages::start().await;
    let world = &pages.world;
    world.state().remove_service_principal(&world.principal);
    pages
        .control(
            Method::PUT,
            "/deviations",
            &json!({"consent_delay_ms": 60_000}),
        )
        .await;
    pages.consent(&pages.admin, "accept").await.parameters();
    let secret = world.secret();
    let ask = async || {
        world
            .ask(&world.customer.id, &[("client_secret", &secret)])
            .await
    };
    assert_refused(&ask().await, (401, "invalid_client", 7_000_229));
    world.state().advance_clock_ms(60_000);
    assert_eq!(ask().await.0, 200);
}

#[tokio::test]
async fn a_personal_account_signs_in_as_one() {
    let pages = Pages::start().await;
    let user = pages
        .control(
            Method::POST,
            "/personal-accounts",
            &json!({"email": "someone@outlook.example"}),
        )
        .await;
    let user = serde_json::from_value(user).unwrap();
    let token = claims(&pages.id_token(&user).await);
    assert_eq!(token["tid"], CONSUMERS);
    assert_eq!(token["preferred_username"], "someone@outlook.example");
}

#[tokio::test]
async fn keys_rotate_under_id_tokens() {
    let pages = Pages::start().await;
    let before = pages.id_token(&pages.admin).await;
    pages
        .control(
            Method::POST,
            "/signing-keys/rotate",
            &json!({"drop_old": true}),
        )
        .await;
    assert_eq!(pages.verify(&before), Err(TokenProblem::UnknownKey));
    pages.verify(&pages.id_token(&pages.admin).await).unwrap();
}

#[tokio::test]
async fn redirect_uris_follow_the_product_to_its_address() {
    let pages = Pages::start().await;
    let path = format!("/apps/{}", pages.world.app.client_id);
    let moved = "https://longshore.example/connect/azure/callback";
    pages
        .control(Method::PATCH, &path, &json!({"redirect_uris": [moved]}))
        .await;
    pages
        .authorize(&pages.admin, &[])
        .await
        .assert_page(400, 50_011);
    let answer = pages
        .authorize(&pages.admin, &[("redirect_uri", moved)])
        .await;
    assert!(answer.location.unwrap().starts_with(moved));
}
