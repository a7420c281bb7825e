//! The fields of a storage as the pages have them, in the wizard and in its settings, and how they
//! become the engine's input.

use std::collections::BTreeMap;

use engine::{ConnectDraft, Engine, FieldError, Pasted, SignsIn, StorageInput};
use model::{
    CredentialKind, Direction, ExportLayout, IdentityId, ImportMode, ProjectId, Secret, ServeMode,
    Storage,
};

use super::kinds::{TASK_FILES, filter_of, kinds_of};
use crate::pages::form::Form;

/// How we sign in, without the secrets.
pub(in crate::pages) const SIGN_IN: &[&str] = &[
    "method",
    "link_tenant",
    "tenant_id",
    "client_id",
    "identity",
    "identity_client_id",
];
/// Never shown again; an empty one keeps what was entered before.
pub(in crate::pages) const SECRETS: &[&str] = &[
    "client_secret",
    "client_certificate",
    "sas_token",
    "account_key",
];
/// Where the data is, and how browsers get it.
pub(in crate::pages) const PLACE: &[&str] = &[
    "account_name",
    "container",
    "prefix",
    "serve",
    "presign_ttl",
];
/// What a source imports.
pub(in crate::pages) const IMPORT: &[&str] = &["import_mode", "kinds", "regex_filter", "recursive"];
/// What a target writes.
pub(in crate::pages) const EXPORT: &[&str] = &["export_layout", "can_delete_objects"];

/// How a storage signs in, as the radio buttons say it. A public container is a SAS storage
/// without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Method {
    AzureLink,
    ServicePrincipal,
    ManagedIdentity,
    Sas,
    AccountKey,
    Public,
}

impl Method {
    pub(in crate::pages) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "azure_link" => Self::AzureLink,
            "service_principal" => Self::ServicePrincipal,
            "managed_identity" => Self::ManagedIdentity,
            "sas" => Self::Sas,
            "account_key" => Self::AccountKey,
            "public" => Self::Public,
            _ => return None,
        })
    }

    pub(in crate::pages) fn as_str(self) -> &'static str {
        match self {
            Self::AzureLink => "azure_link",
            Self::ServicePrincipal => "service_principal",
            Self::ManagedIdentity => "managed_identity",
            Self::Sas => "sas",
            Self::AccountKey => "account_key",
            Self::Public => "public",
        }
    }

    pub(in crate::pages) fn kind(self) -> CredentialKind {
        match self {
            Self::AzureLink => CredentialKind::AzureLink,
            Self::ServicePrincipal => CredentialKind::ServicePrincipal,
            Self::ManagedIdentity => CredentialKind::ManagedIdentity,
            Self::Sas | Self::Public => CredentialKind::Sas,
            Self::AccountKey => CredentialKind::AccountKey,
        }
    }

    fn of(signs_in: &SignsIn) -> Self {
        match signs_in {
            SignsIn::AzureLink { .. } => Self::AzureLink,
            SignsIn::ServicePrincipal { .. } => Self::ServicePrincipal,
            SignsIn::ManagedIdentity(_) => Self::ManagedIdentity,
            SignsIn::Sas => Self::Sas,
            SignsIn::Anonymous => Self::Public,
            SignsIn::AccountKey => Self::AccountKey,
        }
    }

    /// In the middle of a sentence.
    pub(in crate::pages) fn words(self) -> &'static str {
        match self {
            Self::AzureLink => "your organization's Azure link",
            Self::ServicePrincipal => "a service principal",
            Self::ManagedIdentity => "a managed identity",
            Self::Sas => "a SAS token",
            Self::AccountKey => "an account key",
            Self::Public => "no credential, because the container is public",
        }
    }

    fn secrets(self) -> &'static [&'static str] {
        match self {
            Self::ServicePrincipal => &["client_secret", "client_certificate"],
            Self::Sas => &["sas_token"],
            Self::AccountKey => &["account_key"],
            Self::AzureLink | Self::ManagedIdentity | Self::Public => &[],
        }
    }
}

/// What was entered so far.
#[derive(Clone, Default)]
pub(in crate::pages) struct Values(pub(in crate::pages) ConnectDraft);

impl Values {
    pub(in crate::pages) fn get(&self, field: &str) -> &str {
        self.0.get(field)
    }

    pub(in crate::pages) fn method(&self) -> Option<Method> {
        Method::parse(self.get("method"))
    }

    /// What a saved storage's fields are; its secrets are not told.
    pub(in crate::pages) fn of(storage: &Storage, signs_in: &SignsIn) -> Self {
        let mut draft = ConnectDraft::default();
        match signs_in {
            SignsIn::AzureLink { tenant_id } => draft.set("link_tenant", tenant_id),
            SignsIn::ServicePrincipal {
                tenant_id,
                client_id,
                ..
            } => {
                draft.set("tenant_id", tenant_id);
                draft.set("client_id", client_id);
            }
            SignsIn::ManagedIdentity(IdentityId::SystemAssigned) => {
                draft.set("identity", "system_assigned");
            }
            SignsIn::ManagedIdentity(IdentityId::ClientId(id)) => {
                draft.set("identity", "user_assigned");
                draft.set("identity_client_id", id);
            }
            SignsIn::ManagedIdentity(_)
            | SignsIn::Sas
            | SignsIn::Anonymous
            | SignsIn::AccountKey => {}
        }
        let on = |is: bool| if is { "on" } else { "" };
        for (field, value) in [
            ("method", Method::of(signs_in).as_str()),
            ("title", &storage.title),
            ("account_name", storage.account.as_str()),
            ("container", storage.container.as_str()),
            ("prefix", storage.prefix.as_str()),
            (
                "serve",
                match storage.serve_mode {
                    ServeMode::Proxy => "proxy",
                    ServeMode::Presigned => "presigned",
                },
            ),
            ("presign_ttl", &storage.presign_ttl_minutes.to_string()),
            (
                "import_mode",
                match storage.import_mode {
                    ImportMode::Files => "files",
                    ImportMode::Tasks => "tasks",
                },
            ),
            (
                "regex_filter",
                storage.regex_filter.as_deref().unwrap_or_default(),
            ),
            ("recursive", on(storage.recursive)),
            ("export_layout", storage.export_layout.as_str()),
            ("can_delete_objects", on(storage.can_delete_objects)),
        ] {
            draft.set(field, value);
        }
        let mut values = Self(draft);
        // A filter that the chips made is shown as chips again.
        if let Some(kinds) = kinds_of(values.get("regex_filter")) {
            let before = values.clone();
            values.0.set("kinds", kinds.join(" "));
            values.0.set("regex_filter", "");
            if values.chosen_kinds() != kinds {
                values = before;
            }
        }
        values
    }

    /// Was this place, with this credential, seen to work?
    pub(in crate::pages) fn is_checked(&self) -> bool {
        self.0.has("checked")
    }

    /// It was seen to work.
    pub(in crate::pages) fn note_checked(&mut self) {
        self.0.set("checked", "on");
    }

    /// It is another one, perhaps: to be looked at again.
    pub(in crate::pages) fn note_changed(&mut self) {
        self.0.remove("checked");
    }

    /// Takes what a form says about these fields; what it leaves out is switched off.
    pub(in crate::pages) fn take(&mut self, form: &Form, fields: &[&str]) {
        for field in fields {
            let value: Vec<&str> = form.values(field).map(str::trim).collect();
            self.0.set(field, value.join(" "));
        }
    }

    /// Takes the secrets of the form that are not empty, and forgets those of other methods.
    pub(in crate::pages) fn take_secrets(&mut self, form: &Form) {
        let wanted = self.method().map_or(&[][..], Method::secrets);
        for field in SECRETS {
            let given = form.value(field).trim();
            if !wanted.contains(field) {
                self.0.remove(field);
            } else if !given.is_empty() {
                self.0.set(field, given);
            }
        }
        // The newer of the two proofs counts.
        for (given, other) in [
            ("client_secret", "client_certificate"),
            ("client_certificate", "client_secret"),
        ] {
            let is_only =
                !form.value(given).trim().is_empty() && form.value(other).trim().is_empty();
            if is_only {
                self.0.remove(other);
            }
        }
    }

    /// Understands what people paste: a connection string, a SAS URL, a container's or blob's URL.
    pub(in crate::pages) fn take_apart(&mut self, engine: &Engine) -> Result<(), FieldError> {
        // What is wrong with it is said where the storage is checked.
        let of_key = Pasted::read(self.get("account_key"));
        if let (Some(account), Some(key)) = (&of_key.account, &of_key.key) {
            self.0.set("account_key", key.expose());
            self.0.set("account_name", account);
        }
        let token = self.get("sas_token").to_owned();
        let pasted = Pasted::read(&token);
        if let (Some(account), None) = (&pasted.account, &pasted.container) {
            self.0.set("account_name", account);
        }
        if pasted.container.is_some() {
            let place = engine
                .blob_place(&token)
                .map_err(|error| wrong("sas_token", said(&error)))?;
            let Some(sas) = &place.sas else {
                return Err(wrong(
                    "sas_token",
                    "This URL has no SAS in it: there is no \"sig=\" behind the question mark.",
                ));
            };
            self.0.set("sas_token", sas.expose());
            self.set_place(&place);
        }
        let account = self.get("account_name").to_owned();
        if account.contains('/') {
            let url = match account.contains("://") {
                true => account,
                false => format!("https://{account}"),
            };
            let place = engine
                .blob_place(&url)
                .map_err(|error| wrong("account_name", said(&error)))?;
            self.set_place(&place);
        }
        Ok(())
    }

    fn set_place(&mut self, place: &engine::check::BlobPlace) {
        let folder = match &place.blob {
            // The folder that the blob is in.
            Some(blob) => blob
                .as_str()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder),
            None => place.prefix.trim_end_matches('/'),
        };
        self.0.set("account_name", place.account.as_str());
        self.0.set("container", place.container.as_str());
        self.0.set(
            "prefix",
            match folder {
                "" => String::new(),
                folder => format!("{folder}/"),
            },
        );
    }

    /// The filter that is meant: one's own, or that of the chosen kinds of files; empty for all.
    pub(in crate::pages) fn filter(&self) -> String {
        let own = self.get("regex_filter");
        if !own.is_empty() {
            return own.to_owned();
        }
        filter_of(&self.chosen_kinds())
    }

    /// The kinds of files that were chosen and count: tasks are in JSON only.
    pub(in crate::pages) fn chosen_kinds(&self) -> Vec<&str> {
        let has_tasks = self.get("import_mode") == "tasks";
        let chosen = self.get("kinds").split_whitespace();
        chosen
            .filter(|kind| !has_tasks || *kind == TASK_FILES)
            .collect()
    }

    /// Kinds of files and a filter of one's own do not go together.
    pub(in crate::pages) fn check_filter(&self) -> Result<(), FieldError> {
        match self.get("regex_filter").is_empty() || self.chosen_kinds().is_empty() {
            true => Ok(()),
            false => Err(wrong(
                "regex_filter",
                "Kinds of files are chosen too. Uncheck them, or empty this field.",
            )),
        }
    }

    /// The engine's input. A secret that is not there is left as it is.
    pub(in crate::pages) fn input(&self, project: ProjectId) -> Result<StorageInput, FieldError> {
        let text = |field: &str| Some(self.get(field).to_owned());
        let secret = |field: &str| {
            Some(self.get(field))
                .filter(|text| !text.is_empty())
                .map(Secret::new)
        };
        let is_on = |field: &str| Some(self.get(field) == "on");
        let mut input = StorageInput {
            project: Some(project),
            title: text("title"),
            account_name: text("account_name"),
            container: text("container"),
            prefix: text("prefix"),
            regex_filter: Some(self.filter()),
            use_blob_urls: Some(self.get("import_mode") != "tasks"),
            presign: Some(self.get("serve") == "presigned"),
            presign_ttl: match self.get("presign_ttl") {
                "" => Some(15),
                minutes => match minutes.parse() {
                    Ok(minutes) => Some(minutes),
                    Err(_) => return Err(wrong("presign_ttl", "Give whole minutes.")),
                },
            },
            // Folders are looked into until somebody says otherwise, also before that is asked.
            recursive_scan: Some(!self.0.has("recursive") || self.get("recursive") == "on"),
            can_delete_objects: is_on("can_delete_objects"),
            export_layout: match self.get("export_layout") {
                "" => Some(ExportLayout::PerAnnotation.as_str().to_owned()),
                layout => Some(layout.to_owned()),
            },
            ..StorageInput::default()
        };
        match self.method() {
            None => return Err(wrong("method", "Choose how Longshore signs in.")),
            Some(Method::AzureLink) => input.tenant_id = text("link_tenant"),
            Some(Method::ServicePrincipal) => {
                input.tenant_id = text("tenant_id");
                input.client_id = text("client_id");
                input.client_secret = secret("client_secret");
                input.client_certificate = secret("client_certificate");
            }
            Some(Method::ManagedIdentity) => {
                input.identity_client_id = match self.get("identity") {
                    "user_assigned" if self.get("identity_client_id").is_empty() => {
                        return Err(wrong(
                            "identity_client_id",
                            "Give the client id of the identity, or choose the system-assigned one.",
                        ));
                    }
                    "user_assigned" => text("identity_client_id"),
                    "system_assigned" => Some(String::new()),
                    // As it is.
                    _ => None,
                };
            }
            Some(Method::Sas) => input.sas_token = secret("sas_token"),
            Some(Method::Public) => input.sas_token = Some(Secret::new("")),
            Some(Method::AccountKey) => input.account_key = secret("account_key"),
        }
        Ok(input)
    }

    /// The form with these values, to be shown; without the secrets.
    pub(in crate::pages) fn form(&self, direction: Direction) -> Form {
        let last = match direction {
            Direction::Source => IMPORT,
            Direction::Target => EXPORT,
        };
        let fields = [SIGN_IN, PLACE, last, &["title"]].concat();
        Form::filled(fields.into_iter().flat_map(|field| {
            let value = self.get(field).to_owned();
            // Checkboxes of one name are values of their own.
            let values: Vec<String> = match field {
                "kinds" => value.split(' ').map(str::to_owned).collect(),
                _ => vec![value],
            };
            values.into_iter().map(move |value| (field, value))
        }))
    }

    /// Which secrets were entered already.
    pub(in crate::pages) fn kept(&self) -> BTreeMap<&'static str, bool> {
        let has = |field: &&'static str| (*field, !self.get(field).is_empty());
        SECRETS.iter().map(has).collect()
    }
}

fn wrong(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}

/// The message alone, without its field's name.
fn said(error: &engine::Error) -> String {
    match error {
        engine::Error::Invalid(fields) => fields
            .first()
            .map(|field| field.message.clone())
            .unwrap_or_default(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, Values};

    #[test]
    fn chosen_kinds_become_a_filter_and_ones_own_filter_counts_more() {
        let mut values = Values::default();
        assert_eq!(values.filter(), "");
        values.0.set("kinds", "pdf json");
        assert_eq!(values.filter(), r".*\.(?i:pdf|jsonl?|ndjson)$");
        let filter = model::BlobFilter::parse(&values.filter()).unwrap();
        assert!(filter.matches("a/b.PDF") && !filter.matches("a/b.pdf.bak"));
        values.0.set("regex_filter", "*.png");
        assert_eq!(values.filter(), "*.png");
        assert!(values.check_filter().is_err());
        // A picture holds no tasks.
        values.0.set("regex_filter", "");
        values.0.set("kinds", "images");
        values.0.set("import_mode", "tasks");
        assert_eq!(values.filter(), "");
        assert!(values.check_filter().is_ok());
    }

    #[test]
    fn every_method_is_read_as_it_is_written() {
        for method in [
            Method::AzureLink,
            Method::ServicePrincipal,
            Method::ManagedIdentity,
            Method::Sas,
            Method::AccountKey,
            Method::Public,
        ] {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
    }
}
