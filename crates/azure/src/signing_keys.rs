//! Entra ID's signing keys, kept until a token names one that is not there.
//!
//! Source: "Signing key rollover in the Microsoft identity platform": keys change without notice,
//! so an unknown key id is worth another look, and not one for every forged token.

use std::sync::{Mutex, PoisonError};

use reqwest::{Method, Request};
use serde::Deserialize;
use url::Url;

use crate::{
    Cloud, Error, ErrorKind, Result,
    http::{Destination, Http, read_body},
    id_token::{SigningKey, refused},
    retry,
};

/// Kept keys are not believed for longer.
const KEEP_MS: i64 = 24 * 3_600_000;
/// Looks for unknown keys in one window.
const LOOKS: u32 = 6;
const WINDOW_MS: i64 = 300_000;
/// About ten keys with their certificates.
const ANSWER_LIMIT: usize = 512 << 10;

#[derive(Default)]
pub(crate) struct SigningKeys {
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Vec<SigningKey>,
    fetched_at_ms: i64,
    window_began_ms: i64,
    looks: u32,
}

impl State {
    fn find(&self, kid: &str, now_ms: i64) -> Option<SigningKey> {
        let is_kept = now_ms - self.fetched_at_ms < KEEP_MS;
        let mut keys = self.keys.iter().filter(|_| is_kept);
        keys.find(|key| key.kid == kid).cloned()
    }

    /// May one more unknown key be looked for?
    fn may_look(&mut self, now_ms: i64) -> bool {
        if now_ms - self.window_began_ms >= WINDOW_MS {
            (self.window_began_ms, self.looks) = (now_ms, 0);
        }
        self.looks += 1;
        self.looks <= LOOKS
    }
}

impl SigningKeys {
    /// The key of this id, fetched when it is not at hand.
    pub(crate) async fn get(&self, http: &Http, cloud: &Cloud, kid: &str) -> Result<SigningKey> {
        let now_ms = http.clock().now_ms();
        if let Some(key) = self.state().find(kid, now_ms) {
            return Ok(key);
        }
        let _flight = self.flight.lock().await;
        if let Some(key) = self.state().find(kid, now_ms) {
            return Ok(key);
        }
        if !self.state().may_look(now_ms) {
            return Err(refused(
                "it is signed with a key that Entra ID did not publish; try again in five minutes",
            ));
        }
        let keys = fetch(http, cloud).await?;
        let mut state = self.state();
        (state.keys, state.fetched_at_ms) = (keys, now_ms);
        state
            .find(kid, now_ms)
            .ok_or_else(|| refused("it is signed with a key that Entra ID does not publish"))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(http: &Http, cloud: &Cloud) -> Result<Vec<SigningKey>> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<SigningKey>,
    }
    let address = format!("{}/organizations/discovery/v2.0/keys", cloud.authority);
    let url = Url::parse(&address).map_err(|error| Error::invalid(error.to_string()))?;
    let body = retry::ENTRA
        .run(async || {
            let mut request = Request::new(Method::GET, url.clone());
            *request.timeout_mut() = Some(std::time::Duration::from_secs(15));
            let response = http.send(Destination::Entra, request).await?;
            if !response.status().is_success() {
                return Err(http.failure(response, |answer| answer.entra_error()).await);
            }
            read_body(response, Destination::Entra, ANSWER_LIMIT).await
        })
        .await?;
    serde_json::from_slice::<KeySet>(&body)
        .map(|set| set.keys)
        .map_err(|_| Error::new(ErrorKind::Unexpected, "Entra ID's keys cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::{LOOKS, State, WINDOW_MS};

    #[test]
    fn unknown_keys_are_looked_for_only_so_often() {
        let mut state = State::default();
        let looks = |state: &mut State, now_ms| (0..50).filter(|_| state.may_look(now_ms)).count();
        assert_eq!(looks(&mut state, WINDOW_MS), LOOKS as usize);
        assert_eq!(looks(&mut state, 2 * WINDOW_MS - 1), 0);
        assert_eq!(looks(&mut state, 2 * WINDOW_MS), LOOKS as usize);
    }
}
