//! Signing in with Entra ID: states that come back, and the members they belong to.

use model::Role;
use store::{ConnectState, EntraIdentity, EntraPurpose, NewUser};

use crate::world::{NOW, World};

pub async fn a_state_is_taken_once_by_its_browser(w: World) {
    let made = ConnectState {
        session_hash: &[1; 32],
        state_hash: &[2; 32],
        expires_at_ms: NOW + 10,
    };
    let at = |expires_at_ms| ConnectState {
        expires_at_ms,
        ..made
    };
    let begin = async |state: &ConnectState<'_>, purpose, now| {
        let begun = w.store.begin_entra_sign_in(state, purpose, now).await;
        begun.unwrap();
    };
    let take = async |state: &ConnectState<'_>| w.store.take_entra_sign_in(state).await.unwrap();
    begin(&made, EntraPurpose::SignIn, NOW).await;
    let elsewhere = ConnectState {
        session_hash: &[9; 32],
        ..at(NOW)
    };
    let forged = ConnectState {
        state_hash: &[9; 32],
        ..at(NOW)
    };
    for wrong in [elsewhere, forged, at(NOW + 10)] {
        assert_eq!(take(&wrong).await, None, "{wrong:?}");
    }
    assert_eq!(take(&at(NOW + 9)).await, Some(EntraPurpose::SignIn));
    assert_eq!(take(&at(NOW + 9)).await, None);

    let member = EntraPurpose::Connect(w.org, w.user);
    begin(&made, member, NOW).await;
    assert_eq!(take(&at(NOW)).await, Some(member));

    // What has expired is dropped by the next one that begins.
    begin(&made, member, NOW).await;
    let other = ConnectState {
        state_hash: &[3; 32],
        ..at(NOW + 100)
    };
    begin(&other, member, NOW + 10).await;
    assert_eq!(take(&at(NOW)).await, None);
}

pub async fn an_identity_signs_one_member_in(w: World) {
    let ann = NewUser {
        email: "ann@example.com",
        password_hash: "h",
        first_name: "",
        last_name: "",
        role: Role::Annotator,
    };
    let ann = w.store.create_user(w.org, &ann, NOW).await.unwrap().id;
    let identity = |object_id: &str| EntraIdentity {
        tenant_id: "t".to_owned(),
        object_id: object_id.to_owned(),
        username: Some("ann@contoso.example".to_owned()),
    };
    let set = async |user, identity: &EntraIdentity| {
        w.store.set_entra_identity(w.org, user, identity, NOW).await
    };
    let member = async |object_id| {
        let found = w.store.find_entra_member("t", object_id).await.unwrap();
        found.map(|user| user.id)
    };
    set(ann, &identity("a")).await.unwrap();
    assert_eq!(member("a").await, Some(ann));
    assert_eq!(member("b").await, None);
    let elsewhere = w.store.find_entra_member("other", "a").await.unwrap();
    assert!(elsewhere.is_none());
    let kept = async |org| w.store.find_entra_identity(org, ann).await.unwrap();
    assert_eq!(kept(w.org).await, Some(identity("a")));
    assert_eq!(kept(w.stranger()).await, None);

    let taken = set(w.user, &identity("a")).await.unwrap_err();
    assert!(taken.is_conflict());
    set(ann, &identity("b")).await.unwrap();
    assert_eq!((member("a").await, member("b").await), (None, Some(ann)));

    let remove = async |org| w.store.remove_entra_identity(org, ann).await.unwrap();
    assert!(!remove(w.stranger()).await);
    assert!(remove(w.org).await && !remove(w.org).await);
    assert_eq!(member("b").await, None);

    // A membership that ends takes the identity with it.
    set(ann, &identity("a")).await.unwrap();
    w.store.remove_member(w.org, ann, NOW).await.unwrap();
    assert_eq!(member("a").await, None);
    set(w.user, &identity("a")).await.unwrap();
    assert_eq!(member("a").await, Some(w.user));
}
