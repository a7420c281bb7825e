//! Ordered faults: they hit whom they should, as often as they should.

use std::time::{Duration, Instant};

use local_azure::state::{Fault, FaultKind, FaultTarget, IdentityKind};

use crate::support::World;

fn fault(target: FaultTarget, matches: &str, kind: FaultKind, times: Option<u32>) -> Fault {
    Fault {
        target,
        matches: matches.to_owned(),
        kind,
        times,
    }
}

#[tokio::test]
async fn a_status_is_answered_as_often_as_ordered() {
    let world = World::start().await;
    let secret = world.secret();
    let ask = async || {
        world
            .ask(&world.customer.id, &[("client_secret", &secret)])
            .await
            .0
    };
    let busy = FaultKind::Status {
        status: 503,
        code: None,
        retry_after_s: Some(7),
    };
    world
        .state()
        .add_fault(fault(FaultTarget::Entra, "POST /", busy.clone(), Some(2)));
    world
        .state()
        .add_fault(fault(FaultTarget::Entra, "/elsewhere", busy.clone(), None));
    assert_eq!(
        [ask().await, ask().await, ask().await].map(|status| status.as_u16()),
        [503, 503, 200]
    );

    world
        .state()
        .add_fault(fault(FaultTarget::Entra, "", busy, None));
    let response = world
        .client
        .post(world.token_url("x"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    world.state().clear_faults();
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn imds_can_be_gone_for_a_while() {
    let world = World::start().await;
    world
        .state()
        .create_identity(&world.customer.id, "vm", IdentityKind::SystemAssigned)
        .unwrap();
    let gone = FaultKind::Status {
        status: 410,
        code: None,
        retry_after_s: None,
    };
    world
        .state()
        .add_fault(fault(FaultTarget::Imds, "", gone, Some(1)));
    let url = format!(
        "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com",
        world.azure.endpoints().imds
    );
    let ask = async || {
        let request = world.client.get(&url).header("Metadata", "true");
        request.send().await.unwrap().status()
    };
    assert_eq!(
        [ask().await, ask().await].map(|status| status.as_u16()),
        [410, 200]
    );
}

#[tokio::test]
async fn a_body_is_cut_or_trickles_and_a_request_waits() {
    let world = World::start().await;
    let url = format!("{}/common/discovery/keys", world.azure.endpoints().entra);
    let order = |kind: FaultKind| {
        world
            .state()
            .add_fault(fault(FaultTarget::Entra, "discovery/keys", kind, Some(1)));
    };
    let whole = world
        .client
        .get(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();

    order(FaultKind::CutBody { after_bytes: 10 });
    let cut = world.client.get(&url).send().await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(
        cut.bytes().await.is_err(),
        "a cut body is an error, never a short answer"
    );

    order(FaultKind::SlowBody {
        bytes_per_second: whole.len() as u64 * 2,
    });
    let started = Instant::now();
    let slow = world
        .client
        .get(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(slow, whole);
    assert!(
        started.elapsed() >= Duration::from_millis(400),
        "{:?}",
        started.elapsed()
    );

    order(FaultKind::Delay { ms: 200 });
    let started = Instant::now();
    world.client.get(&url).send().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(200));
}
