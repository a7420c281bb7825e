//! Managed identities outside virtual machines and App Service: who is asked, how, and who is not.

use azure::{Azure, Cloud, ErrorKind, HostIdentity};
use local_azure::state::{IdentityKind, ManagedIdentity};
use model::{Credential, IdentityId, IdentitySource, Secret};

use crate::world::{World, container, exercise};

fn identity(world: &World, kind: IdentityKind) -> ManagedIdentity {
    let state = world.local.state();
    let identity = state
        .create_identity(&world.tenant.id, "machine", kind)
        .unwrap();
    world.grant(&identity.object_id, "Storage Blob Data Contributor");
    identity
}

fn automatic(identity: IdentityId) -> Credential {
    Credential::ManagedIdentity {
        source: IdentitySource::Auto,
        identity,
    }
}

fn arc(world: &World) -> HostIdentity {
    HostIdentity {
        identity_endpoint: Some(world.local.endpoints().arc_endpoint.clone()),
        imds_endpoint: Some("http://127.0.0.1:40342".to_owned()),
        ..HostIdentity::default()
    }
}

fn machine_learning(world: &World) -> HostIdentity {
    HostIdentity {
        msi_endpoint: Some(world.local.endpoints().ml_endpoint.clone()),
        msi_secret: Some(Secret::new(&world.local.endpoints().identity_header)),
        ..HostIdentity::default()
    }
}

/// The failure of a token for this identity, and the endpoint that it says was asked.
async fn refusal(azure: &Azure, identity: IdentityId) -> (ErrorKind, Option<IdentitySource>) {
    let error = azure.sign_in(&automatic(identity)).await.unwrap_err();
    (error.kind(), error.identity_source())
}

#[tokio::test]
async fn azure_arc_shows_a_new_key_for_each_token() {
    let world = World::start().await;
    identity(&world, IdentityKind::SystemAssigned);
    let azure = world.azure_with(arc(&world), None);
    let credential = automatic(IdentityId::SystemAssigned);
    exercise(&world, &container(&azure, &credential, "data")).await;
    azure.forget(&credential);
    azure.sign_in(&credential).await.unwrap();
    assert_eq!(world.count_requests("/arc/token"), 4);

    for id in [
        IdentityId::ClientId("a".to_owned()),
        IdentityId::ObjectId("a".to_owned()),
        IdentityId::ResourceId("a".to_owned()),
    ] {
        let refused = (
            ErrorKind::IdentityNotSelectable,
            Some(IdentitySource::AzureArc),
        );
        assert_eq!(refusal(&azure, id).await, refused);
    }
    assert_eq!(world.count_requests("/arc/token"), 4, "nothing was asked");
    assert_eq!(world.count_requests("/metadata/"), 0);

    let elsewhere = Cloud {
        arc_keys: "/var/opt/azcmagent/tokens".into(),
        ..world.cloud()
    };
    let azure = Azure::new(elsewhere, arc(&world), None, world.clock.clone()).unwrap();
    let refused = (
        ErrorKind::IdentityKeyRefused,
        Some(IdentitySource::AzureArc),
    );
    assert_eq!(refusal(&azure, IdentityId::SystemAssigned).await, refused);
}

#[tokio::test]
async fn azure_machine_learning_has_an_identity_of_its_own() {
    let world = World::start().await;
    let user = identity(&world, IdentityKind::UserAssigned);
    let azure = world.azure_with(machine_learning(&world), None);
    let by_id = automatic(IdentityId::ClientId(user.client_id.clone()));
    exercise(&world, &container(&azure, &by_id, "data")).await;
    let by_resource = automatic(IdentityId::ResourceId(user.resource_id));
    azure.sign_in(&by_resource).await.unwrap();
    let refused = (
        ErrorKind::IdentityNotSelectable,
        Some(IdentitySource::AzureMl),
    );
    assert_eq!(
        refusal(&azure, IdentityId::ObjectId(user.object_id)).await,
        refused
    );

    let host = HostIdentity {
        default_identity_client_id: Some(user.client_id),
        ..machine_learning(&world)
    };
    let azure = world.azure_with(host, None);
    let the_computes = automatic(IdentityId::SystemAssigned);
    exercise(&world, &container(&azure, &the_computes, "data")).await;
    assert_eq!(world.count_requests("/metadata/"), 0);

    let host = HostIdentity {
        msi_secret: Some(Secret::new("old")),
        ..machine_learning(&world)
    };
    let unavailable = (
        ErrorKind::IdentityUnavailable,
        Some(IdentitySource::AzureMl),
    );
    let azure = world.azure_with(host, None);
    assert_eq!(
        refusal(&azure, IdentityId::SystemAssigned).await,
        unavailable
    );
}

#[tokio::test]
async fn cloud_shell_gives_one_identity_by_post() {
    let world = World::start().await;
    identity(&world, IdentityKind::SystemAssigned);
    let host = HostIdentity {
        msi_endpoint: Some(world.local.endpoints().cloud_shell_endpoint.clone()),
        ..HostIdentity::default()
    };
    let azure = world.azure_with(host, None);
    let credential = automatic(IdentityId::SystemAssigned);
    exercise(&world, &container(&azure, &credential, "data")).await;
    assert_eq!(world.count_requests("POST /cloud-shell/token"), 1);
    let refused = (
        ErrorKind::IdentityNotSelectable,
        Some(IdentitySource::CloudShell),
    );
    let by_id = IdentityId::ClientId("a".to_owned());
    assert_eq!(refusal(&azure, by_id).await, refused);
}

#[tokio::test]
async fn service_fabric_is_refused_by_name_and_not_asked() {
    let world = World::start().await;
    let host = HostIdentity {
        identity_endpoint: Some(world.local.endpoints().identity_endpoint.clone()),
        identity_header: Some(Secret::new("x")),
        identity_server_thumbprint: Some("00".to_owned()),
        ..HostIdentity::default()
    };
    let azure = world.azure_with(host, None);
    let refused = (
        ErrorKind::IdentityHostUnsupported,
        Some(IdentitySource::ServiceFabric),
    );
    assert_eq!(refusal(&azure, IdentityId::SystemAssigned).await, refused);
    assert_eq!(world.count_requests("/msi/token"), 0);
}
