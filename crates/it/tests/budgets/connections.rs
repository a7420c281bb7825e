//! One client's many connections: half heads, bodies that do not end, odd heads.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::ensure;
use testkit::{Longshore, Settings};

use super::{MOST_WAIT, reader};
use crate::world::{IMAGE_CONFIG, World};

/// More than the server holds of one address, and less than a test may open.
const CONNECTIONS: usize = 700;
/// More bytes than the buffers between a client and the server hold.
const BODY: usize = 16 << 20;

fn open(longshore: &Longshore, sent: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(longshore.url.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // It may have been let go already, for another one of these.
    let _ = stream.write_all(sent.as_bytes());
    Ok(stream)
}

fn exchange(longshore: &Longshore, sent: &str) -> anyhow::Result<String> {
    let mut answer = Vec::new();
    let read = open(longshore, sent)?.read_to_end(&mut answer);
    ensure!(read.is_ok() || !answer.is_empty(), "{read:?}");
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn starting() -> anyhow::Result<World> {
    // Fewer places in all than connections, so that both bounds are reached.
    World::with(Settings {
        environment: vec![("LONGSHORE_MAX_CONNECTIONS".into(), "600".into())],
        ..Settings::default()
    })
    .await
}

#[tokio::test]
async fn who_takes_all_connections_keeps_nobody_out() -> anyhow::Result<()> {
    let world = starting().await?;
    let body = "POST /api/token/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"re";
    for (what, sent) in [
        ("nothing", ""),
        ("half a head", "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "),
        ("half a body", body),
        (
            "a kept connection",
            "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        ),
    ] {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.push(open(&world.longshore, sent)?);
        }
        let asked = Instant::now();
        for path in ["/health", "/api/projects/"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\nConnection: close\r\n\r\n",
                Longshore::TOKEN
            );
            let answer = exchange(&world.longshore, &request)?;
            ensure!(answer.starts_with("HTTP/1.1 200 "), "{what}: {answer}");
        }
        ensure!(
            asked.elapsed() < 2 * MOST_WAIT,
            "{what}: {:?}",
            asked.elapsed()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_bounded_too() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut request = "POST /api/token/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for _ in 0..64 {
        request += &format!("2000\r\n{}\r\n", " ".repeat(0x2000));
    }
    request += "0\r\n\r\n";
    let answer = exchange(&world.longshore, &request)?;
    ensure!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    ensure!(answer.contains("65536 bytes"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn who_is_refused_before_their_body_was_read_sees_the_answer() -> anyhow::Result<()> {
    let world = World::start().await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let owner = Longshore::TOKEN.to_owned();
    let reader = reader(&world.longshore)?;
    let import = format!("/api/projects/{project}/import");
    for (method, path, token, content_type, status) in [
        ("POST", import.as_str(), "", "application/json", 401),
        ("POST", &import, "nobodys", "application/json", 401),
        ("POST", &import, &reader, "application/json", 403),
        ("POST", &import, &owner, "image/png", 415),
        ("POST", "/api/token/refresh", "", "application/json", 413),
        ("POST", "/api/nothing", &owner, "application/json", 404),
        ("PUT", "/health", &owner, "application/json", 405),
        (
            "POST",
            "/user/login",
            "",
            "application/x-www-form-urlencoded",
            403,
        ),
        ("GET", "/health", "", "application/json", 200),
    ] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\nContent-Type: {content_type}\r\nContent-Length: {BODY}\r\n\r\n"
        );
        let address = world.longshore.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        // As most clients do: nothing is read until all is sent.
        stream.write_all(head.as_bytes())?;
        stream.write_all(&vec![b' '; BODY])?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        ensure!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{method} {path} {status}: {answer}"
        );
        ensure!(answer.contains("connection: close\r\n"), "{path}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_whose_body_was_read_is_kept() -> anyhow::Result<()> {
    let world = World::start().await?;
    let body = "{\"refresh\": \"nobodys\"}";
    let request = format!(
        "POST /api/token/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let last = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = exchange(&world.longshore, &format!("{request}{last}"))?;
    ensure!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
    ensure!(answers.contains("HTTP/1.1 200 "), "{answers}");
    Ok(())
}

#[tokio::test]
async fn odd_heads_are_refused() -> anyhow::Result<()> {
    let world = World::start().await?;
    let headers = "X-A: 1\r\n".repeat(200);
    let long = "x".repeat(20_000);
    for (head, status) in [
        ("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        (&format!("GET /health?{long} HTTP/1.1\r\nHost: a\r\n"), 414),
        (&format!("GET /invite/{long} HTTP/1.1\r\nHost: a\r\n"), 414),
        (
            &format!("GET /health?{} HTTP/1.1\r\nHost: a\r\n", "a&".repeat(200)),
            400,
        ),
        (
            &format!("GET /health HTTP/1.1\r\nHost: a\r\n{headers}"),
            431,
        ),
        (&format!("{long} /health HTTP/1.1\r\nHost: a\r\n"), 405),
    ] {
        let answer = exchange(
            &world.longshore,
            &format!("{head}Connection: close\r\n\r\n"),
        )?;
        let begin: String = head.chars().take(40).collect();
        ensure!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{begin}: {answer}"
        );
        ensure!(answer.len() < 16 << 10, "{begin}: {} bytes", answer.len());
    }
    Ok(())
}
