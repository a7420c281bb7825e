//! The Blob service over HTTP: both engines, every credential, every refusal, faults and scale.

mod bearer;
mod client;
mod contract;
mod cors;
mod faults;
mod listings;
mod paths;
mod sas;
mod scale;
mod shared_access;
mod shared_key;
mod switches;
