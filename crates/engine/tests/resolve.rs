//! Resolve: who may see which blob, and how the browser gets it.

use base64::{Engine as _, prelude::*};
use engine::{ReadMethod, ResolveRequest, Resolved};
use local_azure::state::AccountSettings;
use model::{CredentialKind, Direction, Role, Secret, TaskId};
use rstest::rstest;
use serde_json::json;

use crate::{
    serve::{bytes, status, url},
    world::{ACCOUNT, World, is_not_found, problem, uri},
};

/// Names that break clients which build URLs by hand.
const ODD_NAMES: [&str; 12] = [
    "images/ha#sh.png",
    "images/q?x=1.png",
    "images/pct%20.png",
    "images/plus+and space.png",
    "images/ünï/日本/🐈.png",
    "images//double.png",
    "images/trailing dot.",
    "images/ lead",
    "images/quote'\"<>.png",
    "images/&amp;=;,@:!$*()~.png",
    "images/./dot.png",
    "images/back\\slash.png",
];

/// The service makes a slash of a backslash and drops dots at the end of a segment, so a link is
/// signed over the name that it makes.
#[rstest]
#[case::proxy(false)]
#[case::presigned(true)]
#[tokio::test]
async fn odd_names_arrive_whole(#[case] presign: bool) {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    for name in ODD_NAMES {
        world.put("inbox", name, format!("I am {name}")).await;
    }
    world
        .source(&project, |input| {
            (input.prefix, input.presign) = (Some("images".to_owned()), Some(presign));
        })
        .await;
    for name in ODD_NAMES {
        for spelled in [
            uri(ACCOUNT, "inbox", name),
            format!("azure-blob://inbox/{name}"),
        ] {
            let task = world
                .tasks(&project, &[json!({"image": spelled})])
                .await
                .remove(0);
            let resolved = world
                .engine
                .resolve(
                    &world.owner,
                    task.id,
                    &BASE64_STANDARD.encode(&spelled),
                    &ResolveRequest::default(),
                )
                .await
                .unwrap();
            assert_eq!(matches!(resolved, Resolved::Redirect { .. }), presign);
            assert_eq!(
                bytes(&world, resolved).await,
                format!("I am {name}").as_bytes(),
                "{spelled}"
            );
        }
    }
}

/// The local Azure has no snapshots and no versions, so that "not there" is the answer of whoever
/// asked for one by a right signature; the present blob would be a wrong one.
#[rstest]
#[case::snapshot("snapshot", "bs")]
#[case::version("versionid", "bv")]
#[tokio::test]
async fn a_named_revision_is_asked_for_and_never_the_present_blob(
    #[case] parameter: &str,
    #[case] resource: &str,
) {
    let world = World::start().await;
    world.put("inbox", "a.png", "now").await;
    let named = format!("{parameter}=2026-11-28T09:00:00.0000000Z");
    let name = format!("{}?{named}", uri(ACCOUNT, "inbox", "a.png"));
    let asked = named.replace(':', "%3A");
    let request = ResolveRequest::default();
    for presign in [false, true] {
        let project = world.project(&world.owner).await;
        world
            .source(&project, |input| input.presign = Some(presign))
            .await;
        let tasks = world.tasks(&project, &[json!({"image": name})]).await;
        world.azure.state().clear_requests();
        let engine = &world.engine;
        let resolved = engine.resolve(&world.owner, tasks[0].id, &name, &request);
        if presign {
            let resolved = resolved.await.unwrap();
            let signed = url(&resolved);
            assert!(signed.contains(&format!("?{asked}&")), "{signed}");
            assert!(signed.contains(&format!("sr={resource}&")), "{signed}");
            assert_eq!(status(&world, signed).await, 404);
        } else {
            assert_eq!(problem(resolved.await).0, "blob_not_found");
        }
        let requests = world.blob_requests();
        assert!(
            requests.iter().any(|request| request.contains(&asked)),
            "{requests:?}"
        );

        // The present blob is another one, which the task does not name.
        let present = uri(ACCOUNT, "inbox", "a.png");
        let refused = engine.resolve(&world.owner, tasks[0].id, &present, &request);
        assert!(is_not_found(&refused.await));
    }
}

#[tokio::test]
async fn a_link_lives_as_long_as_the_storage_says() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    world
        .source(&project, |input| {
            (input.presign, input.presign_ttl) = (Some(true), Some(5))
        })
        .await;
    let name = uri(ACCOUNT, "inbox", "a.png");
    let task = world
        .tasks(&project, &[json!({"image": name})])
        .await
        .remove(0);
    world.azure.state().clear_requests();
    let resolved = world
        .engine
        .resolve(&world.owner, task.id, &name, &ResolveRequest::default())
        .await
        .unwrap();
    let Resolved::Redirect { url, max_age_s } = &resolved else {
        panic!("{resolved:?}")
    };
    assert_eq!(*max_age_s, 300);
    assert!(
        url.expose().contains("sp=r&") && url.expose().contains("spr=https"),
        "scope of the SAS"
    );
    // Signing with an account key asks Azure nothing.
    assert_eq!(world.blob_requests(), Vec::<String>::new());
    assert!(!format!("{resolved:?}").contains("sig="));
}

#[rstest]
#[case::the_text(|uri: &str| uri.to_owned())]
#[case::standard(|uri: &str| BASE64_STANDARD.encode(uri))]
#[case::standard_unpadded(|uri: &str| BASE64_STANDARD_NO_PAD.encode(uri))]
#[case::url_safe(|uri: &str| BASE64_URL_SAFE.encode(uri))]
#[case::url_safe_unpadded(|uri: &str| BASE64_URL_SAFE_NO_PAD.encode(uri))]
#[case::upper_case_host(|uri: &str| uri.replace("acct.blob.core.windows.net", "ACCT.Blob.Core.Windows.NET"))]
#[case::with_a_query(|uri: &str| format!("{uri}?sv=2026&sig=whatever"))]
#[tokio::test]
async fn every_spelling_of_the_named_blob(#[case] spell: fn(&str) -> String) {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a>b?.png", "a").await;
    world.source(&project, |_| {}).await;
    let name = uri(ACCOUNT, "inbox", "a>b?.png");
    let task = world
        .tasks(&project, &[json!({"image": format!("<img src='{name}'>")})])
        .await
        .remove(0);
    let resolved = world
        .engine
        .resolve(
            &world.owner,
            task.id,
            &spell(&name),
            &ResolveRequest::default(),
        )
        .await
        .unwrap();
    assert_eq!(bytes(&world, resolved).await, "a");
}

#[tokio::test]
async fn nobody_gets_what_the_task_does_not_name() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let other_project = world.project(&world.owner).await;
    for name in ["a/1.png", "a/2.png", "b/secret.json", "ab/1.png"] {
        world.put("inbox", name, "x").await;
    }
    world.put("outbox", "a/1.png", "x").await;
    world
        .source(&project, |input| input.prefix = Some("a".to_owned()))
        .await;
    let own = uri(ACCOUNT, "inbox", "a/1.png");
    let task = world
        .tasks(
            &project,
            &[json!({
                "image": own,
                // A customer may write anything into task data; the storage is the limit.
                "wishes": [
                    uri(ACCOUNT, "inbox", "b/secret.json"),
                    uri(ACCOUNT, "inbox", "ab/1.png"),
                    uri(ACCOUNT, "outbox", "a/1.png"),
                    "azure-blob://inbox/b/secret.json",
                    "azure-blob://inbox/a/../b/secret.json",
                    "azure-blob://inbox/a/..\\..\\b/secret.json",
                    "https://acct.blob.core.windows.net/inbox/a/../b/secret.json",
                    "https://acct.blob.core.windows.net/inbox/a/%2e%2e/b/secret.json",
                    "https://acct.blob.core.windows.net/inbox/a%2F..%2Fb%2Fsecret.json",
                    "https://acct.blob.core.windows.net.evil.example/inbox/a/1.png",
                    "https://other.blob.core.windows.net/inbox/a/1.png",
                    "http://169.254.169.254/metadata/identity",
                ],
            })],
        )
        .await
        .remove(0);
    let foreign = world
        .tasks(&other_project, &[json!({"image": own})])
        .await
        .remove(0);
    let resolve = async |actor, task: TaskId, fileuri: &str| {
        world
            .engine
            .resolve(actor, task, fileuri, &ResolveRequest::default())
            .await
    };
    assert_eq!(
        bytes(&world, resolve(&world.owner, task.id, &own).await.unwrap()).await,
        "x"
    );
    world.azure.state().clear_requests();

    let data: serde_json::Value = serde_json::from_str(task.data.get()).unwrap();
    for wish in data["wishes"].as_array().unwrap() {
        let wish = wish.as_str().unwrap();
        let given = resolve(&world.owner, task.id, &BASE64_STANDARD.encode(wish)).await;
        assert!(is_not_found(&given), "{wish}: {given:?}");
    }
    // Inside the storage, and not in the task's data.
    for unnamed in [
        uri(ACCOUNT, "inbox", "a/2.png"),
        uri(ACCOUNT, "inbox", "a/1.pn"),
        uri(ACCOUNT, "inbox", "a//1.png"),
        uri(ACCOUNT, "inbox", "a/1.PNG"),
        "https://acct.blob.core.windows.net/inbox/a%252F1.png".to_owned(),
        "azure-blob://inbox/a/1.png".to_owned(),
        String::new(),
        "not base64 at all!".to_owned(),
        BASE64_STANDARD.encode([0xff, 0xfe]),
    ] {
        assert!(
            is_not_found(&resolve(&world.owner, task.id, &unnamed).await),
            "{unnamed}"
        );
    }
    // Another project without a storage, another organization, no such task.
    assert!(is_not_found(&resolve(&world.owner, foreign.id, &own).await));
    let stranger = world.stranger().await;
    assert!(is_not_found(&resolve(&stranger, task.id, &own).await));
    assert!(is_not_found(
        &resolve(&world.owner, TaskId(99_999), &own).await
    ));
    // Where no storage is on the container, anonymously at most: nobody has linked a tenant.
    assert_eq!(world.requests_with_credentials(), Vec::<String>::new());

    // Whoever may read the project may read its media.
    let reader = world
        .member_of(world.owner.org_id, "r@example.com", Role::ReadOnly)
        .await;
    resolve(&reader, task.id, &own).await.unwrap();
}

#[tokio::test]
async fn storages_are_followed_at_once() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    let storage = world.source(&project, |_| {}).await;
    let name = uri(ACCOUNT, "inbox", "a.png");
    let task = world
        .tasks(&project, &[json!({"image": name})])
        .await
        .remove(0);
    let resolve = async || {
        world
            .engine
            .resolve(&world.owner, task.id, &name, &ResolveRequest::default())
            .await
    };
    assert!(matches!(resolve().await.unwrap(), Resolved::Blob(_)));
    let presign = engine::StorageInput {
        presign: Some(true),
        ..Default::default()
    };
    let of = Direction::Source.by(CredentialKind::AccountKey);
    world
        .engine
        .update_storage(&world.owner, of, storage.id, &presign)
        .await
        .unwrap();
    assert!(matches!(
        resolve().await.unwrap(),
        Resolved::Redirect { .. }
    ));
    world
        .engine
        .delete_storage(&world.owner, of, storage.id)
        .await
        .unwrap();
    assert!(is_not_found(&resolve().await));
}

#[tokio::test]
async fn an_unlinked_tenant_is_out_of_reach_at_once() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    world
        .link(world.owner.org_id, "Storage Blob Data Reader")
        .await;
    let mut input = world.by_key(&project, "inbox");
    (input.account_key, input.presign) = (None, Some(true));
    world
        .engine
        .create_storage(
            &world.owner,
            Direction::Source.by(CredentialKind::AzureLink),
            &input,
        )
        .await
        .unwrap();
    let name = uri(ACCOUNT, "inbox", "a.png");
    let task = world
        .tasks(&project, &[json!({"image": name})])
        .await
        .remove(0);
    let resolve = async || {
        world
            .engine
            .resolve(&world.owner, task.id, &name, &ResolveRequest::default())
            .await
    };
    let resolved = resolve().await.unwrap();
    assert!(url(&resolved).contains("skoid="), "a user delegation SAS");
    assert_eq!(bytes(&world, resolved).await, "a");
    world
        .store
        .unlink_azure_tenant(world.owner.org_id, &world.tenant, world.clock.now_ms())
        .await
        .unwrap();
    world.azure.state().clear_requests();
    assert_eq!(problem(resolve().await).0, "link_missing");
    assert_eq!(world.blob_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn of_two_accounts_with_one_container_name_the_right_one_answers() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    let state = world.azure.state();
    let second = state
        .create_account("second", &world.tenant, AccountSettings::default())
        .unwrap();
    state
        .blobs()
        .create_container("second", "inbox", Default::default())
        .await
        .unwrap();
    world.put("inbox", "deep/a.png", "first").await;
    world
        .put_in("second", "inbox", "deep/a.png", "second")
        .await;
    world.source(&project, |_| {}).await;
    world
        .source(&project, |input| {
            input.account_name = Some("second".to_owned());
            input.account_key = Some(Secret::new(&second.key1));
            input.prefix = Some("deep".to_owned());
        })
        .await;
    for (name, answer) in [
        (uri(ACCOUNT, "inbox", "deep/a.png"), "first"),
        (uri("second", "inbox", "deep/a.png"), "second"),
        // The account is open: the most specific prefix speaks.
        ("azure-blob://inbox/deep/a.png".to_owned(), "second"),
    ] {
        let task = world
            .tasks(&project, &[json!({"image": name})])
            .await
            .remove(0);
        let resolved = world
            .engine
            .resolve(&world.owner, task.id, &name, &ResolveRequest::default())
            .await
            .unwrap();
        assert_eq!(bytes(&world, resolved).await, answer.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn azures_refusals_are_explained() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", "a").await;
    world.source(&project, |_| {}).await;
    let names = ["a.png", "gone.png"].map(|name| uri(ACCOUNT, "inbox", name));
    let task = world
        .tasks(&project, &[json!({"image": names})])
        .await
        .remove(0);
    let resolve = async |name: &str, method| {
        let request = ResolveRequest {
            method,
            ..ResolveRequest::default()
        };
        world
            .engine
            .resolve(&world.owner, task.id, name, &request)
            .await
    };
    for method in [ReadMethod::Get, ReadMethod::Head] {
        assert_eq!(
            problem(resolve(&names[1], method).await).0,
            "blob_not_found"
        );
    }
    world.azure.state().rotate_account_keys(ACCOUNT).unwrap();
    assert_eq!(
        problem(resolve(&names[0], ReadMethod::Get).await).0,
        "account_key_rejected"
    );
}
