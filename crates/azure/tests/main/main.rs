//! The crate against a local Azure: real HTTP, real TLS, real signatures, real refusals.

mod blobs;
mod credentials;
mod faults;
mod hosts;
mod refusals;
mod sign_in;
mod signing;
mod world;
