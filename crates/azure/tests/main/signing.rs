//! Pre-signed URLs as a browser meets them.

use std::time::{Duration, Instant};

use azure::{Azure, Cloud, HostIdentity, SignRequest};
use model::{Credential, Secret};

use crate::world::{HOUR_MS, World, blob, container, exercise, minutes};

const READER: &str = "Storage Blob Data Reader";
const ODD: &str = "odd dir/ünï 100% #1?+&=.svg";

async fn seeded() -> World {
    let world = World::start().await;
    world
        .local
        .state()
        .blobs()
        .put("acct1", "data", ODD, "<svg/>".into(), "image/svg+xml")
        .await
        .unwrap();
    world
}

#[tokio::test]
async fn both_kinds_open_an_odd_name_with_chosen_headers_until_they_expire() {
    let world = seeded().await;
    let (_, principal) = world.service_principal(READER);
    for credential in [world.key(), principal] {
        let request = SignRequest {
            response_content_type: Some("text/plain; charset=utf-8".to_owned()),
            response_content_disposition: Some("attachment; filename=\"x y.svg\"".to_owned()),
            ..minutes(5)
        };
        let signed = world
            .data(&credential)
            .sign(&blob(ODD), &request)
            .await
            .unwrap();
        assert_eq!(signed.expires_at_ms, world.clock.now_ms() + 300_000);
        let url = signed.url.expose();
        for part in ["sp=r&", "sr=b", "spr=https&"] {
            assert!(url.contains(part), "{url}");
        }
        let (status, headers, body) = world.browse(url).await;
        assert_eq!(
            (status, body.as_slice()),
            (200, b"<svg/>".as_slice()),
            "{}",
            String::from_utf8_lossy(&body)
        );
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(
            headers["content-disposition"],
            "attachment; filename=\"x y.svg\""
        );
        // It opens this blob and nothing else, and not for ever.
        assert_eq!(world.browse(&url.replace("%231", "%232")).await.0, 403);
        world.local.state().advance_clock_ms(-14 * 60_000);
        let early = world.browse(url).await;
        assert_eq!(
            early.0,
            200,
            "14 minutes early: {}",
            String::from_utf8_lossy(&early.2)
        );
        world.local.state().advance_clock_ms(14 * 60_000 + 301_000);
        assert_eq!(world.browse(url).await.0, 403);
        world.local.state().set_clock_offset_ms(0);
    }
}

#[tokio::test]
async fn one_delegation_key_signs_for_everyone_until_it_could_die_first() {
    let world = seeded().await;
    let (_, credential) = world.service_principal(READER);
    let azure = world.azure();
    let keys = || world.count_requests("comp=userdelegationkey");
    let signs = (0..20).map(|_| {
        let data = container(&azure, &credential, "data");
        async move { data.sign(&blob(ODD), &minutes(60)).await.unwrap() }
    });
    futures_util::future::join_all(signs).await;
    assert_eq!(keys(), 1);

    let data = container(&azure, &credential, "data");
    world.clock.advance_ms(21 * HOUR_MS);
    data.sign(&blob(ODD), &minutes(60)).await.unwrap();
    assert_eq!(keys(), 1);
    world.clock.advance_ms(HOUR_MS + 50 * 60_000);
    let signed = data.sign(&blob(ODD), &minutes(60)).await.unwrap();
    assert_eq!(keys(), 2, "the first key would die within the hour");
    assert_eq!(world.browse(signed.url.expose()).await.0, 200);

    let week = SignRequest {
        ttl: Duration::from_secs(7 * 86_400),
        ..minutes(1)
    };
    let signed = data.sign(&blob(ODD), &week).await.unwrap();
    assert_eq!(
        signed.expires_at_ms,
        world.clock.now_ms() + 6 * 24 * HOUR_MS
    );
    data.sign(&blob(ODD), &week).await.unwrap();
    assert_eq!(keys(), 3);
    assert_eq!(world.browse(signed.url.expose()).await.0, 200);

    azure.forget(&credential);
    data.sign(&blob(ODD), &minutes(1)).await.unwrap();
    assert_eq!(keys(), 4);
}

#[tokio::test]
async fn an_endpoint_without_tls_still_signs() {
    let world = seeded().await;
    let cloud = Cloud {
        blob_endpoint: format!("{}/{{account}}", world.local.endpoints().blob_http),
        ..world.cloud()
    };
    let azure = Azure::new(cloud, HostIdentity::default(), None, world.clock.clone()).unwrap();
    let signed = container(&azure, &world.key(), "data")
        .sign(&blob(ODD), &minutes(5))
        .await
        .unwrap();
    assert_eq!(world.browse(signed.url.expose()).await.0, 200);
}

#[tokio::test]
async fn a_customers_sas_keeps_its_own_end() {
    let world = World::start().await;
    let token = Secret::new("?sv=2022-11-02&sp=rl&sr=c&se=2030-01-01T00:00:00Z&sig=abc%3D");
    let signed = world
        .data(&Credential::Sas { token })
        .sign(&blob("a b"), &minutes(5))
        .await
        .unwrap();
    assert_eq!(signed.expires_at_ms, 1_893_456_000_000);
    assert!(signed.url.expose().ends_with(
        "/acct1/data/a%20b?sv=2022-11-02&sp=rl&sr=c&se=2030-01-01T00:00:00Z&sig=abc%3D"
    ));
    for text in [
        "DefaultEndpointsProtocol=https;AccountKey=x",
        "sv=1&sig=a b",
        "sv=1&sig=a#b",
    ] {
        let data = world.data(&Credential::Sas {
            token: Secret::new(text),
        });
        assert_eq!(
            data.sign(&blob("a"), &minutes(5)).await.unwrap_err().kind(),
            azure::ErrorKind::InvalidInput
        );
    }
}

#[tokio::test]
async fn signing_is_quick_with_a_key_at_hand() {
    let world = World::start().await;
    let (_, principal) = world.service_principal(READER);
    for credential in [world.key(), principal] {
        let data = world.data(&credential);
        data.sign(&blob(ODD), &minutes(5)).await.unwrap();
        let asked = world.local.state().requests().len();
        let started = Instant::now();
        for _ in 0..1_000 {
            data.sign(&blob(ODD), &minutes(5)).await.unwrap();
        }
        // Microseconds each in a release build; the bound only catches a request or a key decoded each time.
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(world.local.state().requests().len(), asked);
    }
}

/// A cloud that is behind: requests and both kinds of SAS speak the version of its profile.
#[tokio::test]
async fn an_older_version_of_the_interface_is_spoken_throughout() {
    let world = World::start().await;
    let (_, principal) = world.service_principal("Storage Blob Data Contributor");
    for version in ["2019-12-12", "2020-02-10", "2021-12-02", "2025-07-05"] {
        let cloud = Cloud {
            storage_version: version.to_owned(),
            ..world.cloud()
        };
        let host = HostIdentity::default();
        let azure = Azure::new(cloud, host, None, world.clock.clone()).unwrap();
        for credential in [world.key(), principal.clone()] {
            exercise(&world, &container(&azure, &credential, "data")).await;
        }
    }
}
