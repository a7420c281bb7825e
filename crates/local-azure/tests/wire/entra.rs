//! Tokens that are granted: secret, certificate, discovery, signing keys.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use local_azure::{entra::TokenProblem, self_signed};
use serde_json::{Value, json};

use crate::support::{DAY_MS, World, answer, claims};

#[tokio::test]
async fn a_secret_gets_a_v1_storage_token_of_the_customers_tenant() {
    let world = World::start().await;
    let secret = world.secret();
    let (status, body) = world
        .ask(&world.customer.id, &[("client_secret", &secret)])
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);

    let token = body["access_token"].as_str().unwrap();
    let verified = world.state().verify_access_token(token).unwrap();
    assert_eq!(
        verified.iss,
        format!("https://sts.windows.net/{}/", world.customer.id)
    );
    assert_eq!(verified.aud, "https://storage.azure.com");
    assert_eq!(verified.tid, world.customer.id);
    assert_eq!(verified.oid, world.principal);
    assert_eq!(verified.appid, world.app.client_id);
    let all = claims(token);
    assert_eq!(
        (&all["ver"], &all["appidacr"], &all["sub"]),
        (&json!("1.0"), &json!("1"), &json!(world.principal))
    );
    assert!(all.get("scp").is_none());
}

#[tokio::test]
async fn the_audience_is_the_resource_as_asked() {
    let world = World::start().await;
    let secret = world.secret();
    for (scope, audience) in [
        (
            "https://storage.azure.com//.default",
            "https://storage.azure.com/",
        ),
        (
            "e406a681-f3d4-42a8-90b6-c2b029497af1/.default",
            "e406a681-f3d4-42a8-90b6-c2b029497af1",
        ),
    ] {
        let (_, body) = world
            .ask(
                "contoso.onmicrosoft.com",
                &[("client_secret", &secret), ("scope", scope)],
            )
            .await;
        assert_eq!(
            claims(body["access_token"].as_str().unwrap())["aud"],
            audience
        );
    }
}

#[tokio::test]
async fn one_app_is_another_principal_in_each_tenant() {
    let world = World::start().await;
    let secret = world.secret();
    let home = world
        .state()
        .consent(&world.platform.id, &world.app.client_id)
        .unwrap();
    assert_ne!(home, world.principal);
    let (_, body) = world
        .ask(&world.platform.id, &[("client_secret", &secret)])
        .await;
    assert_eq!(claims(body["access_token"].as_str().unwrap())["oid"], home);
}

#[tokio::test]
async fn a_token_expires_with_this_azures_clock() {
    let world = World::start().await;
    let secret = world.secret();
    let (_, body) = world
        .ask(&world.customer.id, &[("client_secret", &secret)])
        .await;
    let token = body["access_token"].as_str().unwrap();
    world.state().advance_clock_ms(2 * 3600 * 1000);
    assert_eq!(
        world.state().verify_access_token(token),
        Err(TokenProblem::Expired)
    );
    world.state().set_clock_offset_ms(-2 * 3600 * 1000);
    assert_eq!(
        world.state().verify_access_token(token),
        Err(TokenProblem::NotYetValid)
    );
}

/// RS256 with SHA-1 thumbprints is what Microsoft's libraries send, each in its own base64.
#[tokio::test]
async fn a_certificate_works_in_every_spelling() {
    let world = World::start().await;
    let pem = self_signed("longshore").unwrap();
    let added = world
        .state()
        .add_certificate(&world.app.client_id, &pem, None)
        .unwrap();
    let (sha1, sha256) = (
        hex::decode(added.sha1).unwrap(),
        hex::decode(added.sha256).unwrap(),
    );
    for (algorithm, field, thumbprint) in [
        (
            Algorithm::RS256,
            "x5t",
            BASE64_URL_SAFE_NO_PAD.encode(&sha1),
        ),
        (Algorithm::RS256, "x5t", BASE64_URL_SAFE.encode(&sha1)),
        (Algorithm::RS256, "x5t", BASE64_STANDARD.encode(&sha1)),
        (
            Algorithm::RS256,
            "x5t",
            BASE64_STANDARD_NO_PAD.encode(&sha1),
        ),
        (
            Algorithm::PS256,
            "x5t#S256",
            BASE64_URL_SAFE_NO_PAD.encode(&sha256),
        ),
        (
            Algorithm::PS256,
            "x5t#S256",
            BASE64_STANDARD.encode(&sha256),
        ),
    ] {
        let mut header = Header::new(algorithm);
        if field == "x5t" {
            header.x5t = Some(thumbprint.clone());
        } else {
            header.x5t_s256 = Some(thumbprint.clone());
        }
        let now = world.state().now_ms() / 1000;
        let assertion = json!({
            "aud": world.token_url(&world.customer.id), "iss": world.app.client_id,
            "sub": world.app.client_id, "jti": thumbprint, "nbf": now, "exp": now + 300,
        });
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let jwt = jsonwebtoken::encode(&header, &assertion, &key).unwrap();
        let (status, body) = world.ask_with_assertion(&world.customer.id, &jwt).await;
        assert_eq!(status, 200, "{field} {thumbprint}: {body}");
        assert_eq!(
            claims(body["access_token"].as_str().unwrap())["appidacr"],
            "2"
        );
    }
}

#[tokio::test]
async fn discovery_leads_to_the_key_that_verifies_a_token() {
    let world = World::start().await;
    let secret = world.secret();
    let base = &world.azure.endpoints().entra;
    let get = async |url: &str| answer(world.client.get(url).send().await.unwrap()).await.1;

    let v2 = get(&format!(
        "{base}/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration"
    ))
    .await;
    assert_eq!(v2["issuer"], format!("{base}/{}/v2.0", world.customer.id));
    assert_eq!(v2["token_endpoint"], world.token_url(&world.customer.id));
    let v1 = get(&format!(
        "{base}/{}/.well-known/openid-configuration",
        world.customer.id
    ))
    .await;
    assert_eq!(
        v1["issuer"],
        format!("https://sts.windows.net/{}/", world.customer.id)
    );
    let common = get(&format!(
        "{base}/common/v2.0/.well-known/openid-configuration"
    ))
    .await;
    assert_eq!(common["issuer"], format!("{base}/{{tenantid}}/v2.0"));

    let jwks = get(v2["jwks_uri"].as_str().unwrap()).await;
    let (_, body) = world
        .ask(&world.customer.id, &[("client_secret", &secret)])
        .await;
    let token = body["access_token"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let jwk = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == kid.as_str())
        .unwrap();
    let key =
        DecodingKey::from_rsa_components(jwk["n"].as_str().unwrap(), jwk["e"].as_str().unwrap())
            .unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://storage.azure.com"]);
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
}

#[tokio::test]
async fn instance_discovery_names_this_authority() {
    let world = World::start().await;
    let base = &world.azure.endpoints().entra;
    let url = format!(
        "{base}/common/discovery/instance?api-version=1.1&authorization_endpoint={base}/x/oauth2/v2.0/authorize"
    );
    let (status, body) = answer(world.client.get(url).send().await.unwrap()).await;
    assert_eq!(status, 200);
    let host = base.trim_start_matches("https://");
    assert_eq!(body["metadata"][0]["aliases"][0], host);
    let document = body["tenant_discovery_endpoint"].as_str().unwrap();
    assert_eq!(
        world.client.get(document).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_rotated_key_still_verifies_until_it_is_dropped() {
    let world = World::start().await;
    let secret = world.secret();
    let (_, body) = world
        .ask(&world.customer.id, &[("client_secret", &secret)])
        .await;
    let old = body["access_token"].as_str().unwrap();
    world.state().keys().rotate();
    let (_, body) = world
        .ask(&world.customer.id, &[("client_secret", &secret)])
        .await;
    let new = body["access_token"].as_str().unwrap();
    world.state().verify_access_token(old).unwrap();
    world.state().keys().drop_old();
    assert_eq!(
        world.state().verify_access_token(old),
        Err(TokenProblem::UnknownKey)
    );
    world.state().verify_access_token(new).unwrap();
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let world = World::start().await;
    let secret = world.secret();
    let (_, body) = world
        .ask(&world.customer.id, &[("client_secret", &secret)])
        .await;
    let token = body["access_token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims = claims(token);
    claims["oid"] = json!("somebody-else");
    let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let verify = |token: &str| world.state().verify_access_token(token);
    assert_eq!(
        verify(&format!("{}.{payload}.{}", parts[0], parts[2])),
        Err(TokenProblem::BadSignature)
    );
    let kid = jsonwebtoken::decode_header(token).unwrap().kid;
    let none = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": kid}).to_string());
    assert_eq!(
        verify(&format!("{none}.{payload}.")),
        Err(TokenProblem::Malformed)
    );
    let mut header = Header::new(Algorithm::HS256);
    header.kid = kid;
    let hs256 =
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(b"public")).unwrap();
    assert_eq!(verify(&hs256), Err(TokenProblem::BadSignature));
    assert_eq!(verify("not a token"), Err(TokenProblem::Malformed));
}

#[tokio::test]
async fn a_secret_that_expires_later_works_until_then() {
    let world = World::start().await;
    let secret = world.secret();
    let ask = async || {
        world
            .ask(&world.customer.id, &[("client_secret", &secret)])
            .await
            .0
    };
    assert_eq!(ask().await, 200);
    world.state().advance_clock_ms(DAY_MS);
    assert_eq!(ask().await, 401);
}

/// The v1 endpoint takes `resource` instead of `scope`.
#[tokio::test]
async fn the_v1_endpoint_grants_the_same() {
    let world = World::start().await;
    let secret = world.secret();
    let url = format!(
        "{}/{}/oauth2/token",
        world.azure.endpoints().entra,
        world.customer.id
    );
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &world.app.client_id),
        ("client_secret", &secret),
        ("resource", "https://storage.azure.com/"),
    ];
    let (status, body) = answer(world.client.post(url).form(&form).send().await.unwrap()).await;
    assert_eq!(status, 200, "{body}");
    let claims = claims(body["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "https://storage.azure.com/");
    assert_eq!(claims["oid"], world.principal);
}
