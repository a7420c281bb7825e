//! Account keys: who signs, when, and whether the account allows it.

use reqwest::Method;

use super::client::{Fixture, now};

const MINUTE: i64 = 60;

#[tokio::test]
async fn both_keys_sign_and_a_rotated_key_does_not() {
    let azure = Fixture::memory().await;
    azure.container("cont", Default::default()).await;
    let list = async |key: &str| {
        azure
            .signed_at(
                Method::GET,
                "/cont?restype=container&comp=list",
                &[],
                "",
                key,
                now(),
            )
            .await
    };
    assert_eq!(list(&azure.account.key1).await.status, 200);
    assert_eq!(list(&azure.account.key2).await.status, 200);
    let new = azure.azure.state().rotate_account_keys("acct").unwrap();
    let refused = list(&azure.account.key1).await;
    assert_eq!(refused.refusal(), (403, "AuthenticationFailed"));
    assert!(
        refused.body.starts_with(b"\xEF\xBB\xBF<?xml"),
        "{}",
        refused.text()
    );
    assert!(
        refused
            .text()
            .contains("<AuthenticationErrorDetail>The MAC signature found in the HTTP request"),
        "{}",
        refused.text()
    );
    assert_eq!(list(&new.key1).await.status, 200);
}

#[tokio::test]
async fn a_date_more_than_fifteen_minutes_off_is_refused() {
    let azure = Fixture::memory().await;
    let list = async |at| {
        azure
            .signed_at(Method::GET, "?comp=list", &[], "", &azure.account.key1, at)
            .await
    };
    assert_eq!(list(now() - 14 * MINUTE).await.status, 200);
    assert_eq!(list(now() + 14 * MINUTE).await.status, 200);
    for at in [now() - 16 * MINUTE, now() + 16 * MINUTE] {
        assert_eq!(list(at).await.refusal(), (403, "AuthenticationFailed"));
    }
    azure.azure.state().set_clock_offset_ms(20 * MINUTE * 1000);
    assert_eq!(
        list(now()).await.refusal(),
        (403, "AuthenticationFailed"),
        "skewed clock"
    );
}

#[tokio::test]
async fn an_account_can_forbid_keys_plain_http_and_this_network() {
    let azure = Fixture::memory().await;
    let state = azure.azure.state();
    let list = async || azure.signed(Method::GET, "?comp=list", &[], "").await;
    state
        .change_account("acct", |switches| switches.allow_shared_key = false)
        .unwrap();
    assert_eq!(
        list().await.refusal(),
        (403, "KeyBasedAuthenticationNotPermitted")
    );
    state
        .change_account("acct", |switches| switches.allow_shared_key = true)
        .unwrap();

    state
        .change_account("acct", |switches| switches.firewall_open = false)
        .unwrap();
    assert_eq!(list().await.refusal(), (403, "AuthorizationFailure"));
    state
        .change_account("acct", |switches| switches.firewall_open = true)
        .unwrap();

    state
        .change_account("acct", |switches| switches.https_only = true)
        .unwrap();
    assert_eq!(list().await.status, 200);
    let plain = format!("{}/acct?comp=list", azure.azure.endpoints().blob_http);
    let refused = azure.send(Method::GET, &plain, &[]).await;
    assert_eq!(refused.refusal(), (400, "AccountRequiresHttps"));
}

#[tokio::test]
async fn other_schemes_accounts_and_versions_are_refused() {
    let azure = Fixture::memory().await;
    let url = azure.url("?comp=list");
    let lite = [
        ("authorization", "SharedKeyLite acct:AAAA"),
        ("x-ms-date", "x"),
    ];
    assert_eq!(
        azure.send(Method::GET, &url, &lite).await.refusal(),
        (400, "InvalidAuthenticationInfo")
    );
    let other = url.replace("/acct", "/nobody");
    assert_eq!(
        azure.send(Method::GET, &other, &[]).await.refusal(),
        (404, "ResourceNotFound")
    );
    let future = azure
        .http
        .get(&url)
        .header("x-ms-version", "2099-01-01")
        .send()
        .await
        .unwrap();
    assert_eq!(future.status(), 400);
    assert_eq!(future.headers()["x-ms-error-code"], "InvalidHeaderValue");
    assert!(
        future
            .text()
            .await
            .unwrap()
            .contains("<HeaderName>x-ms-version</HeaderName>")
    );
}

#[tokio::test]
async fn a_write_without_its_length_is_refused() {
    let azure = Fixture::memory().await;
    let unmeasured = azure.http.put(azure.url("/cont/b")).send().await.unwrap();
    assert_eq!(unmeasured.status(), 411);
    assert_eq!(
        unmeasured.headers()["x-ms-error-code"],
        "MissingContentLengthHeader"
    );
}
