//! Live parts of pages: the server sends the part's HTML whenever it is another (server-sent
//! events). It is the HTML of the page's own template, so a missed event costs nothing.

use std::{convert::Infallible, time::Duration};

use askama::Template;
use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::stream;
use tokio::time::{Instant, sleep};

use crate::{App, error::ApiError};

/// How often the truth is looked up, per watcher: another process may have changed it.
const LOOK: Duration = Duration::from_millis(700);
/// A watcher comes again after this, and proves again who it is.
const AT_MOST: Duration = Duration::from_secs(600);

/// Sends the part's HTML at once and whenever it changes. An error ends the watching; the browser
/// comes again.
pub(super) fn watch<T, F, Fut>(app: &App, look: F) -> Response
where
    T: Template + Send + 'static,
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    let stop = app.settings.stop.clone();
    let watching = Watching {
        look,
        shown: None,
        until: Instant::now() + AT_MOST,
    };
    let events = stream::unfold(watching, move |watching| {
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => None,
                next = watching.next() => next,
            }
        }
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response()
}

struct Watching<F> {
    look: F,
    shown: Option<String>,
    until: Instant,
}

impl<F> Watching<F> {
    /// The next event, and who goes on watching.
    async fn next<T, Fut>(mut self) -> Option<(Result<Event, Infallible>, Self)>
    where
        T: Template,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, ApiError>>,
    {
        loop {
            if self.shown.is_some() {
                sleep(LOOK).await;
            }
            if Instant::now() >= self.until {
                return None;
            }
            let html = (self.look)().await.ok()?.render().ok()?;
            if self.shown.as_ref() != Some(&html) {
                let event = Event::default().data(&html);
                self.shown = Some(html);
                return Some((Ok(event), self));
            }
        }
    }
}
