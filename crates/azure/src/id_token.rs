//! Verifies an id_token: who signed in, in which tenant.
//!
//! Sources: "ID token claims reference", "Access tokens" (validation of multi-tenant tokens),
//! "Secure applications and APIs by validating claims". People are known by tenant and object id;
//! names and addresses can be changed by their owners and prove nothing.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, ErrorKind, Result};

/// The tenant of personal Microsoft accounts, which belongs to nobody.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// How far clocks may be apart; Microsoft's own libraries allow the same.
const LEEWAY_S: i64 = 300;

/// A person who signed in at Entra ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraUser {
    /// Proven: the person's organization (`tid`), in lower case.
    pub tenant_id: String,
    /// Proven: the person in that tenant (`oid`), in lower case.
    pub object_id: String,
    /// Such as `ann@contoso.com`; for showing only.
    pub username: Option<String>,
    /// Such as `Ann Lee`; for showing only.
    pub name: Option<String>,
    /// Proven: the person holds a role in that tenant whose holders decide which apps it lets in.
    pub is_administrator: bool,
    /// The domain of a member's username; a guest's is of another tenant and left out.
    pub tenant_domain: Option<String>,
}

/// What a token must say besides being well signed.
pub(crate) struct Expected<'a> {
    /// Such as `https://login.microsoftonline.com`.
    pub(crate) authority: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now_ms: i64,
}

/// A signing key of Entra ID, as published.
#[derive(Clone, Deserialize)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    #[serde(default)]
    kty: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    /// The issuer that it signs for, with `{tenantid}` for every tenant.
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    tid: String,
    oid: Option<String>,
    nonce: Option<String>,
    exp: i64,
    nbf: i64,
    preferred_username: Option<String>,
    name: Option<String>,
    idp: Option<String>,
    /// Only when the app registration asks for it; whatever else it may be is no proof, and no error.
    #[serde(default)]
    wids: Value,
}

/// The roles whose holders may consent to our app for their whole tenant, by their template ids
/// ("Grant tenant-wide admin consent to an application", "Microsoft Entra built-in roles"): our app
/// asks for no permission of Microsoft Graph, so the last two may as well. They can give themselves
/// a credential of any enterprise application, so a link gives them nothing that they could not take.
const ADMINISTRATORS: [&str; 4] = [
    // Global Administrator
    "62e90394-69f5-4237-9190-012177145e10",
    // Privileged Role Administrator
    "e8611ab8-c189-46e8-94e1-60213ab1f814",
    // Application Administrator
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    // Cloud Application Administrator
    "158c047a-c907-4556-b7ef-446551a6b5f7",
];

fn is_administrator(wids: &Value) -> bool {
    let mut roles = wids.as_array().into_iter().flatten();
    roles.any(|role| {
        let role = role.as_str().unwrap_or_default();
        ADMINISTRATORS
            .iter()
            .any(|one| one.eq_ignore_ascii_case(role))
    })
}

/// The id of the key that must have signed; an unsigned token has none.
pub(crate) fn key_id(token: &str) -> Result<String> {
    let (head, _) = token
        .split_once('.')
        .ok_or_else(|| refused("it is no JWT"))?;
    let header: Header = part(head)?;
    if header.alg != "RS256" {
        return Err(refused("it is not signed with RS256"));
    }
    header
        .kid
        .ok_or_else(|| refused("it does not name its key"))
}

/// The person, when everything about the token is as it must be.
pub(crate) fn verify(token: &str, key: &SigningKey, expected: &Expected<'_>) -> Result<EntraUser> {
    let malformed = || refused("it is no JWT");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (_, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let [n, e, signature] =
        [&key.n, &key.e, signature].map(|text| BASE64URL.decode(text).map_err(|_| malformed()));
    let public = RsaPublicKeyComponents { n: n?, e: e? };
    if key.kty != "RSA"
        || public
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature?)
            .is_err()
    {
        return Err(refused("its signature is wrong"));
    }
    let claims: Claims = part(claims)?;
    let is_guid = |text: &str| text.len() == 36 && Uuid::try_parse(text).is_ok();
    if !is_guid(&claims.tid) {
        return Err(refused("its tenant id is no GUID"));
    }
    let tenant_id = claims.tid.to_lowercase();
    if tenant_id == PERSONAL_ACCOUNTS {
        return Err(refused(
            "it is of a personal Microsoft account; sign in with a work or school account",
        ));
    }
    let issuer = |template: &str| template.replace("{tenantid}", &claims.tid);
    let ours = issuer(&format!("{}/{{tenantid}}/v2.0", expected.authority));
    let of_key = key.issuer.as_deref().map(issuer);
    if claims.iss != ours || of_key.is_some_and(|of_key| of_key != ours) {
        return Err(refused("its issuer is not its tenant"));
    }
    if claims.aud != expected.client_id {
        return Err(refused("it is for another app"));
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(refused("it answers another sign-in (nonce)"));
    }
    let now_s = expected.now_ms.div_euclid(1000);
    if claims.nbf > now_s + LEEWAY_S {
        return Err(refused(format!(
            "it begins {} minutes from now: this server's clock is slow",
            claims.nbf.saturating_sub(now_s) / 60
        )));
    }
    if claims.exp <= now_s - LEEWAY_S {
        return Err(refused(format!(
            "it ended {} minutes ago: it is old, or this server's clock is fast",
            now_s.saturating_sub(claims.exp) / 60
        )));
    }
    let object_id = claims
        .oid
        .filter(|oid| is_guid(oid))
        .ok_or_else(|| refused("it does not say who signed in (oid)"))?;
    let domain = claims
        .preferred_username
        .as_deref()
        .filter(|_| claims.idp.is_none())
        .and_then(|username| username.rsplit_once('@'))
        .map(|(_, domain)| domain.to_lowercase());
    Ok(EntraUser {
        tenant_id,
        object_id: object_id.to_lowercase(),
        tenant_domain: domain,
        is_administrator: is_administrator(&claims.wids),
        username: claims.preferred_username,
        name: claims.name,
    })
}

/// The object id in an access token of ours, for showing which principal roles are granted to.
/// Tokens are opaque to their client, so there may be none, and nothing is decided by it.
pub(crate) fn object_id_in(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Oid {
        oid: String,
    }
    let claims: Oid = part(token.split('.').nth(1)?).ok()?;
    Uuid::try_parse(&claims.oid).ok().map(|oid| oid.to_string())
}

pub(crate) fn refused(why: impl AsRef<str>) -> Error {
    Error::new(
        ErrorKind::IdTokenRefused,
        format!("the id_token is refused: {}", why.as_ref()),
    )
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T> {
    // serde's own text could quote the token.
    BASE64URL
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| refused("it lacks a claim or is no JWT"))
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::KeySize,
        signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
    };
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
    use serde_json::{Value, json};

    use super::{EntraUser, Expected, SigningKey, key_id, object_id_in, verify};
    use crate::ErrorKind;

    const TENANT: &str = "11111111-1111-1111-1111-111111111111";
    const PERSON: &str = "22222222-2222-2222-2222-222222222222";
    const NOW_S: i64 = 1_800_000_000;

    struct Signer(RsaKeyPair);

    impl Signer {
        fn new() -> Self {
            Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
        }

        fn key(&self) -> SigningKey {
            let public = self.0.public_key();
            SigningKey {
                kid: "k1".to_owned(),
                kty: "RSA".to_owned(),
                n: BASE64URL.encode(public.modulus().big_endian_without_leading_zero()),
                e: BASE64URL.encode(public.exponent().big_endian_without_leading_zero()),
                issuer: Some("https://login/{tenantid}/v2.0".to_owned()),
            }
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            self.sign_text(header, &claims.to_string())
        }

        fn sign_text(&self, header: &Value, claims: &str) -> String {
            let signed = [header.to_string(), claims.to_owned()]
                .map(|part| BASE64URL.encode(part))
                .join(".");
            let mut signature = vec![0; self.0.public_modulus_len()];
            let random = SystemRandom::new();
            self.0
                .sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .unwrap();
            format!("{signed}.{}", BASE64URL.encode(signature))
        }
    }

    fn claims() -> Value {
        json!({
            "iss": format!("https://login/{TENANT}/v2.0"), "aud": "app-1", "tid": TENANT, "oid": PERSON,
            "nonce": "n-1", "nbf": NOW_S, "iat": NOW_S, "exp": NOW_S + 3_600,
            "preferred_username": "Ann@Contoso.com", "name": "Ann",
        })
    }

    fn read(signer: &Signer, claims: &Value) -> crate::Result<EntraUser> {
        let token = signer.sign(&json!({"alg": "RS256", "kid": "k1"}), claims);
        verify(&token, &signer.key(), &expected())
    }

    fn expected() -> Expected<'static> {
        Expected {
            authority: "https://login",
            client_id: "app-1",
            nonce: "n-1",
            now_ms: NOW_S * 1_000,
        }
    }

    #[test]
    fn a_good_token_says_who_and_where() {
        let user = read(&Signer::new(), &claims()).unwrap();
        assert_eq!(
            (user.tenant_id.as_str(), user.object_id.as_str()),
            (TENANT, PERSON)
        );
        assert_eq!(user.tenant_domain.as_deref(), Some("contoso.com"));
    }

    #[test]
    fn only_a_role_that_decides_which_apps_enter_makes_an_administrator() {
        let signer = Signer::new();
        let user = "b79fbf4d-3ef9-4689-8143-76b194e85509";
        let storage = "e93e3737-fa85-474a-aee4-7d3fb86510f3";
        for (wids, expected) in [
            (Value::Null, false),
            (json!([]), false),
            (json!([user]), false),
            (json!([user, storage]), false),
            (json!("62e90394-69f5-4237-9190-012177145e10"), false),
            (json!({"62e90394-69f5-4237-9190-012177145e10": true}), false),
            (
                json!([["62e90394-69f5-4237-9190-012177145e10"], 7, null]),
                false,
            ),
            (json!([user, "62e90394-69f5-4237-9190-012177145e10"]), true),
            (json!(["62E90394-69F5-4237-9190-012177145E10"]), true),
            (json!(["e8611ab8-c189-46e8-94e1-60213ab1f814"]), true),
            (json!(["9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"]), true),
            (json!(["158c047a-c907-4556-b7ef-446551a6b5f7"]), true),
        ] {
            let mut claims = claims();
            claims["wids"] = wids.clone();
            assert_eq!(
                read(&signer, &claims).unwrap().is_administrator,
                expected,
                "{wids}"
            );
        }
        assert!(
            !read(&signer, &claims()).unwrap().is_administrator,
            "absent"
        );
    }

    #[test]
    fn every_wrong_claim_is_refused_by_name() {
        let signer = Signer::new();
        for (claim, value, said) in [
            (
                "iss",
                json!("https://login/33333333-3333-3333-3333-333333333333/v2.0"),
                "issuer",
            ),
            (
                "iss",
                json!(format!("https://evil/{TENANT}/v2.0")),
                "issuer",
            ),
            ("aud", json!("app-2"), "another app"),
            ("nonce", json!("n-2"), "nonce"),
            ("nonce", Value::Null, "nonce"),
            ("exp", json!(NOW_S - 1_200), "20 minutes ago"),
            ("nbf", json!(NOW_S + 1_200), "20 minutes from now"),
            ("exp", json!(i64::MIN), "minutes ago"),
            ("nbf", json!(i64::MAX), "minutes from now"),
            ("tid", json!("contoso.com"), "GUID"),
            ("tid", json!(super::PERSONAL_ACCOUNTS), "personal"),
            ("oid", Value::Null, "who signed in"),
        ] {
            let mut claims = claims();
            claims[claim] = value;
            let error = read(&signer, &claims).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::IdTokenRefused);
            assert!(error.message().contains(said), "{claim}: {error}");
        }
    }

    #[test]
    fn only_the_published_key_signs() {
        let (signer, other) = (Signer::new(), Signer::new());
        let header = json!({"alg": "RS256", "kid": "k1"});
        let forged = other.sign(&header, &claims());
        assert!(verify(&forged, &signer.key(), &expected()).is_err());
        let mut of_another_issuer = signer.key();
        of_another_issuer.issuer = Some("https://login/9188040d/v2.0".to_owned());
        let token = signer.sign(&header, &claims());
        assert!(verify(&token, &of_another_issuer, &expected()).is_err());
        assert_eq!(key_id(&token).unwrap(), "k1");
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256", "kid": "k1"}),
            json!({"alg": "RS256"}),
        ] {
            assert!(
                key_id(&signer.sign(&header, &claims())).is_err(),
                "{header}"
            );
        }
        for broken in ["", "a", "a.b.c", "e30.e30."] {
            assert!(key_id(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn an_access_token_may_name_its_principal() {
        let token = Signer::new().sign(&json!({"alg": "RS256"}), &claims());
        assert_eq!(object_id_in(&token).as_deref(), Some(PERSON));
        assert_eq!(object_id_in("opaque"), None);
    }
}
