//! The built-in engine's operations on one blob: put, blocks, get, properties, delete.

use std::{
    ops::{Bound, Range},
    sync::{Arc, PoisonError},
};

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use md5::{Digest as _, Md5};

use crate::blob::{
    engine::{
        conditions::{self, Validators},
        memory::{
            BlobMap, Container, Memory, empty_answer, metadata_of, put_header, put_metadata,
            put_validators,
        },
    },
    error::{BlobError, Result},
    request::BlobRequest,
    time,
};

/// Properties that a writer sets by one header and a reader gets by another; the third is the
/// element in a listing.
pub(super) const CONTENT_PROPERTIES: [(&str, &str, &str); 5] = [
    ("x-ms-blob-content-type", "content-type", "Content-Type"),
    (
        "x-ms-blob-content-encoding",
        "content-encoding",
        "Content-Encoding",
    ),
    (
        "x-ms-blob-content-language",
        "content-language",
        "Content-Language",
    ),
    ("x-ms-blob-cache-control", "cache-control", "Cache-Control"),
    (
        "x-ms-blob-content-disposition",
        "content-disposition",
        "Content-Disposition",
    ),
];

/// One committed block blob; replaced, never changed.
#[derive(Clone)]
pub(super) struct BlobRecord {
    content: Bytes,
    /// Committed blocks: id and place in the content.
    blocks: Vec<(String, Range<usize>)>,
    pub etag: String,
    modified_ms: i64,
    /// RFC 1123, kept because a listing writes it 5,000 times a page.
    pub last_modified: String,
    /// Base64; blobs made of blocks have one only when the writer gave it.
    pub md5: Option<String>,
    pub access_tier: Option<String>,
    /// On its way out of the archive: to which tier, and when it is there.
    pub rehydrates: Option<(String, i64)>,
    /// In the order of [`CONTENT_PROPERTIES`].
    pub properties: [Option<String>; CONTENT_PROPERTIES.len()],
    pub metadata: Vec<(String, String)>,
    /// When it was soft-deleted, RFC 1123.
    pub deleted: Option<String>,
    /// A folder of a hierarchical namespace.
    pub is_directory: bool,
}

impl BlobRecord {
    pub fn size(&self) -> usize {
        self.content.len()
    }

    pub(super) fn generated(content: Bytes, etag: String, now_ms: i64) -> Self {
        Self {
            md5: Some(BASE64_STANDARD.encode(Md5::digest(&content))),
            content,
            blocks: Vec::new(),
            etag,
            modified_ms: now_ms,
            last_modified: time::http_date(now_ms),
            access_tier: None,
            rehydrates: None,
            properties: [
                Some("application/octet-stream".to_owned()),
                None,
                None,
                None,
                None,
            ],
            metadata: Vec::new(),
            deleted: None,
            is_directory: false,
        }
    }

    /// The folder that a file of this record is in, as it is listed and asked for by itself.
    pub fn directory_of(&self) -> Self {
        Self {
            etag: self.etag.clone(),
            last_modified: self.last_modified.clone(),
            modified_ms: self.modified_ms,
            metadata: vec![("hdi_isfolder".to_owned(), "true".to_owned())],
            is_directory: true,
            ..Self::generated(Bytes::new(), String::new(), self.modified_ms)
        }
    }

    fn written(request: &BlobRequest, content: Bytes, etag: String) -> Self {
        let given =
            CONTENT_PROPERTIES.map(|(written, ..)| request.header(written).map(str::to_owned));
        let mut record = Self {
            md5: None,
            properties: given,
            metadata: metadata_of(&request.headers),
            access_tier: request.header("x-ms-access-tier").map(str::to_owned),
            ..Self::generated(Bytes::new(), etag, request.now_ms)
        };
        record.content = content;
        record
    }

    /// The tier at this time, and the one that it is on its way to.
    pub fn tier(&self, now_ms: i64) -> (Option<&str>, Option<&str>) {
        match &self.rehydrates {
            Some((tier, at_ms)) if now_ms >= *at_ms => (Some(tier), None),
            Some((tier, _)) => (self.access_tier.as_deref(), Some(tier)),
            None => (self.access_tier.as_deref(), None),
        }
    }

    fn validators(&self) -> Validators<'_> {
        Validators {
            etag: &self.etag,
            modified_ms: self.modified_ms,
        }
    }

    fn put_headers(&self, headers: &mut HeaderMap) {
        put_validators(headers, &self.etag, &self.last_modified);
        put_metadata(headers, &self.metadata);
        for ((_, read, _), value) in CONTENT_PROPERTIES.iter().zip(&self.properties) {
            if let Some(value) = value {
                put_header(headers, read, value);
            }
        }
        put_header(headers, "x-ms-creation-time", &self.last_modified);
        if self.is_directory {
            put_header(headers, "x-ms-resource-type", "directory");
        }
        for (name, value) in [
            ("accept-ranges", "bytes"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-lease-status", "unlocked"),
            ("x-ms-lease-state", "available"),
            ("x-ms-server-encrypted", "true"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

impl Memory {
    pub(super) fn put_blob(&self, request: &BlobRequest, body: Bytes) -> Result<Response<Body>> {
        match request.header("x-ms-blob-type") {
            None => return Err(BlobError::missing_header("x-ms-blob-type")),
            Some("BlockBlob") => {}
            Some("AppendBlob" | "PageBlob") => return Err(BlobError::not_implemented()),
            Some(other) => return Err(BlobError::invalid_header("x-ms-blob-type", other)),
        }
        let md5 = checked_md5(request, &body)?;
        let container = self.container(request)?;
        let mut record = BlobRecord::written(request, body, self.next_etag(request.now_ms));
        // Put Blob takes the plain Content-Type too; an MD5 is always kept.
        let content_type = record.properties[0].take();
        let content_type = content_type
            .as_deref()
            .or_else(|| request.header("content-type"));
        record.properties[0] = Some(
            content_type
                .unwrap_or("application/octet-stream")
                .to_owned(),
        );
        record.md5 = Some(
            request
                .header("x-ms-blob-content-md5")
                .map_or(md5, str::to_owned),
        );
        commit(&container, request, record)
    }

    pub(super) fn put_block(&self, request: &BlobRequest, body: Bytes) -> Result<Response<Body>> {
        let id = request.query.get("blockid").unwrap_or("");
        if id.is_empty() || BASE64_STANDARD.decode(id).is_err() {
            return Err(BlobError::invalid_query("blockid", id));
        }
        let md5 = checked_md5(request, &body)?;
        let container = self.container(request)?;
        let mut blocks = container
            .blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        blocks
            .entry(request.blob()?.to_owned())
            .or_default()
            .insert(id.to_owned(), body);
        let mut answer = empty_answer(StatusCode::CREATED);
        put_header(answer.headers_mut(), "content-md5", &md5);
        put_header(
            answer.headers_mut(),
            "x-ms-request-server-encrypted",
            "true",
        );
        Ok(answer)
    }

    pub(super) fn put_block_list(
        &self,
        request: &BlobRequest,
        body: &Bytes,
    ) -> Result<Response<Body>> {
        let text = std::str::from_utf8(body).map_err(|_| BlobError::invalid_xml())?;
        let list = roxmltree::Document::parse(text.trim_start_matches('\u{FEFF}'))
            .map_err(|_| BlobError::invalid_xml())?;
        let container = self.container(request)?;
        let name = request.blob()?;
        let staged = {
            let blocks = container
                .blocks
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            blocks.get(name).cloned().unwrap_or_default()
        };
        let committed = container.blobs().get(name).cloned();
        let mut content = BytesMut::new();
        let mut blocks = Vec::new();
        for block in list
            .root_element()
            .children()
            .filter(roxmltree::Node::is_element)
        {
            let id = block.text().unwrap_or("").trim();
            let old = || {
                let old = committed.as_ref()?;
                let (_, place) = old.blocks.iter().find(|(known, _)| known == id)?;
                Some(old.content.slice(place.clone()))
            };
            let bytes = match block.tag_name().name() {
                "Latest" => staged.get(id).cloned().or_else(old),
                "Uncommitted" => staged.get(id).cloned(),
                "Committed" => old(),
                _ => return Err(BlobError::invalid_xml()),
            };
            let bytes = bytes.ok_or_else(BlobError::invalid_block_list)?;
            let start = content.len();
            content.extend_from_slice(&bytes);
            blocks.push((id.to_owned(), start..content.len()));
        }
        let etag = self.next_etag(request.now_ms);
        let mut record = BlobRecord::written(request, content.freeze(), etag);
        record.blocks = blocks;
        record.md5 = request.header("x-ms-blob-content-md5").map(str::to_owned);
        record.properties[0].get_or_insert_with(|| "application/octet-stream".to_owned());
        commit(&container, request, record)
    }

    pub(super) fn get_blob(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let blob = self.found_blob(request)?;
        match blob.tier(request.now_ms) {
            (Some("Archive"), None) => return Err(BlobError::blob_archived()),
            (Some("Archive"), Some(_)) => return Err(BlobError::blob_rehydrating()),
            _ => {}
        }
        let range = conditions::range(request, blob.size() as u64)?;
        let mut answer = empty_answer(StatusCode::OK);
        let headers = answer.headers_mut();
        blob.put_headers(headers);
        let content = match range {
            None => {
                if let Some(md5) = &blob.md5 {
                    put_header(headers, "content-md5", md5);
                }
                blob.content.clone()
            }
            Some(range) => {
                if let Some(md5) = &blob.md5 {
                    put_header(headers, "x-ms-blob-content-md5", md5);
                }
                let text = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.size());
                put_header(headers, "content-range", &text);
                let part = blob.content.slice(range.start as usize..range.end as usize);
                if request.header("x-ms-range-get-content-md5") == Some("true") {
                    put_header(
                        headers,
                        "content-md5",
                        &BASE64_STANDARD.encode(Md5::digest(&part)),
                    );
                }
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                part
            }
        };
        answer
            .headers_mut()
            .insert("content-length", content.len().into());
        *answer.body_mut() = Body::from(content);
        Ok(answer)
    }

    pub(super) fn blob_properties(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let blob = self.found_blob(request)?;
        let mut answer = empty_answer(StatusCode::OK);
        let headers = answer.headers_mut();
        blob.put_headers(headers);
        headers.insert("content-length", blob.size().into());
        if let Some(md5) = &blob.md5 {
            put_header(headers, "content-md5", md5);
        }
        let (tier, next) = blob.tier(request.now_ms);
        put_header(headers, "x-ms-access-tier", tier.unwrap_or("Hot"));
        if let Some(next) = next {
            put_header(headers, "x-ms-archive-status", &archive_status(next));
        }
        if blob.access_tier.is_none() {
            headers.insert(
                "x-ms-access-tier-inferred",
                HeaderValue::from_static("true"),
            );
        }
        Ok(answer)
    }

    pub(super) fn delete_blob(&self, request: &BlobRequest) -> Result<Response<Body>> {
        remove(&mut self.container(request)?.blobs_mut(), request)?;
        let mut answer = empty_answer(StatusCode::ACCEPTED);
        put_header(answer.headers_mut(), "x-ms-delete-type-permanent", "true");
        Ok(answer)
    }

    pub(super) fn soft_delete_blob(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let container = self.container(request)?;
        let mut blobs = container.blobs_mut();
        let mut blob = remove(&mut blobs, request)?;
        Arc::make_mut(&mut blob).deleted = Some(time::http_date(request.now_ms));
        container.deleted().insert(request.blob()?.into(), blob);
        let mut answer = empty_answer(StatusCode::ACCEPTED);
        put_header(answer.headers_mut(), "x-ms-delete-type-permanent", "false");
        Ok(answer)
    }

    /// Undelete Blob; it is no error when the blob is there.
    pub(super) fn undelete_blob(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let container = self.container(request)?;
        let name = request.blob()?;
        let mut blobs = container.blobs_mut();
        if !blobs.contains_key(name) {
            let found = container.deleted().remove(name);
            let mut blob = found.ok_or_else(BlobError::blob_not_found)?;
            Arc::make_mut(&mut blob).deleted = None;
            blobs.insert(name.into(), blob);
        }
        Ok(empty_answer(StatusCode::OK))
    }

    /// Set Blob Tier. Leaving the archive takes the account's time.
    pub(super) fn set_tier(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let tier = request
            .header("x-ms-access-tier")
            .ok_or_else(|| BlobError::missing_header("x-ms-access-tier"))?;
        let container = self.container(request)?;
        let mut blobs = container.blobs_mut();
        let blob = blobs
            .get_mut(request.blob()?)
            .ok_or_else(BlobError::blob_not_found)?;
        let blob = Arc::make_mut(blob);
        let status = match blob.tier(request.now_ms) {
            (Some("Archive"), Some(_)) => return Err(BlobError::blob_rehydrating()),
            (Some("Archive"), None) if tier != "Archive" && request.rehydration_ms > 0 => {
                let at_ms = request.now_ms + request.rehydration_ms;
                blob.rehydrates = Some((tier.to_owned(), at_ms));
                StatusCode::ACCEPTED
            }
            _ => {
                blob.rehydrates = None;
                blob.access_tier = Some(tier.to_owned());
                StatusCode::OK
            }
        };
        Ok(empty_answer(status))
    }

    fn found_blob(&self, request: &BlobRequest) -> Result<Arc<BlobRecord>> {
        // No blob here has snapshots or versions.
        if request.query.get("snapshot").is_some() || request.query.get("versionid").is_some() {
            return Err(BlobError::blob_not_found());
        }
        let container = self.container(request)?;
        let name = request.blob()?;
        let found = container.blobs().get(name).cloned();
        let blob = found
            .or_else(|| directory(&container.blobs(), name, request))
            .ok_or_else(BlobError::blob_not_found)?;
        conditions::check_read(request, blob.validators())?;
        Ok(blob)
    }
}

/// The folder of this name, where there are folders.
fn directory(blobs: &BlobMap, name: &str, request: &BlobRequest) -> Option<Arc<BlobRecord>> {
    let below = format!("{}/", name.trim_end_matches('/'));
    let from = (Bound::Included(below.as_str()), Bound::Unbounded);
    let (first, inside) = blobs.range::<str, _>(from).next()?;
    let is_there = request.is_hierarchical && first.starts_with(&below);
    is_there.then(|| Arc::new(inside.directory_of()))
}

/// Blobs with the folders that they are in.
pub(super) fn with_directories(blobs: &BlobMap) -> BlobMap {
    let mut all = blobs.clone();
    for (name, blob) in blobs {
        for (end, _) in name.match_indices('/') {
            let folder = &name[..end];
            if !folder.is_empty() && !all.contains_key(folder) {
                all.insert(folder.into(), Arc::new(blob.directory_of()));
            }
        }
    }
    all
}

/// As headers and listings say it: `rehydrate-pending-to-hot`.
pub(super) fn archive_status(tier: &str) -> String {
    format!("rehydrate-pending-to-{}", tier.to_ascii_lowercase())
}

/// Takes a blob out if the conditions hold.
fn remove(blobs: &mut BlobMap, request: &BlobRequest) -> Result<Arc<BlobRecord>> {
    let name = request.blob()?;
    let blob = blobs.get(name).ok_or_else(BlobError::blob_not_found)?;
    conditions::check_write(request, Some(blob.validators()))?;
    blobs.remove(name).ok_or_else(BlobError::blob_not_found)
}

/// Puts a record in its place if the conditions hold there and then; its staged blocks go.
fn commit(
    container: &Container,
    request: &BlobRequest,
    record: BlobRecord,
) -> Result<Response<Body>> {
    let name = request.blob()?;
    let mut blobs = container.blobs_mut();
    conditions::check_write(request, blobs.get(name).map(|blob| blob.validators()))?;
    let mut answer = empty_answer(StatusCode::CREATED);
    let headers = answer.headers_mut();
    put_validators(headers, &record.etag, &record.last_modified);
    put_header(headers, "x-ms-request-server-encrypted", "true");
    if let Some(md5) = &record.md5 {
        put_header(headers, "content-md5", md5);
    }
    blobs.insert(name.into(), Arc::new(record));
    container.deleted().remove(name);
    container
        .blocks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(name);
    Ok(answer)
}

/// The body's MD5 in base64, after comparing it with `Content-MD5`.
fn checked_md5(request: &BlobRequest, body: &Bytes) -> Result<String> {
    let md5 = BASE64_STANDARD.encode(Md5::digest(body));
    match request.header("content-md5") {
        Some(given) if given != md5 => Err(BlobError::md5_mismatch()),
        _ => Ok(md5),
    }
}
