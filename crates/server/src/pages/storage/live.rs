//! What a storage does now, or did last, in words: the part of its pages that is live.

use std::fmt::{self, Display, Formatter};

use askama::Template;
use engine::{MOST_COUNTED, TroubledExport, object_name};
use model::{Actor, Direction, ImportMode, Storage, StorageId, SyncRun, SyncStatus};

use super::errors_tab;
use crate::{
    App,
    error::ApiError,
    extract::{instant, moment},
    pages::{frame::grouped, home::status_words},
};

/// Objects with trouble that are shown.
const TROUBLED: i64 = 5;

/// An instant as HTML, which the browser shows in the person's own time zone.
pub(in crate::pages) struct At(pub(in crate::pages) i64);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (exact, words) = (instant(self.0), moment(self.0));
        write!(f, "<time datetime=\"{exact}\">{words}</time>")
    }
}

/// The live panel (`parts/storage_live.html`).
#[derive(Template)]
#[template(path = "parts/storage_live.html")]
pub(in crate::pages) struct Live {
    pub(in crate::pages) id: StorageId,
    pub(in crate::pages) is_source: bool,
    pub(in crate::pages) status: &'static str,
    pub(in crate::pages) status_words: &'static str,
    pub(in crate::pages) is_running: bool,
    /// What it is at, while it runs.
    phase: String,
    /// How far, of how much; `None` while that is not known.
    bar: Option<(i64, i64)>,
    /// `540 blobs seen · 18 new tasks · …`; empty before the first run.
    pub(in crate::pages) counts: String,
    /// What ended the run, and what to do.
    pub(in crate::pages) error: Option<String>,
    outcome: String,
    /// What to do next: an address and its words.
    next: Option<(String, &'static str)>,
    pub(in crate::pages) alerts: Alerts,
    pub(in crate::pages) backlog: Option<Backlog>,
    pub(in crate::pages) ended_at: Option<At>,
    /// The name of the tab Errors, on a source's own page.
    errors_tab: Option<String>,
}

/// What a person should know of a storage before anything is tried.
#[derive(Template)]
#[template(path = "parts/storage_alerts.html")]
pub(in crate::pages) struct Alerts {
    id: StorageId,
    /// The last failure that no success followed: when, in words, code.
    pub(in crate::pages) failure: Option<(At, String, String)>,
    /// When the credential ends, if that is soon.
    pub(in crate::pages) ends_at: Option<At>,
}

impl Alerts {
    pub(in crate::pages) fn of(app: &App, storage: &Storage) -> Self {
        let health = &storage.health;
        let failure = health.last_failure.as_ref().filter(|failure| {
            let success = health.last_success_at_ms;
            success.is_none_or(|at_ms| at_ms < failure.at_ms)
        });
        let ends = health.expires_at_ms;
        Self {
            id: storage.id,
            failure: failure.map(|last| (At(last.at_ms), last.text.clone(), last.code.clone())),
            ends_at: ends.filter(|_| app.engine.expires_soon(storage)).map(At),
        }
    }
}

/// What a target storage still has to get.
pub(in crate::pages) struct Backlog {
    pub(in crate::pages) id: StorageId,
    /// Blobs of somebody else's in the way.
    pub(in crate::pages) foreign: i64,
    /// `12 annotations wait to be written`.
    pub(in crate::pages) words: String,
    pub(in crate::pages) failed: i64,
    /// By name, with when each is tried again.
    pub(in crate::pages) troubled: Vec<(String, TroubledExport, Option<At>)>,
    pub(in crate::pages) last_success_at: Option<At>,
}

impl Live {
    pub(in crate::pages) async fn load(
        app: &App,
        actor: &Actor,
        id: StorageId,
    ) -> Result<Self, ApiError> {
        let storage = app.engine.find_storage(actor, id).await?;
        let mut live = Self::of(app, actor, &storage).await?;
        if live.is_source {
            let (_, failed) = app.engine.list_blob_errors(actor, id, 1, 0).await?;
            live.errors_tab = Some(errors_tab(failed));
        }
        Ok(live)
    }

    pub(in crate::pages) async fn of(
        app: &App,
        actor: &Actor,
        storage: &Storage,
    ) -> Result<Self, ApiError> {
        let run = storage.last_run.as_ref();
        let is_running = run.is_some_and(|run| run.status.is_running());
        let expected = match run {
            Some(run) if is_running => app.engine.expected_blobs(actor, run).await?,
            _ => None,
        };
        let reading = match run {
            Some(run) if is_running => app.engine.file_being_read(actor, run.id).await?,
            _ => None,
        };
        let backlog = match storage.direction {
            Direction::Source => None,
            Direction::Target => Some(Backlog::load(app, actor, storage).await?),
        };
        let status = run.map_or(SyncStatus::Initialized, |run| run.status);
        let is_source = storage.direction == Direction::Source;
        let (outcome, next) = outcome(storage, run);
        let mut alerts = Alerts::of(app, storage);
        // What ended the run is said once.
        alerts
            .failure
            .take_if(|(_, text, _)| run.is_some_and(|run| run.error.as_ref() == Some(text)));
        Ok(Self {
            id: storage.id,
            is_source,
            status: status.as_str(),
            status_words: match (status, is_source) {
                (SyncStatus::Initialized, true) => "not synced yet",
                (status, _) => status_words(status),
            },
            is_running,
            phase: match (run, reading) {
                (_, Some((name, rows))) => {
                    let rows = several(rows, "row is right", "rows are right");
                    format!("Reading {name}: {rows} so far")
                }
                (Some(run), None) => phase(storage, run).to_owned(),
                (None, None) => String::new(),
            },
            bar: run.and_then(|run| bar(storage, run, expected)),
            counts: run.map_or_else(String::new, |run| counts(storage, run, expected)),
            error: match app.engine.outage().filter(|_| is_running) {
                Some(outage) => Some(outage.to_string()),
                None => run.and_then(|run| run.error.clone()),
            },
            outcome,
            next,
            alerts,
            backlog,
            ended_at: run.and_then(|run| run.finished_at_ms).map(At),
            errors_tab: None,
        })
    }
}

impl Backlog {
    async fn load(app: &App, actor: &Actor, storage: &Storage) -> Result<Self, ApiError> {
        let backlog = app.engine.export_backlog(actor, storage.id, TROUBLED);
        let (backlog, troubled) = backlog.await?;
        let waiting = match backlog.waiting {
            0 if backlog.failed == 0 => "Everything is written: nothing waits.".to_owned(),
            0 => "Nothing waits.".to_owned(),
            1 => "1 object waits to be written.".to_owned(),
            more if more > MOST_COUNTED => {
                format!(
                    "More than {} objects wait to be written.",
                    grouped(MOST_COUNTED)
                )
            }
            more => format!("{} objects wait to be written.", grouped(more)),
        };
        Ok(Self {
            id: storage.id,
            foreign: storage.foreign_objects,
            words: match backlog.delivered {
                0 => waiting,
                1 => format!("{waiting} 1 was written until now."),
                more => format!("{waiting} {} were written until now.", grouped(more)),
            },
            failed: backlog.failed,
            troubled: troubled
                .into_iter()
                .map(|object| {
                    let next = object.next_at_ms.map(At);
                    let name = object_name(object.task_id, object.annotation_id);
                    (name, object, next)
                })
                .collect(),
            last_success_at: storage.health.last_success_at_ms.map(At),
        })
    }
}

fn phase(storage: &Storage, run: &SyncRun) -> &'static str {
    match (run.status, storage.direction, storage.import_mode) {
        (SyncStatus::Queued, ..) => "Waiting for a worker",
        (_, Direction::Target, _) => "Writing annotations",
        (_, Direction::Source, _) if run.counts.listed == 0 => "Listing the container",
        (_, Direction::Source, ImportMode::Files) => "Creating tasks",
        (_, Direction::Source, ImportMode::Tasks) => "Reading task files",
    }
}

fn bar(storage: &Storage, run: &SyncRun, expected: Option<i64>) -> Option<(i64, i64)> {
    let counts = &run.counts;
    match storage.direction {
        Direction::Target if counts.total > 0 => {
            Some((counts.created + counts.failed, counts.total))
        }
        Direction::Source => expected
            .filter(|expected| counts.listed > 0 && *expected >= counts.listed)
            .map(|expected| (counts.listed, expected)),
        Direction::Target => None,
    }
}

/// `540 blobs seen · 18 new tasks · …`; while it runs with its speed and about how long it takes.
pub(in crate::pages) fn counts(storage: &Storage, run: &SyncRun, expected: Option<i64>) -> String {
    let counts = &run.counts;
    if run.started_at_ms.is_none() {
        return String::new();
    }
    let (mut parts, done, all) = match storage.direction {
        Direction::Source => {
            let mut parts = vec![
                several(counts.listed, "blob seen", "blobs seen"),
                several(counts.created, "new task", "new tasks"),
                format!("{} already there", grouped(counts.existed)),
                format!("{} changed", grouped(counts.changed)),
            ];
            if counts.filtered + counts.skipped > 0 {
                let left_out = grouped(counts.filtered + counts.skipped);
                parts.push(format!("{left_out} left out"));
            }
            (parts, counts.listed, expected)
        }
        Direction::Target => {
            let written = format!(
                "{} of {} written",
                grouped(counts.created),
                grouped(counts.total)
            );
            let all = Some(counts.total);
            (vec![written], counts.created + counts.failed, all)
        }
    };
    parts.push(several(counts.failed, "error", "errors"));
    if let Some(rate) = rate(run, done).filter(|_| run.status.is_running()) {
        parts.push(format!("{}/s", grouped(rate.round().max(1.0) as i64)));
        if let Some(left) = all.map(|all| all - done).filter(|left| *left > 0) {
            parts.push(format!(
                "about {} left",
                duration((left as f64 / rate * 1000.0) as i64)
            ));
        }
    }
    parts.join(" · ")
}

/// Per second, by the run's own times; `None` before there is something to measure.
fn rate(run: &SyncRun, done: i64) -> Option<f64> {
    let ms = run.last_ping_at_ms? - run.started_at_ms?;
    (ms >= 500 && done > 0).then(|| done as f64 * 1000.0 / ms as f64)
}

fn outcome(storage: &Storage, run: Option<&SyncRun>) -> (String, Option<(String, &'static str)>) {
    let project = storage.project_id;
    let at = |rest: &str| format!("/storages/{}{rest}", storage.id);
    let Some(run) = run else {
        let words = match storage.direction {
            Direction::Source => {
                "Nothing was imported yet. Sync now looks through the container and makes a task of every blob that matches."
            }
            Direction::Target => {
                "Nothing was written yet. Annotations are written as they are made."
            }
        };
        return (words.to_owned(), None);
    };
    let counts = &run.counts;
    let new = several(counts.created, "new task", "new tasks");
    match (run.status, storage.direction) {
        (status, _) if status.is_running() => (String::new(), None),
        (SyncStatus::Failed, _) => (
            "It ended early. What was done until then stays; the next one goes on from there.".to_owned(),
            Some((at("/check"), "Check access")),
        ),
        (SyncStatus::Cancelled, Direction::Source) => (
            format!("It was cancelled. What was imported stays: {new}."),
            None,
        ),
        (SyncStatus::Cancelled, Direction::Target) => (
            "It was cancelled. What was written stays, and annotations go on being written as they are made.".to_owned(),
            None,
        ),
        (_, Direction::Target) => (
            match counts.total {
                0 => String::new(),
                total => format!("{} of {} objects are in the container.", grouped(counts.created), grouped(total)),
            },
            None,
        ),
        (SyncStatus::CompletedWithErrors, Direction::Source) => (
            format!("{new}. {} could not be imported.", several(counts.failed, "blob", "blobs")),
            Some((at("/errors"), "See the errors")),
        ),
        (_, Direction::Source) if counts.created > 0 => (
            format!("{new}."),
            Some((format!("/projects/{project}/label"), "Label them")),
        ),
        // Only a run through everything tells that nothing matched.
        (_, Direction::Source) if counts.existed + counts.changed == 0 && run.error.is_some() => (
            match counts.filtered + counts.skipped {
                0 => "No blob matches. Look at the prefix and the filter.".to_owned(),
                left_out => format!(
                    "No blob matches, {} left out. Look at the prefix and the filter.",
                    match left_out {
                        1 => "1 was".to_owned(),
                        left_out => format!("{} were", grouped(left_out)),
                    }
                ),
            },
            Some((at("/settings"), "Settings")),
        ),
        (_, Direction::Source) => (
            match counts.existed + counts.changed {
                0 => String::new(),
                known => format!("Nothing new: {} there already.", match known {
                    1 => "1 blob was".to_owned(),
                    known => format!("all {} blobs were", grouped(known)),
                }),
            },
            (counts.existed + counts.changed > 0).then(|| (format!("/projects/{project}"), "See the tasks")),
        ),
    }
}

/// `1 blob`, `1,204 blobs`.
pub(in crate::pages) fn several(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// `under a second`, `12 s`, `3 min`, `1 h 5 min`.
pub(in crate::pages) fn duration(ms: i64) -> String {
    match ms / 1000 {
        i64::MIN..1 => "under a second".to_owned(),
        seconds @ 1..90 => format!("{seconds} s"),
        seconds @ 90..5_400 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_said_roughly() {
        for (ms, words) in [
            (400, "under a second"),
            (12_300, "12 s"),
            (125_000, "2 min"),
            (3_900_000, "65 min"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(duration(ms), words);
        }
    }
}
