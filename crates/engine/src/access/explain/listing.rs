//! A listing that leads back to where it was.

use model::{AccountName, Code, ContainerName};

use super::{Row, Who};
use crate::{Fix, Problem};

/// Its pages would never end.
pub(crate) fn repeats(account: &AccountName, container: &ContainerName) -> Problem {
    let (code, cause, fix): Row = (
        Code::ListingRepeats,
        format!(
            "The listing of the container {container} of {account} leads back to a page that it gave before, so it would never end. Azure does not do this: something between this server and Azure does."
        ),
        Fix::by(
            Who::Operator,
            "Look for a proxy or a cache in front of the storage account that changes queries or answers, take it out, and start the sync again; it goes on where it stopped.",
        ),
    );
    Problem {
        code,
        cause,
        fix,
        azure: None,
    }
}
