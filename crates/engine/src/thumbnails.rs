//! Small views of tasks for the grid: a picture, a waveform, the first lines, or what it is and why
//! nothing is drawn.
//!
//! Who may: exactly who may resolve the blob. The server reads it with the storage's credential, in
//! every serving mode, never more than a cap, and draws it in a thread of its own: bounded in
//! number, memory and time, so that a broken or hostile file costs its own tile. What was drawn is
//! kept by account, container, blob, ETag and size. Videos are drawn by the browser, in its own
//! sandbox: decoders of video are written in C.

mod cache;
mod lines;
mod media;
mod picture;
mod waveform;

use std::{path::PathBuf, sync::Arc, time::Duration};

use azure::{ErrorKind, GetRequest, GetStatus};
use model::{Actor, OrgId, Permission, Project, SourceBlobId, Task, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{BlobVersion, ResolveRow};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use uuid::Uuid;

use self::{
    cache::{Cache, Kept},
    media::{Shown, extension},
};
use crate::{
    AuditAction, Engine, Error, LabelConfig, Result, blob_uris, explain::Doing, require,
    resolve::Reached,
};

pub use media::MediaKind;

/// Largest picture that is read.
const MOST_IMAGE: u64 = 32 << 20;
/// Largest recording that is read.
const MOST_AUDIO: u64 = 16 << 20;
/// Bytes of a text that are read.
const TEXT: u64 = 4 << 10;
/// Blobs read at once.
const READS: usize = 8;
/// Files decoded at once.
const DECODERS: usize = 2;
/// How long reading one may take, and drawing it.
const LONGEST: Duration = Duration::from_secs(20);
/// Part of every key: raised when thumbnails are drawn differently.
const DRAWING: &str = "1";

/// Where thumbnails are kept.
#[derive(Clone, Debug)]
pub struct ThumbnailSettings {
    /// Made when it is not there.
    pub folder: PathBuf,
    /// Bytes that it holds at most; the oldest go first.
    pub max_bytes: u64,
}

/// What a grid shows of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Thumbnail {
    /// A JPEG of at most 320 by 320 pixels, from [`Engine::thumbnail_picture`] with this key.
    Picture {
        key: String,
    },
    Waveform(Waveform),
    /// The first lines of a text. Not markup, whatever they look like.
    Lines(Vec<String>),
    /// The browser draws it from this address on our own origin.
    Video {
        address: String,
    },
    /// Nothing to draw.
    Blank(Blank),
}

/// How loud a recording is, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waveform {
    /// Up to 64, in percent of the loudest.
    pub bars: Vec<u8>,
    pub seconds: f64,
}

/// What a task is about that is not drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blank {
    pub kind: MediaKind,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// Why not, where that is a surprise; for people.
    pub reason: Option<String>,
}

/// Which bytes a blob holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    etag: String,
    size: u64,
}

/// The cache, and the limits on drawing.
pub(crate) struct Thumbnails {
    cache: Arc<Cache>,
    reads: Semaphore,
    decoders: Arc<Semaphore>,
}

impl Thumbnails {
    pub(crate) fn new(settings: &ThumbnailSettings) -> Self {
        let cache = Cache::new(settings.folder.clone(), settings.max_bytes);
        Self {
            cache: Arc::new(cache),
            reads: Semaphore::new(READS),
            decoders: Arc::new(Semaphore::new(DECODERS)),
        }
    }
}

/// A blob to draw.
struct Drawing {
    task: TaskId,
    /// As the task's data spells it.
    uri: String,
    blob: blob_uris::NamedBlob,
    kind: MediaKind,
    reached: Reached,
    version: Option<Version>,
    /// Changes with the project's storages and the organization's links.
    stamp: String,
}

/// What is known without asking Azure.
enum Planned {
    Known(Thumbnail),
    Draw(Drawing),
    /// Who reads the blob must be found out first.
    Unclear,
}

/// May planning ask Azure whose account it is?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    Allowed,
    Never,
}

impl Engine {
    /// The task's thumbnail; made now when there is none yet.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task, and when nothing may read its blob. Whatever else fails is
    /// told in [`Thumbnail::Blank`].
    pub async fn thumbnail(&self, actor: &Actor, task: TaskId) -> Result<Thumbnail> {
        require(actor, Permission::Read)?;
        match self.plan_one(actor, task).await? {
            Planned::Known(thumbnail) => Ok(thumbnail),
            Planned::Draw(drawing) => Ok(self.draw(actor, drawing).await?.0),
            Planned::Unclear => Err(Error::not_found("blob", "of this task")),
        }
    }

    /// The JPEG that [`Thumbnail::Picture`] names.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the key is not that of the task's picture as it is now.
    pub async fn thumbnail_picture(
        &self,
        actor: &Actor,
        task: TaskId,
        key: &str,
    ) -> Result<Vec<u8>> {
        require(actor, Permission::Read)?;
        let no_picture = || Error::not_found("Thumbnail", key);
        let Planned::Draw(drawing) = self.plan_one(actor, task).await? else {
            return Err(no_picture());
        };
        match self.draw(actor, drawing).await? {
            (Thumbnail::Picture { key: drawn }, Some(jpeg)) if drawn == key => Ok(jpeg),
            _ => Err(no_picture()),
        }
    }

    /// What can be shown of these tasks of one project without asking Azure; `None` where
    /// [`Engine::thumbnail`] must be asked. One query more than nothing, whatever their number.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn thumbnails_at_hand(
        &self,
        actor: &Actor,
        project: &Project,
        tasks: &[Task],
    ) -> Result<Vec<Option<Thumbnail>>> {
        require(actor, Permission::Read)?;
        let Some(first) = tasks.first() else {
            return Ok(Vec::new());
        };
        let row = self.resolve_row(actor.org_id, first.id).await?;
        let config = LabelConfig::parse(&project.label_config).unwrap_or_default();
        let sources: Vec<SourceBlobId> = tasks.iter().filter_map(|t| t.source_blob_id).collect();
        let known = self.store().blob_versions(actor.org_id, &sources).await?;
        let mut at_hand = Vec::with_capacity(tasks.len());
        let mut to_look_up = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            let synced = task.source_blob_id.and_then(|id| known.get(&id));
            let planned = self.plan(actor.org_id, &row, &config, task, synced, Asking::Never);
            at_hand.push(match planned.await {
                Ok(Planned::Known(thumbnail)) => Some(thumbnail),
                Ok(Planned::Draw(drawing)) => {
                    let failure = self.failed_before(&drawing);
                    if failure.is_none()
                        && let Some(key) = drawing.version.as_ref().map(|v| drawing.key(v))
                    {
                        to_look_up.push((index, drawing.kind, key));
                    }
                    failure
                }
                Ok(Planned::Unclear) => None,
                Err(error) => Some(refused(&error)),
            });
        }
        let cache = self.0.thumbnails.cache.clone();
        let found = spawn_blocking(move || {
            let look = |(index, kind, key): (usize, MediaKind, String)| {
                let found = if kind == MediaKind::Image {
                    cache.has_picture(&key).then(|| Thumbnail::Picture { key })
                } else {
                    cache.get_other(&key).map(|kept| thumbnail_of(kept, key).0)
                };
                (index, found)
            };
            to_look_up.into_iter().map(look).collect::<Vec<_>>()
        });
        for (index, thumbnail) in found.await.unwrap_or_default() {
            at_hand[index] = thumbnail;
        }
        Ok(at_hand)
    }

    async fn resolve_row(&self, org: OrgId, task: TaskId) -> Result<ResolveRow> {
        let row = self.store().find_task_for_resolve(org, task).await?;
        row.ok_or_else(|| Error::not_found("Task", task))
    }

    async fn plan_one(&self, actor: &Actor, id: TaskId) -> Result<Planned> {
        let org = actor.org_id;
        let row = self.resolve_row(org, id).await?;
        let task = self.get_task(actor, id).await?;
        let project = self.get_project(actor, task.project_id).await?;
        let config = LabelConfig::parse(&project.label_config).unwrap_or_default();
        let mut known = self
            .store()
            .blob_versions(org, task.source_blob_id.as_slice())
            .await?;
        let synced = task.source_blob_id.and_then(|id| known.remove(&id));
        self.plan(org, &row, &config, &task, synced.as_ref(), Asking::Allowed)
            .await
    }

    /// What the task shows, and what reaches it.
    async fn plan(
        &self,
        org: OrgId,
        row: &ResolveRow,
        config: &LabelConfig,
        task: &Task,
        synced: Option<&BlobVersion>,
        asking: Asking,
    ) -> Result<Planned> {
        let data: Value = serde_json::from_str(task.data.get()).unwrap_or_default();
        let (uri, blob, kind) = match media::shown(self.cloud(), config, &data) {
            Shown::Blob { uri, blob, kind } => (uri, blob, kind),
            Shown::Text(text) => return Ok(known(Thumbnail::Lines(lines::of_text(&text)))),
            Shown::Elsewhere(kind) => {
                let reason = "Its address is not that of a blob, so Longshore does not read it.";
                return Ok(known(blank(kind, None, reason)));
            }
            Shown::Nothing => {
                let reason = "The task's data holds nothing that can be shown.";
                return Ok(known(blank(MediaKind::Other, None, reason)));
            }
        };
        let own = task.source_storage_id;
        let reached = match self.reach_storage(org, row, &blob, own).await? {
            Some(reached) => reached,
            None if asking == Asking::Never => return Ok(Planned::Unclear),
            None => self.reach(org, row, &blob, own).await?,
        };
        let place = reached.place();
        let version = self
            .0
            .thumbnails
            .cache
            .version(&place_of(&reached, &blob), self.now_ms())
            .or_else(|| {
                synced
                    .filter(|synced| {
                        synced.account == *place.account
                            && synced.container == *place.container
                            && synced.name == blob.blob().as_str()
                    })
                    .map(|synced| Version {
                        etag: synced.etag.clone(),
                        size: synced.size.unsigned_abs(),
                    })
            });
        let size = version.as_ref().map(|version| version.size);
        if let Some(thumbnail) = undrawn(task.id, &uri, blob.blob().as_str(), kind, size) {
            return Ok(known(thumbnail));
        }
        Ok(Planned::Draw(Drawing {
            task: task.id,
            uri,
            blob,
            kind,
            reached,
            version,
            stamp: format!("{}/{}", row.storages_version, row.links_version),
        }))
    }

    fn failed_before(&self, drawing: &Drawing) -> Option<Thumbnail> {
        let cache = &self.0.thumbnails.cache;
        let failure = cache.failure(drawing.task, &drawing.stamp, self.now_ms());
        failure.map(Thumbnail::Blank)
    }

    /// The thumbnail, from the disk or drawn now; a picture with its bytes.
    async fn draw(
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
            place_of(&drawing.reached, &drawing.blob),
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
    ) -> Result<Option<bytes::Bytes>, Failure> {
        let place = drawing.reached.place();
        let request = GetRequest {
            range: (drawing.kind == MediaKind::Text && version.size > TEXT)
                .then(|| format!("bytes=0-{}", TEXT - 1)),
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
                json!({"blob": drawing.uri, "for": "thumbnail", "why": error.to_string()}),
            ),
        };
        let who = (actor.org_id, Some(actor.user_id));
        let subject = format!("task/{}", drawing.task);
        self.note(Uuid::now_v7(), who, action, subject, &detail)
            .map_err(Failure::Error)?;
        read.map_err(Failure::Error)
    }

    /// Draws it in a thread of its own and keeps it. A decoder that panics or hangs is left alone;
    /// one that hangs keeps its place among the few, so that no more than those ever run.
    async fn decode(
        &self,
        drawing: &Drawing,
        bytes: bytes::Bytes,
        key: String,
    ) -> Result<Kept, Failure> {
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
    /// Names the drawing of exactly these bytes.
    fn key(&self, version: &Version) -> String {
        let mut hash = Sha256::new();
        let kind = format!("{:?}", self.kind);
        let size = version.size.to_string();
        let place = place_of(&self.reached, &self.blob);
        let etag = version.etag.trim_matches('"');
        for part in [DRAWING, &kind, &place, etag, &size] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..16])
    }
}

fn place_of(reached: &Reached, blob: &blob_uris::NamedBlob) -> String {
    let place = reached.place();
    format!("{}/{}/{}", place.account, place.container, blob.blob())
}

fn known(thumbnail: Thumbnail) -> Planned {
    Planned::Known(thumbnail)
}

fn blank(kind: MediaKind, size: Option<u64>, reason: &str) -> Thumbnail {
    Thumbnail::Blank(Blank {
        kind,
        size,
        reason: Some(reason.to_owned()),
    })
}

/// The task names a blob that nothing may read.
fn refused(error: &Error) -> Thumbnail {
    match error {
        Error::Azure(problem) => blank(MediaKind::Other, None, &problem.cause),
        _ => blank(
            MediaKind::Other,
            None,
            "No storage of this project covers the blob.",
        ),
    }
}

fn thumbnail_of(kept: Kept, key: String) -> (Thumbnail, Option<Vec<u8>>) {
    match kept {
        Kept::Picture(jpeg) => (Thumbnail::Picture { key }, Some(jpeg)),
        Kept::Waveform(waveform) => (Thumbnail::Waveform(waveform), None),
        Kept::Lines(lines) => (Thumbnail::Lines(lines), None),
    }
}

fn most_bytes(kind: MediaKind) -> u64 {
    match kind {
        MediaKind::Image => MOST_IMAGE,
        MediaKind::Audio => MOST_AUDIO,
        _ => TEXT,
    }
}

/// What is shown of a blob that is not read.
fn undrawn(
    task: TaskId,
    uri: &str,
    name: &str,
    kind: MediaKind,
    size: Option<u64>,
) -> Option<Thumbnail> {
    let reason = match kind {
        _ if size == Some(0) => Some("The blob is empty.".to_owned()),
        MediaKind::Video => {
            return Some(Thumbnail::Video {
                address: blob_uris::resolve_address(task, uri),
            });
        }
        MediaKind::Pdf => None,
        MediaKind::Other => (extension(name) == "svg").then(|| {
            "A drawing (SVG) can hold scripts, so it is only shown where it is labeled.".to_owned()
        }),
        MediaKind::Image | MediaKind::Audio if size > Some(most_bytes(kind)) => Some(format!(
            "It is too large for a thumbnail: the limit is {} MiB.",
            most_bytes(kind) >> 20
        )),
        MediaKind::Audio if matches!(extension(name).as_str(), "m4a" | "aac" | "opus") => Some(
            "No waveform is drawn of this kind of recording; it plays where it is labeled."
                .to_owned(),
        ),
        MediaKind::Image | MediaKind::Audio | MediaKind::Text => return None,
    };
    Some(Thumbnail::Blank(Blank { kind, size, reason }))
}
