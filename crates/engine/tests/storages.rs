//! Storages: checked against Azure before they are saved, and credentials that cannot be borrowed.

use engine::StorageInput;
use local_azure::state::RoleDefinition;
use model::{CredentialKind, Direction, ProjectId, Secret, ServeMode};

use crate::world::{OTHER_KEY, World, invalid, is_not_found, problem};

use CredentialKind::{AccountKey, AzureLink, ManagedIdentity, Sas, ServicePrincipal};
use Direction::{Source, Target};

#[tokio::test]
async fn a_source_is_created_listed_changed_and_deleted() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "images/a.png", "a").await;
    let made = world
        .source(&project, |input| {
            input.title = Some("Harbour".to_owned());
            input.prefix = Some("images/".to_owned());
            input.regex_filter = Some(r".*\.png".to_owned());
            input.use_blob_urls = Some(true);
            input.presign_ttl = Some(5);
        })
        .await;
    assert_eq!(
        (made.prefix.as_str(), made.presign_ttl_minutes),
        ("images", 5)
    );
    assert_eq!((made.serve_mode, made.recursive), (ServeMode::Proxy, false));

    let engine = &world.engine;
    let patch = StorageInput {
        title: Some("Port".to_owned()),
        recursive_scan: Some(true),
        regex_filter: Some(String::new()),
        ..StorageInput::default()
    };
    world.azure.state().clear_requests();
    let changed = engine
        .update_storage(&world.owner, Source.by(AccountKey), made.id, &patch)
        .await
        .unwrap();
    assert_eq!(
        (
            changed.title.as_str(),
            changed.recursive,
            changed.regex_filter.as_deref()
        ),
        ("Port", true, None)
    );
    assert_eq!(
        (changed.prefix.as_str(), changed.presign_ttl_minutes),
        ("images", 5)
    );
    assert_eq!(world.blob_requests(), Vec::<String>::new());

    let listed = engine
        .list_storages(&world.owner, project.id, Source, Some(AccountKey))
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    for (direction, kind) in [(Target, AccountKey), (Source, ServicePrincipal)] {
        assert!(is_not_found(
            &engine
                .get_storage(&world.owner, direction.by(kind), made.id)
                .await
        ));
        assert!(is_not_found(
            &engine
                .delete_storage(&world.owner, direction.by(kind), made.id)
                .await
        ));
    }
    engine
        .delete_storage(&world.owner, Source.by(AccountKey), made.id)
        .await
        .unwrap();
    assert!(is_not_found(
        &engine
            .delete_storage(&world.owner, Source.by(AccountKey), made.id)
            .await
    ));
}

#[tokio::test]
async fn wrong_fields_are_named_before_any_request() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let engine = &world.engine;
    let wrong = async |kind, change: &dyn Fn(&mut StorageInput)| {
        let mut input = world.by_key(&project, "inbox");
        change(&mut input);
        invalid(
            engine
                .create_storage(&world.owner, Source.by(kind), &input)
                .await,
        )
    };
    world.azure.state().clear_requests();
    let text = |text: &str| Some(text.to_owned());
    for (kind, change, said) in [
        (
            AccountKey,
            &(|i: &mut StorageInput| i.project = None) as &dyn Fn(&mut StorageInput),
            "project: This field is required.",
        ),
        (
            AccountKey,
            &|i| i.project = Some(ProjectId(99_999_999)),
            r#"project: Invalid pk "99999999" - object does not exist."#,
        ),
        (
            AccountKey,
            &|i| i.container = None,
            "container: This field is required.",
        ),
        (
            AccountKey,
            &|i| i.container = text("Not_A_Container"),
            "container: \"Not_A_Container\" is not a valid container name",
        ),
        (
            AccountKey,
            &|i| i.account_name = text("no.such/host"),
            "account_name: \"no.such/host\" is not a valid",
        ),
        (
            AccountKey,
            &|i| i.account_key = Some(Secret::new("not base64!")),
            "account_key: This is not an account key",
        ),
        (
            AccountKey,
            &|i| i.account_key = None,
            "account_key: This field is required.",
        ),
        (
            AccountKey,
            &|i| (i.account_key, i.account_name) = (None, None),
            "non_field_errors: Azure account name and key must be set using environment variables",
        ),
        (
            AccountKey,
            &|i| i.presign_ttl = Some(-1),
            "presign_ttl: Ensure this value is between 1 and 10080",
        ),
        (AccountKey, &|i| i.presign_ttl = Some(0), "presign_ttl: "),
        (
            AccountKey,
            &|i| i.presign_ttl = Some(40_000),
            "presign_ttl: ",
        ),
        (
            AccountKey,
            &|i| i.regex_filter = text("["),
            "regex_filter: ",
        ),
        (
            AccountKey,
            &|i| i.export_layout = text("per_day"),
            "export_layout: ",
        ),
        (
            Sas,
            &|i| i.sas_token = Some(Secret::new("sv=2026&sp=r")),
            "sas_token: This is not a SAS token: it has no \"sig=\"",
        ),
        (
            ServicePrincipal,
            &|_| {},
            "tenant_id: This field is required.",
        ),
        (
            ServicePrincipal,
            &|i| i.tenant_id = text("not a tenant"),
            "tenant_id: Give the tenant's id",
        ),
        (
            ManagedIdentity,
            &|i| i.identity_source = text("arc"),
            "identity_source: ",
        ),
        (
            ManagedIdentity,
            &|i| (i.identity_client_id, i.identity_object_id) = (text("a"), text("b")),
            "identity_client_id: Name the identity by one",
        ),
        (
            AzureLink,
            &|_| {},
            "tenant_id: Your organization has no Azure link yet.",
        ),
        (
            AzureLink,
            &|i| i.tenant_id = text("contoso"),
            "tenant_id: Give the linked tenant's id",
        ),
    ] {
        let errors = wrong(kind, change).await;
        assert!(errors[0].starts_with(said), "{said}: {errors:?}");
    }
    let several = wrong(ServicePrincipal, &|input| {
        input.container = text("-");
        input.client_id = text("x");
        input.client_secret = Some(Secret::new("0f0e0d0c-0b0a-0908-0706-050403020100"));
    })
    .await;
    let fields: Vec<&str> = several
        .iter()
        .filter_map(|error| error.split(':').next())
        .collect();
    assert_eq!(
        fields,
        ["container", "tenant_id", "client_id", "client_secret"]
    );
    assert!(several[3].contains("Give its value"), "{several:?}");
    assert_eq!(world.blob_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_azure_refuses_is_explained_and_not_saved() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "images/a.png", "a").await;
    let engine = &world.engine;
    let mut input = world.by_key(&project, "inbox");
    input.account_key = Some(Secret::new(OTHER_KEY));
    let (code, _) = problem(
        engine
            .create_storage(&world.owner, Source.by(AccountKey), &input)
            .await,
    );
    assert_eq!(code, "account_key_rejected");

    let input = world.by_key(&project, "no-such-container");
    for direction in [Source, Target] {
        let (code, text) = problem(
            engine
                .create_storage(&world.owner, direction.by(AccountKey), &input)
                .await,
        );
        assert_eq!(code, "container_not_found");
        assert!(text.contains("no-such-container"), "{text}");
    }
    let mut input = world.by_key(&project, "inbox");
    input.prefix = Some("nothing/here".to_owned());
    let errors = invalid(
        engine
            .validate_storage(&world.owner, Source.by(AccountKey), &input)
            .await,
    );
    assert!(
        errors[0].starts_with("non_field_errors: azure-blob://inbox/nothing/here not found."),
        "{errors:?}"
    );
    for direction in [Source, Target] {
        let saved = engine
            .list_storages(&world.owner, project.id, direction, None)
            .await
            .unwrap();
        assert!(saved.is_empty());
    }
}

#[tokio::test]
async fn a_target_must_take_a_blob_and_is_left_clean() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let engine = &world.engine;
    let reader = world.principal("Storage Blob Data Reader");
    let input = world.by_principal(&project, &reader, "outbox");
    let (code, text) = problem(
        engine
            .create_storage(&world.owner, Target.by(ServicePrincipal), &input)
            .await,
    );
    assert_eq!(code, "role_missing");
    assert!(text.contains("Storage Blob Data Contributor"), "{text}");
    // The same principal may read.
    engine
        .create_storage(&world.owner, Source.by(ServicePrincipal), &input)
        .await
        .unwrap();

    let contributor = world.principal("Storage Blob Data Contributor");
    let input = world.by_principal(&project, &contributor, "outbox");
    engine
        .create_storage(&world.owner, Target.by(ServicePrincipal), &input)
        .await
        .unwrap();
    assert_eq!(world.names("outbox").await, Vec::<String>::new());

    world
        .azure
        .state()
        .create_role(RoleDefinition {
            name: "Append only".to_owned(),
            id: "5f5f5f5f-0000-0000-0000-000000000001".to_owned(),
            actions: Vec::new(),
            data_actions: vec![
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action"
                    .to_owned(),
            ],
        })
        .unwrap();
    let appender = world.principal("Append only");
    let mut input = world.by_principal(&project, &appender, "outbox");
    input.prefix = Some("export".to_owned());
    engine
        .create_storage(&world.owner, Target.by(ServicePrincipal), &input)
        .await
        .unwrap();
    let left = world.names("outbox").await;
    assert_eq!(left.len(), 1);
    assert!(
        left[0].starts_with("export/.longshore-access-check-"),
        "{left:?}"
    );
    input.can_delete_objects = Some(true);
    let (code, _) = problem(
        engine
            .create_storage(&world.owner, Target.by(ServicePrincipal), &input)
            .await,
    );
    assert_eq!(code, "role_missing");
}

#[tokio::test]
async fn a_presigned_source_must_be_able_to_sign() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    world
        .azure
        .state()
        .create_role(RoleDefinition {
            name: "Blob reader without delegation".to_owned(),
            id: "5f5f5f5f-0000-0000-0000-000000000002".to_owned(),
            actions: Vec::new(),
            data_actions: vec![
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read".to_owned(),
            ],
        })
        .unwrap();
    let principal = world.principal("Blob reader without delegation");
    let mut input = world.by_principal(&project, &principal, "inbox");
    let create = async |input: &StorageInput| {
        world
            .engine
            .create_storage(&world.owner, Source.by(ServicePrincipal), input)
            .await
    };
    create(&input).await.unwrap();
    input.presign = Some(true);
    let (_, text) = problem(create(&input).await);
    assert!(text.contains("Storage Blob Delegator"), "{text}");
}
