//! A client certificate as an app's proof: a signed assertion (PS256, `x5t#S256`).
//!
//! Source: "Microsoft identity platform application authentication certificate credentials".

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use model::Secret;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::json;
use uuid::Uuid;

use crate::{Error, Result};

/// How long an assertion is good; Microsoft asks for 5 to 10 minutes.
const LIFETIME_S: i64 = 600;

/// When the certificate of a PEM text ends (`notAfter`), in Unix milliseconds; `None` when it has
/// none that can be read.
pub(crate) fn certificate_expiry(pem: &Secret) -> Option<i64> {
    let first = || CertificateDer::from_pem_slice(pem.expose().as_bytes()).ok();
    not_after(&leaf(pem).ok().map(|(_, own)| own).or_else(first)?)
}

/// The same of a certificate's DER.
fn not_after(der: &[u8]) -> Option<i64> {
    // Certificate, TBSCertificate; then by RFC 5280: [0] version, serial, signature, issuer, validity.
    let (mut fields, _) = read_der(0x30, read_der(0x30, der)?.0)?;
    if fields.first() == Some(&0xA0) {
        fields = read_der(0xA0, fields)?.1;
    }
    for tag in [0x02, 0x30, 0x30] {
        fields = read_der(tag, fields)?.1;
    }
    let (validity, _) = read_der(0x30, fields)?;
    let tag = *validity.first()?;
    let (_, not_after) = read_der(tag, validity)?;
    let tag = *not_after.first()?;
    let text = std::str::from_utf8(read_der(tag, not_after)?.0).ok()?;
    // UTCTime has two digits of the year, which begin again in 2050; GeneralizedTime has four.
    let text = match (tag, text.get(..2)?) {
        (0x17, year) if year < "50" => format!("20{text}"),
        (0x17, _) => format!("19{text}"),
        _ => text.to_owned(),
    };
    if text.len() != 15 || !text.is_ascii() {
        return None;
    }
    crate::instant::parse_iso(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        &text[..4],
        &text[4..6],
        &text[6..8],
        &text[8..10],
        &text[10..12],
        &text[12..14]
    ))
}

/// One DER element of this tag: its content, and what follows.
fn read_der(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0usize, |length, &digit| length << 8 | usize::from(digit));
        (length, rest)
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// The key and the thumbprint of a PEM text.
pub(super) struct ClientCertificate {
    key: RsaKeyPair,
    /// Base64url SHA-256 of the certificate's DER.
    thumbprint: String,
}

/// The key, and the certificate that is its own: a chain may come in any order.
fn leaf(pem: &Secret) -> Result<(RsaKeyPair, CertificateDer<'static>)> {
    let pem = pem.expose().as_bytes();
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem).flatten().collect();
    if certificates.is_empty() {
        return Err(Error::invalid(
            "the certificate PEM has no CERTIFICATE block",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        Error::invalid("the certificate PEM has no unencrypted PRIVATE KEY block; convert a .pfx with: openssl pkcs12 -in FILE.pfx -nodes")
    })?;
    let key = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => {
            return Err(Error::invalid(
                "the certificate's key is not RSA, which Entra ID needs",
            ));
        }
    }
    .map_err(|error| {
        Error::invalid(format!(
            "the certificate's key is no RSA key of 2,048 bits or more: {error}"
        ))
    })?;
    let public = key.public_key().as_ref();
    let own = certificates
        .into_iter()
        .find(|der| der.windows(public.len()).any(|part| part == public))
        .ok_or_else(|| {
            Error::invalid(
                "the certificate PEM has a private key that belongs to none of its certificates: paste both of one file",
            )
        })?;
    Ok((key, own))
}

impl ClientCertificate {
    pub(super) fn from_pem(pem: &Secret) -> Result<Self> {
        let (key, certificate) = leaf(pem)?;
        let thumbprint = BASE64URL.encode(digest::digest(&digest::SHA256, &certificate));
        Ok(Self { key, thumbprint })
    }

    /// A JWT that only the key's owner can make, for this token endpoint and the next minutes.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        token_endpoint: &str,
        now_ms: i64,
    ) -> Result<Secret> {
        let now_s = now_ms.div_euclid(1000);
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": token_endpoint,
            "iss": client_id,
            "sub": client_id,
            "jti": Uuid::new_v4().to_string(),
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + LIFETIME_S,
        });
        let mut text = format!(
            "{}.{}",
            BASE64URL.encode(header.to_string()),
            BASE64URL.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| Error::invalid("the certificate's key cannot sign"))?;
        text.push('.');
        BASE64URL.encode_string(signature, &mut text);
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        digest,
        signature::{KeyPair, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
    };
    use base64::{
        Engine,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    };
    use model::Secret;
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
    use serde_json::Value;

    use super::ClientCertificate;

    #[test]
    fn the_assertion_is_what_microsoft_documents() {
        let pem = local_azure::self_signed("longshore").unwrap();
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let certificate = ClientCertificate::from_pem(&Secret::new(&pem)).unwrap();
        let jwt = certificate
            .assertion("app-1", "https://login/t/token", 1_767_229_200_999)
            .unwrap();

        let (signed, signature) = jwt.expose().rsplit_once('.').unwrap();
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, certificate.key.public_key())
            .verify(signed.as_bytes(), &decode(signature))
            .unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        let claims: Value = serde_json::from_slice(&decode(claims)).unwrap();
        assert_eq!(header["alg"], "PS256");
        assert_eq!(
            decode(header["x5t#S256"].as_str().unwrap()),
            digest::digest(&digest::SHA256, &der).as_ref()
        );
        assert_eq!(claims["aud"], "https://login/t/token");
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&"app-1".into(), &"app-1".into())
        );
        assert_eq!(
            (&claims["nbf"], &claims["exp"]),
            (&1_767_229_200.into(), &1_767_229_800.into())
        );
        let again = certificate
            .assertion("app-1", "https://login/t/token", 0)
            .unwrap();
        assert_ne!(again, jwt);
    }

    #[test]
    fn pkcs1_keys_are_read_too() {
        let pem = local_azure::self_signed("longshore").unwrap();
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        // A 2,048-bit PKCS#8 key is a PKCS#1 key behind 26 bytes of wrapping.
        let pkcs1 = BASE64_STANDARD.encode(&pkcs8.secret_pkcs8_der()[26..]);
        let (_, certificate) = pem.split_once("-----END PRIVATE KEY-----").unwrap();
        let pem = format!(
            "-----BEGIN RSA PRIVATE KEY-----\n{pkcs1}\n-----END RSA PRIVATE KEY-----{certificate}"
        );
        assert!(ClientCertificate::from_pem(&Secret::new(pem)).is_ok());
    }

    #[test]
    fn the_certificate_of_the_key_is_found_in_any_order() {
        let own = local_azure::self_signed("longshore").unwrap();
        let other = local_azure::self_signed("issuer").unwrap();
        let split = |pem: &str| {
            let (key, certificate) = pem.split_at(pem.find("-----BEGIN CERTIFICATE").unwrap());
            (key.to_owned(), certificate.to_owned())
        };
        let ((key, certificate), (_, issuer)) = (split(&own), split(&other));
        let thumbprint = |pem: &str| {
            Some(
                ClientCertificate::from_pem(&Secret::new(pem))
                    .ok()?
                    .thumbprint,
            )
        };
        for pem in [
            format!("{key}{certificate}{issuer}"),
            format!("{issuer}{certificate}{key}"),
            format!("{issuer}{key}{certificate}"),
        ] {
            assert_eq!(thumbprint(&pem), thumbprint(&own), "{pem}");
        }
        assert_eq!(thumbprint(&format!("{key}{issuer}")), None);
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_is_quoted() {
        let pem = local_azure::self_signed("longshore").unwrap();
        let (key, certificate) = pem.split_at(pem.find("-----BEGIN CERTIFICATE").unwrap());
        for (pem, said) in [
            (key, "CERTIFICATE"),
            (certificate, "PRIVATE KEY"),
            ("s3cret", "CERTIFICATE"),
        ] {
            let error = ClientCertificate::from_pem(&Secret::new(pem))
                .err()
                .unwrap();
            assert!(error.to_string().contains(said), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}

#[cfg(test)]
mod fuzz {
    use model::Secret;

    use super::{ClientCertificate, certificate_expiry};

    /// A pasted certificate gives an end that a calendar has, or a short reason without its text.
    #[test]
    fn certificates() {
        let pem = local_azure::self_signed("longshore").expect("a certificate");
        let (key, certificate) = pem.split_at(pem.find("-----BEGIN CERTIFICATE").unwrap_or(0));
        let words = [
            "-----BEGIN CERTIFICATE-----\n",
            "-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "-----END PRIVATE KEY-----\n",
            "MII",
            "==",
            "\r\n",
            "-----",
        ];
        ::fuzz::texts("certificates", &[&pem, key, certificate], &words, |text| {
            let pem = Secret::new(text);
            if let Some(end_ms) = certificate_expiry(&pem) {
                assert!(
                    (-62_167_219_200_000..253_402_300_800_000).contains(&end_ms),
                    "{end_ms}"
                );
            }
            if let Err(error) = ClientCertificate::from_pem(&pem) {
                let said = error.to_string();
                assert!(
                    said.starts_with("the certificate") && said.len() < 200,
                    "{said}"
                );
            }
        });
    }

    /// The same below the PEM, where a certificate is nested lengths.
    #[test]
    fn certificate_fields() {
        use rustls::pki_types::{CertificateDer, pem::PemObject};

        let pem = local_azure::self_signed("longshore").expect("a certificate");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("its DER");
        ::fuzz::bytes(
            "certificate_fields",
            &[&der],
            &["\x30", "\x17\x0d", "\x18\x0f", "Z", "-1"],
            |input| {
                if let Some(end_ms) = super::not_after(input) {
                    assert!(
                        (-62_167_219_200_000..253_402_300_800_000).contains(&end_ms),
                        "{end_ms}"
                    );
                }
            },
        );
    }
}
