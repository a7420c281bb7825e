//! Azure links, and the way to them.

use store::{ConnectState, ConnectStep, NewAzureLink};

use crate::world::{NOW, World};

const TENANT: NewAzureLink<'static> = NewAzureLink {
    tenant_id: "ABC-def",
    tenant_domain: Some("contoso.com"),
    principal_object_id: Some("oid"),
    entra_username: Some("ann@contoso.com"),
    linked_by: None,
    proof: None,
};

pub async fn linked_and_unlinked(w: World) {
    let before = w.store.links_of_org(w.org).await.unwrap().unwrap();
    assert!(before.reads_anonymously && before.links.is_empty());
    let link = w
        .store
        .create_azure_link(w.org, &TENANT, NOW)
        .await
        .unwrap();
    assert_eq!(link.tenant_id, "abc-def");
    let twice = w.store.create_azure_link(w.org, &TENANT, NOW).await;
    assert!(twice.unwrap_err().is_conflict());
    let found = w.store.find_azure_link(w.org, "ABC-DEF").await.unwrap();
    assert_eq!(found.as_ref(), Some(&link));
    assert_eq!(w.store.list_azure_links(w.org).await.unwrap(), [link]);
    assert!(
        w.store
            .list_azure_links(w.stranger())
            .await
            .unwrap()
            .is_empty()
    );
    let linked = w.store.links_of_org(w.org).await.unwrap().unwrap();
    assert!(linked.version > before.version && !linked.reads_anonymously);

    let unlink = async |org| {
        w.store
            .unlink_azure_tenant(org, "abc-def", NOW + 1)
            .await
            .unwrap()
    };
    assert!(!unlink(w.stranger()).await);
    assert!(unlink(w.org).await);
    assert!(!unlink(w.org).await);
    assert!(
        w.store
            .find_azure_link(w.org, "abc-def")
            .await
            .unwrap()
            .is_none()
    );
    let unlinked = w.store.links_of_org(w.org).await.unwrap().unwrap();
    assert!(unlinked.version > linked.version && !unlinked.reads_anonymously);
    assert_eq!(unlinked.links[0].unlinked_at_ms, Some(NOW + 1));
    w.store.set_reads_anonymously(w.org, true).await.unwrap();
    let again = w
        .store
        .create_azure_link(w.org, &TENANT, NOW + 2)
        .await
        .unwrap();
    assert_eq!((again.unlinked_at_ms, again.created_at_ms), (None, NOW + 2));
    assert!(
        !w.store
            .links_of_org(w.org)
            .await
            .unwrap()
            .unwrap()
            .reads_anonymously
    );
}

pub async fn what_a_link_remembers(w: World) {
    w.store
        .create_azure_link(w.org, &TENANT, NOW)
        .await
        .unwrap();
    for (expires, kept) in [
        (NOW + 50, NOW + 50),
        (NOW + 20, NOW + 50),
        (NOW + 70, NOW + 70),
    ] {
        assert!(
            w.store
                .note_last_sas(w.org, "abc-def", expires)
                .await
                .unwrap()
        );
        let link = w
            .store
            .find_azure_link(w.org, "abc-def")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(link.last_sas_expires_at_ms, Some(kept));
    }
    w.store
        .note_link_problem(w.org, "abc-def", Some("{}"))
        .await
        .unwrap();
    let link = w
        .store
        .find_azure_link(w.org, "abc-def")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(link.problem.as_deref(), Some("{}"));
    w.store
        .unlink_azure_tenant(w.org, "abc-def", NOW)
        .await
        .unwrap();
    assert!(
        !w.store
            .note_last_sas(w.org, "abc-def", NOW + 99)
            .await
            .unwrap()
    );
}

pub async fn a_state_comes_back_once(w: World) {
    let made = ConnectState {
        session_hash: &[1; 32],
        state_hash: &[2; 32],
        expires_at_ms: NOW + 10,
    };
    let begin = async |state: &ConnectState<'_>| {
        w.store
            .begin_azure_connect(w.org, w.user, state, NOW)
            .await
            .unwrap();
    };
    let take = async |step, state: &ConnectState<'_>| {
        let taken = w.store.take_connect_state(w.org, w.user, step, state).await;
        taken.unwrap()
    };
    begin(&made).await;
    let back = ConnectState {
        expires_at_ms: NOW + 9,
        ..made
    };
    for wrong in [
        ConnectState {
            session_hash: &[9; 32],
            ..back
        },
        ConnectState {
            state_hash: &[9; 32],
            ..back
        },
        ConnectState {
            expires_at_ms: NOW + 10,
            ..back
        },
    ] {
        assert_eq!(take(ConnectStep::SignIn, &wrong).await, None, "{wrong:?}");
    }
    assert_eq!(take(ConnectStep::Consent, &back).await, None);
    let foreign = w
        .store
        .take_connect_state(w.stranger(), w.user, ConnectStep::SignIn, &back);
    assert_eq!(foreign.await.unwrap(), None);
    assert!(take(ConnectStep::SignIn, &back).await.is_some());
    assert_eq!(take(ConnectStep::SignIn, &back).await, None);

    let ask = w.store.ask_connect_consent(w.org, w.user, &made);
    assert_eq!(ask.await.unwrap(), None, "no tenant is proven");
    let known = (Some("contoso.com"), None);
    w.store
        .set_connect_tenant(w.org, w.user, ("T", true), known)
        .await
        .unwrap();
    let ask = w.store.ask_connect_consent(w.org, w.user, &made);
    assert_eq!(ask.await.unwrap().unwrap().tenant_id.as_deref(), Some("T"));
    assert!(take(ConnectStep::Consent, &back).await.is_some());
    let found = w.store.find_azure_connect(w.org, w.user).await.unwrap();
    assert!(found.unwrap().is_administrator);
    // Beginning again forgets the proven tenant, and who proved it.
    begin(&made).await;
    let found = w
        .store
        .find_azure_connect(w.org, w.user)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.step, found.tenant_id), (ConnectStep::SignIn, None));
    assert!(!found.is_administrator);
    let try_at = async |now| {
        w.store
            .may_try_connect(w.org, w.user, 5, now)
            .await
            .unwrap()
    };
    assert_eq!(
        (
            try_at(NOW).await,
            try_at(NOW + 4).await,
            try_at(NOW + 5).await
        ),
        (true, false, true)
    );
    w.store.end_azure_connect(w.org, w.user).await.unwrap();
    assert_eq!(
        w.store.find_azure_connect(w.org, w.user).await.unwrap(),
        None
    );
}
