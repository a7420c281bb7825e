//! What a browser is told: which origin may change something, how its cookies are kept, and what it
//! may keep after somebody has signed out.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use server::ServerSettings;
use url::Url;

use crate::world::{Answer, EMAIL, PASSWORD, TOKEN, World};

/// A server that people reach at this address.
async fn reached_at(public_url: &str) -> World {
    let public_url = Url::parse(public_url).unwrap();
    World::with(|settings| ServerSettings {
        public_url,
        ..settings
    })
    .await
}

/// Sends the sign-in form.
async fn sign_in(world: &World, host: &str, origin: &str) -> Answer {
    let request = Request::post("/user/login")
        .header(header::HOST, host)
        .header(header::ORIGIN, origin)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let email = EMAIL.replace('@', "%40");
    let password = PASSWORD.replace(' ', "+");
    let form = format!("email={email}&password={password}");
    world.ask(request.body(Body::from(form)).unwrap()).await
}

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.ask(request.body(Body::empty()).unwrap()).await
}

/// Every cookie of an answer, whole.
fn set_cookies(answer: &Answer) -> Vec<String> {
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
    cookies
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn only_pages_of_the_public_origin_change_something() {
    for (public_url, ours, others) in [
        (
            "https://longshore.example/",
            "https://longshore.example",
            [
                "http://longshore.example",
                "https://longshore.example:8443",
                "https://longshore.example.",
                "https://LONGSHORE.example.evil",
                "https://www.longshore.example",
                "null",
                "",
            ],
        ),
        (
            "http://longshore.example:8080/",
            "http://longshore.example:8080",
            [
                "https://longshore.example:8080",
                "http://longshore.example",
                "http://longshore.example:80",
                "http://127.0.0.1:8080",
                "http://localhost:8080",
                "null",
                "",
            ],
        ),
    ] {
        let world = reached_at(public_url).await;
        for origin in others {
            // Whatever the host that was asked: it is the sender's word.
            let host = origin
                .split_once("://")
                .map_or("longshore.example", |(_, host)| host);
            let refused = sign_in(&world, host, origin).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{origin}");
            let text = refused.text();
            assert!(text.contains("public_url") && text.contains(ours), "{text}");
        }
        let right = sign_in(&world, "longshore.example", ours).await;
        assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.text());
    }
}

#[tokio::test]
async fn a_request_with_two_hosts_is_refused() {
    let world = World::start().await;
    let one = get(&world, "/health", &[("host", "longshore.example")]).await;
    assert_eq!(one.status, StatusCode::OK);
    let two = [("host", "longshore.example"), ("host", "evil.example")];
    let two = get(&world, "/health", &two).await;
    assert_eq!(two.status, StatusCode::BAD_REQUEST);
    assert!(two.text().contains("more than one Host"), "{}", two.text());
}

#[tokio::test]
async fn on_https_cookies_and_transport_are_for_this_host_and_https_alone() {
    let world = reached_at("https://longshore.example/").await;
    let right = sign_in(&world, "longshore.example", "https://longshore.example").await;
    let cookies = set_cookies(&right);
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in &cookies {
        assert!(cookie.starts_with("__Host-longshore_"), "{cookie}");
        assert!(cookie.contains("; Path=/;"), "{cookie}");
        assert!(cookie.ends_with("; Secure"), "{cookie}");
        assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
    }
    let session = cookies[0].split(';').next().unwrap();
    let home = get(&world, "/", &[("cookie", session)]).await;
    assert_eq!(home.status, StatusCode::OK);
    // The plain name is anybody's who answers for http on this host.
    let plain = session.trim_start_matches("__Host-");
    for path in ["/", "/api/current-user/whoami"] {
        let planted = get(&world, path, &[("cookie", plain)]).await;
        assert!(
            matches!(
                planted.status,
                StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED
            ),
            "{path}: {}",
            planted.status
        );
    }
    for path in ["/", "/api/version", "/nowhere", "/static/icon.svg"] {
        let answer = get(&world, path, &[]).await;
        assert_eq!(
            answer.header(header::STRICT_TRANSPORT_SECURITY),
            "max-age=31536000",
            "{path}"
        );
    }
    let http = World::start().await;
    let answer = get(&http, "/api/version", &[]).await;
    assert_eq!(answer.header(header::STRICT_TRANSPORT_SECURITY), "");
    let right = sign_in(&http, "longshore.example", "http://longshore.example").await;
    let cookies = set_cookies(&right);
    assert!(cookies[0].starts_with("longshore_session="), "{cookies:?}");
    assert!(!cookies[0].contains("Secure"), "{cookies:?}");
}

#[tokio::test]
async fn nothing_outlives_signing_out_in_a_browser() {
    let world = World::start().await;
    let token = format!("Token {TOKEN}");
    let owner = ("authorization", token.as_str());
    for path in [
        "/api/current-user/whoami",
        "/api/projects",
        "/api/members",
        "/api/audit",
        "/api/audit/export",
        "/api/nowhere",
        "/api/projects/999",
        "/tasks/999/resolve?fileuri=x",
        "/settings",
        "/user/login",
        "/nowhere",
    ] {
        let answer = get(&world, path, &[owner]).await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{path}");
    }
    let ours = "http://longshore.example";
    for path in ["/user/logout", "/settings/account/sign-out-everywhere"] {
        let right = sign_in(&world, "longshore.example", ours).await;
        let cookies = set_cookies(&right);
        let session = cookies[0].split(';').next().unwrap();
        let out = Request::post(path)
            .header(header::ORIGIN, ours)
            .header(header::COOKIE, session);
        let out = world.ask(out.body(Body::empty()).unwrap()).await;
        assert_eq!(out.status, StatusCode::SEE_OTHER, "{path}");
        // What was annotated and not sent yet is in the browser's storage, and stays.
        assert_eq!(out.header("clear-site-data"), "\"cache\"", "{path}");
    }
}
