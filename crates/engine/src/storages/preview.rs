//! Which blobs a source storage would import, before anything is saved; and why others are left out.

use azure::{BlobItem, ListRequest};
use model::{Actor, CredentialKind, Direction};

use crate::{
    AuditAction, Doing, Engine, Result,
    runs::sync::{Scope, Verdict},
    storages::storage_input::StorageInput,
};

/// Pages looked at before a preview gives up on finding more.
const MOST_PAGES: usize = 20;

/// What a sync would meet, in name order, from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesPreview {
    /// What it would import, and what it would leave out.
    pub blobs: Vec<PreviewBlob>,
    /// There is (or may be) more than was looked at.
    pub has_more: bool,
    /// Blobs that Azure listed.
    pub listed: i64,
    /// Of these, what would be imported.
    pub matched: i64,
    /// Of these, left out by the filter.
    pub filtered: i64,
    /// Of these, folder markers.
    pub folder_markers: i64,
    /// Of these, written by Longshore itself.
    pub exported: i64,
    /// Folders that are not entered, because the storage is not recursive.
    pub folders_not_entered: i64,
    /// When it was looked, in Unix milliseconds.
    pub at_ms: i64,
}

/// One blob that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewBlob {
    /// The blob's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Unix milliseconds.
    pub last_modified_ms: i64,
    /// In the archive tier, where it cannot be read.
    pub is_archived: bool,
    /// `None`: it would be imported.
    pub left_out: Option<LeftOut>,
}

/// Why a sync leaves a blob out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// The filter does not match its name.
    Filter,
    /// It marks a folder, and holds nothing.
    FolderMarker,
    /// Longshore wrote it: an exported annotation, or what an access check left.
    Exported,
}

/// How far a preview looks, and how much of it is shown.
#[derive(Clone, Copy, Debug)]
pub struct PreviewLimits {
    /// Shown of what would be imported.
    pub matches: usize,
    /// Shown of what would be left out.
    pub left_out: usize,
    /// It ends at the first match that is not shown, but counts at least so many blobs before.
    pub looked_at: i64,
}

impl Engine {
    /// What a sync of this storage would do with the first blobs, in name order. With an `id` the
    /// form is completed from the stored storage; nothing is saved.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] naming every wrong field, [`crate::Error::Azure`] when the
    /// container cannot be listed.
    pub async fn preview_files(
        &self,
        actor: &Actor,
        kind: CredentialKind,
        input: &StorageInput,
        limits: PreviewLimits,
    ) -> Result<FilesPreview> {
        let (draft, container) = self
            .draft_of(actor, Direction::Source.by(kind), input)
            .await?;
        // It shows names of blobs, whoever may read them otherwise.
        self.record(
            actor,
            AuditAction::StoragePreview,
            "container",
            draft.place(),
        )
        .await?;
        let place = (&draft.account, &draft.container);
        let (prefix, filter) = (&draft.prefix, draft.filter.clone());
        let scope = Scope::new(actor.org_id, place, prefix, filter, draft.recursive);
        let prefix = scope.prefix.listing();
        let mut preview = FilesPreview {
            at_ms: self.now_ms(),
            ..FilesPreview::default()
        };
        let mut marker: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let request = ListRequest {
                prefix: &prefix,
                delimiter: scope.delimiter(),
                marker: marker.as_deref(),
                max_results: Some(self.limits().list_page),
            };
            let page = container.list(&request).await.map_err(|error| {
                self.explain_azure(&error, place, &draft.credential, None, Doing::List)
            })?;
            preview.folders_not_entered += page.prefixes.len() as i64;
            let verdicts = scope.judge(self, &page.blobs).await?;
            for (blob, verdict) in page.blobs.into_iter().zip(verdicts) {
                let is_full = preview.matched >= limits.matches as i64;
                if verdict == Verdict::Take && is_full && preview.listed >= limits.looked_at {
                    preview.has_more = true;
                    return Ok(preview);
                }
                preview.add(blob, verdict, limits);
            }
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(preview);
            }
        }
        preview.has_more = true;
        Ok(preview)
    }
}

impl FilesPreview {
    fn add(&mut self, blob: BlobItem, verdict: Verdict, limits: PreviewLimits) {
        self.listed += 1;
        let left_out = match verdict {
            Verdict::Take => None,
            Verdict::Filtered => Some(LeftOut::Filter),
            Verdict::FolderMarker => Some(LeftOut::FolderMarker),
            Verdict::Ours | Verdict::PerhapsOurs => Some(LeftOut::Exported),
        };
        match left_out {
            None => self.matched += 1,
            Some(LeftOut::Filter) => self.filtered += 1,
            Some(LeftOut::FolderMarker) => self.folder_markers += 1,
            Some(LeftOut::Exported) => self.exported += 1,
        }
        let is_shown = match left_out {
            None => self.matched <= limits.matches as i64,
            Some(_) => self.listed - self.matched <= limits.left_out as i64,
        };
        if is_shown {
            self.blobs.push(PreviewBlob {
                is_archived: blob.access_tier.as_deref() == Some("Archive"),
                name: blob.name,
                size: blob.size,
                last_modified_ms: blob.last_modified_ms,
                left_out,
            });
        }
    }
}
