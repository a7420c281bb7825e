//! The `local-azure` program and what it leaves in its directory.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use local_azure::{LocalAzure, Options};
use serde_json::Value;

/// Ends the program whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-azure"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn it_says_where_it_listens_and_that_it_is_not_azure() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("azure");
    let mut running = Running(program().arg("--dir").arg(&dir).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    for (field, scheme) in [
        ("entra", "https"),
        ("blob", "https"),
        ("blob_http", "http"),
        ("imds", "http"),
        ("control", "http"),
    ] {
        let url = ready[field].as_str().unwrap();
        assert!(url.starts_with(&format!("{scheme}://127.0.0.1:")), "{url}");
    }
    assert!(
        ready["identity_endpoint"]
            .as_str()
            .unwrap()
            .ends_with("/msi/token")
    );
    assert!(!ready["identity_header"].as_str().unwrap().is_empty());

    let profile = std::fs::read_to_string(ready["cloud_file"].as_str().unwrap()).unwrap();
    let profile: toml::Table = toml::from_str(&profile).unwrap();
    let text = |field: &str| profile[field].as_str().unwrap().to_owned();
    assert_eq!(text("name"), "local");
    assert_eq!(text("authority"), ready["entra"]);
    assert_eq!(
        text("blob_endpoint"),
        format!("{}/{{account}}", ready["blob"].as_str().unwrap())
    );
    assert_eq!(text("uri_suffix"), "blob.core.windows.net");
    assert_eq!(text("storage_resource"), "https://storage.azure.com");
    assert_eq!(text("federated_audience"), "api://AzureADTokenExchange");
    assert_eq!(text("imds_base"), ready["imds"]);
    assert_eq!(text("extra_ca_file"), ready["ca_file"]);
    assert!(Path::new(&text("extra_ca_file")).is_absolute());

    running.0.kill().unwrap();
    let mut banner = String::new();
    running
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut banner)
        .unwrap();
    assert!(banner.contains("NOT Azure"), "{banner}");
}

#[test]
fn it_refuses_to_leave_loopback() {
    for host in ["0.0.0.0", "::", "10.0.0.1"] {
        let output = program().args(["--host", host]).output().unwrap();
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.contains(&format!("refusing to listen on {host}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_directory_keeps_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let options = Options {
            dir: Some(folder.path().to_owned()),
            ..Options::default()
        };
        LocalAzure::start(options).await.unwrap()
    };
    let first = start().await;
    let client = crate::support::client(&first);
    let second = start().await;
    for azure in [&first, &second] {
        let entra = &azure.endpoints().entra;
        for host in [entra.clone(), entra.replace("127.0.0.1", "localhost")] {
            let keys = client.get(format!("{host}/common/discovery/keys"));
            assert_eq!(keys.send().await.unwrap().status(), 200, "{host}");
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = Options {
        port: Some(port),
        ..Options::default()
    };
    let error = LocalAzure::start(options).await.err().unwrap();
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error:#}"
    );
}
