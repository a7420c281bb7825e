//! Sealing, seen from outside: files, wrong keys, rotation.

use std::error::Error as _;

use store::{SealKeys, Store, StoreOptions};

use crate::world::{KEY, World, account_key};

async fn opened_with(w: &World, key_file: &str) -> Store {
    let options = StoreOptions {
        seal_keys: SealKeys::parse(key_file).unwrap(),
        ..w.options.clone()
    };
    Store::open(&options).await.unwrap()
}

pub async fn sealed_secrets_are_unreadable_without_the_key(w: World) {
    let storage = w.source().await;
    let other = opened_with(&w, SealKeys::generate().expose()).await;
    let refused = other
        .find_storage_with_credential(w.org, storage.id)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("not in the key file"),
        "{refused}"
    );
    assert!(refused.source().is_none());
    assert!(
        other
            .find_storage(w.org, storage.id)
            .await
            .unwrap()
            .is_some()
    );
    assert!(other.reseal_all().await.is_err());
    other.close().await;

    w.store.close().await;
    let mut looked_at = 0;
    for file in std::fs::read_dir(w.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        looked_at += bytes.len();
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    }
    // On PostgreSQL there is no file here; its rows are the same bytes.
    assert_eq!(looked_at > 0, w.options.database_url.starts_with("sqlite"));
}

pub async fn rotation_seals_everything_again(w: World) {
    let (old, new) = (SealKeys::generate(), SealKeys::generate());
    let before = opened_with(&w, old.expose()).await;
    let source = w.new_storage(model::Direction::Source);
    let storage = before.create_storage(&source, &account_key(), 1).await;
    let storage = storage.unwrap().unwrap().id;
    let key = before.signing_key("access", 1).await.unwrap();

    let both = opened_with(&w, &format!("{}\n{}", new.expose(), old.expose())).await;
    assert_eq!(both.reseal_all().await.unwrap(), 2);
    assert_eq!(both.reseal_all().await.unwrap(), 0);
    assert!(
        before
            .find_storage_with_credential(w.org, storage)
            .await
            .is_err()
    );

    let after = opened_with(&w, new.expose()).await;
    let found = after
        .find_storage_with_credential(w.org, storage)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.1, account_key());
    assert_eq!(after.signing_key("access", 2).await.unwrap(), key);
}

pub async fn signing_keys_are_made_once(w: World) {
    let makers: Vec<_> = (0..8)
        .map(|_| {
            let store = w.store.clone();
            tokio::spawn(async move { store.signing_key("access", 1).await.unwrap() })
        })
        .collect();
    let mut keys = Vec::new();
    for maker in makers {
        keys.push(maker.await.unwrap());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
    assert_ne!(w.store.signing_key("other", 1).await.unwrap(), keys[0]);
}
