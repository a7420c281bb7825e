//! The settings: `longshore.toml`, then `LONGSHORE_*`, then flags. A key that nobody knows is an
//! error, because it is a setting that somebody believes in.
//!
//! The environment's names are the file's keys in capitals: `LONGSHORE_DATA_DIR` is `data_dir`.

mod host;

use std::{
    fmt::{self, Write as _},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use azure::HostIdentity;
use model::{Secret, budgets};
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};
use url::Url;

use crate::args::Flags;
pub use host::Host;

mod database_url;

const FILE: &str = "longshore.toml";
const PREFIX: &str = "LONGSHORE_";
/// A hundred years: more is a slip of the finger.
const MOST_DAYS: u64 = 36_500;
/// The first organization's name, when nobody chooses one.
const ORGANIZATION: &str = "Longshore";

/// Every setting, with its default filled in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where people reach the server, exactly; `http://` and the address when not set.
    #[serde(deserialize_with = "url")]
    pub public_url: Option<Url>,
    /// Another host name of this server, for media alone.
    #[serde(deserialize_with = "url")]
    pub media_url: Option<Url>,
    pub data_dir: PathBuf,
    /// `sqlite://` in the data directory when not set.
    #[serde(deserialize_with = "secret")]
    pub database_url: Option<Secret>,
    #[serde(deserialize_with = "number")]
    pub database_connections: u64,
    /// The first owner, created at the first start; else a link is printed that makes them.
    pub admin_email: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub admin_password: Option<Secret>,
    /// A fixed API token of the first owner.
    #[serde(deserialize_with = "secret")]
    pub admin_token: Option<Secret>,
    /// In whose name commands act; the first owner's when not set.
    pub operator_email: Option<String>,
    /// Name of the first organization.
    pub organization: String,
    /// `public`, `usgov`, `china`, or the path of a cloud profile.
    pub cloud: String,
    /// The app registration behind every Azure link, with one of the three proofs below.
    pub app_client_id: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub app_client_secret: Option<Secret>,
    /// PEM with certificate and private key.
    pub app_certificate_file: Option<PathBuf>,
    /// `managed-identity` (the system-assigned one) or `managed-identity:CLIENT_ID`.
    pub app_federated: Option<String>,
    /// One sealing key a line, the current first; `secret.key` in the data directory when not set.
    pub secret_key_file: Option<PathBuf>,
    /// What thumbnails may take in the data directory; the oldest go first.
    #[serde(deserialize_with = "number")]
    pub thumbnail_cache_mib: u64,
    /// Largest body of an import.
    #[serde(deserialize_with = "number")]
    pub import_limit_mib: u64,
    /// Largest body of a task or an annotation.
    #[serde(deserialize_with = "number")]
    pub body_limit_mib: u64,
    /// How long a client may take for a request's head, and pause within its body.
    #[serde(deserialize_with = "number")]
    pub request_timeout_seconds: u64,
    /// How long a whole body may take.
    #[serde(deserialize_with = "number")]
    pub body_timeout_seconds: u64,
    #[serde(deserialize_with = "number")]
    pub max_connections: u64,
    /// Header in which a reverse proxy puts the client's address, such as `x-forwarded-for`: needed
    /// behind one.
    pub client_address_header: Option<String>,
    /// Days that entries of the audit log are kept; for ever when not set.
    #[serde(deserialize_with = "some_number")]
    pub audit_retention_days: Option<u64>,
    /// Opens `/metrics` to whoever sends it as a bearer token; without it only the machine itself.
    #[serde(deserialize_with = "secret")]
    pub metrics_token: Option<Secret>,
    /// Syncs and exports at once in this process.
    #[serde(deserialize_with = "number")]
    pub worker_jobs: u64,
    /// What is logged: `info`, `debug`, or per module as in `info,engine=debug`.
    pub log: String,
    /// What Azure and Kubernetes put into a process's environment.
    #[serde(skip)]
    pub host: Host,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            media_url: None,
            data_dir: PathBuf::from("longshore-data"),
            database_url: None,
            database_connections: 16,
            admin_email: None,
            admin_password: None,
            admin_token: None,
            operator_email: None,
            organization: ORGANIZATION.to_owned(),
            cloud: "public".to_owned(),
            app_client_id: None,
            app_client_secret: None,
            app_certificate_file: None,
            app_federated: None,
            secret_key_file: None,
            thumbnail_cache_mib: 1_024,
            import_limit_mib: budgets::IMPORT_BODY >> 20,
            body_limit_mib: budgets::WORK_BODY >> 20,
            request_timeout_seconds: 30,
            body_timeout_seconds: 300,
            max_connections: budgets::CONNECTIONS as u64,
            client_address_header: None,
            audit_retention_days: None,
            metrics_token: None,
            worker_jobs: 4,
            log: "info".to_owned(),
            host: Host::default(),
        }
    }
}

impl Config {
    /// Reads the file, the environment and the flags, in this order; the last one wins.
    ///
    /// # Errors
    /// With the key's or variable's name, when it is unknown or its value does not fit.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let mut own = Table::new();
        let mut host = Host::default();
        let mut file = None;
        for (name, value) in environment {
            if value.is_empty() {
                continue;
            }
            match name.strip_prefix(PREFIX) {
                Some("CONFIG") => file = Some(PathBuf::from(value)),
                Some(key) => {
                    own.insert(key.to_ascii_lowercase(), Value::String(value));
                }
                None => host.take(&name, value),
            }
        }
        let mut settings = read_file(flags.config.as_deref().or(file.as_deref()))?;
        // Checked alone, so that an error says where the setting stands.
        Self::of(&settings).context("in the configuration file")?;
        settings.extend(own);
        Self::of(&settings).context("in the environment (LONGSHORE_…)")?;
        flags.put_into(&mut settings);
        let mut config = Self::of(&settings).context("on the command line")?;
        config.host = host;
        config.check()?;
        Ok(config)
    }

    fn of(settings: &Table) -> anyhow::Result<Self> {
        Ok(settings.clone().try_into()?)
    }

    fn check(&self) -> anyhow::Result<()> {
        self.check_media_url()?;
        let proofs = [
            self.app_client_secret.is_some(),
            self.app_certificate_file.is_some(),
            self.app_federated.is_some(),
        ];
        match (
            &self.app_client_id,
            proofs.iter().filter(|set| **set).count(),
        ) {
            (Some(_), 1) | (None, 0) => {}
            (Some(_), _) => bail!(
                "app_client_id needs exactly one of app_client_secret, app_certificate_file and app_federated"
            ),
            (None, _) => bail!("an app's proof is set, and app_client_id is not"),
        }
        if self.admin_email.is_some() != self.admin_password.is_some() {
            bail!("admin_email and admin_password go together");
        }
        if self
            .audit_retention_days
            .is_some_and(|days| days > MOST_DAYS)
        {
            bail!(
                "audit_retention_days is at most {MOST_DAYS}; leave it out to keep entries for ever"
            );
        }
        if self
            .metrics_token
            .as_ref()
            .is_some_and(|token| token.expose().len() < 16)
        {
            bail!(
                "metrics_token needs 16 characters or more; `openssl rand -hex 20` makes a good one"
            );
        }
        if self.admin_token.is_some() && self.admin_email.is_none() {
            bail!(
                "admin_token is a token of the first owner: set admin_email and admin_password too"
            );
        }
        Ok(())
    }

    fn check_media_url(&self) -> anyhow::Result<()> {
        let Some(media) = &self.media_url else {
            return Ok(());
        };
        let Some(public) = &self.public_url else {
            bail!("media_url needs public_url too: its answers name the pages that may read them");
        };
        if media.host_str() == public.host_str() {
            bail!(
                "media_url needs another host name than public_url: browsers send cookies to every port of a host"
            );
        }
        if public.scheme() == "https" && media.scheme() != "https" {
            bail!(
                "media_url must begin with https:// as public_url does: browsers load nothing else in such pages"
            );
        }
        if media.path() != "/" || media.query().is_some() {
            bail!(
                "media_url is a scheme, a host and maybe a port, such as https://media.example.com"
            );
        }
        Ok(())
    }

    /// Where the server is reached when it listens on `bound`. Nobody can open the address that
    /// means all of them: then it is this machine's own name.
    pub fn public_url(&self, bound: SocketAddr) -> anyhow::Result<Url> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None if bound.ip().is_unspecified() => {
                Url::parse(&format!("http://localhost:{}/", bound.port()))
                    .context("the listen address")
            }
            None => Url::parse(&format!("http://{bound}/")).context("the listen address"),
        }
    }

    /// The database's URL, with its password if it has one.
    pub fn database_url(&self) -> Secret {
        self.database_url.clone().unwrap_or_else(|| {
            Secret::new(format!(
                "sqlite://{}",
                self.data_dir.join("longshore.db").display()
            ))
        })
    }

    /// What the first-run page suggests: the operator's own choice, or nothing.
    pub fn suggested_organization(&self) -> &str {
        match self.organization.as_str() {
            ORGANIZATION => "",
            chosen => chosen,
        }
    }

    pub fn secret_key_file(&self) -> PathBuf {
        self.secret_key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("secret.key"))
    }

    /// The host's identities, for the azure crate.
    pub fn host_identity(&self) -> HostIdentity {
        HostIdentity {
            imds_base: self.host.imds_base.clone(),
            identity_endpoint: self.host.identity_endpoint.clone(),
            identity_header: self.host.identity_header.clone(),
            identity_server_thumbprint: self.host.identity_server_thumbprint.clone(),
            imds_endpoint: self.host.imds_endpoint.clone(),
            msi_endpoint: self.host.msi_endpoint.clone(),
            msi_secret: self.host.msi_secret.clone(),
            default_identity_client_id: self.host.default_identity_client_id.clone(),
            federated_token_file: self.host.federated_token_file.clone(),
            client_id: self.host.client_id.clone(),
            tenant_id: self.host.tenant_id.clone(),
        }
    }
}

impl Flags {
    fn put_into(&self, settings: &mut Table) {
        let path = |path: &PathBuf| path.display().to_string();
        for (key, value) in [
            ("listen", self.listen.map(|address| address.to_string())),
            ("public_url", self.public_url.clone().map(String::from)),
            ("data_dir", self.data_dir.as_ref().map(path)),
            ("database_url", self.database_url.clone()),
            ("cloud", self.cloud.clone()),
            ("operator_email", self.operator_email.clone()),
        ] {
            if let Some(value) = value {
                settings.insert(key.to_owned(), Value::String(value));
            }
        }
    }
}

fn read_file(named: Option<&Path>) -> anyhow::Result<Table> {
    let path = named.unwrap_or(Path::new(FILE));
    match fs::read_to_string(path) {
        Ok(text) => text.parse().with_context(|| path.display().to_string()),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Table::new())
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// A number, also as the environment spells it.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u64),
        Text(String),
    }
    let wrong = || serde::de::Error::custom("a whole number, 1 or more, is expected");
    match Number::deserialize(deserializer).map_err(|_| wrong())? {
        Number::Number(number) => Some(number),
        Number::Text(text) => text.trim().parse().ok(),
    }
    .filter(|number| *number > 0)
    .ok_or_else(wrong)
}

fn some_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    number(deserializer).map(Some)
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
        Ok(_) => Err(serde::de::Error::custom(
            "an address that begins with http:// or https:// is expected",
        )),
        Err(error) => Err(serde::de::Error::custom(format!("not an address: {error}"))),
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Secret::new(text)))
}

/// The settings in effect as TOML; secrets as `REDACTED`, what is not set as a comment.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        let mut set = |key: &str, value: Option<String>| match value {
            Some(value) => writeln!(out, "{key} = {}", Value::String(value)),
            None => writeln!(out, "# {key} is not set"),
        };
        let path = |path: &PathBuf| path.display().to_string();
        let hidden = |secret: &Option<Secret>| secret.as_ref().map(|_| "REDACTED".to_owned());
        set("listen", Some(self.listen.to_string()))?;
        set("public_url", self.public_url.clone().map(String::from))?;
        set("media_url", self.media_url.clone().map(String::from))?;
        set("data_dir", Some(path(&self.data_dir)))?;
        set(
            "database_url",
            Some(database_url::without_password(&self.database_url())),
        )?;
        set("admin_email", self.admin_email.clone())?;
        set("admin_password", hidden(&self.admin_password))?;
        set("admin_token", hidden(&self.admin_token))?;
        set("operator_email", self.operator_email.clone())?;
        set("organization", Some(self.organization.clone()))?;
        set("cloud", Some(self.cloud.clone()))?;
        set("app_client_id", self.app_client_id.clone())?;
        set("app_client_secret", hidden(&self.app_client_secret))?;
        set(
            "app_certificate_file",
            self.app_certificate_file.as_ref().map(path),
        )?;
        set("app_federated", self.app_federated.clone())?;
        set("secret_key_file", Some(path(&self.secret_key_file())))?;
        set("client_address_header", self.client_address_header.clone())?;
        set(
            "audit_retention_days",
            self.audit_retention_days.map(|days| days.to_string()),
        )?;
        set("metrics_token", hidden(&self.metrics_token))?;
        set("log", Some(self.log.clone()))?;
        for (key, number) in [
            ("database_connections", self.database_connections),
            ("thumbnail_cache_mib", self.thumbnail_cache_mib),
            ("import_limit_mib", self.import_limit_mib),
            ("body_limit_mib", self.body_limit_mib),
            ("request_timeout_seconds", self.request_timeout_seconds),
            ("body_timeout_seconds", self.body_timeout_seconds),
            ("max_connections", self.max_connections),
            ("worker_jobs", self.worker_jobs),
        ] {
            writeln!(out, "{key} = {number}")?;
        }
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fuzz;
