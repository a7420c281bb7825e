//! AKS workload identity: the local cluster that projects service account tokens into files.

use std::{fs, io, path::Path};

use serde_json::json;

use crate::{
    State,
    entra::{SigningKeys, TOKEN_EXCHANGE},
    state::{FederatedCredential, StateError},
};

/// The cluster's OIDC issuer.
const ISSUER: &str = "https://oidc.cluster.localhost/";

/// How long a projected token lives, in seconds: the kubelet's default.
const TOKEN_S: i64 = 3600;

/// The cluster's own signing keys; made when first asked for.
pub struct Cluster(SigningKeys);

impl Cluster {
    /// A cluster whose issuer Entra can read the key of.
    pub(crate) fn start(state: &State) -> Self {
        let keys = SigningKeys::generate();
        state
            .add_external_issuer(ISSUER, &keys.public_key())
            .expect("an RSA public key");
        Self(keys)
    }
}

impl State {
    /// Lets a Kubernetes service account act as the app (`az identity federated-credential create`).
    ///
    /// # Errors
    /// Unknown app.
    pub fn trust_service_account(
        &self,
        client_id: &str,
        namespace: &str,
        service_account: &str,
    ) -> Result<FederatedCredential, StateError> {
        let credential = FederatedCredential {
            issuer: ISSUER.to_owned(),
            subject: subject(namespace, service_account),
            audience: TOKEN_EXCHANGE.to_owned(),
        };
        self.add_federated_credential(client_id, credential.clone())?;
        Ok(credential)
    }

    /// Writes a service account's token, valid for an hour, as the kubelet does
    /// (`AZURE_FEDERATED_TOKEN_FILE`).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn project_token(
        &self,
        namespace: &str,
        service_account: &str,
        file: &Path,
    ) -> io::Result<()> {
        let now = self.now_ms() / 1000;
        let token = self.cluster().0.sign(&json!({
            "iss": ISSUER,
            "sub": subject(namespace, service_account),
            "aud": [TOKEN_EXCHANGE],
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_S,
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": service_account},
            },
        }));
        fs::write(file, token)
    }
}

fn subject(namespace: &str, service_account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{service_account}")
}
