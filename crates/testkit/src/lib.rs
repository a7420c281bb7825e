//! Starts the real programs (local Azure and Longshore) for integration tests, the demo and the
//! benchmarks, and speaks to them over their own HTTP. Nothing here is linked into the product.

mod attack;
mod azurite;
mod built;
mod child;
mod directory;
mod fix_command;
mod local_azure;
mod longshore;
mod person;
mod sas;

pub use attack::{Attack, Sender};
pub use azurite::Azurite;
pub use built::{Programs, programs};
pub use child::Child;
pub use directory::{App, DirectoryRole};
pub use fix_command::FixCommand;
pub use local_azure::{Account, Endpoints, LocalAzure, Role};
pub use longshore::{Answer, Longshore, Settings};
pub use person::{At, Person};
pub use sas::{Sas, SasScope};

use std::time::{Duration, Instant};

/// Asks again until `ask` answers `Some`, at most `limit` long.
///
/// # Errors
/// Names `what` was awaited when the time is over.
pub async fn eventually<T, F>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        anyhow::ensure!(start.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
