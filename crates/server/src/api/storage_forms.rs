//! The fields of each kind of storage as Label Studio's forms describe them.

use axum::Json;
use model::{Actor, CredentialKind, Direction, IdentitySource, StorageType};
use serde_json::{Value, json};

pub(crate) async fn form(_: Actor, of: StorageType) -> Json<Value> {
    let location = json!({"columnCount": 3, "fields": [
        {"type": "text", "name": "title", "label": "Storage Name", "required": true},
        {"type": "text", "name": "container", "label": "Container Name", "required": true},
        {"type": "text", "name": "prefix", "label": "Container Prefix"},
    ]});
    let credential = credential_fields(of.kind);
    let rows = match of.direction {
        Direction::Source => vec![
            location,
            json!({"columnCount": 1, "fields": [{
                "type": "text", "name": "regex_filter", "label": "File Filter Regex",
                "placeholder": ".*csv or .*(jpe?g|png|tiff) or .\\w+-\\d+.text",
                "validators": ["regexp"],
            }]}),
            json!({"columnCount": 3, "fields": credential}),
            import_method(),
            media(),
        ],
        Direction::Target => vec![location, json!({"columnCount": 2, "fields": credential})],
    };
    Json(Value::Array(rows))
}

fn credential_fields(kind: CredentialKind) -> Value {
    let account = protected("account_name", "Account Name", "off");
    match kind {
        CredentialKind::AccountKey => {
            json!([
                account,
                protected("account_key", "Account Key", "new-password")
            ])
        }
        CredentialKind::Sas => json!([
            plain("account_name", "Account Name", true),
            {"type": "password", "name": "sas_token", "label": "SAS Token (empty for public containers)",
             "autoComplete": "new-password", "skipAutofill": true, "allowEmpty": true, "protectedValue": true},
        ]),
        CredentialKind::ServicePrincipal => json!([
            plain("account_name", "Account Name", true),
            plain("tenant_id", "Tenant ID", true),
            plain("client_id", "Client ID", true),
            protected("client_secret", "Client Secret", "new-password"),
            {"type": "textarea", "name": "client_certificate",
             "label": "Client Certificate and Key (PEM), instead of a secret",
             "autoComplete": "off", "skipAutofill": true, "allowEmpty": true, "protectedValue": true},
        ]),
        CredentialKind::ManagedIdentity => json!([
            plain("account_name", "Account Name", true),
            plain("identity_client_id", "Client ID of a user-assigned identity", false),
            plain("identity_object_id", "or its Object ID", false),
            plain("identity_resource_id", "or its Resource ID", false),
            {"type": "select", "name": "identity_source", "label": "Where Longshore runs",
             "options": IdentitySource::ALL.map(|source| json!({"value": source.as_str(), "label": source.title()}))},
        ]),
        CredentialKind::AzureLink => json!([
            plain("account_name", "Account Name", true),
            plain("tenant_id", "Tenant ID", true),
        ]),
    }
}

fn plain(name: &str, label: &str, required: bool) -> Value {
    json!({"type": "text", "name": name, "label": label, "required": required})
}

fn protected(name: &str, label: &str, autocomplete: &str) -> Value {
    json!({"type": "password", "name": name, "label": label, "autoComplete": autocomplete,
        "skipAutofill": true, "allowEmpty": false, "protectedValue": true})
}

fn import_method() -> Value {
    json!({"columnCount": 1, "fields": [{
        "type": "select", "name": "use_blob_urls", "label": "Import method",
        "description": "Choose how to import your data from storage",
        "placeholder": "Select an option", "required": true,
        "options": [
            {"value": true, "label": "Files - Automatically creates a task for each storage object (e.g. JPG, MP3, TXT)"},
            {"value": false, "label": "Tasks - Treat each JSON or JSONL file as a task definition (one or more tasks per file)"},
        ],
    }]})
}

fn media() -> Value {
    json!({"columnCount": 2, "columns": [
        {"width": 468, "fields": [{
            "type": "toggle", "name": "presign",
            "label": "Use pre-signed URLs (On)\n Proxy through the platform (Off)",
            "description": "When pre-signed URLs are enabled, all data bypasses the platform and user browsers directly read data from storage",
            "value": false,
        }]},
        {"fields": [{
            "type": "counter", "name": "presign_ttl", "label": "Expire pre-signed URLs (minutes)",
            "min": 1, "value": 15, "dependency": "presign",
        }]},
    ]})
}
