//! Ordered faults on blob requests, the request log, and account information.

use std::time::{Duration, Instant};

use local_azure::state::{Fault, FaultKind, FaultTarget};
use reqwest::Method;

use super::client::Fixture;

fn order(azure: &Fixture, kind: FaultKind) {
    azure.azure.state().add_fault(Fault {
        target: FaultTarget::Blob,
        matches: "/cont/b".into(),
        kind,
        times: Some(1),
    });
}

async fn fixture() -> Fixture {
    let azure = Fixture::memory().await;
    azure.container("cont", Default::default()).await;
    azure.blob("cont", "b", b"0123456789").await;
    azure
}

#[tokio::test]
async fn a_status_is_answered_once_in_azures_words() {
    let azure = fixture().await;
    for (status, code) in [
        (503, "ServerBusy"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
    ] {
        order(
            &azure,
            FaultKind::Status {
                status,
                code: None,
                retry_after_s: Some(7),
            },
        );
        let refused = azure.signed(Method::GET, "/cont/b", &[], "").await;
        assert_eq!(
            (refused.refusal(), refused.header("retry-after")),
            ((status, code), "7")
        );
        assert!(refused.text().contains(&format!("<Code>{code}</Code>")));
        assert_eq!(
            azure.signed(Method::GET, "/cont/b", &[], "").await.status,
            200
        );
    }
}

#[tokio::test]
async fn a_cut_body_breaks_the_connection_under_a_full_length() {
    let azure = fixture().await;
    let state = azure.azure.state();
    state
        .change_account("acct", |switches| switches.allow_public_access = true)
        .unwrap();
    azure
        .container("open", local_azure::blob::PublicAccess::Container)
        .await;
    azure.blob("open", "b", b"0123456789").await;
    state.add_fault(Fault {
        target: FaultTarget::Blob,
        matches: "/open/b".into(),
        kind: FaultKind::CutBody { after_bytes: 4 },
        times: Some(1),
    });
    let url = azure.url("/open/b");
    let answer = azure
        .http
        .get(&url)
        .header("x-ms-version", "2026-04-06")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-length"], "10");
    assert!(answer.bytes().await.is_err());
    let whole = azure.send(Method::GET, &url, &[]).await;
    assert_eq!(whole.text(), "0123456789");
}

#[tokio::test]
async fn slow_bodies_and_delays_take_their_time() {
    let azure = fixture().await;
    for kind in [
        FaultKind::Delay { ms: 300 },
        FaultKind::SlowBody {
            bytes_per_second: 30,
        },
    ] {
        order(&azure, kind.clone());
        let start = Instant::now();
        let read = azure.signed(Method::GET, "/cont/b", &[], "").await;
        assert_eq!(read.text(), "0123456789");
        assert!(start.elapsed() >= Duration::from_millis(300), "{kind:?}");
    }
}

#[tokio::test]
async fn requests_are_remembered_without_their_secrets() {
    let azure = fixture().await;
    let state = azure.azure.state();
    state.clear_requests();
    azure.signed(Method::GET, "/cont/b", &[], "").await;
    azure
        .send(
            Method::GET,
            &azure.url("/cont/b?sv=2026-04-06&sp=r&sig=c2VjcmV0"),
            &[],
        )
        .await;
    let seen = state.requests();
    let seen: Vec<_> = seen
        .iter()
        .map(|r| (r.method.as_str(), r.status, r.credential))
        .collect();
    assert_eq!(seen, [("GET", 200, "shared_key"), ("GET", 403, "sas")]);
    assert!(
        !state.requests()[1].path.contains("c2VjcmV0"),
        "{:?}",
        state.requests()[1]
    );
}

#[tokio::test]
async fn account_information_says_what_kind_of_account_it_is() {
    let azure = fixture().await;
    let info = azure
        .signed(Method::HEAD, "?restype=account&comp=properties", &[], "")
        .await;
    assert_eq!(
        (info.status, info.header("x-ms-account-kind")),
        (200, "StorageV2")
    );
    assert_eq!(info.header("x-ms-is-hns-enabled"), "false");
}
