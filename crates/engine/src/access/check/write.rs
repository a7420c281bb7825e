//! A target: may it write, replace and delete one small blob in its export folder?

use azure::{ContainerClient, ErrorKind, PutCondition};
use bytes::Bytes;
use model::{BlobName, ExportLayout};
use std::time::Duration;
use tokio::time::{Instant, timeout};

use super::{
    Step,
    look::Archived,
    run::{Check, Outcome, Steps, Stop},
};
use crate::{Doing, access::explain::Finding, storages::connection::CHECK_BLOB};

/// Limit of each request, in seconds.
const WRITE: u64 = 6;

const TEXT: &[u8] = b"Longshore wrote this to see whether it may; it can be deleted.\n";
const TEXT_AGAIN: &[u8] = b"Longshore wrote this twice to see whether it may; it can be deleted.\n";

type Answer = (Result<(), Stop>, Duration);

/// How the three requests went; those after a refused write were not made.
struct Written {
    write: Answer,
    overwrite: Option<Answer>,
    delete: Option<Answer>,
}

impl Check<'_> {
    pub(super) async fn write_and_delete(&self, steps: &mut Steps) {
        self.skip_all(steps, &Step::OF_SOURCE, "A target is not read from.");
        if let Some(failed) = steps.stopped_by() {
            self.skip_all(steps, &Step::OF_TARGET, &Steps::because(failed));
            self.skip_asides(steps, failed);
            return;
        }
        let draft = &self.subject.draft;
        let name = draft
            .prefix
            .join(&format!("{CHECK_BLOB}{}", uuid::Uuid::new_v4().simple()));
        let blob = match BlobName::parse(name) {
            Ok(blob) => blob,
            Err(error) => {
                let why = format!("The prefix is too long: {error}.");
                self.skip_all(steps, &Step::OF_TARGET, &why);
                return;
            }
        };
        let (written, _) = self.while_role_missing_in(|| self.attempt(&blob)).await;
        self.note_written(steps, &blob, written);
        match steps.stopped_by() {
            Some(failed) => self.skip_asides(steps, failed),
            None => self.asides(steps, None, &Archived::default()).await,
        }
    }

    /// In a task of its own, so that a check that is dropped leaves nothing behind.
    async fn attempt(&self, blob: &BlobName) -> Written {
        let (client, blob) = (self.client.clone(), blob.clone());
        match tokio::spawn(write_replace_delete(client, blob)).await {
            Ok(written) => written,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn while_role_missing_in<F: Future<Output = Written>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> (Written, bool) {
        let first = attempt().await;
        if !is_role_missing(&first.write.0) || !self.subject.uses_token() {
            return (first, false);
        }
        let (answer, _) = self
            .while_role_missing(|| async {
                let written = attempt().await;
                match written.write.0 {
                    Ok(()) => Ok(written),
                    Err(stop) => Err(stop),
                }
            })
            .await;
        match answer {
            Ok(written) => (written, true),
            Err(_) => (first, true),
        }
    }

    fn note_written(&self, steps: &mut Steps, blob: &BlobName, written: Written) {
        let draft = &self.subject.draft;
        let (answer, took) = written.write;
        let tried = format!("Wrote {blob}, if it was not there.");
        let (overwrite, delete) = match (answer, written.overwrite, written.delete) {
            (Ok(()), Some(overwrite), Some(delete)) => {
                self.note(
                    steps,
                    Step::Write,
                    tried,
                    took,
                    Outcome::Passed(String::new()),
                );
                (overwrite, delete)
            }
            (answer, ..) => {
                if let Err(stop) = answer {
                    let outcome = self.refused(&stop, Some(blob), Doing::Write);
                    self.note(steps, Step::Write, tried, took, outcome);
                }
                self.skip_all(
                    steps,
                    &[Step::Overwrite, Step::Delete],
                    &Steps::because(Step::Write),
                );
                return;
            }
        };
        let (answer, took) = overwrite;
        let is_append_only = matches!(&answer, Err(Stop::Azure(error))
            if matches!(error.kind(), ErrorKind::RoleMissing | ErrorKind::AlreadyExists));
        let outcome = match answer {
            Ok(()) => Outcome::Passed(String::new()),
            Err(_) if is_append_only && draft.export_layout == ExportLayout::PerAnnotation => {
                Outcome::Advice(self.find(&Finding::AppendOnly))
            }
            Err(stop) => self.refused(&stop, Some(blob), Doing::Write),
        };
        self.note(
            steps,
            Step::Overwrite,
            format!("Replaced {blob}."),
            took,
            outcome,
        );
        let (answer, took) = delete;
        let outcome = match answer {
            Ok(()) => Outcome::Passed("Nothing of the check is left.".to_owned()),
            Err(stop) if draft.can_delete_objects => self.refused(&stop, Some(blob), Doing::Delete),
            Err(_) => Outcome::Skipped(format!(
                "Not needed, and not allowed: the small blob {blob} stays."
            )),
        };
        self.note(
            steps,
            Step::Delete,
            format!("Deleted {blob}."),
            took,
            outcome,
        );
    }
}

fn is_role_missing(answer: &Result<(), Stop>) -> bool {
    matches!(answer, Err(Stop::Azure(error)) if error.kind() == ErrorKind::RoleMissing)
}

async fn write_replace_delete(client: ContainerClient, blob: BlobName) -> Written {
    let put = |text: &'static [u8], condition: PutCondition| {
        let (client, blob) = (&client, &blob);
        async move {
            let text = Bytes::from_static(text);
            client
                .put(blob, text, "text/plain", &condition)
                .await
                .map(drop)
        }
    };
    let write = within(put(TEXT, PutCondition::IfAbsent)).await;
    if write.0.is_err() {
        return Written {
            write,
            overwrite: None,
            delete: None,
        };
    }
    // As exports do.
    let overwrite = within(put(TEXT_AGAIN, PutCondition::None)).await;
    let delete = within(client.delete(&blob, None)).await;
    Written {
        write,
        overwrite: Some(overwrite),
        delete: Some(delete),
    }
}

async fn within(request: impl Future<Output = azure::Result<()>>) -> Answer {
    let started = Instant::now();
    let answer = match timeout(Duration::from_secs(WRITE), request).await {
        Ok(answer) => answer.map_err(Stop::Azure),
        Err(_) => Err(Stop::Time(WRITE)),
    };
    (answer, started.elapsed())
}
