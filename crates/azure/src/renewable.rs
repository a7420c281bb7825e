//! A value that expires and is fetched again: one fetch at a time, shared by everyone who waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Error, Result};

/// After a failed renewal of a value that is still good, this long passes before the next (milliseconds).
const RENEWAL_PAUSE_MS: i64 = 30_000;

/// How good a held value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// Good, and soon not any more: one caller renews it, the others use it.
    Aging,
    Spent,
}

/// Holds one value of `T`, which is cheap to clone.
pub(crate) struct Renewable<T> {
    state: Mutex<State<T>>,
    flight: tokio::sync::Mutex<()>,
}

struct State<T> {
    value: Option<T>,
    /// Fetches ended so far, and how the last one failed if it did.
    fetches: u64,
    failure: Option<Error>,
    /// No renewal before this (Unix milliseconds).
    rest_until_ms: i64,
}

impl<T> Default for Renewable<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                value: None,
                fetches: 0,
                failure: None,
                rest_until_ms: 0,
            }),
            flight: tokio::sync::Mutex::new(()),
        }
    }
}

impl<T: Clone> Renewable<T> {
    /// The held value if it is good enough, else a fetched one. When a fetch fails, a value that is
    /// not spent is used on; callers who waited for that same fetch share its failure.
    pub(crate) async fn get<F: Future<Output = Result<T>>>(
        &self,
        now_ms: i64,
        freshness: impl Fn(&T) -> Freshness,
        fetch: impl FnOnce() -> F,
    ) -> Result<T> {
        let (usable, fetches) = {
            let state = self.state();
            let rated = state
                .value
                .as_ref()
                .map(|value| (value.clone(), freshness(value)));
            match rated {
                Some((value, Freshness::Fresh)) => return Ok(value),
                Some((value, Freshness::Aging)) if now_ms < state.rest_until_ms => {
                    return Ok(value);
                }
                Some((value, Freshness::Aging)) => (Some(value), state.fetches),
                Some((_, Freshness::Spent)) | None => (None, state.fetches),
            }
        };
        let _flight = match (usable, self.flight.try_lock()) {
            (_, Ok(flight)) => flight,
            (Some(value), Err(_)) => return Ok(value),
            (None, Err(_)) => self.flight.lock().await,
        };
        {
            let state = self.state();
            if state.fetches != fetches {
                match (&state.value, &state.failure) {
                    (Some(value), _) if freshness(value) != Freshness::Spent => {
                        return Ok(value.clone());
                    }
                    (_, Some(failure)) => return Err(failure.clone()),
                    _ => {}
                }
            }
        }
        let fetched = fetch().await;
        let mut state = self.state();
        state.fetches += 1;
        match fetched {
            Ok(value) => {
                state.value = Some(value.clone());
                state.failure = None;
                Ok(value)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                state.rest_until_ms = now_ms + RENEWAL_PAUSE_MS;
                match &state.value {
                    Some(value) if freshness(value) != Freshness::Spent => {
                        tracing::warn!(%error, "renewal failed; the value at hand is still good");
                        Ok(value.clone())
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Drops the held value if it is the one that `matches` describes.
    pub(crate) fn discard(&self, matches: impl Fn(&T) -> bool) {
        self.state().value.take_if(|value| matches(value));
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::{Freshness, RENEWAL_PAUSE_MS, Renewable};
    use crate::{Error, ErrorKind};

    fn refused() -> Error {
        Error::new(ErrorKind::TokenRefused, "no")
    }

    #[tokio::test]
    async fn twenty_callers_make_one_fetch() {
        for outcome in [Ok(7), Err(refused())] {
            let (cell, fetches, gate) = (Renewable::default(), AtomicU32::new(0), Notify::new());
            let calls = join_all((0..20).map(|_| {
                cell.get(
                    0,
                    |_| Freshness::Fresh,
                    || async {
                        fetches.fetch_add(1, SeqCst);
                        gate.notified().await;
                        outcome.clone()
                    },
                )
            }));
            let (results, ()) = tokio::join!(calls, async { gate.notify_one() });
            assert_eq!(fetches.load(SeqCst), 1);
            assert!(
                results
                    .iter()
                    .all(|result| result.is_ok() == outcome.is_ok())
            );
        }
    }

    #[tokio::test]
    async fn an_aging_value_outlives_a_failed_renewal_and_rests() {
        let cell = Renewable::default();
        cell.get(0, |_| Freshness::Fresh, async || Ok(1))
            .await
            .unwrap();
        let aging = |_: &i32| Freshness::Aging;
        assert_eq!(
            cell.get(1, aging, async || Err(refused())).await.unwrap(),
            1
        );
        assert_eq!(cell.get(2, aging, async || Ok(2)).await.unwrap(), 1);
        assert_eq!(
            cell.get(1 + RENEWAL_PAUSE_MS, aging, async || Ok(3))
                .await
                .unwrap(),
            3
        );
        let spent = |_: &i32| Freshness::Spent;
        assert!(cell.get(0, spent, async || Err(refused())).await.is_err());
    }

    #[tokio::test]
    async fn while_one_renews_the_others_go_on() {
        let (cell, gate) = (Renewable::default(), Notify::new());
        cell.get(0, |_| Freshness::Fresh, async || Ok(1))
            .await
            .unwrap();
        let renewal = cell.get(
            0,
            |_| Freshness::Aging,
            async || {
                gate.notified().await;
                Ok(2)
            },
        );
        let other = async {
            let value = cell
                .get(0, |_| Freshness::Aging, async || unreachable!())
                .await;
            gate.notify_one();
            value
        };
        let (renewed, other) = tokio::join!(renewal, other);
        assert_eq!((renewed.unwrap(), other.unwrap()), (2, 1));
    }

    #[tokio::test]
    async fn a_discarded_value_is_fetched_again() {
        let cell = Renewable::default();
        cell.get(0, |_| Freshness::Fresh, async || Ok(1))
            .await
            .unwrap();
        let kept = |_: &i32| Freshness::Fresh;
        cell.discard(|value| *value == 9);
        assert_eq!(cell.get(0, kept, async || Ok(2)).await.unwrap(), 1);
        cell.discard(|value| *value == 1);
        assert_eq!(cell.get(0, kept, async || Ok(3)).await.unwrap(), 3);
    }
}
