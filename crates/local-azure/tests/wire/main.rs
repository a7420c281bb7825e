//! The local Azure over real HTTP: what it grants, what it refuses, and in which words.

mod blob;
mod control;
mod entra;
mod faults;
mod federation;
mod identity;
mod program;
mod refusals;
mod sign_in;
mod support;
