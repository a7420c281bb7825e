//! Small views of tasks for the grid: a picture, a waveform, the first lines, or what it is and why
//! nothing is drawn.
//!
//! Who may: exactly who may resolve the blob. The server reads it with the storage's credential, in
//! every serving mode, never more than a cap, and draws it in a thread of its own: bounded in
//! number, memory and time, so that a broken or hostile file costs its own tile. What was drawn is
//! kept by organization, account, container, blob, ETag and size: what one may see by its credential
//! is never another's to see from the cache. Videos are drawn by the browser, in its own
//! sandbox: decoders of video are written in C.

mod cache;
mod draw;
mod lines;
mod media;
mod picture;
mod waveform;

use std::{path::PathBuf, sync::Arc};

use model::{
    Actor, BlobRevision, Credential, OrgId, Permission, Project, SourceBlobId, Task, TaskId,
    budgets,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{BlobVersion, ResolveRow};
use tokio::{sync::Semaphore, task::spawn_blocking};

use self::{
    cache::{Cache, Kept},
    media::{Shown, extension},
};
use crate::{
    Engine, Error, LabelConfig, Result, aside, links::gate::Entry, media::blob_uris,
    media::resolve::Reached, require,
};

pub use media::MediaKind;

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

/// What a grid shows of a task without asking Azure.
#[derive(Clone, Debug, PartialEq)]
pub struct AtHand {
    /// The name of the blob that the task is about.
    pub blob: Option<String>,
    /// `None`: ask [`Engine::thumbnail`].
    pub thumbnail: Option<Thumbnail>,
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
            reads: Semaphore::new(budgets::THUMBNAIL_READS),
            decoders: Arc::new(Semaphore::new(budgets::THUMBNAIL_DECODERS)),
        }
    }
}

/// A blob to draw.
struct Drawing {
    org: OrgId,
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
    Draw(Box<Drawing>),
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
            Planned::Draw(drawing) => Ok(self.draw(actor, *drawing).await?.0),
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
        match self.draw(actor, *drawing).await? {
            (Thumbnail::Picture { key: drawn }, Some(jpeg)) if drawn == key => Ok(jpeg),
            _ => Err(no_picture()),
        }
    }

    /// What can be shown of these tasks of one project without asking Azure. Two queries, whatever
    /// their number.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the first task is gone or not the organization's.
    pub async fn thumbnails_at_hand(
        &self,
        actor: &Actor,
        project: &Project,
        tasks: &[Task],
    ) -> Result<Vec<AtHand>> {
        require(actor, Permission::Read)?;
        let Some(first) = tasks.first() else {
            return Ok(Vec::new());
        };
        let row = self.resolve_row(actor.org_id, first.id).await?;
        let config = LabelConfig::read(&project.label_config)
            .await
            .unwrap_or_default();
        let sources: Vec<SourceBlobId> = tasks.iter().filter_map(|t| t.source_blob_id).collect();
        let known = self.store().blob_versions(actor.org_id, &sources).await?;
        let mut at_hand = Vec::with_capacity(tasks.len());
        let mut to_look_up = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            let synced = task.source_blob_id.and_then(|id| known.get(&id));
            let shown = self.shown(&config, task).await;
            let blob = match &shown {
                Shown::Blob { blob, .. } => Some(blob.blob().as_str().to_owned()),
                _ => None,
            };
            let planned = self.plan(actor, &row, shown, task, synced, Asking::Never);
            let thumbnail = match planned.await {
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
            };
            at_hand.push(AtHand { blob, thumbnail });
        }
        let cache = self.0.thumbnails.cache.clone();
        let found = spawn_blocking(move || {
            let look = |(index, kind, key): (usize, MediaKind, String)| {
                let found = if kind == MediaKind::Image {
                    cache
                        .has_picture(&key)
                        .then_some(Thumbnail::Picture { key })
                } else {
                    cache.get_other(&key).map(|kept| thumbnail_of(kept, key).0)
                };
                (index, found)
            };
            to_look_up.into_iter().map(look).collect::<Vec<_>>()
        });
        for (index, thumbnail) in found.await.unwrap_or_default() {
            at_hand[index].thumbnail = thumbnail;
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
        let config = LabelConfig::read(&project.label_config)
            .await
            .unwrap_or_default();
        let mut known = self
            .store()
            .blob_versions(org, task.source_blob_id.as_slice())
            .await?;
        let synced = task.source_blob_id.and_then(|id| known.remove(&id));
        let shown = self.shown(&config, &task).await;
        self.plan(actor, &row, shown, &task, synced.as_ref(), Asking::Allowed)
            .await
    }

    async fn shown(&self, config: &LabelConfig, task: &Task) -> Shown {
        let data = task.data.get();
        aside(data.len(), || {
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            media::shown(self.cloud(), config, &data)
        })
        .await
    }

    /// What reaches what the task shows.
    async fn plan(
        &self,
        actor: &Actor,
        row: &ResolveRow,
        shown: Shown,
        task: &Task,
        synced: Option<&BlobVersion>,
        asking: Asking,
    ) -> Result<Planned> {
        let (uri, blob, kind) = match shown {
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
        let org = actor.org_id;
        let asker = (org, Some(actor.user_id));
        let entry = match asking {
            Asking::Allowed => Entry::Use,
            Asking::Never => Entry::Try,
        };
        let reached = match self.reach_storage(asker, row, &blob, own, entry).await? {
            Some(reached) => reached,
            None if asking == Asking::Never => return Ok(Planned::Unclear),
            None => self.reach(asker, row, &blob, own).await?,
        };
        let version = self.known_version(org, &reached, &blob, synced);
        let size = version.as_ref().map(|version| version.size);
        if let Some(thumbnail) = undrawn(task.id, &uri, blob.blob().as_str(), kind, size) {
            return Ok(known(thumbnail));
        }
        Ok(Planned::Draw(Box::new(Drawing {
            org,
            task: task.id,
            uri,
            blob,
            kind,
            reached,
            version,
            stamp: format!("{}/{}", row.storages_version, row.links_version),
        })))
    }

    /// Which version the blob has, as heard lately or from the sync.
    fn known_version(
        &self,
        org: OrgId,
        reached: &Reached,
        blob: &blob_uris::NamedBlob,
        synced: Option<&BlobVersion>,
    ) -> Option<Version> {
        let place = reached.place();
        // Without a credential, only Azure can tell each time whether the blob is public still.
        if reached.storage().is_none() && *place.credential == Credential::Anonymous {
            return None;
        }
        let cache = &self.0.thumbnails.cache;
        let heard = cache.version(&place_of(org, reached, blob), self.now_ms());
        heard.or_else(|| {
            synced
                .filter(|synced| {
                    blob.revision().is_none()
                        && synced.account == *place.account
                        && synced.container == *place.container
                        && synced.name == blob.blob().as_str()
                })
                .map(|synced| Version {
                    etag: synced.etag.clone(),
                    size: synced.size.unsigned_abs(),
                })
        })
    }
}

fn place_of(org: OrgId, reached: &Reached, blob: &blob_uris::NamedBlob) -> String {
    let place = reached.place();
    let (account, container) = (place.account, place.container);
    let (_, revision) = blob.revision().map_or(("", ""), BlobRevision::parameter);
    format!("{org}/{account}/{container}/{}\0{revision}", blob.blob())
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
        MediaKind::Image => budgets::THUMBNAIL_IMAGE,
        MediaKind::Audio => budgets::THUMBNAIL_AUDIO,
        _ => budgets::THUMBNAIL_TEXT,
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
