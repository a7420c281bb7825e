//! Pages of a container, fetched one ahead of what is being stored.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use azure::{BlobItem, ContainerClient, ListRequest};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::Scope;

/// One page of blobs.
pub(super) struct Page {
    pub blobs: Vec<BlobItem>,
    /// Folders that were not entered.
    pub folders: usize,
    /// Where the next page begins; `None` on the last.
    pub next_marker: Option<String>,
}

/// A listing that runs ahead by one page; dropping it stops it.
pub(super) struct Listing {
    pages: mpsc::Receiver<azure::Result<Page>>,
    /// Hashes of where pages began.
    begun: HashSet<u64>,
    hashes: RandomState,
    _task: AbortOnDropHandle<()>,
}

impl Listing {
    /// Begins to list at `marker`, in pages of at most `page` blobs.
    pub fn start(
        container: ContainerClient,
        scope: &Scope,
        mut marker: Option<String>,
        page: u32,
    ) -> Self {
        let hashes = RandomState::new();
        let begun = marker.iter().map(|marker| hashes.hash_one(marker));
        let begun = begun.collect();
        let (sender, pages) = mpsc::channel(1);
        let (prefix, delimiter) = (scope.prefix.listing(), scope.delimiter());
        let task = tokio::spawn(async move {
            loop {
                let request = ListRequest {
                    prefix: &prefix,
                    delimiter,
                    marker: marker.as_deref(),
                    max_results: Some(page),
                };
                let answer = container.list(&request).await;
                let next = answer
                    .as_ref()
                    .ok()
                    .and_then(|page| page.next_marker.clone());
                let page = answer.map(|page| Page {
                    blobs: page.blobs,
                    folders: page.prefixes.len(),
                    next_marker: page.next_marker,
                });
                if sender.send(page).await.is_err() || next.is_none() {
                    return;
                }
                marker = next;
            }
        });
        Self {
            pages,
            begun,
            hashes,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Does a page begin here for the first time? A listing that leads back would never end.
    pub fn is_new(&mut self, marker: &str) -> bool {
        self.begun.insert(self.hashes.hash_one(marker))
    }

    /// The next page; `None` after the last page or a failure.
    pub async fn next(&mut self) -> Option<azure::Result<Page>> {
        self.pages.recv().await
    }
}
