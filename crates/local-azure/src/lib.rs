//! A local Azure for tests and demos: Entra ID, managed identity and Blob Storage on loopback.
//!
//! It checks what Azure checks (signatures, tenants, audiences, role assignments, SAS, firewall)
//! and answers with Azure's statuses and codes. It is *not* Azure: nothing here protects anything.

pub mod blob;
mod endpoints;
pub mod entra;
pub mod state;
mod tls;

pub use endpoints::Endpoints;
pub use state::State;

/// How a blob request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Https,
}

/// Where blob bytes live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlobEngine {
    /// Built in; everything is gone at exit.
    #[default]
    Memory,
    /// Azurite (npm), started and stopped with this Azure.
    Azurite,
}
