//! Secrets at rest: AES-256-GCM with a key id and the row's identity as associated data.

use std::fmt;

/// Why a key file cannot be used; never shows the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealKeyError {
    /// There is no key in the text.
    Empty,
    /// This line (from 1) is not 32 bytes in base64 or hex.
    NotAKey { line: usize },
}

impl fmt::Display for SealKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the sealing key file has no key"),
            Self::NotAKey { line } => write!(
                f,
                "line {line} of the sealing key file is not 32 bytes in base64 or hex"
            ),
        }
    }
}

impl std::error::Error for SealKeyError {}

/// The sealing keys, the current one first; older ones only open what they sealed.
#[derive(Clone)]
pub struct SealKeys;

impl SealKeys {
    /// Reads a key file: one key a line, 32 bytes in base64 or hex, the current key first;
    /// empty lines and lines beginning with `#` are skipped.
    ///
    /// # Errors
    /// [`SealKeyError`] with the line, when it is not a key.
    pub fn parse(_text: &str) -> Result<Self, SealKeyError> {
        todo!()
    }

    /// A new random key as a line for the key file (base64).
    pub fn generate() -> model::Secret {
        todo!()
    }
}
