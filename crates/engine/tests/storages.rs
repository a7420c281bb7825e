//! Storages: checked against Azure before they are saved, and credentials that cannot be borrowed.

use engine::StorageInput;
use local_azure::{
    blob::PublicAccess,
    state::{AccountSettings, RoleDefinition},
};
use model::{CredentialKind, Direction, Project, ProjectId, Secret, ServeMode, StorageId};

use crate::world::{OperatorsAccount, Principal, World, invalid, is_not_found, problem};

use CredentialKind::{AccountKey, AzureLink, ManagedIdentity, Sas, ServicePrincipal};
use Direction::{Source, Target};

/// A well-formed key that no account has.
const OTHER_KEY: &str =
    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==";

fn by_principal(
    world: &World,
    project: &Project,
    principal: &Principal,
    container: &str,
) -> StorageInput {
    StorageInput {
        account_key: None,
        tenant_id: Some(world.tenant.clone()),
        client_id: Some(principal.client_id.clone()),
        client_secret: Some(Secret::new(&principal.secret)),
        ..world.by_key(project, container)
    }
}

#[tokio::test]
async fn a_source_is_created_listed_changed_and_deleted() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "images/a.png", "a").await;
    let made = world
        .source(&project, |input| {
            input.title = Some("Harbour".to_owned());
            input.prefix = Some("/images/".to_owned());
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
        .update_storage(&world.owner, Source, AccountKey, made.id, &patch)
        .await
        .unwrap();
    assert_eq!(
        (
            changed.title.as_str(),
            changed.recursive,
            changed.regex_filter
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
                .get_storage(&world.owner, direction, kind, made.id)
                .await
        ));
        assert!(is_not_found(
            &engine
                .delete_storage(&world.owner, direction, kind, made.id)
                .await
        ));
    }
    engine
        .delete_storage(&world.owner, Source, AccountKey, made.id)
        .await
        .unwrap();
    assert!(is_not_found(
        &engine
            .delete_storage(&world.owner, Source, AccountKey, made.id)
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
                .create_storage(&world.owner, Source, kind, &input)
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
            .create_storage(&world.owner, Source, AccountKey, &input)
            .await,
    );
    assert_eq!(code, "account_key_rejected");

    let input = world.by_key(&project, "no-such-container");
    for direction in [Source, Target] {
        let (code, text) = problem(
            engine
                .create_storage(&world.owner, direction, AccountKey, &input)
                .await,
        );
        assert_eq!(code, "container_not_found");
        assert!(text.contains("no-such-container"), "{text}");
    }
    let mut input = world.by_key(&project, "inbox");
    input.prefix = Some("nothing/here".to_owned());
    let errors = invalid(
        engine
            .validate_storage(&world.owner, Source, AccountKey, &input)
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
    let input = by_principal(&world, &project, &reader, "outbox");
    let (code, text) = problem(
        engine
            .create_storage(&world.owner, Target, ServicePrincipal, &input)
            .await,
    );
    assert_eq!(code, "role_missing");
    assert!(text.contains("Storage Blob Data Contributor"), "{text}");
    // The same principal may read.
    engine
        .create_storage(&world.owner, Source, ServicePrincipal, &input)
        .await
        .unwrap();

    let contributor = world.principal("Storage Blob Data Contributor");
    let input = by_principal(&world, &project, &contributor, "outbox");
    engine
        .create_storage(&world.owner, Target, ServicePrincipal, &input)
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
    let mut input = by_principal(&world, &project, &appender, "outbox");
    input.prefix = Some("export".to_owned());
    engine
        .create_storage(&world.owner, Target, ServicePrincipal, &input)
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
            .create_storage(&world.owner, Target, ServicePrincipal, &input)
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
    let mut input = by_principal(&world, &project, &principal, "inbox");
    let create = async |input: &StorageInput| {
        world
            .engine
            .create_storage(&world.owner, Source, ServicePrincipal, input)
            .await
    };
    create(&input).await.unwrap();
    input.presign = Some(true);
    let (_, text) = problem(create(&input).await);
    assert!(text.contains("Storage Blob Delegator"), "{text}");
}

#[tokio::test]
async fn a_credential_cannot_be_borrowed() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let other_project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    let storage = world
        .source(&project, |input| input.title = Some("mine".to_owned()))
        .await;
    let engine = &world.engine;
    let by_id = |project: &Project| StorageInput {
        id: Some(storage.id),
        project: Some(project.id),
        ..StorageInput::default()
    };
    let validate = async |actor, kind, input: &StorageInput| {
        engine.validate_storage(actor, Source, kind, input).await
    };

    // Its own form works without the key, and changes nothing.
    let mut input = by_id(&project);
    input.title = Some("changed".to_owned());
    input.prefix = Some(String::new());
    validate(&world.owner, AccountKey, &input).await.unwrap();
    let stored = engine
        .get_storage(&world.owner, Source, AccountKey, storage.id)
        .await
        .unwrap();
    assert_eq!(stored.title, "mine");

    // Another project, organization, kind or direction has no such storage.
    let stranger = world.stranger().await;
    let strangers_project = world.project(&stranger).await;
    assert!(is_not_found(
        &validate(&world.owner, AccountKey, &by_id(&other_project)).await
    ));
    assert!(is_not_found(
        &validate(&stranger, AccountKey, &by_id(&strangers_project)).await
    ));
    assert!(is_not_found(
        &validate(&world.owner, Sas, &by_id(&project)).await
    ));
    invalid(validate(&stranger, AccountKey, &by_id(&project)).await);

    // Creating with its id does not copy the key.
    let mut input = by_id(&other_project);
    (input.account_name, input.container) = (Some("acct".to_owned()), Some("inbox".to_owned()));
    assert_eq!(
        invalid(
            engine
                .create_storage(&world.owner, Source, AccountKey, &input)
                .await
        ),
        ["account_key: This field is required."]
    );

    // The stored key is not sent to another account, neither by a check nor by a change.
    let state = world.azure.state();
    state
        .create_account("other", &world.tenant, AccountSettings::default())
        .unwrap();
    let mut input = by_id(&project);
    input.account_name = Some("other".to_owned());
    state.clear_requests();
    let said =
        "account_key: Give the account key again: the stored one belongs to another account.";
    assert_eq!(
        invalid(validate(&world.owner, AccountKey, &input).await),
        [said]
    );
    let update = engine.update_storage(&world.owner, Source, AccountKey, storage.id, &input);
    assert_eq!(invalid(update.await), [said]);
    assert_eq!(world.blob_requests(), Vec::<String>::new());

    // Nor does a storage move to another project with it.
    let moved = StorageInput {
        project: Some(other_project.id),
        ..StorageInput::default()
    };
    let update = engine.update_storage(&world.owner, Source, AccountKey, storage.id, &moved);
    assert!(invalid(update.await)[0].starts_with("project: A storage stays in its project"));

    // With the new account's own key it may change.
    assert!(is_not_found(
        &engine
            .update_storage(&stranger, Source, AccountKey, storage.id, &moved)
            .await
    ));
    assert!(is_not_found(
        &engine
            .get_storage(&stranger, Source, AccountKey, storage.id)
            .await
    ));
    assert!(is_not_found(
        &engine
            .delete_storage(&stranger, Source, AccountKey, storage.id)
            .await
    ));
    assert!(is_not_found(
        &engine
            .list_storages(&stranger, project.id, Source, None)
            .await
    ));
}

#[tokio::test]
async fn a_client_secret_stays_with_its_tenant_and_client() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    let (first, second) = (
        world.principal("Storage Blob Data Reader"),
        world.principal("Storage Blob Data Reader"),
    );
    let input = by_principal(&world, &project, &first, "inbox");
    let storage = world
        .engine
        .create_storage(&world.owner, Source, ServicePrincipal, &input)
        .await
        .unwrap();
    let update = async |input: StorageInput| {
        world
            .engine
            .update_storage(&world.owner, Source, ServicePrincipal, storage.id, &input)
            .await
    };
    let presigned = StorageInput {
        presign: Some(true),
        ..StorageInput::default()
    };
    assert_eq!(
        update(presigned).await.unwrap().serve_mode,
        ServeMode::Presigned
    );
    for changed in [
        StorageInput {
            client_id: Some(second.client_id.clone()),
            ..StorageInput::default()
        },
        StorageInput {
            tenant_id: Some("fabrikam.test".to_owned()),
            ..StorageInput::default()
        },
    ] {
        let errors = invalid(update(changed).await);
        assert!(
            errors[0].starts_with("client_secret: Give the client secret or certificate again"),
            "{errors:?}"
        );
    }
    let whole = StorageInput {
        client_id: Some(second.client_id),
        client_secret: Some(Secret::new(second.secret)),
        ..StorageInput::default()
    };
    update(whole).await.unwrap();
    let (code, _) = problem(
        update(StorageInput {
            client_secret: Some(Secret::new("wrong~secret")),
            ..StorageInput::default()
        })
        .await,
    );
    assert_eq!(code, "client_secret_wrong");
}

#[tokio::test]
async fn the_operators_account_is_used_only_when_set_and_nothing_is_given() {
    let world = World::with(OperatorsAccount::Set).await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    let input = StorageInput {
        project: Some(project.id),
        container: Some("inbox".to_owned()),
        ..StorageInput::default()
    };
    let create = async |input: &StorageInput| {
        world
            .engine
            .create_storage(&world.owner, Source, AccountKey, input)
            .await
    };
    let made = create(&input).await.unwrap();
    assert_eq!(made.account.as_str(), "acct");
    let named = StorageInput {
        account_name: Some("acct".to_owned()),
        ..input.clone()
    };
    assert_eq!(
        invalid(create(&named).await),
        ["account_key: This field is required."]
    );
    let keyed = StorageInput {
        account_key: Some(Secret::new(OTHER_KEY)),
        ..input
    };
    assert_eq!(
        invalid(create(&keyed).await),
        ["account_name: This field is required."]
    );
}

#[tokio::test]
async fn public_containers_need_no_credential() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let state = world.azure.state();
    let open = AccountSettings {
        allow_public_access: true,
        ..AccountSettings::default()
    };
    state
        .create_account("opendata", &world.tenant, open)
        .unwrap();
    for (container, access) in [
        ("public", PublicAccess::Container),
        ("private", PublicAccess::None),
    ] {
        state
            .blobs()
            .create_container("opendata", container, access)
            .await
            .unwrap();
    }
    world.put_in("opendata", "public", "a.png", "a").await;
    let create = async |container: &str| {
        let input = StorageInput {
            project: Some(project.id),
            account_name: Some("opendata".to_owned()),
            container: Some(container.to_owned()),
            ..StorageInput::default()
        };
        world
            .engine
            .create_storage(&world.owner, Source, Sas, &input)
            .await
    };
    create("public").await.unwrap();
    let (code, text) = problem(create("private").await);
    assert_eq!(code, "credential_required");
    assert!(text.contains(&world.tenant), "{text}");
}

#[tokio::test]
async fn an_azure_link_reaches_only_its_own_tenant() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    world
        .link(world.owner.org_id, "Storage Blob Data Reader")
        .await;
    let state = world.azure.state();
    let fabrikam = state.create_tenant("fabrikam.test").unwrap().id;
    state
        .create_account("fabrikam", &fabrikam, AccountSettings::default())
        .unwrap();
    let create = async |actor, project: &Project, account: &str, tenant: Option<&str>| {
        let input = StorageInput {
            project: Some(project.id),
            account_name: Some(account.to_owned()),
            container: Some("inbox".to_owned()),
            tenant_id: tenant.map(str::to_owned),
            ..StorageInput::default()
        };
        world
            .engine
            .create_storage(actor, Source, AzureLink, &input)
            .await
    };
    create(&world.owner, &project, "acct", None).await.unwrap();
    let upper = world.tenant.to_uppercase();
    create(&world.owner, &project, "acct", Some(&upper))
        .await
        .unwrap();

    let errors = invalid(create(&world.owner, &project, "fabrikam", None).await);
    assert!(errors[0].starts_with("account_name: "), "{errors:?}");
    assert!(
        errors[0].contains(&fabrikam) && errors[0].contains(&world.tenant),
        "{errors:?}"
    );
    let errors = invalid(create(&world.owner, &project, "fabrikam", Some(&fabrikam)).await);
    assert!(
        errors[0].contains("no Azure link to the tenant"),
        "{errors:?}"
    );

    let stranger = world.stranger().await;
    let theirs = world.project(&stranger).await;
    let errors = invalid(create(&stranger, &theirs, "acct", Some(&world.tenant)).await);
    assert!(
        errors[0].contains("no Azure link to the tenant"),
        "{errors:?}"
    );
    assert!(is_not_found(
        &world
            .engine
            .get_storage(&world.owner, Source, AzureLink, StorageId(999))
            .await
    ));
}
