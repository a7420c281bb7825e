//! The outbox: objects that are due are written, several at once, never one object twice at once.
//!
//! A failure is retried with growing, jittered waits; after the last attempt the object stays
//! failed and visible until it changes again or a full export asks for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{BlobName, Storage, StorageId};
use store::{ObjectKey, OutboxItem, OutboxOp};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{
    object::{Wanted, wanted},
    put::Target,
    refusal::{Refusal, Refused, Watched},
};
use crate::{Doing, Engine, Error, Result, error::report, storages::opened::Opened};

/// How often an idle worker looks for objects of other processes.
const POLL: Duration = Duration::from_secs(1);

/// The longest that one object may take.
const WRITE_LIMIT: Duration = Duration::from_secs(120);

/// Objects claimed per place where one can be written.
const CLAIM_AHEAD: usize = 8;

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
            .claim_outbox(worker_id, limit as i64, engine.lease_ms(), engine.now_ms())
            .await?;
        let mut targets: HashMap<StorageId, Option<Arc<Opened>>> = HashMap::new();
        for item in &items {
            if targets.contains_key(&item.storage_id) {
                continue;
            }
            let target = engine.find_opened(item.org_id, item.storage_id).await?;
            targets.insert(item.storage_id, target.map(Arc::new));
        }
        let upserts = items.iter().filter(|item| item.op == OutboxOp::Upsert);
        let objects = upserts.filter_map(|item| {
            let target = targets.get(&item.storage_id)?.as_ref()?;
            Some(object_of(item, &target.storage))
        });
        store.begin_objects(&objects.collect::<Vec<_>>()).await?;
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
            .renew_outbox(worker_id, engine.lease_ms(), engine.now_ms());
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

/// Tells the store, in one go, what was delivered, and wakes who watches.
async fn settle(engine: &Engine, ended: Vec<Result<Result<Option<Delivered>>, JoinError>>) {
    let (mut done, mut objects) = (Vec::new(), Vec::new());
    for end in ended {
        match end {
            Ok(Ok(delivered)) => {
                let (item, object) = delivered.unzip();
                done.extend(item);
                objects.extend(object.flatten());
            }
            Ok(Err(error)) => {
                tracing::error!(error = %report(&error), "an export cannot be settled");
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => tracing::error!(%error, "an export ended without an answer"),
        }
    }
    if !done.is_empty() {
        metrics::counter!("longshore_exported_objects_total").increment(done.len() as u64);
        let now_ms = engine.now_ms();
        let told = engine.store().finish_outbox(&done, &objects, now_ms);
        if let Err(error) = told.await {
            tracing::error!(error = %report(&error), "exports cannot be settled");
        }
    }
    engine.0.worker_signals.outbox_changed.notify_waiters();
}

/// What was written, with its ETag, or deleted.
type Settled = (ObjectKey, Option<String>);

/// An item that is done, and what is to be told of its object.
type Delivered = (OutboxItem, Option<Settled>);

/// Writes one object; it is given back when the store is still to be told that it is done.
async fn deliver_one(
    engine: Engine,
    item: OutboxItem,
    target: Option<Arc<Opened>>,
) -> Result<Option<Delivered>> {
    // Without its storage there is nowhere to write to.
    let Some(target) = target else {
        return Ok(Some((item, None)));
    };
    let object = object_of(&item, &target.storage);
    let written = tokio::time::timeout(WRITE_LIMIT, write(&engine, &item, &target, &object));
    let refused = match written.await {
        Ok(Ok(settled)) => {
            engine.note_success(item.storage_id);
            return Ok(Some((item, settled)));
        }
        Ok(Err(refused)) => refused.refusal()?,
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

/// Brings the object to its present state, and has Azure confirm it; what is to be told of it.
async fn write(
    engine: &Engine,
    item: &OutboxItem,
    target: &Opened,
    object: &ObjectKey,
) -> Result<Option<Settled>, Refused> {
    let storage = &target.storage;
    let container = engine.container_of(storage, &target.credential).await?;
    let blob = BlobName::parse(object.name.as_str())
        .map_err(|error| Error::Internal(format!("the name of an export: {error}")))?;
    let place = (&object.account, &object.container);
    let record = engine
        .store()
        .exported_objects(object.org_id, place.0, place.1, &[object.name.as_str()])
        .await
        .map_err(Error::from)?
        .remove(&object.name);
    let at = Target {
        engine,
        container: &container,
        object,
        blob: &blob,
        record,
    };
    let (doing, answer) = match wanted(engine, item, storage).await? {
        Wanted::Untouched => return Ok(None),
        Wanted::Content(content) => (Doing::Write, at.put(content).await.map(Some)),
        Wanted::Absent => (Doing::Delete, at.delete().await.map(|()| None)),
    };
    match answer {
        Ok(etag) => Ok(Some((object.clone(), etag))),
        Err(refused) => Err(refused.explained(|error| {
            engine.explain_azure(error, place, &target.credential, Some(&blob), doing)
        })),
    }
}

/// The blob that an item is about.
fn object_of(item: &OutboxItem, storage: &Storage) -> ObjectKey {
    ObjectKey {
        org_id: item.org_id,
        storage_id: storage.id,
        account: storage.account.clone(),
        container: storage.container.clone(),
        name: storage
            .prefix
            .join(&formats::object_name(item.task_id, item.annotation_id)),
    }
}
