//! What is not in the database yet: entries for a moment, counts for some seconds. A stop that has
//! time writes them all.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{ApiTokenId, UserId};
use serde_json::json;
use store::AuditEntry;
use tokio::time::Instant;
use uuid::Uuid;

use super::{AuditAction, By, repeats::Repeats};
use crate::{Engine, Result, error::report};

/// How long an entry is only in memory, when the database keeps up.
const SOON: Duration = Duration::from_millis(250);
/// The pause after a failed write.
const PAUSE: Duration = Duration::from_secs(1);
/// Entries of one statement.
const BATCH: usize = 5_000;
/// A token's last use is kept to the minute.
const USE_MS: i64 = 60_000;
/// Tokens whose last use is remembered; beyond, all are forgotten and noted again.
const MOST_TOKENS: usize = 10_000;

/// What is not written yet.
#[derive(Default)]
pub(crate) struct Ledger {
    pending: Mutex<Pending>,
    /// One write at a time, so that entries keep their order.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct Pending {
    pub entries: Vec<AuditEntry>,
    /// How many of them are whose.
    pub of_one: HashMap<UserId, usize>,
    pub repeats: Repeats,
    /// Sign-ins that were not even tried, by e-mail: how many, and from where the last came.
    pub limited: HashMap<String, (u64, String)>,
    token_uses: Vec<(ApiTokenId, i64)>,
    /// When each token's use was noted last.
    noted_uses: HashMap<ApiTokenId, i64>,
    /// A task is going to write them.
    is_due: bool,
}

impl Ledger {
    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    pub fn push(&mut self, entry: AuditEntry) {
        if let Some(user) = entry.actor {
            *self.of_one.entry(user).or_default() += 1;
        }
        self.entries.push(entry);
    }

    fn take_batch(&mut self) -> Vec<AuditEntry> {
        let count = self.entries.len().min(BATCH);
        let rest = self.entries.split_off(count);
        let batch = mem::replace(&mut self.entries, rest);
        for user in batch.iter().filter_map(|entry| entry.actor) {
            if let Some(count) = self.of_one.get_mut(&user) {
                *count -= 1;
                if *count == 0 {
                    self.of_one.remove(&user);
                }
            }
        }
        batch
    }

    fn take_limited(&mut self) -> Option<(String, (u64, String))> {
        let email = self.limited.keys().next()?.clone();
        self.limited.remove_entry(&email)
    }

    /// A batch that could not be written.
    fn give_back(&mut self, batch: Vec<AuditEntry>) {
        for user in batch.iter().filter_map(|entry| entry.actor) {
            *self.of_one.entry(user).or_default() += 1;
        }
        self.entries.splice(0..0, batch);
    }

    fn is_written(&self) -> bool {
        self.entries.is_empty()
            && self.token_uses.is_empty()
            && self.limited.is_empty()
            && !self.repeats.counts()
    }
}

impl Engine {
    /// Writes everything that is still in memory, counts too; before the process ends, for instance.
    ///
    /// # Errors
    /// [`crate::Error::Store`]; what was not written stays in memory.
    pub async fn flush_audit(&self) -> Result<()> {
        self.tell_counted(|_| true).await?;
        self.write_audit().await
    }

    /// The same before somebody reads the log, but for how often it was read: that would be an entry
    /// for each reading.
    pub(super) async fn flush_for_reading(&self) -> Result<()> {
        self.tell_counted(|action| action != AuditAction::AuditRead)
            .await?;
        self.write_audit().await
    }

    /// Makes entries of what was counted of these actions.
    async fn tell_counted(&self, tells: impl Fn(AuditAction) -> bool) -> Result<()> {
        let counted = self.0.ledger.pending().repeats.take(tells);
        for (kind, mut deed, count, last_ms) in counted {
            deed.detail["count"] = count.into();
            let (org, by, action) = (kind.org_id, kind.by, kind.action);
            let mut entry = self.entry(Uuid::now_v7(), org, by, action, deed.subject, deed.detail);
            entry.at_ms = last_ms;
            self.0.ledger.pending().push(entry);
        }
        let next = || self.0.ledger.pending().take_limited();
        while let Some((email, limited)) = next() {
            // Whose it is is looked up now and not for each attempt, which shall cost nothing.
            let login = match self.store().find_login(&email).await {
                Ok(login) => login,
                Err(error) => {
                    self.0.ledger.pending().limited.insert(email, limited);
                    return Err(error.into());
                }
            };
            let (count, from) = limited;
            let Some(login) = login else {
                tracing::warn!(count, from, "sign-ins of nobody's e-mail were not let try");
                continue;
            };
            let user = login.user;
            let (subject, detail) = (
                format!("user/{}", user.id),
                json!({"count": count, "from": from}),
            );
            let (by, action) = (By::Person(user.id), AuditAction::SignInLimit);
            let entry = self.entry(Uuid::now_v7(), user.org_id, by, action, subject, detail);
            self.0.ledger.pending().push(entry);
        }
        Ok(())
    }

    pub(super) async fn write_audit(&self) -> Result<()> {
        let ledger = &self.0.ledger;
        let _one_at_a_time = ledger.writing.lock().await;
        loop {
            let (batch, uses) = {
                let mut pending = ledger.pending();
                (pending.take_batch(), mem::take(&mut pending.token_uses))
            };
            if batch.is_empty() && uses.is_empty() {
                return Ok(());
            }
            // Uses are for orientation only: lost ones are noted again a minute later.
            let written = async {
                if !uses.is_empty() {
                    self.store().note_token_uses(&uses).await?;
                }
                self.store().record_audit(&batch).await
            };
            if let Err(error) = written.await {
                ledger.pending().give_back(batch);
                return Err(error.into());
            }
        }
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

    pub(super) fn write_soon(&self, pending: &mut Pending) {
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
        let is_due = engine.0.ledger.pending().repeats.is_due(Instant::now());
        let written = if is_due {
            engine.flush_audit().await
        } else {
            engine.write_audit().await
        };
        if let Err(error) = written {
            tracing::error!(error = %report(&error), "the audit log cannot be written; trying again");
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let mut pending = engine.0.ledger.pending();
        if pending.is_written() {
            pending.is_due = false;
            return;
        }
    }
}
