//! How a storage fared last, and when its credential ends.

use model::{Code, HealthFailure, StorageHealth, StorageId};

use crate::world::{NOW, World};

pub async fn a_success_and_a_failure_stand_side_by_side(w: World) {
    let storage = w.source().await;
    assert_eq!(storage.health, StorageHealth::default());
    let failed =
        w.store
            .record_storage_failure(storage.id, Code::Firewall, "It refuses this machine.", NOW);
    failed.await.unwrap();
    w.store
        .record_storage_success(storage.id, NOW + 5)
        .await
        .unwrap();
    w.store
        .set_credential_end(storage.id, Some(NOW + 9))
        .await
        .unwrap();
    let found = w.store.find_storage(w.org, storage.id).await.unwrap();
    let expected = StorageHealth {
        last_success_at_ms: Some(NOW + 5),
        last_failure: Some(HealthFailure {
            at_ms: NOW,
            code: "firewall".to_owned(),
            text: "It refuses this machine.".to_owned(),
        }),
        expires_at_ms: Some(NOW + 9),
    };
    assert_eq!(found.unwrap().health, expected);
}

pub async fn ends_are_listed_nearest_first_and_cleared(w: World) {
    let (first, second) = (w.source().await, w.source().await);
    for (storage, end) in [(&first, NOW + 20), (&second, NOW + 10)] {
        w.store
            .set_credential_end(storage.id, Some(end))
            .await
            .unwrap();
    }
    let ends = async || {
        let ends = w.store.list_credential_ends().await.unwrap();
        ends.iter().map(|end| end.storage_id).collect::<Vec<_>>()
    };
    assert_eq!(ends().await, [second.id, first.id]);
    w.store.set_credential_end(second.id, None).await.unwrap();
    assert_eq!(ends().await, [first.id]);
    w.delete_storage(w.org, first.id).await;
    assert_eq!(ends().await, []);
}

pub async fn a_storage_that_is_gone_has_no_health(w: World) {
    let gone = StorageId(9_999);
    w.store.record_storage_success(gone, NOW).await.unwrap();
    let failed = w
        .store
        .record_storage_failure(gone, Code::Firewall, "", NOW);
    failed.await.unwrap();
    w.store.set_credential_end(gone, Some(NOW)).await.unwrap();
    assert_eq!(w.store.list_credential_ends().await.unwrap(), []);
}
