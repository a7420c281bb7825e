//! An Azurite process: installed by npm when missing, started on a free port, ended with us.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand::RngCore as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The version that the contract tests were written against.
const PACKAGE: &str = "azurite@3.37.0";

/// The package below the directory it is installed in.
const PACKAGE_DIR: &str = "node_modules/azurite";

/// How long Azurite may take to listen; two to three seconds are usual.
const START_LIMIT: Duration = Duration::from_secs(60);

const LAUNCHER: &str = include_str!("azurite.js");

/// A running Azurite, in memory, that takes any account with one key. Dropping it ends it.
pub struct AzuriteProcess {
    endpoint: String,
    key: String,
    _child: Child,
}

impl AzuriteProcess {
    /// Starts Azurite with a random key, installing it with npm when it is missing.
    ///
    /// # Errors
    /// When it cannot be installed, or does not listen in time.
    pub async fn start() -> anyhow::Result<Self> {
        let package = Self::installed().await?;
        let mut bytes = [0; 64];
        rand::rng().fill_bytes(&mut bytes);
        let key = BASE64_STANDARD.encode(bytes);
        let mut child = Command::new("node")
            .args(["-e", LAUNCHER, "--"])
            .arg(package)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0"])
            .args(["--inMemoryPersistence", "--silent", "--disableTelemetry"])
            // Our headers' versions may be newer than Azurite; names with dots are not hosts.
            .args(["--skipApiVersionCheck", "--disableProductStyleUrl"])
            .env("AZURITE_KEY", &key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("starting node")?;
        let stdout = child
            .stdout
            .take()
            .context("azurite has no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, endpoint)) = line.split_once("successfully listens on ") {
                    return Ok(endpoint.trim().to_owned());
                }
            }
            bail!("azurite ended before it listened");
        };
        let endpoint = timeout(START_LIMIT, listening)
            .await
            .context("azurite does not listen")??;
        // Azurite says more later; nobody reading would fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            endpoint,
            key,
            _child: child,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The key of every account, base64.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Azurite's package, in `.dev/azurite` of the repository. Installs it there when it is missing;
    /// processes that find it missing at once take turns.
    ///
    /// # Errors
    /// When npm is missing or fails.
    async fn installed() -> anyhow::Result<PathBuf> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.dev/azurite");
        let package = dir.join(PACKAGE_DIR);
        // npm writes this last of what we need.
        let complete = dir.join("node_modules/.package-lock.json");
        if complete.exists() && package.exists() {
            return Ok(package);
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        let lock = std::fs::File::create(dir.join("install.lock"))?;
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        if !complete.exists() {
            tracing::info!(package = PACKAGE, "installing with npm");
            let npm = Command::new("npm")
                .args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                    "--prefix",
                ])
                .arg(&dir)
                .arg(PACKAGE)
                .stdin(Stdio::null())
                .output()
                .await
                .context("running npm (Azurite needs Node.js and npm)")?;
            ensure!(
                npm.status.success() && package.exists(),
                "npm install {PACKAGE} failed: {}",
                String::from_utf8_lossy(&npm.stderr)
            );
        }
        drop(lock);
        Ok(package)
    }
}
