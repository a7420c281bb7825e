//! What a person gives to create or change a storage, and how it becomes a storage's settings.
//!
//! One form serves all five kinds. A secret that is not given again is kept, but only while what
//! it belongs to stays the same: whoever changes the account, tenant or client must know the
//! secret, or a stored one could be sent somewhere else.

use std::ops::Deref;

use model::{
    AccountName, BlobFilter, ContainerName, Credential, CredentialKind, Direction, ExportLayout,
    ImportMode, Prefix, ProjectId, Secret, ServeMode, Storage, StorageId, StorageSettings,
    StorageType, budgets::ASIDE,
};
use serde_json::{Value, json};

use crate::{
    Error, FieldError, Result, aside,
    storages::expiry::end_of,
    storages::storage_credential::{self, Stored},
};

/// Label Studio's own default, in minutes.
const DEFAULT_TTL: i64 = 1;
/// A pre-signed URL's longest life, in minutes: 7 days, as long as Azure lets a user delegation key live.
const LONGEST_TTL: i64 = 7 * 24 * 60;

/// The fields of a storage form; `None` leaves a field as it is (or at its default).
/// The secrets in it are never given back.
#[derive(Clone, Debug, Default)]
pub struct StorageInput {
    /// For checks before saving: the storage whose secret is used when none is given.
    pub id: Option<StorageId>,
    pub project: Option<ProjectId>,
    pub title: Option<String>,
    /// An empty text clears it.
    pub description: Option<String>,
    pub account_name: Option<String>,
    pub container: Option<String>,
    /// An empty text is the whole container.
    pub prefix: Option<String>,
    /// An empty text lets every blob through.
    pub regex_filter: Option<String>,
    /// `true`: one task per blob; `false`: blobs are JSON files of tasks.
    pub use_blob_urls: Option<bool>,
    /// `true`: browsers get pre-signed URLs; `false`: blobs are streamed through Longshore.
    pub presign: Option<bool>,
    /// Minutes, 1 to 10,080.
    pub presign_ttl: Option<i64>,
    pub recursive_scan: Option<bool>,
    /// `azure`: base64.
    pub account_key: Option<Secret>,
    /// `azure_sas`: a SAS query, with or without its `?`, or a whole SAS URL; empty for anonymous.
    pub sas_token: Option<Secret>,
    /// `azure_spi` and `azure_link`.
    pub tenant_id: Option<String>,
    /// `azure_spi`.
    pub client_id: Option<String>,
    /// `azure_spi`: the secret's value.
    pub client_secret: Option<Secret>,
    /// `azure_spi`: PEM with certificate and private key.
    pub client_certificate: Option<Secret>,
    /// `azure_mi`: which user-assigned identity; at most one of the three.
    pub identity_client_id: Option<String>,
    pub identity_object_id: Option<String>,
    pub identity_resource_id: Option<String>,
    /// `azure_mi`: the text of a [`model::IdentitySource`].
    pub identity_source: Option<String>,
    /// Targets: deleted annotations delete their blob.
    pub can_delete_objects: Option<bool>,
    /// Targets: `per_annotation` or `per_task`.
    pub export_layout: Option<String>,
    /// When the client secret or account key ends or is to be changed, in Unix milliseconds;
    /// `Some(None)` clears it. SAS tokens and certificates say it themselves.
    pub expires_at_ms: Option<Option<i64>>,
}

/// The account that the operator has set for storages that name none
/// (`AZURE_BLOB_ACCOUNT_NAME` and `AZURE_BLOB_ACCOUNT_KEY`).
#[derive(Clone, Debug)]
pub struct DefaultAccount {
    pub account: AccountName,
    /// Base64.
    pub key: Secret,
}

/// A storage as it would be saved.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub direction: Direction,
    pub settings: StorageSettings,
    /// Its `regex_filter`, compiled.
    pub filter: BlobFilter,
    pub credential: Credential,
    /// When the credential ends, where that is known; Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

/// Wrong fields, collected so that a person sees all of them at once.
#[derive(Default)]
pub(crate) struct Problems(Vec<FieldError>);

impl Problems {
    /// Notes a wrong field, and stands in for the value that it has not.
    pub(crate) fn add<T>(&mut self, field: &str, message: impl Into<String>) -> Option<T> {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
        None
    }

    fn checked<T, E: ToString>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => self.add(field, error.to_string()),
        }
    }
}

/// As of a saved storage.
impl Deref for Draft {
    type Target = StorageSettings;

    fn deref(&self) -> &StorageSettings {
        &self.settings
    }
}

pub(crate) const REQUIRED: &str = "This field is required.";

impl Draft {
    /// What the audit log says of it: where it is, never what opens it.
    pub(crate) fn place(&self) -> Value {
        json!({
            "direction": self.direction.as_str(),
            "kind": self.credential.kind().as_str(),
            "account": self.account.as_str(),
            "container": self.container.as_str(),
            "prefix": self.prefix.as_str(),
        })
    }

    /// Merges the form into the stored storage (when there is one) and checks every field.
    pub(crate) async fn new(
        of: StorageType,
        input: &StorageInput,
        stored: Option<&(Storage, Credential)>,
        default_account: Option<&DefaultAccount>,
    ) -> Result<Self> {
        let before = stored.map(|(storage, _)| storage);
        let mut problems = Problems::default();
        let default_account = default_account.filter(|_| {
            before.is_none()
                && of.kind == CredentialKind::AccountKey
                && input.account_name.is_none()
                && input.account_key.is_none()
        });
        let account = match (text(&input.account_name), before, default_account) {
            (Some(name), ..) => problems.checked("account_name", AccountName::parse(name)),
            (None, Some(before), _) => Some(before.account.clone()),
            (None, None, Some(default)) => Some(default.account.clone()),
            (None, None, None) if of.kind == CredentialKind::AccountKey && input.account_key.is_none() => {
                problems.add(
                    FieldError::NON_FIELD,
                    "Azure account name and key must be set using environment variables AZURE_BLOB_ACCOUNT_NAME and AZURE_BLOB_ACCOUNT_KEY or account_name and account_key fields.",
                )
            }
            (None, None, None) => problems.add("account_name", REQUIRED),
        };
        let container = match (text(&input.container), before) {
            (Some(name), _) => problems.checked("container", ContainerName::parse(name)),
            (None, Some(before)) => Some(before.container.clone()),
            (None, None) => problems.add("container", REQUIRED),
        };
        let credential = account.as_ref().and_then(|account| match default_account {
            Some(default) => Some(Credential::AccountKey {
                key: default.key.clone(),
            }),
            None => {
                let stored = stored.map(|(storage, credential)| Stored {
                    credential,
                    same_account: storage.account == *account,
                });
                let at = (account, container.as_ref());
                storage_credential::build(of.kind, input, at, stored, &mut problems)
            }
        });

        let regex_filter = match &input.regex_filter {
            Some(pattern) => Some(pattern.clone()).filter(|pattern| !pattern.is_empty()),
            None => before.and_then(|before| before.regex_filter.clone()),
        };
        let pattern = regex_filter.as_deref().unwrap_or_default();
        // Compiling a short one can take long.
        let cost = if pattern.is_empty() { 0 } else { ASIDE };
        let filter = aside(cost, || BlobFilter::parse(pattern)).await;
        let filter = problems.checked("regex_filter", filter);
        let presign_ttl_minutes = input
            .presign_ttl
            .or(before.map(|before| before.presign_ttl_minutes))
            .unwrap_or(DEFAULT_TTL);
        if !(1..=LONGEST_TTL).contains(&presign_ttl_minutes) {
            problems.add::<()>(
                "presign_ttl",
                format!("Ensure this value is between 1 and {LONGEST_TTL} minutes (7 days, the longest that Azure lets a pre-signed URL live)."),
            );
        }
        let export_layout = match input.export_layout.as_deref() {
            Some(layout) => ExportLayout::parse(layout).or_else(|| {
                problems.add("export_layout", "Give \"per_annotation\" or \"per_task\".")
            }),
            None => Some(before.map_or(ExportLayout::PerAnnotation, |before| before.export_layout)),
        };
        let prefix = match &input.prefix {
            Some(prefix) => Prefix::new(prefix),
            None => before
                .map(|before| before.prefix.clone())
                .unwrap_or_default(),
        };
        if prefix.as_str().chars().count() > 1000 {
            problems.add::<()>("prefix", "A prefix has at most 1,000 characters.");
        }
        if let (Some(project), Some(before)) = (input.project, before)
            && project != before.project_id
        {
            problems.add::<()>(
                "project",
                format!("A storage stays in its project, here {}; create another one for project {project}.", before.project_id),
            );
        }
        let choice = |given: Option<bool>, stored: Option<bool>| given.or(stored).unwrap_or(false);
        let draft = (|| {
            Some(Self {
                direction: of.direction,
                settings: StorageSettings {
                    title: input
                        .title
                        .clone()
                        .or(before.map(|before| before.title.clone()))
                        .unwrap_or_default(),
                    description: match &input.description {
                        Some(text) => Some(text.clone()).filter(|text| !text.is_empty()),
                        None => before.and_then(|before| before.description.clone()),
                    },
                    account: account?,
                    container: container?,
                    prefix,
                    regex_filter,
                    recursive: choice(input.recursive_scan, before.map(|before| before.recursive)),
                    import_mode: match choice(
                        input.use_blob_urls,
                        before.map(|before| before.import_mode == ImportMode::Files),
                    ) {
                        true => ImportMode::Files,
                        false => ImportMode::Tasks,
                    },
                    // Proxy unless asked otherwise: it needs no CORS rules on the storage account.
                    serve_mode: match choice(
                        input.presign,
                        before.map(|before| before.serve_mode == ServeMode::Presigned),
                    ) {
                        true => ServeMode::Presigned,
                        false => ServeMode::Proxy,
                    },
                    presign_ttl_minutes,
                    export_layout: export_layout?,
                    can_delete_objects: choice(
                        input.can_delete_objects,
                        before.map(|before| before.can_delete_objects),
                    ),
                },
                filter: filter?,
                expires_at_ms: end_of(
                    credential.as_ref()?,
                    match input.expires_at_ms {
                        Some(entered) => entered,
                        // What was entered is about the credential that it was entered with.
                        None => stored
                            .filter(|(_, before)| Some(before) == credential.as_ref())
                            .and_then(|(storage, _)| storage.health.expires_at_ms),
                    },
                ),
                credential: credential?,
            })
        })();
        match draft {
            Some(draft) if problems.0.is_empty() => Ok(draft),
            _ => Err(Error::Invalid(problems.0)),
        }
    }

    /// Does it reach the same blobs in the same way as what is stored?
    pub(crate) fn reaches_the_same(&self, (storage, credential): &(Storage, Credential)) -> bool {
        self.account == storage.account
            && self.container == storage.container
            && self.prefix == storage.prefix
            && self.serve_mode == storage.serve_mode
            && self.can_delete_objects == storage.can_delete_objects
            && self.credential == *credential
    }
}

/// A text that is given and says something, without surrounding blanks.
pub(crate) fn text(field: &Option<String>) -> Option<&str> {
    field
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod fuzz {
    use azure::credential_expiry;
    use model::{AccountName, Credential, CredentialKind, Secret};

    use super::{Problems, StorageInput};
    use crate::storages::storage_credential::{Stored, build};

    /// What is pasted as a secret is taken in a form that is taken again, or refused without being
    /// quoted; and a stored secret never goes along to another account.
    #[test]
    fn pasted_credentials() {
        let seeds = [
            "?sv=2026-04-06&sp=rl&se=2026-01-01T01%3A00%3A00Z&sr=c&sig=q7Zx0Lk2Vb9Tn4Rm1Ws8%3D",
            "https://acct.blob.core.windows.net/c-1?sv=1&se=2026-01-01&sig=q7Zx0Lk2Vb9Tn4Rm1Ws8",
            "q7Zx0Lk2Vb9Tn4Rm1Ws8q7Zx0Lk2Vb9Tn4Rm1Ws8q7Zx0Lk2Vb9Tn4Rm1Ws8q7Zx0Lk2Vb9Tn4Rm1Ws8q7Zx0A==",
            "-----BEGIN PRIVATE KEY-----\nq7Zx\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "11111111-1111-1111-1111-111111111111",
        ];
        let words = [
            "?",
            "&",
            "=",
            "sv=",
            "sig=",
            "se=",
            "%3D",
            "+",
            "==",
            " ",
            "#",
            "T00:00Z",
            "BEGIN CERTIFICATE",
            "PRIVATE KEY",
        ];
        let tenant = "11111111-1111-1111-1111-111111111111";
        let kept = Credential::AccountKey {
            key: Secret::new("a2VwdA=="),
        };
        let account = AccountName::parse("acct").unwrap();
        let at = (&account, None);
        ::fuzz::texts("pasted_credentials", &seeds, &words, |text| {
            let given = || Some(Secret::new(text));
            let ids = StorageInput {
                tenant_id: Some(tenant.to_owned()),
                client_id: Some(tenant.to_owned()),
                ..StorageInput::default()
            };
            for (kind, input) in [
                (
                    CredentialKind::Sas,
                    StorageInput {
                        sas_token: given(),
                        ..ids.clone()
                    },
                ),
                (
                    CredentialKind::AccountKey,
                    StorageInput {
                        account_key: given(),
                        ..ids.clone()
                    },
                ),
                (
                    CredentialKind::ServicePrincipal,
                    StorageInput {
                        client_secret: given(),
                        ..ids.clone()
                    },
                ),
                (
                    CredentialKind::ServicePrincipal,
                    StorageInput {
                        client_certificate: given(),
                        ..ids.clone()
                    },
                ),
                (
                    CredentialKind::ServicePrincipal,
                    StorageInput {
                        tenant_id: Some(text.to_owned()),
                        client_secret: Some(Secret::new("x")),
                        ..ids.clone()
                    },
                ),
                (
                    CredentialKind::AzureLink,
                    StorageInput {
                        tenant_id: Some(text.to_owned()),
                        ..ids.clone()
                    },
                ),
            ] {
                let mut problems = Problems::default();
                let built = build(kind, &input, at, None, &mut problems);
                assert_eq!(
                    built.is_some(),
                    problems.0.is_empty(),
                    "a reason or a credential"
                );
                if text.contains("q7Zx0Lk2Vb9Tn4Rm1Ws8") {
                    assert!(!format!("{:?}", problems.0).contains("q7Zx0Lk2Vb9Tn4Rm1Ws8"));
                }
                let Some(credential) = built else { continue };
                assert_eq!(credential.kind(), kind);
                let _ = credential_expiry(&credential);
                let again = match &credential {
                    // A question mark inside would be taken for the one in front.
                    Credential::Sas { token } if !token.expose().contains('?') => StorageInput {
                        sas_token: Some(token.clone()),
                        ..ids.clone()
                    },
                    Credential::AccountKey { key } => StorageInput {
                        account_key: Some(key.clone()),
                        ..ids.clone()
                    },
                    _ => continue,
                };
                let again = build(kind, &again, at, None, &mut Problems::default());
                assert_eq!(again.as_ref(), Some(&credential));
            }
            let stored = Stored {
                credential: &kept,
                same_account: false,
            };
            let input = StorageInput {
                account_key: given(),
                ..ids
            };
            let built = build(
                CredentialKind::AccountKey,
                &input,
                at,
                Some(stored),
                &mut Problems::default(),
            );
            assert_ne!(built.as_ref(), Some(&kept));
        });
    }
}
