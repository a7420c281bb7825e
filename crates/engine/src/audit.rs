//! The audit log: who connected, checked, exported, changed or unlinked, and whom a blob was
//! signed for or read by.
//!
//! What people do seldom is written before the answer. Access to blobs, thousands of times a
//! second, is kept in memory for at most [`SOON`] and written in batches; when that is not
//! possible, access is refused rather than left unrecorded. Every entry has a GUID; a user
//! delegation SAS carries its entry's as `scid`, which Azure's storage logs show.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{Actor, ApiTokenId, OrgId, Permission, UserId};
use serde_json::Value;
use store::{AuditEntry, AuditQuery, AuditRecord};
use uuid::Uuid;

use crate::{Engine, Error, Result, error::report, require};

/// How long an entry is only in memory, when the database keeps up.
const SOON: Duration = Duration::from_millis(250);
/// The pause after a failed write.
const PAUSE: Duration = Duration::from_secs(1);
/// Entries of one statement.
const BATCH: usize = 5_000;
/// Entries in memory at most; beyond, access is refused.
const MOST_PENDING: usize = 200_000;
/// A token's last use is kept to the minute.
const USE_MS: i64 = 60_000;
/// Tokens whose last use is remembered; beyond, all are forgotten and noted again.
const MOST_TOKENS: usize = 10_000;
/// Entries of one page at most.
const LONGEST_PAGE: i64 = 1_000;

macro_rules! actions {
    ($($variant:ident = $word:literal, $title:literal;)+) => {
        /// What an entry is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AuditAction { $($variant),+ }

        impl AuditAction {
            /// Every action, in the order of a list to choose from.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As stored: `blob.sign`; the part before the dot is its kind.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// For people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

actions! {
    BlobSign = "blob.sign", "Gave out a pre-signed URL";
    BlobRead = "blob.read", "Read a blob";
    BlobRefuse = "blob.refuse", "Was refused a blob";
    LinkConnect = "azure_link.connect", "Connected a tenant";
    LinkUnlink = "azure_link.unlink", "Unlinked a tenant";
    LinkClaim = "azure_link.claim", "Claimed a container";
    LinkAnonymous = "azure_link.anonymous", "Changed whether unlinked data is read anonymously";
    StorageCreate = "storage.create", "Created a storage";
    StorageChange = "storage.change", "Changed a storage";
    StorageDelete = "storage.delete", "Deleted a storage";
    StorageCheck = "storage.check", "Checked access";
    SyncStart = "sync.start", "Started a sync";
    ExportStart = "export.start", "Started an export";
    ExportDownload = "export.download", "Downloaded annotations";
    ProjectDelete = "project.delete", "Deleted a project";
    TaskDelete = "task.delete", "Deleted tasks";
    AnnotationDelete = "annotation.delete", "Deleted the annotations of tasks";
    SignIn = "session.start", "Signed in";
    SignInRefuse = "session.refuse", "Failed to sign in";
    SignOutEverywhere = "session.end_all", "Signed out everywhere";
    EntraConnect = "entra.connect", "Connected an Entra ID account to sign in with";
    EntraRemove = "entra.remove", "Removed an Entra ID account to sign in with";
    PasswordChange = "password.change", "Changed a password";
    TokenCreate = "token.create", "Created an API token";
    TokenRevoke = "token.revoke", "Revoked an API token";
    InviteCreate = "invite.create", "Invited a person";
    InviteRevoke = "invite.revoke", "Took an invitation back";
    InviteAccept = "invite.accept", "Became a member";
    MemberRole = "member.role", "Changed a role";
    MemberRemove = "member.remove", "Removed a member";
    MemberRelease = "member.release", "Made a member's e-mail address free";
}

/// What is not written yet.
#[derive(Default)]
pub(crate) struct Ledger {
    pending: Mutex<Pending>,
    /// One write at a time, so that entries keep their order.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Pending {
    entries: Vec<AuditEntry>,
    token_uses: Vec<(ApiTokenId, i64)>,
    /// When each token's use was noted last.
    noted_uses: HashMap<ApiTokenId, i64>,
    /// A task is going to write them.
    is_due: bool,
}

impl Ledger {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// The organization's audit log, newest first.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_audit(&self, actor: &Actor, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
        require(actor, Permission::ManageOrganization)?;
        self.flush_audit().await?;
        let query = AuditQuery {
            limit: query.limit.clamp(1, LONGEST_PAGE),
            ..query.clone()
        };
        Ok(self.store().list_audit(actor.org_id, &query).await?)
    }

    /// Writes what is still in memory; before the process ends, for instance.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays in memory.
    pub async fn flush_audit(&self) -> Result<()> {
        let ledger = &self.0.ledger;
        let _one_at_a_time = ledger.writing.lock().await;
        loop {
            let (batch, uses) = {
                let mut pending = ledger.pending();
                let count = pending.entries.len().min(BATCH);
                let rest = pending.entries.split_off(count);
                let batch = mem::replace(&mut pending.entries, rest);
                (batch, mem::take(&mut pending.token_uses))
            };
            if batch.is_empty() && uses.is_empty() {
                return Ok(());
            }
            // Uses are for orientation only: lost ones are noted again a minute later.
            if !uses.is_empty() {
                self.store().note_token_uses(&uses).await?;
            }
            if let Err(error) = self.store().record_audit(&batch).await {
                ledger.pending().entries.splice(0..0, batch);
                return Err(error.into());
            }
        }
    }

    /// Writes an entry before it returns.
    pub(crate) async fn record(
        &self,
        actor: &Actor,
        action: AuditAction,
        subject: impl Into<String>,
        detail: Value,
    ) -> Result<()> {
        let who = (actor.org_id, Some(actor.user_id));
        self.note(Uuid::now_v7(), who, action, subject.into(), &detail)?;
        self.flush_audit().await
    }

    /// Keeps an entry, to be written soon.
    ///
    /// # Errors
    /// [`Error::Internal`] when too many wait because the database does not take them.
    pub(crate) fn note(
        &self,
        event: Uuid,
        (org_id, actor): (OrgId, Option<UserId>),
        action: AuditAction,
        subject: String,
        detail: &Value,
    ) -> Result<()> {
        let entry = AuditEntry {
            event_id: event.hyphenated().to_string(),
            at_ms: self.now_ms(),
            org_id,
            actor,
            action: action.as_str(),
            subject,
            detail: detail.to_string(),
        };
        let mut pending = self.0.ledger.pending();
        if pending.entries.len() >= MOST_PENDING {
            return Err(Error::Internal(
                "the audit log cannot be written, so nothing is served that it should tell of"
                    .to_owned(),
            ));
        }
        pending.entries.push(entry);
        self.write_soon(&mut pending);
        Ok(())
    }

    /// Notes that an API token was used just now.
    pub(crate) fn note_token_use(&self, token: ApiTokenId) {
        let now_ms = self.now_ms();
        let mut pending = self.0.ledger.pending();
        let noted = pending.noted_uses.get(&token);
        if noted.is_some_and(|noted_ms| now_ms - noted_ms < USE_MS) {
            return;
        }
        if pending.noted_uses.len() >= MOST_TOKENS {
            pending.noted_uses.clear();
        }
        pending.noted_uses.insert(token, now_ms);
        pending.token_uses.push((token, now_ms));
        self.write_soon(&mut pending);
    }

    fn write_soon(&self, pending: &mut Pending) {
        if !mem::replace(&mut pending.is_due, true) {
            tokio::spawn(write_pending(self.clone()));
        }
    }
}

/// Writes until nothing is left. It waits before each write: under load an entry comes every
/// moment, and a write for each would cost a disk sync for each.
async fn write_pending(engine: Engine) {
    loop {
        tokio::time::sleep(SOON).await;
        if let Err(error) = engine.flush_audit().await {
            tracing::error!(error = %report(&error), "the audit log cannot be written; trying again");
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let mut pending = engine.0.ledger.pending();
        if pending.entries.is_empty() && pending.token_uses.is_empty() {
            pending.is_due = false;
            return;
        }
    }
}
