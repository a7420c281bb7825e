//! Put Blob and Delete Blob.

use std::time::Duration;

use bytes::Bytes;
use model::BlobName;
use reqwest::Method;

use super::ContainerClient;
use crate::{
    ErrorKind, Result,
    account::{Call, header_of, quoted},
    retry,
};

/// Time for a write without its bytes, and for each mebibyte of them on a slow line.
const TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUT_PER_MIB: Duration = Duration::from_secs(4);

/// The member of a blob's metadata that says who wrote it.
pub(super) const MARKER: &str = "x-ms-meta-longshore";

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

impl ContainerClient {
    /// Writes a whole block blob. A conditional write whose outcome is unknown (`TimedOut`,
    /// `Interrupted`, a 5xx) is not repeated: the caller looks what is there.
    ///
    /// # Errors
    /// `AlreadyExists` or `ConditionNotMet` by the condition, and the kinds of a refused credential.
    pub async fn put(
        &self,
        blob: &BlobName,
        body: Bytes,
        content_type: &str,
        condition: &PutCondition,
    ) -> Result<PutResult> {
        self.put_marked(blob, body, content_type, condition, None)
            .await
    }

    /// As [`ContainerClient::put`], with a text in the blob's metadata that says who wrote it.
    ///
    /// # Errors
    /// As [`ContainerClient::put`].
    pub async fn put_marked(
        &self,
        blob: &BlobName,
        body: Bytes,
        content_type: &str,
        condition: &PutCondition,
        marker: Option<&str>,
    ) -> Result<PutResult> {
        let mebibytes = u32::try_from(body.len() >> 20).unwrap_or(u32::MAX);
        let call = Call::new(Method::PUT, self.path(blob)?)
            .header("x-ms-blob-type", "BlockBlob")?
            .header("content-type", content_type)?
            .header_if(MARKER, marker)?
            .timeout(TIMEOUT + TIMEOUT_PER_MIB.saturating_mul(mebibytes))
            .body(body);
        let (call, policy) = match condition {
            PutCondition::None => (call, &retry::STORAGE),
            PutCondition::IfAbsent => (
                call.header("if-none-match", "*")?,
                &retry::CONDITIONAL_WRITE,
            ),
            PutCondition::IfMatch(etag) => (
                call.header("if-match", &quoted(etag))?,
                &retry::CONDITIONAL_WRITE,
            ),
        };
        let response = policy
            .within(self.0.account.shared.patience)
            .run(|| self.0.account.send(&call))
            .await
            .map_err(|error| {
                // Azure says either, by version and kind of account.
                if *condition == PutCondition::IfAbsent
                    && error.kind() == ErrorKind::ConditionNotMet
                {
                    error.with_kind(ErrorKind::AlreadyExists)
                } else {
                    error
                }
            })?;
        let etag = header_of(&response, "etag").unwrap_or_default();
        Ok(PutResult {
            etag: etag.trim_matches('"').to_owned(),
        })
    }

    /// Deletes a blob and its snapshots.
    ///
    /// # Errors
    /// `NotFound` when it was not there, `ConditionNotMet` by `if_match`.
    pub async fn delete(&self, blob: &BlobName, if_match: Option<&str>) -> Result<()> {
        let call = Call::new(Method::DELETE, self.path(blob)?)
            .header("x-ms-delete-snapshots", "include")?
            .header_if("if-match", if_match.map(quoted).as_deref())?;
        let policy = if if_match.is_some() {
            &retry::CONDITIONAL_WRITE
        } else {
            &retry::STORAGE
        };
        policy
            .within(self.0.account.shared.patience)
            .run(|| self.0.account.send(&call))
            .await
            .map(drop)
    }
}
