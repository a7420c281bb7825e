//! Bodies and clients that do not behave, over a real connection where that matters.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::json;
use server::{ConnectionLimits, ServerSettings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::world::{Answer, TOKEN, World};

const PATIENCE: Duration = Duration::from_secs(30);

fn small(settings: ServerSettings) -> ServerSettings {
    ServerSettings {
        body_limit_bytes: 1_000,
        import_limit_bytes: 2_000,
        body_pause: Duration::from_millis(200),
        ..settings
    }
}

async fn post(world: &World, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, format!("Token {TOKEN}"))
        .header(header::CONTENT_TYPE, kind)
        .body(body.into());
    world.ask(request.unwrap()).await
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let world = World::with(small).await;
    for (path, limit) in [("/api/projects", 1_000), ("/api/projects/1/import", 2_000)] {
        let body = format!("{{\"title\": \"{}\"}}", "x".repeat(limit));
        let answer = post(&world, path, "application/json", body).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&format!("{limit} bytes")), "{detail}");
    }
}

/// The session of somebody who took an invitation to label.
async fn annotator(world: &World) -> String {
    let invite = json!({"email": "ada@example.com", "role": "annotator"});
    let invite = world
        .expect(201, "POST", "/api/invites", Some(&invite))
        .await;
    let link = Url::parse(invite["url"].as_str().unwrap()).unwrap();
    let request = Request::post(link.path())
        .header("Sec-Fetch-Site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("password=correct+horse+battery"));
    let joined = world.ask(request.unwrap()).await;
    assert_eq!(joined.status, StatusCode::SEE_OTHER, "{}", joined.text());
    let cookie = joined.header(header::SET_COOKIE).split(';').next();
    cookie.unwrap().to_owned()
}

#[tokio::test]
async fn a_file_of_tasks_is_not_read_for_who_may_not_import_it() {
    let world = World::with(small).await;
    let cookie = annotator(&world).await;
    let request = Request::post("/projects/1/import")
        .header("Sec-Fetch-Site", "same-origin")
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
        // Longer than the limit, which is noticed by whoever reads it.
        .body(Body::from("x".repeat(3_000)));
    let answer = world.ask(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
}

#[tokio::test]
async fn other_media_types_are_refused_by_name() {
    let world = World::start().await;
    let answer = post(&world, "/api/projects", "text/yaml", "title: x").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("\"text/yaml\"")
    );
}

#[tokio::test]
async fn hostile_json_is_answered() {
    let world = World::start().await;
    let deep = format!(
        "{{\"title\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for body in [
        deep,
        "{\"title\": NaN}".to_owned(),
        "{\"title\": \"a\", \"title\": \"b\"}".to_owned(),
    ] {
        let answer = post(&world, "/api/projects", "application/json", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    }
}

/// A server on a free port.
struct Served {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    _world: World,
}

async fn served(settings: impl FnOnce(ServerSettings) -> ServerSettings) -> Served {
    let world = World::with(settings).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ConnectionLimits {
        head_timeout: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let stop = CancellationToken::new();
    let task = tokio::spawn(server::serve(
        listener,
        world.app.clone(),
        limits,
        stop.clone(),
    ));
    Served {
        address,
        stop,
        task,
        _world: world,
    }
}

/// Sends, and reads until the server ends the connection.
async fn exchange(served: &Served, sent: &str) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .expect("the server lets go")
        .unwrap();
    answer
}

#[tokio::test]
async fn clients_that_stop_are_let_go() {
    let served = served(small).await;
    assert_eq!(exchange(&served, "").await, "");
    let half_a_head = exchange(&served, "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!half_a_head.contains(" 200 "), "{half_a_head}");
    let half_a_body = exchange(
        &served,
        &format!("POST /api/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Token {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{{\"ti"),
    )
    .await;
    assert!(half_a_body.starts_with("HTTP/1.1 408 "), "{half_a_body}");
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_the_listener() {
    let served = served(|settings| settings).await;
    let answer = exchange(&served, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.contains("{\"status\":\"UP\"}"), "{answer}");
    served.stop.cancel();
    timeout(PATIENCE, served.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
