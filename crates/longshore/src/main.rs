//! The program: command line, configuration, logging. The only reader of the environment.

mod args;
mod check;
mod commands;
mod config;
mod data_dir;
mod logging;
mod parts;
mod run;
mod serve;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use crate::{
    args::{Args, Command},
    config::Config,
};

fn main() -> ExitCode {
    let args = Args::parse();
    match start(args) {
        Ok(code) => code,
        Err(error) => {
            // The cause is the last line, where people look.
            logging::to_stderr(&format!("longshore: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<ExitCode> {
    data_dir::keep_new_files_private();
    let config = Config::load(&args.settings, std::env::vars())?;
    logging::start(&config.log)?;
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("the TLS provider was installed before");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime cannot start")?
        .block_on(dispatch(args.command, config))
}

async fn dispatch(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => return check::check(&config, args).await,
        Command::Serve { role } => serve::serve(config, role).await,
        Command::Migrate => commands::migrate(&config).await,
        Command::Sync { storage, follow } => run::sync(&config, storage, follow).await,
        Command::Export { storage, follow } => run::export(&config, storage, follow).await,
        Command::Organization(command) => commands::organization(&config, command).await,
        Command::User(command) => commands::user(&config, command).await,
        Command::Token(command) => commands::token(&config, command).await,
        Command::Config(command) => commands::config(&config, command),
        Command::Secrets(command) => commands::secrets(&config, command).await,
        Command::AzureLink(command) => commands::azure_link(&config, command).await,
        Command::Openapi => commands::openapi(),
    }?;
    Ok(ExitCode::SUCCESS)
}
