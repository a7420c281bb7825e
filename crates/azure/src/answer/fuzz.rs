//! Answers of whoever answers in Azure's place.

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::Answer;
use crate::delegation_key::DelegationKey;

/// Status, header lines, an empty line, body; then what is told of it is one line, not longer than
/// what came, and without the secret in it.
#[test]
fn azure_answers() {
    const SECRET: &str = "q7Zx0Lk2Vb9Tn4Rm1Ws8";
    let seeds = [
        "403\nx-ms-error-code: AuthenticationFailed\nx-ms-request-id: 3f1c-01\ndate: Thu, 01 Jan 1970 00:20:00 GMT\nretry-after: 7\n\n\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:3f1c-01\nTime:2026</Message><AuthenticationErrorDetail>'sig=abcdefgh' is &lt;wrong&gt;.</AuthenticationErrorDetail></Error>",
        "401\nwww-authenticate: Bearer authorization_uri=https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222/oauth2/authorize resource_id=https://storage.azure.com\n\n<Error><Code>InvalidAuthenticationInfo</Code><Message>m</Message></Error>",
        "401\n\n{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret.\\r\\nTrace ID: 5a\",\"error_codes\":[7000215],\"trace_id\":\"5a\"}",
        "400\nx-ms-retry-after-ms: 99\n\n{\"error\":\"invalid_request\",\"message\":\"No identity\",\"statusCode\":400}",
        "200\n\n<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>2026-01-01T00:00:00Z</SignedStart><SignedExpiry>2026-01-02T00:00:00Z</SignedExpiry><SignedService>b</SignedService><SignedVersion>2026-04-06</SignedVersion><Value>SmVmZQ==</Value></UserDelegationKey>",
    ];
    let words = [
        "<Error>",
        "</Error>",
        "<Code>",
        "</Code>",
        "<Message>",
        "</Message>",
        "<AuthenticationErrorDetail>",
        "&lt;",
        "&#10;",
        "<![CDATA[",
        "]]>",
        "\"error\":",
        "\"error_codes\":[",
        "AADSTS",
        "Trace ID:",
        "RequestId:",
        "x-ms-error-code: ",
        "retry-after: ",
        "date: ",
        "www-authenticate: Bearer ",
        "\n\n",
        "client_secret=",
        "&sig=q7Zx0Lk2Vb9Tn4Rm1Ws8",
        " Bearer q7Zx0Lk2Vb9Tn4Rm1Ws8",
    ];
    ::fuzz::texts("azure_answers", &seeds, &words, |text| {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, text));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.parse().ok());
        let mut headers = HeaderMap::new();
        for line in lines {
            if let Some((name, value)) = line.split_once(':')
                && let Ok(name) = HeaderName::try_from(name.trim())
                && let Ok(value) = HeaderValue::from_str(value.trim())
            {
                headers.append(name, value);
            }
        }
        let answer = Answer {
            status: status
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(StatusCode::FORBIDDEN),
            headers: &headers,
            body: body.as_bytes(),
            now_ms: 0,
        };
        for error in [
            answer.storage_error(Some("11111111-1111-1111-1111-111111111111")),
            answer.entra_error(),
            answer.identity_error(),
        ] {
            let said = error.message();
            assert!(!said.is_empty() && !said.contains(['\n', '\r']), "{said:?}");
            assert!(said.len() <= 10 * body.len() + 200);
            if !text
                .replace("&sig=q7", "")
                .replace(" Bearer q7", "")
                .contains(SECRET)
            {
                assert!(!said.contains(SECRET), "{said}");
            }
        }
        if let Ok(key) = DelegationKey::parse(body.as_bytes()) {
            assert!(
                key.expires_at_ms > 0
                    || key.expiry.starts_with('-')
                    || key.expiry.as_str() < "1970-01-01T00:00:01"
            );
        }
    });
}
