//! Media over the proxy, as RFC 9110 has it, and over broken connections.

use std::time::Duration;

use azure::GetStatus;
use bytes::Bytes;
use engine::{ReadMethod, ResolveRequest, Resolved, ServedBlob};
use futures_util::TryStreamExt;
use local_azure::state::FaultKind;
use model::TaskId;
use rstest::rstest;
use serde_json::json;

use crate::world::{ACCOUNT, World, uri};

/// What a browser would have at the end.
pub async fn bytes(world: &World, resolved: Resolved) -> Bytes {
    match resolved {
        Resolved::Blob(blob) => collect(blob).await.unwrap(),
        Resolved::Redirect { url, .. } => {
            let answer = follow(world, url.expose()).await;
            answer.error_for_status().unwrap().bytes().await.unwrap()
        }
        Resolved::Link { .. } => panic!("nobody asked for a link"),
    }
}

/// What a browser gets at a pre-signed URL.
async fn follow(world: &World, url: &str) -> reqwest::Response {
    let pem = std::fs::read(&world.azure.endpoints().ca_file).unwrap();
    let client = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(&pem).unwrap())
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    client.get(url).send().await.unwrap()
}

pub async fn status(world: &World, url: &str) -> u16 {
    follow(world, url).await.status().as_u16()
}

/// The pre-signed URL.
pub fn url(resolved: &Resolved) -> &str {
    match resolved {
        Resolved::Redirect { url, .. } => url.expose(),
        Resolved::Blob(_) | Resolved::Link { .. } => panic!("no redirect"),
    }
}

async fn collect(blob: ServedBlob) -> azure::Result<Bytes> {
    let Some(body) = blob.body else {
        return Ok(Bytes::new());
    };
    let chunks: Vec<Bytes> = body.try_collect().await?;
    Ok(chunks.concat().into())
}

/// A task that names one blob behind a proxy storage.
struct Served {
    world: World,
    task: TaskId,
    name: String,
    body: Bytes,
}

impl Served {
    async fn of(size: usize) -> Self {
        let world = World::start().await;
        let project = world.project(&world.owner).await;
        let body: Bytes = (0..size).map(|index| (index * 31 % 251) as u8).collect();
        world.put("inbox", "clip.png", body.clone()).await;
        world.source(&project, |_| {}).await;
        let name = uri(ACCOUNT, "inbox", "clip.png");
        let task = world.tasks(&project, &[json!({"image": name})]).await[0].id;
        Self {
            world,
            task,
            name,
            body,
        }
    }

    async fn ask(&self, request: ResolveRequest) -> ServedBlob {
        let resolved = self
            .world
            .engine
            .resolve(&self.world.owner, self.task, &self.name, &request)
            .await
            .unwrap();
        match resolved {
            Resolved::Blob(blob) => blob,
            other => panic!("expected the blob itself: {other:?}"),
        }
    }
}

fn range(range: &str) -> ResolveRequest {
    ResolveRequest {
        range: Some(range.to_owned()),
        ..ResolveRequest::default()
    }
}

#[tokio::test]
async fn a_whole_blob_with_its_headers() {
    let served = Served::of(1_000).await;
    let blob = served.ask(ResolveRequest::default()).await;
    assert_eq!(
        (blob.status, blob.content_length),
        (GetStatus::Full, Some(1_000))
    );
    assert_eq!(blob.content_range, None);
    assert_eq!(blob.content_type.as_deref(), Some("image/png"));
    assert!(blob.etag.as_deref().unwrap().starts_with('"'));
    assert!(blob.last_modified.as_deref().unwrap().ends_with(" GMT"));
    assert_eq!(collect(blob).await.unwrap(), served.body);
}

#[rstest]
#[case("bytes=0-99", 0..100)]
#[case("bytes=100-199", 100..200)]
#[case("bytes=999-999", 999..1_000)]
#[case("bytes=500-", 500..1_000)]
#[case("bytes=0-", 0..1_000)]
#[case("bytes=990-5000", 990..1_000)]
#[case("bytes=-10", 990..1_000)]
#[case("bytes=-5000", 0..1_000)]
#[case("bytes=0-0", 0..1)]
#[tokio::test]
async fn a_satisfiable_range(#[case] header: &str, #[case] expected: std::ops::Range<usize>) {
    let served = Served::of(1_000).await;
    let blob = served.ask(range(header)).await;
    assert_eq!(blob.status, GetStatus::Partial, "{header}");
    let text = format!("bytes {}-{}/1000", expected.start, expected.end - 1);
    assert_eq!(blob.content_range, Some(text), "{header}");
    assert_eq!(blob.content_length, Some(expected.len() as u64));
    assert_eq!(collect(blob).await.unwrap(), served.body.slice(expected));
}

#[rstest]
#[case::two("bytes=0-1,4-5")]
#[case::backwards("bytes=9-5")]
#[case::another_unit("items=0-1")]
#[case::nonsense("bytes=a-b")]
#[case::empty("bytes=")]
#[case::dash("bytes=-")]
#[tokio::test]
async fn a_range_that_is_none_is_ignored(#[case] header: &str) {
    let served = Served::of(1_000).await;
    let blob = served.ask(range(header)).await;
    assert_eq!(
        (blob.status, blob.content_length),
        (GetStatus::Full, Some(1_000)),
        "{header}"
    );
    assert_eq!(collect(blob).await.unwrap(), served.body);
}

#[rstest]
#[case("bytes=1000-", 1_000)]
#[case("bytes=5000-6000", 1_000)]
#[case("bytes=-0", 1_000)]
#[case("bytes=0-5", 0)]
#[case("bytes=-5", 0)]
#[tokio::test]
async fn a_range_beyond_the_end_is_416(#[case] header: &str, #[case] size: usize) {
    let served = Served::of(size).await;
    let blob = served.ask(range(header)).await;
    assert_eq!(blob.status, GetStatus::RangeNotSatisfiable, "{header}");
    assert_eq!(
        blob.content_range,
        Some(format!("bytes */{size}")),
        "{header}"
    );
    assert!(blob.body.is_none());
}

#[tokio::test]
async fn an_empty_blob_is_a_whole_blob() {
    let served = Served::of(0).await;
    let blob = served.ask(ResolveRequest::default()).await;
    assert_eq!(
        (blob.status, blob.content_length),
        (GetStatus::Full, Some(0))
    );
    assert_eq!(collect(blob).await.unwrap(), "");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let served = Served::of(1_000).await;
    let head = ResolveRequest {
        method: ReadMethod::Head,
        ..range("bytes=0-5")
    };
    let blob = served.ask(head).await;
    assert_eq!(
        (blob.status, blob.content_length),
        (GetStatus::Full, Some(1_000))
    );
    assert_eq!(blob.content_type.as_deref(), Some("image/png"));
    assert!(blob.body.is_none() && blob.etag.is_some());
}

#[tokio::test]
async fn what_the_browser_has_already_is_not_sent_again() {
    let served = Served::of(1_000).await;
    let first = served.ask(ResolveRequest::default()).await;
    let (etag, date) = (first.etag.unwrap(), first.last_modified.unwrap());
    for method in [ReadMethod::Get, ReadMethod::Head] {
        for tags in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
            "*".to_owned(),
        ] {
            let request = ResolveRequest {
                method,
                if_none_match: Some(tags.clone()),
                ..ResolveRequest::default()
            };
            let blob = served.ask(request).await;
            assert_eq!(blob.status, GetStatus::NotModified, "{tags}");
            assert_eq!(blob.etag.as_ref(), Some(&etag), "{tags}");
            assert!(blob.body.is_none());
        }
        for tags in ["\"other\"", "\"other\", \"more\""] {
            let request = ResolveRequest {
                method,
                if_none_match: Some(tags.to_owned()),
                // Ignored beside If-None-Match.
                if_modified_since: Some(date.clone()),
                ..ResolveRequest::default()
            };
            assert_eq!(served.ask(request).await.status, GetStatus::Full, "{tags}");
        }
        let dated = |date: &str| ResolveRequest {
            method,
            if_modified_since: Some(date.to_owned()),
            ..ResolveRequest::default()
        };
        assert_eq!(
            served.ask(dated(&date)).await.status,
            GetStatus::NotModified
        );
        for other in ["Sat, 01 Jan 2000 00:00:00 GMT", "yesterday"] {
            assert_eq!(
                served.ask(dated(other)).await.status,
                GetStatus::Full,
                "{other}"
            );
        }
    }
}

#[tokio::test]
async fn a_range_of_another_blob_becomes_the_whole_blob() {
    let served = Served::of(1_000).await;
    let first = served.ask(ResolveRequest::default()).await;
    let (etag, date) = (first.etag.unwrap(), first.last_modified.unwrap());
    for (validator, status) in [
        (etag.as_str(), GetStatus::Partial),
        (date.as_str(), GetStatus::Partial),
        ("\"0xOTHER\"", GetStatus::Full),
        (&format!("W/{etag}"), GetStatus::Full),
        ("Sat, 01 Jan 2000 00:00:00 GMT", GetStatus::Full),
    ] {
        let request = ResolveRequest {
            if_range: Some(validator.to_owned()),
            ..range("bytes=5-9")
        };
        let blob = served.ask(request).await;
        assert_eq!(blob.status, status, "{validator}");
        let expected = match status {
            GetStatus::Partial => served.body.slice(5..10),
            _ => served.body.clone(),
        };
        assert_eq!(collect(blob).await.unwrap(), expected, "{validator}");
    }
}

#[rstest]
#[case::whole(None, 0..2_000_000)]
#[case::range(Some("bytes=1000-1999999"), 1_000..2_000_000)]
#[case::suffix(Some("bytes=-1500000"), 500_000..2_000_000)]
#[tokio::test]
async fn a_broken_connection_is_taken_up_again(
    #[case] header: Option<&str>,
    #[case] expected: std::ops::Range<usize>,
) {
    let served = Served::of(2_000_000).await;
    served.world.fault(
        "GET /acct/inbox/clip.png",
        FaultKind::CutBody {
            after_bytes: 300_000,
        },
        3,
    );
    let request = ResolveRequest {
        range: header.map(str::to_owned),
        ..ResolveRequest::default()
    };
    let blob = served.ask(request).await;
    assert_eq!(collect(blob).await.unwrap(), served.body.slice(expected));
}

#[tokio::test]
async fn a_connection_that_keeps_breaking_ends_with_an_error() {
    let served = Served::of(2_000_000).await;
    served.world.fault(
        "GET /acct/inbox/clip.png",
        FaultKind::CutBody { after_bytes: 1_000 },
        100,
    );
    let blob = served.ask(ResolveRequest::default()).await;
    assert_eq!(blob.content_length, Some(2_000_000));
    let error = collect(blob).await.unwrap_err();
    assert_eq!(error.kind(), azure::ErrorKind::Interrupted);
}

#[tokio::test]
async fn two_blobs_are_never_mixed() {
    let served = Served::of(2_000_000).await;
    served.world.fault(
        "GET /acct/inbox/clip.png",
        FaultKind::CutBody { after_bytes: 1_000 },
        1,
    );
    let blob = served.ask(ResolveRequest::default()).await;
    served.world.clock.advance_ms(2_000);
    served
        .world
        .put("inbox", "clip.png", vec![0; 2_000_000])
        .await;
    let error = collect(blob).await.unwrap_err();
    assert_eq!(error.kind(), azure::ErrorKind::ConditionNotMet);
}
