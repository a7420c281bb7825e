//! Accepts connections and ends them well: slow or silent clients are let go, a signal lets
//! running requests finish.
//!
//! HTTP/1.1 on hyper directly, because `axum::serve` has no time limit for a request's head.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, header},
    response::Response,
};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use model::budgets;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client_address::Peer,
    connection::{Connection, Unread},
    observe::metrics,
    places::{Place, Places},
};

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const METRICS_PERIOD: Duration = Duration::from_secs(5);

/// Bounds on connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Connections at once. One more displaces the one that waits longest for its client, or waits
    /// to be accepted when none does.
    pub connections: usize,
    /// The same of one address, where it is a client's; one more is closed when none waits.
    pub connections_of_an_address: usize,
    /// From a new connection to its first request's head.
    pub first_head_timeout: Duration,
    /// How long a request's head may take, the pause before it on a kept-alive connection included.
    pub head_timeout: Duration,
    /// How long a client may leave what is sent to it unread.
    pub write_timeout: Duration,
    /// How long running requests may go on after the signal to stop.
    pub shutdown_grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: budgets::CONNECTIONS,
            connections_of_an_address: budgets::CONNECTIONS_OF_AN_ADDRESS,
            first_head_timeout: Duration::from_secs(budgets::FIRST_HEAD),
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` is cancelled, then until running requests are done or their grace is over.
///
/// # Errors
/// When the listener itself fails; a failing connection only ends itself.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(budgets::HEADERS)
        .max_buf_size(budgets::HEAD);
    let places = Places::new(limits.connections, limits.connections_of_an_address);
    let connections = TaskTracker::new();
    connections.spawn(tidy_metrics(stop.clone()));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Out of file descriptors, mostly: connections that end will free some.
                tracing::error!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let peer = peer.ip();
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.take(peer) => place,
        };
        let Some(place) = place else {
            tracing::debug!(%peer, "an address has too many connections");
            continue;
        };
        // Answers are small and whole: waiting for more to send only adds delay.
        stream.set_nodelay(true)?;
        let answer = TowerToHyperService::new(app.clone());
        let asked = place.clone();
        let unread = Unread::default();
        let of_request = unread.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            asked.works();
            let unread = of_request.clone();
            let mut request = request.map(|body| unread.watch(body));
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(asked.clone());
            let (answer, place) = (answer.call(request), asked.clone());
            async move {
                let mut answer: Response = answer.await?;
                if unread.get() {
                    // What comes next on this connection is the rest of a body.
                    answer.headers_mut().insert(header::CONNECTION, CLOSE);
                }
                Ok::<_, Infallible>(answer.map(|body| Answer { body, place }))
            }
        });
        let stream = Connection::new(stream, limits.write_timeout, place.clone(), unread);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let (stop, first_head) = (stop.clone(), limits.first_head_timeout);
        connections.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = place.displaced() => return,
                () = nothing_asked(&place, first_head) => return,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
        });
    }
    drop(listener);
    connections.close();
    if timeout(limits.shutdown_grace, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = connections.len(), "requests were cut off");
    }
    Ok(())
}

/// Durations are kept one by one until somebody asks for the metrics or this sums them up.
async fn tidy_metrics(stop: CancellationToken) {
    while timeout(METRICS_PERIOD, stop.cancelled()).await.is_err() {
        metrics().run_upkeep();
    }
}

/// Resolves when a new connection has asked for nothing in this time.
async fn nothing_asked(place: &Place, patience: Duration) {
    sleep(patience).await;
    if place.has_begun() {
        std::future::pending::<()>().await;
    }
}

/// An answer's body, whose end gives the connection back to its client.
struct Answer {
    body: axum::body::Body,
    place: Place,
}

impl Body for Answer {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.rests();
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
