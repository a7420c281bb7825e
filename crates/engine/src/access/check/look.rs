//! A source: what a sync would find, and whether its blobs can be read and signed.

use azure::{BlobItem, ErrorKind, GetRequest, GetStatus, ListRequest, SignRequest};
use futures_util::StreamExt as _;
use model::{BlobName, Credential};
use std::time::Duration;

use super::{
    Signing, Step,
    reach::timed,
    run::{Check, Outcome, Steps, Stop},
};
use crate::{
    Doing, Result,
    access::explain::Finding,
    runs::sync::{Scope, Verdict},
    storages::connection::readable_unlisted,
};

/// Limits of the steps, in seconds.
const LIST: u64 = 10;
const READ: u64 = 8;
const SIGN: u64 = 8;

/// Pages that are looked at for a blob to read.
const PAGES: usize = 4;
/// Names of the first level that are told.
const NAMES: u32 = 10;
/// A pre-signed URL of the check lives this long.
const URL_LIFE: Duration = Duration::from_secs(120);

/// Blobs of the archive tier among those seen.
#[derive(Default)]
pub(super) struct Archived {
    pub(super) count: i64,
    /// Of all blobs seen.
    pub(super) of: i64,
    pub(super) first: Option<BlobName>,
}

/// What the beginning of a listing holds.
#[derive(Default)]
struct Seen {
    listed: i64,
    taken: i64,
    filtered: i64,
    folders: i64,
    archived: Archived,
    /// The first blob that a sync would take, and that can be read if any can.
    first: Option<BlobItem>,
    /// A name that the filter does not match.
    filtered_name: Option<String>,
    has_more: bool,
}

impl Check<'_> {
    pub(super) async fn look_and_read(&self, steps: &mut Steps) -> Result<()> {
        self.skip_all(steps, &Step::OF_TARGET, "A source is never written to.");
        if let Some(failed) = steps.stopped_by() {
            self.skip_all(steps, &Step::OF_SOURCE, &Steps::because(failed));
            self.skip_asides(steps, failed);
            return Ok(());
        }
        let draft = &self.subject.draft;
        let scope = Scope::new(
            self.org,
            (&draft.account, &draft.container),
            &draft.prefix,
            draft.filter.clone(),
            draft.recursive,
        );
        let seen = if self.subject.blob.is_some() && draft.regex_filter.is_none() {
            // One blob was named: the right to list is not needed to read it.
            self.skip(steps, Step::List, "A single blob was given.");
            Seen::default()
        } else {
            self.note_listing(steps, &scope).await?
        };
        if let Some(failed) = steps.stopped_by() {
            self.skip_all(steps, &Step::OF_SOURCE[1..], &Steps::because(failed));
            self.skip_asides(steps, failed);
            return Ok(());
        }
        let listed = seen
            .first
            .as_ref()
            .and_then(|item| BlobName::parse(item.name.as_str()).ok());
        let blob = self.subject.blob.clone().or(listed);
        self.note_reads(steps, blob.as_ref(), &seen).await;
        let has_failed = steps.stopped_by();
        match (has_failed, blob.as_ref()) {
            (Some(failed), _) => {
                self.skip_all(steps, &Step::OF_SOURCE[3..], &Steps::because(failed));
            }
            (None, blob) => self.note_signing(steps, blob).await,
        }
        self.asides(steps, blob.as_ref(), &seen.archived).await;
        Ok(())
    }

    async fn note_listing(&self, steps: &mut Steps, scope: &Scope) -> Result<Seen> {
        let prefix = scope.prefix.listing();
        let ((answer, was_refused), took) =
            timed(self.while_role_missing(|| self.limited(LIST, self.look(scope, &prefix)))).await;
        let place = self.subject.title();
        let tried = format!("Listed {place}.");
        let seen = match answer {
            Ok(seen) => seen?,
            Err(stop) => {
                let outcome = match self.reads_unlisted(&stop).await {
                    true => Outcome::Advice(self.find(&Finding::ListNotAllowed)),
                    false => self.refused(&stop, None, Doing::List),
                };
                self.note(steps, Step::List, tried, took, outcome);
                return Ok(Seen::default());
            }
        };
        let outcome = if seen.taken > 0 {
            Outcome::Passed(summary(&seen, was_refused))
        } else {
            self.why_nothing(&seen, scope, &prefix).await
        };
        self.note(steps, Step::List, tried, took, outcome);
        Ok(seen)
    }

    async fn reads_unlisted(&self, stop: &Stop) -> bool {
        let Stop::Azure(error) = stop else {
            return false;
        };
        let readable = readable_unlisted(error, &self.subject.draft, &self.client);
        let found = self.limited(READ, async { Ok(readable.await.is_some()) });
        found.await.unwrap_or(false)
    }

    /// Outside Azure's answer, inside the database's.
    async fn look(&self, scope: &Scope, prefix: &str) -> azure::Result<Result<Seen>> {
        let mut seen = Seen::default();
        let mut marker: Option<String> = None;
        for _ in 0..PAGES {
            let page = self
                .client
                .list(&ListRequest {
                    prefix,
                    delimiter: scope.delimiter(),
                    marker: marker.as_deref(),
                    max_results: Some(1_000),
                })
                .await?;
            seen.folders += page.prefixes.len() as i64;
            let verdicts = match scope.judge(self.engine, &page.blobs).await {
                Ok(verdicts) => verdicts,
                Err(error) => return Ok(Err(error)),
            };
            for (blob, verdict) in page.blobs.into_iter().zip(verdicts) {
                seen.listed += 1;
                let is_archived = blob.access_tier.as_deref() == Some("Archive");
                match verdict {
                    Verdict::Take => {
                        seen.taken += 1;
                        if is_archived {
                            seen.archived.count += 1;
                            let name = || BlobName::parse(blob.name.as_str()).ok();
                            seen.archived.first = seen.archived.first.take().or_else(name);
                        }
                        let is_better = seen.first.as_ref().is_none_or(|first| {
                            first.access_tier.as_deref() == Some("Archive") && !is_archived
                        });
                        if is_better {
                            seen.first = Some(blob);
                        }
                    }
                    Verdict::Filtered => {
                        seen.filtered += 1;
                        seen.filtered_name.get_or_insert(blob.name);
                    }
                    Verdict::FolderMarker | Verdict::Ours | Verdict::PerhapsOurs => {}
                }
            }
            marker = page.next_marker;
            seen.has_more = marker.is_some();
            if marker.is_none() || seen.taken > 0 {
                break;
            }
        }
        seen.archived.of = seen.listed;
        Ok(Ok(seen))
    }

    /// A listing that would import nothing.
    async fn why_nothing(&self, seen: &Seen, scope: &Scope, prefix: &str) -> Outcome {
        let draft = &self.subject.draft;
        if seen.has_more {
            return Outcome::Unknown(self.find(&Finding::NothingFoundYet { seen: seen.listed }));
        }
        if seen.filtered > 0 {
            return Outcome::Failed(self.find(&Finding::FilterMatchesNothing {
                filter: draft.regex_filter.as_deref().unwrap_or_default(),
                seen: seen.listed,
                example: seen.filtered_name.as_deref(),
            }));
        }
        if seen.listed > 0 {
            return Outcome::Failed(self.find(&Finding::NothingToImport { seen: seen.listed }));
        }
        if seen.folders > 0 {
            return Outcome::Failed(self.find(&Finding::OnlyFolders {
                folders: seen.folders,
            }));
        }
        if prefix.is_empty() {
            return Outcome::Advice(self.find(&Finding::ContainerEmpty));
        }
        let deleted = self.client.soft_deleted(prefix, scope.delimiter());
        // A refusal tells nothing: not every account and credential shows what was deleted.
        if let Ok(deleted) = self.limited(LIST, deleted).await
            && let Some(first) = deleted.names.first()
        {
            return Outcome::Failed(self.find(&Finding::BlobsSoftDeleted {
                prefix,
                deleted: deleted.names.len(),
                has_more: deleted.has_more,
                first,
            }));
        }
        let first_level = self.limited(
            LIST,
            self.client.list(&ListRequest {
                prefix: "",
                delimiter: Some('/'),
                marker: None,
                max_results: Some(NAMES),
            }),
        );
        let names = match first_level.await {
            Ok(page) => page
                .prefixes
                .into_iter()
                .chain(page.blobs.into_iter().map(|blob| blob.name))
                .collect(),
            // Whether there is something else is not what was asked.
            Err(_) => Vec::new(),
        };
        Outcome::Failed(self.find(&Finding::PrefixMatchesNothing {
            prefix,
            there_is: &names,
        }))
    }

    async fn note_reads(&self, steps: &mut Steps, blob: Option<&BlobName>, seen: &Seen) {
        let Some(blob) = blob else {
            self.skip_all(
                steps,
                &[Step::Read, Step::RangedRead],
                "There is no blob to read.",
            );
            return;
        };
        let ((answer, _), took) =
            timed(self.while_role_missing(|| self.limited(READ, self.read(blob, None)))).await;
        let tried = format!("Read the beginning of {blob}.");
        let size = match answer {
            Ok((_, size)) => {
                self.note(
                    steps,
                    Step::Read,
                    tried,
                    took,
                    Outcome::Passed(format!("{size} bytes.")),
                );
                size
            }
            Err(stop) => {
                let outcome = self.refused(&stop, Some(blob), Doing::Read);
                self.note(steps, Step::Read, tried, took, outcome);
                self.skip(steps, Step::RangedRead, Steps::because(Step::Read));
                return;
            }
        };
        if size == 0 || seen.first.as_ref().is_some_and(|first| first.size == 0) {
            self.skip(steps, Step::RangedRead, "The blob is empty.");
            return;
        }
        let (answer, took) = timed(self.limited(READ, self.read(blob, Some("bytes=0-0")))).await;
        let outcome = match answer {
            Ok((GetStatus::Partial, _)) => Outcome::Passed(String::new()),
            Ok(_) => Outcome::Skipped(
                "The answer was the whole blob: something between here and Azure drops the range."
                    .to_owned(),
            ),
            Err(stop) => self.refused(&stop, Some(blob), Doing::Read),
        };
        self.note(
            steps,
            Step::RangedRead,
            format!("Read one byte of {blob}."),
            took,
            outcome,
        );
    }

    /// The answer's status and length, after its first bytes have come.
    async fn read(&self, blob: &BlobName, range: Option<&str>) -> azure::Result<(GetStatus, u64)> {
        let request = GetRequest {
            range: range.map(str::to_owned),
            ..GetRequest::default()
        };
        let mut answer = self.client.get(blob, &request).await?;
        if let Some(chunk) = answer.body.next().await {
            chunk?;
        }
        Ok((answer.status, answer.content_length.unwrap_or_default()))
    }

    async fn note_signing(&self, steps: &mut Steps, blob: Option<&BlobName>) {
        if self.subject.signing == Signing::Unused {
            self.skip_all(
                steps,
                &[Step::DelegationKey, Step::SasRoundTrip],
                "Not needed: blobs are streamed through Longshore.",
            );
            return;
        }
        let stand_in = BlobName::parse("blob").ok();
        let Some(name) = blob.or(stand_in.as_ref()) else {
            return;
        };
        let request = SignRequest {
            ttl: URL_LIFE,
            response_content_type: None,
            response_content_disposition: None,
            correlation_id: None,
        };
        let ((signed, _), took) =
            timed(self.while_role_missing(|| self.limited(SIGN, self.client.sign(name, &request))))
                .await;
        let needless = match &self.subject.draft.credential {
            Credential::AccountKey { .. } => Some("Not needed: the account key signs."),
            Credential::Sas { .. } => Some("Not needed: the SAS token itself is handed out."),
            Credential::Anonymous => Some("Not needed: public blobs have plain URLs."),
            Credential::ServicePrincipal { .. }
            | Credential::ManagedIdentity { .. }
            | Credential::AzureLink { .. } => None,
        };
        match needless {
            Some(why) => self.skip(steps, Step::DelegationKey, why),
            None => {
                let tried = format!(
                    "Asked {} for a key that signs pre-signed URLs.",
                    self.subject.draft.account
                );
                let outcome = match &signed {
                    Ok(_) => Outcome::Passed(String::new()),
                    Err(stop) => self.refused_signature(stop),
                };
                self.note(steps, Step::DelegationKey, tried, took, outcome);
            }
        }
        match (signed, blob) {
            (Err(_), _) => self.skip(
                steps,
                Step::SasRoundTrip,
                Steps::because(Step::DelegationKey),
            ),
            (Ok(_), None) => self.skip(steps, Step::SasRoundTrip, "There is no blob to read."),
            (Ok(signed), Some(blob)) => {
                let ((answer, _), took) = timed(self.while_role_missing(|| {
                    self.limited(SIGN, self.client.read_signed(&signed.url))
                }))
                .await;
                let outcome = match answer {
                    Ok(_) => Outcome::Passed(String::new()),
                    // An empty blob has no first byte.
                    Err(Stop::Azure(error)) if error.kind() == ErrorKind::InvalidRange => {
                        Outcome::Passed("The blob is empty.".to_owned())
                    }
                    Err(stop) => self.refused(&stop, Some(blob), Doing::ReadSigned),
                };
                let tried = format!("Read one byte of {blob} with the pre-signed URL alone.");
                self.note(steps, Step::SasRoundTrip, tried, took, outcome);
            }
        }
    }

    /// Only storages that hand out pre-signed URLs cannot do without the key.
    fn refused_signature(&self, stop: &Stop) -> Outcome {
        match (self.refused(stop, None, Doing::Sign), self.subject.signing) {
            (Outcome::RoleMissing(problem), Signing::Perhaps) => Outcome::Advice(problem),
            (outcome, _) => outcome,
        }
    }
}

fn summary(seen: &Seen, was_refused: bool) -> String {
    let mut text = format!(
        "{}{} blobs seen, {} would be imported.",
        if seen.has_more { "The first " } else { "" },
        seen.listed,
        seen.taken
    );
    if was_refused {
        text += " It was refused at first: the role has just come into effect.";
    }
    text
}
