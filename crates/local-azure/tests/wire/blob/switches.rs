//! Switches of an account and states of a blob that a customer's administrator changes.

use local_azure::{
    blob::PublicAccess,
    state::{AccessPolicy, AccountSettings, CorsRule, Hold, HoldKind},
};
use reqwest::Method;

use super::{
    client::{Fixture, sign},
    sas::query,
};

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
    change(&azure, |switches| switches.rehydration_ms = 0);
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

#[tokio::test]
async fn what_is_held_is_neither_replaced_nor_deleted() {
    let azure = fixture().await;
    for (kind, status, code) in [
        (HoldKind::Lease, 412, "LeaseIdMissing"),
        (HoldKind::Retention, 409, "BlobImmutableDueToPolicy"),
        (HoldKind::LegalHold, 409, "BlobImmutableDueToLegalHold"),
    ] {
        change(&azure, |switches| {
            let (container, prefix) = ("cont".to_owned(), "b".to_owned());
            switches.holds = vec![Hold {
                kind,
                container,
                prefix,
            }];
        });
        let put = [("x-ms-blob-type", "BlockBlob")];
        for (method, path, expected) in [
            (Method::GET, "/cont/b", 200),
            (Method::PUT, "/cont/b", status),
            (Method::DELETE, "/cont/b", status),
            (Method::PUT, "/cont/other", 201),
        ] {
            let headers = if method == Method::PUT { &put[..] } else { &[] };
            let answer = azure.signed(method, path, headers, "").await;
            assert_eq!(answer.status, expected, "{kind:?} {path}");
            if expected == status {
                assert_eq!(answer.header("x-ms-error-code"), code);
            }
        }
    }
}

#[tokio::test]
async fn leaving_the_archive_takes_its_time() {
    let azure = fixture().await;
    let tier = async |tier| {
        let headers = [("x-ms-access-tier", tier)];
        azure
            .signed(Method::PUT, "/cont/b?comp=tier", &headers, "")
            .await
            .status
    };
    let read = async || {
        let answer = azure.signed(Method::GET, "/cont/b", &[], "").await;
        (answer.status, answer.header("x-ms-error-code").to_owned())
    };
    assert_eq!(tier("Archive").await, 200);
    assert_eq!(read().await, (409, "BlobArchived".to_owned()));
    assert_eq!(tier("Hot").await, 202);
    assert_eq!(read().await, (409, "BlobBeingRehydrated".to_owned()));
    let head = azure.signed(Method::HEAD, "/cont/b", &[], "").await;
    assert_eq!(
        head.header("x-ms-archive-status"),
        "rehydrate-pending-to-hot"
    );
    let list = azure
        .signed(Method::GET, "/cont?restype=container&comp=list", &[], "")
        .await;
    let text = String::from_utf8_lossy(&list.body).into_owned();
    assert!(
        text.contains("<ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus>"),
        "{text}"
    );
    assert_eq!(tier("Cool").await, 409);
    azure.azure.state().set_clock_offset_ms(16 * 3_600_000);
    change(&azure, |switches| switches.allow_public_access = true);
    azure
        .azure
        .state()
        .blobs()
        .set_public_access("acct", "cont", PublicAccess::Blob)
        .await
        .unwrap();
    let read = azure.send(Method::GET, &azure.url("/cont/b"), &[]).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn refusals_can_be_read_by_pages_that_a_rule_lets_in() {
    let azure = fixture().await;
    change(&azure, |switches| {
        switches.cors = vec![CorsRule {
            allowed_origins: vec!["https://*.contoso.com".to_owned()],
            allowed_methods: vec!["GET".to_owned()],
            allowed_headers: Vec::new(),
            exposed_headers: vec!["x-ms-error-code".to_owned()],
            max_age_in_seconds: 5,
        }];
    });
    for (origin, allowed) in [
        ("https://label.contoso.com", true),
        ("https://contoso.com", false),
        ("https://label.contoso.com.evil.example", false),
    ] {
        let answer = azure
            .signed(Method::GET, "/cont/nothing", &[("origin", origin)], "")
            .await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.header("access-control-allow-origin") == origin,
            allowed,
            "{origin}"
        );
        if allowed {
            assert_eq!(
                answer.header("access-control-expose-headers"),
                "x-ms-error-code"
            );
        }
    }
}

#[tokio::test]
async fn names_are_stored_as_the_service_stores_them() {
    let azure = fixture().await;
    let put = [("x-ms-blob-type", "BlockBlob")];
    let answer = azure
        .signed(Method::PUT, "/cont/a%5Cb./c...", &put, "x")
        .await;
    assert_eq!(answer.status, 201);
    let names = azure
        .azure
        .state()
        .blobs()
        .names("acct", "cont")
        .await
        .unwrap();
    assert!(names.contains(&"a/b/c".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_deleted_container_keeps_its_name_for_a_while() {
    let azure = fixture().await;
    let container = "/cont?restype=container";
    assert_eq!(
        azure
            .signed(Method::DELETE, container, &[], "")
            .await
            .status,
        202
    );
    let again = azure.signed(Method::PUT, container, &[], "").await;
    assert_eq!(again.refusal(), (409, "ContainerBeingDeleted"));
}

#[tokio::test]
async fn bad_conditions_and_unknown_parts_of_a_listing_are_refused() {
    let azure = fixture().await;
    for (path, headers) in [
        ("/cont/b", &[("if-modified-since", "yesterday")][..]),
        ("/cont/b", &[("if-match", "*"), ("if-none-match", "0x1")]),
        ("/cont?restype=container&comp=list&include=everything", &[]),
    ] {
        let answer = azure.signed(Method::GET, path, headers, "").await;
        assert_eq!(answer.status, 400, "{path} {headers:?}");
    }
    for path in [
        "/cont/b?snapshot=2026-01-01T00:00:00.0000000Z",
        "/cont/b?versionid=2026",
    ] {
        assert_eq!(
            azure.signed(Method::GET, path, &[], "").await.status,
            404,
            "{path}"
        );
    }
}

/// A token that leaves everything to a stored access policy; the policy is looked up at each use.
#[tokio::test]
async fn a_stored_access_policy_gives_what_the_token_leaves_open() {
    let azure = fixture().await;
    let text = "\n\n\n/blob/acct/cont\nreaders\n\n\n2022-11-02\nc\n\n\n\n\n\n\n";
    let signature = sign(&azure.account.key1, text);
    let token = query(&[
        ("sv", "2022-11-02"),
        ("sr", "c"),
        ("si", "readers"),
        ("sig", &signature),
    ]);
    let url = azure.url(&format!("/cont/b?{token}"));
    let read = async || {
        let answer = azure.send(Method::GET, &url, &[]).await;
        (
            answer.status,
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    };
    let (status, said) = read().await;
    assert!(
        status == 403 && said.contains("SAS identifier cannot be found"),
        "{said}"
    );
    let policy = |expiry: &str| AccessPolicy {
        start: None,
        expiry: Some(expiry.to_owned()),
        permissions: Some("r".to_owned()),
    };
    for (expiry, expected) in [("2999-01-01T00:00:00Z", 200), ("2020-01-01T00:00:00Z", 403)] {
        change(&azure, |switches| {
            switches.access_policies = [("cont/readers".to_owned(), policy(expiry))].into();
        });
        assert_eq!(read().await.0, expected, "{expiry}");
    }
}

#[tokio::test]
async fn a_hierarchical_namespace_has_folders() {
    let azure = fixture().await;
    azure.blob("cont", "team/deep/a.txt", b"a").await;
    let list = "/cont?restype=container&comp=list&include=metadata";
    for (hierarchical, folders) in [(false, 0), (true, 2)] {
        change(&azure, |switches| {
            switches.hierarchical_namespace = hierarchical
        });
        let listed = azure.signed(Method::GET, list, &[], "").await;
        let text = listed.text();
        assert_eq!(
            text.matches("<ResourceType>directory<").count(),
            folders,
            "{text}"
        );
        assert_eq!(
            text.matches("<hdi_isfolder>true<").count(),
            folders,
            "{text}"
        );
        let head = azure.signed(Method::HEAD, "/cont/team/deep", &[], "").await;
        let expected = if hierarchical { 200 } else { 404 };
        assert_eq!(head.status, expected);
        if hierarchical {
            assert_eq!(head.header("x-ms-meta-hdi_isfolder"), "true");
        }
        let by_level = azure
            .signed(Method::GET, &format!("{list}&delimiter=%2F"), &[], "")
            .await;
        assert!(
            !by_level.text().contains("directory"),
            "{}",
            by_level.text()
        );
    }
}
