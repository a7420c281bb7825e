//! People, tokens and sessions.

use model::{Permission, Role};
use store::{NewApiToken, NewUser, TokenKind, UserPatch};

use crate::world::{NOW, World};

pub async fn only_the_first_owner_bootstraps(w: World) {
    let again = w
        .store
        .create_first_owner("b@example.com", "h", "Other", NOW)
        .await;
    assert_eq!(again.unwrap(), None);
    let owner = w.store.find_user(w.org, w.user).await.unwrap().unwrap();
    assert_eq!(
        (owner.email.as_str(), owner.role),
        ("owner@example.com", Role::Owner)
    );
    assert_eq!(
        w.store.find_org_title(w.org).await.unwrap().as_deref(),
        Some("Org")
    );
    assert!(!w.store.is_without_users().await.unwrap());
    let first = w.store.find_first_owner().await.unwrap().unwrap();
    assert_eq!(first.id, w.user);
}

pub async fn people_sign_in_by_email_in_any_case(w: World) {
    let new = NewUser {
        email: "Ann@Example.com",
        password_hash: "hash",
        first_name: "Ann",
        last_name: "O",
        role: Role::Annotator,
    };
    let ann = w.store.create_user(w.org, &new, NOW).await.unwrap();
    let taken = w.store.create_user(w.org, &new, NOW).await.unwrap_err();
    assert!(taken.is_conflict(), "{taken}");

    let login = w
        .store
        .find_login("ANN@example.COM")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (login.user.id, login.password_hash.as_str()),
        (ann.id, "hash")
    );
    let patch = UserPatch {
        first_name: Some("Anna".to_owned()),
        ..UserPatch::default()
    };
    let stranger = w.store.update_user(w.stranger(), ann.id, &patch).await;
    assert!(stranger.unwrap().is_none());
    let changed = w
        .store
        .update_user(w.org, ann.id, &patch)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.first_name.as_str(), changed.last_name.as_str()),
        ("Anna", "O")
    );
    assert_eq!(w.store.list_users(w.org).await.unwrap().len(), 2);
    assert!(
        w.store
            .find_user(w.stranger(), ann.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        w.store
            .find_login("nobody@example.com")
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn tokens_work_until_revoked_or_expired(w: World) {
    let token = |hash, expires_at_ms| NewApiToken {
        org_id: w.org,
        user_id: w.user,
        name: "script",
        kind: TokenKind::Legacy,
        hash,
        expires_at_ms,
    };
    let id = w
        .store
        .create_api_token(&token([1; 32], None), NOW)
        .await
        .unwrap();
    w.store
        .create_api_token(&token([2; 32], Some(NOW + 10)), NOW)
        .await
        .unwrap();
    let twice = w.store.create_api_token(&token([1; 32], None), NOW).await;
    assert!(twice.unwrap_err().is_conflict());

    let owner = w
        .store
        .find_actor_by_token_hash(&[1; 32], NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (owner.token_id, owner.kind, owner.actor.org_id),
        (id, TokenKind::Legacy, w.org)
    );
    assert!(owner.actor.may(Permission::ManageOrganization));
    assert!(
        w.store
            .find_actor_by_token_hash(&[2; 32], NOW + 9)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        w.store
            .find_actor_by_token_hash(&[2; 32], NOW + 10)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        w.store
            .find_actor_by_token_hash(&[3; 32], NOW)
            .await
            .unwrap()
            .is_none()
    );

    assert!(
        !w.store
            .revoke_api_token(w.stranger(), w.user, id, NOW)
            .await
            .unwrap()
    );
    assert!(
        w.store
            .revoke_api_token(w.org, w.user, id, NOW)
            .await
            .unwrap()
    );
    assert!(
        !w.store
            .revoke_api_token(w.org, w.user, id, NOW)
            .await
            .unwrap()
    );
    assert!(
        w.store
            .find_actor_by_token_hash(&[1; 32], NOW)
            .await
            .unwrap()
            .is_none()
    );
    let left = w
        .store
        .list_api_tokens(w.org, w.user, TokenKind::Legacy)
        .await
        .unwrap();
    assert_eq!(left.len(), 1);
    let refresh = w
        .store
        .list_api_tokens(w.org, w.user, TokenKind::Refresh)
        .await;
    assert!(refresh.unwrap().is_empty());
}

pub async fn sessions_end(w: World) {
    w.store
        .create_session(&[1; 32], w.user, w.org, NOW + 10, NOW)
        .await
        .unwrap();
    w.store
        .create_session(&[2; 32], w.user, w.org, NOW + 99, NOW)
        .await
        .unwrap();
    let actor = w
        .store
        .find_actor_by_session_hash(&[1; 32], NOW + 9)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((actor.user_id, actor.role), (w.user, Role::Owner));
    assert!(
        w.store
            .find_actor_by_session_hash(&[1; 32], NOW + 10)
            .await
            .unwrap()
            .is_none()
    );
    w.store
        .create_session(&[3; 32], w.user, w.org, NOW + 99, NOW + 10)
        .await
        .unwrap();
    assert!(
        !w.store.delete_session(&[1; 32]).await.unwrap(),
        "expired ones are dropped"
    );
    assert!(w.store.delete_session(&[2; 32]).await.unwrap());
    assert!(
        w.store
            .find_actor_by_session_hash(&[2; 32], NOW)
            .await
            .unwrap()
            .is_none()
    );
    let foreign = w
        .store
        .create_session(&[4; 32], w.user, w.stranger(), NOW + 99, NOW)
        .await;
    assert!(
        foreign.is_err(),
        "no session in an organization one is no member of"
    );
}

pub async fn a_used_token_says_when(w: World) {
    let token = NewApiToken {
        org_id: w.org,
        user_id: w.user,
        name: "script",
        kind: TokenKind::Legacy,
        hash: [1; 32],
        expires_at_ms: None,
    };
    let id = w.store.create_api_token(&token, NOW).await.unwrap();
    let last_use = async || {
        let tokens = w.store.list_api_tokens(w.org, w.user, TokenKind::Legacy);
        tokens.await.unwrap()[0].last_used_at_ms
    };
    assert_eq!(last_use().await, None);
    for (at_ms, expected) in [(NOW + 5, NOW + 5), (NOW + 3, NOW + 5), (NOW + 9, NOW + 9)] {
        w.store.note_token_uses(&[(id, at_ms)]).await.unwrap();
        assert_eq!(last_use().await, Some(expected));
    }
}
