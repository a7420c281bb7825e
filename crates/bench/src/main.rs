//! The benchmarks: each line a ratio of two things measured in this run, with absolute figures beside it.
//! `cargo xtask bench` builds everything in release and starts this.

mod annotate;
mod deletion;
mod import;
mod load;
mod neighbour;
mod pages;
mod proxy;
mod report;
mod resolve;
mod setup;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::{report::Report, setup::Bench};

#[derive(Parser)]
#[command(about = "Measures Longshore against the raw limits of the same servers, side by side")]
struct Arguments {
    /// The `longshore` program (release).
    #[arg(long)]
    longshore: PathBuf,
    /// The `local-azure` program (release).
    #[arg(long)]
    local_azure: PathBuf,
    /// Where `cargo xtask setup` put Azurite.
    #[arg(long)]
    dev_dir: PathBuf,
    /// A tenth of the blobs and shorter loads: for trying the benchmarks, not for figures.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long, value_enum)]
    only: Vec<Work>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    Import,
    Json,
    Resolve,
    Proxy,
    Annotate,
    Pages,
    Neighbour,
    Deletion,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wanted = |work| arguments.only.is_empty() || arguments.only.contains(&work);
    let bench = Bench {
        longshore: arguments.longshore.clone(),
        local_azure: arguments.local_azure.clone(),
        dev_dir: arguments.dev_dir.clone(),
        quick: arguments.quick,
    };
    let mut report = Report::default();
    if wanted(Work::Import) {
        import::files(&bench, &mut report).await?;
    }
    if wanted(Work::Json) {
        import::json(&bench, &mut report).await?;
    }
    if wanted(Work::Resolve) {
        resolve::redirects(&bench, &mut report).await?;
    }
    if wanted(Work::Proxy) {
        proxy::against_azurite(&bench, &mut report).await?;
    }
    if wanted(Work::Annotate) {
        annotate::create(&bench, &mut report).await?;
    }
    if wanted(Work::Pages) {
        pages::first_pages(&bench, &mut report).await?;
    }
    if wanted(Work::Neighbour) {
        neighbour::beside_attacks(&bench, &mut report).await?;
    }
    if wanted(Work::Deletion) {
        deletion::beside_writers(&bench, &mut report).await?;
    }
    report.print();
    Ok(())
}
