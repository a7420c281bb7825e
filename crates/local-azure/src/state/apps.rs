//! App registrations and how each proves itself: secrets, certificates, federated credentials.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use jsonwebtoken::DecodingKey;
use rand::RngCore as _;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};

use super::{State, StateError, World, new_id, unknown};

/// An app registration, in its home tenant.
#[derive(Clone, Debug, Serialize)]
pub struct App {
    pub client_id: String,
    pub display_name: String,
    pub home_tenant: String,
    pub audience: AppAudience,
    pub redirect_uris: Vec<String>,
    /// Its id_tokens tell the person's directory roles (`wids`): `groupMembershipClaims` of the
    /// registration is `DirectoryRole`.
    pub tells_roles: bool,
    pub secrets: Vec<AppSecret>,
    pub certificates: Vec<AppCertificate>,
    pub federated_credentials: Vec<FederatedCredential>,
}

/// Who may consent to an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppAudience {
    /// Its home tenant only.
    #[default]
    SingleTenant,
    MultiTenant,
}

/// A client secret.
#[derive(Clone, Debug, Serialize)]
pub struct AppSecret {
    /// What people paste by mistake instead of the value.
    pub key_id: String,
    pub value: String,
    pub expires_at_ms: i64,
}

/// A certificate that the app proves itself with.
#[derive(Clone, Debug, Serialize)]
pub struct AppCertificate {
    pub key_id: String,
    /// Of the DER: what `x5t` names. Lower-case hex.
    pub sha1: String,
    /// Of the DER: what `x5t#S256` names. Lower-case hex.
    pub sha256: String,
    /// PEM, `PUBLIC KEY`.
    #[serde(skip)]
    pub public_key: String,
    /// `None` never expires.
    pub expires_at_ms: Option<i64>,
}

/// Trust in another issuer's tokens as client assertions; compared case-sensitively.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    pub issuer: String,
    pub subject: String,
    pub audience: String,
}

impl World {
    fn app_mut(&mut self, client_id: &str) -> Result<&mut App, StateError> {
        self.apps
            .get_mut(client_id)
            .ok_or_else(|| unknown("app", client_id))
    }
}

impl State {
    /// Registers an app in its home tenant, with `wids` in its id_tokens as docs/azure-app.md asks;
    /// [`State::tell_roles`] takes them out. Its service principal comes with [`State::consent`].
    ///
    /// # Errors
    /// Unknown tenant.
    pub fn create_app(
        &self,
        home_tenant: &str,
        display_name: &str,
        audience: AppAudience,
    ) -> Result<App, StateError> {
        let mut world = self.world_mut();
        let app = App {
            client_id: new_id(),
            display_name: display_name.to_owned(),
            home_tenant: world.tenant(home_tenant)?.id.clone(),
            audience,
            redirect_uris: Vec::new(),
            tells_roles: true,
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
        };
        world.apps.insert(app.client_id.clone(), app.clone());
        Ok(app)
    }

    /// Replaces an app's redirect URIs.
    ///
    /// # Errors
    /// Unknown app.
    pub fn set_redirect_uris(&self, client_id: &str, uris: Vec<String>) -> Result<(), StateError> {
        self.world_mut().app_mut(client_id)?.redirect_uris = uris;
        Ok(())
    }

    /// Puts `wids` into an app's id_tokens, or takes them out as they are by default at Entra ID.
    ///
    /// # Errors
    /// Unknown app.
    pub fn tell_roles(&self, client_id: &str, tells_roles: bool) -> Result<(), StateError> {
        self.world_mut().app_mut(client_id)?.tells_roles = tells_roles;
        Ok(())
    }

    /// Changes who may consent to an app.
    ///
    /// # Errors
    /// Unknown app.
    pub fn set_audience(&self, client_id: &str, audience: AppAudience) -> Result<(), StateError> {
        self.world_mut().app_mut(client_id)?.audience = audience;
        Ok(())
    }

    /// Adds a random client secret that works for `lifetime_ms` from now (negative: expired already).
    ///
    /// # Errors
    /// Unknown app.
    pub fn add_secret(&self, client_id: &str, lifetime_ms: i64) -> Result<AppSecret, StateError> {
        let mut random = [0; 24];
        rand::rng().fill_bytes(&mut random);
        let secret = AppSecret {
            key_id: new_id(),
            value: format!("loc8Q~{}", hex::encode(random)),
            expires_at_ms: self.now_ms() + lifetime_ms,
        };
        let mut world = self.world_mut();
        world.app_mut(client_id)?.secrets.push(secret.clone());
        Ok(secret)
    }

    /// Adds a certificate (PEM; a private key beside it is ignored) with an RSA key.
    ///
    /// # Errors
    /// Unknown app, or a PEM without a certificate.
    pub fn add_certificate(
        &self,
        client_id: &str,
        pem: &str,
        expires_at_ms: Option<i64>,
    ) -> Result<AppCertificate, StateError> {
        let certificate = read_certificate(pem, expires_at_ms)?;
        let mut world = self.world_mut();
        world
            .app_mut(client_id)?
            .certificates
            .push(certificate.clone());
        Ok(certificate)
    }

    /// Lets an app prove itself by another issuer's tokens.
    ///
    /// # Errors
    /// Unknown app.
    pub fn add_federated_credential(
        &self,
        client_id: &str,
        credential: FederatedCredential,
    ) -> Result<(), StateError> {
        let mut world = self.world_mut();
        world
            .app_mut(client_id)?
            .federated_credentials
            .push(credential);
        Ok(())
    }

    /// Makes an issuer outside of this Azure known, by its RSA public key (PEM, `PUBLIC KEY`).
    ///
    /// # Errors
    /// A key that is none.
    pub fn add_external_issuer(&self, issuer: &str, public_key: &str) -> Result<(), StateError> {
        DecodingKey::from_rsa_pem(public_key.as_bytes()).map_err(|error| StateError::Invalid {
            what: "public key",
            reason: error.to_string(),
        })?;
        self.world_mut()
            .external_issuers
            .insert(issuer.to_owned(), public_key.to_owned());
        Ok(())
    }
}

fn read_certificate(pem: &str, expires_at_ms: Option<i64>) -> Result<AppCertificate, StateError> {
    let invalid = |reason: String| StateError::Invalid {
        what: "certificate",
        reason,
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| invalid(error.to_string()))?;
    let parsed =
        webpki::EndEntityCert::try_from(&der).map_err(|error| invalid(error.to_string()))?;
    let spki = parsed.subject_public_key_info();
    Ok(AppCertificate {
        key_id: new_id(),
        sha1: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)),
        sha256: hex::encode(digest(&SHA256, &der)),
        public_key: crate::tls::public_key_pem(spki.as_ref()),
        expires_at_ms,
    })
}
