//! The control endpoint arranges what the in-process methods arrange.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, answer};

struct Control<'w>(&'w World);

impl Control<'_> {
    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.0.azure.endpoints().control);
        let request = self.0.client.request(method, url).json(&body);
        let (status, body) = answer(request.send().await.unwrap()).await;
        (status.as_u16(), body)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap()
}

#[tokio::test]
async fn a_whole_azure_is_arranged_over_http() {
    let world = World::start().await;
    let control = Control(&world);
    let tenant = control
        .post("/tenants", json!({"domain": "fabrikam.onmicrosoft.com"}))
        .await;
    let tenant = text(&tenant, "id");
    let user = control
        .post(
            &format!("/tenants/{tenant}/users"),
            json!({"name": "ada", "role": "global_administrator"}),
        )
        .await;
    assert_eq!(user["user_principal_name"], "ada@fabrikam.onmicrosoft.com");

    let app = control
        .post("/apps", json!({"tenant": tenant, "display_name": "Labels"}))
        .await;
    let client_id = text(&app, "client_id");
    let path = |rest: &str| format!("/apps/{client_id}/{rest}");
    let secret = control.post(&path("secrets"), json!({})).await;
    let consented = control
        .post(
            "/consent",
            json!({"tenant": tenant, "client_id": client_id}),
        )
        .await;
    let ask = async |secret: &Value| {
        world
            .ask(
                tenant,
                &[
                    ("client_id", client_id),
                    ("client_secret", text(secret, "value")),
                ],
            )
            .await
    };
    assert_eq!(ask(&secret).await.0, 200);
    let expired = control
        .post(&path("secrets"), json!({"expires_in_s": -1}))
        .await;
    assert_eq!(ask(&expired).await.1["error_codes"], json!([7000222]));

    let certificate = control.post(&path("certificates"), json!({})).await;
    assert!(text(&certificate, "pem").contains("PRIVATE KEY"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    control
        .post(
            "/workload-identities",
            json!({"client_id": client_id, "namespace": "n", "service_account": "s", "file": file}),
        )
        .await;
    let projected = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        world
            .ask(
                tenant,
                &[
                    ("client_id", client_id),
                    ("client_assertion_type", crate::support::JWT_BEARER),
                    ("client_assertion", &projected),
                ],
            )
            .await
            .0,
        200
    );

    let account = control
        .post(
            "/accounts",
            json!({"name": "fabrikamdata", "tenant": tenant, "allow_shared_key": false}),
        )
        .await;
    assert_eq!(account["allow_shared_key"], false);
    assert_eq!(account["keys"].as_array().unwrap().len(), 2);
    let assignment = control
        .post(
            "/role-assignments",
            json!({
                "principal": consented["object_id"],
                "role": "Storage Blob Data Reader",
                "scope": account["scope"],
                "effective_after_ms": 1000,
            }),
        )
        .await;
    let path = format!("/role-assignments/{}", text(&assignment, "id"));
    assert_eq!(control.send(Method::DELETE, &path, json!({})).await.0, 204);
    assert_eq!(control.send(Method::DELETE, &path, json!({})).await.0, 404);

    let (_, state) = control.send(Method::GET, "/state", json!({})).await;
    assert_eq!(state["accounts"][0]["name"], "fabrikamdata");
    assert_eq!(state["endpoints"]["entra"], world.azure.endpoints().entra);
    assert_eq!(state["role_assignments"], json!([]));
    assert_eq!(
        state["service_principals"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|principal| principal["tenant"] == tenant)
            .count(),
        1
    );
}

#[tokio::test]
async fn switches_of_an_account_change_one_by_one() {
    let world = World::start().await;
    let control = Control(&world);
    let account = json!({"name": "contosodata", "tenant": "contoso.onmicrosoft.com"});
    let created = control.post("/accounts", account.clone()).await;
    let (status, changed) = control
        .send(
            Method::PATCH,
            "/accounts/contosodata",
            json!({"firewall_open": false, "cors": [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}]}),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(changed["firewall_open"], false);
    assert_eq!(changed["allow_shared_key"], created["allow_shared_key"]);
    assert_eq!(changed["keys"], created["keys"]);
    let rotated = control
        .post("/accounts/contosodata/rotate-keys", json!({}))
        .await;
    assert_ne!(rotated["keys"], created["keys"]);

    for (method, path, body, status) in [
        (
            Method::PATCH,
            "/accounts/contosodata",
            json!({"firewal": 1}),
            400,
        ),
        (Method::PATCH, "/accounts/nothere", json!({}), 404),
        (Method::POST, "/accounts", account, 409),
        (
            Method::POST,
            "/accounts",
            json!({"name": "Bad_Name", "tenant": "contoso.onmicrosoft.com"}),
            400,
        ),
        (
            Method::POST,
            "/accounts",
            json!({"name": "gooddata", "tenant": "nowhere"}),
            404,
        ),
        (
            Method::POST,
            "/consent",
            json!({"tenant": "contoso.onmicrosoft.com", "client_id": "x"}),
            404,
        ),
        (
            Method::POST,
            "/tenants",
            json!({"domain": "contoso.onmicrosoft.com"}),
            409,
        ),
    ] {
        let (answered, body) = control.send(method, path, body).await;
        assert_eq!(answered, status, "{path} {body}");
        assert!(!text(&body, "error").is_empty());
    }
}

#[tokio::test]
async fn clock_faults_and_requests() {
    let world = World::start().await;
    let control = Control(&world);
    let secret = world.secret();
    let two_days = 2 * 24 * 3600 * 1000;
    assert_eq!(
        control
            .send(Method::PUT, "/clock", json!({"offset_ms": two_days}))
            .await
            .0,
        204
    );
    let ask = async || {
        world
            .ask(&world.customer.id, &[("client_secret", &secret)])
            .await
    };
    assert_eq!(ask().await.1["error_codes"], json!([7000222]));

    control
        .post(
            "/faults",
            json!({"target": "entra", "matches": "oauth2", "kind": {"status": {"status": 429, "retry_after_s": 3}}, "times": 1}),
        )
        .await;
    let (_, ordered) = control.send(Method::GET, "/faults", json!({})).await;
    assert_eq!(ordered.as_array().unwrap().len(), 1);
    assert_eq!(ask().await.0, 429);
    let (_, ordered) = control.send(Method::GET, "/faults", json!({})).await;
    assert_eq!(ordered, json!([]));

    let (_, log) = control.send(Method::GET, "/requests", json!({})).await;
    let log = log.as_array().unwrap();
    let seen: Vec<_> = log
        .iter()
        .map(|request| {
            (
                request["front"].as_str().unwrap(),
                request["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("entra", 401), ("entra", 429)]);
    assert_eq!(log[0]["credential"], "client_secret");
    assert!(!log[0].to_string().contains(&secret));
    assert_eq!(
        control.send(Method::DELETE, "/requests", json!({})).await.0,
        204
    );
    assert_eq!(
        control.send(Method::GET, "/requests", json!({})).await.1,
        json!([])
    );
}

#[tokio::test]
async fn principals_and_identities_are_switched() {
    let world = World::start().await;
    let control = Control(&world);
    let secret = world.secret();
    let identity = control
        .post(
            "/identities",
            json!({"tenant": world.customer.id, "name": "vm", "kind": "user_assigned"}),
        )
        .await;
    let identity = format!("/identities/{}", text(&identity, "object_id"));
    let principal = format!("/service-principals/{}", world.principal);
    for (method, path, body, status) in [
        (Method::PATCH, &identity, json!({"attached": false}), 204),
        (
            Method::PATCH,
            &principal,
            json!({"enabled": false, "blocked_by_policy": true}),
            204,
        ),
        (
            Method::PATCH,
            &format!("/apps/{}", world.app.client_id),
            json!({"audience": "multi_tenant"}),
            204,
        ),
        (
            Method::PATCH,
            &"/apps/nobody".to_owned(),
            json!({"audience": "multi_tenant"}),
            404,
        ),
        (
            Method::PATCH,
            &"/identities/nobody".to_owned(),
            json!({"attached": true}),
            404,
        ),
        (
            Method::PATCH,
            &"/service-principals/nobody".to_owned(),
            json!({"enabled": true}),
            404,
        ),
    ] {
        assert_eq!(control.send(method, path, body).await.0, status, "{path}");
    }
    let ask = async || {
        world
            .ask(&world.customer.id, &[("client_secret", &secret)])
            .await
            .1
    };
    assert_eq!(ask().await["error_codes"], json!([7000112]));
    assert_eq!(
        control.send(Method::DELETE, &principal, json!({})).await.0,
        204
    );
    assert_eq!(ask().await["error_codes"], json!([7000229]));
    assert_eq!(
        control.send(Method::DELETE, &principal, json!({})).await.0,
        404
    );

    let keys = local_azure::entra::SigningKeys::generate();
    let known = json!({"issuer": "https://ci.example", "public_key": keys.public_key()});
    control.post("/external-issuers", known).await;
    let broken = json!({"issuer": "https://ci.example", "public_key": "no key"});
    assert_eq!(
        control
            .send(Method::POST, "/external-issuers", broken)
            .await
            .0,
        400
    );
    control
        .post("/signing-keys/rotate", json!({"drop_old": true}))
        .await;
    let role = json!({"name": "Append only", "data_actions": ["a/b"]});
    control.post("/role-definitions", role.clone()).await;
    assert_eq!(
        control
            .send(Method::POST, "/role-definitions", role)
            .await
            .0,
        409
    );
}

#[tokio::test]
async fn blobs_are_seeded_and_seen_past_every_authorization() {
    let world = World::start().await;
    let control = Control(&world);
    control
        .post(
            "/accounts",
            json!({"name": "contosodata", "tenant": world.customer.id}),
        )
        .await;
    let create = json!({"name": "images"});
    control
        .post("/accounts/contosodata/containers", create)
        .await;

    let base = format!(
        "{}/blobs/contosodata/images",
        world.azure.endpoints().control
    );
    let seeded = world
        .client
        .put(format!("{base}/a/%F0%9F%90%88%20%231.png"))
        .header("Content-Type", "image/png")
        .body("meow");
    assert_eq!(seeded.send().await.unwrap().status(), 201);
    let seen = world
        .client
        .get(format!("{base}/a/%F0%9F%90%88%20%231.png"));
    assert_eq!(seen.send().await.unwrap().bytes().await.unwrap(), "meow");
    control
        .post(
            "/blobs/contosodata/images/generate",
            json!({"count": 3, "prefix": "many/", "size": 5}),
        )
        .await;
    let (_, names) = control
        .send(Method::GET, "/blobs/contosodata/images", json!({}))
        .await;
    let names = names.as_array().unwrap();
    assert_eq!(names.len(), 4);
    assert_eq!(names[0], "a/🐈 #1.png");

    for path in ["/images/nothing", "/images/a/b/c"] {
        let url = format!(
            "{}/blobs/contosodata{path}",
            world.azure.endpoints().control
        );
        assert_eq!(
            world.client.get(url).send().await.unwrap().status(),
            404,
            "{path}"
        );
    }
    let nowhere = format!("{}/blobs/nowhere/images", world.azure.endpoints().control);
    assert_eq!(
        world.client.get(nowhere).send().await.unwrap().status(),
        404
    );
}
