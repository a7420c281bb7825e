//! Azurite (Microsoft's emulator, from npm) as an independent blob server.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use tempfile::TempDir;

use crate::{Account, Child};

/// A running Azurite with its well-known development account.
#[derive(Debug)]
pub struct Azurite {
    pub url: String,
    _child: Child,
    _folder: TempDir,
}

impl Azurite {
    pub const ACCOUNT: &str = "devstoreaccount1";
    /// Published by Microsoft for every Azurite; not a secret.
    pub const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// A cloud profile whose accounts are this Azurite's.
    pub fn cloud_profile(&self) -> String {
        format!(
            "name = \"azurite\"\nauthority = \"https://login.microsoftonline.com\"\nblob_endpoint = \"{}/{{account}}\"\n\
             uri_suffix = \"blob.core.windows.net\"\nstorage_resource = \"https://storage.azure.com\"\n\
             federated_audience = \"api://AzureADTokenExchange\"\nimds_base = \"http://169.254.169.254\"\n",
            self.url
        )
    }

    /// A private container.
    ///
    /// # Errors
    /// Azurite's refusal.
    pub async fn create_container(&self, name: &str) -> anyhow::Result<()> {
        let account = Account {
            name: Self::ACCOUNT.into(),
            key: Self::KEY.into(),
            scope: String::new(),
        };
        let url = format!(
            "{}/{}/{name}?restype=container&{}",
            self.url,
            Self::ACCOUNT,
            account.sas("rwdlac")
        );
        let request = reqwest::Client::new()
            .put(url)
            .header("x-ms-version", "2022-11-02");
        let answer = request.send().await?;
        anyhow::ensure!(answer.status() == 201, "{name}: {}", answer.text().await?);
        Ok(())
    }

    /// Starts the Azurite that `cargo xtask setup` installed below `dev_dir`.
    ///
    /// # Errors
    /// Says how to install it when it is not there.
    pub fn start(dev_dir: &Path) -> anyhow::Result<Self> {
        let script = dev_dir.join("azurite/node_modules/azurite/dist/src/blob/main.js");
        anyhow::ensure!(
            script.exists(),
            "Azurite is not installed; run: cargo xtask setup"
        );
        let folder = TempDir::new()?;
        // Azurite cannot tell which port it chose: take a free one and give it that.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(dev_dir.join("bin/node"));
        command
            .arg(script)
            .args([
                "--silent",
                "--skipApiVersionCheck",
                "--inMemoryPersistence",
                "--blobHost",
                "127.0.0.1",
            ])
            .args(["--blobPort", &port.to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null());
        let (child, ()) = Child::start(command, &folder.path().join("azurite.log"), |line| {
            line.contains("successfully listens").then_some(())
        })
        .context("starting Azurite")?;
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            anyhow::ensure!(
                start.elapsed() < Duration::from_secs(30),
                "Azurite does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            _child: child,
            _folder: folder,
        })
    }
}
