//! Where containers and blobs live. An engine sees authorized requests only and knows no identities.

mod azurite;
mod azurite_process;
mod conditions;
mod listing;
mod memory;
mod memory_blobs;

use axum::body::{self, Body};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;

use azurite::Azurite;
use memory::Memory;

use crate::{
    BlobEngine,
    blob::{
        error::{BlobError, Result},
        operation::Operation,
        query::Query,
        request::BlobRequest,
        xml,
    },
};

/// The largest body that is accepted: Put Blob's limit of the real service, 5,000 MiB.
pub(super) const MAX_BODY_BYTES: usize = 5_000 << 20;

/// Blob bytes: built in, or kept by Azurite.
pub enum Blobs {
    Memory(Memory),
    Azurite(Azurite),
}

/// What anonymous callers may do in a container (`x-ms-blob-public-access`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicAccess {
    #[default]
    None,
    /// Read blobs whose names they know.
    Blob,
    /// Read and list.
    Container,
}

impl PublicAccess {
    /// Reads the header's value.
    fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None => Some(Self::None),
            Some("blob") => Some(Self::Blob),
            Some("container") => Some(Self::Container),
            Some(_) => None,
        }
    }

    /// The header's value; absent when private.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Blob => Some("blob"),
            Self::Container => Some("container"),
        }
    }
}

impl Blobs {
    /// Starts the engine, empty; Azurite is installed with npm when it is missing.
    ///
    /// # Errors
    /// When Azurite cannot be installed or does not start.
    pub async fn start(engine: BlobEngine) -> anyhow::Result<Self> {
        Ok(match engine {
            BlobEngine::Memory => Self::Memory(Memory::default()),
            BlobEngine::Azurite => Self::Azurite(Azurite::start().await?),
        })
    }

    /// Carries out an authorized request and answers as the service does, except for the
    /// headers that every answer carries, which the front adds.
    pub(super) async fn execute(
        &self,
        operation: Operation,
        request: &BlobRequest,
        body: Bytes,
    ) -> Result<Response<Body>> {
        match self {
            Self::Memory(memory) => memory.execute(operation, request, body),
            Self::Azurite(azurite) => azurite.execute(request, body).await,
        }
    }

    /// A container's public access; `None` when there is no such container.
    pub(super) async fn public_access(
        &self,
        account: &str,
        container: &str,
    ) -> Option<PublicAccess> {
        let mut request = BlobRequest::internal(Method::HEAD, account, container, None);
        request.query = Query::of(&[("restype", "container")]);
        let answer = self
            .answer(Operation::GetContainerProperties, &request, Bytes::new())
            .await
            .ok()?;
        let header = answer.headers().get("x-ms-blob-public-access");
        PublicAccess::parse(header.and_then(|value| value.to_str().ok()))
    }

    /// Is there a blob of this name?
    pub(super) async fn has_blob(&self, account: &str, container: &str, blob: &str) -> bool {
        let request = BlobRequest::internal(Method::HEAD, account, container, Some(blob));
        self.answer(Operation::GetBlobProperties, &request, Bytes::new())
            .await
            .is_ok()
    }

    /// Creates a container; it is no error when it exists.
    ///
    /// # Errors
    /// When the engine refuses the name.
    pub async fn create_container(
        &self,
        account: &str,
        container: &str,
        access: PublicAccess,
    ) -> anyhow::Result<()> {
        let mut request = BlobRequest::internal(Method::PUT, account, container, None);
        request.query = Query::of(&[("restype", "container")]);
        if let Some(value) = access.header() {
            request
                .headers
                .insert("x-ms-blob-public-access", HeaderValue::from_static(value));
        }
        match self
            .seed(Operation::CreateContainer, &request, Bytes::new())
            .await
        {
            Err(error) if error.status == StatusCode::CONFLICT => Ok(()),
            created => Ok(created?),
        }
    }

    /// Changes who may read a container without a credential.
    ///
    /// # Errors
    /// `ContainerNotFound`.
    pub async fn set_public_access(
        &self,
        account: &str,
        container: &str,
        access: PublicAccess,
    ) -> anyhow::Result<()> {
        let mut request = BlobRequest::internal(Method::PUT, account, container, None);
        request.query = Query::of(&[("restype", "container"), ("comp", "acl")]);
        if let Some(value) = access.header() {
            request
                .headers
                .insert("x-ms-blob-public-access", HeaderValue::from_static(value));
        }
        Ok(self
            .seed(Operation::SetPublicAccess, &request, Bytes::new())
            .await?)
    }

    /// Writes a block blob, replacing one that is there.
    ///
    /// # Errors
    /// `ContainerNotFound`, or a media type that is no header value.
    pub async fn put(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        body: Bytes,
        content_type: &str,
    ) -> anyhow::Result<()> {
        let mut request = BlobRequest::internal(Method::PUT, account, container, Some(blob));
        request
            .headers
            .insert("x-ms-blob-type", HeaderValue::from_static("BlockBlob"));
        let content_type = HeaderValue::from_str(content_type)?;
        request
            .headers
            .insert("x-ms-blob-content-type", content_type);
        Ok(self.seed(Operation::PutBlob, &request, body).await?)
    }

    /// Writes `count` blobs `{prefix}{index:09}` of `size` zero bytes. The built-in engine lets
    /// them share one record, so that a million of them cost their names.
    ///
    /// # Errors
    /// `ContainerNotFound`.
    pub async fn generate(
        &self,
        account: &str,
        container: &str,
        prefix: &str,
        count: u64,
        size: u64,
    ) -> anyhow::Result<()> {
        let names = (0..count).map(|index| format!("{prefix}{index:09}"));
        let body = Bytes::from(vec![0; usize::try_from(size)?]);
        match self {
            Self::Memory(memory) => Ok(memory.generate(account, container, names, body)?),
            Self::Azurite(_) => {
                for name in names {
                    let body = body.clone();
                    self.put(account, container, &name, body, "application/octet-stream")
                        .await?;
                }
                Ok(())
            }
        }
    }

    /// A blob's bytes; `None` when there is no such blob.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn get(
        &self,
        account: &str,
        container: &str,
        blob: &str,
    ) -> anyhow::Result<Option<Bytes>> {
        let request = BlobRequest::internal(Method::GET, account, container, Some(blob));
        match self
            .answer(Operation::GetBlob, &request, Bytes::new())
            .await
        {
            Ok(answer) => Ok(Some(
                body::to_bytes(answer.into_body(), MAX_BODY_BYTES).await?,
            )),
            Err(error) if error.status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a blob; `false` when there was none.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn delete(&self, account: &str, container: &str, blob: &str) -> anyhow::Result<bool> {
        let request = BlobRequest::internal(Method::DELETE, account, container, Some(blob));
        match self
            .seed(Operation::DeleteBlob, &request, Bytes::new())
            .await
        {
            Ok(()) => Ok(true),
            Err(error) if error.status == StatusCode::NOT_FOUND => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all blobs of a container, in order.
    ///
    /// # Errors
    /// `ContainerNotFound`.
    pub async fn names(&self, account: &str, container: &str) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        let mut marker = String::new();
        loop {
            let mut request = BlobRequest::internal(Method::GET, account, container, None);
            request.query = Query::of(&[
                ("restype", "container"),
                ("comp", "list"),
                ("marker", &marker),
            ]);
            let answer = self
                .answer(Operation::ListBlobs, &request, Bytes::new())
                .await?;
            let page = body::to_bytes(answer.into_body(), MAX_BODY_BYTES).await?;
            marker = xml::read_names(&page, &mut names)?;
            if marker.is_empty() {
                return Ok(names);
            }
        }
    }

    /// Carries out a request of our own; a refusal is an error whatever the engine.
    async fn answer(
        &self,
        operation: Operation,
        request: &BlobRequest,
        body: Bytes,
    ) -> Result<Response<Body>> {
        let answer = self.execute(operation, request, body).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer
            .headers()
            .get("x-ms-error-code")
            .and_then(|code| code.to_str().ok());
        let code = code.unwrap_or("InternalError").to_owned();
        Err(BlobError::new(
            answer.status().as_u16(),
            code,
            "The engine refused the request.",
        ))
    }

    async fn seed(&self, operation: Operation, request: &BlobRequest, body: Bytes) -> Result<()> {
        self.answer(operation, request, body).await.map(|_| ())
    }
}
