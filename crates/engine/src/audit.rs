//! The audit log: who connected, checked, exported, changed or unlinked, and whom a blob was
//! signed for or read by.
//!
//! A change has its entry in its own transaction ([`Engine::telling`]) or, where the entry names
//! what the change has made, right behind it ([`Engine::record`]), before the answer. Access to
//! blobs, thousands of times a second, is kept in memory for a moment ([`ledger`]) and written in
//! batches; when that is not possible, access is refused rather than left unrecorded. What
//! somebody does again and again is counted ([`repeats`]). Every entry has a GUID; a user
//! delegation SAS carries its entry's as `scid`, which Azure's storage logs show.

mod actions;
pub(crate) mod changes;
mod ledger;
mod repeats;
pub(crate) mod retention;

use model::{Actor, OrgId, Permission, UserId};
use serde_json::{Value, json};
use store::{AuditEntry, AuditQuery, AuditRecord, Store};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Engine, Error, Result, error::report, require};

pub use actions::AuditAction;
pub(crate) use ledger::Ledger;
pub(crate) use repeats::Different;
use repeats::{Deed, Kind};

/// Entries in memory at most; beyond, access is refused.
const MOST_PENDING: usize = 200_000;
/// Of these, one person's at most; beyond, only this person is refused.
const MOST_OF_ONE: usize = 20_000;
/// Characters of a text that somebody else has made up.
const LONGEST_TEXT: usize = 300;
/// E-mails at once whose refused sign-ins are counted.
const MOST_LIMITED: usize = 1_000;
/// Entries of one page at most.
const LONGEST_PAGE: i64 = 1_000;

/// Whose an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Person(UserId),
    /// Whoever runs the program's commands.
    Operator,
    /// The workers.
    Longshore,
}

/// A text from outside, as the log may keep it: without secrets, and short.
pub(crate) fn short(text: &str) -> String {
    let redacted = model::redact(text);
    match redacted.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => redacted[..end].to_owned(),
        None => redacted.into_owned(),
    }
}

impl Engine {
    /// The organization's audit log, newest first; reading it is told too.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_audit(&self, actor: &Actor, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
        require(actor, Permission::ManageOrganization)?;
        self.flush_for_reading().await?;
        let records = self.page_of_audit(actor, query).await?;
        let detail = json!({"asked": asked(query)});
        let who = (actor.org_id, self.by(actor));
        self.count(
            who,
            AuditAction::AuditRead,
            "audit".to_owned(),
            detail,
            Different::Counted,
        )?;
        Ok(records)
    }

    /// Begins to export the audit log, which is told first: its newest page that fits the query.
    /// The others follow by [`Engine::go_on_exporting_audit`].
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn export_audit(
        &self,
        actor: &Actor,
        query: &AuditQuery,
    ) -> Result<Vec<AuditRecord>> {
        require(actor, Permission::ManageOrganization)?;
        self.flush_for_reading().await?;
        let page = self.page_of_audit(actor, query).await?;
        let detail = json!({"asked": asked(query)});
        self.record(actor, AuditAction::AuditExport, "audit", detail)
            .await?;
        Ok(page)
    }

    /// A further page of an export that was told when it began.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn go_on_exporting_audit(
        &self,
        actor: &Actor,
        query: &AuditQuery,
    ) -> Result<Vec<AuditRecord>> {
        require(actor, Permission::ManageOrganization)?;
        self.page_of_audit(actor, query).await
    }

    async fn page_of_audit(&self, actor: &Actor, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
        let query = AuditQuery {
            limit: query.limit.clamp(1, LONGEST_PAGE),
            ..query.clone()
        };
        Ok(self.store().list_audit(actor.org_id, &query).await?)
    }

    /// Whose what the actor does is.
    pub(crate) fn by(&self, actor: &Actor) -> By {
        if self.0.is_operators {
            By::Operator
        } else {
            By::Person(actor.user_id)
        }
    }

    pub(crate) fn entry(
        &self,
        event: Uuid,
        org_id: OrgId,
        by: By,
        action: AuditAction,
        subject: impl Into<String>,
        mut detail: Value,
    ) -> AuditEntry {
        if by == By::Operator {
            detail["by"] = "operator".into();
        }
        AuditEntry {
            event_id: event.hyphenated().to_string(),
            at_ms: self.now_ms(),
            org_id,
            actor: match by {
                By::Person(user) => Some(user),
                By::Operator | By::Longshore => None,
            },
            action: action.as_str(),
            subject: subject.into(),
            detail: detail.to_string(),
        }
    }

    /// The store, whose next change has this entry in its own transaction.
    pub(crate) fn telling(
        &self,
        actor: &Actor,
        action: AuditAction,
        subject: impl Into<String>,
        detail: Value,
    ) -> Store {
        let by = self.by(actor);
        self.telling_by((actor.org_id, by), action, subject, detail)
    }

    pub(crate) fn telling_by(
        &self,
        (org_id, by): (OrgId, By),
        action: AuditAction,
        subject: impl Into<String>,
        detail: Value,
    ) -> Store {
        let entry = self.entry(Uuid::now_v7(), org_id, by, action, subject, detail);
        self.store().telling(entry)
    }

    /// Writes an entry before it returns.
    pub(crate) async fn record(
        &self,
        actor: &Actor,
        action: AuditAction,
        subject: impl Into<String>,
        detail: Value,
    ) -> Result<()> {
        let who = (actor.org_id, self.by(actor));
        self.record_by(who, action, subject, detail).await
    }

    pub(crate) async fn record_by(
        &self,
        (org_id, by): (OrgId, By),
        action: AuditAction,
        subject: impl Into<String>,
        detail: Value,
    ) -> Result<()> {
        // Bounded by the requests at once, each of which waits for its entry.
        let entry = self.entry(Uuid::now_v7(), org_id, by, action, subject, detail);
        self.0.ledger.pending().push(entry);
        self.write_audit().await
    }

    /// Keeps an entry, to be written soon.
    ///
    /// # Errors
    /// [`Error::Internal`] when too many wait because the database does not take them: too many
    /// of this person's, or too many in all.
    pub(crate) fn note(
        &self,
        event: Uuid,
        (org_id, by): (OrgId, By),
        action: AuditAction,
        subject: String,
        detail: Value,
    ) -> Result<()> {
        let entry = self.entry(event, org_id, by, action, subject, detail);
        let mut pending = self.0.ledger.pending();
        let of_one = entry.actor.and_then(|user| pending.of_one.get(&user));
        if pending.entries.len() >= MOST_PENDING || of_one.is_some_and(|of| *of >= MOST_OF_ONE) {
            return Err(Error::Internal(
                "the audit log cannot be written, so nothing is served that it should tell of"
                    .to_owned(),
            ));
        }
        pending.push(entry);
        self.write_soon(&mut pending);
        Ok(())
    }

    /// As [`Engine::note`], where the same again and again becomes a count.
    ///
    /// # Errors
    /// As [`Engine::note`].
    pub(crate) fn count(
        &self,
        (org_id, by): (OrgId, By),
        action: AuditAction,
        subject: String,
        detail: Value,
        different: Different,
    ) -> Result<()> {
        let kind = Kind { org_id, by, action };
        let deed = Deed { subject, detail };
        let first = {
            let mut pending = self.0.ledger.pending();
            let (now, now_ms) = (Instant::now(), self.now_ms());
            let first = pending.repeats.meet(kind, deed, different, now, now_ms);
            self.write_soon(&mut pending);
            first
        };
        match first {
            Some(deed) => self.note(
                Uuid::now_v7(),
                (org_id, by),
                action,
                deed.subject,
                deed.detail,
            ),
            None => Ok(()),
        }
    }

    /// Tells every organization that the operator has sealed so many secrets of all of them with a
    /// new key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn record_rotation(&self, secrets: u64) -> Result<()> {
        for org in self.store().list_org_ids().await? {
            let (who, action) = ((org, By::Operator), AuditAction::SecretsRotate);
            let detail = json!({"secrets": secrets});
            self.record_by(who, action, "organization", detail).await?;
        }
        Ok(())
    }

    /// Tells that somebody who is signed in was refused: `code` says why, `what` they asked for.
    pub fn note_refusal(&self, actor: &Actor, code: &str, what: &str) {
        let who = (actor.org_id, self.by(actor));
        let detail = json!({"why": code, "asked": short(what)});
        let subject = "request".to_owned();
        let action = AuditAction::RequestRefuse;
        // It was refused all the same.
        if let Err(error) = self.count(who, action, subject, detail, Different::Counted) {
            tracing::warn!(error = %report(&error), "a refusal is not in the audit log");
        }
    }

    /// Tells that nobody was let try to sign in with this e-mail, from this address, because there
    /// were too many failures; in the log of the organization whose member has the e-mail.
    pub fn note_limited_sign_in(&self, email: &str, from: &str) {
        let email: String = email.chars().take(LONGEST_TEXT).collect();
        let mut pending = self.0.ledger.pending();
        if pending.limited.len() < MOST_LIMITED || pending.limited.contains_key(&email) {
            let limited = pending.limited.entry(email).or_default();
            *limited = (limited.0 + 1, from.to_owned());
            pending.repeats.begin_counting(Instant::now());
            self.write_soon(&mut pending);
        }
    }
}

/// What was asked for, as the log keeps it.
fn asked(query: &AuditQuery) -> Value {
    let text = |text: &Option<String>| text.as_deref().map(short);
    json!({
        "search": text(&query.search),
        "action": text(&query.action),
        "user": query.actor.map(|user| user.0),
        "subject": text(&query.subject),
        "event_id": text(&query.event_id),
        "since_ms": query.since_ms,
        "until_ms": query.until_ms,
    })
}
