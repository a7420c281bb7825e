//! IMDS and App Service: who gets which identity's token, and the recorded errors.

use local_azure::state::IdentityKind::{SystemAssigned, UserAssigned};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{World, answer, claims};

const STORAGE: &str = "https://storage.azure.com";

async fn imds(
    world: &World,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> (StatusCode, Value) {
    let url = format!(
        "{}/metadata/identity/oauth2/token",
        world.azure.endpoints().imds
    );
    let mut request = world.client.get(url).query(query);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    assert!(
        response.headers()["server"]
            .to_str()
            .unwrap()
            .starts_with("IMDS/")
    );
    answer(response).await
}

async fn imds_ok(world: &World, more: &[(&str, &str)]) -> (StatusCode, Value) {
    let mut query = vec![("api-version", "2018-02-01"), ("resource", STORAGE)];
    query.extend(more);
    imds(world, &query, &[("Metadata", "true")]).await
}

async fn app_service(world: &World, more: &[(&str, &str)]) -> (StatusCode, Value) {
    let header = world.azure.endpoints().identity_header.clone();
    let mut query = vec![("api-version", "2019-08-01"), ("resource", STORAGE)];
    query.retain(|(name, _)| more.iter().all(|(replaced, _)| replaced != name));
    query.extend(more);
    let request = world
        .client
        .get(&world.azure.endpoints().identity_endpoint)
        .query(&query)
        .header("X-IDENTITY-HEADER", header);
    answer(request.send().await.unwrap()).await
}

fn object_id(body: &Value) -> String {
    let claims = claims(body["access_token"].as_str().unwrap());
    claims["oid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn imds_answers_with_numbers_as_strings() {
    let world = World::start().await;
    let identity = world
        .state()
        .create_identity(&world.customer.id, "vm", SystemAssigned)
        .unwrap();
    let (status, body) = imds_ok(&world, &[]).await;
    assert_eq!(status, 200, "{body}");
    for field in ["expires_in", "expires_on", "not_before", "ext_expires_in"] {
        body[field].as_str().unwrap().parse::<i64>().unwrap();
    }
    assert_eq!(body["client_id"], identity.client_id);
    assert_eq!(body["resource"], STORAGE);
    assert_eq!(body["token_type"], "Bearer");
    let token = body["access_token"].as_str().unwrap();
    let verified = world.state().verify_access_token(token).unwrap();
    assert_eq!(verified.oid, identity.object_id);
    assert_eq!(verified.tid, world.customer.id);
    let expires_on = body["expires_on"].as_str().unwrap();
    assert_eq!(verified.exp.to_string(), expires_on);
}

#[tokio::test]
async fn imds_finds_the_identity_that_is_named() {
    let world = World::start().await;
    let state = world.state();
    let create = |name: &str| {
        state
            .create_identity(&world.customer.id, name, UserAssigned)
            .unwrap()
    };
    let first = create("first");
    assert_eq!(object_id(&imds_ok(&world, &[]).await.1), first.object_id);

    let second = create("second");
    let (status, body) = imds_ok(&world, &[]).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_request"))
    );
    let text = body["error_description"].as_str().unwrap();
    assert!(
        text.starts_with("Multiple user assigned identities exist"),
        "{text}"
    );

    for query in [
        ("client_id", second.client_id.as_str()),
        ("object_id", &second.object_id),
        ("msi_res_id", &second.resource_id),
    ] {
        assert_eq!(
            object_id(&imds_ok(&world, &[query]).await.1),
            second.object_id,
            "{query:?}"
        );
    }

    let system = state
        .create_identity(&world.customer.id, "vm", SystemAssigned)
        .unwrap();
    assert_eq!(object_id(&imds_ok(&world, &[]).await.1), system.object_id);

    assert!(state.attach_identity(&second.object_id, false));
    let (status, body) = imds_ok(&world, &[("client_id", &second.client_id)]).await;
    assert_eq!(status, 400);
    assert_eq!(
        body,
        json!({"error": "invalid_request", "error_description": "Identity not found"})
    );
}

#[tokio::test]
async fn imds_refuses_what_the_real_one_refuses() {
    let world = World::start().await;
    let good = [("api-version", "2018-02-01"), ("resource", STORAGE)];
    let invalid = |text: &str| json!({"error": "invalid_request", "error_description": text});

    let (status, body) = imds(&world, &good, &[]).await;
    assert_eq!(status, 400);
    assert_eq!(body, invalid("Required metadata header not specified"));
    assert_eq!(imds(&world, &good, &[("Metadata", "false")]).await.1, body);

    assert_eq!(imds_ok(&world, &[]).await.1, invalid("Identity not found"));

    world
        .state()
        .create_identity(&world.customer.id, "vm", SystemAssigned)
        .unwrap();
    let forwarded = [("Metadata", "true"), ("X-Forwarded-For", "10.0.0.1")];
    assert_eq!(imds(&world, &good, &forwarded).await.0, 400);
    for missing in [0, 1] {
        let (status, body) = imds(&world, &good[missing..=missing], &[("Metadata", "true")]).await;
        assert_eq!(status, 400);
        assert_eq!(body["error"], "invalid_request");
    }

    let unknown = [
        ("api-version", "2018-02-01"),
        ("resource", "https://nothing.example"),
    ];
    let (status, body) = imds(&world, &unknown, &[("Metadata", "true")]).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_resource"))
    );
    assert!(
        body["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS500011: ")
    );
}

#[tokio::test]
async fn app_service_gives_tokens_to_who_knows_the_header() {
    let world = World::start().await;
    let state = world.state();
    let user = state
        .create_identity(&world.customer.id, "app", UserAssigned)
        .unwrap();
    for query in [
        ("client_id", user.client_id.as_str()),
        ("principal_id", &user.object_id),
        ("mi_res_id", &user.resource_id),
    ] {
        let (status, body) = app_service(&world, &[query]).await;
        assert_eq!(status, 200, "{query:?}: {body}");
        assert_eq!(object_id(&body), user.object_id);
        body["expires_on"].as_str().unwrap().parse::<i64>().unwrap();
    }

    let (status, body) = app_service(&world, &[]).await;
    assert_eq!(status, 400);
    assert_eq!(
        body["message"],
        "Unable to load the proper Managed Identity."
    );
    let system = state
        .create_identity(&world.customer.id, "site", SystemAssigned)
        .unwrap();
    assert_eq!(
        object_id(&app_service(&world, &[]).await.1),
        system.object_id
    );

    let (status, body) = app_service(&world, &[("client_id", "nobody")]).await;
    assert_eq!((status.as_u16(), &body["statusCode"]), (400, &json!(400)));
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("No User Assigned or Delegated")
    );
    assert_eq!(
        app_service(&world, &[("api-version", "2017-09-01")])
            .await
            .0,
        400
    );

    let endpoint = &world.azure.endpoints().identity_endpoint;
    let url = format!("{endpoint}?api-version=2019-08-01&resource={STORAGE}");
    for request in [
        world.client.get(&url),
        world
            .client
            .get(&url)
            .header("X-IDENTITY-HEADER", "guessed"),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
}
