//! Takes signatures and tokens out of text before anyone reads it.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// SAS signatures in any spelling of a query, bearer tokens, and JWTs wherever they stand.
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?P<sig>(?:\b|%3F|%26)sig(?:=|%3D))[^&\s\x22'<>]+",
        r"|(?P<auth>\b(?:bearer|token|sharedkey)\s+)[A-Za-z0-9._~+/=:-]{16,}",
        // A name may stand where a value should: what follows the last of them is the secret.
        r"|(?P<field>(?:\b(?:client_secret|client_assertion|account_?key|access_token|refresh_token|sas_token)",
        r"\x22?\s*[=:]\s*\x22?(?:(?:bearer|token|sharedkey)\s+)*)+)[^&\s\x22,}]+",
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
                "access_token: Bearer abcdefghijklmnop.qrs",
                "access_token",
                "abcdefghijklmnop",
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

#[cfg(test)]
mod fuzz {
    use super::redact;

    /// Whatever stands around a secret, it is gone; and what is shown is not much longer.
    #[test]
    fn redaction() {
        const SECRET: &str = "q7Zx0Lk2Vb9Tn4Rm1Ws8";
        let seeds = [
            "GET /c/b?se=2026&sp=r\nsv=1",
            "Authorization: SharedKey acct:",
            "{\"account_key\": \"Zm9v\", \"container\": \"c\"}\n}",
            "https%3A%2F%2Fx%3Fsig%3Dabcdef\nx",
            "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln here",
            "access_token: \n",
        ];
        let words = [
            "sig=",
            "sig%3D",
            "%3Fsig",
            "%26",
            "Bearer ",
            "token ",
            "sharedkey ",
            "client_secret",
            "access_token: ",
            "sas_token=",
            "account_key=",
            "eyJ",
            "\"",
            "'",
            "<",
            "}",
        ];
        ::fuzz::texts("redaction", &seeds, &words, |text| {
            assert!(redact(text).len() <= 10 * text.len());
            let (before, after) = text.split_once('\n').unwrap_or((text, ""));
            if text.contains(SECRET) {
                return;
            }
            for secret in [
                format!("&sig={SECRET}"),
                format!("%26sig%3D{SECRET}"),
                format!(" Bearer {SECRET}"),
                format!("\"client_secret\":\"{SECRET}\""),
                format!(" eyJ{SECRET}.{SECRET}"),
            ] {
                let shown = redact(&format!("{before}{secret}{after}")).into_owned();
                assert!(!shown.contains(SECRET), "{secret} shown in {shown}");
            }
        });
    }
}
