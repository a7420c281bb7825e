//! What Azure does on a bad day.

use std::time::{Duration, Instant};

use azure::{ErrorKind, GetRequest, ListRequest, PutCondition};
use futures_util::StreamExt;
use local_azure::state::{FaultKind, FaultTarget, IdentityKind};
use model::{Credential, IdentityId, IdentitySource};

use crate::world::{HOUR_MS, World, blob, container};

const READER: &str = "Storage Blob Data Reader";

fn status(status: u16, retry_after_s: Option<u64>) -> FaultKind {
    let code = match status {
        401 => Some("invalid_client".to_owned()),
        403 => Some("AuthorizationFailure".to_owned()),
        _ => None,
    };
    FaultKind::Status {
        status,
        code,
        retry_after_s,
    }
}

#[tokio::test]
async fn throttling_waits_as_long_as_azure_asks() {
    let world = World::start().await;
    world.fault(FaultTarget::Blob, "comp=list", 1, status(503, Some(1)));
    let started = Instant::now();
    world.data(&world.key()).exists().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    world.fault(FaultTarget::Blob, "comp=list", 1, status(503, Some(3600)));
    let error = world.data(&world.key()).exists().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (ErrorKind::Throttled, Some(Duration::from_secs(3600)))
    );
}

#[tokio::test]
async fn server_errors_are_tried_again_and_refusals_are_not() {
    let world = World::start().await;
    let (_, credential) = world.service_principal(READER);
    world.fault(FaultTarget::Entra, "POST", 2, status(500, None));
    world.fault(FaultTarget::Blob, "comp=list", 2, status(500, None));
    let data = world.data(&credential);
    data.exists().await.unwrap();
    assert_eq!(
        (
            world.count_requests("/oauth2/"),
            world.count_requests("comp=list")
        ),
        (3, 3)
    );
    world.fault(FaultTarget::Blob, "comp=list", 1, status(403, None));
    data.exists().await.unwrap_err();
    assert_eq!(world.count_requests("comp=list"), 4);
}

#[tokio::test]
async fn a_conditional_write_of_unknown_outcome_is_not_repeated() {
    let world = World::start().await;
    let data = world.data(&world.key());
    world.fault(FaultTarget::Blob, "PUT", 1, status(500, None));
    let error = data
        .put(
            &blob("a"),
            "1".into(),
            "text/plain",
            &PutCondition::IfAbsent,
        )
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), world.count_requests("PUT /acct1/data/a")),
        (ErrorKind::Unexpected, 1)
    );
    world.fault(FaultTarget::Blob, "PUT", 1, status(500, None));
    data.put(&blob("a"), "1".into(), "text/plain", &PutCondition::None)
        .await
        .unwrap();
    assert_eq!(world.count_requests("PUT /acct1/data/a"), 3);
}

#[tokio::test]
async fn a_truncated_body_is_an_error_and_a_truncated_page_is_read_again() {
    let world = World::start().await;
    let data = world.data(&world.key());
    let body = vec![7; 100_000];
    data.put(
        &blob("a"),
        body.into(),
        "application/octet-stream",
        &PutCondition::None,
    )
    .await
    .unwrap();
    world.fault(
        FaultTarget::Blob,
        "GET /acct1/data/a",
        1,
        FaultKind::CutBody {
            after_bytes: 70_000,
        },
    );
    let mut answer = data.get(&blob("a"), &GetRequest::default()).await.unwrap();
    let (mut received, mut failure) = (0, None);
    while let Some(chunk) = answer.body.next().await {
        match chunk {
            Ok(chunk) => received += chunk.len(),
            Err(error) => failure = Some(error.kind()),
        }
    }
    assert!(received <= 70_000, "{received}");
    assert_eq!(failure, Some(ErrorKind::Interrupted));

    world.fault(
        FaultTarget::Blob,
        "comp=list",
        1,
        FaultKind::CutBody { after_bytes: 60 },
    );
    assert_eq!(
        data.list(&ListRequest::default())
            .await
            .unwrap()
            .blobs
            .len(),
        1
    );
}

#[tokio::test]
async fn the_identity_endpoint_has_its_own_bad_days() {
    let world = World::start().await;
    let identity = world
        .local
        .state()
        .create_identity(&world.tenant.id, "vm", IdentityKind::SystemAssigned)
        .unwrap();
    world.grant(&identity.object_id, READER);
    for bad in [410, 429, 404, 500] {
        world.fault(FaultTarget::Imds, "", 1, status(bad, None));
    }
    let credential = Credential::ManagedIdentity {
        source: IdentitySource::Imds,
        identity: IdentityId::SystemAssigned,
    };
    world.data(&credential).exists().await.unwrap();
    assert_eq!(world.count_requests("/metadata/identity"), 5);

    world.fault(FaultTarget::Imds, "", 99, status(429, Some(60)));
    let started = Instant::now();
    let error = world.data(&credential).exists().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::IdentityUnavailable, Some(429))
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "a wait beyond the budget is not begun"
    );
}

#[tokio::test]
async fn a_clock_that_is_off_is_measured() {
    let world = World::start().await;
    world.local.state().set_clock_offset_ms(20 * 60_000);
    let error = world.data(&world.key()).exists().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CredentialRejected, "{error}");
    let skew = error.clock_skew_ms().unwrap();
    assert!((skew - 20 * 60_000).abs() < 2_000, "{skew}");
}

#[tokio::test]
async fn one_token_for_many_callers_and_many_hours() {
    let world = World::start().await;
    let (_, credential) = world.service_principal(READER);
    let azure = world.azure();
    let calls = (0..20).map(|_| {
        let data = container(&azure, &credential, "data");
        async move { data.exists().await }
    });
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(world.count_requests("/oauth2/"), 1);

    // Five minutes before its end a token is renewed; a failed renewal does not take it away.
    let data = container(&azure, &credential, "data");
    world.clock.advance_ms(HOUR_MS - 4 * 60_000);
    let refused = FaultKind::Status {
        status: 401,
        code: Some("unauthorized_client".to_owned()),
        retry_after_s: None,
    };
    world.fault(FaultTarget::Entra, "POST", 1, refused);
    data.exists().await.unwrap();
    data.exists().await.unwrap();
    assert_eq!(
        world.count_requests("/oauth2/"),
        2,
        "and is not tried again at once"
    );
    world.clock.advance_ms(2 * 60_000);
    data.exists().await.unwrap();
    assert_eq!(world.count_requests("/oauth2/"), 3);

    azure.forget(&credential);
    data.exists().await.unwrap();
    assert_eq!(world.count_requests("/oauth2/"), 4);
}

#[tokio::test]
async fn a_token_that_storage_stopped_taking_is_replaced() {
    let world = World::start().await;
    let (_, credential) = world.service_principal(READER);
    let data = world.data(&credential);
    data.exists().await.unwrap();
    world.fault(
        FaultTarget::Blob,
        "comp=list",
        1,
        FaultKind::Status {
            status: 401,
            code: Some("InvalidAuthenticationInfo".to_owned()),
            retry_after_s: None,
        },
    );
    data.exists().await.unwrap();
    assert_eq!(world.count_requests("/oauth2/"), 2);
}
