//! Limits on guessing: failed sign-ins and failed tokens, by where they come from.
//!
//! A count of failures leaks away with time; beyond its limit, further attempts are refused
//! before any work is done for them. Counts are per process: several replicas allow as many times
//! more, which changes nothing against Argon2 and 160-bit tokens.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::http::request::Parts;

use crate::{App, error::ApiError};

/// Counts kept; beyond, those that have leaked away are dropped, and if none has, all.
const MOST_COUNTS: usize = 100_000;

/// The address that a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What is guessed, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// API tokens, sessions and invitations.
    Token(IpAddr),
    /// One and the same token again, by its hash: a script that was not told of its end. It does
    /// not use up the limit of everybody else at its address.
    TokenAgain(IpAddr, u64),
    /// Passwords of anybody.
    Password(IpAddr),
    /// The password of one person, in lower case, from one place.
    PasswordOf(IpAddr, String),
    /// The password of one person, from anywhere.
    PasswordOfFromAnywhere(String),
}

/// How many failures at once, and seconds until one is forgotten.
struct Limit {
    burst: f64,
    seconds_each: f64,
}

#[derive(Clone, Copy)]
struct Count {
    failures: f64,
    at: Instant,
}

/// The failures of late.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<Guess, Count>>);

impl Guess {
    fn limit(&self) -> Limit {
        let (burst, seconds_each) = match self {
            Self::Token(_) | Self::TokenAgain(..) => (100.0, 1.0),
            Self::Password(_) => (30.0, 20.0),
            Self::PasswordOf(..) => (8.0, 30.0),
            // Higher than from one place, so that a stranger cannot easily lock a person out.
            Self::PasswordOfFromAnywhere(_) => (100.0, 10.0),
        };
        Limit {
            burst,
            seconds_each,
        }
    }
}

impl Attempts {
    /// # Errors
    /// 429 when there were too many failures of late.
    pub(crate) fn check(&self, guess: &Guess) -> Result<(), ApiError> {
        self.check_at(guess, Instant::now())
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, guess: Guess) {
        self.failed_at(guess, Instant::now());
    }

    /// Counts a failure of a token: against its address only when it is a new one.
    pub(crate) fn token_failed(&self, from: IpAddr, again: Guess) {
        let is_known = self.counts().contains_key(&again);
        if !is_known {
            self.failed(Guess::Token(from));
        }
        self.failed(again);
    }

    /// Takes a counted failure back: it was none.
    pub(crate) fn succeeded(&self, guess: &Guess) {
        if let Some(count) = self.counts().get_mut(guess) {
            count.failures = (count.failures - 1.0).max(0.0);
        }
    }

    fn check_at(&self, guess: &Guess, now: Instant) -> Result<(), ApiError> {
        let limit = guess.limit();
        let failures = match self.counts().get(guess) {
            Some(count) => count.left(&limit, now),
            None => return Ok(()),
        };
        if failures + 1.0 > limit.burst {
            let seconds = ((failures + 1.0 - limit.burst) * limit.seconds_each).ceil();
            return Err(ApiError::too_many_attempts(seconds.max(1.0) as u32));
        }
        Ok(())
    }

    fn failed_at(&self, guess: Guess, now: Instant) {
        let mut counts = self.counts();
        if counts.len() >= MOST_COUNTS && !counts.contains_key(&guess) {
            counts.retain(|guess, count| count.left(&guess.limit(), now) > 0.0);
            if counts.len() >= MOST_COUNTS {
                counts.clear();
            }
        }
        let limit = guess.limit();
        let count = counts.entry(guess).or_insert(Count {
            failures: 0.0,
            at: now,
        });
        *count = Count {
            failures: count.left(&limit, now) + 1.0,
            at: now,
        };
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Guess, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn left(&self, limit: &Limit, now: Instant) -> f64 {
        let forgotten = now.duration_since(self.at).as_secs_f64() / limit.seconds_each;
        (self.failures - forgotten).max(0.0)
    }
}

/// Where a request comes from: the last address of the operator's header, when there is one, else
/// the connection's. Of an IPv6 address only the network, which one person has to themselves.
pub(crate) fn client_address(parts: &Parts, app: &App) -> IpAddr {
    let forwarded = app
        .settings
        .client_address_header
        .as_ref()
        .and_then(|name| parts.headers.get_all(name).iter().next_back())
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    let peer = || parts.extensions.get::<Peer>().map(|peer| peer.0);
    match forwarded.or_else(peer) {
        None => Ipv4Addr::UNSPECIFIED.into(),
        Some(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => IpAddr::V6(
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)),
        ),
        Some(address) => address.to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::{Duration, Instant},
    };

    use super::{Attempts, Guess};

    #[test]
    fn failures_are_limited_and_forgotten() {
        let attempts = Attempts::default();
        let place = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let guess = Guess::PasswordOf(place, "a@example.com".to_owned());
        let now = Instant::now();
        for _ in 0..8 {
            assert!(attempts.check_at(&guess, now).is_ok());
            attempts.failed_at(guess.clone(), now);
        }
        assert!(attempts.check_at(&guess, now).is_err());
        let other = Guess::PasswordOf(place, "b@example.com".to_owned());
        assert!(attempts.check_at(&other, now).is_ok());
        let later = now + Duration::from_secs(31);
        assert!(attempts.check_at(&guess, later).is_ok());
        attempts.failed_at(guess.clone(), later);
        assert!(attempts.check_at(&guess, later).is_err());
    }

    #[test]
    fn a_success_is_no_failure() {
        let attempts = Attempts::default();
        let guess = Guess::Password(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for _ in 0..1000 {
            assert!(attempts.check(&guess).is_ok());
            attempts.failed(guess.clone());
            attempts.succeeded(&guess);
        }
    }
}
