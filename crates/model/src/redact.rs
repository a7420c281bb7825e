//! Takes signatures and tokens out of text before anyone reads it.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// SAS signatures in any spelling of a query, bearer tokens, and JWTs wherever they stand.
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?P<sig>(?:\b|%3F|%26)sig(?:=|%3D))[^&\s\x22'<>]+",
        r"|(?P<auth>\b(?:bearer|token|sharedkey)\s+)[A-Za-z0-9._~+/=:-]{16,}",
        r"|(?P<field>\b(?:client_secret|client_assertion|account_?key|access_token|refresh_token|sas_token)\x22?\s*[=:]\s*\x22?)[^&\s\x22,}]+",
        r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*",
    ))
    .expect("a constant pattern")
});

/// The same text with every SAS signature, bearer token, JWT and secret field as `REDACTED`.
/// The rest of a SAS (times, permissions) stays: it says why a link was refused.
pub fn redact(text: &str) -> Cow<'_, str> {
    SECRETS.replace_all(text, "${sig}${auth}${field}REDACTED")
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn signatures_and_tokens_disappear_and_the_rest_stays() {
        for (text, kept, gone) in [
            (
                "GET /c/b?se=2026&sp=r&sig=abc%2Bdef%3D&sv=1",
                "sp=r",
                "abc%2Bdef",
            ),
            ("https%3A%2F%2Fx%3Fsig%3Dabcdef", "https", "abcdef"),
            (
                "Authorization: Bearer abcdefghijklmnop.qrs",
                "Authorization",
                "abcdefghijklmnop",
            ),
            (
                "Authorization: SharedKey acct:AAAAAAAAAAAAAAAAAAAA=",
                "SharedKey",
                "AAAA",
            ),
            (
                "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln here",
                "here",
                "eyJzdWIi",
            ),
            (
                r#"{"account_key": "Zm9v", "container": "c"}"#,
                "container",
                "Zm9v",
            ),
            ("client_secret=s3cr3t~x&scope=y", "scope=y", "s3cr3t"),
        ] {
            let clean = redact(text);
            assert!(clean.contains(kept), "{clean}");
            assert!(!clean.contains(gone), "{clean}");
        }
    }

    #[test]
    fn harmless_text_is_untouched() {
        assert_eq!(
            redact("design sign=1 token expired"),
            "design sign=1 token expired"
        );
    }
}
