//! The built-in engine: containers as ordered maps, so that a page of a million blobs is one
//! range scan. Blob operations are in `memory_blobs`, listings in `listing`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::blob::{
    engine::{
        PublicAccess, listing,
        memory_blobs::{BlobRecord, with_directories},
    },
    error::{BlobError, Result},
    operation::Operation,
    request::BlobRequest,
    time,
};

/// Accounts with their containers; an account exists here once it has one.
#[derive(Default)]
pub struct Memory {
    accounts: RwLock<HashMap<String, BTreeMap<String, Arc<Container>>>>,
    last_etag: AtomicU64,
    /// When the name of a deleted container is free again, by account and name.
    being_deleted: Mutex<HashMap<(String, String), i64>>,
}

/// How long a deleted container's name is taken: "at least 30 seconds" ("Delete Container").
const DELETION_MS: i64 = 30_000;

/// One container.
pub(super) struct Container {
    pub etag: String,
    pub last_modified: String,
    access: Mutex<PublicAccess>,
    pub metadata: Vec<(String, String)>,
    blobs: RwLock<BlobMap>,
    /// Soft-deleted; locked after `blobs`.
    deleted: Mutex<BlobMap>,
    /// Uncommitted blocks by blob name, then block id.
    pub blocks: Mutex<HashMap<String, HashMap<String, Bytes>>>,
}

/// Blobs in the order of their names.
pub(super) type BlobMap = BTreeMap<Box<str>, Arc<BlobRecord>>;

impl Container {
    pub fn access(&self) -> PublicAccess {
        *self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn blobs(&self) -> RwLockReadGuard<'_, BlobMap> {
        self.blobs.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn blobs_mut(&self) -> RwLockWriteGuard<'_, BlobMap> {
        self.blobs.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn deleted(&self) -> MutexGuard<'_, BlobMap> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Carries out an authorized request.
    pub(super) fn execute(
        &self,
        operation: Operation,
        request: &BlobRequest,
        body: Bytes,
    ) -> Result<Response<Body>> {
        match operation {
            Operation::ListContainers => self.list_containers(request),
            Operation::CreateContainer => self.create(request),
            Operation::DeleteContainer => self.delete(request),
            Operation::GetContainerProperties => self.properties(request),
            Operation::SetPublicAccess => self.set_access(request),
            Operation::ListBlobs => {
                let container = self.container(request)?;
                let blobs = container.blobs();
                let page = if listing::includes(request, "deleted") {
                    let mut all = container.deleted().clone();
                    all.extend(blobs.clone());
                    listing::list_blobs(&all, request)?
                } else if request.is_hierarchical && request.query.get("delimiter").is_none() {
                    listing::list_blobs(&with_directories(&blobs), request)?
                } else {
                    listing::list_blobs(&blobs, request)?
                };
                Ok(xml_answer(page))
            }
            Operation::PutBlob => self.put_blob(request, body),
            Operation::PutBlock => self.put_block(request, body),
            Operation::PutBlockList => self.put_block_list(request, &body),
            Operation::GetBlob => self.get_blob(request),
            Operation::GetBlobProperties => self.blob_properties(request),
            Operation::DeleteBlob => self.delete_blob(request),
            Operation::SoftDeleteBlob => self.soft_delete_blob(request),
            Operation::UndeleteBlob => self.undelete_blob(request),
            Operation::SetBlobTier => self.set_tier(request),
            // The front answers these itself.
            Operation::GetServiceProperties
            | Operation::SetServiceProperties
            | Operation::GetUserDelegationKey
            | Operation::GetAccountInformation
            | Operation::Preflight => Err(BlobError::not_implemented()),
        }
    }

    /// Adds blobs of these names, in order, that share one record.
    pub(super) fn generate(
        &self,
        account: &str,
        container: &str,
        names: impl Iterator<Item = String>,
        body: Bytes,
    ) -> Result<()> {
        let request = BlobRequest::internal(http::Method::PUT, account, container, None);
        let etag = self.next_etag(request.now_ms);
        let record = Arc::new(BlobRecord::generated(body, etag, request.now_ms));
        let mut generated: BlobMap = names
            .map(|name| (name.into_boxed_str(), Arc::clone(&record)))
            .collect();
        self.container(&request)?.blobs_mut().append(&mut generated);
        Ok(())
    }

    pub(super) fn container(&self, request: &BlobRequest) -> Result<Arc<Container>> {
        let name = request.container()?;
        let accounts = self.accounts();
        let found = accounts.get(&request.account).and_then(|all| all.get(name));
        found.cloned().ok_or_else(BlobError::container_not_found)
    }

    /// A new ETag in the shape of Azure's: ticks since year 1 in hexadecimal, each greater than the last.
    pub(super) fn next_etag(&self, now_ms: i64) -> String {
        const TICKS_AT_1970: u64 = 621_355_968_000_000_000;
        let now = TICKS_AT_1970 + now_ms.max(0) as u64 * 10_000;
        let next = |last: u64| now.max(last + 1);
        let last = self
            .last_etag
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(next(last))
            })
            .unwrap_or_default();
        format!("0x{:X}", next(last))
    }

    fn list_containers(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let accounts = self.accounts();
        let none = BTreeMap::new();
        let containers = accounts.get(&request.account).unwrap_or(&none);
        Ok(xml_answer(listing::list_containers(containers, request)?))
    }

    fn create(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let access = request.header("x-ms-blob-public-access");
        let access = PublicAccess::parse(access).ok_or_else(|| {
            BlobError::invalid_header("x-ms-blob-public-access", access.unwrap_or(""))
        })?;
        let name = request.container()?;
        let container = self.new_container(request, access);
        let place = (request.account.clone(), name.to_owned());
        let free_at = self.being_deleted().get(&place).copied();
        // What is seeded comes past this too.
        let is_seeded = request.raw_path.is_empty();
        if free_at.is_some_and(|at| request.now_ms < at && !is_seeded) {
            return Err(BlobError::container_being_deleted());
        }
        let mut accounts = self.accounts_mut();
        let containers = accounts.entry(request.account.clone()).or_default();
        if containers.contains_key(name) {
            return Err(BlobError::container_exists());
        }
        let mut answer = empty_answer(StatusCode::CREATED);
        put_validators(
            answer.headers_mut(),
            &container.etag,
            &container.last_modified,
        );
        containers.insert(name.to_owned(), container);
        Ok(answer)
    }

    fn delete(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let name = request.container()?;
        let removed = self
            .accounts_mut()
            .get_mut(&request.account)
            .and_then(|all| all.remove(name));
        removed.ok_or_else(BlobError::container_not_found)?;
        self.being_deleted().insert(
            (request.account.clone(), name.to_owned()),
            request.now_ms + DELETION_MS,
        );
        Ok(empty_answer(StatusCode::ACCEPTED))
    }

    fn being_deleted(&self) -> MutexGuard<'_, HashMap<(String, String), i64>> {
        self.being_deleted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn properties(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let container = self.container(request)?;
        let mut answer = empty_answer(StatusCode::OK);
        let headers = answer.headers_mut();
        put_validators(headers, &container.etag, &container.last_modified);
        put_metadata(headers, &container.metadata);
        if let Some(access) = container.access().header() {
            headers.insert("x-ms-blob-public-access", HeaderValue::from_static(access));
        }
        for (name, value) in [
            ("x-ms-lease-status", "unlocked"),
            ("x-ms-lease-state", "available"),
            ("x-ms-has-immutability-policy", "false"),
            ("x-ms-has-legal-hold", "false"),
            ("x-ms-default-encryption-scope", "$account-encryption-key"),
            ("x-ms-deny-encryption-scope-override", "false"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(answer)
    }

    fn set_access(&self, request: &BlobRequest) -> Result<Response<Body>> {
        let access = PublicAccess::parse(request.header("x-ms-blob-public-access"))
            .ok_or_else(|| BlobError::invalid_header("x-ms-blob-public-access", ""))?;
        let container = self.container(request)?;
        *container
            .access
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = access;
        Ok(empty_answer(StatusCode::OK))
    }

    fn new_container(&self, request: &BlobRequest, access: PublicAccess) -> Arc<Container> {
        Arc::new(Container {
            etag: self.next_etag(request.now_ms),
            last_modified: time::http_date(request.now_ms),
            access: Mutex::new(access),
            metadata: metadata_of(&request.headers),
            blobs: RwLock::default(),
            deleted: Mutex::default(),
            blocks: Mutex::default(),
        })
    }

    fn accounts(&self) -> RwLockReadGuard<'_, HashMap<String, BTreeMap<String, Arc<Container>>>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn accounts_mut(
        &self,
    ) -> RwLockWriteGuard<'_, HashMap<String, BTreeMap<String, Arc<Container>>>> {
        self.accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `x-ms-meta-` headers, without that prefix.
pub(super) fn metadata_of(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-ms-meta-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

pub(super) fn put_metadata(headers: &mut HeaderMap, metadata: &[(String, String)]) {
    for (name, value) in metadata {
        put_header(headers, &format!("x-ms-meta-{name}"), value);
    }
}

pub(super) fn put_validators(headers: &mut HeaderMap, etag: &str, last_modified: &str) {
    put_header(headers, "etag", &format!("\"{etag}\""));
    put_header(headers, "last-modified", last_modified);
}

/// Sets a header whose value came in as a header, and so is a legal one.
pub(super) fn put_header(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        http::HeaderName::try_from(name),
        HeaderValue::from_str(value),
    ) {
        headers.insert(name, value);
    }
}

pub(super) fn empty_answer(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

fn xml_answer(body: Vec<u8>) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    answer
}
