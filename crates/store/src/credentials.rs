//! Credentials as they are sealed: a JSON text that never leaves this module unsealed.

use model::{ClientProof, Credential, IdentityId, IdentitySource, OrgId, Secret, StorageId};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, SealKeys,
    db::{Row, Tx, sql},
    store::credential_row,
};

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Stored {
    AccountKey {
        key: String,
    },
    Sas {
        token: String,
    },
    Anonymous,
    ServicePrincipal {
        tenant_id: String,
        client_id: String,
        proof: StoredProof,
    },
    ManagedIdentity {
        source: IdentitySource,
        identity: IdentityId,
    },
    AzureLink {
        tenant_id: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredProof {
    Secret(String),
    Certificate {
        pem: String,
    },
    Federated {
        source: IdentitySource,
        identity: IdentityId,
    },
}

/// Seals a storage's credential into its row.
pub(crate) async fn put_credential(
    tx: &mut Tx,
    keys: &SealKeys,
    org: OrgId,
    storage: StorageId,
    credential: &Credential,
) -> Result<()> {
    let text = serde_json::to_string(&Stored::from(credential))
        .map(Secret::new)
        .map_err(|source| Error::caused_by("a credential could not be written", source))?;
    let sealed = keys.seal(credential_row(org.0, storage.0), text.expose().as_bytes())?;
    tx.execute(
        sql(
            "INSERT INTO storage_credentials (storage_id, org_id, sealed) VALUES ($1, $2, $3)
             ON CONFLICT (storage_id) DO UPDATE SET sealed = excluded.sealed",
        )
        .bind(storage)
        .bind(org)
        .bind(sealed),
    )
    .await?;
    Ok(())
}

/// Opens the credential of a row with `id`, `org_id` and `sealed`.
pub(crate) fn credential_of(keys: &SealKeys, row: &Row) -> Result<Credential> {
    let at = credential_row(row.get("org_id")?, row.get("id")?);
    let plain = keys.open(at, &row.get::<Vec<u8>>("sealed")?)?;
    // The cause is not kept: it could quote the text.
    let text = String::from_utf8(plain)
        .map(Secret::new)
        .map_err(|_| Error::new("an opened credential is not text"))?;
    serde_json::from_str::<Stored>(text.expose())
        .map(Credential::from)
        .map_err(|_| Error::new("an opened credential is not one of ours"))
}

impl From<&Credential> for Stored {
    fn from(credential: &Credential) -> Self {
        match credential {
            Credential::AccountKey { key } => Self::AccountKey {
                key: key.expose().to_owned(),
            },
            Credential::Sas { token } => Self::Sas {
                token: token.expose().to_owned(),
            },
            Credential::Anonymous => Self::Anonymous,
            Credential::ServicePrincipal {
                tenant_id,
                client_id,
                proof,
            } => Self::ServicePrincipal {
                tenant_id: tenant_id.clone(),
                client_id: client_id.clone(),
                proof: proof.into(),
            },
            Credential::ManagedIdentity { source, identity } => Self::ManagedIdentity {
                source: *source,
                identity: identity.clone(),
            },
            Credential::AzureLink { tenant_id } => Self::AzureLink {
                tenant_id: tenant_id.clone(),
            },
        }
    }
}

impl From<&ClientProof> for StoredProof {
    fn from(proof: &ClientProof) -> Self {
        match proof {
            ClientProof::Secret(secret) => Self::Secret(secret.expose().to_owned()),
            ClientProof::Certificate { pem } => Self::Certificate {
                pem: pem.expose().to_owned(),
            },
            ClientProof::Federated { source, identity } => Self::Federated {
                source: *source,
                identity: identity.clone(),
            },
        }
    }
}

impl From<Stored> for Credential {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::AccountKey { key } => Self::AccountKey {
                key: Secret::new(key),
            },
            Stored::Sas { token } => Self::Sas {
                token: Secret::new(token),
            },
            Stored::Anonymous => Self::Anonymous,
            Stored::ServicePrincipal {
                tenant_id,
                client_id,
                proof,
            } => Self::ServicePrincipal {
                tenant_id,
                client_id,
                proof: match proof {
                    StoredProof::Secret(secret) => ClientProof::Secret(Secret::new(secret)),
                    StoredProof::Certificate { pem } => ClientProof::Certificate {
                        pem: Secret::new(pem),
                    },
                    StoredProof::Federated { source, identity } => {
                        ClientProof::Federated { source, identity }
                    }
                },
            },
            Stored::ManagedIdentity { source, identity } => {
                Self::ManagedIdentity { source, identity }
            }
            Stored::AzureLink { tenant_id } => Self::AzureLink { tenant_id },
        }
    }
}
