//! The same result wherever it is asked for.
