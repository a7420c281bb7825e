//! The fields of a storage, whatever its kind, and which kind has which.

use engine::{FieldError, StorageInput};
use model::{CredentialKind, Direction, ProjectId, Secret, StorageId, StorageType};
use utoipa::ToSchema;

use crate::{
    api::Answer,
    error::ApiError,
    extract::Query,
    fields::{Fields, Input},
};

/// A storage to create, check or preview, or the fields of one to change.
#[derive(ToSchema)]
pub(crate) struct StorageFields {
    /// In checks: the storage whose stored secret is used when none is given.
    id: Option<i64>,
    /// As in the path.
    r#type: Option<String>,
    /// The same, as Label Studio's front end calls it.
    provider: Option<String>,
    project: Option<i64>,
    title: Option<String>,
    description: Option<String>,
    account_name: Option<String>,
    container: Option<String>,
    /// Empty or null: the whole container.
    prefix: Option<String>,
    /// A regular expression that names must match from their beginning, or a glob like `*.png`.
    regex_filter: Option<String>,
    /// `true`: one task per blob. `false`: blobs are JSON or JSONL files of tasks.
    use_blob_urls: Option<bool>,
    /// `true`: browsers get pre-signed URLs. `false`: blobs are streamed through the server.
    presign: Option<bool>,
    /// Minutes, 1 to 10,080.
    presign_ttl: Option<i64>,
    recursive_scan: Option<bool>,
    /// `azure`.
    #[schema(value_type = Option<String>, write_only)]
    account_key: Option<Secret>,
    /// `azure_sas`; empty for anonymous access.
    #[schema(value_type = Option<String>, write_only)]
    sas_token: Option<Secret>,
    /// `azure_spi`, `azure_link`.
    tenant_id: Option<String>,
    /// `azure_spi`.
    client_id: Option<String>,
    /// `azure_spi`.
    #[schema(value_type = Option<String>, write_only)]
    client_secret: Option<Secret>,
    /// `azure_spi`: PEM with the certificate and its private key.
    #[schema(value_type = Option<String>, write_only)]
    client_certificate: Option<Secret>,
    /// `azure_spi`: `service_principal`, the only mode.
    auth_mode: Option<String>,
    /// `azure_mi`: which user-assigned identity.
    identity_client_id: Option<String>,
    identity_object_id: Option<String>,
    identity_resource_id: Option<String>,
    /// `azure_mi`: the text of a [`model::IdentitySource`].
    identity_source: Option<String>,
    /// Targets: deleted annotations delete their blob.
    can_delete_objects: Option<bool>,
    /// Targets: `per_annotation` or `per_task`.
    export_layout: Option<String>,
    /// When the client secret or account key ends (RFC 3339); null clears it. SAS tokens and
    /// certificates say it themselves.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Option<i64>>,
    /// Previews: how many names.
    pub(super) limit: Option<i64>,
}

impl Input for StorageFields {
    const NOT_KEPT: &'static [&'static str] = &[
        "synchronizable",
        "last_sync",
        "last_sync_count",
        "last_sync_job",
        "status",
        "traceback",
        "meta",
        "created_at",
        "health",
        "expires_soon",
        "user_delegation_key",
    ];
    const DEFAULTS: &'static [(&'static str, &'static str)] =
        &[("synchronizable", "true"), ("status", "\"initialized\"")];
    const NULLABLE: &'static [&'static str] = &[
        "title",
        "description",
        "prefix",
        "regex_filter",
        "identity_client_id",
        "identity_object_id",
        "identity_resource_id",
        "expires_at",
    ];

    fn read(fields: &mut Fields) -> Self {
        let id = if fields.is_new() {
            fields.int("id").value()
        } else {
            None
        };
        Self {
            id,
            r#type: fields.text("type").value(),
            provider: fields.text("provider").value(),
            project: fields.int("project").value(),
            title: fields.emptied("title"),
            description: fields.emptied("description"),
            account_name: fields.text("account_name").value(),
            container: fields.text("container").value(),
            prefix: fields.emptied("prefix"),
            regex_filter: fields.emptied("regex_filter"),
            use_blob_urls: fields.flag("use_blob_urls").value(),
            presign: fields.flag("presign").value(),
            presign_ttl: fields.int("presign_ttl").value(),
            recursive_scan: fields.flag("recursive_scan").value(),
            account_key: secret(fields, "account_key"),
            sas_token: secret(fields, "sas_token"),
            tenant_id: fields.text("tenant_id").value(),
            client_id: fields.text("client_id").value(),
            client_secret: secret(fields, "client_secret"),
            client_certificate: secret(fields, "client_certificate"),
            auth_mode: fields.text("auth_mode").value(),
            identity_client_id: fields.emptied("identity_client_id"),
            identity_object_id: fields.emptied("identity_object_id"),
            identity_resource_id: fields.emptied("identity_resource_id"),
            identity_source: fields.text("identity_source").value(),
            can_delete_objects: fields.flag("can_delete_objects").value(),
            export_layout: fields.text("export_layout").value(),
            expires_at: fields.instant("expires_at").patch(),
            limit: fields.int("limit").value(),
        }
    }
}

fn secret(fields: &mut Fields, name: &'static str) -> Option<Secret> {
    fields.text(name).value().map(Secret::new)
}

impl StorageFields {
    /// For a storage that does not exist yet.
    pub(super) fn for_new(self, of: StorageType, query: &Query) -> Answer<StorageInput> {
        if let Some(project) = self.project {
            query.check_project(ProjectId(project))?;
        }
        if self.id.is_some() {
            return Err(ApiError::invalid(vec![FieldError {
                field: "id".to_owned(),
                message: "A new storage gets its id here; leave the field out.".to_owned(),
            }]));
        }
        self.for_type(of)
    }

    /// Refuses credential fields of other kinds: a key that is silently left unused would look
    /// as if it worked.
    pub(crate) fn for_type(self, of: StorageType) -> Answer<StorageInput> {
        use CredentialKind::{AccountKey, AzureLink, ManagedIdentity, Sas, ServicePrincipal};
        let credential_fields: [(&str, bool, &[CredentialKind]); 11] = [
            ("account_key", self.account_key.is_some(), &[AccountKey]),
            ("sas_token", self.sas_token.is_some(), &[Sas]),
            (
                "tenant_id",
                self.tenant_id.is_some(),
                &[ServicePrincipal, AzureLink],
            ),
            ("client_id", self.client_id.is_some(), &[ServicePrincipal]),
            (
                "client_secret",
                self.client_secret.is_some(),
                &[ServicePrincipal],
            ),
            (
                "client_certificate",
                self.client_certificate.is_some(),
                &[ServicePrincipal],
            ),
            ("auth_mode", self.auth_mode.is_some(), &[ServicePrincipal]),
            (
                "identity_client_id",
                self.identity_client_id.is_some(),
                &[ManagedIdentity],
            ),
            (
                "identity_object_id",
                self.identity_object_id.is_some(),
                &[ManagedIdentity],
            ),
            (
                "identity_resource_id",
                self.identity_resource_id.is_some(),
                &[ManagedIdentity],
            ),
            (
                "identity_source",
                self.identity_source.is_some(),
                &[ManagedIdentity],
            ),
        ];
        let mut errors: Vec<FieldError> = credential_fields
            .into_iter()
            .filter(|(_, given, kinds)| *given && !kinds.contains(&of.kind))
            .map(|(name, _, kinds)| {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                FieldError {
                    field: name.to_owned(),
                    message: format!(
                        "A storage of the type {} has no such field; it belongs to {}.",
                        of.kind,
                        kinds.join(" and ")
                    ),
                }
            })
            .collect();
        for (name, kind) in [("type", &self.r#type), ("provider", &self.provider)] {
            if kind.as_deref().is_some_and(|kind| kind != of.kind.as_str()) {
                errors.push(FieldError {
                    field: name.to_owned(),
                    message: format!("The path says {}.", of.kind),
                });
            }
        }
        let of_targets = [
            ("can_delete_objects", self.can_delete_objects == Some(true)),
            ("export_layout", self.export_layout.is_some()),
        ];
        let for_source = of_targets
            .into_iter()
            .filter(|(_, given)| *given && of.direction == Direction::Source);
        errors.extend(for_source.map(|(name, _)| FieldError {
            field: name.to_owned(),
            message: "Only a target storage has it.".to_owned(),
        }));
        if self.limit.is_some() {
            errors.push(FieldError {
                field: "limit".to_owned(),
                message: "Only a preview of files takes it.".to_owned(),
            });
        }
        if self
            .auth_mode
            .as_deref()
            .is_some_and(|mode| mode != "service_principal" && !mode.is_empty())
        {
            errors.push(FieldError {
                field: "auth_mode".to_owned(),
                message: "Only \"service_principal\" here; for the machine's own identity create a storage of the type azure_mi.".to_owned(),
            });
        }
        if errors.is_empty() {
            Ok(self.into())
        } else {
            Err(ApiError::invalid(errors))
        }
    }
}

impl From<StorageFields> for StorageInput {
    fn from(fields: StorageFields) -> Self {
        Self {
            id: fields.id.map(StorageId),
            project: fields.project.map(ProjectId),
            title: fields.title,
            description: fields.description,
            account_name: fields.account_name,
            container: fields.container,
            prefix: fields.prefix,
            regex_filter: fields.regex_filter,
            use_blob_urls: fields.use_blob_urls,
            presign: fields.presign,
            presign_ttl: fields.presign_ttl,
            recursive_scan: fields.recursive_scan,
            account_key: fields.account_key,
            sas_token: fields.sas_token,
            tenant_id: fields.tenant_id,
            client_id: fields.client_id,
            client_secret: fields.client_secret,
            client_certificate: fields.client_certificate,
            identity_client_id: fields.identity_client_id,
            identity_object_id: fields.identity_object_id,
            identity_resource_id: fields.identity_resource_id,
            identity_source: fields.identity_source,
            can_delete_objects: fields.can_delete_objects,
            export_layout: fields.export_layout,
            expires_at_ms: fields.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{
        CredentialKind,
        Direction::{Source, Target},
    };

    use super::StorageFields;
    use crate::{extract::Query, fields::Fields};

    fn read(json: &str) -> StorageFields {
        Fields::from_json(json.as_bytes()).unwrap().read().unwrap()
    }

    #[test]
    fn a_key_for_the_wrong_kind_is_refused_by_name() {
        let fields = read(r#"{"account_key": "aGVq", "container": "c"}"#);
        let error = fields
            .for_type(Source.by(CredentialKind::ManagedIdentity))
            .unwrap_err();
        let text = format!("{error:?}");
        assert!(
            text.contains("account_key") && text.contains("belongs to azure."),
            "{text}"
        );
        assert!(!text.contains("aGVq"), "{text}");
    }

    #[test]
    fn a_source_does_not_export() {
        for json in [
            r#"{"can_delete_objects": true}"#,
            r#"{"export_layout": "per_task"}"#,
        ] {
            let source = read(json).for_type(Source.by(CredentialKind::AccountKey));
            assert!(source.is_err(), "{json}");
            let target = read(json).for_type(Target.by(CredentialKind::AccountKey));
            assert!(target.is_ok(), "{json}");
        }
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let change = br#"{"prefix": null, "title": "t"}"#;
        let change = Fields::from_json(change).unwrap();
        let input = change
            .read_change::<StorageFields>()
            .unwrap()
            .0
            .for_type(Source.by(CredentialKind::AccountKey))
            .unwrap();
        assert_eq!(input.prefix.as_deref(), Some(""));
        assert_eq!(input.regex_filter, None);
    }

    #[test]
    fn a_new_storage_takes_no_id() {
        let fields = read(r#"{"id": 5}"#);
        assert!(
            fields
                .for_new(Source.by(CredentialKind::AccountKey), &Query::parse(""))
                .is_err()
        );
    }
}
