//! Admin consent: accept, cancel, not an administrator, another tenant's person, and the pages that
//! lead nowhere.

use local_azure::state::{AppAudience, Deviations};
use reqwest::Method;

use super::{CALLBACK, Pages};
use crate::support::assert_refused;

#[tokio::test]
async fn accept_creates_the_service_principal() {
    let pages = Pages::start().await;
    let world = &pages.world;
    world.state().remove_service_principal(&world.principal);
    let secret = world.secret();
    let ask = async || {
        world
            .ask(&world.customer.id, &[("client_secret", &secret)])
            .await
    };
    assert_refused(&ask().await, (401, "invalid_client", 7_000_229));

    let parameters = pages.consent(&pages.admin, "accept").await.parameters();
    assert_eq!(parameters["admin_consent"], "True");
    assert_eq!(parameters["tenant"], world.customer.id);
    assert_eq!(parameters["scope"], "https://storage.azure.com/.default");
    assert_eq!(parameters["state"], "the state & more");
    assert!(!parameters.contains_key("error"));
    assert_eq!(ask().await.0, 200);
    // Once more changes nothing.
    let principal = world
        .state()
        .consent(&world.customer.id, &world.app.client_id);
    pages.consent(&pages.admin, "accept").await.parameters();
    let again = world
        .state()
        .consent(&world.customer.id, &world.app.client_id);
    assert_eq!(principal.unwrap(), again.unwrap());
}

#[tokio::test]
async fn the_page_names_app_tenant_and_people() {
    let pages = Pages::start().await;
    let world = &pages.world;
    let query = [
        ("client_id", world.app.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", "https://storage.azure.com/.default"),
    ];
    let path = format!("{}/v2.0/adminconsent", world.customer.id);
    let page = pages.send(Method::GET, &path, &query, &[]).await;
    assert_eq!(page.status, 200);
    for part in [
        "This is not Azure",
        "<strong>Longshore</strong> asks to be let into contoso.onmicrosoft.com",
        // The tenant's administrator is chosen already.
        "value=\"ada@contoso.onmicrosoft.com\" required checked>",
        "value=\"accept\">Accept<",
        "value=\"cancel\">Cancel<",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
}

#[tokio::test]
async fn cancel_is_told_as_the_real_one_does() {
    let pages = Pages::start().await;
    let world = &pages.world;
    world.state().remove_service_principal(&world.principal);
    let answer = pages.consent(&pages.admin, "cancel").await;
    let location = answer.location.clone().unwrap();
    assert!(
        location.ends_with("&state=the+state+%26+more#"),
        "{location}"
    );
    let parameters = answer.parameters();
    assert_eq!(parameters["error"], "access_denied");
    assert!(
        parameters["error_description"]
            .starts_with("AADSTS65004: User declined to consent to access the app.\r\nTrace ID: ")
    );
    assert!(parameters["error_uri"].ends_with("/error?code=65004"));
    assert_eq!(parameters["admin_consent"], "True");
    assert!(!parameters.contains_key("tenant"));
    assert!(
        world
            .state()
            .world()
            .principal_of_app(&world.customer.id, &world.app.client_id)
            .is_none()
    );
}

#[tokio::test]
async fn who_is_not_an_administrator_can_only_return() {
    let pages = Pages::start().await;
    let world = &pages.world;
    world.state().remove_service_principal(&world.principal);
    let page = pages.consent(&pages.member, "accept").await;
    page.assert_page(403, 90_094);
    assert!(page.body.contains("name=\"action\" value=\"return\""));
    let parameters = pages.consent(&pages.member, "return").await.parameters();
    assert_eq!(parameters["error"], "access_denied");
    assert_eq!(parameters["error_subcode"], "cancel");
    assert_eq!(parameters["state"], "the state & more");
    assert!(!parameters.contains_key("admin_consent"));
    assert!(
        world
            .state()
            .world()
            .principal_of_app(&world.customer.id, &world.app.client_id)
            .is_none()
    );
}

#[tokio::test]
async fn another_tenants_administrator_is_sent_back() {
    let pages = Pages::start().await;
    for action in ["accept", "cancel"] {
        let parameters = pages.consent(&pages.stranger, action).await.parameters();
        assert_eq!(parameters["error"], "access_denied");
        assert!(parameters["error_description"].starts_with("AADSTS50020: "));
        assert!(!parameters.contains_key("tenant"));
    }
}

#[tokio::test]
async fn at_organizations_the_persons_own_tenant_consents() {
    let pages = Pages::start().await;
    let answer = pages
        .consent_at("organizations", &pages.stranger, "accept", &[])
        .await;
    assert_eq!(answer.parameters()["tenant"], pages.world.platform.id);
}

#[tokio::test]
async fn the_pages_that_lead_nowhere() {
    let pages = Pages::start().await;
    let tenant = &pages.world.customer.id;
    let at = async |authority: &str, more: &[(&str, &str)]| {
        pages
            .consent_at(authority, &pages.admin, "accept", more)
            .await
    };
    let unknown = "11111111-2222-3333-4444-555555555555";
    at(tenant, &[("client_id", unknown)])
        .await
        .assert_page(400, 700_016);
    at(tenant, &[("redirect_uri", "https://evil.example/")])
        .await
        .assert_page(400, 50_011);
    at(tenant, &[("scope", "")]).await.assert_page(400, 900_144);
    at(unknown, &[]).await.assert_page(400, 90_002);
    at("common", &[]).await.assert_page(400, 90_130);
    at(tenant, &[("scope", "https://nothing.example/.default")])
        .await
        .assert_page(400, 650_052);
    pages.world.state().deviate(Deviations {
        missing_service: true,
        ..Deviations::default()
    });
    at(tenant, &[]).await.assert_page(400, 650_052);
    pages
        .world
        .state()
        .set_audience(&pages.world.app.client_id, AppAudience::SingleTenant)
        .unwrap();
    at(tenant, &[]).await.assert_page(400, 700_016);
}

#[tokio::test]
async fn the_v1_page_needs_no_scope() {
    let pages = Pages::start().await;
    let world = &pages.world;
    let query = [
        ("client_id", world.app.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("state", "12345"),
    ];
    let form = [
        ("login_as", pages.admin.user_principal_name.as_str()),
        ("action", "accept"),
    ];
    let path = format!("{}/adminconsent", world.customer.id);
    let parameters = pages
        .send(Method::POST, &path, &query, &form)
        .await
        .parameters();
    assert_eq!(parameters["admin_consent"], "True");
    assert_eq!(parameters["tenant"], world.customer.id);
    assert_eq!(parameters["state"], "12345");
    assert!(!parameters.contains_key("scope"));
}
