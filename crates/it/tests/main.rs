//! The product through its front door: the real programs, spoken to over HTTP.

mod annotate;
mod audit;
mod bad_input;
mod check;
mod commands;
mod connect;
mod crash;
mod export;
mod first_run;
mod grid;
mod guessing;
mod import;
mod invites;
mod isolation;
mod keys;
mod large_files;
mod outgoing;
mod pages;
mod people;
mod replicas;
mod script;
mod serve;
mod storage_pages;
mod stored_json;
mod tidy;
mod world;
