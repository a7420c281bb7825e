//! Claims jobs and runs them (being written).

/// Wakes those who wait for a run to change.
#[derive(Default)]
pub(crate) struct Signals {}
