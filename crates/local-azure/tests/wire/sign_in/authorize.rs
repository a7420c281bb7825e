//! The sign-in page: who gets a code, who is sent back, who is stopped.

use local_azure::state::AppAudience;
use reqwest::Method;

use super::{CALLBACK, Pages};

const AUTHORIZE: &str = "organizations/oauth2/v2.0/authorize";

#[tokio::test]
async fn a_person_chooses_who_they_are_on_the_page() {
    let pages = Pages::start().await;
    let query = pages.authorize_query(&[("login_hint", &pages.member.user_principal_name)]);
    let page = pages.send(Method::GET, AUTHORIZE, &query, &[]).await;
    assert_eq!(page.status, 200);
    for part in [
        "This is not Azure",
        "<form method=\"post\">",
        "value=\"ada@contoso.onmicrosoft.com\" required>",
        "value=\"max@contoso.onmicrosoft.com\" required checked>",
        "value=\"eve@platform.onmicrosoft.com\" required>",
        "<strong>Longshore</strong>",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
}

#[tokio::test]
async fn signing_in_returns_a_code_and_the_state() {
    let pages = Pages::start().await;
    let parameters = pages.authorize(&pages.admin, &[]).await.parameters();
    assert!(!parameters["code"].is_empty());
    assert_eq!(parameters["state"], "the state & more");
    assert!(!parameters.contains_key("error"));

    // The same without a form: everything in the query.
    let query = pages.authorize_query(&[("login_as", &pages.admin.user_principal_name)]);
    let answer = pages.send(Method::GET, AUTHORIZE, &query, &[]).await;
    assert!(answer.parameters().contains_key("code"));
}

#[tokio::test]
async fn cancel_goes_back_without_a_code() {
    let pages = Pages::start().await;
    let answer = pages
        .authorize(&pages.admin, &[("action", "cancel")])
        .await
        .parameters();
    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["error_subcode"], "cancel");
    assert_eq!(answer["state"], "the state & more");
    assert!(!answer.contains_key("code"));
}

#[tokio::test]
async fn what_the_app_got_wrong_goes_back_to_it() {
    let pages = Pages::start().await;
    for (more, error, code) in [
        (
            ("response_type", "token"),
            "unsupported_response_type",
            "700054",
        ),
        (("response_type", ""), "invalid_request", "900144"),
        (("scope", ""), "invalid_request", "900144"),
        (
            ("code_challenge_method", "plain"),
            "invalid_request",
            "9002313",
        ),
        (("response_mode", "form_post"), "invalid_request", "9002313"),
        (("prompt", "maybe"), "invalid_request", "90023"),
    ] {
        let answer = pages.authorize(&pages.admin, &[more]).await.parameters();
        assert_eq!(answer["error"], error, "{more:?}");
        assert!(
            answer["error_description"].starts_with(&format!("AADSTS{code}: ")),
            "{more:?}: {answer:?}"
        );
        assert_eq!(answer["state"], "the state & more");
        assert!(!answer.contains_key("code"));
    }
}

#[tokio::test]
async fn a_silent_sign_in_needs_somebody() {
    let pages = Pages::start().await;
    let query = pages.authorize_query(&[("prompt", "none")]);
    let answer = pages.send(Method::GET, AUTHORIZE, &query, &[]).await;
    assert_eq!(answer.parameters()["error"], "login_required");
}

#[tokio::test]
async fn an_address_that_is_not_registered_gets_nothing() {
    let pages = Pages::start().await;
    for address in [
        "https://evil.example/connect/azure/callback",
        "http://127.0.0.1:8080/connect/azure/callback/",
        "http://127.0.0.1:8080/connect/azure/other",
        "https://127.0.0.1:8080/connect/azure/callback",
        "not an address",
    ] {
        pages
            .authorize(&pages.admin, &[("redirect_uri", address)])
            .await
            .assert_page(400, 50011);
    }
    // The port of a loopback address is free.
    let answer = pages
        .authorize(
            &pages.admin,
            &[("redirect_uri", "http://127.0.0.1:9/connect/azure/callback")],
        )
        .await;
    assert_eq!(answer.status, 302);
    assert!(!answer.location.unwrap().starts_with(CALLBACK));
}

#[tokio::test]
async fn unknown_apps_tenants_and_people_end_on_entras_page() {
    let pages = Pages::start().await;
    let unknown = "11111111-2222-3333-4444-555555555555";
    pages
        .authorize(&pages.admin, &[("client_id", unknown)])
        .await
        .assert_page(400, 700_016);
    pages
        .authorize(&pages.admin, &[("client_id", "")])
        .await
        .assert_page(400, 900_144);
    let login = |name| [("login_as", name)];
    let query = pages.authorize_query(&[]);
    let send = async |authority: &str, name| {
        let path = format!("{authority}/oauth2/v2.0/authorize");
        pages.send(Method::POST, &path, &query, &login(name)).await
    };
    send("nowhere.onmicrosoft.com", "ada@contoso.onmicrosoft.com")
        .await
        .assert_page(400, 90_002);
    send("organizations", "nobody@contoso.onmicrosoft.com")
        .await
        .assert_page(400, 50_034);
    send("contoso.onmicrosoft.com", "eve@platform.onmicrosoft.com")
        .await
        .assert_page(400, 50_020);
    let inside = send("contoso.onmicrosoft.com", "ada@contoso.onmicrosoft.com").await;
    assert_eq!(inside.status, 302);
}

#[tokio::test]
async fn a_single_tenant_app_stays_at_home() {
    let pages = Pages::start().await;
    let state = pages.world.state();
    state
        .set_audience(&pages.world.app.client_id, AppAudience::SingleTenant)
        .unwrap();
    pages
        .authorize(&pages.admin, &[])
        .await
        .assert_page(400, 50_194);
    let query = pages.authorize_query(&[]);
    let path = format!("{}/oauth2/v2.0/authorize", pages.world.customer.id);
    pages
        .send(Method::GET, &path, &query, &[])
        .await
        .assert_page(400, 700_016);
    let path = format!("{}/oauth2/v2.0/authorize", pages.world.platform.id);
    let page = pages.send(Method::GET, &path, &query, &[]).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn text_from_the_request_is_no_html() {
    let pages = Pages::start().await;
    let page = pages
        .authorize(&pages.admin, &[("redirect_uri", "<script>\"'&</script>")])
        .await;
    assert!(!page.body.contains("<script>"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;&quot;&#39;&amp;"));
}
