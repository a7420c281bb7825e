//! What Label Studio does otherwise, or not at all: media, pages, form bodies, access.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, EMAIL, PASSWORD, TOKEN, World};

const CONFIG: &str = r#"<View><Image name="i" value="$image"/><Choices name="c" toName="i"><Choice value="cat"/></Choices></View>"#;

/// A project whose source storage has imported `media`; answers the storage's path.
async fn project_with_media(world: &World, presign: bool) -> String {
    world.container("media").await;
    for (name, kind) in [
        ("a b#1.png", "image/png"),
        ("page.html", "text/html"),
        ("drawing.svg", "image/svg+xml"),
        ("no type.jpg", "application/octet-stream"),
    ] {
        let bytes: Vec<u8> = (0..=255).collect();
        world.put("media", name, bytes, kind).await;
    }
    let project = json!({"title": "<b>Cats</b>", "label_config": CONFIG});
    let project = world
        .expect(201, "POST", "/api/projects/", Some(&project))
        .await;
    let storage = json!({
        "project": project["id"], "account_name": ACCOUNT, "account_key": world.account_key,
        "container": "media", "use_blob_urls": true, "presign": presign, "presign_ttl": 5,
    });
    let storage = world
        .expect(201, "POST", "/api/storages/azure", Some(&storage))
        .await;
    let path = format!("/api/storages/azure/{}", storage["id"]);
    let synced = world
        .expect(200, "POST", &format!("{path}/sync"), None)
        .await;
    assert_eq!(synced["status"], "completed", "{synced}");
    assert_eq!(synced["last_sync_count"], 4);
    path
}

/// The link to the media of the task that came from this blob.
async fn link(world: &World, blob: &str) -> String {
    let tasks = world
        .expect(200, "GET", "/api/tasks?fields=all", None)
        .await;
    let task = tasks["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|task| task["storage_filename"] == blob)
        .unwrap();
    task["data"]["image"].as_str().unwrap().to_owned()
}

async fn fetch(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Token {TOKEN}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.ask(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_pre_signed_redirect_is_for_this_browser_alone_and_short() {
    let world = World::start().await;
    project_with_media(&world, true).await;
    let link = link(&world, "a b#1.png").await;
    // The editor adds lsref.
    for path in [
        format!("{link}&lsref=1"),
        link.replace("/resolve/", "/presign"),
    ] {
        let answer = fetch(&world, "GET", &path, &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let location = answer.header(header::LOCATION);
        assert!(location.contains("/media/a%20b%231.png?"), "{location}");
        assert!(
            location.contains("sp=r&") || location.ends_with("sp=r"),
            "{location}"
        );
        let cache = answer.header(header::CACHE_CONTROL);
        let seconds: i64 = cache
            .strip_prefix("no-store, max-age=")
            .unwrap()
            .parse()
            .unwrap();
        assert!((280..=300).contains(&seconds), "{cache}");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
    }
}

#[tokio::test]
async fn a_proxied_blob_answers_ranges_conditions_and_head() {
    let world = World::start().await;
    project_with_media(&world, false).await;
    let link = link(&world, "a b#1.png").await;
    let whole = fetch(&world, "GET", &link, &[]).await;
    assert_eq!((whole.status, whole.body.len()), (StatusCode::OK, 256));
    assert_eq!(whole.header(header::CONTENT_TYPE), "image/png");
    assert_eq!(whole.header(header::ACCEPT_RANGES), "bytes");
    assert!(!whole.headers.contains_key(header::CONTENT_RANGE));
    assert!(!whole.headers.contains_key(header::CONTENT_DISPOSITION));

    let part = fetch(&world, "GET", &link, &[("range", "bytes=5-9")]).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(&part.body[..], [5, 6, 7, 8, 9]);
    assert_eq!(part.header(header::CONTENT_RANGE), "bytes 5-9/256");
    let over = fetch(&world, "GET", &link, &[("range", "bytes=900-")]).await;
    assert_eq!(over.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(over.header(header::CONTENT_RANGE), "bytes */256");

    let etag = whole.header(header::ETAG);
    let same = fetch(&world, "GET", &link, &[("if-none-match", etag)]).await;
    for answer in [&whole, &part, &over, &same] {
        let cache = answer.header(header::CACHE_CONTROL);
        assert_eq!(cache, "private, no-cache", "the next person asks again");
    }
    assert_eq!(
        (same.status, same.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    let head = fetch(&world, "HEAD", &link, &[]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header(header::CONTENT_LENGTH), "256");
}

#[tokio::test]
async fn what_could_run_on_our_origin_cannot() {
    let world = World::start().await;
    project_with_media(&world, false).await;
    for (blob, kind, is_download) in [
        ("page.html", "application/octet-stream", true),
        ("drawing.svg", "image/svg+xml", true),
        ("no type.jpg", "image/jpeg", false),
    ] {
        let link = link(&world, blob).await;
        let answer = fetch(&world, "GET", &link, &[]).await;
        assert_eq!(answer.header(header::CONTENT_TYPE), kind);
        assert_eq!(
            answer.headers.contains_key(header::CONTENT_DISPOSITION),
            is_download,
            "{blob}"
        );
        assert!(
            answer
                .header(header::CONTENT_SECURITY_POLICY)
                .starts_with("sandbox;")
        );
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
}

#[tokio::test]
async fn media_that_the_task_does_not_name_is_not_there() {
    let world = World::start().await;
    project_with_media(&world, true).await;
    let named = link(&world, "page.html").await;
    let task = named.split('/').nth(2).unwrap();
    let other = link(&world, "drawing.svg").await;
    let other = other.split("fileuri=").nth(1).unwrap();
    for path in [
        format!("/tasks/{task}/resolve/?fileuri={other}"),
        format!("/tasks/{task}/resolve/?fileuri=not%20base64!"),
        named.replace(&format!("/tasks/{task}/"), "/tasks/99999999999999999999/"),
    ] {
        assert_eq!(
            fetch(&world, "GET", &path, &[]).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let nameless = fetch(&world, "GET", &format!("/tasks/{task}/resolve"), &[]).await;
    assert_eq!(nameless.status, StatusCode::BAD_REQUEST);
    let nobody = Request::builder().uri(&named).body(Body::empty()).unwrap();
    assert_eq!(world.ask(nobody).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    let world = World::start().await;
    let path = project_with_media(&world, true).await;
    for (method, path) in [
        ("GET", path.clone()),
        ("GET", "/api/storages/?project=1".to_owned()),
        ("GET", format!("{path}/runs")),
        ("GET", format!("{path}/errors")),
        ("POST", format!("{path}/cancel")),
    ] {
        let answer = world.call(method, &path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert!(!answer.text().contains(&world.account_key), "{path}");
    }
    // The same id as another kind or direction is no id at all.
    for other in ["/azure_spi/", "/export/azure/"] {
        let answer = world
            .call("GET", &path.replace("/azure/", other), None)
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn a_form_is_as_good_as_json_and_a_slash_changes_nothing() {
    let world = World::start().await;
    for path in ["/api/projects", "/api/projects/"] {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Token {TOKEN}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(
                "title=From+a+form&show_instruction=true&maximum_annotations=3",
            ));
        let answer = world.ask(request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let project = answer.json();
        assert_eq!(project["title"], "From a form");
        assert_eq!(project["show_instruction"], true);
        assert_eq!(project["maximum_annotations"], 3);
    }
}

#[tokio::test]
async fn unknown_fields_are_named_with_those_that_exist() {
    let world = World::start().await;
    let body = json!({"project": 1, "containr": "x"});
    let answer = world.call("POST", "/api/storages/azure", Some(&body)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let message = answer.json()["validation_errors"]["containr"][0].clone();
    assert!(
        message.as_str().unwrap().contains("account_name"),
        "{message}"
    );
}

#[tokio::test]
async fn an_azure_failure_says_cause_and_fix() {
    let world = World::start().await;
    let project = world
        .expect(201, "POST", "/api/projects", Some(&json!({"title": "t"})))
        .await;
    let storage = json!({"project": project["id"], "account_name": ACCOUNT,
        "account_key": world.account_key, "container": "no-such-container"});
    let answer = world
        .call("POST", "/api/storages/azure/validate", Some(&storage))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let body = answer.json();
    assert_eq!(body["code"], "container_not_found");
    assert_eq!(body["azure"]["status"], 404);
    assert!(
        body["fix"]
            .as_str()
            .unwrap()
            .contains("az storage container create"),
        "{body}"
    );
    let said = body["validation_errors"]["non_field_errors"][0]
        .as_str()
        .unwrap();
    assert!(said.starts_with(body["cause"].as_str().unwrap()), "{said}");
}

async fn post_form(world: &World, path: &str, body: String, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(path)
        .header(header::HOST, "longshore.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.ask(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_person_signs_in_looks_around_and_out() {
    let world = World::start().await;
    project_with_media(&world, false).await;
    let stranger = world
        .ask(Request::get("/").body(Body::empty()).unwrap())
        .await;
    assert_eq!(stranger.header(header::LOCATION), "/user/login?next=%2F");
    let form = world
        .ask(Request::get("/user/login").body(Body::empty()).unwrap())
        .await;
    let policy = form.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("form-action 'self'"), "{policy}");
    // With `no-referrer` browsers send `Origin: null` from our own form, which is refused.
    assert_eq!(form.header(header::REFERRER_POLICY), "same-origin");
    let ours = ("origin", "http://longshore.example");
    let form = |password: &str| {
        format!(
            "email={EMAIL}&next=%2Fprojects%2F1&password={}",
            password.replace(' ', "+")
        )
    };
    let evil = post_form(
        &world,
        "/user/login",
        form(PASSWORD),
        &[("origin", "http://evil.example")],
    )
    .await;
    assert_eq!(evil.status, StatusCode::FORBIDDEN);
    let wrong = post_form(&world, "/user/login", form("wrong password"), &[ours]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text().contains("don&#39;t match"), "{}", wrong.text());

    let right = post_form(&world, "/user/login", form(PASSWORD), &[ours]).await;
    assert_eq!(right.header(header::LOCATION), "/projects/1");
    let cookie = right.header(header::SET_COOKIE);
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for (path, part) in [
        ("/", "completed"),
        ("/projects/1", "href=\"/projects/1/tasks/1\""),
    ] {
        let page = Request::get(path)
            .header(header::COOKIE, cookie)
            .body(Body::empty())
            .unwrap();
        let page = world.ask(page).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text().contains(part), "{}", page.text());
        assert!(
            page.text().contains("&#60;b&#62;Cats&#60;/b&#62;") && !page.text().contains("<b>Cats")
        );
        assert!(
            page.header(header::CONTENT_SECURITY_POLICY)
                .starts_with("default-src 'none'; style-src 'self'")
        );
    }

    let delete = |origin: &str| {
        Request::delete("/api/projects/1")
            .header(header::COOKIE, cookie)
            .header(header::HOST, "longshore.example")
            .header(header::ORIGIN, origin)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(
        world.ask(delete("http://evil.example")).await.status,
        StatusCode::FORBIDDEN
    );
    let whoami = |made_for: &str| {
        Request::get("/api/current-user/whoami")
            .header(header::COOKIE, cookie)
            .header("x-longshore-user", made_for)
            .body(Body::empty())
            .unwrap()
    };
    let person = world.ask(whoami("999")).await;
    assert_eq!(person.status, StatusCode::CONFLICT, "{}", person.text());
    assert_eq!(world.ask(whoami("1")).await.status, StatusCode::OK);
    let out = post_form(
        &world,
        "/user/logout",
        String::new(),
        &[ours, ("cookie", cookie)],
    )
    .await;
    assert_eq!(out.header(header::LOCATION), "/user/login");
    assert_eq!(
        world.ask(delete("http://longshore.example")).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn every_operation_needs_a_person_unless_the_document_says_otherwise() {
    let world = World::start().await;
    let document = world.expect(200, "GET", "/api/openapi.json", None).await;
    let mut count = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("security").is_none() {
                continue;
            }
            let path = path.replace("{id}", "1").replace("{kind}", "azure");
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(&path)
                .body(Body::empty())
                .unwrap();
            let answer = world.ask(request).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer.json()["code"], "unauthenticated", "{method} {path}");
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[tokio::test]
async fn the_service_says_how_it_is() {
    let world = World::start().await;
    assert_eq!(
        world.expect(200, "GET", "/health", None).await,
        json!({"status": "UP"})
    );
    assert_eq!(
        world.expect(200, "GET", "/ready/", None).await["status"],
        "READY"
    );
    let metrics = world.call("GET", "/metrics", None).await.text();
    assert!(
        metrics.contains(
            "longshore_http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"}"
        ),
        "{metrics}"
    );
    let unknown = world.call("GET", "/api/nothing", None).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(
        unknown.json()["id"],
        Value::from(unknown.header("x-request-id"))
    );
}

#[tokio::test]
async fn a_grid_without_videos_may_show_those_that_a_filter_brings() {
    let world = World::start().await;
    project_with_media(&world, true).await;
    let page = world.call("GET", "/projects/1", None).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains("<video"));
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    let media = policy.split(';').find(|part| part.contains("media-src"));
    let media = media.unwrap();
    assert!(
        media.contains("'self'") && media.contains(" http"),
        "{policy}"
    );
}

#[tokio::test]
async fn all_that_match_are_deleted_after_a_question_with_the_number() {
    let world = World::start().await;
    project_with_media(&world, false).await;
    let ask = async |path: &str, form: String| {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Token {TOKEN}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form));
        world.ask(request.unwrap()).await
    };
    let chosen = "/projects/1/tasks/chosen";
    let nothing = "action=delete_tasks&matching=all&back=text%3Dzebra".to_owned();
    let nothing = ask(chosen, nothing).await.text();
    assert!(nothing.contains("Nothing matches"), "{nothing}");
    // "a b#1.png" and "page.html" are not; the ticks of the page do not matter.
    let form = "action=delete_tasks&matching=all&task=1&back=text%3Dn%26view%3Dlist".to_owned();
    let question = ask(chosen, form.clone()).await.text();
    assert!(question.contains("Delete 3 tasks?"), "{question}");
    assert!(!question.contains("name=\"task\""), "{question}");
    let last = question.split("name=\"matching_to\" value=\"").nth(1);
    let last = last.and_then(|rest| rest.split('"').next()).unwrap();

    // One that comes while the question is read stays.
    let later = json!([{"image": "https://example.com/n.png"}]);
    world
        .expect(201, "POST", "/api/projects/1/import", Some(&later))
        .await;
    let deleted = ask(
        "/projects/1/tasks/delete",
        format!("{form}&matching_to={last}"),
    );
    let deleted = deleted.await;
    assert_eq!(deleted.status, StatusCode::SEE_OTHER, "{}", deleted.text());
    assert_eq!(
        deleted.header(header::LOCATION),
        "/projects/1?text=n&view=list&deleted_tasks=3"
    );
    let left = world
        .expect(200, "GET", "/api/tasks?fields=all", None)
        .await;
    let left = left["tasks"].as_array().unwrap();
    let names: Vec<_> = left.iter().map(|task| &task["storage_filename"]).collect();
    assert_eq!(names, [&json!("page.html"), &Value::Null]);
}
