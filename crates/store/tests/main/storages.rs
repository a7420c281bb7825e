//! Storages, their credentials and runs, and Azure links.

use model::{
    AccountName, ClientProof, ContainerName, Credential, CredentialKind, Direction, ExportLayout,
    IdentityId, IdentitySource, ImportMode, Prefix, Secret, ServeMode, StorageSettings, SyncCounts,
    SyncStatus,
};
use store::JobTask;

use crate::world::{NOW, World, account_key};

pub async fn every_change_raises_the_version(w: World) {
    let task = w.task().await;
    let version = async || {
        let row = w
            .store
            .find_task_for_resolve(w.org, task)
            .await
            .unwrap()
            .unwrap();
        row.storages_version
    };
    let before = version().await;
    let storage = w.source().await;
    assert_eq!(version().await, before + 1);

    let settings = StorageSettings {
        title: "Renamed".to_owned(),
        description: Some("text".to_owned()),
        account: AccountName::parse("account2").unwrap(),
        container: ContainerName::parse("other").unwrap(),
        prefix: Prefix::new("out"),
        regex_filter: None,
        recursive: false,
        import_mode: ImportMode::Tasks,
        serve_mode: ServeMode::Proxy,
        presign_ttl_minutes: 16,
        export_layout: ExportLayout::PerTask,
        can_delete_objects: true,
    };
    let foreign = w
        .store
        .update_storage(w.stranger(), storage.id, &settings, None, NOW)
        .await;
    assert!(foreign.unwrap().is_none());
    let changed = w
        .store
        .update_storage(w.org, storage.id, &settings, None, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(version().await, before + 2);
    assert_eq!(changed.settings, settings);
    let kept = w
        .store
        .find_storage_with_credential(w.org, storage.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.1, account_key());

    let sas = Credential::Sas {
        token: Secret::new("sv=1&sig=x"),
    };
    let changed = w
        .store
        .update_storage(w.org, storage.id, &settings, Some(&sas), NOW)
        .await;
    assert_eq!(changed.unwrap().unwrap().kind, CredentialKind::Sas);

    assert!(!w.delete_storage(w.stranger(), storage.id).await);
    assert!(w.delete_storage(w.org, storage.id).await);
    assert_eq!(version().await, before + 4);
    assert!(
        w.store
            .find_storage(w.org, storage.id)
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn credentials_of_every_kind_come_back(w: World) {
    let principal = |proof| Credential::ServicePrincipal {
        tenant_id: "t".to_owned(),
        client_id: "c".to_owned(),
        proof,
    };
    let managed = |identity| Credential::ManagedIdentity {
        source: IdentitySource::Imds,
        identity,
    };
    let every = [
        account_key(),
        Credential::Sas {
            token: Secret::new("sig=a%2Bb"),
        },
        Credential::Anonymous,
        principal(ClientProof::Secret(Secret::new("s\"3cret"))),
        principal(ClientProof::Certificate {
            pem: Secret::new("-----BEGIN\nx"),
        }),
        principal(ClientProof::Federated {
            source: IdentitySource::AppService,
            identity: IdentityId::ResourceId("/r".to_owned()),
        }),
        managed(IdentityId::SystemAssigned),
        managed(IdentityId::ObjectId("o".to_owned())),
        Credential::AzureLink {
            tenant_id: "t".to_owned(),
        },
    ];
    for credential in &every {
        let new = w.new_storage(Direction::Source);
        let storage = w
            .store
            .create_storage(&new, credential, NOW)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(storage.kind, credential.kind());
        let found = w
            .store
            .find_storage_with_credential(w.org, storage.id)
            .await;
        assert_eq!(&found.unwrap().unwrap().1, credential);
        let foreign = w
            .store
            .find_storage_with_credential(w.stranger(), storage.id)
            .await;
        assert!(foreign.unwrap().is_none());
    }
    let all = w
        .store
        .storages_of_project_with_credentials(w.org, w.project, Direction::Source)
        .await;
    assert!(
        all.unwrap()
            .iter()
            .map(|(_, credential)| credential)
            .eq(every.iter())
    );
    let targets = w
        .store
        .storages_of_project_with_credentials(w.org, w.project, Direction::Target)
        .await;
    assert!(targets.unwrap().is_empty());
    let kind = Some(CredentialKind::ServicePrincipal);
    assert_eq!(
        w.store
            .list_storages(w.org, Some(w.project), None, kind)
            .await
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        w.store
            .list_storages(w.org, None, Some(Direction::Source), None)
            .await
            .unwrap()
            .len(),
        9
    );
    assert!(
        w.store
            .list_storages(w.stranger(), None, None, None)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn runs_are_started_once_and_cancelled(w: World) {
    let storage = w.source().await;
    assert!(
        w.store
            .start_run(w.stranger(), storage.id, NOW)
            .await
            .unwrap()
            .is_none()
    );
    let first = w
        .store
        .start_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(!first.already_running);
    let again = w
        .store
        .start_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.run.id, again.already_running), (first.run.id, true));

    let job = w.store.claim_job("w", 1000, NOW).await.unwrap().unwrap();
    let run_id = first.run.id;
    assert_eq!(job.task, JobTask::Sync { run_id });
    assert!(
        w.store.claim_job("w", 1000, NOW).await.unwrap().is_none(),
        "one job a run"
    );
    let started = w
        .store
        .mark_run_started(first.run.id, NOW + 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (started.org_id, started.storage_id, started.run.attempts),
        (w.org, storage.id, 1)
    );
    assert_eq!(started.run.status, SyncStatus::InProgress);
    let counts = SyncCounts {
        listed: 7,
        ..SyncCounts::default()
    };
    assert!(
        w.store
            .save_run_progress(first.run.id, 1, &counts, NOW + 2)
            .await
            .unwrap()
    );
    assert!(
        !w.store
            .save_run_progress(first.run.id, 2, &counts, NOW + 2)
            .await
            .unwrap()
    );

    assert!(!w.store.run_is_cancelled(first.run.id).await.unwrap());
    assert!(
        w.store
            .cancel_run(w.stranger(), storage.id, NOW)
            .await
            .unwrap()
            .is_none()
    );
    let cancelled = w
        .store
        .cancel_run(w.org, storage.id, NOW + 3)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (cancelled.status, cancelled.counts.listed),
        (SyncStatus::Cancelled, 7)
    );
    assert!(w.store.run_is_cancelled(first.run.id).await.unwrap());
    assert!(
        w.store
            .cancel_run(w.org, storage.id, NOW)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        w.store
            .mark_run_started(first.run.id, NOW)
            .await
            .unwrap()
            .is_none()
    );
    let finished = w
        .store
        .finish_run(first.run.id, SyncStatus::Completed, &counts, None, NOW)
        .await;
    assert!(!finished.unwrap(), "cancelled stays cancelled");

    let second = w
        .store
        .start_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(!second.already_running);
    let finished = w
        .store
        .finish_run(
            second.run.id,
            SyncStatus::Failed,
            &counts,
            Some("why"),
            NOW + 9,
        )
        .await;
    assert!(finished.unwrap());
    let storage = w
        .store
        .find_storage(w.org, storage.id)
        .await
        .unwrap()
        .unwrap();
    let last = storage.last_run.unwrap();
    assert_eq!(
        (last.id, last.status, last.error.as_deref()),
        (second.run.id, SyncStatus::Failed, Some("why"))
    );
    let runs = w.store.list_runs(w.org, storage.id, 10, 0).await.unwrap();
    assert!(
        runs.iter()
            .map(|run| run.id)
            .eq([second.run.id, first.run.id])
    );
    assert!(
        w.store
            .find_run(w.stranger(), first.run.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        w.store
            .find_run(w.org, first.run.id)
            .await
            .unwrap()
            .is_some()
    );
}
