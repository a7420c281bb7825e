//! Bearer tokens and anonymous requests: the challenge, the tenant, the role, the transport.

use local_azure::{
    blob::PublicAccess,
    state::{AppAudience, RoleDefinition},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Fixture, now};

const READER: &str = "Storage Blob Data Reader";
const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

/// A service principal of the account's tenant, with its object id and claims of a good token.
fn principal(azure: &Fixture) -> (String, Value) {
    let state = azure.azure.state();
    let app = state
        .create_app(&azure.tenant, "reader", AppAudience::SingleTenant)
        .unwrap();
    let oid = state.consent(&azure.tenant, &app.client_id).unwrap();
    let claims = json!({
        "iss": format!("https://sts.windows.net/{}/", azure.tenant),
        "aud": "https://storage.azure.com",
        "tid": azure.tenant, "oid": oid, "sub": oid, "appid": app.client_id,
        "iat": now(), "nbf": now(), "exp": now() + 3600,
    });
    (oid, claims)
}

fn token(azure: &Fixture, claims: &Value) -> String {
    format!("Bearer {}", azure.azure.state().keys().sign(claims))
}

async fn with(azure: &Fixture, token: &str, method: Method, rest: &str) -> Answer {
    azure
        .send(
            method,
            &azure.url(rest),
            &[("authorization", token), BLOCK_BLOB],
        )
        .await
}

fn challenge(azure: &Fixture) -> String {
    format!(
        "Bearer authorization_uri={}/{}/oauth2/authorize resource_id=https://storage.azure.com",
        azure.azure.endpoints().entra,
        azure.tenant
    )
}

#[tokio::test]
async fn a_role_on_one_container_reads_it_and_nothing_else() {
    let azure = Fixture::memory().await;
    azure.container("cont", PublicAccess::None).await;
    azure.container("other", PublicAccess::None).await;
    azure.blob("cont", "b", b"data").await;
    let (oid, claims) = principal(&azure);
    let token = token(&azure, &claims);
    let read = async |rest: &str| with(&azure, &token, Method::GET, rest).await;

    assert_eq!(
        read("/cont/b").await.refusal(),
        (403, "AuthorizationPermissionMismatch")
    );
    let scope = azure.account.container_scope("cont");
    let state = azure.azure.state();
    let role = state.assign_role(&oid, READER, &scope, 0).unwrap();
    assert_eq!(read("/cont/b").await.text(), "data");
    assert_eq!(read("/cont?restype=container&comp=list").await.status, 200);
    assert_eq!(read("/cont?restype=container").await.status, 200);
    for (method, rest) in [
        (Method::GET, "?comp=list"),
        (Method::GET, "/other?restype=container&comp=list"),
        (Method::PUT, "/cont/b"),
        (Method::PUT, "/cont/new"),
        (Method::DELETE, "/cont/b"),
        (Method::PUT, "/third?restype=container"),
        (Method::DELETE, "/cont?restype=container"),
        (Method::GET, "?restype=service&comp=properties"),
        (Method::POST, "?restype=service&comp=userdelegationkey"),
    ] {
        let refused = with(&azure, &token, method.clone(), rest).await;
        assert_eq!(
            refused.refusal(),
            (403, "AuthorizationPermissionMismatch"),
            "{method} {rest}"
        );
    }
    assert_eq!(read("/cont/missing").await.refusal(), (404, "BlobNotFound"));
    state.remove_role(&role.id);
    assert_eq!(
        read("/cont/b").await.refusal(),
        (403, "AuthorizationPermissionMismatch")
    );
    state.assign_role(&oid, READER, &scope, 60_000).unwrap();
    assert_eq!(read("/cont/b").await.status, 403, "not propagated yet");
    state.advance_clock_ms(61_000);
    assert_eq!(read("/cont/b").await.status, 200);
}

#[tokio::test]
async fn a_token_of_another_tenant_audience_key_or_time_is_answered_with_the_challenge() {
    let azure = Fixture::memory().await;
    let (oid, good) = principal(&azure);
    azure
        .azure
        .state()
        .assign_role(&oid, READER, &azure.account.scope(), 0)
        .unwrap();
    assert_eq!(
        with(&azure, &token(&azure, &good), Method::GET, "?comp=list")
            .await
            .status,
        200
    );

    let other = azure
        .azure
        .state()
        .create_tenant("other.example")
        .unwrap()
        .id;
    let altered = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        token(&azure, &claims)
    };
    let mut foreign = good.clone();
    foreign["tid"] = json!(other);
    foreign["iss"] = json!(format!("https://sts.windows.net/{other}/"));
    let genuine = token(&azure, &good);
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let tampered = format!("{signed}.{flipped}{}", &signature[1..]);
    for (token, detail) in [
        (token(&azure, &foreign), "Issuer validation failed"),
        (
            altered("aud", json!("https://graph.microsoft.com")),
            "Audience validation failed",
        ),
        (altered("exp", json!(now() - 3600)), "The token is expired"),
        (tampered, "Signature validation failed"),
        ("Bearer nonsense".to_owned(), "Malformed token"),
    ] {
        let refused = with(&azure, &token, Method::GET, "?comp=list").await;
        assert_eq!(
            refused.refusal(),
            (401, "InvalidAuthenticationInfo"),
            "{detail}"
        );
        assert_eq!(refused.header("www-authenticate"), challenge(&azure));
        assert!(
            refused.text().contains(detail),
            "{detail}: {}",
            refused.text()
        );
    }
}

#[tokio::test]
async fn bearer_needs_https_and_a_version_that_knows_it() {
    let azure = Fixture::memory().await;
    let (_, claims) = principal(&azure);
    let token = token(&azure, &claims);
    let plain = format!("{}/acct?comp=list", azure.azure.endpoints().blob_http);
    let refused = azure
        .send(Method::GET, &plain, &[("authorization", &token)])
        .await;
    assert_eq!(refused.refusal(), (403, "AuthenticationFailed"));
    assert!(refused.text().contains("not allowed with HTTP"));
    let unversioned = azure
        .http
        .get(azure.url("?comp=list"))
        .header("authorization", &token)
        .send()
        .await
        .unwrap();
    assert_eq!(unversioned.status(), 403);
    assert!(
        unversioned
            .text()
            .await
            .unwrap()
            .contains("not supported in this version")
    );
}

#[tokio::test]
async fn nobody_is_challenged_and_public_containers_are_read() {
    let azure = Fixture::memory().await;
    azure.container("shut", PublicAccess::None).await;
    azure.container("blobs", PublicAccess::Blob).await;
    azure.container("open", PublicAccess::Container).await;
    for container in ["shut", "blobs", "open"] {
        azure.blob(container, "b", b"data").await;
    }
    let get = async |rest: &str| azure.send(Method::GET, &azure.url(rest), &[]).await;
    let old = async |rest: &str| azure.http.get(azure.url(rest)).send().await.unwrap();

    for rest in ["/open/b", "/missing/b", "?comp=list"] {
        let refused = get(rest).await;
        assert_eq!(
            refused.refusal(),
            (401, "NoAuthenticationInformation"),
            "{rest}"
        );
        assert_eq!(refused.header("www-authenticate"), challenge(&azure));
    }
    let head = azure.send(Method::HEAD, &azure.url("/shut/b"), &[]).await;
    assert_eq!(
        (head.refusal(), head.body.len()),
        ((401, "NoAuthenticationInformation"), 0)
    );
    assert_eq!(
        old("/open/b").await.headers()["x-ms-error-code"],
        "PublicAccessNotPermitted"
    );

    let state = azure.azure.state();
    state
        .change_account("acct", |switches| switches.allow_public_access = true)
        .unwrap();
    for (rest, status) in [
        ("/open/b", 200),
        ("/open?restype=container&comp=list", 200),
        ("/blobs/b", 200),
        ("/blobs?restype=container&comp=list", 401),
        ("/shut/b", 401),
    ] {
        assert_eq!(get(rest).await.status, status, "{rest}");
    }
    assert_eq!(
        old("/shut/b").await.headers()["x-ms-error-code"],
        "ResourceNotFound"
    );
    let write = azure
        .send(Method::PUT, &azure.url("/open/new"), &[BLOCK_BLOB])
        .await;
    assert_eq!(write.status, 401);
}

#[tokio::test]
async fn a_role_that_may_only_add_blobs_never_overwrites() {
    let azure = Fixture::memory().await;
    azure.container("cont", PublicAccess::None).await;
    let (oid, claims) = principal(&azure);
    let state = azure.azure.state();
    let add = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action";
    let role: RoleDefinition =
        serde_json::from_value(json!({"name": "Blob Appender", "data_actions": [add]})).unwrap();
    state.create_role(role).unwrap();
    state
        .assign_role(&oid, "Blob Appender", &azure.account.scope(), 0)
        .unwrap();
    let token = token(&azure, &claims);
    assert_eq!(
        with(&azure, &token, Method::PUT, "/cont/new").await.status,
        201
    );
    let again = with(&azure, &token, Method::PUT, "/cont/new").await;
    assert_eq!(again.refusal(), (403, "UnauthorizedBlobOverwrite"));
}
