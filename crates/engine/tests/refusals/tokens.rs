//! Entra ID's numbers and the identity endpoint's texts, from Microsoft's list and answers quoted in public.

use futures_util::future::join_all;

use super::*;
use By::{App, Link, Machine};

/// By whom, the number, its text, the problem, and words of it.
type Number = (By, u32, &'static str, &'static str, &'static [&'static str]);

const NUMBERS: &[Number] = &[
    (
        App,
        7_000_215,
        "Invalid client secret provided.",
        "client_secret_wrong",
        &["another app's"],
    ),
    (
        Link,
        7_000_215,
        "Invalid client secret provided.",
        "client_secret_wrong",
        &["The operator"],
    ),
    (
        App,
        7_000_222,
        "The provided client secret keys are expired.",
        "client_secret_expired",
        &[],
    ),
    (
        App,
        7_000_218,
        "client_assertion or client_secret is required.",
        "app_public_client",
        &[],
    ),
    (App, 700_025, "Client is public.", "app_public_client", &[]),
    (
        App,
        700_027,
        "The key was not found.",
        "client_certificate_unknown",
        &["key was not found"],
    ),
    (
        App,
        700_030,
        "Invalid certificate.",
        "client_certificate_refused",
        &[],
    ),
    (
        App,
        50_012,
        "Authentication failed.",
        "client_certificate_refused",
        &["Authentication failed"],
    ),
    (
        App,
        700_024,
        "Client assertion is not within its valid time range.",
        "azure_error",
        &["valid time range"],
    ),
    (
        App,
        700_024,
        "Current time: 2026-11-28T10:00:00.0000000Z, assertion valid from 2026-11-28T08:00:00.0000000Z, expiry time of assertion 2026-11-28T09:00:00.0000000Z.",
        "assertion_expired",
        &["ended at"],
    ),
    (
        App,
        700_016,
        "Application was not found in the directory.",
        "client_id_unknown",
        &[],
    ),
    (
        Link,
        700_016,
        "Application was not found in the directory.",
        "consent_missing",
        &["adminconsent"],
    ),
    (
        App,
        700_038,
        "Not a valid application identifier.",
        "client_id_unknown",
        &[],
    ),
    (
        App,
        70_001,
        "The application is disabled.",
        "app_disabled",
        &["disabled, or not there"],
    ),
    (
        App,
        7_000_229,
        "The client application is missing service principal.",
        "service_principal_missing",
        &[],
    ),
    (
        Link,
        7_000_229,
        "The client application is missing service principal.",
        "consent_missing",
        &[],
    ),
    (
        App,
        7_000_112,
        "Application is disabled.",
        "service_principal_disabled",
        &[],
    ),
    (
        App,
        1_000_031,
        "Application cannot be accessed.",
        "app_disabled",
        &[],
    ),
    (
        App,
        500_011,
        "The resource principal was not found.",
        "storage_not_registered",
        &[],
    ),
    (
        App,
        50_001,
        "The resource is not found.",
        "storage_not_registered",
        &[],
    ),
    (
        App,
        500_014,
        "The service principal for resource is disabled.",
        "storage_principal_disabled",
        &[],
    ),
    (
        App,
        650_052,
        "The app needs access to a service.",
        "storage_not_registered",
        &[],
    ),
    (App, 90_002, "Tenant not found.", "tenant_not_found", &[]),
    (
        App,
        50_128,
        "No tenant-identifying information.",
        "tenant_id_wrong",
        &[],
    ),
    (
        App,
        900_023,
        "Not a valid DNS name.",
        "tenant_id_wrong",
        &[],
    ),
    (
        App,
        90_038,
        "Tenant is in another cloud.",
        "wrong_cloud",
        &[],
    ),
    (
        App,
        900_382,
        "Confidential client in another cloud.",
        "wrong_cloud",
        &[],
    ),
    (
        App,
        90_051,
        "Invalid national cloud.",
        "wrong_cloud",
        &["Invalid national cloud"],
    ),
    (
        App,
        50_194,
        "Application is not multi-tenant.",
        "app_not_multi_tenant",
        &[],
    ),
    (
        App,
        70_021,
        "No matching federated identity record.",
        "federation_mismatch",
        &["No matching"],
    ),
    (
        App,
        700_211,
        "No matching issuer.",
        "federation_mismatch",
        &["No matching issuer"],
    ),
    (
        App,
        700_213,
        "No matching subject.",
        "federation_mismatch",
        &[],
    ),
    (
        App,
        7_002_138,
        "Case differs.",
        "federation_mismatch",
        &["letter case"],
    ),
    (
        App,
        70_025,
        "Has no configured federated identity credentials.",
        "federation_missing",
        &[],
    ),
    (
        App,
        700_229,
        "Only app-only tokens.",
        "federation_not_allowed",
        &["a person's"],
    ),
    (
        App,
        700_236,
        "Issuer of another tenant.",
        "federation_not_allowed",
        &[],
    ),
    (
        App,
        7_000_272,
        "Key not found.",
        "federation_key_unknown",
        &["half an hour"],
    ),
    (
        App,
        90_061,
        "OIDC endpoint not reached.",
        "federation_issuer_unreachable",
        &[],
    ),
    (
        App,
        53_003,
        "Blocked by Conditional Access.",
        "conditional_access",
        &[],
    ),
    (
        App,
        530_035,
        "Blocked by security defaults.",
        "conditional_access",
        &["security defaults"],
    ),
    (
        App,
        500_021,
        "Tenant restrictions.",
        "tenant_restrictions",
        &[],
    ),
    (
        App,
        500_213,
        "Cross-tenant access.",
        "cross_tenant_policy",
        &[],
    ),
    (App, 501_051, "Not assigned.", "app_not_assigned", &[]),
    (App, 65_001, "No consent.", "consent_missing", &[]),
    (
        Link,
        65_001,
        "No consent.",
        "consent_missing",
        &["no (whole) consent", "No consent."],
    ),
    (App, 50_196, "Loop detected.", "entra_loop", &[]),
    (App, 90_036, "Unexpected.", "entra_internal", &[]),
    (
        App,
        999_999,
        "Something new.",
        "azure_error",
        &["AADSTS999999", "Something new."],
    ),
];

async fn refused(world: &World, index: usize, number: &Number) -> Option<String> {
    let (by, number, text, expected, says) = *number;
    let tenant = format!("00000000-0000-4000-8000-{index:012}");
    let body = format!(
        "{{\"error\":\"invalid_client\",\"error_description\":\"AADSTS{number}: {text} Trace ID: t\",\"error_codes\":[{number}],\"trace_id\":\"t\"}}"
    );
    let headers = [("content-type", "application/json")];
    world.answers(FaultTarget::Entra, tenant.clone(), (401, &headers, body));
    let credential = match by {
        Link => Credential::AzureLink { tenant_id: tenant },
        _ => Credential::ServicePrincipal {
            tenant_id: tenant,
            client_id: "33333333-3333-3333-3333-333333333333".to_owned(),
            proof: ClientProof::Secret(Secret::new("s")),
        },
    };
    let row = Row {
        by,
        doing: Doing::SignIn,
        status: 401,
        code: "",
        text,
        expected,
        says,
    };
    word(world, &row, &credential, &format!("AADSTS{number}")).await
}

/// A status, a content type, a body.
type Endpoint = (
    u16,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const ENDPOINT: &[Endpoint] = &[
    (
        400,
        "application/json",
        r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
        "identity_not_found",
        &["az vm identity assign"],
    ),
    (
        400,
        "application/json",
        r#"{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}"#,
        "identity_not_chosen",
        &["userAssignedIdentities"],
    ),
    (
        400,
        "application/json",
        r#"{"error":"bad_request_102","error_description":"Required metadata header not specified"}"#,
        "identity_header_lost",
        &["proxy"],
    ),
    (
        400,
        "application/json",
        r#"{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal was not found"}"#,
        "storage_not_registered",
        &["AADSTS500011"],
    ),
    (
        400,
        "application/json",
        r#"{"error":"invalid_request","error_description":"Something new"}"#,
        "azure_error",
        &["Something new"],
    ),
    (
        403,
        "text/plain",
        "IMDS is restricted",
        "identity_endpoint_refuses",
        &["169.254.169.254"],
    ),
    (410, "text/plain", "", "identity_busy", &["410"]),
    (
        429,
        "application/json",
        r#"{"error":"too_many_requests"}"#,
        "identity_busy",
        &["429"],
    ),
    (
        500,
        "application/json",
        r#"{"error":"unknown","error_description":"Failed to retrieve token"}"#,
        "identity_busy",
        &["500"],
    ),
    (
        502,
        "text/html",
        "<html>Bad gateway</html>",
        "not_azure",
        &["text/html"],
    ),
    (
        200,
        "text/html",
        "<html>Welcome</html>",
        "not_azure",
        &["not Azure"],
    ),
];

async fn endpoint_refused(world: &World, index: usize, endpoint: &Endpoint) -> Option<String> {
    let (status, content_type, body, expected, says) = *endpoint;
    let id = format!("identity-{index:03}-end");
    let headers = [("content-type", content_type)];
    let matches = format!("client_id={id}");
    world.answers(
        FaultTarget::Imds,
        matches,
        (status, &headers, body.to_owned()),
    );
    let credential = Credential::ManagedIdentity {
        source: IdentitySource::Auto,
        identity: IdentityId::ClientId(id),
    };
    let row = Row {
        by: Machine,
        doing: Doing::SignIn,
        status,
        code: "",
        text: body,
        expected,
        says,
    };
    word(world, &row, &credential, body).await
}

async fn word(world: &World, row: &Row, credential: &Credential, what: &str) -> Option<String> {
    let Err(error) = world.azure.sign_in(credential).await else {
        return Some(format!("{what} is no failure"));
    };
    let blob = BlobName::parse("a/b.json").unwrap();
    let (code, text) = world.explained(&error, credential, (None, &blob), row.doing);
    let wrong = row.fault_of(code, &text)?;
    Some(format!("{:?} {what} {wrong}: {text}", row.by))
}

#[tokio::test]
async fn each_number_of_entra_has_the_words_that_are_certain() {
    let world = World::start().await;
    let told = NUMBERS
        .iter()
        .enumerate()
        .map(|(index, number)| refused(&world, index, number));
    assert_all(join_all(told).await, 45);
}

#[tokio::test]
async fn each_answer_of_the_identity_endpoint_has_the_words_that_are_certain() {
    let world = World::start().await;
    let told = ENDPOINT
        .iter()
        .enumerate()
        .map(|(index, row)| endpoint_refused(&world, index, row));
    assert_all(join_all(told).await, 11);
}
