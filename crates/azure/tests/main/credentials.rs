//! Five ways to authenticate, one behaviour.

use azure::{AppRegistration, GetRequest, HostIdentity, ListRequest};
use azure_core::time::OffsetDateTime;
use azure_storage_common::models::UserDelegationKey;
use azure_storage_sas::SasBuilder;
use local_azure::{
    blob::PublicAccess,
    state::{AppAudience, DelegationKeyFields, FederatedCredential, IdentityKind},
};
use model::{ClientProof, Credential, IdentityId, IdentitySource, Secret};

use crate::world::{HOUR_MS, World, blob, container, exercise, minutes};

const CONTRIBUTOR: &str = "Storage Blob Data Contributor";

fn managed(source: IdentitySource, identity: IdentityId) -> Credential {
    Credential::ManagedIdentity { source, identity }
}

#[tokio::test]
async fn account_key() {
    let world = World::start().await;
    exercise(&world, &world.data(&world.key())).await;
}

#[tokio::test]
async fn container_sas() {
    let world = World::start().await;
    let (app, _) = world.service_principal(CONTRIBUTOR);
    let object_id = world
        .local
        .state()
        .world()
        .principal_of_app(&world.tenant.id, &app.client_id)
        .unwrap()
        .object_id
        .clone();
    let now = OffsetDateTime::now_utc();
    let iso = |at: OffsetDateTime| azure_core::time::to_rfc3339(&at.replace_nanosecond(0).unwrap());
    let (start, expiry) = (
        now - std::time::Duration::from_secs(60),
        now + std::time::Duration::from_secs(3600),
    );
    let key = world
        .local
        .state()
        .issue_delegation_key(DelegationKeyFields {
            account: "acct1".to_owned(),
            object_id,
            tenant: world.tenant.id.clone(),
            start: iso(start),
            expiry: iso(expiry),
            version: "2026-04-06".to_owned(),
        });
    let key = UserDelegationKey {
        signed_oid: Some(key.fields.object_id),
        signed_tid: Some(key.fields.tenant),
        signed_start: Some(start.replace_nanosecond(0).unwrap()),
        signed_expiry: Some(expiry.replace_nanosecond(0).unwrap()),
        signed_service: Some("b".to_owned()),
        signed_version: Some(key.fields.version),
        value: Some(azure_core::base64::decode(&key.value).unwrap()),
        ..UserDelegationKey::default()
    };
    let sas = SasBuilder::new("acct1", &key, expiry)
        .unwrap()
        .container("data")
        .read()
        .list()
        .write()
        .delete()
        .build();
    let token = Secret::new(format!(" ?{sas}\n"));
    exercise(&world, &world.data(&Credential::Sas { token })).await;
}

#[tokio::test]
async fn anonymous_reads_a_public_container() {
    let world = World::start().await;
    world.change_account(|settings| settings.allow_public_access = true);
    let blobs = world.local.state().blobs();
    blobs
        .create_container("acct1", "public", PublicAccess::Container)
        .await
        .unwrap();
    blobs
        .put("acct1", "public", "a.txt", "hello".into(), "text/plain")
        .await
        .unwrap();
    for credential in [
        Credential::Anonymous,
        Credential::Sas {
            token: Secret::new(" "),
        },
    ] {
        let public = container(&world.azure(), &credential, "public");
        assert_eq!(
            public
                .list(&ListRequest::default())
                .await
                .unwrap()
                .blobs
                .len(),
            1
        );
        let answer = public
            .get(&blob("a.txt"), &GetRequest::default())
            .await
            .unwrap();
        assert_eq!(answer.body.read_all(9).await.unwrap(), "hello");
        let signed = public.sign(&blob("a.txt"), &minutes(5)).await.unwrap();
        assert_eq!(world.browse(signed.url.expose()).await.0, 200);
    }
}

#[tokio::test]
async fn service_principal_by_secret() {
    let world = World::start().await;
    let (_, credential) = world.service_principal(CONTRIBUTOR);
    exercise(&world, &world.data(&credential)).await;
    assert_eq!(
        world.count_requests("POST /"),
        2,
        "one token, one delegation key"
    );
}

#[tokio::test]
async fn service_principal_by_certificate() {
    let world = World::start().await;
    let (app, _) = world.service_principal(CONTRIBUTOR);
    let pem = local_azure::self_signed("their app").unwrap();
    world
        .local
        .state()
        .add_certificate(&app.client_id, &pem, None)
        .unwrap();
    let credential = world.principal(
        &app,
        ClientProof::Certificate {
            pem: Secret::new(pem),
        },
    );
    exercise(&world, &world.data(&credential)).await;
}

#[tokio::test]
async fn managed_identity_of_a_virtual_machine() {
    let world = World::start().await;
    let state = world.local.state();
    let system = state
        .create_identity(&world.tenant.id, "vm", IdentityKind::SystemAssigned)
        .unwrap();
    let user = state
        .create_identity(&world.tenant.id, "reader", IdentityKind::UserAssigned)
        .unwrap();
    world.grant(&system.object_id, CONTRIBUTOR);
    world.grant(&user.object_id, CONTRIBUTOR);
    for identity in [
        IdentityId::SystemAssigned,
        IdentityId::ClientId(user.client_id),
        IdentityId::ObjectId(user.object_id),
        IdentityId::ResourceId(user.resource_id),
    ] {
        exercise(
            &world,
            &world.data(&managed(IdentitySource::Auto, identity)),
        )
        .await;
    }
}

#[tokio::test]
async fn managed_identity_of_app_service() {
    let world = World::start().await;
    let state = world.local.state();
    let user = state
        .create_identity(&world.tenant.id, "app", IdentityKind::UserAssigned)
        .unwrap();
    world.grant(&user.object_id, CONTRIBUTOR);
    let host = HostIdentity {
        identity_endpoint: Some(world.local.endpoints().identity_endpoint.clone()),
        identity_header: Some(Secret::new(&world.local.endpoints().identity_header)),
        ..HostIdentity::default()
    };
    let azure = world.azure_with(host, None);
    for identity in [
        IdentityId::ClientId(user.client_id),
        IdentityId::ObjectId(user.object_id),
        IdentityId::ResourceId(user.resource_id),
    ] {
        exercise(
            &world,
            &container(&azure, &managed(IdentitySource::Auto, identity), "data"),
        )
        .await;
    }
    assert!(world.count_requests("/msi/token") > 0 && world.count_requests("/metadata/") == 0);
}

#[tokio::test]
async fn workload_identity_reads_its_file_each_time() {
    let world = World::start().await;
    let state = world.local.state();
    let (app, _) = world.service_principal(CONTRIBUTOR);
    state
        .trust_service_account(&app.client_id, "ns", "longshore")
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let host = HostIdentity {
        federated_token_file: Some(file.clone()),
        client_id: Some(app.client_id),
        tenant_id: Some(world.tenant.id.clone()),
        ..HostIdentity::default()
    };
    let azure = world.azure_with(host, None);
    let data = container(
        &azure,
        &managed(IdentitySource::Auto, IdentityId::SystemAssigned),
        "data",
    );
    let missing = data.exists().await.unwrap_err();
    assert_eq!(
        missing.kind(),
        azure::ErrorKind::IdentityUnavailable,
        "{missing}"
    );
    state.project_token("ns", "longshore", &file).unwrap();
    exercise(&world, &data).await;
}

#[tokio::test]
async fn azure_link_by_secret_and_without_any_secret() {
    let world = World::start().await;
    let state = world.local.state();
    let ours = state.create_tenant("longshore.example").unwrap();
    let app = state
        .create_app(&ours.id, "Longshore", AppAudience::MultiTenant)
        .unwrap();
    let identity = state
        .create_identity(&ours.id, "longshore-server", IdentityKind::UserAssigned)
        .unwrap();
    state
        .add_federated_credential(
            &app.client_id,
            FederatedCredential {
                issuer: world.local.endpoints().issuer(&ours.id),
                subject: identity.object_id,
                audience: "api://AzureADTokenExchange".to_owned(),
            },
        )
        .unwrap();
    let object_id = state.consent(&world.tenant.id, &app.client_id).unwrap();
    world.grant(&object_id, CONTRIBUTOR);
    let secret = state.add_secret(&app.client_id, HOUR_MS).unwrap();
    for proof in [
        ClientProof::Secret(Secret::new(secret.value)),
        ClientProof::Federated {
            source: IdentitySource::Imds,
            identity: IdentityId::ClientId(identity.client_id),
        },
    ] {
        let registration = AppRegistration {
            client_id: app.client_id.clone(),
            proof,
        };
        let azure = world.azure_with(HostIdentity::default(), Some(registration));
        let link = Credential::AzureLink {
            tenant_id: world.tenant.id.clone(),
        };
        exercise(&world, &container(&azure, &link, "data")).await;
    }
}

/// What was made moments ago is refused like what is not there: it is waited for, and not for long.
#[tokio::test]
async fn a_trust_that_does_not_act_yet_is_waited_for() {
    let world = World::start().await;
    let state = world.local.state();
    let (app, _) = world.service_principal(CONTRIBUTOR);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let host = HostIdentity {
        federated_token_file: Some(file.clone()),
        client_id: Some(app.client_id.clone()),
        tenant_id: Some(world.tenant.id.clone()),
        ..HostIdentity::default()
    };
    state.project_token("ns", "longshore", &file).unwrap();
    let workload = managed(IdentitySource::Auto, IdentityId::SystemAssigned);
    let azure = world.azure_with(host, None);
    let trust_later = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        state
            .trust_service_account(&app.client_id, "ns", "longshore")
            .unwrap();
    };
    let (signed_in, ()) = tokio::join!(azure.sign_in(&workload), trust_later);
    signed_in.unwrap();
    assert!(world.count_requests("/oauth2/") > 1);

    let wrong = world.principal(&app, ClientProof::Secret(Secret::new("wrong")));
    let started = std::time::Instant::now();
    let error = world.azure().sign_in(&wrong).await.unwrap_err();
    assert_eq!(error.code(), Some("AADSTS7000215"));
    assert!(started.elapsed() < std::time::Duration::from_secs(6));
}
