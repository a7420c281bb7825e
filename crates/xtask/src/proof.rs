//! The official Python clients against the built programs: Microsoft's against the local Azure,
//! Label Studio's against Longshore.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Result,
    check::{Counts, Tally, pytest},
    process::{Server, command},
    workspace::Workspace,
};

const READY_WITHIN: Duration = Duration::from_secs(60);
const EMAIL: &str = "owner@longshore.example";
const PASSWORD: &str = "correct horse battery staple";
const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// All of them.
pub fn everything(workspace: &Workspace, programs: &Path, tally: &mut Tally) {
    for (what, file) in [
        (
            "Microsoft's Python SDKs against the local Azure",
            "azure_sdk.py",
        ),
        (
            "Microsoft's sign-in client (MSAL) against the local Azure",
            "sign_in.py",
        ),
    ] {
        local_azure(workspace, programs, what, file, tally);
    }
    label_studio_sdk(workspace, programs, tally);
}

/// A file of Microsoft's clients against a local Azure of its own.
fn local_azure(workspace: &Workspace, programs: &Path, what: &str, file: &str, tally: &mut Tally) {
    match LocalAzure::start(workspace, programs) {
        Ok(azure) => {
            let mut proof = pytest(workspace, file);
            proof.env("LOCAL_AZURE", &azure.ready_line);
            tally.run(what, proof, Counts::Pytest);
        }
        Err(error) => tally.fail(what, &error),
    }
}

/// `label-studio-sdk` against Longshore on the local Azure.
fn label_studio_sdk(workspace: &Workspace, programs: &Path, tally: &mut Tally) {
    const WHAT: &str = "Label Studio's Python SDK against Longshore";
    let started = LocalAzure::start(workspace, programs).and_then(|azure| {
        longshore(workspace, programs, &azure).map(|longshore| (azure, longshore))
    });
    match started {
        Ok((azure, (_longshore, url))) => {
            let mut proof = pytest(workspace, "label_studio_sdk_proof.py");
            proof.env("LOCAL_AZURE", &azure.ready_line);
            proof
                .env("LONGSHORE_URL", url)
                .env("LONGSHORE_TOKEN", TOKEN);
            tally.run(WHAT, proof, Counts::Pytest);
        }
        Err(error) => tally.fail(WHAT, &error),
    }
}

/// A running local Azure.
struct LocalAzure {
    ready_line: String,
    folder: PathBuf,
    _server: Server,
}

impl LocalAzure {
    fn start(workspace: &Workspace, programs: &Path) -> Result<Self> {
        let folder = fresh(&workspace.dev_dir().join("proof"))?;
        let mut azure = command(programs.join("local-azure"));
        azure.arg("--dir").arg(&folder);
        let (server, ready_line) = Server::start(
            azure,
            &folder.join("local-azure.log"),
            READY_WITHIN,
            |line| line.starts_with('{').then(|| line.to_owned()),
        )?;
        Ok(Self {
            ready_line,
            folder,
            _server: server,
        })
    }
}

/// A running Longshore on a free port, with the owner's token; gives its URL.
fn longshore(
    workspace: &Workspace,
    programs: &Path,
    azure: &LocalAzure,
) -> Result<(Server, String)> {
    let data = fresh(&workspace.dev_dir().join("proof-data"))?;
    let mut serve = command(programs.join("longshore"));
    serve
        .arg("serve")
        .current_dir(&data)
        .env("LONGSHORE_DATA_DIR", &data)
        .env("LONGSHORE_LISTEN", "127.0.0.1:0")
        .env("LONGSHORE_CLOUD", azure.folder.join("cloud.toml"))
        .env("LONGSHORE_ADMIN_EMAIL", EMAIL)
        .env("LONGSHORE_ADMIN_PASSWORD", PASSWORD)
        .env("LONGSHORE_ADMIN_TOKEN", TOKEN);
    Server::start(serve, &data.join("longshore.log"), READY_WITHIN, |line| {
        line.split_whitespace()
            .find(|word| word.starts_with("http://"))
            .map(|url| url.trim_end_matches('/').to_owned())
    })
}

fn fresh(folder: &Path) -> Result<PathBuf> {
    let _absent = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.to_owned())
}
