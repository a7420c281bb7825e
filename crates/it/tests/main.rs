//! The product through its front door: the real programs, spoken to over HTTP.

mod annotate;
mod bad_input;
mod budgets;
mod check;
mod commands;
mod connect;
mod crash;
mod export;
mod first_run;
mod grid;
mod import;
mod isolation;
mod outgoing;
mod pages;
mod people;
mod replicas;
mod serve;
mod storage_pages;
mod tidy;
mod world;
