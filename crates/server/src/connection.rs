//! A connection that gives up on a client who does not read: otherwise a stalled download would
//! hold its blob's connection to Azure for ever. And one that lets a client who was answered before
//! all of their body came send the rest: whoever is cut off while they send never sees the answer.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use model::budgets;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::places::Place;

/// A TCP connection whose writes fail when the client takes nothing for `patience`.
pub(crate) struct Connection {
    stream: TcpStream,
    patience: Duration,
    place: Place,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    unread: Unread,
    /// Runs while what is left of a body is thrown away.
    leaving: Option<Pin<Box<Sleep>>>,
}

/// Is there a part of the last request's body that nobody read? Clones are of one connection.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A request's body, which says when it has been read to its end.
    pub(crate) fn watch(&self, body: Incoming) -> WatchedBody {
        self.0.store(!body.is_end_stream(), Ordering::Relaxed);
        WatchedBody {
            body,
            unread: self.clone(),
        }
    }
}

pub(crate) struct WatchedBody {
    body: Incoming,
    unread: Unread,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.0.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, patience: Duration, place: Place, unread: Unread) -> Self {
        Self {
            stream,
            patience,
            place,
            stalled: None,
            unread,
            leaving: None,
        }
    }

    /// Reads and throws away until the client has sent all, or long enough.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let place = &self.place;
        let leaving = self.leaving.get_or_insert_with(|| {
            // Whoever needs the place may have it.
            place.rests();
            Box::pin(sleep(Duration::from_secs(budgets::DRAIN)))
        });
        let mut thrown = [0; 16 << 10];
        while leaving.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut thrown);
            match ready!(pin!(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => break,
            }
        }
        Poll::Ready(())
    }

    fn progress<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stalled.take().is_some() {
                self.place.held_up(false);
            }
            return written;
        }
        let (patience, place) = (self.patience, &self.place);
        let stalled = self.stalled.get_or_insert_with(|| {
            place.held_up(true);
            Box::pin(sleep(patience))
        });
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = pin!(&mut self.stream).poll_write(cx, bytes);
        self.progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = pin!(&mut self.stream).poll_write_vectored(cx, slices);
        self.progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.leaving.is_none() {
            ready!(pin!(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.unread.get() {
            ready!(self.poll_rest(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, time::Duration};

    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
    };

    use super::{Connection, Unread};
    use crate::places::Places;

    #[tokio::test]
    async fn a_client_who_does_not_read_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let place = Places::new(1, 1).take(peer.ip()).await.unwrap();
        let patience = Duration::from_millis(100);
        let mut connection = Connection::new(stream, patience, place, Unread::default());
        let ended = connection.write_all(&vec![0; 64 << 20]).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(client);
    }
}
