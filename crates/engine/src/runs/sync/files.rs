//! Files mode: one task per blob; its data is the blob's canonical URI. No blob is read.

use store::{ApplyPage, SeenBlob};

use super::{
    failure::Failure,
    listing::Page,
    pass::{End, Pass, plus},
};
use crate::Result;

/// Stores one page: its new blobs, their tasks, the counts and the checkpoint, all or nothing.
pub(super) async fn store_page(pass: &mut Pass<'_>, page: Page) -> Result<End> {
    let (blobs, mut counts) = pass.sort_out(page.blobs).await?;
    let mut seen = Vec::with_capacity(blobs.len());
    for blob in blobs {
        match pass.data_json(&blob.name) {
            Some(data_json) => seen.push(SeenBlob {
                data_json,
                name: blob.name,
                etag: blob.etag,
                size: blob.size as i64,
                modified_ms: blob.last_modified_ms,
            }),
            None => {
                counts.failed += 1;
                pass.record_failure(&blob, &Failure::bad_name()).await?;
            }
        }
    }
    let outcome = pass
        .engine
        .store()
        .apply_blob_page(&ApplyPage {
            org_id: pass.run.org_id,
            project_id: pass.run.project_id,
            storage_id: pass.run.storage_id,
            run_id: pass.run.run.id,
            attempt: pass.run.run.attempts,
            account: &pass.storage.account,
            container: &pass.storage.container,
            blobs: &seen,
            marker_after: Some(Pass::checkpoint(page.next_marker.as_deref())),
            counts: &plus(pass.counts, counts),
            now_ms: pass.engine.now_ms(),
        })
        .await?;
    Ok(pass.saved(outcome))
}
