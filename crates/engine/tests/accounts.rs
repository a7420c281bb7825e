//! Signing in, sessions and API tokens.

use engine::{Error, NewMember, SESSION_MS};
use model::{Permission, Role, Secret};

use crate::world::{World, first_owner, invalid, is_not_found};

fn reason<T: std::fmt::Debug>(result: engine::Result<T>) -> String {
    match result {
        Err(Error::Unauthenticated { reason }) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn the_first_owner_is_made_once_and_signs_in() {
    let world = World::start().await;
    assert_eq!(
        world.engine.bootstrap_owner(&first_owner()).await.unwrap(),
        None
    );
    let password = Secret::new("correct horse");
    let (session, actor) = world
        .engine
        .sign_in(" OWNER@example.com", &password)
        .await
        .unwrap();
    assert_eq!(actor, world.owner);
    assert_eq!(
        world
            .engine
            .authenticate_session(session.expose())
            .await
            .unwrap(),
        actor
    );
    let whoami = world.engine.whoami(&actor).await.unwrap();
    assert_eq!(
        (whoami.user.email.as_str(), whoami.organization.as_str()),
        ("owner@example.com", "Harbour")
    );

    world.engine.sign_out(session.expose()).await.unwrap();
    world.engine.sign_out(session.expose()).await.unwrap();
    reason(world.engine.authenticate_session(session.expose()).await);

    let (session, _) = world
        .engine
        .sign_in("owner@example.com", &password)
        .await
        .unwrap();
    world.clock.advance_ms(SESSION_MS + 1);
    reason(world.engine.authenticate_session(session.expose()).await);
}

#[tokio::test]
async fn a_wrong_email_and_a_wrong_password_look_alike() {
    let world = World::start().await;
    let wrong = Secret::new("wrong horse!");
    let by_password = reason(world.engine.sign_in("owner@example.com", &wrong).await);
    let by_email = reason(world.engine.sign_in("nobody@example.com", &wrong).await);
    assert_eq!(by_password, by_email);
}

#[tokio::test]
async fn members_are_added_by_owners_only() {
    let world = World::start().await;
    let member = |email: &str, password: &str| NewMember {
        email: email.to_owned(),
        password: Secret::new(password),
        first_name: "An".to_owned(),
        last_name: "Notator".to_owned(),
        role: Role::Annotator,
    };
    let made = world
        .engine
        .create_user(&world.owner, &member("an@example.com", "long enough"))
        .await
        .unwrap();
    assert_eq!(made.org_id, world.owner.org_id);
    let (_, annotator) = world
        .engine
        .sign_in("an@example.com", &Secret::new("long enough"))
        .await
        .unwrap();
    let denied = world
        .engine
        .create_user(&annotator, &member("b@example.com", "long enough"))
        .await;
    assert!(matches!(
        denied,
        Err(Error::Denied {
            permission: Permission::ManageOrganization
        })
    ));
    for (email, password, said) in [
        (
            "An@Example.com",
            "long enough",
            "email: A user with this e-mail",
        ),
        ("no address", "long enough", "email: Enter a valid"),
        (
            "c@example.com",
            "short",
            "password: Please enter a password of at least 8",
        ),
    ] {
        let wrong = invalid(
            world
                .engine
                .create_user(&world.owner, &member(email, password))
                .await,
        );
        assert!(wrong[0].starts_with(said), "{wrong:?}");
    }
    let stranger = world.stranger().await;
    assert!(is_not_found(
        &world.engine.get_user(&stranger, made.id).await
    ));
}

#[tokio::test]
async fn legacy_tokens() {
    let world = World::start().await;
    let engine = &world.engine;
    assert_eq!(
        engine
            .authenticate_token("fixed-token-of-the-first-owner")
            .await
            .unwrap(),
        world.owner
    );
    let token = engine.create_legacy_token(&world.owner).await.unwrap();
    assert_eq!(token.expose().len(), 40);
    assert!(token.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(
        engine.authenticate_token(token.expose()).await.unwrap(),
        world.owner
    );
    for wrong in ["", "0123456789012345678901234567890123456789"] {
        assert_eq!(
            reason(engine.authenticate_token(wrong).await),
            "Invalid token."
        );
    }
}

#[tokio::test]
async fn personal_access_tokens_refresh_rotate_and_are_revoked() {
    let world = World::start().await;
    let engine = &world.engine;
    let refresh = engine.create_refresh_token(&world.owner).await.unwrap();
    let access = engine.refresh_access(refresh.expose()).await.unwrap();
    assert_eq!(
        engine
            .authenticate_access_token(access.expose())
            .await
            .unwrap(),
        world.owner
    );
    // None of the three works in another's place.
    reason(engine.authenticate_access_token(refresh.expose()).await);
    reason(engine.refresh_access(access.expose()).await);
    reason(engine.authenticate_token(refresh.expose()).await);
    assert_eq!(
        reason(engine.refresh_access("garbage").await),
        "Token is invalid"
    );

    let listed = engine.list_refresh_tokens(&world.owner).await.unwrap();
    let (unsigned, _) = refresh.expose().rsplit_once('.').unwrap();
    assert_eq!(listed, [unsigned]);
    reason(engine.refresh_access(unsigned).await);

    let rotated = engine.rotate_refresh(refresh.expose()).await.unwrap();
    assert_eq!(
        reason(engine.refresh_access(refresh.expose()).await),
        "Token is blacklisted"
    );
    assert_eq!(
        reason(engine.rotate_refresh(refresh.expose()).await),
        "Token is blacklisted"
    );
    // The access token made from the old one ends with it.
    reason(engine.authenticate_access_token(access.expose()).await);

    let access = engine.refresh_access(rotated.expose()).await.unwrap();
    let (unsigned, _) = rotated.expose().rsplit_once('.').unwrap();
    let stranger = world.stranger().await;
    assert!(is_not_found(
        &engine.blacklist_refresh(&stranger, unsigned).await
    ));
    engine
        .authenticate_access_token(access.expose())
        .await
        .unwrap();
    engine
        .blacklist_refresh(&world.owner, unsigned)
        .await
        .unwrap();
    reason(engine.authenticate_access_token(access.expose()).await);
    assert_eq!(
        engine.list_refresh_tokens(&world.owner).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn an_access_token_lives_five_minutes_and_cannot_be_forged() {
    let world = World::start().await;
    let engine = &world.engine;
    let refresh = engine.create_refresh_token(&world.owner).await.unwrap();
    let access = engine.refresh_access(refresh.expose()).await.unwrap();
    world.clock.advance_ms(4 * 60_000 + 50_000);
    engine
        .authenticate_access_token(access.expose())
        .await
        .unwrap();
    world.clock.advance_ms(20_000);
    reason(engine.authenticate_access_token(access.expose()).await);

    let fresh = engine.refresh_access(refresh.expose()).await.unwrap();
    let parts: Vec<&str> = fresh.expose().split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for forged in [
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(43)),
    ] {
        reason(engine.authenticate_access_token(&forged).await);
    }
    world.clock.advance_ms(366 * 24 * 3_600_000);
    assert_eq!(
        reason(engine.refresh_access(refresh.expose()).await),
        "Token is invalid"
    );
}
