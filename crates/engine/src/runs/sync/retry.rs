//! Trying failed blobs again without looking through the whole container.

use azure::ListRequest;
use store::RunScope;

use super::{listing::Page, pass::Pass};
use crate::{Doing, Error, Result};

/// Blobs that are looked up for one page.
const BLOBS_OF_A_PAGE: i64 = 100;

/// Which failed blobs are tried again, page by page. A new pass begins at the beginning: what it
/// has imported already has not failed any more.
pub(super) struct Retrying {
    scope: RunScope,
    /// The last name of the page before.
    after: String,
}

impl Retrying {
    /// `None` when the run is about everything.
    pub fn of(scope: &RunScope) -> Option<Self> {
        match scope {
            RunScope::Everything => None,
            scope => Some(Self {
                scope: scope.clone(),
                after: String::new(),
            }),
        }
    }

    /// The next blobs as Azure lists them now; `None` when the run is not ours any more. A blob that is gone, or
    /// that the storage leaves out by now, is no failure any more.
    ///
    /// # Errors
    /// When Azure refuses, or the database fails.
    pub async fn next(&mut self, pass: &Pass<'_>) -> Result<Option<Page>> {
        let (org, storage) = (pass.run.org_id, pass.run.storage_id);
        let store = pass.engine.store();
        let names = match &self.scope {
            RunScope::Blob(name) => vec![name.clone()],
            _ => {
                let names = store.failed_blob_names(org, storage, &self.after, BLOBS_OF_A_PAGE);
                names.await?
            }
        };
        let is_last = (names.len() as i64) < BLOBS_OF_A_PAGE;
        if let Some(last) = names.last() {
            self.after.clone_from(last);
        }
        let mut blobs = Vec::with_capacity(names.len());
        for name in names {
            if !pass.save_progress().await? {
                return Ok(None);
            }
            let request = ListRequest {
                prefix: &name,
                max_results: Some(1),
                ..ListRequest::default()
            };
            let page = pass.container.list(&request).await;
            let page =
                page.map_err(|error| Error::from(pass.explain(&error, Doing::List, None)))?;
            // Of the names that begin so, the name itself is the first.
            let found = page.blobs.into_iter().find(|blob| blob.name == name);
            let (mut taken, _) = pass.sort_out(found.into_iter().collect()).await?;
            match taken.pop() {
                Some(blob) => blobs.push(blob),
                None => store.forget_blob_error(org, storage, &name).await?,
            }
        }
        Ok(Some(Page {
            blobs,
            folders: 0,
            next_marker: (!is_last).then(String::new),
        }))
    }
}
