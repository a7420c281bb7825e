//! A blob's bytes as a stream that neither stalls for ever nor ends early unnoticed.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    Error, ErrorKind, Result,
    http::{Destination, SILENCE, transport_error},
};

/// A blob's bytes as they arrive; holds well under a megabyte however large the blob is.
/// It ends with an `Interrupted` error when fewer bytes come than were promised.
pub struct BlobBody {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    /// Bytes still to come, where the length is known.
    missing: Option<u64>,
    /// Ends when nothing came for too long; runs only while the reader waits.
    silence: Pin<Box<Sleep>>,
    waits: bool,
}

impl BlobBody {
    pub(super) fn new(
        chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self {
            chunks: Box::pin(chunks),
            missing: length,
            silence: Box::pin(sleep(SILENCE)),
            waits: false,
        }
    }

    /// All of it, at most `limit` bytes.
    ///
    /// # Errors
    /// `InvalidInput` when there is more than `limit`, and whatever reading can fail with.
    pub async fn read_all(mut self, limit: usize) -> Result<Bytes> {
        let too_large = || Error::invalid(format!("the blob is larger than {limit} bytes"));
        let expected = usize::try_from(self.missing.unwrap_or_default()).unwrap_or(usize::MAX);
        if expected > limit {
            return Err(too_large());
        }
        let mut body = BytesMut::with_capacity(expected);
        while let Some(chunk) = self.next().await {
            let chunk = chunk?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

impl Stream for BlobBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Poll::Ready(polled) = self.chunks.poll_next_unpin(cx) else {
            if !self.waits {
                self.waits = true;
                self.silence.as_mut().reset(Instant::now() + SILENCE);
            }
            return self.silence.as_mut().poll(cx).map(|()| {
                self.missing = None;
                self.chunks = Box::pin(stream::empty());
                let seconds = SILENCE.as_secs();
                let error = Error::new(
                    ErrorKind::TimedOut,
                    format!("the blob stalled for {seconds} seconds"),
                );
                Some(Err(error))
            });
        };
        self.waits = false;
        Poll::Ready(match polled {
            Some(Ok(chunk)) => {
                self.missing = self
                    .missing
                    .map(|missing| missing.saturating_sub(chunk.len() as u64));
                Some(Ok(chunk))
            }
            Some(Err(error)) => {
                self.missing = None;
                Some(Err(transport_error(error, Destination::Storage)))
            }
            None => match self.missing.take() {
                Some(missing @ 1..) => Some(Err(Error::new(
                    ErrorKind::Interrupted,
                    format!("the blob ended {missing} bytes too early"),
                ))),
                _ => None,
            },
        })
    }
}

impl fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobBody")
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}
