//! Limits on guessing. A count of failures leaks away with time.
//!
//! Tokens, sessions and links are looked up first, and only what failed is counted: beyond the limit
//! a failure is answered with 429, and what is right goes through, whatever strangers at the same
//! address do. Each kind has a count of its own.
//!
//! A password must be limited before it is looked at. So that nobody locks a person out:
//! - a browser in which somebody has signed in before is known for that account (a signed cookie, as
//!   OWASP describes it), and only its own failures count for it;
//! - from elsewhere the failures of one address count for one account. An address with many
//!   failures gets fewer tries for each account, not none;
//! - an account with many failures from everywhere is tried once only by each further address;
//!   beyond [`MOST_OF_AN_ACCOUNT`], which takes a network of machines, by known browsers only.
//!
//! Counts are per process: several replicas allow as many times more.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use model::UserId;

use crate::error::ApiError;

/// Counts kept; beyond, the half that is nearest to be forgotten is.
const MOST_COUNTS: usize = 100_000;
/// Tries of one account from an address that has failed for many.
const TRIES_FROM_A_BUSY_ADDRESS: f64 = 2.0;
/// Failures of one account, over all addresses, that no unknown browser gets beyond.
const MOST_OF_AN_ACCOUNT: f64 = 1_000.0;

/// Who guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    Address(IpAddr),
    /// A browser in which somebody has signed in before, by its cookie.
    KnownBrowser(u64),
}

/// What is guessed, and by whom. Texts are kept as keyed hashes, so that a count is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// API tokens and sessions.
    Credential(IpAddr),
    /// One and the same again: a script that was not told of its end. It does not use up the limit
    /// of everybody else at its address.
    CredentialAgain(IpAddr, u64),
    /// Links of invitations.
    Invitation(IpAddr),
    /// The first run's link.
    FirstRun(IpAddr),
    /// Sign-ins begun at Entra ID: each is a row.
    EntraBegin(Caller),
    /// Coming back from Entra ID with a state that is not one's own.
    EntraReturn(IpAddr),
    /// Passwords of anybody.
    Password(IpAddr),
    /// The password of one account.
    PasswordOf(Caller, u64),
    /// The password of one account, from anywhere but known browsers.
    PasswordFromAnywhere(u64),
    /// One's own, to change it.
    OwnPassword(UserId),
}

/// How many failures at once, and seconds until one is forgotten.
#[derive(Clone, Copy)]
struct Limit {
    burst: f64,
    seconds_each: f64,
}

#[derive(Clone, Copy)]
struct Count {
    failures: f64,
    at: Instant,
}

/// A password that is being looked at, counted as failed until it is right.
pub(crate) struct PasswordTry {
    guesses: Vec<Guess>,
}

/// The failures of late.
#[derive(Default)]
pub(crate) struct Attempts {
    counts: Mutex<Counts>,
    keys: RandomState,
}

#[derive(Default)]
struct Counts(HashMap<Guess, Count>);

impl Guess {
    fn limit(self) -> Limit {
        let (burst, seconds_each) = match self {
            Self::Credential(_)
            | Self::CredentialAgain(..)
            | Self::Invitation(_)
            | Self::FirstRun(_)
            | Self::EntraReturn(_) => (100.0, 1.0),
            Self::EntraBegin(_) => (60.0, 5.0),
            Self::Password(_) => (30.0, 20.0),
            Self::PasswordOf(..) | Self::OwnPassword(_) => (8.0, 30.0),
            Self::PasswordFromAnywhere(_) => (100.0, 10.0),
        };
        Limit {
            burst,
            seconds_each,
        }
    }
}

impl Attempts {
    /// Counts what has failed.
    ///
    /// # Errors
    /// 429, and nothing is counted, when too much has failed of late.
    pub(crate) fn failed(&self, guess: Guess) -> Result<(), ApiError> {
        let now = Instant::now();
        let mut counts = self.counts();
        counts.check(guess, guess.limit(), now)?;
        counts.add(guess, now);
        Ok(())
    }

    /// Counts a token or session that is none: against its address only when it is a new one.
    ///
    /// # Errors
    /// As [`Attempts::failed`].
    pub(crate) fn credential_failed(&self, from: IpAddr, given: &[u8]) -> Result<(), ApiError> {
        let now = Instant::now();
        let again = Guess::CredentialAgain(from, self.keys.hash_one(given));
        let any = Guess::Credential(from);
        let mut counts = self.counts();
        for guess in [any, again] {
            counts.check(guess, guess.limit(), now)?;
        }
        if counts.left(again, now) == 0.0 {
            counts.add(any, now);
        }
        counts.add(again, now);
        Ok(())
    }

    /// The browser that keeps this cookie.
    pub(crate) fn known_browser(&self, cookie: &str) -> Caller {
        Caller::KnownBrowser(self.keys.hash_one(cookie))
    }

    /// Before a password of this account (an e-mail in lower case) is looked at. `known` is the
    /// cookie of a browser that is known for it.
    ///
    /// # Errors
    /// 429 when too many were wrong of late.
    pub(crate) fn try_password(
        &self,
        from: IpAddr,
        known: Option<&str>,
        account: &str,
    ) -> Result<PasswordTry, ApiError> {
        let now = Instant::now();
        let known = known.map(|cookie| self.known_browser(cookie));
        let account = self.keys.hash_one(account);
        self.counts().try_password(from, known, account, now)
    }

    /// It was right, or never looked at: what was counted before is taken back.
    pub(crate) fn take_back(&self, tried: PasswordTry) {
        for guess in tried.guesses {
            self.succeeded(guess);
        }
    }

    /// Takes a counted failure back: it was none.
    pub(crate) fn succeeded(&self, guess: Guess) {
        if let Some(count) = self.counts().0.get_mut(&guess) {
            count.failures = (count.failures - 1.0).max(0.0);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Counted before the work, so that tries at once count too.
    fn try_password(
        &mut self,
        from: IpAddr,
        known: Option<Caller>,
        account: u64,
        now: Instant,
    ) -> Result<PasswordTry, ApiError> {
        let own = Guess::PasswordOf(known.unwrap_or(Caller::Address(from)), account);
        let (here, anywhere) = (Guess::Password(from), Guess::PasswordFromAnywhere(account));
        let mut limit = own.limit();
        let guesses = if known.is_some() {
            vec![own]
        } else {
            if self.check(here, here.limit(), now).is_err() {
                limit.burst = TRIES_FROM_A_BUSY_ADDRESS;
            }
            if self.check(anywhere, anywhere.limit(), now).is_err() {
                limit.burst = 1.0;
            }
            let most = Limit {
                burst: MOST_OF_AN_ACCOUNT,
                ..anywhere.limit()
            };
            self.check(anywhere, most, now)?;
            vec![own, here, anywhere]
        };
        self.check(own, limit, now)?;
        for guess in &guesses {
            self.add(*guess, now);
        }
        Ok(PasswordTry { guesses })
    }

    fn check(&self, guess: Guess, limit: Limit, now: Instant) -> Result<(), ApiError> {
        let over = self.left(guess, now) + 1.0 - limit.burst;
        if over > 0.0 {
            let seconds = (over * limit.seconds_each).ceil().max(1.0);
            return Err(ApiError::too_many_attempts(seconds as u32));
        }
        Ok(())
    }

    fn add(&mut self, guess: Guess, now: Instant) {
        if self.0.len() >= MOST_COUNTS && !self.0.contains_key(&guess) {
            self.forget_half(now);
        }
        let failures = self.left(guess, now) + 1.0;
        self.0.insert(guess, Count { failures, at: now });
    }

    /// Failures that are not forgotten yet.
    fn left(&self, guess: Guess, now: Instant) -> f64 {
        self.0.get(&guess).map_or(0.0, |count| {
            let forgotten = now.duration_since(count.at).as_secs_f64() / guess.limit().seconds_each;
            (count.failures - forgotten).max(0.0)
        })
    }

    /// A flood of new counts does not push out those that have reached their limit.
    fn forget_half(&mut self, now: Instant) {
        let mut kept: Vec<(f64, Guess, Count)> = self
            .0
            .iter()
            .map(|(guess, count)| (self.left(*guess, now), *guess, *count))
            .collect();
        kept.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        kept.truncate(MOST_COUNTS / 2);
        self.0 = kept
            .into_iter()
            .filter(|(left, ..)| *left > 0.0)
            .map(|(_, guess, count)| (guess, count))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::{Duration, Instant},
    };

    use super::{Attempts, Caller, Counts, Guess, MOST_COUNTS};

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ANN: u64 = 1;
    const BEN: u64 = 2;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    /// A wrong password; `false` when it is not looked at.
    fn wrong(counts: &mut Counts, from: IpAddr, account: u64, now: Instant) -> bool {
        counts.try_password(from, None, account, now).is_ok()
    }

    #[test]
    fn failures_are_limited_and_forgotten() {
        let mut counts = Counts::default();
        let now = Instant::now();
        for _ in 0..8 {
            assert!(wrong(&mut counts, HOME, ANN, now));
        }
        assert!(!wrong(&mut counts, HOME, ANN, now));
        assert!(wrong(&mut counts, HOME, BEN, now));
        let later = now + Duration::from_secs(31);
        assert!(wrong(&mut counts, HOME, ANN, later));
        assert!(!wrong(&mut counts, HOME, ANN, later));
    }

    #[test]
    fn a_success_is_no_failure() {
        let attempts = Attempts::default();
        for _ in 0..1000 {
            let tried = attempts.try_password(HOME, None, "a@example.com");
            attempts.take_back(tried.expect("none was wrong"));
        }
    }

    #[test]
    fn strangers_lock_nobody_out_and_still_guess_no_more_than_a_bound() {
        let mut counts = Counts::default();
        let now = Instant::now();
        let mut looked_at = 0;
        for from in 0..2_000 {
            for _ in 0..3 {
                looked_at += u32::from(wrong(&mut counts, address(from), ANN, now));
            }
            if from == 500 {
                // The right password of an address that has not failed.
                let tried = counts.try_password(HOME, None, ANN, now).unwrap();
                for guess in tried.guesses {
                    counts.0.get_mut(&guess).unwrap().failures -= 1.0;
                }
            }
        }
        assert_eq!(looked_at, 1_000);
        assert!(!wrong(&mut counts, HOME, ANN, now));
        let known = Some(Caller::KnownBrowser(5));
        for _ in 0..8 {
            assert!(counts.try_password(address(1), known, ANN, now).is_ok());
        }
        assert!(counts.try_password(HOME, known, ANN, now).is_err());
    }

    #[test]
    fn an_address_that_fails_for_many_still_lets_everybody_else_try() {
        let mut counts = Counts::default();
        let now = Instant::now();
        for account in 100..200 {
            assert!(wrong(&mut counts, HOME, account, now));
        }
        assert!(wrong(&mut counts, HOME, ANN, now), "once mistyped");
        assert!(wrong(&mut counts, HOME, ANN, now), "then right");
        assert!(!wrong(&mut counts, HOME, ANN, now));
    }

    #[test]
    fn counts_are_bounded_and_a_flood_forgets_no_limit_that_was_reached() {
        let mut counts = Counts::default();
        let now = Instant::now();
        for _ in 0..8 {
            assert!(wrong(&mut counts, HOME, ANN, now));
        }
        for number in 0..3 * MOST_COUNTS as u64 {
            counts.add(Guess::CredentialAgain(HOME, number), now);
            assert!(counts.0.len() <= MOST_COUNTS);
        }
        assert!(!wrong(&mut counts, HOME, ANN, now));
    }
}
