//! Limits on guessing, and that what is right goes through whatever strangers do.

use std::fs;

use reqwest::Method;
use serde_json::json;
use testkit::{Answer, Longshore, Person, Settings};

use crate::{
    people::{invited, status_with},
    world::World,
};

const HEADER: &str = "X-Forwarded-For";

/// Behind a proxy that says where a request comes from.
async fn behind_a_proxy() -> anyhow::Result<World> {
    World::with(Settings {
        environment: vec![(
            "LONGSHORE_CLIENT_ADDRESS_HEADER".into(),
            "x-forwarded-for".into(),
        )],
        ..Settings::default()
    })
    .await
}

/// Sends the sign-in form from an address, with a cookie.
async fn sign_in(
    longshore: &Longshore,
    from: &str,
    password: &str,
    cookie: &str,
) -> anyhow::Result<Answer> {
    let request = longshore
        .anonymous(Method::POST, "/user/login")
        .header("Origin", &longshore.url)
        .header(HEADER, from)
        .header("Cookie", cookie)
        .form(&[("email", Longshore::EMAIL), ("password", password)]);
    Longshore::answer(request).await
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all("set-cookie").iter();
    let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

fn log(longshore: &Longshore) -> anyhow::Result<String> {
    Ok(fs::read_to_string(
        longshore.data_dir.join("longshore.log"),
    )?)
}

#[tokio::test]
async fn strangers_at_an_address_refuse_nothing_that_is_right() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let owner = Person::owner(longshore).await?;
    let link = invited(&owner, "ann@example.com", "annotator").await?;
    let refresh = longshore.post("/api/token", &json!({})).await?;
    let refresh = refresh.expect(201)?["token"].clone();

    let stranger = async |path: &str| -> anyhow::Result<u16> {
        let request = longshore.anonymous(Method::GET, path);
        Ok(Longshore::answer(request).await?.status)
    };
    for (path, failed) in [
        ("/invite/x", 404),
        ("/first-run/x", 404),
        ("/connect/azure/callback?state=x", 400),
    ] {
        for _ in 0..100 {
            assert_eq!(stranger(path).await?, failed, "{path}");
        }
        assert_eq!(stranger(path).await?, 429, "{path}");
    }
    for _ in 0..60 {
        assert_ne!(stranger("/user/login/entra").await?, 429);
    }
    assert_eq!(stranger("/user/login/entra").await?, 429);
    for number in 0..100 {
        let token = format!("{number:040}");
        assert_eq!(status_with(longshore, &token).await?, 401);
    }
    assert_eq!(status_with(longshore, &"f".repeat(40)).await?, 429);
    let wrong = json!({"refresh": "no.such.token"});
    let guessed = longshore
        .anonymous(Method::POST, "/api/token/refresh")
        .json(&wrong);
    assert_eq!(Longshore::answer(guessed).await?.status, 429);

    assert_eq!(status_with(longshore, Longshore::TOKEN).await?, 200);
    assert_eq!(owner.get("/").await?.status, 200, "a session");
    let exchanged = longshore
        .anonymous(Method::POST, "/api/token/refresh")
        .json(&json!({"refresh": refresh}));
    assert_eq!(Longshore::answer(exchanged).await?.status, 200);
    let ann = Person::stranger(longshore);
    assert_eq!(ann.get(&link).await?.status, 200, "an invitation");
    let joined = ann.post(&link, &[("password", "ann's password")]).await?;
    assert_eq!(joined.status, 303);
    Person::owner(longshore).await?;
    Ok(())
}

#[tokio::test]
async fn a_hundred_wrong_passwords_lock_nobody_out() -> anyhow::Result<()> {
    let world = behind_a_proxy().await?;
    let longshore = &world.longshore;
    let before = sign_in(longshore, "203.0.113.1", Longshore::PASSWORD, "").await?;
    let known = cookies(&before);
    assert!(known.contains("longshore_browser="), "{known}");
    // The session itself has ended.
    let known = known.split("; ").nth(1).unwrap_or_default();

    for network in 0..13 {
        for _ in 0..8 {
            let from = format!("198.51.100.{network}:4711");
            let wrong = sign_in(longshore, &from, "a wrong one", "").await?;
            assert!(matches!(wrong.status, 401 | 429), "{}", wrong.status);
        }
    }
    let right = async |from: &str, cookie: &str| -> anyhow::Result<u16> {
        let answer = sign_in(longshore, from, Longshore::PASSWORD, cookie).await?;
        Ok(answer.status)
    };
    assert_eq!(right("198.51.100.3:80", "").await?, 429, "it has failed");
    assert_eq!(right("203.0.113.77", "").await?, 303, "it has not");
    assert_eq!(right("[2001:db8::7]:443", "").await?, 303, "nor this one");
    assert_eq!(right("198.51.100.3", known).await?, 303, "a known browser");

    // A known browser has a limit of its own, and a forged cookie is none.
    for _ in 0..8 {
        let wrong = sign_in(longshore, "198.51.100.3", "a wrong one", known).await?;
        assert_eq!(wrong.status, 401);
    }
    assert_eq!(right("198.51.100.3", known).await?, 429);
    let forged = "longshore_browser=a.b.c";
    assert_eq!(right("198.51.100.3", forged).await?, 429);
    Ok(())
}

#[tokio::test]
async fn ones_own_current_password_is_guessed_a_few_times_only() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let owner = Person::owner(longshore).await?;
    let change = async |current: &str, new: &str| -> anyhow::Result<u16> {
        let fields = [("current_password", current), ("password", new)];
        let answer = owner.post("/settings/account/password", &fields).await?;
        Ok(answer.status)
    };
    for _ in 0..20 {
        let short = change(Longshore::PASSWORD, "short").await?;
        assert_eq!(short, 400, "a right one is no guess");
    }
    for _ in 0..8 {
        assert_eq!(change("a wrong one", "another password").await?, 400);
    }
    let limited = change(Longshore::PASSWORD, "another password").await?;
    assert_eq!(limited, 429, "even with the right one");
    Person::owner(longshore).await?;
    Ok(())
}

#[tokio::test]
async fn a_client_is_told_apart_by_what_its_proxy_says() -> anyhow::Result<()> {
    let world = behind_a_proxy().await?;
    let longshore = &world.longshore;
    let guess = async |from: &str, token: String| -> anyhow::Result<u16> {
        let request = longshore
            .anonymous(Method::GET, "/api/current-user/whoami")
            .header(HEADER, from)
            .header("Authorization", format!("Token {token:0>40}"));
        Ok(Longshore::answer(request).await?.status)
    };
    // One client: other ports, and whatever it says that it was before.
    for number in 0..100 {
        let from = format!("10.0.0.{number}, 203.0.113.9:{}", 1_000 + number);
        assert_eq!(guess(&from, number.to_string()).await?, 401);
    }
    for same in [
        "203.0.113.9",
        "::ffff:203.0.113.9",
        "[::ffff:203.0.113.9]:1",
    ] {
        assert_eq!(guess(same, "more".to_owned()).await?, 429, "{same}");
    }
    assert_eq!(guess("203.0.113.10:1000", "more".to_owned()).await?, 401);

    // What is no address is the proxy's, and is told once a minute.
    assert!(!log(longshore)?.contains("holds no address"));
    for number in 200..300 {
        assert_eq!(guess("unknown", number.to_string()).await?, 401);
    }
    assert_eq!(guess("nonsense", "more".to_owned()).await?, 429);
    assert_eq!(log(longshore)?.matches("holds no address").count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_nobody_named_is_told_of_and_not_believed() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    assert!(!log(longshore)?.contains("client_address_header"));
    for number in 0..101 {
        let request = longshore
            .anonymous(Method::GET, "/api/current-user/whoami")
            .header(HEADER, format!("203.0.113.{number}"))
            .header("Authorization", format!("Token {number:040}"));
        let status = Longshore::answer(request).await?.status;
        assert_eq!(status, if number < 100 { 401 } else { 429 });
    }
    assert_eq!(log(longshore)?.matches("client_address_header").count(), 1);
    // Everybody counts as one address then, and what is right goes through all the same.
    assert_eq!(status_with(longshore, Longshore::TOKEN).await?, 200);
    for number in 0..40 {
        let stranger = Person::stranger(longshore);
        let email = format!("{number}@example.com");
        let fields = [("email", email.as_str()), ("password", "a wrong one")];
        assert_eq!(stranger.post("/user/login", &fields).await?.status, 401);
    }
    Person::owner(longshore).await?;
    Ok(())
}
