//! SAS of all three kinds: genuine, in force, within their permissions, or refused with the reason.

use local_azure::state::{AppAudience, DelegationKeyFields};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::json;

use super::{
    client::{Answer, Fixture, iso, now, sign},
    sas::{Key, SV, Sas, query, sas},
};

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

const NAME: &str = "dir/ü 100% #1?+&=.txt";

async fn fixture() -> Fixture {
    let azure = Fixture::memory().await;
    azure.container("cont", Default::default()).await;
    azure.blob("cont", NAME, b"data").await;
    azure.blob("cont", "other", b"other").await;
    azure
}

fn path(name: &str) -> String {
    format!("/cont/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

async fn send(azure: &Fixture, method: Method, rest: &str, sas: &str) -> Answer {
    let joint = if rest.contains('?') { '&' } else { '?' };
    azure
        .send(
            method,
            &azure.url(&format!("{rest}{joint}{sas}")),
            &[BLOCK_BLOB],
        )
        .await
}

#[tokio::test]
async fn a_service_sas_grants_its_blob_or_its_container() {
    let azure = fixture().await;
    let key = azure.account.key2.clone();
    let pinned = Sas {
        content_type: "text/html",
        ..sas()
    };
    let read = send(
        &azure,
        Method::GET,
        &path(NAME),
        &pinned.service(&key, NAME),
    )
    .await;
    assert_eq!(
        (read.status, read.text(), read.header("content-type")),
        (200, "data", "text/html")
    );
    // As a browser asks: no version header.
    let url = azure.url(&format!("{}?{}", path(NAME), pinned.service(&key, NAME)));
    assert_eq!(
        azure
            .http
            .get(url)
            .header("range", "bytes=1-")
            .send()
            .await
            .unwrap()
            .status(),
        206
    );
    let elsewhere = send(
        &azure,
        Method::GET,
        "/cont/other",
        &pinned.service(&key, NAME),
    )
    .await;
    assert_eq!(elsewhere.refusal(), (403, "AuthenticationFailed"));
    let write = send(
        &azure,
        Method::PUT,
        &path(NAME),
        &pinned.service(&key, NAME),
    )
    .await;
    assert_eq!(write.refusal(), (403, "AuthorizationPermissionMismatch"));

    let whole = Sas {
        resource: "c",
        permissions: "rcl",
        ..sas()
    }
    .service(&key, "");
    assert_eq!(
        send(&azure, Method::GET, "/cont/other", &whole)
            .await
            .status,
        200
    );
    let list = "/cont?restype=container&comp=list";
    assert_eq!(send(&azure, Method::GET, list, &whole).await.status, 200);
    assert_eq!(
        send(&azure, Method::PUT, "/cont/new", &whole).await.status,
        201
    );
    let again = send(&azure, Method::PUT, "/cont/new", &whole).await;
    assert_eq!(again.refusal(), (403, "UnauthorizedBlobOverwrite"));
    for (method, rest) in [
        (Method::GET, "/cont?restype=container"),
        (Method::DELETE, "/cont?restype=container"),
        (Method::DELETE, "/cont/other"),
    ] {
        let refused = send(&azure, method, rest, &whole).await;
        assert_eq!(
            refused.refusal(),
            (403, "AuthorizationPermissionMismatch"),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn a_sas_is_refused_outside_its_window_protocol_address_and_key() {
    let azure = fixture().await;
    let key = azure.account.key1.clone();
    let refused =
        async |sas: Sas| send(&azure, Method::GET, &path(NAME), &sas.service(&key, NAME)).await;
    for (sas, code) in [
        (
            Sas {
                expires: now() - 1,
                ..sas()
            },
            "AuthenticationFailed",
        ),
        (
            Sas {
                starts: now() + 300,
                ..sas()
            },
            "AuthenticationFailed",
        ),
        (
            Sas {
                address: "10.0.0.1-10.0.0.9",
                ..sas()
            },
            "AuthorizationSourceIPMismatch",
        ),
    ] {
        assert_eq!(refused(sas).await.refusal(), (403, code));
    }
    let expired = refused(Sas {
        expires: now() - 1,
        ..sas()
    })
    .await;
    assert!(
        expired
            .text()
            .contains("Signature not valid in the specified time frame")
    );
    assert_eq!(
        refused(Sas {
            address: "127.0.0.0-127.0.0.9",
            ..sas()
        })
        .await
        .status,
        200
    );

    let good = sas().service(&key, NAME);
    let plain = format!(
        "{}/acct{}?{good}",
        azure.azure.endpoints().blob_http,
        path(NAME)
    );
    assert_eq!(
        azure.send(Method::GET, &plain, &[]).await.refusal(),
        (403, "AuthorizationProtocolMismatch")
    );
    let widened = good.replace("sp=r", "sp=rw");
    let forged = send(&azure, Method::GET, &path(NAME), &widened).await;
    assert_eq!(forged.refusal(), (403, "AuthenticationFailed"));
    assert!(forged.text().contains("Signature did not match"));

    let state = azure.azure.state();
    state
        .change_account("acct", |switches| switches.allow_shared_key = false)
        .unwrap();
    let refused = send(&azure, Method::GET, &path(NAME), &good).await;
    assert_eq!(
        refused.refusal(),
        (403, "KeyBasedAuthenticationNotPermitted")
    );
    state
        .change_account("acct", |switches| switches.allow_shared_key = true)
        .unwrap();
    state.rotate_account_keys("acct").unwrap();
    let refused = send(&azure, Method::GET, &path(NAME), &good).await;
    assert_eq!(refused.refusal(), (403, "AuthenticationFailed"));
}

#[tokio::test]
async fn an_account_sas_grants_services_and_resource_types() {
    let azure = fixture().await;
    let account_sas = |services: &str, types: &str, permissions: &str| {
        let expiry = iso(now() + 600);
        let text =
            format!("acct\n{permissions}\n{services}\n{types}\n\n{expiry}\n\nhttps\n{SV}\n\n");
        let signature = sign(&azure.account.key1, &text);
        query(&[
            ("sv", SV),
            ("ss", services),
            ("srt", types),
            ("sp", permissions),
            ("se", &expiry),
            ("spr", "https"),
            ("sig", &signature),
        ])
    };
    let all = account_sas("bq", "sco", "rl");
    assert_eq!(
        send(&azure, Method::GET, "?comp=list", &all).await.status,
        200
    );
    assert_eq!(
        send(&azure, Method::GET, "/cont?restype=container", &all)
            .await
            .status,
        200
    );
    assert_eq!(
        send(&azure, Method::GET, &path(NAME), &all).await.text(),
        "data"
    );
    let container = account_sas("b", "c", "rl");
    assert_eq!(
        send(&azure, Method::GET, &path(NAME), &container)
            .await
            .refusal(),
        (403, "AuthorizationResourceTypeMismatch")
    );
    assert_eq!(
        send(
            &azure,
            Method::GET,
            "?comp=list",
            &account_sas("q", "sco", "rl")
        )
        .await
        .refusal(),
        (403, "AuthorizationServiceMismatch")
    );
    assert_eq!(
        send(&azure, Method::DELETE, &path(NAME), &all)
            .await
            .refusal(),
        (403, "AuthorizationPermissionMismatch")
    );
}

#[tokio::test]
async fn a_user_delegation_sas_lives_as_long_as_its_key_and_its_principals_role() {
    let azure = fixture().await;
    let state = azure.azure.state();
    let app = state
        .create_app(&azure.tenant, "signer", AppAudience::SingleTenant)
        .unwrap();
    let oid = state.consent(&azure.tenant, &app.client_id).unwrap();
    let token = state.keys().sign(&json!({
        "iss": format!("https://sts.windows.net/{}/", azure.tenant),
        "aud": "https://storage.azure.com/", "tid": azure.tenant, "oid": oid,
        "nbf": now(), "exp": now() + 86_400 * 9,
    }));
    let ask = async |days: i64| {
        let url = azure.url("?restype=service&comp=userdelegationkey");
        let (start, expiry) = (iso(now() - 900), iso(now() - 900 + days * 86_400));
        let body = format!(
            "<?xml version=\"1.0\"?><KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>"
        );
        let request = azure
            .http
            .post(url)
            .bearer_auth(&token)
            .header("x-ms-version", SV)
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask(1).await.0, 403, "no role yet");
    state
        .assign_role(&oid, "Storage Blob Delegator", &azure.account.scope(), 0)
        .unwrap();
    assert_eq!(ask(8).await.0, 400, "seven days at most");
    let (status, body) = ask(1).await;
    assert_eq!(status, 200, "{body}");
    let document = roxmltree::Document::parse(body.trim_start_matches('\u{FEFF}')).unwrap();
    let text = |name| {
        document
            .descendants()
            .find(|node| node.has_tag_name(name))
            .unwrap()
            .text()
            .unwrap()
            .to_owned()
    };
    let key = Key {
        oid: text("SignedOid"),
        tid: text("SignedTid"),
        start: text("SignedStart"),
        expiry: text("SignedExpiry"),
        version: text("SignedVersion"),
        value: text("Value"),
    };
    assert_eq!((&key.oid, &key.tid), (&oid, &azure.tenant));

    let read = async |sas: &str| send(&azure, Method::GET, &path(NAME), sas).await;
    let good = sas().delegation(&key, NAME);
    assert_eq!(
        read(&good).await.refusal(),
        (403, "AuthorizationPermissionMismatch"),
        "no data role"
    );
    let scope = azure.account.container_scope("cont");
    let role = state
        .assign_role(&oid, "Storage Blob Data Reader", &scope, 0)
        .unwrap();
    assert_eq!(read(&good).await.text(), "data");
    let write = Sas {
        permissions: "rw",
        ..sas()
    }
    .delegation(&key, NAME);
    let refused = send(&azure, Method::PUT, &path(NAME), &write).await;
    assert_eq!(
        refused.refusal(),
        (403, "AuthorizationPermissionMismatch"),
        "sp is more than the role"
    );
    state
        .change_account("acct", |switches| switches.allow_shared_key = false)
        .unwrap();
    assert_eq!(read(&good).await.status, 200, "no account key is involved");

    let invented = Key {
        value: azure.account.key1.clone(),
        expiry: iso(now() + 7200),
        ..key
    };
    assert_eq!(
        read(&sas().delegation(&invented, NAME)).await.refusal(),
        (403, "AuthenticationFailed")
    );
    let past = DelegationKeyFields {
        account: "acct".into(),
        object_id: oid.clone(),
        tenant: azure.tenant.clone(),
        start: iso(now() - 7200),
        expiry: iso(now() - 60),
        version: SV.into(),
    };
    let dead = state.issue_delegation_key(past.clone());
    let dead = Key {
        oid: past.object_id,
        tid: past.tenant,
        start: past.start,
        expiry: past.expiry,
        version: past.version,
        value: dead.value,
    };
    assert_eq!(
        read(&sas().delegation(&dead, NAME)).await.refusal(),
        (403, "AuthenticationFailed")
    );

    state.remove_role(&role.id);
    assert_eq!(
        read(&good).await.refusal(),
        (403, "AuthorizationPermissionMismatch"),
        "role taken away"
    );
    state
        .assign_role(&oid, "Storage Blob Data Reader", &scope, 0)
        .unwrap();
    state.revoke_delegation_keys("acct");
    assert_eq!(
        read(&good).await.refusal(),
        (403, "AuthenticationFailed"),
        "key revoked"
    );
}

#[tokio::test]
async fn a_delegation_key_is_for_principals_only() {
    let azure = fixture().await;
    let rest = "?restype=service&comp=userdelegationkey";
    let refused = azure.signed(Method::POST, rest, &[], "<KeyInfo/>").await;
    assert_eq!(refused.refusal(), (403, "AuthenticationFailed"));
    assert!(
        refused
            .text()
            .contains("Only authentication scheme Bearer is supported")
    );
}
