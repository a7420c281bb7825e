//! When credentials end, and who is told before.

/// An end this near is told (14 days).
pub(crate) const EXPIRES_SOON_MS: i64 = 14 * 24 * 3_600_000;
