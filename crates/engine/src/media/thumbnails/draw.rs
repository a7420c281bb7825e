//! Drawing: reading what is needed of a blob, in the version that is known, and decoding it in a
//! thread of its own.

use std::time::Duration;

use azure::{ErrorKind, GetRequest, GetStatus};
use bytes::Bytes;
use model::{Actor, budgets::THUMBNAIL_TEXT};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{task::spawn_blocking, time::timeout};
use uuid::Uuid;

use super::{
    Blank, Drawing, Thumbnail, Version,
    cache::Kept,
    lines,
    media::{MediaKind, extension},
    most_bytes, picture, place_of, thumbnail_of, undrawn, waveform,
};
use crate::{AuditAction, Engine, Error, Result, access::explain::Doing, audit::short};

/// How long reading one may take, and drawing it.
const LONGEST: Duration = Duration::from_secs(20);
/// Part of every key: raised when thumbnails are drawn differently.
const DRAWING: &str = "1";

impl Engine {
    /// What was said a moment ago.
    pub(super) fn failed_before(&self, drawing: &Drawing) -> Option<Thumbnail> {
        let cache = &self.0.thumbnails.cache;
        let failure = cache.failure(drawing.task, &drawing.stamp, self.now_ms());
        failure.map(Thumbnail::Blank)
    }

    /// The thumbnail, from the disk or drawn now; a picture with its bytes.
    pub(super) async fn draw(
        &self,
        actor: &Actor,
        mut drawing: Drawing,
    ) -> Result<(Thumbnail, Option<Vec<u8>>)> {
        if let Some(failure) = self.failed_before(&drawing) {
            return Ok((failure, None));
        }
        let made = match timeout(LONGEST, self.draw_now(actor, &mut drawing)).await {
            Ok(made) => made,
            Err(_) => Err(Failure::Reason(
                "Reading the blob took too long; the tile tries again in a minute.".to_owned(),
            )),
        };
        let reason = match made {
            Ok((kept, key)) => return Ok(thumbnail_of(kept, key)),
            Err(Failure::Reason(reason)) => reason,
            Err(Failure::Error(error)) => match drawing.reached.hide(error) {
                Error::Azure(problem) => problem.cause.clone(),
                error => return Err(error),
            },
        };
        let blank = Blank {
            kind: drawing.kind,
            size: drawing.version.map(|version| version.size),
            reason: Some(reason),
        };
        self.0.thumbnails.cache.remember_failure(
            drawing.task,
            drawing.stamp,
            blank.clone(),
            self.now_ms(),
        );
        Ok((Thumbnail::Blank(blank), None))
    }

    async fn draw_now(
        &self,
        actor: &Actor,
        drawing: &mut Drawing,
    ) -> Result<(Kept, String), Failure> {
        let parts = &self.0.thumbnails;
        let mut version = match drawing.version.clone() {
            Some(version) => version,
            None => self.ask_version(drawing).await?,
        };
        let kept = self.look_up(drawing.key(&version)).await?;
        if let Some(kept) = kept {
            return Ok((kept, drawing.key(&version)));
        }
        let Ok(_reading) = parts.reads.acquire().await else {
            return Err(Failure::Reason("The server is stopping.".to_owned()));
        };
        let bytes = match self.read_version(actor, drawing, &version).await? {
            Some(bytes) => bytes,
            // It changed since the last sync.
            None => {
                version = self.ask_version(drawing).await?;
                let bytes = self.read_version(actor, drawing, &version).await?;
                bytes.ok_or_else(|| {
                    Failure::Reason("The blob is being written at this moment.".to_owned())
                })?
            }
        };
        let key = drawing.key(&version);
        let kept = self.decode(drawing, bytes, key.clone()).await?;
        Ok((kept, key))
    }

    async fn look_up(&self, key: String) -> Result<Option<Kept>, Failure> {
        let cache = self.0.thumbnails.cache.clone();
        let found = spawn_blocking(move || cache.get(&key)).await;
        found.map_err(|_| Failure::Reason("The thumbnail could not be read.".to_owned()))
    }

    /// Asks Azure which version the blob has, and remembers it for a while.
    async fn ask_version(&self, drawing: &mut Drawing) -> Result<Version, Failure> {
        let place = drawing.reached.place();
        let head = place.client.head(drawing.blob.blob()).await;
        let head = head.map_err(|error| {
            Error::from(self.explain_place(&error, place, drawing.blob.blob(), Doing::Read))
        });
        self.note_health(&drawing.reached, &head);
        let head = head.map_err(Failure::Error)?;
        let version = Version {
            etag: head.etag.unwrap_or_default(),
            size: head.content_length,
        };
        self.0.thumbnails.cache.remember_version(
            place_of(drawing.org, &drawing.reached, &drawing.blob),
            version.clone(),
            self.now_ms(),
        );
        drawing.version = Some(version.clone());
        let (name, size) = (drawing.blob.blob().as_str(), Some(version.size));
        match undrawn(drawing.task, &drawing.uri, name, drawing.kind, size) {
            Some(Thumbnail::Blank(Blank { reason, .. })) => {
                Err(Failure::Reason(reason.unwrap_or_default()))
            }
            _ => Ok(version),
        }
    }

    /// Reads what drawing needs of this version; `None` when the blob is another one by now.
    async fn read_version(
        &self,
        actor: &Actor,
        drawing: &Drawing,
        version: &Version,
    ) -> Result<Option<Bytes>, Failure> {
        let place = drawing.reached.place();
        let request = GetRequest {
            range: (drawing.kind == MediaKind::Text && version.size > THUMBNAIL_TEXT)
                .then(|| format!("bytes=0-{}", THUMBNAIL_TEXT - 1)),
            if_match: Some(version.etag.clone()),
            ..GetRequest::default()
        };
        let most = usize::try_from(most_bytes(drawing.kind)).unwrap_or(usize::MAX);
        let read = match place.client.get(drawing.blob.blob(), &request).await {
            Ok(response) if response.status == GetStatus::RangeNotSatisfiable => Ok(None),
            Ok(response) => response.body.read_all(most).await.map(Some),
            Err(error) if error.kind() == ErrorKind::ConditionNotMet => Ok(None),
            Err(error) => Err(error),
        };
        let read = read.map_err(|error| {
            Error::from(self.explain_place(&error, place, drawing.blob.blob(), Doing::Read))
        });
        self.note_health(&drawing.reached, &read);
        let (action, detail) = match &read {
            Ok(None) => return Ok(None),
            Ok(Some(_)) => (
                AuditAction::BlobRead,
                json!({"blob": drawing.uri, "for": "thumbnail"}),
            ),
            Err(error) => (
                AuditAction::BlobRefuse,
                json!({"blob": drawing.uri, "for": "thumbnail", "why": short(&error.to_string())}),
            ),
        };
        let who = (actor.org_id, self.by(actor));
        let subject = format!("task/{}", drawing.task);
        self.note(Uuid::now_v7(), who, action, subject, detail)
            .map_err(Failure::Error)?;
        read.map_err(Failure::Error)
    }

    /// Draws it in a thread of its own and keeps it. A decoder that panics or hangs is left alone;
    /// one that hangs keeps its place among the few, so that no more than those ever run.
    async fn decode(&self, drawing: &Drawing, bytes: Bytes, key: String) -> Result<Kept, Failure> {
        let parts = &self.0.thumbnails;
        let kind = drawing.kind;
        let extension = extension(drawing.blob.blob().as_str());
        let Ok(permit) = parts.decoders.clone().acquire_owned().await else {
            return Err(Failure::Reason("The server is stopping.".to_owned()));
        };
        let cache = parts.cache.clone();
        let drawn = spawn_blocking(move || {
            let _permit = permit;
            let kept = match kind {
                MediaKind::Image => Kept::Picture(picture::thumbnail(&bytes)?),
                MediaKind::Audio => Kept::Waveform(waveform::waveform(bytes.to_vec(), &extension)?),
                _ => Kept::Lines(lines::of_bytes(&bytes)?),
            };
            cache.put(&key, &kept);
            Ok(kept)
        });
        match drawn.await {
            Ok(drawn) => drawn.map_err(Failure::Reason),
            Err(error) => {
                tracing::warn!(%error, blob = %drawing.blob.blob(), "drawing a thumbnail failed");
                Err(Failure::Reason(
                    "The file is broken in a way that its decoder does not survive.".to_owned(),
                ))
            }
        }
    }
}

/// Why there is no thumbnail.
enum Failure {
    Reason(String),
    Error(Error),
}

impl Drawing {
    /// Names the drawing of exactly these bytes for the organization.
    pub(super) fn key(&self, version: &Version) -> String {
        let mut hash = Sha256::new();
        let kind = format!("{:?}", self.kind);
        let size = version.size.to_string();
        let place = place_of(self.org, &self.reached, &self.blob);
        let etag = version.etag.trim_matches('"');
        for part in [DRAWING, &kind, &place, etag, &size] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..16])
    }
}
