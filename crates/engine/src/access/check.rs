//! The access check: what works, what does not, why, and who fixes it with which command.
//!
//! Nothing in Longshore changes. In Azure one small blob is written to a target's export folder and
//! deleted again, and a source is asked for rights that it should not have by requests that Azure
//! cannot carry out. Every step has its own limit and all of them together have one; dropping the
//! future ends the check.

mod aside;
mod look;
mod reach;
mod report;
mod run;
mod write;

use std::time::Duration;

use azure::ContainerClient;
use model::{
    Actor, BlobName, CredentialKind, Direction, Permission, ServeMode, StorageId, StorageType,
};

use crate::{
    AuditAction, Engine, Error, Result, StorageInput, links::gate::Gate, require,
    storages::storage_input::Draft,
};

pub use report::{CheckReport, CheckStep, Step, StepState, Verdict};

/// How a check is done.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Origin of the pages that will show the media, such as `https://label.example.com`; without
    /// one the CORS step is skipped.
    pub origin: Option<String>,
    /// For everything.
    pub time: Duration,
    /// A missing role is tried again this long, because a new one takes minutes to act.
    pub role_wait: Duration,
    /// Says whoever asks: the role was granted just now. A missing one is then "not yet effective".
    pub granted: Granted,
}

/// Whether a missing role may be one that Azure does not act on yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granted {
    #[default]
    NotSaid,
    JustNow,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            origin: None,
            time: Duration::from_secs(15),
            role_wait: Duration::from_secs(3),
            granted: Granted::NotSaid,
        }
    }
}

/// The longest that one check may take.
pub const LONGEST_CHECK: Duration = Duration::from_secs(60);

/// What is checked.
struct Subject {
    draft: Draft,
    /// The blob that the person named.
    blob: Option<BlobName>,
    signing: Signing,
}

/// What pre-signed URLs are to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signing {
    /// Browsers get them.
    Needed,
    /// Nobody has said how its blobs will be served.
    Perhaps,
    /// Blobs are streamed through Longshore, or nothing is read.
    Unused,
}

impl Engine {
    /// Checks a saved storage.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this direction and kind in the organization;
    /// [`Error::Azure`] when its Azure link is gone or does not give the container. What Azure
    /// refuses is in the report.
    pub async fn check_storage(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
        options: &CheckOptions,
    ) -> Result<CheckReport> {
        let stored = self.stored(actor, of, id).await?;
        let input = StorageInput::default();
        let draft = Draft::new(of, &input, Some(&stored), None).await?;
        // After unlinking no token of the link is used, for a check neither.
        let opened = self.open_draft(actor, &draft).await?;
        self.check(actor, Subject::of(draft), opened, options).await
    }

    /// Checks a container, a folder or a blob by its URL, with the credential in `input`; a SAS in
    /// the URL is the credential when `input` has none. Only its credential fields, and for
    /// targets the export settings, are read.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL that is none of the cloud's and for wrong fields.
    pub async fn check_url(
        &self,
        actor: &Actor,
        url: &str,
        of: StorageType,
        input: &StorageInput,
        options: &CheckOptions,
    ) -> Result<CheckReport> {
        require(actor, Permission::ManageProjects)?;
        let place = self.blob_place(url)?;
        let mut input = StorageInput {
            account_name: Some(place.account),
            container: Some(place.container),
            prefix: Some(place.prefix),
            ..input.clone()
        };
        if of.kind == CredentialKind::Sas && input.sas_token.is_none() {
            input.sas_token = place.sas;
        }
        let mut draft = Draft::new(of, &input, None, None).await?;
        let opened = self.complete_link(actor, &mut draft).await?;
        draft.settings.recursive = true;
        let signing = match of.direction {
            Direction::Source => Signing::Perhaps,
            Direction::Target => Signing::Unused,
        };
        let subject = Subject {
            draft,
            blob: place.blob,
            signing,
        };
        self.check(actor, subject, opened, options).await
    }

    /// Checks a storage as it would be saved. With an `id` the form is completed from the stored one.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field.
    pub async fn check_input(
        &self,
        actor: &Actor,
        of: StorageType,
        input: &StorageInput,
        options: &CheckOptions,
    ) -> Result<CheckReport> {
        require(actor, Permission::ManageProjects)?;
        let stored = match input.id {
            Some(id) => Some(self.stored(actor, of, id).await?),
            None => None,
        };
        let default_account = self.default_account_of(actor.org_id).await?;
        let mut draft = Draft::new(of, input, stored.as_ref(), default_account).await?;
        let opened = self.complete_link(actor, &mut draft).await?;
        self.check(actor, Subject::of(draft), opened, options).await
    }

    async fn check(
        &self,
        actor: &Actor,
        subject: Subject,
        opened: (Gate, ContainerClient),
        options: &CheckOptions,
    ) -> Result<CheckReport> {
        let place = subject.draft.place();
        let report = run::Check::new(self, actor.org_id, subject, opened, options)
            .run()
            .await?;
        self.record(actor, AuditAction::StorageCheck, "container", place)
            .await?;
        Ok(report)
    }

    /// Takes a URL apart: `https://ACCOUNT.SUFFIX/CONTAINER[/BLOB or FOLDER/][?SAS]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the field `url`, when it is none of the cloud's.
    pub fn blob_place(&self, url: &str) -> Result<BlobPlace> {
        let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
        let url = url.trim_matches(is_around);
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let cloud = self.cloud();
        // A container alone is parsed as the container of some blob.
        let parsed = cloud
            .parse_blob_uri(address)
            .map(|uri| (uri, true))
            .or_else(|| {
                let with_blob = format!("{}/blob", address.trim_end_matches('/'));
                cloud.parse_blob_uri(&with_blob).map(|uri| (uri, false))
            });
        let Some((uri, names_blob)) = parsed else {
            return Err(Error::field(
                "url",
                format!(
                    "This is no container or blob of the {} cloud: give https://ACCOUNT.{}/CONTAINER, with a blob or a folder behind it or none.",
                    cloud.name, cloud.uri_suffix
                ),
            ));
        };
        let named = names_blob.then(|| uri.blob.as_str().to_owned());
        let (prefix, blob) = match named {
            Some(folder) if folder.ends_with('/') => (folder, None),
            Some(_) => (String::new(), Some(uri.blob)),
            None => (String::new(), None),
        };
        Ok(BlobPlace {
            account: uri.account.to_string(),
            container: uri.container.to_string(),
            prefix,
            blob,
            sas: query.contains("sig=").then(|| model::Secret::new(query)),
        })
    }
}

/// The parts of a container's, folder's or blob's URL.
#[derive(Clone, Debug)]
pub struct BlobPlace {
    pub account: String,
    pub container: String,
    /// The folder, ending in `/`; empty for a container and for a blob.
    pub prefix: String,
    /// The blob that the URL names.
    pub blob: Option<BlobName>,
    /// The query, when it is a SAS.
    pub sas: Option<model::Secret>,
}

impl Subject {
    fn of(draft: Draft) -> Self {
        let signing = match (draft.direction, draft.serve_mode) {
            (Direction::Source, ServeMode::Presigned) => Signing::Needed,
            _ => Signing::Unused,
        };
        Self {
            draft,
            blob: None,
            signing,
        }
    }

    /// Does Entra ID give a token for its credential?
    fn uses_token(&self) -> bool {
        self.draft.credential.uses_token()
    }

    fn title(&self) -> String {
        let draft = &self.draft;
        let rest = match &self.blob {
            Some(blob) => blob.as_str(),
            None => draft.prefix.as_str(),
        };
        match rest {
            "" => format!("{}/{}", draft.account, draft.container),
            rest => format!("{}/{}/{rest}", draft.account, draft.container),
        }
    }
}
