//! Members who sign in with Entra ID.

use serde_json::{Value, json};
use testkit::{Answer, Longshore, Person};

use super::Stage;

const CONNECT: &str = "Sign in with Entra ID from now on";

/// Begins on the account page, and signs in at Entra ID; where the browser is sent back to.
async fn connecting(stage: &Stage, person: &Person<'_>, who: &str) -> anyhow::Result<String> {
    let answer = person.post("/settings/account/entra", &[]).await?;
    let page = person.follow(answer).await?.away()?;
    stage.answer(&page, who, "sign_in").await
}

/// Begins on the sign-in page, and signs in at Entra ID; where the browser is sent back to.
async fn signing_in(stage: &Stage, person: &Person<'_>, who: &str) -> anyhow::Result<String> {
    let answer = person
        .get("/user/login/entra?next=/settings/account")
        .await?;
    let cookie = answer.headers["set-cookie"].to_str()?;
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let page = person.follow(answer).await?.away()?;
    stage.answer(&page, who, "sign_in").await
}

async fn back(person: &Person<'_>, location: &str) -> anyhow::Result<Answer> {
    person.come_back(location).await?.here()
}

async fn is_out(person: &Person<'_>) -> anyhow::Result<bool> {
    Ok(person.get("/settings/account").await?.status == 303)
}

#[tokio::test]
async fn a_member_signs_in_with_the_identity_that_they_connected() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let longshore = &stage.world.longshore;
    let owner = stage.owner().await?;
    assert!(owner.get("/settings/account").await?.text.contains(CONNECT));
    let location = connecting(&stage, &owner, &stage.mel).await?;
    let account = back(&owner, &location).await?;
    assert_eq!(account.status, 200, "{}", account.text);
    assert!(account.text.contains(&stage.mel) && !account.text.contains(CONNECT));
    assert!(stage.links().await?.is_empty(), "a person, not a tenant");

    owner.post("/user/logout", &[]).await?;
    assert!(is_out(&owner).await?);
    let form = owner.get("/user/login").await?.text;
    assert!(form.contains("Sign in with Entra ID"), "{form}");
    let location = signing_in(&stage, &owner, &stage.mel).await?;
    let page = back(&owner, &location).await?;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains(Longshore::EMAIL), "{}", page.text);

    let entries = longshore
        .get("/api/audit?search=entra")
        .await?
        .expect(200)?;
    let entries = entries.as_array().cloned().unwrap_or_default();
    let has = |action: &str| {
        entries
            .iter()
            .any(|entry: &Value| entry["action"] == action)
    };
    assert!(has("entra.connect") && has("session.start"), "{entries:?}");

    // A person of the same tenant, and one of another with any name, are nobody here.
    for who in [&stage.ada, &stage.eve] {
        let stranger = Person::stranger(longshore);
        let location = signing_in(&stage, &stranger, who).await?;
        let page = back(&stranger, &location).await?;
        assert_eq!(page.status, 401, "{}", page.text);
        assert!(page.text.contains("No member signs in here as"));
        assert!(is_out(&stranger).await?);
    }

    let removed = owner.post("/settings/account/entra/remove", &[]).await?;
    assert_eq!(removed.status, 303);
    let gone = Person::stranger(longshore);
    let location = signing_in(&stage, &gone, &stage.mel).await?;
    assert_eq!(back(&gone, &location).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn an_identity_is_one_members_and_ends_with_the_membership() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let longshore = &stage.world.longshore;
    let (email, password) = stage.second_owner()?;
    let other = Person::sign_in(longshore, &email, &password).await?;
    let location = connecting(&stage, &other, &stage.mel).await?;
    assert_eq!(back(&other, &location).await?.status, 200);

    let owner = stage.owner().await?;
    let location = connecting(&stage, &owner, &stage.mel).await?;
    let page = back(&owner, &location).await?;
    assert_eq!(page.status, 409, "{}", page.text);

    let members = longshore.get("/api/members").await?.expect(200)?;
    let member = members.as_array().and_then(|members| {
        let mut members = members.iter();
        members.find(|member| member["email"] == json!(email))
    });
    let id = &member.expect("the second owner")["id"];
    longshore.delete(&format!("/api/members/{id}")).await?;
    let location = signing_in(&stage, &other, &stage.mel).await?;
    assert_eq!(back(&other, &location).await?.status, 401);
    assert!(is_out(&other).await?);
    Ok(())
}

#[tokio::test]
async fn a_sign_in_counts_once_in_its_own_browser_and_for_work_accounts() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let longshore = &stage.world.longshore;
    let owner = stage.owner().await?;
    let elsewhere = stage.owner().await?;

    // Connecting: a planted answer would make the attacker's identity sign the victim in.
    let location = connecting(&stage, &owner, &stage.mel).await?;
    assert_eq!(back(&elsewhere, &location).await?.status, 400);
    assert_eq!(back(&owner, &location).await?.status, 200);
    assert_eq!(back(&owner, &location).await?.status, 400);
    let account = elsewhere
        .post("/settings/account/entra/remove", &[])
        .await?;
    assert_eq!(account.status, 303);
    let location = connecting(&stage, &owner, &stage.mel).await?;
    assert_eq!(back(&owner, &location).await?.status, 200);

    // Signing in: the same, in browsers without a session.
    let person = Person::stranger(longshore);
    let location = signing_in(&stage, &person, &stage.mel).await?;
    let stranger = Person::stranger(longshore);
    let page = back(&stranger, &location).await?;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("not begun in this browser"));
    assert!(is_out(&stranger).await?);
    assert_eq!(back(&person, &location).await?.status, 200);
    assert_eq!(back(&person, &location).await?.status, 400, "replayed");

    let who = "pat@outlook.example";
    let personal = json!({"email": who});
    let control = stage
        .world
        .azure
        .control(reqwest::Method::POST, "/personal-accounts", &personal);
    control.await?;
    let pat = Person::stranger(longshore);
    let location = signing_in(&stage, &pat, who).await?;
    let page = back(&pat, &location).await?;
    assert!(
        page.status >= 400 && page.text.contains("personal"),
        "{}",
        page.text
    );
    assert!(is_out(&pat).await?);
    Ok(())
}

#[tokio::test]
async fn without_an_app_registration_nothing_is_offered() -> anyhow::Result<()> {
    let world = crate::world::World::start().await?;
    let owner = Person::owner(&world.longshore).await?;
    let account = owner.get("/settings/account").await?;
    assert!(account.status == 200 && !account.text.contains("Entra"));
    let form = Person::stranger(&world.longshore)
        .get("/user/login")
        .await?;
    assert!(form.status == 200 && !form.text.contains("Entra"));
    Ok(())
}
