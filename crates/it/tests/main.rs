//! The product through its front door: the real programs, spoken to over HTTP.

mod bad_input;
mod commands;
mod check;
mod connect;
mod crash;
mod export;
mod import;
mod replicas;
mod serve;
mod tidy;
mod world;
