//! Members, invitations, sessions, tokens and the audit log, as people and scripts meet them.

use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Longshore, Person, Role, Settings, eventually};

use crate::world::{IMAGE_CONFIG, World};

/// Names one blob that nobody has.
const MARKED: &str = "last-one";

/// What a page shows once: a token, or a link.
fn shown_once(page: &Answer) -> anyhow::Result<String> {
    let rest = page.text.split("<code class=\"secret\">").nth(1);
    let secret = rest.and_then(|rest| rest.split('<').next());
    Ok(secret.context("nothing is shown")?.to_owned())
}

/// Invites a person on the members page; the link's path.
pub async fn invited(owner: &Person<'_>, email: &str, role: &str) -> anyhow::Result<String> {
    let page = owner
        .post(
            "/settings/members/invite",
            &[("email", email), ("role", role)],
        )
        .await?;
    let link = shown_once(&page)?;
    let path = link.find("/invite/").map(|at| link[at..].to_owned());
    path.with_context(|| link.clone())
}

pub async fn member_id(longshore: &Longshore, email: &str) -> anyhow::Result<i64> {
    let members = longshore.get("/api/members").await?.expect(200)?;
    let mut members = members.as_array().context("members")?.iter();
    let member = members.find(|member| member["email"] == email);
    member.context("no such member")?["id"]
        .as_i64()
        .context("id")
}

pub async fn status_with(longshore: &Longshore, token: &str) -> anyhow::Result<u16> {
    let request = longshore
        .anonymous(Method::GET, "/api/current-user/whoami")
        .header("Authorization", format!("Token {token}"));
    Ok(Longshore::answer(request).await?.status)
}

async fn audit(longshore: &Longshore, query: &str) -> anyhow::Result<Vec<Value>> {
    let entries = longshore.get(&format!("/api/audit?{query}")).await?;
    Ok(entries.expect(200)?.as_array().context("entries")?.clone())
}

#[tokio::test]
async fn a_person_is_invited_works_and_is_removed() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let owner = Person::owner(longshore).await?;
    let link = invited(&owner, "Ann@Example.com", "annotator").await?;

    let ann = Person::stranger(longshore);
    let page = ann.get(&link).await?;
    assert!(page.text.contains("ann@example.com"), "{}", page.text);
    let short = ann.post(&link, &[("password", "short")]).await?;
    assert_eq!(short.status, 400);
    assert!(short.text.contains("at least 8 characters"));
    let fields = [("first_name", "<b>Ann</b>"), ("password", "ann's password")];
    let joined = ann.post(&link, &fields).await?;
    assert_eq!(joined.status, 303, "{}", joined.text);
    let cookie = joined.headers["set-cookie"].to_str()?;
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(ann.get("/").await?.status, 200);

    // The link works once, and an annotator sees nothing of owners.
    let again = Person::stranger(longshore).get(&link).await?;
    assert_eq!(again.status, 404);
    assert!(again.text.contains("Ask an owner"), "{}", again.text);
    assert_eq!(ann.get("/settings/members").await?.status, 403);
    assert_eq!(ann.get("/settings/audit").await?.status, 403);
    let settings = ann.get("/settings").await?.text;
    assert!(settings.contains("/settings/tokens") && !settings.contains("/settings/members"));

    let made = ann
        .post(
            "/settings/tokens",
            &[("name", "my script"), ("expires_in_days", "1")],
        )
        .await?;
    let token = shown_once(&made)?;
    assert_eq!(status_with(longshore, &token).await?, 200);
    let tokens = ann.get("/settings/tokens").await?.text;
    assert!(tokens.contains("my script") && !tokens.contains(&token));

    let members = owner.get("/settings/members").await?.text;
    assert!(members.contains("&#60;b&#62;Ann"), "{members}");
    let id = member_id(longshore, "ann@example.com").await?;
    let role = format!("/settings/members/{id}/role");
    assert_eq!(owner.post(&role, &[("role", "manager")]).await?.status, 303);
    let whoami = ann.get("/api/current-user/whoami").await?.expect(200)?;
    assert_eq!(whoami["role"], "manager", "from the next request on");

    let remove = format!("/settings/members/{id}/remove");
    assert_eq!(owner.post(&remove, &[]).await?.status, 303);
    assert_eq!(ann.get("/").await?.status, 303, "to the sign-in page");
    assert_eq!(status_with(longshore, &token).await?, 401);

    let actions: Vec<String> = audit(longshore, "search=ann@example.com")
        .await?
        .iter()
        .map(|entry| entry["action"].as_str().unwrap_or_default().to_owned())
        .collect();
    for action in [
        "member.remove",
        "member.role",
        "token.create",
        "invite.accept",
        "invite.create",
    ] {
        assert!(
            actions.iter().any(|found| found == action),
            "{action} in {actions:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn who_is_removed_sees_nothing_more_of_what_is_live() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let project = world.project(IMAGE_CONFIG).await?;
    let owner = Person::owner(longshore).await?;
    let link = invited(&owner, "ann@example.com", "annotator").await?;
    let ann = Person::stranger(longshore);
    let joined = ann.post(&link, &[("password", "ann's password")]).await?;
    let cookie = joined.headers["set-cookie"].to_str()?.to_owned();
    let session = cookie.split(';').next().context("a cookie")?;
    let live = || {
        longshore
            .anonymous(Method::GET, &format!("/projects/{project}/events"))
            .header("Cookie", session)
    };

    let mut stream = live().send().await?;
    assert_eq!(stream.status(), 200);
    let first = stream.chunk().await?.context("the part as it is")?;
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.contains("No tasks yet"), "{first}");

    let id = member_id(longshore, "ann@example.com").await?;
    let remove = format!("/settings/members/{id}/remove");
    assert_eq!(owner.post(&remove, &[]).await?.status, 303);
    let ended = async {
        while let Some(more) = stream.chunk().await? {
            anyhow::ensure!(!more.starts_with(b"data:"), "{more:?} after the end");
        }
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await??;
    assert_eq!(Longshore::answer(live()).await?.status, 401);

    // A part of a page, which htmx asks for, leads the whole page to the sign-in page and back.
    let part = longshore
        .anonymous(Method::POST, "/storages/1/sync")
        .header("Cookie", session)
        .header("HX-Request", "true")
        .header(
            "HX-Current-URL",
            "https://elsewhere.example/projects/1?page=2",
        );
    let part = Longshore::answer(part).await?;
    assert_eq!(part.status, 401);
    let sign_in = part.headers["hx-redirect"].to_str()?;
    assert_eq!(sign_in, "/user/login?next=%2Fprojects%2F1%3Fpage%3D2");
    Ok(())
}

#[tokio::test]
async fn the_last_owner_stays() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let id = member_id(longshore, Longshore::EMAIL).await?;
    let path = format!("/api/members/{id}");
    let demoted = longshore.patch(&path, &json!({"role": "manager"})).await?;
    assert_eq!(demoted.status, 409, "{}", demoted.text);
    assert!(demoted.text.contains("only owner"));
    assert_eq!(longshore.delete(&path).await?.status, 409);
    assert_eq!(longshore.delete("/api/members/99999").await?.status, 404);
    let unknown = longshore.patch(&path, &json!({"role": "king"})).await?;
    assert_eq!(unknown.status, 400);
    Ok(())
}

#[tokio::test]
async fn sessions_rotate_and_end_everywhere() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let cookie_of = |answer: &Answer| -> anyhow::Result<String> {
        let cookie = answer.headers["set-cookie"].to_str()?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    };
    let sign_in = async |old: &str| {
        let request = longshore
            .anonymous(Method::POST, "/user/login")
            .header("Origin", &longshore.url)
            .header("Cookie", old)
            .form(&[
                ("email", Longshore::EMAIL),
                ("password", Longshore::PASSWORD),
            ]);
        Longshore::answer(request).await
    };
    let home = async |cookie: &str| -> anyhow::Result<u16> {
        let request = longshore
            .anonymous(Method::GET, "/")
            .header("Cookie", cookie);
        Ok(Longshore::answer(request).await?.status)
    };
    let first = cookie_of(&sign_in("").await?)?;
    let second = cookie_of(&sign_in(&first).await?)?;
    assert_ne!(first, second);
    assert_eq!(home(&first).await?, 303, "signing in again ended it");
    let third = cookie_of(&sign_in("").await?)?;
    assert_eq!((home(&second).await?, home(&third).await?), (200, 200));

    let everywhere = |origin: String| {
        longshore
            .anonymous(Method::POST, "/settings/account/sign-out-everywhere")
            .header("Origin", origin)
            .header("Cookie", &second)
    };
    let forged = Longshore::answer(everywhere("https://evil.example".to_owned())).await?;
    assert_eq!(forged.status, 403);
    assert_eq!(home(&third).await?, 200);
    let ended = Longshore::answer(everywhere(longshore.url.clone())).await?;
    assert_eq!(ended.status, 303);
    assert_eq!((home(&second).await?, home(&third).await?), (303, 303));

    let owner = Person::owner(longshore).await?;
    let other = Person::owner(longshore).await?;
    let change = async |current: &str| {
        let fields = [
            ("current_password", current),
            ("password", "another password"),
        ];
        owner.post("/settings/account/password", &fields).await
    };
    let wrong = change("wrong").await?;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text.contains("not your current password"),
        "{}",
        wrong.text
    );
    assert_eq!(change(Longshore::PASSWORD).await?.status, 303);
    assert_eq!(owner.get("/").await?.status, 200, "this session goes on");
    assert_eq!(other.get("/").await?.status, 303, "the others have ended");
    Ok(())
}

#[tokio::test]
async fn guessing_is_slowed_down() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let stranger = Person::stranger(longshore);
    let guess = async |password: &str| {
        let fields = [("email", Longshore::EMAIL), ("password", password)];
        stranger.post("/user/login", &fields).await
    };
    for _ in 0..8 {
        assert_eq!(guess("a wrong one").await?.status, 401);
    }
    let limited = guess(Longshore::PASSWORD).await?;
    assert_eq!(limited.status, 429, "even with the right one");
    assert!(limited.text.contains("Try again in"), "{}", limited.text);

    for _ in 0..100 {
        assert_eq!(status_with(longshore, "no such token").await?, 401);
    }
    assert_eq!(status_with(longshore, "no such token").await?, 429);
    // A script with an old token stops itself only; who tries many is stopped altogether.
    assert_eq!(status_with(longshore, Longshore::TOKEN).await?, 200);
    for number in 0..99 {
        status_with(longshore, &format!("guess {number}")).await?;
    }
    assert_eq!(status_with(longshore, "one more").await?, 429);
    Ok(())
}

#[tokio::test]
async fn a_signed_url_carries_the_audit_entry_that_tells_of_it() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (azure, longshore) = (&world.azure, &world.longshore);
    world.container("media", &[("a b.png", "image")]).await?;
    let app = azure.create_app(&world.tenant, "reader", false).await?;
    let secret = azure.add_secret(&app).await?;
    let principal = azure.consent(&world.tenant, &app).await?;
    for (role, scope) in [
        (Role::DataReader, world.account.container_scope("media")),
        (Role::Delegator, world.account.scope.clone()),
    ] {
        azure.assign_role(&principal, role, &scope).await?;
    }
    let project = world.project(IMAGE_CONFIG).await?;
    let body = json!({
        "project": project, "account_name": world.account.name, "container": "media",
        "tenant_id": world.tenant, "client_id": app.client_id, "client_secret": secret,
        "use_blob_urls": true, "presign": true,
    });
    let storage = world.storage("/api/storages/azure_spi", &body).await?;
    world.sync(&storage).await?;
    let task = world.tasks(project).await?.remove(0);
    let media = task["data"]["image"].as_str().context("media")?;
    let signed = longshore.get(media).await?;
    assert_eq!(signed.status, 303, "{}", signed.text);
    let url = signed.headers["location"].to_str()?;
    let scid = url
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("scid="))
        .context("scid")?;
    let read = azure.browse(url).await?;
    assert_eq!(read.status(), 200, "Azure takes the signature with it");

    let entries = audit(longshore, &format!("event_id={scid}")).await?;
    let [entry] = entries.as_slice() else {
        anyhow::bail!("{entries:?}");
    };
    assert_eq!(entry["action"], "blob.sign");
    assert_eq!(entry["email"], Longshore::EMAIL);
    assert_eq!(entry["subject"], format!("task/{}", task["id"]));
    let blob = entry["detail"]["blob"].as_str().context("blob")?;
    assert!(blob.ends_with("/media/a%20b.png"), "{blob}");
    assert!(!entry.to_string().contains("sig="), "{entry}");
    Ok(())
}

#[tokio::test]
async fn the_audit_log_survives_a_kill_and_is_exported_whole() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let body = json!({"project": project, "data": {"image": "none"}});
    let task = world
        .longshore
        .post("/api/tasks", &body)
        .await?
        .expect(201)?;
    let path = format!(
        "/tasks/{}/resolve?fileuri=https%3A%2F%2Fevil.example%2Fx",
        task["id"]
    );
    for _ in 0..1_100 {
        assert_eq!(world.longshore.get(&path).await?.status, 404);
        world
            .longshore
            .post("/api/tasks", &body)
            .await?
            .expect(201)?;
    }
    // Written by itself, soon: another process finds it in the database.
    let settings = Settings {
        data_dir: Some(world.longshore.data_dir.clone()),
        role: Some("api"),
        ..Settings::default()
    };
    let replica = Longshore::start(&world.azure.endpoints.cloud_file, settings)?;
    let last = format!("action=blob&search={MARKED}&limit=1");
    world.longshore.get(&format!("{path}{MARKED}")).await?;
    eventually("the last entry", Duration::from_secs(10), async || {
        Ok(audit(&replica, &last).await?.pop())
    })
    .await?;
    drop(replica);
    // What is only counted is in memory for seconds; who reads the log has it written first.
    audit(&world.longshore, "limit=1").await?;
    world.longshore.crash_and_restart()?;
    let lines = async |action: &str| {
        let path = format!("/api/audit/export?action={action}");
        let export = world.longshore.get(&path).await?;
        assert_eq!(export.headers["content-type"], "application/x-ndjson");
        let lines = export.text.lines().map(serde_json::from_str);
        anyhow::Ok(lines.collect::<Result<Vec<Value>, _>>()?)
    };
    let refused = lines("blob").await?;
    let counts = refused
        .iter()
        .map(|line| line["detail"]["count"].as_i64().unwrap_or(1));
    assert_eq!(counts.sum::<i64>(), 1_101, "each is told or counted");
    assert!(refused.len() < 100, "{} entries", refused.len());
    assert!(refused.iter().all(|line| line["action"] == "blob.refuse"));
    let lines = lines("task.create").await?;
    assert_eq!(lines.len(), 1_101);
    let ids: Vec<_> = lines
        .iter()
        .filter_map(|line| line["id"].as_i64())
        .collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    let page = Person::owner(&world.longshore).await?;
    let refused = page.get("/settings/audit?search=EVIL.example").await?;
    assert!(refused.text.contains("Was refused a blob"));
    let created = page.get("/settings/audit?action=task.create").await?;
    assert!(created.text.contains("Created a task") && created.text.contains("Older"));
    Ok(())
}
