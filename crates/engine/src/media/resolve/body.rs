//! A blob's bytes that survive a broken connection: the rest is asked for again, as long as the
//! blob is still the same one. When that fails too, the body ends with an error, so that the
//! server ends the connection and nobody takes a part for the whole.

use std::{
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};

use azure::{ContainerClient, GetRequest, GetStatus};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use model::BlobName;

/// How often one body is taken up again.
const RESUMPTIONS: u32 = 3;

/// The bytes of a blob, or of the range that was asked for.
pub struct BlobBody(Pin<Box<dyn Stream<Item = azure::Result<Bytes>> + Send>>);

struct Reading {
    client: ContainerClient,
    blob: BlobName,
    etag: String,
    /// What is still to come.
    left: Range<u64>,
    resumptions_left: u32,
    body: azure::BlobBody,
}

impl BlobBody {
    /// `bytes` is where in the blob the body lies; without it or the ETag it is not resumed.
    pub(crate) fn new(
        client: ContainerClient,
        blob: BlobName,
        etag: Option<String>,
        bytes: Option<Range<u64>>,
        body: azure::BlobBody,
    ) -> Self {
        let (Some(etag), Some(left)) = (etag, bytes) else {
            return Self(Box::pin(body));
        };
        let reading = Reading {
            client,
            blob,
            etag,
            left,
            resumptions_left: RESUMPTIONS,
            body,
        };
        Self(Box::pin(stream::try_unfold(reading, Reading::next)))
    }
}

impl Reading {
    async fn next(mut self) -> azure::Result<Option<(Bytes, Self)>> {
        loop {
            let error = match self.body.next().await {
                Some(Ok(bytes)) => {
                    self.left.start += bytes.len() as u64;
                    return Ok(Some((bytes, self)));
                }
                None => return Ok(None),
                Some(Err(error)) => error,
            };
            let is_over = self.resumptions_left == 0 || self.left.is_empty();
            if is_over || !error.kind().is_transient() {
                return Err(error);
            }
            self.resumptions_left -= 1;
            tracing::warn!(blob = %self.blob, at = self.left.start, %error, "reading on after a broken body");
            let rest = GetRequest {
                range: Some(format!("bytes={}-{}", self.left.start, self.left.end - 1)),
                if_match: Some(self.etag.clone()),
                ..GetRequest::default()
            };
            let response = self.client.get(&self.blob, &rest).await?;
            if response.status != GetStatus::Partial {
                return Err(error);
            }
            self.body = response.body;
        }
    }
}

impl Stream for BlobBody {
    type Item = azure::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl std::fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobBody")
    }
}

/// Where in the blob an answer's body lies.
pub(crate) fn span(
    status: GetStatus,
    content_length: Option<u64>,
    content_range: Option<&str>,
) -> Option<Range<u64>> {
    match status {
        GetStatus::Full => Some(0..content_length?),
        GetStatus::Partial => {
            let (span, _size) = content_range?.strip_prefix("bytes ")?.split_once('/')?;
            let (first, last) = span.split_once('-')?;
            Some(first.parse().ok()?..last.parse::<u64>().ok()? + 1)
        }
        GetStatus::NotModified | GetStatus::RangeNotSatisfiable => None,
    }
}

#[cfg(test)]
mod tests {
    use azure::GetStatus;

    use super::span;

    #[test]
    fn a_body_lies_where_its_headers_say() {
        assert_eq!(span(GetStatus::Full, Some(9), None), Some(0..9));
        assert_eq!(
            span(GetStatus::Partial, Some(4), Some("bytes 5-8/600")),
            Some(5..9)
        );
        for broken in [
            None,
            Some("bytes */600"),
            Some("bytes 5/600"),
            Some("items 5-8/600"),
        ] {
            assert_eq!(span(GetStatus::Partial, Some(4), broken), None);
        }
        assert_eq!(span(GetStatus::NotModified, None, None), None);
    }
}
