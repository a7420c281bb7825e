//! Blobs of one container, reached with one credential.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use model::{BlobName, Secret};

use crate::{Error, ErrorKind, Result};

/// One container and one credential. Cheap to make and to clone.
#[derive(Clone)]
pub struct ContainerClient {}

/// Which page of a listing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListRequest<'a> {
    /// Only names that begin with it; empty for all.
    pub prefix: &'a str,
    /// Names with this character after the prefix are rolled up into `prefixes`.
    pub delimiter: Option<char>,
    /// `next_marker` of the page before.
    pub marker: Option<&'a str>,
    /// Most entries of the page: 1 to 5,000, which is also the default.
    pub max_results: Option<u32>,
}

/// One page of a listing, in name order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    pub blobs: Vec<BlobItem>,
    /// Virtual folders, with their trailing delimiter.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last. An empty page may have one.
    pub next_marker: Option<String>,
}

/// One blob of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobItem {
    /// Exactly as Azure has it.
    pub name: String,
    /// Without quotes.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// Unix milliseconds, whole seconds.
    pub last_modified_ms: i64,
    pub content_type: Option<String>,
    /// `Hot`, `Cool`, `Cold`, `Archive`.
    pub access_tier: Option<String>,
    /// A directory of a hierarchical namespace, or an empty blob whose name ends in `/`: not data.
    pub is_folder_marker: bool,
}

/// What to read and when, in HTTP's own words (RFC 9110). Suffix ranges and `If-Range`, which Azure
/// lacks, are done here; a range that is no single byte range is ignored, as the RFC says.
#[derive(Clone, Debug, Default)]
pub struct GetRequest {
    /// Value of `Range`: `bytes=0-99`, `bytes=100-`, `bytes=-5`.
    pub range: Option<String>,
    /// With or without quotes.
    pub if_match: Option<String>,
    /// A `NotModified` answer when it is the blob's ETag.
    pub if_none_match: Option<String>,
    /// An HTTP date.
    pub if_modified_since: Option<String>,
    /// ETag or HTTP date: the range is dropped when the blob is another one by now.
    pub if_range: Option<String>,
}

/// Which answer a read got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetStatus {
    /// 200: the whole blob.
    Full,
    /// 206: `content_range` says which part.
    Partial,
    /// 304: no body.
    NotModified,
    /// 416: no body; `content_range` says the size.
    RangeNotSatisfiable,
}

/// The answer to a read. Header values as Azure sent them.
#[derive(Debug)]
pub struct GetResponse {
    pub status: GetStatus,
    /// Bytes of the body.
    pub content_length: Option<u64>,
    pub content_range: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// With quotes.
    pub etag: Option<String>,
    /// HTTP date.
    pub last_modified: Option<String>,
    pub body: BlobBody,
}

/// A blob's bytes as they arrive; holds well under a megabyte however large the blob is.
/// It ends with an `Interrupted` error when fewer bytes come than were promised.
pub struct BlobBody {}

impl Stream for BlobBody {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

impl std::fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobBody")
    }
}

impl BlobBody {
    /// All of it, at most `limit` bytes.
    ///
    /// # Errors
    /// `InvalidInput` when there is more than `limit`, and whatever reading can fail with.
    pub async fn read_all(self, _limit: usize) -> Result<Bytes> {
        unfinished()
    }
}

/// What `head` tells. Header values as Azure sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobProperties {
    /// Bytes.
    pub content_length: u64,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// With quotes.
    pub etag: Option<String>,
    /// HTTP date.
    pub last_modified: Option<String>,
}

/// When a write may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutCondition {
    /// Always; the last writer wins.
    None,
    /// Only as a new blob, else `AlreadyExists`.
    IfAbsent,
    /// Only over this ETag (quoted or not), else `ConditionNotMet`.
    IfMatch(String),
}

/// What a write left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutResult {
    /// Without quotes.
    pub etag: String,
}

/// How a pre-signed URL answers, and for how long.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// From now; at most 7 days, and 6 for a user delegation SAS.
    pub ttl: Duration,
    /// The `Content-Type` that the URL answers with, instead of the blob's.
    pub response_content_type: Option<String>,
    /// The `Content-Disposition` that it answers with.
    pub response_content_disposition: Option<String>,
}

/// A URL that reads one blob without further credentials.
#[derive(Clone, Debug)]
pub struct SignedUrl {
    /// Whoever has it can read the blob.
    pub url: Secret,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
}

impl ContainerClient {
    /// One page of the container's blobs.
    ///
    /// # Errors
    /// `ContainerNotFound`, and the kinds of a refused credential.
    pub async fn list(&self, _request: &ListRequest<'_>) -> Result<ListPage> {
        unfinished()
    }

    /// Can the container be listed? The cheapest proof that account, container and credential fit.
    ///
    /// # Errors
    /// As [`ContainerClient::list`].
    pub async fn exists(&self) -> Result<()> {
        unfinished()
    }

    /// Reads a blob, or a range of it, as a stream. Retried only until the body begins.
    ///
    /// # Errors
    /// `NotFound`, `ContainerNotFound`, `Archived`, `ConditionNotMet` (`if_match`), and the kinds
    /// of a refused credential.
    pub async fn get(&self, _blob: &BlobName, _request: &GetRequest) -> Result<GetResponse> {
        unfinished()
    }

    /// A blob's size, type, ETag and date.
    ///
    /// # Errors
    /// As [`ContainerClient::get`].
    pub async fn head(&self, _blob: &BlobName) -> Result<BlobProperties> {
        unfinished()
    }

    /// Writes a whole block blob.
    ///
    /// # Errors
    /// `AlreadyExists` or `ConditionNotMet` by the condition, and the kinds of a refused credential.
    pub async fn put(
        &self,
        _blob: &BlobName,
        _body: Bytes,
        _content_type: &str,
        _condition: &PutCondition,
    ) -> Result<PutResult> {
        unfinished()
    }

    /// Deletes a blob and its snapshots.
    ///
    /// # Errors
    /// `NotFound` when it was not there, `ConditionNotMet` by `if_match`.
    pub async fn delete(&self, _blob: &BlobName, _if_match: Option<&str>) -> Result<()> {
        unfinished()
    }

    /// A URL that reads the blob: a service SAS with an account key, a user delegation SAS with an
    /// Entra credential, the customer's own SAS appended, or the plain address when anonymous.
    ///
    /// # Errors
    /// `RoleMissing` when the identity may not ask for a user delegation key.
    pub async fn sign(&self, _blob: &BlobName, _request: &SignRequest) -> Result<SignedUrl> {
        unfinished()
    }
}

fn unfinished<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unexpected, "unfinished"))
}
