//! Credentials of storages: kept, never borrowed, and only for what they were given for.

use engine::StorageInput;
use local_azure::{blob::PublicAccess, state::AccountSettings};
use model::{CredentialKind, Direction, Project, Secret, ServeMode, StorageId};

use crate::world::{OTHER_KEY, OperatorsAccount, World, invalid, is_not_found, problem};

use CredentialKind::{AccountKey, AzureLink, ManagedIdentity, Sas, ServicePrincipal};
use Direction::Source;

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
        engine.validate_storage(actor, Source.by(kind), input).await
    };

    // Its own form works without the key, and changes nothing.
    let mut input = by_id(&project);
    input.title = Some("changed".to_owned());
    input.prefix = Some(String::new());
    validate(&world.owner, AccountKey, &input).await.unwrap();
    let stored = engine
        .get_storage(&world.owner, Source.by(AccountKey), storage.id)
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
                .create_storage(&world.owner, Source.by(AccountKey), &input)
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
    let update = engine.update_storage(&world.owner, Source.by(AccountKey), storage.id, &input);
    assert_eq!(invalid(update.await), [said]);
    assert_eq!(world.blob_requests(), Vec::<String>::new());

    // Nor does a storage move to another project with it.
    let moved = StorageInput {
        project: Some(other_project.id),
        ..StorageInput::default()
    };
    let update = engine.update_storage(&world.owner, Source.by(AccountKey), storage.id, &moved);
    assert!(invalid(update.await)[0].starts_with("project: A storage stays in its project"));

    // With the new account's own key it may change.
    assert!(is_not_found(
        &engine
            .update_storage(&stranger, Source.by(AccountKey), storage.id, &moved)
            .await
    ));
    assert!(is_not_found(
        &engine
            .get_storage(&stranger, Source.by(AccountKey), storage.id)
            .await
    ));
    assert!(is_not_found(
        &engine
            .delete_storage(&stranger, Source.by(AccountKey), storage.id)
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
    let input = world.by_principal(&project, &first, "inbox");
    let storage = world
        .engine
        .create_storage(&world.owner, Source.by(ServicePrincipal), &input)
        .await
        .unwrap();
    let update = async |input: StorageInput| {
        world
            .engine
            .update_storage(
                &world.owner,
                Source.by(ServicePrincipal),
                storage.id,
                &input,
            )
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
            .create_storage(&world.owner, Source.by(AccountKey), input)
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
            .create_storage(&world.owner, Source.by(Sas), &input)
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
            .create_storage(actor, Source.by(AzureLink), &input)
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
            .get_storage(&world.owner, Source.by(AzureLink), StorageId(999))
            .await
    ));
}

#[tokio::test]
async fn the_operators_own_credentials_are_not_lent_to_other_organizations() {
    let world = World::with(OperatorsAccount::Set).await;
    let stranger = world.stranger().await;
    let project = world.project(&stranger).await;
    world.put("inbox", "a.png", "a").await;
    let input = StorageInput {
        project: Some(project.id),
        container: Some("inbox".to_owned()),
        ..StorageInput::default()
    };
    let engine = &world.engine;
    let account = engine
        .create_storage(&stranger, Source.by(AccountKey), &input)
        .await;
    assert!(invalid(account)[0].contains("AZURE_BLOB_ACCOUNT_NAME"));
    let input = StorageInput {
        account_name: Some("acctone".to_owned()),
        ..input
    };
    let identity = engine
        .validate_storage(&stranger, Source.by(ManagedIdentity), &input)
        .await;
    assert!(invalid(identity)[0].contains("operator's organization"));
}
