//! Entra's signing keys, and the check of a token that one of them signed.

use std::sync::{PoisonError, RwLock};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::tls::{private_key_pem, public_key_pem};

/// What the blob front needs to know of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    /// Tenant id.
    pub tid: String,
    /// The principal's object id, which role assignments name.
    pub oid: String,
    /// The client id.
    #[serde(default)]
    pub appid: String,
    /// Unix seconds.
    pub exp: i64,
    pub nbf: i64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    #[error("the token is malformed")]
    Malformed,
    #[error("the signing key is unknown")]
    UnknownKey,
    #[error("the signature is invalid")]
    BadSignature,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token is expired")]
    Expired,
}

/// The current key signs; all of them verify, until they are dropped.
pub struct SigningKeys(RwLock<Vec<SigningKey>>);

struct SigningKey {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// PEM, `PUBLIC KEY`.
    public_key: String,
    /// As the JWKS document shows it.
    jwk: Value,
}

impl SigningKeys {
    /// One new key.
    pub fn generate() -> Self {
        Self(RwLock::new(vec![SigningKey::generate()]))
    }

    /// Signs with a new key from now on; the old ones still verify.
    pub fn rotate(&self) {
        let key = SigningKey::generate();
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(0, key);
    }

    /// Forgets all keys but the current one: tokens that they signed are refused.
    pub fn drop_old(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .truncate(1);
    }

    /// The current key's public half (PEM, `PUBLIC KEY`).
    pub fn public_key(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner)[0]
            .public_key
            .clone()
    }

    /// The current key's id.
    pub fn current(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner)[0]
            .kid
            .clone()
    }

    /// A JWT of these claims (RS256) under the current key.
    pub fn sign(&self, claims: &Value) -> String {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(keys[0].kid.clone());
        jsonwebtoken::encode(&header, claims, &keys[0].encoding).expect("an RSA key signs")
    }

    /// The JWKS document.
    pub fn jwks(&self) -> Value {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        json!({ "keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }

    /// The claims of a token that this Entra signed and whose time has come and not gone.
    /// Whose token it is and for whom (`iss`, `tid`, `aud`) is for the caller to judge.
    ///
    /// # Errors
    /// See [`TokenProblem`].
    pub fn verify<C: DeserializeOwned>(&self, token: &str, now_ms: i64) -> Result<C, TokenProblem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenProblem::Malformed)?;
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys
            .iter()
            .find(|key| Some(&key.kid) == header.kid.as_ref())
            .ok_or(TokenProblem::UnknownKey)?;
        verify_with(token, &key.decoding, &[Algorithm::RS256], now_ms)
    }
}

/// Checks signature, algorithm and times (`exp` required, `nbf` if there) of a JWT under one key.
///
/// # Errors
/// See [`TokenProblem`].
pub fn verify_with<C: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithms: &[Algorithm],
    now_ms: i64,
) -> Result<C, TokenProblem> {
    let mut validation = Validation::new(algorithms[0]);
    validation.algorithms = algorithms.to_vec();
    validation.required_spec_claims.clear();
    // Ours is another clock than the library's.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Value>(token, key, &validation)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature
            | jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => TokenProblem::BadSignature,
            _ => TokenProblem::Malformed,
        })?
        .claims;
    // RFC 7519's NumericDate may have a fraction; MSAL for Python sends one.
    let now = now_ms as f64 / 1000.0;
    let exp = claims["exp"].as_f64().ok_or(TokenProblem::Malformed)?;
    if claims["nbf"].as_f64().is_some_and(|nbf| now < nbf - SKEW_S) {
        return Err(TokenProblem::NotYetValid);
    }
    if exp + SKEW_S <= now {
        return Err(TokenProblem::Expired);
    }
    serde_json::from_value(claims).map_err(|_| TokenProblem::Malformed)
}

/// The clock skew that Microsoft's services forgive, in seconds.
const SKEW_S: f64 = 300.0;

impl SigningKey {
    fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key of 2,048 bits");
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("an RSA key encodes");
        let public = pair.public_key();
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(public).expect("an RSA key encodes");
        let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (
            number(public.modulus().big_endian_without_leading_zero()),
            number(public.exponent().big_endian_without_leading_zero()),
        );
        let kid = uuid::Uuid::new_v4().simple().to_string();
        Self {
            encoding: EncodingKey::from_rsa_pem(private_key_pem(pkcs8.as_ref()).as_bytes())
                .expect("PKCS#8 of an RSA key"),
            decoding: DecodingKey::from_rsa_components(&n, &e).expect("an RSA public key"),
            public_key: public_key_pem(spki.as_ref()),
            jwk: json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "x5t": kid, "n": n, "e": e}),
            kid,
        }
    }
}

impl crate::State {
    /// The claims of a token that this Entra signed and that is valid now.
    ///
    /// # Errors
    /// See [`TokenProblem`].
    pub fn verify_access_token(&self, token: &str) -> Result<Claims, TokenProblem> {
        self.keys().verify(token, self.now_ms())
    }
}
