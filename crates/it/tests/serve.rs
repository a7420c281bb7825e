//! Media: who may have which blob, both serving modes, HTTP ranges and conditions, hostile content.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Longshore, Role};

use crate::world::{IMAGE_CONFIG, World};

/// A world with one project whose tasks are the blobs of `media`; the storage's path and the tasks.
async fn serving(
    blobs: &[(&str, &str)],
    more: Value,
) -> anyhow::Result<(World, String, Vec<Value>)> {
    let world = World::start().await?;
    world.container("media", blobs).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", more).await?;
    let ended = world.sync(&storage).await?;
    anyhow::ensure!(ended["status"] == "completed", "{ended}");
    let tasks = world.tasks(project).await?;
    Ok((world, storage, tasks))
}

fn media(task: &Value) -> &str {
    task["data"]["image"].as_str().expect("data.image")
}

#[tokio::test]
async fn odd_names_come_back_byte_for_byte_in_both_modes() -> anyhow::Result<()> {
    let names = [
        "with space.png",
        "ha#sh.png",
        "100%25.png",
        "plus+.png",
        "que?ry&.png",
        "dé/日本 🐈.png",
        "a//b/./c.png",
    ];
    let blobs = names.map(|name| (name, name));
    let (world, storage, tasks) = serving(&blobs, json!({})).await?;
    assert_eq!(tasks.len(), names.len());
    for presign in [false, true] {
        world
            .longshore
            .patch(&storage, &json!({"presign": presign}))
            .await?
            .expect(200)?;
        for task in &tasks {
            let answer = world
                .longshore
                .request(Method::GET, media(task))
                .send()
                .await?;
            let answer = if presign {
                assert_eq!(answer.status(), 303);
                let location = answer.headers()["location"].to_str()?.to_owned();
                assert!(
                    location.contains("sp=r&")
                        && location.contains("spr=https")
                        && location.contains("sr=b"),
                    "{location}"
                );
                world.azure.browse(&location).await?
            } else {
                answer
            };
            assert_eq!(answer.status(), 200, "{task}");
            assert_eq!(Value::from(answer.text().await?), task["storage_filename"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn ranges_and_conditions_are_those_of_rfc_9110() -> anyhow::Result<()> {
    let body = "0123456789".repeat(30);
    let (world, _, tasks) = serving(&[("a.bin", &body)], json!({})).await?;
    let path = media(&tasks[0]);
    let get = async |headers: &[(&str, &str)]| {
        let mut request = world.longshore.request(Method::GET, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Longshore::answer(request).await
    };
    let whole = get(&[]).await?;
    assert_eq!((whole.status, whole.text.as_str()), (200, body.as_str()));
    let etag = whole.headers["etag"].to_str()?.to_owned();
    let modified = whole.headers["last-modified"].to_str()?.to_owned();
    assert_eq!(whole.headers["accept-ranges"], "bytes");
    assert!(whole.headers.get("content-range").is_none());

    for (range, status, expected, content_range) in [
        ("bytes=0-99", 206, &body[..100], "bytes 0-99/300"),
        ("bytes=100-199", 206, &body[100..200], "bytes 100-199/300"),
        ("bytes=290-", 206, &body[290..], "bytes 290-299/300"),
        ("bytes=-10", 206, &body[290..], "bytes 290-299/300"),
        ("bytes=-1000", 206, &body[..], "bytes 0-299/300"),
        ("bytes=0-100000", 206, &body[..], "bytes 0-299/300"),
        ("bytes=0-0", 206, &body[..1], "bytes 0-0/300"),
        ("bytes=5-1", 200, &body[..], ""),
        ("lines=1-2", 200, &body[..], ""),
        ("bytes=abc", 200, &body[..], ""),
        ("bytes=0-1,5-6", 200, &body[..], ""),
    ] {
        let answer = get(&[("range", range)]).await?;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (status, expected),
            "{range}"
        );
        let given = answer
            .headers
            .get("content-range")
            .map_or("", |value| value.to_str().unwrap_or("?"));
        assert_eq!(given, content_range, "{range}");
    }
    let beyond = get(&[("range", "bytes=1000-")]).await?;
    assert_eq!(
        (beyond.status, &beyond.headers["content-range"]),
        (416, &"bytes */300".parse()?)
    );

    assert_eq!(get(&[("if-none-match", &etag)]).await?.status, 304);
    assert_eq!(get(&[("if-none-match", "*")]).await?.status, 304);
    assert_eq!(get(&[("if-none-match", "\"other\"")]).await?.status, 200);
    assert_eq!(get(&[("if-modified-since", &modified)]).await?.status, 304);
    assert_eq!(
        get(&[("range", "bytes=0-4"), ("if-range", &etag)])
            .await?
            .status,
        206
    );
    assert_eq!(
        get(&[("range", "bytes=0-4"), ("if-range", "\"other\"")])
            .await?
            .status,
        200
    );

    let head = Longshore::answer(world.longshore.request(Method::HEAD, path)).await?;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], "300");
    assert_eq!(head.headers["etag"], *etag);
    Ok(())
}

#[tokio::test]
async fn only_what_the_task_names_inside_the_storage_is_served() -> anyhow::Result<()> {
    let (world, _, tasks) = serving(
        &[("a/1.png", "1"), ("a/2.png", "2"), ("b/secret.json", "no")],
        json!({"prefix": "a"}),
    )
    .await?;
    assert_eq!(tasks.len(), 2);
    let id = &tasks[0]["id"];
    let own = tasks[0]["storage_filename"].as_str().context("name")?;
    let account = &world.account.name;
    let ask = async |uri: &str| {
        let query = [("fileuri", uri)];
        Longshore::answer(
            world
                .longshore
                .request(Method::GET, &format!("/tasks/{id}/resolve/"))
                .query(&query),
        )
        .await
    };
    for uri in [
        format!("https://{account}.blob.core.windows.net/media/{own}"),
        format!(
            "https://{account}.blob.core.windows.net/media/{}",
            own.replace('/', "%2f")
        ),
        format!("https://{account}.blob.core.windows.net/media/{own}?sv=2022-11-02&sig=abc"),
    ] {
        assert_eq!(ask(&uri).await?.status, 200, "{uri}");
    }
    let other = tasks[1]["storage_filename"].as_str().context("name")?;
    for uri in [
        format!("azure-blob://media/{other}"),
        "azure-blob://media/b/secret.json".to_owned(),
        "azure-blob://media/a/../b/secret.json".to_owned(),
        "azure-blob://media/a/%2e%2e/b/secret.json".to_owned(),
        format!("azure-blob://media//{own}"),
        format!("azure-blob://other/{own}"),
        format!(
            "https://{}.blob.core.windows.net/media/{own}",
            account.to_uppercase()
        ),
        format!("https://{account}x.blob.core.windows.net/media/{own}"),
        format!("https://evil.example/media/{own}"),
        "http://169.254.169.254/metadata".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let answer = ask(&uri).await?;
        // DNS names have no case, so an account spelled in capitals may be the same account.
        let allowed = uri.contains(&account.to_uppercase()) && answer.status == 200;
        assert!(
            answer.status == 404 || allowed,
            "{uri}: {} {}",
            answer.status,
            answer.text
        );
    }
    assert_eq!(
        Longshore::answer(
            world
                .longshore
                .request(Method::GET, &format!("/tasks/{id}/resolve/"))
        )
        .await?
        .status,
        400
    );
    let anonymous = world.longshore.anonymous(Method::GET, media(&tasks[0]));
    assert_eq!(Longshore::answer(anonymous).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn hostile_content_cannot_run_on_our_origin() -> anyhow::Result<()> {
    let (world, _, _) = serving(&[("x.png", "x")], json!({})).await?;
    let script = "<script>alert(1)</script>";
    for (name, content_type) in [
        ("a.html", "text/html"),
        ("b.svg", "image/svg+xml"),
        ("c.xml", "application/xml"),
        ("d", "text/html; charset=utf-8"),
    ] {
        world
            .azure
            .put_blob(&world.account, "media", name, content_type, script.into())
            .await?;
    }
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    world.sync(&storage).await?;
    for task in world.tasks(project).await? {
        let answer = Longshore::answer(world.longshore.request(Method::GET, media(&task))).await?;
        assert_eq!(answer.status, 200);
        let policy = answer.headers["content-security-policy"].to_str()?;
        assert!(
            policy.contains("sandbox") && policy.contains("default-src 'none'"),
            "{policy}"
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    Ok(())
}

#[tokio::test]
async fn a_blob_that_breaks_on_the_way_is_never_a_short_success() -> anyhow::Result<()> {
    let body = "0123456789abcdef".repeat(1 << 16);
    let (world, _, tasks) = serving(&[("big.bin", &body)], json!({})).await?;
    // Once: the rest is asked for again, and the reader notices nothing.
    world.azure.fault(&json!({"target": "blob", "matches": "big.bin", "kind": {"cut_body": {"after_bytes": 200_000}}, "times": 1})).await?;
    let answer = world
        .longshore
        .request(Method::GET, media(&tasks[0]))
        .send()
        .await?;
    assert_eq!(answer.text().await?.len(), body.len());
    // Always: the connection breaks, so that no reader takes the part for the whole.
    world.azure.fault(&json!({"target": "blob", "matches": "big.bin", "kind": {"cut_body": {"after_bytes": 200_000}}})).await?;
    let answer = world
        .longshore
        .request(Method::GET, media(&tasks[0]))
        .send()
        .await?;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_missing_blob_says_so_in_words() -> anyhow::Result<()> {
    let (world, _, tasks) = serving(&[("gone.png", "x")], json!({})).await?;
    world
        .azure
        .delete_blob(&world.account, "media", "gone.png")
        .await?;
    let answer = world.longshore.get(media(&tasks[0])).await?;
    assert_eq!(
        (answer.status, &answer.json["code"]),
        (404, &json!("blob_not_found")),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("gone.png"), "{}", answer.text);
    Ok(())
}

/// Access control lists of a hierarchical namespace allow reading without a role, and so without listing.
#[tokio::test]
async fn a_storage_that_may_read_and_not_list_serves_what_tasks_name() -> anyhow::Result<()> {
    let world = World::start().await?;
    world
        .container("media", &[("team/a.png", "pixels")])
        .await?;
    let app = world
        .azure
        .create_app(&world.tenant, "labeling", false)
        .await?;
    let secret = world.azure.add_secret(&app).await?;
    let principal = world.azure.consent(&world.tenant, &app).await?;
    let acl =
        json!({"principal": principal, "container": "media", "folder": "team", "permissions": "r"});
    let switches = json!({"hierarchical_namespace": true, "acls": [acl]});
    world.azure.set_account(&world.account, &switches).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let fields = json!({
        "project": project, "account_name": world.account.name, "container": "media", "prefix": "team",
        "tenant_id": world.tenant, "client_id": app.client_id, "client_secret": secret,
        "use_blob_urls": true, "presign": false,
    });
    let storage = world.storage("/api/storages/azure_spi", &fields).await?;
    let uri = "azure-blob://media/team/a.png";
    let task = json!({"project": project, "data": {"image": uri}});
    let task = world
        .longshore
        .post("/api/tasks", &task)
        .await?
        .expect(201)?;
    let answer = world
        .longshore
        .request(Method::GET, &format!("/tasks/{}/resolve", task["id"]))
        .query(&[("fileuri", uri)])
        .send()
        .await?;
    assert_eq!(
        (answer.status().as_u16(), answer.text().await?),
        (200, "pixels".to_owned())
    );

    let ended = world.sync(&storage).await?;
    let text = ended.to_string();
    assert_eq!(ended["status"], "failed", "{text}");
    assert!(
        text.contains("may not list the blobs") && text.contains("access control lists"),
        "{text}"
    );
    Ok(())
}

/// Azure knows none of these types; the page gets the same from a pre-signed URL as when it is streamed.
#[tokio::test]
async fn a_presigned_url_says_the_type_that_is_streamed() -> anyhow::Result<()> {
    let names = [
        "icon.svg",
        "doc.pdf",
        "a.mp4",
        "a.png",
        "a.txt",
        "page.html",
    ];
    let (world, storage, tasks) = serving(&names.map(|name| (name, name)), json!({})).await?;
    assert_eq!(tasks.len(), names.len());
    let project = tasks[0]["project"].as_i64().context("project")?;
    let app = world
        .azure
        .create_app(&world.tenant, "labeling", false)
        .await?;
    let secret = world.azure.add_secret(&app).await?;
    let principal = world.azure.consent(&world.tenant, &app).await?;
    for role in [Role::DataReader, Role::Delegator] {
        world
            .azure
            .assign_role(&principal, role, &world.account.scope)
            .await?;
    }
    let shown = |answer: &reqwest::Response| {
        ["content-type", "content-disposition"].map(|name| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap_or_default().to_owned())
        })
    };
    let mut streamed = Vec::new();
    for task in &tasks {
        let answer = world
            .longshore
            .request(Method::GET, media(task))
            .send()
            .await?;
        streamed.push(shown(&answer));
    }
    assert!(streamed.iter().all(|[kind, _]| kind.is_some()));
    let presign = json!({"presign": true});
    world
        .longshore
        .patch(&storage, &presign)
        .await?
        .expect(200)?;
    let delegated = json!({
        "project": project, "account_name": world.account.name, "container": "media",
        "tenant_id": world.tenant, "client_id": app.client_id, "client_secret": secret,
        "use_blob_urls": true, "presign": true,
    });
    for signer in ["sv=", "skoid="] {
        for (task, streamed) in tasks.iter().zip(&streamed) {
            let answer = world
                .longshore
                .request(Method::GET, media(task))
                .send()
                .await?;
            let location = answer.headers()["location"].to_str()?.to_owned();
            assert!(location.contains(signer), "{location}");
            let answer = world.azure.browse(&location).await?;
            assert_eq!(answer.status(), 200, "{location}");
            assert_eq!(&shown(&answer), streamed, "{location}");
        }
        if signer == "sv=" {
            world.longshore.delete(&storage).await?;
            world.storage("/api/storages/azure_spi", &delegated).await?;
        }
    }
    Ok(())
}
