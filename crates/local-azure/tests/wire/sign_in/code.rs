//! Codes for tokens: once, by the app they were made for, with what was promised.

use jsonwebtoken::Algorithm;
use local_azure::self_signed;
use serde_json::json;

use super::{Pages, VERIFIER};
use crate::support::{JWT_BEARER, assert_refused, claims};

#[tokio::test]
async fn a_code_becomes_an_id_token_of_the_persons_tenant() {
    let pages = Pages::start().await;
    let world = &pages.world;
    let code = pages.code(&pages.admin).await;
    let (status, body) = pages.redeem("organizations", &code, &[]).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    // Opaque: not a JWT that anybody could be tempted to read.
    assert!(!body["access_token"].as_str().unwrap().contains('.'));

    let token = body["id_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    let verified: serde_json::Value = world
        .state()
        .keys()
        .verify(token, world.state().now_ms())
        .unwrap();
    let issuer = world.azure.endpoints().issuer(&world.customer.id);
    for (claim, expected) in [
        ("iss", issuer.as_str()),
        ("tid", &world.customer.id),
        ("oid", &pages.admin.object_id),
        ("aud", &world.app.client_id),
        ("nonce", "the nonce"),
        ("preferred_username", "ada@contoso.onmicrosoft.com"),
        ("name", "ada"),
        ("ver", "2.0"),
    ] {
        assert_eq!(verified[claim], expected, "{claim}");
    }
    let seconds = |claim: &str| verified[claim].as_i64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 3599);
    assert_eq!(seconds("nbf"), seconds("iat"));
    assert!(verified.get("email").is_none());
    assert_ne!(verified["sub"], verified["oid"]);
    // The subject stays the same, the token does not.
    let again = claims(&pages.id_token(&pages.admin).await);
    assert_eq!(again["sub"], verified["sub"]);
    assert_ne!(again["uti"], verified["uti"]);
}

#[tokio::test]
async fn scopes_decide_what_is_told() {
    let pages = Pages::start().await;
    let tokens = async |scope: &str| {
        let answer = pages.authorize(&pages.admin, &[("scope", scope)]).await;
        let code = answer.parameters()["code"].clone();
        pages.redeem("organizations", &code, &[]).await.1
    };
    let none = tokens("https://graph.microsoft.com/User.Read").await;
    assert!(none.get("id_token").is_none());
    let bare = claims(tokens("openid").await["id_token"].as_str().unwrap());
    assert!(bare.get("oid").is_none() && bare.get("preferred_username").is_none());
    let email = claims(tokens("openid email").await["id_token"].as_str().unwrap());
    assert_eq!(email["email"], "ada@contoso.onmicrosoft.com");
}

#[tokio::test]
async fn a_code_works_once_and_at_its_own_tenant() {
    let pages = Pages::start().await;
    let code = pages.code(&pages.admin).await;
    let elsewhere = pages.redeem(&pages.world.platform.id, &code, &[]).await;
    assert_refused(&elsewhere, (400, "invalid_grant", 700_005));
    let (status, body) = pages.redeem(&pages.world.customer.id, &code, &[]).await;
    assert_eq!(status, 200, "{body}");
    let again = pages.redeem("organizations", &code, &[]).await;
    assert_refused(&again, (400, "invalid_grant", 54005));
}

#[tokio::test]
async fn two_redemptions_at_once_give_one_token() {
    let pages = Pages::start().await;
    let code = pages.code(&pages.admin).await;
    let (one, two) = tokio::join!(
        pages.redeem("organizations", &code, &[]),
        pages.redeem("organizations", &code, &[])
    );
    let granted = [&one, &two]
        .iter()
        .filter(|(status, _)| *status == 200)
        .count();
    assert_eq!(granted, 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn what_the_code_promised_must_be_kept() {
    let pages = Pages::start().await;
    let code = pages.code(&pages.admin).await;
    let refused = async |more: &[(&str, &str)], expected| {
        assert_refused(&pages.redeem("organizations", &code, more).await, expected);
    };
    let other = "a-verifier-of-somebody-else-who-stole-the-code-12";
    refused(&[("code_verifier", other)], (400, "invalid_grant", 501_481)).await;
    refused(&[("code_verifier", "")], (400, "invalid_grant", 501_481)).await;
    refused(
        &[("redirect_uri", "http://127.0.0.1:8080/")],
        (400, "invalid_client", 500_112),
    )
    .await;
    refused(&[("code", "another")], (400, "invalid_grant", 9_002_313)).await;
    refused(
        &[("client_secret", "wrong")],
        (401, "invalid_client", 7_000_215),
    )
    .await;
    refused(&[("client_secret", "")], (401, "invalid_client", 7_000_218)).await;
    let unknown = "11111111-2222-3333-4444-555555555555";
    refused(
        &[("client_id", unknown)],
        (400, "unauthorized_client", 700_016),
    )
    .await;
    // None of that used it up.
    let (status, _) = pages.redeem("organizations", &code, &[]).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn another_app_cannot_redeem_it() {
    let pages = Pages::start().await;
    let state = pages.world.state();
    let other = state
        .create_app(
            &pages.world.platform.id,
            "Other",
            local_azure::state::AppAudience::MultiTenant,
        )
        .unwrap();
    let secret = state.add_secret(&other.client_id, 60_000).unwrap().value;
    let code = pages.code(&pages.admin).await;
    let stolen = pages
        .redeem(
            "organizations",
            &code,
            &[("client_id", &other.client_id), ("client_secret", &secret)],
        )
        .await;
    assert_refused(&stolen, (400, "invalid_grant", 70_000));
}

#[tokio::test]
async fn a_code_expires_after_ten_minutes() {
    let pages = Pages::start().await;
    let code = pages.code(&pages.admin).await;
    pages.world.state().advance_clock_ms(10 * 60 * 1000);
    let late = pages.redeem("organizations", &code, &[]).await;
    assert_refused(&late, (400, "invalid_grant", 70_008));
}

#[tokio::test]
async fn a_certificate_redeems_at_organizations_too() {
    let pages = Pages::start().await;
    let world = &pages.world;
    let pem = self_signed("longshore").unwrap();
    let added = world
        .state()
        .add_certificate(&world.app.client_id, &pem, None)
        .unwrap();
    let now = world.state().now_ms() / 1000;
    let mut header = jsonwebtoken::Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(thumbprint(&added.sha256));
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let assertion = |authority: &str| {
        let claims = json!({
            "aud": world.token_url(authority), "iss": world.app.client_id,
            "sub": world.app.client_id, "jti": "one", "nbf": now, "exp": now + 300,
        });
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let code = pages.code(&pages.admin).await;
    let redeem = async |jwt: &str| {
        let proof = [
            ("client_secret", ""),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", jwt),
            ("code_verifier", VERIFIER),
        ];
        pages.redeem("organizations", &code, &proof).await
    };
    let foreign = redeem(&assertion("common")).await;
    assert_refused(&foreign, (401, "invalid_client", 700_023));
    let (status, body) = redeem(&assertion("organizations")).await;
    assert_eq!(status, 200, "{body}");
}

fn thumbprint(sha256: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(hex::decode(sha256).unwrap())
}
