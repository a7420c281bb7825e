//! Recorded answers, and which kind each is.

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};

use super::Answer;
use crate::ErrorKind::{self, *};

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

fn storage(status: u16, headers: &HeaderMap, body: &str) -> crate::Error {
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.as_bytes());
    Answer {
        status,
        headers,
        body,
        now_ms: 0,
    }
    .storage_error(Some("11111111-1111-1111-1111-111111111111"))
}

fn entra(status: u16, body: &str) -> crate::Error {
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.as_bytes());
    Answer {
        status,
        headers: &HeaderMap::new(),
        body,
        now_ms: 0,
    }
    .entra_error()
}

#[test]
fn a_recorded_storage_answer() {
    let headers = headers(&[
        ("x-ms-error-code", "AuthenticationFailed"),
        ("x-ms-request-id", "3f1c-01"),
        ("date", "Thu, 01 Jan 1970 00:20:00 GMT"),
        ("retry-after", "7"),
    ]);
    let error = storage(
        403,
        &headers,
        concat!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code>",
            "<Message>Server failed to authenticate the request.\nRequestId:3f1c-01\nTime:2026-01-01T00:00:00Z</Message>",
            "<AuthenticationErrorDetail>The MAC signature found in 'sig=abcdefgh' is &lt;wrong&gt;.</AuthenticationErrorDetail></Error>",
        ),
    );
    assert_eq!(error.kind(), CredentialRejected);
    assert_eq!(
        (error.status(), error.code()),
        (Some(403), Some("AuthenticationFailed"))
    );
    assert_eq!(error.request_id(), Some("3f1c-01"));
    assert_eq!(error.clock_skew_ms(), Some(1_200_000));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(
        error.message(),
        "Server failed to authenticate the request. (The MAC signature found in 'sig=REDACTED' is <wrong>.)"
    );
}

#[test]
fn every_situation_has_its_kind() {
    for (status, code, kind) in [
        (401, "NoAuthenticationInformation", NoCredential),
        (401, "InvalidAuthenticationInfo", CredentialRejected),
        (403, "AuthorizationPermissionMismatch", RoleMissing),
        (403, "AuthorizationFailure", Firewall),
        (403, "KeyBasedAuthenticationNotPermitted", SharedKeyDisabled),
        (409, "PublicAccessNotPermitted", PublicAccessDisabled),
        (404, "BlobNotFound", NotFound),
        (404, "ContainerNotFound", ContainerNotFound),
        (409, "BlobArchived", Archived),
        (409, "BlobAlreadyExists", AlreadyExists),
        (412, "ConditionNotMet", ConditionNotMet),
        (416, "InvalidRange", InvalidRange),
        (503, "ServerBusy", Throttled),
        (500, "OperationTimedOut", TimedOut),
        (500, "InternalError", Unexpected),
        (412, "LeaseIdMissing", Unexpected),
        (403, "AccountIsDisabled", Unexpected),
        (404, "SomethingNew", Unexpected),
    ] {
        // As a HEAD is answered: by header, without a body.
        let error = storage(status, &headers(&[("x-ms-error-code", code)]), "");
        assert_eq!(error.kind(), kind, "{code}");
    }
    // What a status means by itself, from an account that gives no code.
    let of_azure = headers(&[("x-ms-request-id", "r-1")]);
    for (status, kind) in [
        (404, NotFound),
        (412, Unexpected),
        (503, Unexpected),
        (302, Unexpected),
    ] {
        assert_eq!(storage(status, &of_azure, "").kind(), kind, "{status}");
    }
}

#[test]
fn what_a_proxy_answers_is_no_word_of_the_account() {
    let html = headers(&[("server", "squid"), ("content-type", "text/html")]);
    for status in [302, 401, 403, 404, 407, 412, 416, 429, 502, 503] {
        let error = storage(status, &html, "<html>busy</html>");
        assert_eq!(error.kind(), NotAzure, "{status}");
        assert!(error.message().contains("server: squid"), "{error}");
    }
    for (status, body) in [(403, "<html>"), (503, "<html>"), (407, "")] {
        assert_eq!(entra(status, body).kind(), NotAzure, "{status} {body}");
    }
}

#[test]
fn the_header_or_parameter_that_azure_names_is_in_the_text() {
    let error = storage(
        400,
        &HeaderMap::new(),
        "<Error><Code>InvalidHeaderValue</Code><Message>m</Message><HeaderName>x-ms-version</HeaderName><HeaderValue>2026-02-06</HeaderValue></Error>",
    );
    assert_eq!(
        error.message(),
        "m [HeaderName=x-ms-version, HeaderValue=2026-02-06]"
    );
}

#[test]
fn a_token_of_another_tenant_is_told_apart() {
    let challenge = |tenant: &str| {
        format!(
            "Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize resource_id=https://storage.azure.com"
        )
    };
    let detail = |text| {
        format!(
            "<Error><Code>InvalidAuthenticationInfo</Code><Message>m</Message><AuthenticationErrorDetail>{text}</AuthenticationErrorDetail></Error>"
        )
    };
    for (tenant, text, kind) in [
        ("22222222-2222-2222-2222-222222222222", "x", WrongTenant),
        (
            "11111111-1111-1111-1111-111111111111",
            "Lifetime validation failed.",
            CredentialRejected,
        ),
        (
            "contoso.com",
            "Issuer validation failed. Issuer did not match.",
            WrongTenant,
        ),
        ("contoso.com", "x", CredentialRejected),
    ] {
        let error = storage(
            401,
            &headers(&[("www-authenticate", &challenge(tenant))]),
            &detail(text),
        );
        assert_eq!(error.kind(), kind, "{tenant} {text}");
        assert_eq!(error.challenge().unwrap().tenant_id, tenant);
    }
}

#[test]
fn entra_answers_by_number() {
    let error = entra(
        401,
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 5a\r\nTimestamp: now","error_codes":[7000215],"trace_id":"5a"}"#,
    );
    assert_eq!(
        (error.kind(), error.code()),
        (TokenRefused, Some("AADSTS7000215"))
    );
    assert_eq!(
        error.message(),
        "AADSTS7000215: Invalid client secret provided."
    );
    assert_eq!(error.request_id(), Some("5a"));
    for (status, body, kind, code) in [
        (
            400,
            r#"{"error":"x","error_description":"AADSTS90002: Tenant 'y' not found."}"#,
            TokenRefused,
            Some("AADSTS90002"),
        ),
        (
            400,
            r#"{"error":"invalid_scope"}"#,
            TokenRefused,
            Some("invalid_scope"),
        ),
        (429, "", Throttled, None),
        (502, "", Unexpected, None),
        (502, "<html>", NotAzure, None),
    ] as [(u16, &str, ErrorKind, Option<&str>); 5]
    {
        let error = entra(status, body);
        assert_eq!((error.kind(), error.code()), (kind, code), "{body}");
    }
}
