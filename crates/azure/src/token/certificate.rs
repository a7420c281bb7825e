//! A client certificate as an app's proof: a signed assertion (PS256, `x5t#S256`).
//!
//! Source: "Microsoft identity platform application authentication certificate credentials".

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use model::Secret;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::json;
use uuid::Uuid;

use crate::{Error, Result};

/// How long an assertion is good; Microsoft asks for 5 to 10 minutes.
const LIFETIME_S: i64 = 600;

/// The key and the thumbprint of a PEM text.
pub(super) struct ClientCertificate {
    key: RsaKeyPair,
    /// Base64url SHA-256 of the certificate's DER.
    thumbprint: String,
}

impl ClientCertificate {
    pub(super) fn from_pem(pem: &Secret) -> Result<Self> {
        let pem = pem.expose().as_bytes();
        let certificate = CertificateDer::from_pem_slice(pem)
            .map_err(|_| Error::invalid("the certificate PEM has no CERTIFICATE block"))?;
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
