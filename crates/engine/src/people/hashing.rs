//! Password hashes: Argon2id, as PHC strings.
//!
//! One hash takes 19 MiB and tens of milliseconds of a core, and anybody can ask for one. So few are
//! calculated at once, each in memory that is used again, and everybody's come one after another:
//! who guesses waits for themselves, and not the others for them.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use model::{Secret, budgets};
use tokio::sync::Semaphore;

use crate::{Error, Result, people::accounts::random_text};

static HASHING: LazyLock<Hashing> = LazyLock::new(|| Hashing {
    waiting: Arc::new(Semaphore::new(budgets::WAITING_HASHES)),
    places: Arc::new(Semaphore::new(budgets::HASHES)),
    lanes: Mutex::default(),
    memory: Mutex::default(),
});

struct Hashing {
    waiting: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Of those who wait or whose hash is calculated.
    lanes: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// What no hash uses now: at most one for each place.
    memory: Mutex<Vec<Vec<Block>>>,
}

/// The hash of a new password. `lane` says whose it is.
///
/// # Errors
/// [`Error::Busy`].
pub(crate) async fn hash_password(lane: &str, password: Secret) -> Result<String> {
    HASHING
        .in_turn(lane, move |memory| hash(&password, memory))
        .await?
}

/// Is it the password of this hash? Without a hash it never is, and takes as long. `lane` says whose
/// it is.
///
/// # Errors
/// [`Error::Busy`].
pub(crate) async fn verify_password(
    lane: &str,
    password: Secret,
    hash: Option<String>,
) -> Result<bool> {
    HASHING
        .in_turn(lane, move |memory| {
            verify(&password, hash.as_deref(), memory)
        })
        .await
}

impl Hashing {
    async fn in_turn<T: Send + 'static>(
        &self,
        lane: &str,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T> {
        let waiting = self.waiting.clone().try_acquire_owned();
        let waiting = waiting.map_err(|_| Error::Busy)?;
        let lane = self.lane(lane)?;
        let turn = lane.lock_owned().await;
        let place = self.places.clone().acquire_owned().await;
        // They go with the work: it goes on when the caller has gone away.
        let held = (waiting, turn, place);
        let calculated = tokio::task::spawn_blocking(move || {
            let mut memory = locked(&HASHING.memory).pop().unwrap_or_default();
            let result = work(&mut memory);
            locked(&HASHING.memory).push(memory);
            drop(held);
            result
        });
        calculated
            .await
            .map_err(|error| Error::Internal(format!("hashing a password: {error}")))
    }

    fn lane(&self, name: &str) -> Result<Arc<tokio::sync::Mutex<()>>> {
        let mut lanes = locked(&self.lanes);
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        // No e-mail address is longer.
        let name = budgets::cut(name, 300).into_owned();
        let lane = lanes.entry(name).or_default();
        if Arc::strong_count(lane) > budgets::HASHES_OF_ONE {
            return Err(Error::Busy);
        }
        Ok(lane.clone())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(password: &Secret, memory: &mut Vec<Block>) -> Result<String> {
    let salt: [u8; 16] = rand::random();
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let filled = fill(&Argon2::default(), password, &salt, &mut output, memory);
    let text = || {
        filled.ok()?;
        let hash = PasswordHash {
            algorithm: Algorithm::default().ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(Params::default()).ok()?,
            salt: Some(Salt::new(&salt).ok()?),
            hash: Some(Output::new(&output).ok()?),
        };
        Some(hash.to_string())
    };
    text().ok_or_else(|| Error::Internal("a password cannot be hashed".to_owned()))
}

fn verify(password: &Secret, expected: Option<&str>, memory: &mut Vec<Block>) -> bool {
    /// What an unknown person's password is compared with.
    static NOBODYS: OnceLock<String> = OnceLock::new();
    let expected = expected.unwrap_or_else(|| {
        NOBODYS.get_or_init(|| hash(&random_text(), memory).unwrap_or_default())
    });
    let Ok(expected) = PasswordHash::new(expected) else {
        return false;
    };
    let algorithm = Algorithm::try_from(expected.algorithm.as_str());
    let version = expected
        .version
        .map_or(Ok(Version::default()), Version::try_from);
    let (Ok(algorithm), Ok(version), Ok(params)) =
        (algorithm, version, Params::try_from(&expected))
    else {
        return false;
    };
    let (Some(salt), Some(hash)) = (expected.salt, expected.hash) else {
        return false;
    };
    let mut output = vec![0; hash.len()];
    let argon2 = Argon2::new(algorithm, version, params);
    // Compared in constant time.
    fill(&argon2, password, &salt, &mut output, memory).is_ok()
        && Output::new(&output).is_ok_and(|output| output == hash)
}

fn fill(
    argon2: &Argon2<'_>,
    password: &Secret,
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Vec<Block>,
) -> argon2::Result<()> {
    let blocks = argon2.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let password = password.expose().as_bytes();
    argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..blocks])
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
    use futures_util::future::join_all;
    use model::{Secret, budgets};

    use super::{HASHING, hash_password, locked, verify_password};
    use crate::Error;

    #[tokio::test]
    async fn hashes_are_argon2s_own_both_ways() {
        let password = Secret::new("correct horse battery");
        let ours = hash_password("a", password.clone()).await.unwrap();
        let argon2 = Argon2::default();
        assert!(
            argon2
                .verify_password(b"correct horse battery", ours.as_str())
                .is_ok()
        );
        let theirs = argon2.hash_password(b"correct horse battery").unwrap();
        let theirs = Some(theirs.to_string());
        assert!(
            verify_password("a", password, theirs.clone())
                .await
                .unwrap()
        );
        let wrong = Secret::new("wrong");
        assert!(!verify_password("a", wrong.clone(), theirs).await.unwrap());
        assert!(!verify_password("a", wrong, None).await.unwrap());
    }

    #[tokio::test]
    async fn who_asks_for_many_hashes_waits_for_themselves() {
        let many = budgets::HASHES_OF_ONE * 3;
        let guesses =
            join_all((0..many).map(|_| verify_password("guesser", Secret::new("guess"), None)));
        let guesses = tokio::spawn(guesses);
        tokio::task::yield_now().await;
        // Behind one hash of the other's at each place, and not behind all.
        assert!(
            !verify_password("other", Secret::new("x"), None)
                .await
                .unwrap()
        );
        let waiting = budgets::WAITING_HASHES - HASHING.waiting.available_permits();
        assert!(waiting > budgets::HASHES_OF_ONE / 2, "{waiting}");
        let guesses = guesses.await.unwrap();
        let refused = guesses
            .iter()
            .filter(|guess| matches!(guess, Err(Error::Busy)));
        assert_eq!(refused.count(), many - budgets::HASHES_OF_ONE);
        assert!(locked(&HASHING.memory).len() <= budgets::HASHES);
    }
}
