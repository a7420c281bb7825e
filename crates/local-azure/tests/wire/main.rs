//! The local Azure over real HTTP: what Entra and the identity endpoints grant and refuse.

mod control;
mod entra;
mod faults;
mod federation;
mod identity;
mod program;
mod refusals;
mod support;
