//! `media_url`: blobs from a host name of their own, by links that are worth what their maker may.

use std::net::TcpListener;

use anyhow::Context;
use reqwest::{Client, Method, Response, redirect};
use serde_json::json;
use testkit::{Longshore, Person, Settings};

use crate::world::{IMAGE_CONFIG, World};

/// A server on two names: pages on `127.0.0.1`, media on `localhost`.
struct TwoNames {
    world: World,
    media: String,
    /// The address that a task shows of its blob, `a.png`.
    path: String,
    storage: String,
    http: Client,
}

impl TwoNames {
    async fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let media = format!("http://localhost:{port}");
        let set = |key: &str, value: String| (format!("LONGSHORE_{key}"), value);
        let world = World::with(Settings {
            environment: vec![
                set("LISTEN", format!("127.0.0.1:{port}")),
                set("PUBLIC_URL", format!("http://127.0.0.1:{port}")),
                set("MEDIA_URL", media.clone()),
            ],
            ..Settings::default()
        })
        .await?;
        world.container("media", &[]).await?;
        let body = b"0123456789".to_vec();
        world
            .azure
            .put_blob(&world.account, "media", "a.png", "image/png", body)
            .await?;
        let project = world.project(IMAGE_CONFIG).await?;
        let storage = world.source(project, "media", json!({})).await?;
        world.sync(&storage).await?;
        let task = world.tasks(project).await?.pop().context("a task")?;
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .resolve("localhost", ([127, 0, 0, 1], port).into())
            .no_proxy()
            .build()?;
        Ok(Self {
            world,
            media,
            path: task["data"]["image"].as_str().context("a path")?.to_owned(),
            storage,
            http,
        })
    }

    /// Where the media host has what the task shows, asked for by script.
    async fn link(&self) -> anyhow::Result<String> {
        let answer = Longshore::answer(self.world.longshore.request(Method::GET, &self.path));
        location(&answer.await?)
    }

    async fn get(&self, address: &str) -> anyhow::Result<Response> {
        Ok(self.http.get(address).send().await?)
    }
}

fn location(answer: &testkit::Answer) -> anyhow::Result<String> {
    anyhow::ensure!(answer.status == 303, "{} {}", answer.status, answer.text);
    let location = answer.headers.get("location").context("a location")?;
    Ok(location.to_str()?.to_owned())
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap_or("not text"))
}

#[tokio::test]
async fn a_blob_comes_from_the_other_name_and_nothing_else_does() -> anyhow::Result<()> {
    let names = TwoNames::start().await?;
    let link = names.link().await?;
    anyhow::ensure!(
        link.starts_with(&format!("{}/media/", names.media)),
        "{link}"
    );
    assert_eq!(names.link().await?, link, "a browser finds it in its cache");

    let whole = names.get(&link).await?;
    assert_eq!(whole.status(), 200);
    assert_eq!(header(&whole, "content-type"), "image/png");
    assert_eq!(
        header(&whole, "access-control-allow-origin"),
        names.world.longshore.url
    );
    assert_eq!(header(&whole, "access-control-allow-credentials"), "");
    assert_eq!(header(&whole, "set-cookie"), "");
    assert_eq!(header(&whole, "cache-control"), "private, no-cache");
    let policy = header(&whole, "content-security-policy").to_owned();
    assert!(policy.contains("sandbox; default-src 'none'"), "{policy}");
    assert!(
        policy.contains(&format!("frame-ancestors {}", names.world.longshore.url)),
        "{policy}"
    );
    let etag = header(&whole, "etag").to_owned();
    assert_eq!(whole.text().await?, "0123456789");

    let part = names
        .http
        .get(&link)
        .header("range", "bytes=2-4")
        .send()
        .await?;
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-range")),
        (206, "bytes 2-4/10")
    );
    assert_eq!(part.text().await?, "234");
    let unchanged = names
        .http
        .get(&link)
        .header("if-none-match", &etag)
        .send()
        .await?;
    assert_eq!(unchanged.status(), 304);
    let head = names.http.head(&link).send().await?;
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, "10")
    );
    let asked_first = names.http.request(Method::OPTIONS, &link).send().await?;
    assert_eq!(asked_first.status(), 200);
    assert!(header(&asked_first, "access-control-allow-headers").contains("range"));
    for used_as in ["script", "style", "worker"] {
        let refused = names
            .http
            .get(&link)
            .header("sec-fetch-dest", used_as)
            .send()
            .await?;
        assert_eq!(refused.status(), 403, "{used_as}");
    }

    // No page, no API and no file of ours is there, whatever is sent along.
    for path in [
        "/",
        "/projects",
        "/login",
        "/api/projects/",
        "/static/longshore.js",
        "/metrics",
        &names.path,
    ] {
        let request = names.http.get(format!("{}{path}", names.media));
        let request = request.header("authorization", format!("Token {}", Longshore::TOKEN));
        assert_eq!(request.send().await?.status(), 404, "{path}");
    }
    // And no link works on the pages' own.
    let path = link.strip_prefix(&names.media).context("a path")?;
    let at_pages = names.world.longshore.request(Method::GET, path);
    assert_eq!(Longshore::answer(at_pages).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_link_is_worth_what_its_maker_may_now() -> anyhow::Result<()> {
    let names = TwoNames::start().await?;
    let owner = Person::owner(&names.world.longshore).await?;
    let of_session = location(&owner.get(&names.path).await?)?;
    let of_token = names.link().await?;
    assert_ne!(of_session, of_token);
    for link in [&of_session, &of_token] {
        assert_eq!(names.get(link).await?.status(), 200);
    }
    // What was changed is no link: another signature, another claim.
    let (head, signature) = of_token.rsplit_once('.').context("a signature")?;
    let (start, claims) = head.rsplit_once('.').context("claims")?;
    for forged in [
        format!("{head}."),
        format!("{head}.{}", signature.to_uppercase()),
        format!("{start}.{}{}.{signature}", &claims[1..], &claims[..1]),
        format!("{}/media/x", names.media),
    ] {
        let refused = names.get(&forged).await?;
        assert_eq!(refused.status(), 401, "{forged}");
        assert!(refused.text().await?.contains("is over"));
    }
    // An access token is no link, and a link is no token.
    let token = of_token.rsplit('/').next().context("a token")?;
    let as_token = names
        .world
        .longshore
        .anonymous(Method::GET, "/api/projects/");
    let as_token = Longshore::answer(as_token.bearer_auth(token)).await?;
    assert_eq!(as_token.status, 401);

    assert_eq!(owner.post("/user/logout", &[]).await?.status, 303);
    assert_eq!(
        names.get(&of_session).await?.status(),
        401,
        "the session has ended"
    );
    assert_eq!(
        names.get(&of_token).await?.status(),
        200,
        "the token has not"
    );

    let deleted = names
        .world
        .longshore
        .request(Method::DELETE, &names.storage);
    Longshore::answer(deleted).await?.expect(204)?;
    assert_eq!(
        names.get(&of_token).await?.status(),
        404,
        "nothing reaches it"
    );
    Ok(())
}

#[tokio::test]
async fn what_goes_by_link_is_in_the_audit_log_once_it_is_read() -> anyhow::Result<()> {
    let names = TwoNames::start().await?;
    let link = names.link().await?;
    let reads = async || {
        let log = names
            .world
            .longshore
            .get("/api/audit?action=blob.read")
            .await?
            .expect(200)?;
        anyhow::Ok(log.as_array().context("entries")?.len())
    };
    assert_eq!(reads().await?, 0);
    names.get(&link).await?.bytes().await?;
    assert_eq!(reads().await?, 1);
    Ok(())
}
