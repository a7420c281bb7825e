//! CORS rules: set by the service's owner, asked for by browsers before they authenticate.

use reqwest::Method;

use super::client::Fixture;

const RULES: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties><Cors><CorsRule>\
    <AllowedOrigins>https://labels.example</AllowedOrigins><AllowedMethods>GET,HEAD</AllowedMethods>\
    <AllowedHeaders>range,x-ms-*</AllowedHeaders><ExposedHeaders>*</ExposedHeaders>\
    <MaxAgeInSeconds>600</MaxAgeInSeconds></CorsRule></Cors></StorageServiceProperties>";

#[tokio::test]
async fn a_preflight_needs_no_credential_and_a_matching_rule() {
    let azure = Fixture::memory().await;
    azure.container("cont", Default::default()).await;
    azure.blob("cont", "b", b"data").await;
    let preflight = async |origin: &str, method: &str, headers: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ];
        azure
            .send(Method::OPTIONS, &azure.url("/cont/b"), &headers)
            .await
    };
    let site = "https://labels.example";
    assert_eq!(
        preflight(site, "GET", "").await.refusal(),
        (403, "CorsPreflightFailure")
    );

    let set = azure
        .signed(Method::PUT, "?restype=service&comp=properties", &[], RULES)
        .await;
    assert_eq!(set.status, 202, "{set:?}");
    let kept = azure
        .signed(Method::GET, "?restype=service&comp=properties", &[], "")
        .await;
    assert!(
        kept.text()
            .contains("<AllowedHeaders>range,x-ms-*</AllowedHeaders>"),
        "{}",
        kept.text()
    );

    let allowed = preflight(site, "GET", "Range, x-ms-version").await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), site);
    assert_eq!(allowed.header("access-control-max-age"), "600");
    for (origin, method, headers) in [
        ("https://evil.example", "GET", ""),
        (site, "PUT", ""),
        (site, "GET", "authorization"),
    ] {
        assert_eq!(
            preflight(origin, method, headers).await.refusal(),
            (403, "CorsPreflightFailure")
        );
    }

    let read = azure
        .signed(Method::GET, "/cont/b", &[("origin", site)], "")
        .await;
    assert_eq!(read.header("access-control-allow-origin"), site);
    assert!(
        read.header("access-control-expose-headers")
            .contains("etag")
    );
    let other = azure
        .signed(
            Method::GET,
            "/cont/b",
            &[("origin", "https://evil.example")],
            "",
        )
        .await;
    assert_eq!(
        (other.status, other.header("access-control-allow-origin")),
        (200, "")
    );
}
