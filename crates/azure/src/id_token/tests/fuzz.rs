//! Tokens and keys of whoever answers in Entra ID's place.

use super::*;

/// No token is accepted that was not signed as it stands; and of what was signed, none that
/// is for another app, tenant, sign-in or time.
#[test]
fn id_tokens() {
    let signer = Signer::new();
    let header = json!({"alg": "RS256", "kid": "k1"});
    let good = claims().to_string();
    let token = signer.sign(&header, &claims());
    let words = [
        "\"iss\":",
        "\"aud\":",
        "\"tid\":",
        "\"exp\":",
        "\"nbf\":",
        "\"nonce\":",
        "\"oid\":",
        "null",
        "{",
        "}",
        "[",
        ".",
        "=",
        "eyJ",
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "https://login/",
    ];
    ::fuzz::texts("id_tokens", &[&token, &good], &words, |text| {
        let key = signer.key();
        if !text.starts_with('{') {
            let _ = (key_id(text), object_id_in(text));
            assert_eq!(verify(text, &key, &expected()).is_ok(), text == token);
            return;
        }
        let signed = signer.sign_text(&header, text);
        let Ok(user) = verify(&signed, &key, &expected()) else {
            return;
        };
        // A number that no double holds, in a claim that nobody reads.
        let Ok(said) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let tenant = said["tid"].as_str().expect("a tenant");
        assert_eq!(user.tenant_id, tenant.to_lowercase());
        assert_eq!(said["iss"], format!("https://login/{tenant}/v2.0"));
        assert_eq!(
            (&said["aud"], &said["nonce"]),
            (&json!("app-1"), &json!("n-1"))
        );
        assert!(
            said["exp"].as_i64() > Some(NOW_S - 301) && said["nbf"].as_i64() < Some(NOW_S + 301)
        );
    });
}

/// A token is good for the key that signed it, and for nothing else that is published as one.
#[test]
fn signing_keys() {
    let signer = Signer::new();
    let key = signer.key();
    let token = signer.sign(&json!({"alg": "RS256", "kid": "k1"}), &claims());
    let published =
        json!([{"kid": "k1", "kty": "RSA", "n": key.n, "e": key.e, "issuer": key.issuer}]);
    let seeds = [
        published.to_string(),
        json!([{"kid": "k", "n": "AQAB", "e": "AQAB"}]).to_string(),
    ];
    let words = [
        "\"n\":",
        "\"e\":",
        "\"kty\":\"RSA\"",
        "AQAB",
        "AA",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
    ];
    ::fuzz::texts("signing_keys", &[&seeds[0], &seeds[1]], &words, |text| {
        for read in serde_json::from_str::<Vec<SigningKey>>(text).unwrap_or_default() {
            if verify(&token, &read, &expected()).is_ok() {
                let modulus = [&read.n, &key.n].map(|n| BASE64URL.decode(n).expect("it was read"));
                assert!(modulus[0].ends_with(&modulus[1]), "{text}");
            }
        }
    });
}
