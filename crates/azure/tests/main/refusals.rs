//! Every way to be refused is told apart.

use azure::{
    AppRegistration, Azure, Cloud, ContainerClient, Error, ErrorKind, GetRequest, HostIdentity,
};
use local_azure::state::{AccountSettings, AppAudience, FaultKind, FaultTarget};
use model::{AccountName, ClientProof, Credential, IdentityId, IdentitySource, Secret};

use crate::world::{HOUR_MS, World, account, blob, container, minutes};

const READER: &str = "Storage Blob Data Reader";

async fn refusal(data: &ContainerClient) -> Error {
    data.exists().await.unwrap_err()
}

#[track_caller]
fn check(error: &Error, kind: ErrorKind, code: &str) {
    assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
    assert!(error.request_id().is_some(), "{error}");
}

#[tokio::test]
async fn wrong_and_rotated_account_keys() {
    let world = World::start().await;
    let data = world.data(&world.key());
    data.exists().await.unwrap();
    world.local.state().rotate_account_keys("acct1").unwrap();
    let error = refusal(&data).await;
    check(
        &error,
        ErrorKind::CredentialRejected,
        "AuthenticationFailed",
    );
    assert!(error.message().contains("MAC signature"), "{error}");
    let broken = world.data(&Credential::AccountKey {
        key: Secret::new("no key"),
    });
    assert_eq!(refusal(&broken).await.kind(), ErrorKind::InvalidInput);
    assert!(broken.sign(&blob("a"), &minutes(1)).await.is_err());
}

#[tokio::test]
async fn entra_refuses_the_app() {
    let world = World::start().await;
    let state = world.local.state();
    let (app, _) = world.service_principal(READER);
    let wrong = world.principal(&app, ClientProof::Secret(Secret::new("wrong")));
    check(
        &refusal(&world.data(&wrong)).await,
        ErrorKind::TokenRefused,
        "AADSTS7000215",
    );

    let expired = state.add_secret(&app.client_id, -1).unwrap();
    let expired = world.principal(&app, ClientProof::Secret(Secret::new(expired.value)));
    check(
        &refusal(&world.data(&expired)).await,
        ErrorKind::TokenRefused,
        "AADSTS7000222",
    );

    let unknown = ClientProof::Certificate {
        pem: Secret::new(local_azure::self_signed("x").unwrap()),
    };
    check(
        &refusal(&world.data(&world.principal(&app, unknown))).await,
        ErrorKind::TokenRefused,
        "AADSTS700027",
    );

    let nowhere = Credential::ServicePrincipal {
        tenant_id: "6d1f7e4c-0000-4000-8000-000000000000".to_owned(),
        client_id: app.client_id.clone(),
        proof: ClientProof::Secret(Secret::new("x")),
    };
    check(
        &refusal(&world.data(&nowhere)).await,
        ErrorKind::TokenRefused,
        "AADSTS90002",
    );
    for tenant_id in ["common", "a/../b", "", "x?y"] {
        let odd = Credential::ServicePrincipal {
            tenant_id: tenant_id.to_owned(),
            client_id: app.client_id.clone(),
            proof: ClientProof::Secret(Secret::new("x")),
        };
        assert_eq!(
            refusal(&world.data(&odd)).await.kind(),
            ErrorKind::InvalidInput
        );
    }
}

#[tokio::test]
async fn a_tenant_that_never_consented() {
    let world = World::start().await;
    let state = world.local.state();
    let ours = state.create_tenant("longshore.example").unwrap();
    let app = state
        .create_app(&ours.id, "Longshore", AppAudience::MultiTenant)
        .unwrap();
    let secret = state.add_secret(&app.client_id, HOUR_MS).unwrap();
    let proof = ClientProof::Secret(Secret::new(secret.value));
    let registration = AppRegistration {
        client_id: app.client_id,
        proof,
    };
    let link = Credential::AzureLink {
        tenant_id: world.tenant.id.clone(),
    };
    let azure = world.azure_with(HostIdentity::default(), Some(registration));
    check(
        &refusal(&container(&azure, &link, "data")).await,
        ErrorKind::TokenRefused,
        "AADSTS7000229",
    );
    // Without an app of our own there is nothing to link with.
    assert_eq!(
        refusal(&world.data(&link)).await.kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn storage_refuses_what_no_role_allows() {
    let world = World::start().await;
    let (_, delegator) = world.service_principal("Storage Blob Delegator");
    check(
        &refusal(&world.data(&delegator)).await,
        ErrorKind::RoleMissing,
        "AuthorizationPermissionMismatch",
    );
    // A role on the container alone cannot get a user delegation key.
    let state = world.local.state();
    let app = state
        .create_app(
            &world.tenant.id,
            "container reader",
            AppAudience::SingleTenant,
        )
        .unwrap();
    let object_id = state.consent(&world.tenant.id, &app.client_id).unwrap();
    state
        .assign_role(
            &object_id,
            READER,
            &world.account.container_scope("data"),
            0,
        )
        .unwrap();
    let secret = state.add_secret(&app.client_id, HOUR_MS).unwrap();
    let data = world.data(&world.principal(&app, ClientProof::Secret(Secret::new(secret.value))));
    data.exists().await.unwrap();
    check(
        &data.sign(&blob("a"), &minutes(1)).await.unwrap_err(),
        ErrorKind::RoleMissing,
        "AuthorizationPermissionMismatch",
    );
}

#[tokio::test]
async fn an_account_of_another_tenant_names_it() {
    let world = World::start().await;
    let state = world.local.state();
    let other = state.create_tenant("other.example").unwrap();
    state
        .create_account("otheracct", &other.id, AccountSettings::default())
        .unwrap();
    let (_, credential) = world.service_principal(READER);
    let azure = world.azure();
    let name = AccountName::parse("otheracct").unwrap();
    let data = azure.container(
        &credential,
        &name,
        &model::ContainerName::parse("data").unwrap(),
    );
    let error = refusal(&data).await;
    check(&error, ErrorKind::WrongTenant, "InvalidAuthenticationInfo");
    assert_eq!(error.challenge().unwrap().tenant_id, other.id);

    assert_eq!(
        azure.tenant_of_account(&name).await.unwrap().tenant_id,
        other.id
    );
    assert_eq!(
        azure.tenant_of_account(&account()).await.unwrap().tenant_id,
        world.tenant.id
    );
    // The same challenge is a stranger's to another cloud.
    let profile = Cloud {
        blob_endpoint: world.cloud().blob_endpoint,
        extra_ca_file: world.cloud().extra_ca_file,
        ..Cloud::public()
    };
    let public = Azure::new(profile, HostIdentity::default(), None, world.clock.clone()).unwrap();
    let error = public.tenant_of_account(&account()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no sign-in address of the public cloud"),
        "{error}"
    );
}

#[tokio::test]
async fn missing_container_and_blob() {
    let world = World::start().await;
    let (_, credential) = world.service_principal(READER);
    for credential in [world.key(), credential] {
        let missing = container(&world.azure(), &credential, "missing");
        check(
            &refusal(&missing).await,
            ErrorKind::ContainerNotFound,
            "ContainerNotFound",
        );
        let data = world.data(&credential);
        let error = data
            .get(&blob("missing"), &GetRequest::default())
            .await
            .unwrap_err();
        check(&error, ErrorKind::NotFound, "BlobNotFound");
        check(
            &data.head(&blob("missing")).await.unwrap_err(),
            ErrorKind::NotFound,
            "BlobNotFound",
        );
    }
    check(
        &world
            .data(&world.key())
            .delete(&blob("missing"), None)
            .await
            .unwrap_err(),
        ErrorKind::NotFound,
        "BlobNotFound",
    );
    let error = world
        .data(&world.key())
        .head(&blob(".."))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn switches_of_the_account() {
    let world = World::start().await;
    let data = world.data(&world.key());
    let anonymous = refusal(&world.data(&Credential::Anonymous)).await;
    check(
        &anonymous,
        ErrorKind::NoCredential,
        "NoAuthenticationInformation",
    );
    world.change_account(|settings| settings.allow_shared_key = false);
    check(
        &refusal(&data).await,
        ErrorKind::SharedKeyDisabled,
        "KeyBasedAuthenticationNotPermitted",
    );
    world.change_account(|settings| settings.firewall_open = false);
    check(
        &refusal(&data).await,
        ErrorKind::Firewall,
        "AuthorizationFailure",
    );
}

#[tokio::test]
async fn identities_that_are_not_there() {
    let world = World::start().await;
    let managed = |source, identity| Credential::ManagedIdentity { source, identity };
    let unknown = managed(
        IdentitySource::Imds,
        IdentityId::ClientId("nobody".to_owned()),
    );
    let error = refusal(&world.data(&unknown)).await;
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::IdentityUnavailable, Some(400)),
        "{error}"
    );
    assert!(error.message().contains("Identity not found"), "{error}");

    // Nothing listens on the discard port: this host has no metadata service.
    let host = HostIdentity {
        imds_base: Some("http://127.0.0.1:9".to_owned()),
        ..HostIdentity::default()
    };
    let azure = world.azure_with(host, None);
    for source in [
        IdentitySource::Auto,
        IdentitySource::AppService,
        IdentitySource::WorkloadIdentity,
    ] {
        let identity = IdentityId::ClientId("x".to_owned());
        let error = refusal(&container(&azure, &managed(source, identity), "data")).await;
        assert_eq!(error.kind(), ErrorKind::IdentityUnavailable, "{error}");
    }
}

#[tokio::test]
async fn a_token_never_travels_over_http() {
    let world = World::start().await;
    let (_, credential) = world.service_principal(READER);
    let cloud = Cloud {
        blob_endpoint: format!("{}/{{account}}", world.local.endpoints().blob_http),
        ..world.cloud()
    };
    let azure = Azure::new(cloud, HostIdentity::default(), None, world.clock.clone()).unwrap();
    let error = refusal(&container(&azure, &credential, "data")).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(world.count_requests("/acct1/"), 0);
    container(&azure, &world.key(), "data")
        .exists()
        .await
        .unwrap();
}

#[tokio::test]
async fn servers_that_cannot_be_trusted_or_found() {
    let world = World::start().await;
    let cloud = Cloud {
        extra_ca_file: None,
        ..world.cloud()
    };
    let azure = Azure::new(cloud, HostIdentity::default(), None, world.clock.clone()).unwrap();
    let error = refusal(&container(&azure, &world.key(), "data")).await;
    assert_eq!(error.kind(), ErrorKind::CertificateUntrusted, "{error}");

    let cloud = Cloud {
        blob_endpoint: "https://{account}.blob.invalid".to_owned(),
        ..world.cloud()
    };
    let azure = Azure::new(cloud, HostIdentity::default(), None, world.clock.clone()).unwrap();
    let error = refusal(&container(&azure, &world.key(), "data")).await;
    assert!(
        matches!(
            error.kind(),
            ErrorKind::AccountNotFound | ErrorKind::Unreachable
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let world = World::start().await;
    let secret = "c2VlZGVkLXNlY3JldA==";
    let host = HostIdentity {
        identity_header: Some(Secret::new(secret)),
        ..HostIdentity::default()
    };
    let proof = ClientProof::Secret(Secret::new(secret));
    let app = AppRegistration {
        client_id: "app".to_owned(),
        proof: proof.clone(),
    };
    let mut shown = format!("{host:?} {app:?}");
    let azure = world.azure_with(host, Some(app));
    shown += &format!("{azure:?} {:?}", azure.cloud());
    let tenant_id = world.tenant.id.clone();
    for credential in [
        Credential::AccountKey {
            key: Secret::new(secret),
        },
        Credential::Sas {
            token: Secret::new(format!(
                "sv=2026-04-06&sr=c&sp=rl&se=2030-01-01T00:00:00Z&sig={secret}"
            )),
        },
        Credential::ServicePrincipal {
            tenant_id: tenant_id.clone(),
            client_id: "app".to_owned(),
            proof,
        },
        Credential::AzureLink { tenant_id },
        Credential::ManagedIdentity {
            source: IdentitySource::AppService,
            identity: IdentityId::SystemAssigned,
        },
    ] {
        let data = container(&azure, &credential, "data");
        let signed = data.sign(&blob("a"), &minutes(1)).await;
        let error = refusal(&data).await;
        let source = std::error::Error::source(&error).map(|source| format!("{source:?} {source}"));
        shown += &format!("{credential:?} {data:?} {signed:?} {error} {error:?} {source:?}");
    }
    assert!(
        !shown.contains("c2VlZGVk") && !shown.contains("sig=s"),
        "{shown}"
    );
}

/// A real account may answer 409 to who brings nothing, and name its tenant to a token that is none.
#[tokio::test]
async fn the_tenant_is_named_to_a_token_that_is_none() {
    let world = World::start().await;
    let refused = FaultKind::Status {
        status: 409,
        code: Some("PublicAccessNotPermitted".to_owned()),
        retry_after_s: None,
    };
    world.fault(FaultTarget::Blob, "comp=list", 1, refused);
    let challenge = world.azure().tenant_of_account(&account()).await.unwrap();
    assert_eq!(challenge.tenant_id, world.tenant.id);
    assert_eq!(world.count_requests("comp=list"), 2);
}
