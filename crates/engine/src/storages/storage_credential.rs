//! The credential of a storage form: from what is given now, and what is stored already.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::{
    AccountName, ClientProof, ContainerName, Credential, CredentialKind, IdentityId,
    IdentitySource, Secret,
};

use crate::storages::{
    pasted::{Pasted, sas_fields},
    storage_input::{Problems, REQUIRED, StorageInput, text},
};

/// The credential that the storage has now.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub credential: &'a Credential,
    /// Its secret is kept only while it goes to the account that it was given for.
    pub same_account: bool,
}

/// Where the storage is.
pub(crate) type Place<'a> = (&'a AccountName, Option<&'a ContainerName>);

/// The credential, or `None` with what is wrong noted.
pub(crate) fn build(
    kind: CredentialKind,
    input: &StorageInput,
    at: Place<'_>,
    stored: Option<Stored<'_>>,
    problems: &mut Problems,
) -> Option<Credential> {
    match kind {
        CredentialKind::AccountKey => account_key(input, at, stored, problems),
        CredentialKind::Sas => sas(input, at, stored, problems),
        CredentialKind::ServicePrincipal => service_principal(input, stored, problems),
        CredentialKind::ManagedIdentity => managed_identity(input, stored, problems),
        CredentialKind::AzureLink => azure_link(input, stored, problems),
    }
}

fn secret(field: &Option<Secret>) -> Option<&str> {
    let given = field.as_ref().map(|secret| secret.expose().trim());
    given.filter(|text| !text.is_empty())
}

/// What to say where a secret is missing.
fn missing(stored: Option<Stored<'_>>, secret: &str, belongs_to: &str) -> String {
    if stored.is_some() {
        format!("Give the {secret} again: the stored one belongs to another {belongs_to}.")
    } else {
        REQUIRED.to_owned()
    }
}

fn account_key(
    input: &StorageInput,
    at: Place<'_>,
    stored: Option<Stored<'_>>,
    problems: &mut Problems,
) -> Option<Credential> {
    let Some(given) = secret(&input.account_key) else {
        return match stored {
            Some(stored) if stored.same_account => Some(stored.credential.clone()),
            stored => problems.add("account_key", missing(stored, "account key", "account")),
        };
    };
    let pasted = Pasted::read(given);
    if let Some(elsewhere) = elsewhere(&pasted, at) {
        return problems.add("account_key", elsewhere);
    }
    let Some(key) = pasted.key else {
        return problems.add(
            "account_key",
            match pasted.sas {
                Some(_) => "This has a SAS token and no account key in it: choose the SAS token as the way to sign in.",
                None => "This connection string has no AccountKey in it. Copy the one of the storage account's page Access keys.",
            },
        );
    };
    match BASE64_STANDARD.decode(key.expose()) {
        Ok(bytes) if !bytes.is_empty() => Some(Credential::AccountKey { key }),
        _ => problems.add(
            "account_key",
            "This is not an account key: it must be base64, 88 characters that end in \"==\". Copy key1 or key2 from the storage account's page Access keys.",
        ),
    }
}

/// What to say when something of another place was pasted.
fn elsewhere(pasted: &Pasted, (account, container): Place<'_>) -> Option<String> {
    let named = pasted.account.as_deref()?;
    if named != account.as_str() {
        return Some(format!(
            "What was pasted is of the account {named:?}, and the storage of the account {account}. Correct one of the two."
        ));
    }
    let (named, container) = (pasted.container.as_deref()?, container?);
    (named != container.as_str()).then(|| {
        format!(
            "What was pasted is of the container {named:?}, and the storage of the container {container}. Correct one of the two."
        )
    })
}

fn sas(
    input: &StorageInput,
    at: Place<'_>,
    stored: Option<Stored<'_>>,
    problems: &mut Problems,
) -> Option<Credential> {
    let Some(given) = &input.sas_token else {
        return match stored {
            None => Some(Credential::Anonymous),
            Some(stored) if stored.same_account => Some(stored.credential.clone()),
            Some(_) => problems.add(
                "sas_token",
                "Give the SAS token again (empty for anonymous access): the stored one belongs to another account.",
            ),
        };
    };
    if given.expose().trim().is_empty() {
        return Some(Credential::Anonymous);
    }
    let pasted = Pasted::read(given.expose());
    if let Some(elsewhere) = elsewhere(&pasted, at) {
        return problems.add("sas_token", elsewhere);
    }
    let Some(query) = pasted.sas else {
        return problems.add(
            "sas_token",
            "This connection string has an account key and no SAS token in it: choose the account key as the way to sign in.",
        );
    };
    match sas_fields(query.expose()) {
        Ok(token) => Some(Credential::Sas { token }),
        Err(why) => problems.add("sas_token", why),
    }
}

fn service_principal(
    input: &StorageInput,
    stored: Option<Stored<'_>>,
    problems: &mut Problems,
) -> Option<Credential> {
    let (kept_tenant, kept_client, kept_proof) = match stored.map(|stored| stored.credential) {
        Some(Credential::ServicePrincipal {
            tenant_id,
            client_id,
            proof,
        }) => (
            Some(tenant_id.as_str()),
            Some(client_id.as_str()),
            Some(proof),
        ),
        _ => (None, None, None),
    };
    let tenant_id = match text(&input.tenant_id).or(kept_tenant) {
        Some(tenant) if is_guid(tenant) || is_domain(tenant) => Some(tenant.to_lowercase()),
        Some(_) => problems.add(
            "tenant_id",
            "Give the tenant's id (a GUID: az account show --query tenantId) or its domain, like contoso.onmicrosoft.com.",
        ),
        None => problems.add("tenant_id", REQUIRED),
    };
    let client_id = match text(&input.client_id).or(kept_client) {
        Some(client) if is_guid(client) => Some(client.to_lowercase()),
        Some(_) => problems.add(
            "client_id",
            "Give the application (client) id, a GUID from the app registration's overview page.",
        ),
        None => problems.add("client_id", REQUIRED),
    };
    let same_use = stored.is_some_and(|stored| stored.same_account)
        && tenant_id.as_deref() == kept_tenant
        && client_id.as_deref() == kept_client;
    let proof = match (secret(&input.client_secret), secret(&input.client_certificate)) {
        (Some(_), Some(_)) => problems.add(
            "client_certificate",
            "Give a client secret or a certificate, not both.",
        ),
        (Some(secret), None) if is_guid(secret) => problems.add(
            "client_secret",
            "This is the secret's id. Give its value, which Azure shows once, when the secret is made.",
        ),
        (Some(secret), None) => Some(ClientProof::Secret(Secret::new(secret))),
        (None, Some(pem)) if pem.contains("BEGIN CERTIFICATE") && pem.contains("PRIVATE KEY") => {
            Some(ClientProof::Certificate {
                // As it stands in an environment variable or in JSON.
                pem: Secret::new(pem.replace("\\n", "\n")),
            })
        }
        (None, Some(_)) => problems.add(
            "client_certificate",
            "Give PEM text with both the certificate (BEGIN CERTIFICATE) and its private key (BEGIN PRIVATE KEY).",
        ),
        (None, None) => match kept_proof {
            Some(proof) if same_use => Some(proof.clone()),
            _ => problems.add(
                "client_secret",
                missing(stored, "client secret or certificate", "account, tenant or client"),
            ),
        },
    };
    Some(Credential::ServicePrincipal {
        tenant_id: tenant_id?,
        client_id: client_id?,
        proof: proof?,
    })
}

fn managed_identity(
    input: &StorageInput,
    stored: Option<Stored<'_>>,
    problems: &mut Problems,
) -> Option<Credential> {
    let (kept_source, kept_identity) = match stored.map(|stored| stored.credential) {
        Some(Credential::ManagedIdentity { source, identity }) => (*source, identity.clone()),
        _ => Default::default(),
    };
    let source = match text(&input.identity_source).map(str::parse) {
        None => Some(kept_source),
        Some(Ok(source)) => Some(source),
        Some(Err(())) => problems.add(
            "identity_source",
            format!(
                "Give one of {}.",
                IdentitySource::ALL.map(IdentitySource::as_str).join(", ")
            ),
        ),
    };
    let given = [
        &input.identity_client_id,
        &input.identity_object_id,
        &input.identity_resource_id,
    ];
    let identity = match given.map(text) {
        [None, None, None] if given.iter().all(|field| field.is_none()) => Some(kept_identity),
        [None, None, None] => Some(IdentityId::SystemAssigned),
        [Some(id), None, None] => Some(IdentityId::ClientId(id.to_owned())),
        [None, Some(id), None] => Some(IdentityId::ObjectId(id.to_owned())),
        [None, None, Some(id)] => Some(IdentityId::ResourceId(id.to_owned())),
        _ => problems.add(
            "identity_client_id",
            "Name the identity by one of identity_client_id, identity_object_id and identity_resource_id, or by none for the system-assigned one.",
        ),
    };
    Some(Credential::ManagedIdentity {
        source: source?,
        identity: identity?,
    })
}

/// The tenant may be left out: the organization's only link is meant then.
fn azure_link(
    input: &StorageInput,
    stored: Option<Stored<'_>>,
    problems: &mut Problems,
) -> Option<Credential> {
    let kept = match stored.map(|stored| stored.credential) {
        Some(Credential::AzureLink { tenant_id }) => tenant_id.as_str(),
        _ => "",
    };
    match text(&input.tenant_id).unwrap_or(kept) {
        tenant if tenant.is_empty() || is_guid(tenant) => Some(Credential::AzureLink {
            tenant_id: tenant.to_lowercase(),
        }),
        _ => problems.add(
            "tenant_id",
            "Give the linked tenant's id, a GUID: az account show --query tenantId",
        ),
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn is_domain(text: &str) -> bool {
    text.contains('.')
        && !text.starts_with('.')
        && !text.ends_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}
