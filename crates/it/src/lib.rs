//! Nothing: this crate exists for its integration tests, one binary (`tests/main.rs`).
