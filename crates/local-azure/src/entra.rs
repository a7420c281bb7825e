//! Entra ID: discovery, signing keys and the token endpoint for client credentials.

pub mod keys;
