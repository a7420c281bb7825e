//! The main job, end to end, on the local Azure: every way to connect, import, serve, annotate, export.
//! `cargo xtask demo` prepares the media, builds the programs and starts this.

mod connect;
mod media;
mod portal;
mod report;
mod try_it;
mod walk;
mod ways;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use testkit::{LocalAzure, Longshore, Settings};

use crate::{media::Media, report::Report, ways::Customer};

#[derive(Parser)]
#[command(about = "Runs Longshore's main job on the local Azure and says what was proven")]
struct Arguments {
    /// Folder with `manifest.json` and the media files (made by `cargo xtask media`).
    #[arg(long)]
    media: PathBuf,
    /// The `longshore` program.
    #[arg(long)]
    longshore: PathBuf,
    /// The `local-azure` program.
    #[arg(long)]
    local_azure: PathBuf,
    /// End after the table instead of serving on; the exit code is 0 only if all was true.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::say(&format!("the demo stopped: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let media = Media::read(&arguments.media)?;
    report::say("starting the local Azure (this is not Azure; nothing leaves this machine) …");
    let azure = Arc::new(LocalAzure::start(Some(&arguments.local_azure))?);
    report::say(&format!(
        "preparing a customer tenant and uploading {} blobs …",
        media.files.len()
    ));
    let customer = Customer::prepare(&azure, &media).await?;

    report::say("starting Longshore …");
    let settings = Settings {
        program: Some(arguments.longshore),
        environment: customer.environment(&azure.endpoints),
        ..Settings::default()
    };
    let longshore = Longshore::start(&azure.endpoints.cloud_file, settings)?;
    report::say("connecting to Azure …");
    connect::connect(&azure, &longshore, &customer).await?;

    let mut report = Report::default();
    let ways = customer.ways();
    for (number, way) in ways.iter().enumerate() {
        report::say(&format!("[{}/{}] {}", number + 1, ways.len(), way.title));
        walk::connect_and_prove(&azure, &longshore, &media, &customer, way, &mut report).await;
    }
    report.print();
    if arguments.once {
        return Ok(report.all_true());
    }
    report::say("preparing projects to label, and a second company to connect …");
    try_it::projects(&longshore, &customer).await?;
    let companies = try_it::companies(&azure, &media, &customer).await?;
    let portal = portal::open(azure.clone(), companies).await?;
    let url = &longshore.url;
    report::say(&format!(
        "\nLongshore keeps serving until Ctrl-C:\n  URL       {url}\n  e-mail    {}\n  password  {}\n  API token {token}\n\n  curl -H 'Authorization: Token {token}' {url}/api/projects/\n\n{}",
        Longshore::EMAIL,
        Longshore::PASSWORD,
        try_it::instructions(url, &portal),
        token = Longshore::TOKEN,
    ));
    tokio::signal::ctrl_c().await?;
    Ok(report.all_true())
}
