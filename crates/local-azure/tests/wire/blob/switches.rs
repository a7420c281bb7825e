//! Switches of an account and states of a blob that a customer's administrator changes.

use local_azure::{blob::PublicAccess, state::AccountSettings};
use reqwest::Method;

use super::client::Fixture;

async fn fixture() -> Fixture {
    let azure = Fixture::memory().await;
    azure.container("cont", PublicAccess::None).await;
    azure.blob("cont", "b", b"0123456789").await;
    azure
}

fn change(azure: &Fixture, change: impl FnOnce(&mut AccountSettings)) {
    azure.azure.state().change_account("acct", change).unwrap();
}

#[tokio::test]
async fn network_rules_let_their_addresses_in() {
    let azure = fixture().await;
    for (rules, status) in [
        (&[][..], 403),
        (&["203.0.113.7"], 403),
        (&["203.0.113.7", "127.0.0.1"], 200),
    ] {
        change(&azure, |switches| {
            switches.firewall_open = false;
            switches.allowed_addresses = rules.iter().map(|&rule| rule.to_owned()).collect();
        });
        let answer = azure.signed(Method::GET, "/cont/b", &[], "").await;
        assert_eq!(answer.status, status, "{rules:?}");
    }
}

#[tokio::test]
async fn account_information_tells_a_hierarchical_namespace() {
    let azure = fixture().await;
    for hierarchical in [false, true] {
        change(&azure, |switches| {
            switches.hierarchical_namespace = hierarchical
        });
        let answer = azure
            .signed(Method::GET, "/?restype=account&comp=properties", &[], "")
            .await;
        assert_eq!(
            answer.header("x-ms-is-hns-enabled"),
            hierarchical.to_string()
        );
    }
}

#[tokio::test]
async fn public_access_is_given_and_taken_away() {
    let azure = fixture().await;
    change(&azure, |switches| switches.allow_public_access = true);
    let blobs = azure.azure.state().blobs();
    for (access, status) in [
        (PublicAccess::Blob, 200),
        (PublicAccess::None, 401),
        (PublicAccess::Container, 200),
    ] {
        blobs
            .set_public_access("acct", "cont", access)
            .await
            .unwrap();
        let read = azure.send(Method::GET, &azure.url("/cont/b"), &[]).await;
        assert_eq!(read.status, status, "{access:?}");
    }
    assert!(
        blobs
            .set_public_access("acct", "none", PublicAccess::Blob)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_archived_blob_is_read_once_it_is_back_in_another_tier() {
    let azure = fixture().await;
    for (tier, status) in [("Archive", 409), ("Hot", 200)] {
        let set = azure
            .signed(
                Method::PUT,
                "/cont/b?comp=tier",
                &[("x-ms-access-tier", tier)],
                "",
            )
            .await;
        assert_eq!(set.status, 200, "{}", set.text());
        assert_eq!(
            azure.signed(Method::GET, "/cont/b", &[], "").await.status,
            status
        );
        let properties = azure.signed(Method::HEAD, "/cont/b", &[], "").await;
        assert_eq!(properties.header("x-ms-access-tier"), tier);
    }
    let headerless = azure
        .signed(Method::PUT, "/cont/b?comp=tier", &[], "")
        .await;
    assert_eq!(headerless.refusal(), (400, "MissingRequiredHeader"));
    let missing = azure
        .signed(
            Method::PUT,
            "/cont/none?comp=tier",
            &[("x-ms-access-tier", "Hot")],
            "",
        )
        .await;
    assert_eq!(missing.refusal(), (404, "BlobNotFound"));
}

#[tokio::test]
async fn an_account_can_send_a_false_challenge() {
    let azure = fixture().await;
    let hostile = "Bearer authorization_uri=https://login.evil.example/x/oauth2/authorize \
                   resource_id=https://storage.azure.com";
    let told = async || {
        let answer = azure.send(Method::GET, &azure.url("?comp=list"), &[]).await;
        assert_eq!(answer.status, 401);
        answer.header("www-authenticate").to_owned()
    };
    change(&azure, |switches| {
        switches.challenge = Some(hostile.to_owned())
    });
    assert_eq!(told().await, hostile);
    change(&azure, |switches| switches.challenge = None);
    assert!(told().await.contains(&azure.tenant));
}

#[tokio::test]
async fn a_soft_deleted_blob_is_listed_on_demand_and_restored() {
    let azure = fixture().await;
    change(&azure, |switches| switches.soft_delete = true);
    let shown = async |include: &str| {
        let path = format!("/cont?restype=container&comp=list{include}");
        let page = azure.signed(Method::GET, &path, &[], "").await;
        page.text().to_owned()
    };
    let deleted = azure.signed(Method::DELETE, "/cont/b", &[], "").await;
    assert_eq!(deleted.header("x-ms-delete-type-permanent"), "false");
    let read = async || azure.signed(Method::GET, "/cont/b", &[], "").await.status;
    assert_eq!(read().await, 404);
    assert!(!shown("").await.contains("<Name>b</Name>"));
    let all = shown("&include=metadata,deleted").await;
    assert!(
        all.contains("<Name>b</Name><Deleted>true</Deleted>"),
        "{all}"
    );

    let undelete = async |blob: &str| {
        let path = format!("/cont/{blob}?comp=undelete");
        azure.signed(Method::PUT, &path, &[], "").await.status
    };
    assert_eq!(undelete("other").await, 404);
    assert_eq!(undelete("b").await, 200);
    assert_eq!(read().await, 200);
    assert!(!shown("&include=deleted").await.contains("<Deleted>"));
}
