//! Invitations: they end with their maker's rights, and nobody keeps an address from its person.

use anyhow::Context;
use serde_json::{Value, json};
use testkit::{Answer, Longshore, Person};

use crate::{
    people::{invited, member_id},
    world::World,
};

/// Accepts an invitation.
async fn accept(longshore: &Longshore, link: &str) -> anyhow::Result<Answer> {
    let person = Person::stranger(longshore);
    person.post(link, &[("password", "a long password")]).await
}

/// Another owner, signed in.
async fn second_owner<'a>(
    longshore: &'a Longshore,
    owner: &Person<'_>,
    email: &str,
) -> anyhow::Result<Person<'a>> {
    let link = invited(owner, email, "owner").await?;
    let person = Person::stranger(longshore);
    let joined = person
        .post(&link, &[("password", "a long password")])
        .await?;
    anyhow::ensure!(joined.status == 303, "{}", joined.text);
    Ok(person)
}

async fn open_invites(longshore: &Longshore) -> anyhow::Result<Vec<Value>> {
    let invites = longshore.get("/api/invites").await?.expect(200)?;
    Ok(invites.as_array().context("invites")?.clone())
}

#[tokio::test]
async fn invitations_end_when_their_maker_is_removed_or_no_owner_any_more() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let owner = Person::owner(longshore).await?;
    let stays = invited(&owner, "stays@example.com", "annotator").await?;
    for (who, end) in [
        ("removed@example.com", None),
        ("demoted@example.com", Some("manager")),
        ("reader@example.com", Some("read_only")),
    ] {
        let maker = second_owner(longshore, &owner, who).await?;
        let mut links = Vec::new();
        for role in ["owner", "annotator"] {
            links.push(invited(&maker, &format!("{role}-by-{who}"), role).await?);
        }
        let page = owner.get("/settings/members").await?.text;
        assert!(page.contains(&format!("<td>{who}</td>")), "{page}");
        let made = open_invites(longshore).await?;
        let by = made.iter().filter(|invite| invite["created_by"] == who);
        assert_eq!(by.count(), 2, "{made:?}");

        let path = format!("/api/members/{}", member_id(longshore, who).await?);
        let ended = match end {
            None => longshore.delete(&path).await?.status,
            Some(role) => longshore.patch(&path, &json!({"role": role})).await?.status,
        };
        assert!(matches!(ended, 200 | 204), "{ended}");
        for link in &links {
            let stranger = Person::stranger(longshore);
            assert_eq!(stranger.get(link).await?.status, 404, "{who}");
            assert_eq!(accept(longshore, link).await?.status, 404, "{who}");
        }
        assert_eq!(open_invites(longshore).await?.len(), 1);
        if end.is_some() {
            // Given back, the right brings back nothing that was taken with it.
            let again = longshore.patch(&path, &json!({"role": "owner"})).await?;
            assert_eq!(again.status, 200);
            assert_eq!(accept(longshore, &links[0]).await?.status, 404, "{who}");
        }
    }
    assert_eq!(accept(longshore, &stays).await?.status, 303);
    Ok(())
}

#[tokio::test]
async fn an_address_that_another_organization_took_is_made_free() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let made = longshore.command(&["organization", "create", "Other", "--owner", "b@b.example"])?;
    let made = said(&made);
    let password = made.split_once("The password is ");
    let password = password.and_then(|(_, rest)| rest.split_whitespace().next());
    let other = Person::sign_in(longshore, "b@b.example", password.context("a password")?).await?;
    let taken = invited(&other, "ann@longshore.example", "owner").await?;
    assert_eq!(accept(longshore, &taken).await?.status, 303);
    let waiting = invited(&other, "ben@longshore.example", "owner").await?;

    // Who invites learns nothing of accounts elsewhere; who accepts learns what to do.
    let owner = Person::owner(longshore).await?;
    let link = invited(&owner, "ann@longshore.example", "annotator").await?;
    let refused = accept(longshore, &link).await?;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(
        refused.text.contains("longshore user release"),
        "{}",
        refused.text
    );
    assert!(
        !refused.text.contains("account of another"),
        "{}",
        refused.text
    );

    let unknown = longshore.command(&["user", "release", "nobody@longshore.example"])?;
    assert!(!unknown.status.success());
    let released = longshore.command(&["user", "release", "Ann@longshore.example"])?;
    assert!(released.status.success(), "{}", said(&released));
    let renamed = said(&released);
    let renamed = renamed
        .split_whitespace()
        .find(|word| word.starts_with("released-"))
        .context("the new address")?
        .to_owned();
    assert_eq!(accept(longshore, &link).await?.status, 303);
    let ann = Person::sign_in(longshore, "ann@longshore.example", "a long password").await?;
    let whoami = ann.get("/api/current-user/whoami").await?.expect(200)?;
    assert_eq!(whoami["role"], "annotator");
    // The account that had it goes on in its own organization.
    let before = Person::sign_in(longshore, &renamed, "a long password").await?;
    assert_eq!(before.get("/settings/members").await?.status, 200);
    assert_eq!(accept(longshore, &waiting).await?.status, 303);
    for person in [&owner, &other] {
        let log = person.get("/api/audit?action=member.release").await?;
        let log = log.expect(200)?;
        assert_eq!(log[0]["detail"]["from"], "ann@longshore.example", "{log}");
    }
    Ok(())
}
