//! Live parts of pages: the server sends the part's HTML whenever it is another (server-sent
//! events). It is the HTML of the page's own template, so a missed event costs nothing.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use model::{Actor, UserId, budgets};
use tokio::time::{Instant, sleep};

use super::html::failed;
use crate::{App, auth::proven_actor, error::ApiError};

/// How often the truth is looked up while it changes: another process may have changed it.
const LOOK: Duration = Duration::from_millis(700);
/// And while it does not.
const SLOW_LOOK: Duration = Duration::from_secs(2);
/// A watcher comes again after this.
const AT_MOST: Duration = Duration::from_secs(600);

/// A signed-in person who watches something, and has a place for it. Nobody is sent to the sign-in
/// page: the answer goes to a script.
pub(crate) struct Watcher {
    pub(super) actor: Actor,
    /// They proved who the actor is, and do so again at every look.
    headers: HeaderMap,
    app: App,
    _place: Place,
}

impl FromRequestParts<App> for Watcher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let actor = Actor::from_request_parts(parts, app).await?;
        Ok(Self {
            actor,
            headers: parts.headers.clone(),
            app: app.clone(),
            _place: Watchers::place(&app.watchers, actor.user_id)?,
        })
    }
}

impl Watcher {
    /// Sends the part's HTML at once and whenever it changes. An error ends the watching, and so
    /// does the end of the session or another role; the browser comes again.
    pub(super) async fn watch<T, F, Fut>(self, mut look: F) -> Response
    where
        T: Template + Send + 'static,
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let shown = match look().await {
            Ok(part) => part.render(),
            Err(error) => return failed(&error),
        };
        let Ok(shown) = shown else {
            return failed(&ApiError::internal());
        };
        let stop = self.app.settings.stop.clone();
        let first = Ok::<_, Infallible>(Event::default().data(&shown));
        let watching = Watching {
            watcher: self,
            look,
            shown,
            pause: LOOK,
            until: Instant::now() + AT_MOST,
        };
        let later = stream::unfold(watching, move |watching| {
            let stop = stop.clone();
            async move {
                tokio::select! {
                    () = stop.cancelled() => None,
                    next = watching.next() => next,
                }
            }
        });
        let events = Sse::new(stream::once(ready(first)).chain(later))
            .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
        let mut response = events.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Still who they were, with the same role?
    async fn is_same(&self) -> bool {
        let actor = proven_actor(&Method::GET, &self.headers, &self.app).await;
        actor.is_ok_and(|actor| actor == self.actor)
    }
}

struct Watching<F> {
    watcher: Watcher,
    look: F,
    shown: String,
    pause: Duration,
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
        while Instant::now() < self.until {
            sleep(self.pause).await;
            if !self.watcher.is_same().await {
                return None;
            }
            let html = (self.look)().await.ok()?.render().ok()?;
            if self.shown != html {
                let event = Event::default().data(&html);
                self.shown = html;
                self.pause = LOOK;
                return Some((Ok(event), self));
            }
            self.pause = (self.pause * 5 / 4).min(SLOW_LOOK);
        }
        None
    }
}

/// How many watch, by person.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<HashMap<UserId, usize>>);

impl Watchers {
    /// # Errors
    /// 429 when the person has no place left, or nobody has.
    fn place(watchers: &Arc<Self>, of: UserId) -> Result<Place, ApiError> {
        let mut counts = watchers.counts();
        let all: usize = counts.values().sum();
        let own = counts.get(&of).copied().unwrap_or_default();
        if all >= budgets::WATCHERS || own >= budgets::WATCHERS_OF_A_PERSON {
            return Err(ApiError::too_many_watchers());
        }
        counts.insert(of, own + 1);
        drop(counts);
        Ok(Place {
            watchers: watchers.clone(),
            of,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watcher's place, until they are gone.
struct Place {
    watchers: Arc<Watchers>,
    of: UserId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.watchers.counts();
        if let Some(own) = counts.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{
        UserId,
        budgets::{WATCHERS, WATCHERS_OF_A_PERSON},
    };

    use super::Watchers;

    #[test]
    fn places_are_bounded_and_given_back() {
        let watchers = Arc::<Watchers>::default();
        let mut held = Vec::new();
        let persons = WATCHERS / WATCHERS_OF_A_PERSON;
        for person in 0..persons {
            for _ in 0..WATCHERS_OF_A_PERSON {
                let place = Watchers::place(&watchers, UserId(person as i64));
                held.push(place.expect("there is room"));
            }
            assert!(Watchers::place(&watchers, UserId(person as i64)).is_err());
        }
        let somebody_else = UserId(persons as i64);
        assert!(Watchers::place(&watchers, somebody_else).is_err());
        held.pop();
        assert!(Watchers::place(&watchers, somebody_else).is_ok());
        held.clear();
        assert!(watchers.counts().is_empty());
    }
}
