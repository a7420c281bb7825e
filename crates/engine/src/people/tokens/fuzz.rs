//! API tokens: nothing that was changed is accepted.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use model::Secret;
use serde_json::{Value, json};

use super::{ACCESS, REFRESH, check_fixed_token, unverified_jti, verify};

const NOW_MS: i64 = 1_800_000_000_000;

/// No token is accepted that was not signed as it stands; and of what was signed, none of
/// another type or over.
#[test]
fn api_tokens() {
    let key = Secret::new("k".repeat(32));
    let sign = |claims: &Value| {
        let key = EncodingKey::from_secret(key.expose().as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).expect("signed")
    };
    let claims = json!({"token_type": "access", "exp": NOW_MS / 1000 + 300, "iat": NOW_MS / 1000, "jti": "j1", "user_id": "1", "refresh_jti": "j0"});
    let token = sign(&claims);
    let none = "eyJhbGciOiJub25lIn0.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.";
    let words = [
        "\"token_type\":",
        "\"access\"",
        "\"refresh\"",
        "\"exp\":",
        "\"jti\":",
        "\"user_id\":",
        "null",
        ".",
        "=",
        "eyJ",
        "eyJhbGciOiJub25lIn0.",
        "{",
        "}",
        "[",
    ];
    ::fuzz::texts(
        "api_tokens",
        &[&token, none, &claims.to_string()],
        &words,
        |text| {
            let _ = (unverified_jti(text), check_fixed_token(&Secret::new(text)));
            for kind in [ACCESS, REFRESH] {
                let accepted = verify(text, kind, &key, NOW_MS).is_some();
                assert_eq!(accepted, text == token && kind == ACCESS);
            }
            let Ok(said) = serde_json::from_str::<Value>(text) else {
                return;
            };
            let signed = sign(&said);
            for kind in [ACCESS, REFRESH] {
                if let Some(claims) = verify(&signed, kind, &key, NOW_MS) {
                    assert_eq!(said["token_type"], kind);
                    assert!(said["exp"].as_i64() > Some(NOW_MS / 1000));
                    assert_eq!(unverified_jti(&signed), Some(claims.jti));
                }
            }
        },
    );
}
