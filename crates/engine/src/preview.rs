//! Which blobs a source storage would import, before anything is saved; and why others are left out.

use azure::ListRequest;
use model::{Actor, CredentialKind, Direction};

use crate::{
    Doing, Engine, Result,
    storage_input::StorageInput,
    sync::{Scope, Verdict},
};

/// Pages looked at before a preview gives up on finding more.
const MOST_PAGES: usize = 20;

/// The beginning of what a sync would import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesPreview {
    pub files: Vec<PreviewFile>,
    /// There is (or may be) more than was looked at.
    pub has_more: bool,
    /// Blobs that Azure listed.
    pub listed: i64,
    /// Of these, left out by the filter.
    pub filtered: i64,
    /// Of these, folder markers.
    pub folder_markers: i64,
    /// Of these, written by Longshore itself.
    pub exported: i64,
    /// Folders that are not entered, because the storage is not recursive.
    pub folders_not_entered: i64,
}

/// One blob that would be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewFile {
    /// The blob's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Unix milliseconds.
    pub last_modified_ms: i64,
}

impl Engine {
    /// The first `limit` blobs that a sync of this storage would import, in name order. With an
    /// `id` the form is completed from the stored storage; nothing is saved.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] naming every wrong field, [`crate::Error::Azure`] when the
    /// container cannot be listed.
    pub async fn preview_files(
        &self,
        actor: &Actor,
        kind: CredentialKind,
        input: &StorageInput,
        limit: usize,
    ) -> Result<FilesPreview> {
        let draft = self.draft_of(actor, Direction::Source, kind, input).await?;
        let place = (&draft.account, &draft.container);
        let (prefix, filter) = (&draft.prefix, draft.filter.clone());
        let scope = Scope::new(self, actor.org_id, place, prefix, filter, draft.recursive).await?;
        let container = self
            .azure()
            .container(&draft.credential, &draft.account, &draft.container);
        let prefix = scope.prefix.listing();
        let mut preview = FilesPreview::default();
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
            for blob in page.blobs {
                let verdict = scope.judge(&blob);
                if verdict == Verdict::Take && preview.files.len() == limit {
                    preview.has_more = true;
                    return Ok(preview);
                }
                preview.listed += 1;
                match verdict {
                    Verdict::Take => preview.files.push(PreviewFile {
                        name: blob.name,
                        size: blob.size,
                        last_modified_ms: blob.last_modified_ms,
                    }),
                    Verdict::Filtered => preview.filtered += 1,
                    Verdict::FolderMarker => preview.folder_markers += 1,
                    Verdict::Ours => preview.exported += 1,
                }
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
