//! The certificate authority of a directory, the HTTPS listeners' certificate, and PEM.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The host names and addresses of the HTTPS listeners.
const SERVER_NAMES: [&str; 4] = ["localhost", "*.localhost", "*.blob.localhost", "127.0.0.1"];

/// Reads the certificate authority of `dir` (`ca.pem`, `ca.key`), or makes it, and answers the
/// TLS configuration of a server certificate it signs.
///
/// # Errors
/// When the directory cannot be read or written, or holds something else under these names.
pub fn server_config(dir: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let (certificate_file, key_file) = (dir.join("ca.pem"), dir.join("ca.key"));
    let issuer = if certificate_file.exists() && key_file.exists() {
        let key = KeyPair::from_pem(&fs::read_to_string(&key_file)?).context("reading ca.key")?;
        Issuer::new(authority_params(), key)
    } else {
        let key = KeyPair::generate()?;
        let certificate = authority_params().self_signed(&key)?;
        write_private(&key_file, &key.serialize_pem()).context("writing ca.key")?;
        fs::write(&certificate_file, certificate.pem()).context("writing ca.pem")?;
        Issuer::new(authority_params(), key)
    };

    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(SERVER_NAMES.map(String::from))?;
    params
        .distinguished_name
        .push(DnType::CommonName, "local-azure");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()?
    .with_no_client_auth()
    .with_single_cert(
        vec![CertificateDer::from(certificate.der().to_vec())],
        PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?,
    )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A file that only its owner reads.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?
        .write_all(text.as_bytes())
}

/// The same authority at every start: only its key makes it unique.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "local-azure test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// PEM of a public key (SubjectPublicKeyInfo in DER).
pub fn public_key_pem(spki: &[u8]) -> String {
    pem("PUBLIC KEY", spki)
}

/// PEM of a private key (PKCS#8 in DER).
pub fn private_key_pem(pkcs8: &[u8]) -> String {
    pem("PRIVATE KEY", pkcs8)
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = BASE64_STANDARD.encode(der);
    for line in encoded.as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
