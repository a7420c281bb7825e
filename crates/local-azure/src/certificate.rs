//! Certificates for apps, as `az ad sp create-for-rbac --create-cert` makes them.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};

/// A self-signed certificate with a new RSA key: one PEM with both (PKCS#8).
///
/// # Errors
/// When no key can be made.
pub fn self_signed(common_name: &str) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}
