//! A running Longshore and its REST API, as a script would use it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::Context;
use reqwest::{Method, redirect};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Child, programs};

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `longshore`; the built one when absent.
    pub program: Option<PathBuf>,
    /// The data folder; a temporary one when absent.
    pub data_dir: Option<PathBuf>,
    /// More environment, such as `LONGSHORE_DATABASE_URL`.
    pub environment: Vec<(String, String)>,
    /// `all`, `api` or `worker`; `all` when absent.
    pub role: Option<&'static str>,
    /// Nobody can sign in yet: the first owner is made by the link that it prints.
    pub is_new: bool,
}

/// A running `longshore serve`.
#[derive(Debug)]
pub struct Longshore {
    pub url: String,
    /// The path of the first run's link, of one that is new.
    pub first_run: Option<String>,
    pub child: Child,
    pub data_dir: PathBuf,
    http: reqwest::Client,
    settings: Settings,
    cloud_file: PathBuf,
    _folder: Option<TempDir>,
}

/// A status and a body; `Null` when the body is not JSON (its text is in [`Answer::text`]).
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
    pub text: String,
}

impl Longshore {
    pub const EMAIL: &str = "owner@longshore.example";
    pub const PASSWORD: &str = "correct horse battery staple";
    pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

    /// Starts it on a free port of the loopback, against the cloud of `cloud_file`.
    ///
    /// # Errors
    /// Its log's end, when it does not become ready.
    pub fn start(cloud_file: &Path, settings: Settings) -> anyhow::Result<Self> {
        let (folder, data_dir) = match &settings.data_dir {
            Some(given) => (None, given.clone()),
            None => {
                let folder = TempDir::new()?;
                let path = folder.path().join("data");
                (Some(folder), path)
            }
        };
        std::fs::create_dir_all(&data_dir)?;
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        let (child, (url, first_run)) = spawn(cloud_file, &settings, &data_dir)?;
        Ok(Self {
            url,
            first_run,
            child,
            data_dir,
            http,
            settings,
            cloud_file: cloud_file.to_owned(),
            _folder: folder,
        })
    }

    /// Kills it as a power cut would and starts it again on the same data.
    ///
    /// # Errors
    /// As [`Longshore::start`].
    pub fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        self.child.kill();
        let (child, (url, first_run)) = spawn(&self.cloud_file, &self.settings, &self.data_dir)?;
        (self.child, self.url, self.first_run) = (child, url, first_run);
        Ok(())
    }

    /// Runs another `longshore` command on the same data and settings.
    ///
    /// # Errors
    /// When it cannot be started; a failing command is an `Output` with its code.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = command(&self.cloud_file, &self.settings, &self.data_dir);
        command.args(arguments);
        command.output().context("running longshore")
    }

    /// A request with the owner's token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path)
            .header("Authorization", format!("Token {}", Self::TOKEN))
    }

    /// A request without credentials.
    pub fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Sends and reads the whole answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8_lossy(&response.bytes().await?).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            headers,
            json,
            text,
        })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Self::answer(self.request(Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        Self::answer(self.request(Method::POST, path).json(body)).await
    }

    /// `PATCH path` with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        Self::answer(self.request(Method::PATCH, path).json(body)).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        Self::answer(self.request(Method::DELETE, path)).await
    }
}

impl Answer {
    /// The body, when the status is the expected one.
    ///
    /// # Errors
    /// The whole answer, when it is another.
    pub fn expect(self, status: u16) -> anyhow::Result<Value> {
        anyhow::ensure!(
            self.status == status,
            "expected {status}, got {}: {}",
            self.status,
            self.text
        );
        Ok(self.json)
    }
}

fn command(cloud_file: &Path, settings: &Settings, data_dir: &Path) -> Command {
    let program = settings
        .program
        .clone()
        .unwrap_or_else(|| programs().longshore.clone());
    // Absolute, because it runs in its data folder, where no `longshore.toml` of anyone's is found.
    let program = program.canonicalize().unwrap_or(program);
    let mut command = Command::new(program);
    command
        .current_dir(data_dir)
        .env("LONGSHORE_DATA_DIR", data_dir)
        .env("LONGSHORE_LISTEN", "127.0.0.1:0")
        .env("LONGSHORE_CLOUD", cloud_file);
    if !settings.is_new {
        command
            .env("LONGSHORE_ADMIN_EMAIL", Longshore::EMAIL)
            .env("LONGSHORE_ADMIN_PASSWORD", Longshore::PASSWORD)
            .env("LONGSHORE_ADMIN_TOKEN", Longshore::TOKEN);
    }
    let more = settings.environment.iter();
    command.envs(more.map(|(name, value)| (name, value)));
    command
}

/// Its address, and the path of the first run's link if it is new.
fn spawn(
    cloud_file: &Path,
    settings: &Settings,
    data_dir: &Path,
) -> anyhow::Result<(Child, (String, Option<String>))> {
    let mut command = command(cloud_file, settings, data_dir);
    command.args(["serve", "--role", settings.role.unwrap_or("all")]);
    let is_new = settings.is_new;
    Child::start(command, &data_dir.join("longshore.log"), move |line| {
        let mut words = line.split_whitespace();
        let address = words.find(|word| word.starts_with("http://"))?;
        match address.find("/first-run/") {
            Some(at) => Some((address[..at].to_owned(), Some(address[at..].to_owned()))),
            None if is_new => None,
            None => Some((address.trim_end_matches('/').to_owned(), None)),
        }
    })
}
