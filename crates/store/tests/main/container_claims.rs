//! Who holds which container through a link: proof, races, unlinking, agreement.

use model::{AccountName, ContainerName, OrgId};
use store::{ClaimedContainer, LinkProof, NewAzureLink, Standing};

use crate::world::{NOW, World};

const PROVEN: Option<LinkProof> = Some(LinkProof::Administrator);

async fn link(w: &World, org: OrgId, tenant_id: &str, proof: Option<LinkProof>) {
    let link = NewAzureLink {
        tenant_id,
        proof,
        ..NewAzureLink::default()
    };
    w.store.create_azure_link(org, &link, NOW).await.unwrap();
}

async fn unlink(w: &World, org: OrgId) {
    let unlinked = w.store.unlink_azure_tenant(org, "t", NOW).await;
    assert!(unlinked.unwrap());
}

fn names() -> (AccountName, ContainerName) {
    (
        AccountName::parse("acct").unwrap(),
        ContainerName::parse("inbox").unwrap(),
    )
}

fn place<'a>((account, container): &'a (AccountName, ContainerName)) -> ClaimedContainer<'a> {
    ClaimedContainer {
        account,
        container,
        tenant_id: "t",
    }
}

async fn standing(w: &World, org: OrgId, at: ClaimedContainer<'_>) -> Standing {
    w.store.container_standing(org, at).await.unwrap()
}

async fn hold(w: &World, org: OrgId, at: ClaimedContainer<'_>) -> (Standing, bool) {
    let hold = w.store.hold_container(org, at, NOW).await.unwrap();
    (hold.standing, hold.is_new)
}

async fn prove(w: &World, org: OrgId, at: ClaimedContainer<'_>) {
    let marker = w.store.ask_for_marker(org, at, "m", NOW).await.unwrap();
    assert!(w.store.prove_container(org, at, &marker).await.unwrap());
}

pub async fn a_link_that_nobody_proved_holds_nothing_by_naming_it(w: World) {
    let names = names();
    let at = place(&names);
    assert_eq!(standing(&w, w.org, at).await, Standing::NotLinked);
    assert_eq!(hold(&w, w.org, at).await, (Standing::NotLinked, false));
    link(&w, w.org, "t", None).await;
    assert_eq!(standing(&w, w.org, at).await, Standing::Asked);
    assert_eq!(hold(&w, w.org, at).await, (Standing::Asked, false));
    prove(&w, w.org, at).await;
    assert_eq!(standing(&w, w.org, at).await, Standing::Held);
}

pub async fn of_two_proven_links_one_is_first_and_the_other_writes_the_marker(w: World) {
    let names = names();
    let at = place(&names);
    let second = w.another_org().await;
    for org in [w.org, second] {
        link(&w, org, "t", PROVEN).await;
        assert_eq!(standing(&w, org, at).await, Standing::Free);
    }
    let (one, two) = tokio::join!(hold(&w, w.org, at), hold(&w, second, at));
    let other = match (one, two) {
        ((Standing::Held, true), (Standing::Asked, false)) => second,
        ((Standing::Asked, false), (Standing::Held, true)) => w.org,
        both => panic!("exactly one is first: {both:?}"),
    };
    assert_eq!(hold(&w, other, at).await, (Standing::Asked, false));
    let first = w.store.ask_for_marker(other, at, "m", NOW).await.unwrap();
    let later = w.store.ask_for_marker(other, at, "n", NOW).await.unwrap();
    assert_eq!((first.as_str(), later.as_str()), ("m", "m"), "it stays");
    let wrong = w.store.prove_container(other, at, "n").await.unwrap();
    assert!(!wrong, "another marker proves nothing");
    prove(&w, other, at).await;
    for org in [w.org, second] {
        assert_eq!(hold(&w, org, at).await, (Standing::Held, false));
        let held = w.store.held_containers(org, "t").await.unwrap();
        assert_eq!(held, ["acct/inbox"]);
    }
}

pub async fn a_claim_counts_for_the_tenant_that_it_was_made_through(w: World) {
    let names = names();
    let at = place(&names);
    let elsewhere = ClaimedContainer {
        tenant_id: "u",
        ..at
    };
    let second = w.another_org().await;
    link(&w, second, "u", PROVEN).await;
    assert_eq!(hold(&w, second, elsewhere).await, (Standing::Held, true));
    // It is in nobody's way in the tenant of the account, and gives nothing there.
    link(&w, w.org, "t", PROVEN).await;
    link(&w, second, "t", None).await;
    assert_eq!(standing(&w, second, at).await, Standing::Asked);
    assert_eq!(hold(&w, w.org, at).await, (Standing::Held, true));
    // Asked for in the other tenant, it is that tenant's.
    w.store.ask_for_marker(second, at, "m", NOW).await.unwrap();
    assert_eq!(standing(&w, second, elsewhere).await, Standing::Free);
}

pub async fn unlinking_gives_up_every_claim_and_hands_none_to_others(w: World) {
    let names = names();
    let at = place(&names);
    let second = w.another_org().await;
    for org in [w.org, second] {
        link(&w, org, "t", PROVEN).await;
    }
    assert_eq!(hold(&w, w.org, at).await, (Standing::Held, true));
    let old = w.store.ask_for_marker(w.org, at, "old", NOW).await.unwrap();
    unlink(&w, w.org).await;
    assert_eq!(standing(&w, w.org, at).await, Standing::NotLinked);
    assert!(!w.store.prove_container(w.org, at, &old).await.unwrap());
    let held = w.store.held_containers(w.org, "t").await.unwrap();
    assert_eq!(held, Vec::<String>::new());
    // The second one is proven too, and still has to prove this container.
    assert_eq!(hold(&w, second, at).await, (Standing::Asked, false));
    // Linked again by somebody who proves nothing, it begins at nothing: with another marker.
    link(&w, w.org, "t", None).await;
    assert_eq!(hold(&w, w.org, at).await, (Standing::Asked, false));
    assert!(!w.store.prove_container(w.org, at, &old).await.unwrap());
    let new = w.store.ask_for_marker(w.org, at, "new", NOW).await.unwrap();
    assert_eq!(new, "new");
    // Asking for a marker does not give the reservation away.
    assert_eq!(hold(&w, second, at).await, (Standing::Asked, false));
    // What was proven by a marker is given up in the same way.
    prove(&w, w.org, at).await;
    unlink(&w, w.org).await;
    link(&w, w.org, "t", None).await;
    assert_eq!(standing(&w, w.org, at).await, Standing::Asked);
    // An administrator's link takes up again what nobody else proved meanwhile.
    let proven = w.store.prove_azure_link(w.org, "t", Some("ada"));
    assert!(proven.await.unwrap());
    assert_eq!(hold(&w, w.org, at).await, (Standing::Held, true));
}

pub async fn a_claim_is_before_or_after_unlinking_and_never_in_between(w: World) {
    let names = names();
    let at = place(&names);
    for round in 0..10 {
        link(&w, w.org, "t", PROVEN).await;
        let marker = w.store.ask_for_marker(w.org, at, "m", NOW).await.unwrap();
        tokio::join!(
            async {
                w.store
                    .hold_container(w.org, at, NOW)
                    .await
                    .map(|_| ())
                    .unwrap()
            },
            async {
                w.store
                    .prove_container(w.org, at, &marker)
                    .await
                    .map(|_| ())
                    .unwrap()
            },
            unlink(&w, w.org),
        );
        link(&w, w.org, "t", None).await;
        assert_eq!(standing(&w, w.org, at).await, Standing::Asked, "{round}");
        unlink(&w, w.org).await;
    }
}

pub async fn two_links_at_once_are_one_and_two_organizations_are_two(w: World) {
    let second = w.another_org().await;
    let make = async |org, proof| {
        let link = NewAzureLink {
            tenant_id: "T",
            proof,
            ..NewAzureLink::default()
        };
        w.store.create_azure_link(org, &link, NOW).await
    };
    let (one, two, other) =
        tokio::join!(make(w.org, PROVEN), make(w.org, None), make(second, None));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(other.unwrap().proof, None, "nobody's proof is another's");
    let linked = w.store.links_to_tenant("T").await.unwrap();
    assert_eq!(linked.len(), 2);
}

pub async fn only_who_holds_the_tenant_agrees_and_may_take_it_back(w: World) {
    let names = names();
    let at = place(&names);
    let second = w.another_org().await;
    link(&w, second, "t", None).await;
    let agree = async |by, on, agreed| w.store.agree_on_link(by, "t", on, agreed).await.unwrap();
    assert!(!agree(w.org, second, true).await, "it has no link");
    link(&w, w.org, "t", None).await;
    assert!(!agree(w.org, second, true).await, "its link is not proven");
    assert!(
        !agree(second, second, true).await,
        "nobody agrees with themselves"
    );
    let proven = w.store.prove_azure_link(w.org, "t", None);
    assert!(proven.await.unwrap());
    let version = async || w.store.links_of_org(second).await.unwrap().unwrap().version;
    let before = version().await;
    assert!(agree(w.org, second, true).await);
    assert!(!agree(w.org, second, true).await, "it is so already");
    assert!(version().await > before, "every replica sees it");
    assert_eq!(hold(&w, second, at).await, (Standing::Held, true));
    // Who was agreed on does not agree on others, nor on who holds the tenant.
    assert!(!agree(second, w.org, false).await);
    let before = version().await;
    assert!(agree(w.org, second, false).await);
    assert!(version().await > before);
    assert_eq!(standing(&w, second, at).await, Standing::Asked);
    assert_eq!(
        hold(&w, w.org, at).await,
        (Standing::Held, true),
        "nothing is reserved"
    );
    // An administrator's own proof is nobody's to take back.
    let proven = w.store.prove_azure_link(second, "t", None);
    assert!(proven.await.unwrap());
    assert!(!agree(w.org, second, false).await);
}

pub async fn a_storage_is_there_first_too(w: World) {
    let storage = w.source().await;
    let at = ClaimedContainer {
        account: &storage.account,
        container: &storage.container,
        tenant_id: "t",
    };
    let second = w.another_org().await;
    for org in [w.org, second] {
        link(&w, org, "t", PROVEN).await;
    }
    assert_eq!(hold(&w, second, at).await, (Standing::Asked, false));
    assert_eq!(hold(&w, w.org, at).await, (Standing::Held, true));
}
