//! The outbox: objects that are due are written, several at once, never one object twice at once.
//!
//! A failure is retried with growing, jittered waits; after the last attempt the object stays
//! failed and visible until it changes again or a full export asks for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use azure::{ErrorKind, PutCondition};
use model::{BlobName, Code, StorageId};
use rand::Rng as _;
use store::OutboxItem;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::object::{Wanted, wanted};
use crate::{Doing, Engine, Error, Result, error::report, storages::opened::Opened};

/// How often an idle worker looks for objects of other processes.
const POLL: Duration = Duration::from_secs(1);

/// The longest that one object may take.
const WRITE_LIMIT: Duration = Duration::from_secs(120);

/// Objects claimed per place where one can be written.
const CLAIM_AHEAD: usize = 8;

/// The wait before the second attempt; doubled for each further one.
const FIRST_RETRY_MS: u64 = 1_000;

/// The longest wait between two attempts.
const LONGEST_RETRY_MS: u64 = 10 * 60 * 1_000;

/// Attempts of an object while a person waits for the full export that it belongs to.
const ATTEMPTS_IN_RUN: i64 = 5;

/// Delivers until `stop`; what is being written then is finished.
pub(crate) async fn deliver(engine: &Engine, worker_id: &str, stop: &CancellationToken) {
    let places = engine.limits().export_writes.max(1);
    let mut claimed = Claimed::default();
    let mut writing = JoinSet::new();
    let mut heartbeat = tokio::time::interval(engine.limits().lease / 3);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let enqueued = engine.store().job_notify().notified();
        if claimed.items.is_empty() && writing.len() < places && !stop.is_cancelled() {
            match Claimed::next(engine, worker_id, places * CLAIM_AHEAD).await {
                Ok(mut next) => {
                    if !writing.is_empty() {
                        // What is being written was leased earlier.
                        next.leased_until = next.leased_until.min(claimed.leased_until);
                    }
                    claimed = next;
                }
                Err(error) => {
                    tracing::error!(error = %report(&error), "exports cannot be claimed");
                }
            }
        }
        while writing.len() < places && !stop.is_cancelled() {
            let Some((item, target)) = claimed.pop() else {
                break;
            };
            writing.spawn(deliver_one(engine.clone(), item, target));
        }
        if writing.is_empty() && stop.is_cancelled() {
            return;
        }
        tokio::select! {
            Some(first) = writing.join_next() => {
                let mut ended = vec![first];
                while let Some(more) = writing.try_join_next() {
                    ended.push(more);
                }
                settle(engine, ended).await;
            }
            _ = heartbeat.tick(), if claimed.is_held(&writing) => {
                if claimed.renew(engine, worker_id).await == Held::Lost {
                    // Another worker may have them by now, and must not be met.
                    writing.abort_all();
                    claimed.items.clear();
                }
            }
            () = enqueued, if writing.len() < places => {}
            () = stop.cancelled(), if !stop.is_cancelled() => {}
            () = tokio::time::sleep(POLL), if writing.len() < places => {}
        }
    }
}

/// Objects under lease, with their storages.
struct Claimed {
    items: VecDeque<OutboxItem>,
    targets: HashMap<StorageId, Option<Arc<Opened>>>,
    /// Until when they are surely ours.
    leased_until: Instant,
}

/// Are the objects that were claimed still ours?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Yes,
    /// The database could not be told in time.
    Lost,
}

impl Default for Claimed {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            targets: HashMap::new(),
            leased_until: Instant::now(),
        }
    }
}

impl Claimed {
    async fn next(engine: &Engine, worker_id: &str, limit: usize) -> Result<Self> {
        // Taken before the claim, so that our lease ends before the store's does.
        let leased_until = Instant::now() + engine.limits().lease;
        let store = engine.store();
        let items = store
            .claim_outbox(worker_id, limit as i64, lease_ms(engine), engine.now_ms())
            .await?;
        let mut targets = HashMap::new();
        for item in &items {
            if targets.contains_key(&item.storage_id) {
                continue;
            }
            let target = engine.find_opened(item.org_id, item.storage_id).await?;
            targets.insert(item.storage_id, target.map(Arc::new));
        }
        Ok(Self {
            items: items.into(),
            targets,
            leased_until,
        })
    }

    fn is_held<T>(&self, writing: &JoinSet<T>) -> bool {
        !(self.items.is_empty() && writing.is_empty())
    }

    /// Extends the lease of all that this worker holds.
    async fn renew(&mut self, engine: &Engine, worker_id: &str) -> Held {
        let lease = engine.limits().lease;
        let now = Instant::now();
        let renewed = engine
            .store()
            .renew_outbox(worker_id, lease_ms(engine), engine.now_ms());
        // An answer that comes after the lease is no answer.
        match tokio::time::timeout_at(self.leased_until, renewed).await {
            Ok(Ok(())) => {
                self.leased_until = now + lease;
                Held::Yes
            }
            Ok(Err(error)) if Instant::now() + lease / 3 < self.leased_until => {
                tracing::warn!(error = %report(&error), "the leases of exports cannot be renewed");
                Held::Yes
            }
            _ => {
                tracing::error!("the leases of exports were lost; they are claimed again");
                Held::Lost
            }
        }
    }

    fn pop(&mut self) -> Option<(OutboxItem, Option<Arc<Opened>>)> {
        let item = self.items.pop_front()?;
        let target = self.targets.get(&item.storage_id).cloned().flatten();
        Some((item, target))
    }
}

fn lease_ms(engine: &Engine) -> i64 {
    engine.limits().lease.as_millis() as i64
}

/// Tells the store, in one go, what was delivered, and wakes who watches.
async fn settle(engine: &Engine, ended: Vec<Result<Result<Option<OutboxItem>>, JoinError>>) {
    let mut done = Vec::new();
    for end in ended {
        match end {
            Ok(Ok(item)) => done.extend(item),
            Ok(Err(error)) => {
                tracing::error!(error = %report(&error), "an export cannot be settled");
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => tracing::error!(%error, "an export ended without an answer"),
        }
    }
    if !done.is_empty() {
        metrics::counter!("longshore_exported_objects_total").increment(done.len() as u64);
        if let Err(error) = engine.store().finish_outbox(&done, engine.now_ms()).await {
            tracing::error!(error = %report(&error), "exports cannot be settled");
        }
    }
    engine.0.worker_signals.outbox_changed.notify_waiters();
}

/// Writes one object; it is given back when the store is still to be told that it is done.
async fn deliver_one(
    engine: Engine,
    item: OutboxItem,
    target: Option<Arc<Opened>>,
) -> Result<Option<OutboxItem>> {
    // Without its storage there is nowhere to write to.
    let Some(target) = target else {
        return Ok(Some(item));
    };
    let written = tokio::time::timeout(WRITE_LIMIT, write(&engine, &item, &target));
    let refused = match written.await {
        Ok(Ok(())) => {
            engine.note_success(item.storage_id);
            return Ok(Some(item));
        }
        Ok(Err(Refused::Store(error))) => return Err(error),
        Ok(Err(Refused::Azure(refused))) => refused,
        Err(_elapsed) => Refusal::too_slow(&target),
    };
    engine.note_failure(item.storage_id, refused.code, &refused.text);
    metrics::counter!("longshore_export_failures_total", "code" => refused.code.as_str())
        .increment(1);
    let now_ms = engine.now_ms();
    let most = engine.limits().export_attempts;
    let watched = is_watched(&engine, &item).await?;
    match refused.next_attempt_ms(item.attempts, most, watched) {
        Some(wait_ms) => {
            engine
                .store()
                .retry_outbox(&item, &refused.text, now_ms + wait_ms)
                .await?
        }
        None => engine.store().fail_outbox(&item, &refused.text).await?,
    }
    Ok(None)
}

/// Does a person wait for this object?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    No,
    /// By a full export that is still running.
    ByRun,
}

async fn is_watched(engine: &Engine, item: &OutboxItem) -> Result<Watched> {
    let Some(run) = item.run_id else {
        return Ok(Watched::No);
    };
    let run = engine.store().find_run(item.org_id, run).await?;
    Ok(match run {
        Some(run) if run.status.is_running() => Watched::ByRun,
        _ => Watched::No,
    })
}

/// Why an object was not written.
enum Refused {
    Azure(Refusal),
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            // The gate's: the link is gone, or does not give the container.
            Error::Azure(problem) => Self::Azure(Refusal {
                code: problem.code,
                text: problem.to_string(),
                passes: problem.code.is_transient(),
                retry_after: None,
            }),
            error => Self::Store(error),
        }
    }
}

struct Refusal {
    code: Code,
    /// Cause and fix.
    text: String,
    /// Trying again later may help without anyone doing anything.
    passes: bool,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn too_slow(target: &Opened) -> Self {
        Self {
            code: Code::TimedOut,
            text: format!(
                "The storage account {} did not take the file in time. If it stays, check the network of the machine that runs Longshore.",
                target.storage.account
            ),
            passes: true,
            retry_after: None,
        }
    }

    /// How long to wait before the next attempt; `None` gives up.
    ///
    /// A change is retried whatever the cause, because roles and containers appear later. In a full
    /// export a person is waiting to hear the cause, and starts another one when it is removed.
    fn next_attempt_ms(&self, attempts: i64, most: i64, watched: Watched) -> Option<i64> {
        let most = match watched {
            Watched::No => most,
            Watched::ByRun if self.passes => most.min(ATTEMPTS_IN_RUN),
            Watched::ByRun => return None,
        };
        if attempts >= most {
            return None;
        }
        let doubled = FIRST_RETRY_MS << (attempts - 1).clamp(0, 20);
        let wait = doubled.min(LONGEST_RETRY_MS);
        // Between half and all of it, so that what failed together does not come back together.
        let jittered = rand::rng().random_range(wait / 2..=wait);
        let asked = self.retry_after.map_or(0, |wait| wait.as_millis() as u64);
        Some(jittered.max(asked) as i64)
    }
}

/// Brings the object to its present state, and has Azure confirm it.
async fn write(engine: &Engine, item: &OutboxItem, target: &Opened) -> Result<(), Refused> {
    let storage = &target.storage;
    let container = engine.container_of(storage, &target.credential).await?;
    let name = storage
        .prefix
        .join(&formats::object_name(item.task_id, item.annotation_id));
    let blob = BlobName::parse(name)
        .map_err(|error| Error::Internal(format!("the name of an export: {error}")))?;
    let (doing, answer) = match wanted(engine, item, storage).await? {
        Wanted::Untouched => return Ok(()),
        Wanted::Content(content) => {
            let put = container.put(
                &blob,
                content.into(),
                formats::object_type(),
                &PutCondition::None,
            );
            (Doing::Write, put.await.map(|_etag| ()))
        }
        Wanted::Absent => (
            Doing::Delete,
            match container.delete(&blob, None).await {
                // Gone is gone, whoever did it.
                Err(error) if is_absence(error.kind()) => Ok(()),
                answer => answer,
            },
        ),
    };
    answer.map_err(|error| {
        let place = (&storage.account, &storage.container);
        let problem = engine.explain_azure(&error, place, &target.credential, Some(&blob), doing);
        Refused::Azure(Refusal {
            code: problem.code,
            text: problem.to_string(),
            // What is not known may pass too.
            passes: error.kind().is_transient() || error.kind() == ErrorKind::Unexpected,
            retry_after: error.retry_after(),
        })
    })
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ContainerNotFound)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::Code;

    use super::{Refusal, Watched};

    fn refusal(passes: bool, retry_after: Option<Duration>) -> Refusal {
        Refusal {
            code: Code::Throttled,
            text: String::new(),
            passes,
            retry_after,
        }
    }

    #[test]
    fn waits_grow_to_ten_minutes_and_end() {
        let refused = refusal(true, None);
        for (attempt, least, most) in [(1, 500, 1_000), (2, 1_000, 2_000), (11, 300_000, 600_000)] {
            let wait = refused.next_attempt_ms(attempt, 12, Watched::No).unwrap();
            assert!((least..=most).contains(&wait), "{attempt}: {wait}");
        }
        assert_eq!(refused.next_attempt_ms(12, 12, Watched::No), None);
        assert_eq!(refused.next_attempt_ms(5, 12, Watched::ByRun), None);
    }

    #[test]
    fn a_lasting_cause_is_retried_unless_a_person_waits_for_it() {
        let refused = refusal(false, None);
        assert!(refused.next_attempt_ms(1, 12, Watched::No).is_some());
        assert_eq!(refused.next_attempt_ms(1, 12, Watched::ByRun), None);
    }

    #[test]
    fn azures_own_wait_is_kept() {
        let refused = refusal(true, Some(Duration::from_secs(90)));
        assert_eq!(refused.next_attempt_ms(1, 12, Watched::No), Some(90_000));
    }
}
