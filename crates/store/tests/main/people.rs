//! Members, invitations and the audit log.

use model::{Role, User, UserId};
use store::{Acceptance, AuditEntry, AuditQuery, MemberChange, NewInvite, NewUser, TokenKind};

use crate::world::{NOW, World};

const PERSON: Acceptance<'_> = Acceptance {
    password_hash: "hash",
    first_name: "Ann",
    last_name: "O",
};

async fn member(w: &World, email: &str, role: Role) -> User {
    let new = NewUser {
        email,
        password_hash: "h",
        first_name: "",
        last_name: "",
        role,
    };
    w.store.create_user(w.org, &new, NOW).await.unwrap()
}

async fn invite(w: &World, hash: u8, email: &str) -> store::Invite {
    invite_by(w, w.user, hash, email).await.unwrap()
}

async fn invite_by(w: &World, maker: UserId, hash: u8, email: &str) -> Option<store::Invite> {
    let new = NewInvite {
        org_id: w.org,
        email,
        role: Role::Annotator,
        hash: [hash; 32],
        created_by: maker,
        expires_at_ms: NOW + 100,
    };
    w.store.create_invite(&new, NOW).await.unwrap()
}

pub async fn an_organization_keeps_an_owner(w: World) {
    let ann = member(&w, "ann@example.com", Role::Manager).await;
    let set = async |user, role| w.store.set_role(w.org, user, role, NOW).await.unwrap();
    assert_eq!(set(w.user, Role::Manager).await, MemberChange::LastOwner);
    let removed = w.store.remove_member(w.org, w.user, NOW).await.unwrap();
    assert_eq!(removed, MemberChange::LastOwner);

    assert_eq!(set(ann.id, Role::Owner).await, MemberChange::Done);
    let (one, other) = tokio::join!(
        w.store.set_role(w.org, ann.id, Role::Annotator, NOW),
        w.store.set_role(w.org, w.user, Role::Annotator, NOW),
    );
    let mut ends = [one.unwrap(), other.unwrap()];
    ends.sort_by_key(|end| *end == MemberChange::LastOwner);
    assert_eq!(ends, [MemberChange::Done, MemberChange::LastOwner]);

    let stranger = w
        .store
        .set_role(w.stranger(), ann.id, Role::Owner, NOW)
        .await;
    assert_eq!(stranger.unwrap(), MemberChange::NoMember);
    let stranger = w.store.remove_member(w.stranger(), ann.id, NOW).await;
    assert_eq!(stranger.unwrap(), MemberChange::NoMember);
}

pub async fn a_removed_member_is_out_at_once(w: World) {
    let ann = member(&w, "ann@example.com", Role::Manager).await;
    w.store
        .create_session(&[9; 32], ann.id, w.org, NOW + 100, NOW)
        .await
        .unwrap();
    let session = async || {
        w.store
            .find_actor_by_session_hash(&[9; 32], NOW)
            .await
            .unwrap()
    };
    assert_eq!(session().await.unwrap().role, Role::Manager);
    w.store
        .set_role(w.org, ann.id, Role::ReadOnly, NOW)
        .await
        .unwrap();
    assert_eq!(session().await.unwrap().role, Role::ReadOnly);
    let removed = w.store.remove_member(w.org, ann.id, NOW).await.unwrap();
    assert_eq!(removed, MemberChange::Done);
    assert!(session().await.is_none());
    assert!(
        w.store
            .find_login("ann@example.com")
            .await
            .unwrap()
            .is_none()
    );

    // The same e-mail, invited again, is the same person.
    invite(&w, 1, "Ann@example.com").await;
    let back = w.store.accept_invite(&[1; 32], &PERSON, NOW).await.unwrap();
    assert_eq!(back.unwrap().id, ann.id);
    let login = w
        .store
        .find_login("ann@example.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (login.password_hash.as_str(), login.user.role),
        ("hash", Role::Annotator)
    );
}

pub async fn sessions_and_personal_tokens_end_everywhere(w: World) {
    for (hash, kind) in [(1, TokenKind::Legacy), (2, TokenKind::Refresh)] {
        let token = store::NewApiToken {
            org_id: w.org,
            user_id: w.user,
            name: "",
            kind,
            hash: [hash; 32],
            expires_at_ms: None,
        };
        w.store.create_api_token(&token, NOW).await.unwrap();
    }
    let session = [9; 32];
    w.store
        .create_session(&session, w.user, w.org, NOW + 100, NOW)
        .await
        .unwrap();
    w.store.end_sessions(w.org, w.user, NOW).await.unwrap();
    let found = w.store.find_actor_by_session_hash(&session, NOW).await;
    assert!(found.unwrap().is_none());
    let token = async |hash: u8| {
        let found = w.store.find_actor_by_token_hash(&[hash; 32], NOW).await;
        found.unwrap().is_some()
    };
    assert!(token(1).await, "API tokens stay");
    assert!(!token(2).await);
}

pub async fn an_invitation_is_accepted_once(w: World) {
    invite(&w, 1, "ann@example.com").await;
    let two = tokio::join!(
        w.store.accept_invite(&[1; 32], &PERSON, NOW),
        w.store.accept_invite(&[1; 32], &PERSON, NOW),
    );
    let accepted = [two.0.unwrap(), two.1.unwrap()];
    assert_eq!(accepted.iter().flatten().count(), 1);
    assert!(w.store.find_invite(&[1; 32], NOW).await.unwrap().is_none());

    invite(&w, 2, "ann@example.com").await;
    let taken = w.store.accept_invite(&[2; 32], &PERSON, NOW).await;
    assert!(taken.unwrap_err().is_conflict());
    let still = w.store.find_invite(&[2; 32], NOW).await.unwrap();
    assert!(still.is_some(), "a failed acceptance uses nothing up");

    let third = invite(&w, 3, "ben@example.com").await;
    assert!(
        !w.store
            .revoke_invite(w.stranger(), third.id, NOW)
            .await
            .unwrap()
    );
    assert_eq!(w.store.list_invites(w.org, NOW).await.unwrap().len(), 2);
    assert!(w.store.revoke_invite(w.org, third.id, NOW).await.unwrap());
    assert!(!w.store.revoke_invite(w.org, third.id, NOW).await.unwrap());
    let revoked = w.store.accept_invite(&[3; 32], &PERSON, NOW).await;
    assert!(revoked.unwrap().is_none());

    invite(&w, 4, "cat@example.com").await;
    let late = w.store.accept_invite(&[4; 32], &PERSON, NOW + 100).await;
    assert!(late.unwrap().is_none());
    assert!(
        w.store
            .list_invites(w.org, NOW + 100)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn invitations_end_with_their_makers_rights(w: World) {
    let link = async |hash: u8| w.store.find_invite(&[hash; 32], NOW).await.unwrap();
    let listed = async || w.store.list_invites(w.org, NOW).await.unwrap();
    invite(&w, 9, "stays@example.com").await;

    let ann = member(&w, "ann@example.com", Role::Owner).await;
    let made = invite_by(&w, ann.id, 1, "one@example.com").await.unwrap();
    assert_eq!(made.created_by_email, "ann@example.com");
    assert_eq!(link(1).await.unwrap(), made);
    let demoted = w.store.set_role(w.org, ann.id, Role::Manager, NOW).await;
    assert_eq!(demoted.unwrap(), MemberChange::Done);
    assert!(link(1).await.is_none());
    let accepted = w.store.accept_invite(&[1; 32], &PERSON, NOW).await;
    assert!(accepted.unwrap().is_none());
    assert!(invite_by(&w, ann.id, 2, "two@example.com").await.is_none());
    assert!(link(2).await.is_none());
    // An owner again: what ended stays over.
    let again = w.store.set_role(w.org, ann.id, Role::Owner, NOW).await;
    assert_eq!(again.unwrap(), MemberChange::Done);
    assert!(link(1).await.is_none());

    invite_by(&w, ann.id, 3, "three@example.com").await.unwrap();
    let (removed, accepted) = tokio::join!(
        w.store.remove_member(w.org, ann.id, NOW),
        w.store.accept_invite(&[3; 32], &PERSON, NOW),
    );
    assert_eq!(removed.unwrap(), MemberChange::Done);
    // Whichever came first, nothing of hers is open now.
    assert!(accepted.is_ok() && link(3).await.is_none());
    let open: Vec<String> = listed().await.into_iter().map(|i| i.email).collect();
    assert_eq!(open, ["stays@example.com"]);
}

pub async fn the_audit_log_is_searched_and_paged(w: World) {
    let entry = |number: u8, action, detail: &str| AuditEntry {
        event_id: format!("00000000-0000-7000-8000-0000000000{number:02}"),
        at_ms: NOW + i64::from(number),
        org_id: w.org,
        actor: (number != 2).then_some(w.user),
        action,
        subject: format!("task/{number}"),
        detail: detail.to_owned(),
    };
    w.store
        .record_audit(&[
            entry(1, "blob.sign", r#"{"blob":"a_b.png \u00fc '"}"#),
            entry(2, "blob.read", r#"{"blob":"axb.png"}"#),
            entry(3, "blobs.other", "{}"),
        ])
        .await
        .unwrap();
    let found = async |query: AuditQuery| -> Vec<String> {
        let query = AuditQuery { limit: 10, ..query };
        let records = w.store.list_audit(w.org, &query).await.unwrap();
        records.into_iter().map(|record| record.subject).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    for (query, expected) in [
        (AuditQuery::default(), vec!["task/3", "task/2", "task/1"]),
        (
            AuditQuery {
                search: text("A_B"),
                ..Default::default()
            },
            vec!["task/1"],
        ),
        (
            AuditQuery {
                search: text("%"),
                ..Default::default()
            },
            vec![],
        ),
        (
            AuditQuery {
                search: text("owner@EXAMPLE"),
                ..Default::default()
            },
            vec!["task/3", "task/1"],
        ),
        (
            AuditQuery {
                subject: text("task/2"),
                ..Default::default()
            },
            vec!["task/2"],
        ),
        (
            AuditQuery {
                subject: text("task"),
                since_ms: Some(NOW + 2),
                until_ms: Some(NOW + 3),
                ..Default::default()
            },
            vec!["task/2"],
        ),
        (
            AuditQuery {
                subject: text("tas"),
                ..Default::default()
            },
            vec![],
        ),
        (
            AuditQuery {
                action: text("blob"),
                ..Default::default()
            },
            vec!["task/2", "task/1"],
        ),
        (
            AuditQuery {
                action: text("blob.read"),
                ..Default::default()
            },
            vec!["task/2"],
        ),
        (
            AuditQuery {
                actor: Some(w.user),
                ..Default::default()
            },
            vec!["task/3", "task/1"],
        ),
        (
            AuditQuery {
                since_ms: Some(NOW + 3),
                ..Default::default()
            },
            vec!["task/3"],
        ),
        (
            AuditQuery {
                event_id: text("00000000-0000-7000-8000-000000000002"),
                ..Default::default()
            },
            vec!["task/2"],
        ),
    ] {
        assert_eq!(found(query.clone()).await, expected, "{query:?}");
    }
    let first = AuditQuery {
        limit: 1,
        ..Default::default()
    };
    let newest = w.store.list_audit(w.org, &first).await.unwrap().remove(0);
    assert_eq!(newest.actor_email.as_deref(), Some("owner@example.com"));
    let next = AuditQuery {
        before_id: Some(newest.id),
        ..Default::default()
    };
    assert_eq!(found(next).await, ["task/2", "task/1"]);
    let other = AuditQuery {
        limit: 10,
        ..Default::default()
    };
    assert!(
        w.store
            .list_audit(w.stranger(), &other)
            .await
            .unwrap()
            .is_empty()
    );
}
