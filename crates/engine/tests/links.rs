//! Azure links: blobs that no storage covers, unlinking, what is remembered, claims and grants.

use engine::{Claim, GrantPurpose, GrantState, ResolveRequest, Resolved};
use local_azure::{blob::PublicAccess, state::AccountSettings};
use model::{AccountName, ContainerName, CredentialKind, Direction, Role, TaskId};
use serde_json::json;

use crate::{
    serve::bytes,
    world::{ACCOUNT, World, is_not_found, problem, uri},
};

const READER: &str = "Storage Blob Data Reader";

/// A task of a project without storages that names `inbox/a.png`, which holds `a`.
async fn bare_task(world: &World) -> (TaskId, String) {
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    let name = uri(ACCOUNT, "inbox", "a.png");
    let task = world.tasks(&project, &[json!({"image": name})]).await;
    (task[0].id, name)
}

async fn resolve(world: &World, (task, name): &(TaskId, String)) -> engine::Result<Resolved> {
    let request = ResolveRequest::default();
    world
        .engine
        .resolve(&world.owner, *task, name, &request)
        .await
}

fn names() -> (AccountName, ContainerName) {
    (
        AccountName::parse(ACCOUNT).unwrap(),
        ContainerName::parse("inbox").unwrap(),
    )
}

async fn make_public(world: &World) {
    let state = world.azure.state();
    let open = |settings: &mut AccountSettings| settings.allow_public_access = true;
    state.change_account(ACCOUNT, open).unwrap();
    state
        .blobs()
        .set_public_access(ACCOUNT, "inbox", PublicAccess::Blob)
        .await
        .unwrap();
}

#[tokio::test]
async fn before_a_link_anonymously_and_never_after() {
    let world = World::start().await;
    let task = bare_task(&world).await;
    assert!(is_not_found(&resolve(&world, &task).await), "not public");
    make_public(&world).await;
    assert_eq!(
        bytes(&world, resolve(&world, &task).await.unwrap()).await,
        "a"
    );
    let shown = async || {
        let task = world.engine.get_task(&world.owner, task.0).await.unwrap();
        let data = world.engine.data_for_browser(&world.owner, &[task]).await;
        data.unwrap().remove(0).get().to_owned()
    };
    assert!(
        shown().await.contains("https://acct."),
        "the browser reads it"
    );

    let other = "Storage Blob Delegator";
    world.link(world.owner.org_id, other).await;
    assert!(
        shown().await.contains("/resolve/?fileuri="),
        "this server reads it"
    );
    let (code, text) = problem(resolve(&world, &task).await);
    assert_eq!(code, "role_missing", "{text}");

    let tenant = world.tenant.clone();
    world
        .engine
        .delete_azure_link(&world.owner, &tenant)
        .await
        .unwrap();
    assert_eq!(problem(resolve(&world, &task).await).0, "unlinked");
    world
        .engine
        .set_anonymous_reading(&world.owner, true)
        .await
        .unwrap();
    assert_eq!(
        bytes(&world, resolve(&world, &task).await.unwrap()).await,
        "a"
    );
    world.link(world.owner.org_id, other).await;
    assert_eq!(problem(resolve(&world, &task).await).0, "role_missing");
    let refused = world.engine.set_anonymous_reading(&world.owner, true).await;
    assert!(matches!(refused, Err(engine::Error::Conflict { .. })));
}

#[tokio::test]
async fn a_link_reaches_what_no_storage_covers_and_no_other_tenant() {
    let world = World::start().await;
    let task = bare_task(&world).await;
    world.link(world.owner.org_id, READER).await;
    assert_eq!(
        bytes(&world, resolve(&world, &task).await.unwrap()).await,
        "a"
    );

    let state = world.azure.state();
    let foreign = state.create_tenant("fabrikam.test").unwrap().id;
    state
        .create_account("theirs", &foreign, AccountSettings::default())
        .unwrap();
    let project = world.project(&world.owner).await;
    let name = uri("theirs", "inbox", "a.png");
    let theirs = world.tasks(&project, &[json!({"image": name})]).await;
    world.azure.state().clear_requests();
    let (code, text) = problem(resolve(&world, &(theirs[0].id, name)).await);
    assert_eq!(code, "wrong_tenant");
    assert!(
        text.contains(&foreign) && text.contains(&world.tenant),
        "{text}"
    );
    assert_eq!(world.requests_with_credentials(), Vec::<String>::new());
}

#[tokio::test]
async fn among_several_links_a_storage_takes_its_accounts_own() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "x").await;
    let foreign = world.azure.state().create_tenant("fabrikam.test").unwrap();
    let org = world.owner.org_id;
    let first = store::NewAzureLink {
        tenant_id: &foreign.id,
        ..Default::default()
    };
    let now_ms = world.clock.now_ms();
    world
        .store
        .create_azure_link(org, &first, now_ms)
        .await
        .unwrap();
    world.link(org, READER).await;
    let input = engine::StorageInput {
        account_key: None,
        ..world.by_key(&project, "inbox")
    };
    let kind = CredentialKind::AzureLink;
    let created = world
        .engine
        .create_storage(&world.owner, Direction::Source.by(kind), &input)
        .await;
    let storage = created.expect("the link of the account's tenant");
    let signs_in = world
        .engine
        .signs_in(&world.owner, storage.id)
        .await
        .unwrap();
    assert!(
        matches!(&signs_in, engine::SignsIn::AzureLink { tenant_id } if *tenant_id == world.tenant),
        "{signs_in:?}"
    );
}

#[tokio::test]
async fn a_storage_limits_its_container_for_a_link_too() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    for name in ["a/1.png", "b/2.png"] {
        world.put("inbox", name, "x").await;
    }
    world
        .source(&project, |input| input.prefix = Some("a".to_owned()))
        .await;
    world.link(world.owner.org_id, READER).await;
    let name = uri(ACCOUNT, "inbox", "b/2.png");
    let task = world.tasks(&project, &[json!({"image": name})]).await;
    assert!(is_not_found(&resolve(&world, &(task[0].id, name)).await));
}

#[tokio::test]
async fn unlinking_says_when_the_last_url_ends_and_what_stays() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    world
        .link(world.owner.org_id, "Storage Blob Data Contributor")
        .await;
    let mut input = world.by_key(&project, "inbox");
    (input.account_key, input.presign, input.presign_ttl) = (None, Some(true), Some(30));
    let of = Direction::Source.by(CredentialKind::AzureLink);
    let created = world.engine.create_storage(&world.owner, of, &input).await;
    let storage = created.unwrap();
    let name = uri(ACCOUNT, "inbox", "a.png");
    let task = world.tasks(&project, &[json!({"image": name})]).await;
    let task = (task[0].id, name);
    let signed_at = world.clock.now_ms();
    resolve(&world, &task).await.unwrap();
    world.clock.advance_ms(60_000);

    let unlinked = world
        .engine
        .delete_azure_link(&world.owner, &world.tenant)
        .await
        .unwrap();
    let last = unlinked.last_sas_expires_at_ms.unwrap();
    let ends = signed_at + 30 * 60_000;
    assert!((ends..=ends + 60_000).contains(&last), "{last} {ends}");
    assert_eq!(unlinked.storages, [storage.id]);
    let commands: Vec<_> = unlinked
        .leftovers
        .iter()
        .map(|left| left.command.as_str())
        .collect();
    assert!(
        commands
            .iter()
            .any(|command| command.contains("az role assignment delete"))
    );
    assert!(
        commands
            .iter()
            .any(|command| command.contains("az ad sp delete"))
    );
    assert_eq!(problem(resolve(&world, &task).await).0, "link_missing");
    let options = engine::check::CheckOptions::default();
    let check = world
        .engine
        .check_storage(&world.owner, of, storage.id, &options);
    assert_eq!(problem(check.await).0, "link_missing");
    let again = world
        .engine
        .delete_azure_link(&world.owner, &world.tenant)
        .await;
    assert!(is_not_found(&again));
}

#[tokio::test]
async fn withdrawn_consent_is_seen_a_minute_after_the_next_use() {
    let world = World::start().await;
    let task = bare_task(&world).await;
    world.link(world.owner.org_id, READER).await;
    resolve(&world, &task).await.unwrap();
    let principal = {
        let link = world
            .engine
            .create_azure_link(&world.owner, &world.tenant)
            .await;
        assert!(matches!(link, Err(engine::Error::Conflict { .. })));
        let state = world.azure.state();
        let client_id = world
            .engine
            .integrations(&world.owner)
            .await
            .unwrap()
            .app_client_id;
        state.consent(&world.tenant, &client_id.unwrap()).unwrap()
    };
    world.azure.state().remove_service_principal(&principal);
    world.clock.advance_ms(60_000);
    // The token at hand may still work, or not: either way the page says it soon.
    let _used = resolve(&world, &task).await;
    let found = crate::azure_world::eventually("the problem", async || {
        let links = world.engine.integrations(&world.owner).await.unwrap().links;
        links[0].1.clone()
    })
    .await;
    assert!(found.cause.contains(&world.tenant), "{found:?}");
}

#[tokio::test]
async fn grants_turn_green_when_the_role_acts() {
    let world = World::start().await;
    world.put("inbox", "a.png", "a").await;
    world
        .link(world.owner.org_id, "Storage Blob Delegator")
        .await;
    let (account, container) = names();
    let ask = async |purpose| {
        let asked = world
            .engine
            .grants(&world.owner, &world.tenant, &account, &container, purpose);
        asked.await.unwrap()
    };
    let missing = ask(GrantPurpose::Read).await;
    assert!(!missing.is_granted());
    let states: Vec<_> = missing.roles.iter().map(|role| role.state).collect();
    assert_eq!(states, [GrantState::Missing, GrantState::Granted]);
    let object_id = {
        let client_id = world
            .engine
            .integrations(&world.owner)
            .await
            .unwrap()
            .app_client_id;
        world
            .azure
            .state()
            .consent(&world.tenant, &client_id.unwrap())
            .unwrap()
    };
    let scope = world.account.scope();
    let grant = |role| {
        world
            .azure
            .state()
            .assign_role(&object_id, role, &scope, 0)
            .unwrap()
    };
    grant(READER);
    assert!(ask(GrantPurpose::Read).await.is_granted());
    assert!(!ask(GrantPurpose::Export).await.is_granted());
    grant("Storage Blob Data Contributor");
    assert!(ask(GrantPurpose::Export).await.is_granted());
}

#[tokio::test]
async fn the_second_organization_on_a_container_proves_control() {
    let world = World::start().await;
    let task = bare_task(&world).await;
    world.link(world.owner.org_id, READER).await;
    resolve(&world, &task).await.unwrap();

    let stranger = world.stranger().await;
    world
        .store
        .create_azure_link(
            stranger.org_id,
            &store::NewAzureLink {
                tenant_id: &world.tenant,
                ..Default::default()
            },
            world.clock.now_ms(),
        )
        .await
        .unwrap();
    let project = world.project(&stranger).await;
    let mut input = world.by_key(&project, "inbox");
    input.account_key = None;
    let of = Direction::Source.by(CredentialKind::AzureLink);
    let attach = async || world.engine.create_storage(&stranger, of, &input).await;
    let (code, text) = problem(attach().await);
    assert_eq!(code, "claim_required", "{text}");
    assert!(!text.contains("a.png"));

    let (account, container) = names();
    let claim = async || {
        let claim = world
            .engine
            .claim_container(&stranger, &world.tenant, &account, &container);
        claim.await.unwrap()
    };
    let Claim::Asked { marker, command } = claim().await else {
        panic!("it is not free");
    };
    assert!(
        command.contains(&marker) && text.contains(&marker),
        "one marker everywhere"
    );
    world.put("inbox", &marker, "").await;
    assert_eq!(claim().await, Claim::Held);
    attach().await.unwrap();
    // The first one goes on as before.
    resolve(&world, &task).await.unwrap();
}

#[tokio::test]
async fn only_owners_see_and_change_links() {
    let world = World::start().await;
    world.link(world.owner.org_id, READER).await;
    let org = world.owner.org_id;
    let manager = world.member_of(org, "m@example.com", Role::Manager).await;
    let stranger = world.stranger().await;
    let denied =
        |result: Result<(), engine::Error>| matches!(result, Err(engine::Error::Denied { .. }));
    assert!(denied(world.engine.integrations(&manager).await.map(drop)));
    assert!(denied(
        world
            .engine
            .delete_azure_link(&manager, &world.tenant)
            .await
            .map(drop)
    ));
    assert!(denied(
        world.engine.set_anonymous_reading(&manager, true).await
    ));
    assert!(is_not_found(
        &world.engine.get_azure_link(&stranger, &world.tenant).await
    ));
    assert!(
        world
            .engine
            .integrations(&stranger)
            .await
            .unwrap()
            .links
            .is_empty()
    );
    let (account, container) = names();
    let claim = world
        .engine
        .claim_container(&stranger, &world.tenant, &account, &container);
    assert!(is_not_found(&claim.await));
}
