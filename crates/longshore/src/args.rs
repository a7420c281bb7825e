//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use model::{Role, StorageId};
use url::Url;

/// Azure Blob Storage for labeling projects: blobs in as tasks, annotations back as blobs.
#[derive(Parser)]
#[command(version, about)]
pub struct Args {
    #[command(flatten)]
    pub settings: Flags,
    #[command(subcommand)]
    pub command: Command,
}

/// Settings that flags can give; they win over the environment and the file.
#[derive(clap::Args, Default)]
pub struct Flags {
    /// Configuration file; `longshore.toml` in the working directory when it is there
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where people reach the server
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<Url>,
    /// Folder of the database and the secret key
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// `sqlite://PATH` or `postgres://…`
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// `public`, `usgov`, `china`, or the path of a cloud profile
    #[arg(long, global = true, value_name = "CLOUD")]
    pub cloud: Option<String>,
    /// E-mail of the member in whose name and organization a command acts; the first owner's
    #[arg(long = "as", global = true, value_name = "EMAIL")]
    pub operator_email: Option<String>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve the API and pages, and run the background work
    Serve {
        /// What this process does
        #[arg(long, value_enum, default_value_t = ServeRole::All)]
        role: ServeRole,
    },
    /// Create the database or bring it to this version
    Migrate,
    /// Start a sync of a source storage
    Sync {
        storage: StorageId,
        /// Work on it here, show the progress, and end with it
        #[arg(long)]
        follow: bool,
    },
    /// Start a full export to a target storage
    Export {
        storage: StorageId,
        /// Work on it here, show the progress, and end with it
        #[arg(long)]
        follow: bool,
    },
    /// Members
    #[command(subcommand)]
    User(UserCommand),
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Stored secrets
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Tenants that may be read with Longshore's own app
    #[command(subcommand)]
    AzureLink(AzureLinkCommand),
    /// Print the API's OpenAPI document
    Openapi,
}

/// What a serving process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServeRole {
    /// Requests and background work
    All,
    /// Requests only
    Api,
    /// Background work only
    Worker,
}

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a person to the organization; prints a generated password once, unless one is piped in
    Create {
        email: String,
        #[arg(long, default_value = "")]
        first_name: String,
        #[arg(long, default_value = "")]
        last_name: String,
        /// `owner`, `manager`, `annotator` or `read_only`
        #[arg(long, default_value = "annotator", value_parser = role)]
        role: Role,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "use owner, manager, annotator or read_only".to_owned())
}

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make an API token (`Authorization: Token …`) of a person; printed once
    Create { email: String },
}

#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print the settings in effect, without their secrets
    Print,
}

#[derive(Subcommand)]
pub enum SecretsCommand {
    /// Make a new sealing key and seal every stored secret with it
    Rotate,
}

#[derive(Subcommand)]
pub enum AzureLinkCommand {
    /// Link a tenant whose administrator has consented to the app
    Add {
        #[arg(long)]
        tenant_id: String,
    },
    /// Unlink a tenant: from now on no token of it is used
    Remove {
        #[arg(long)]
        tenant_id: String,
    },
    /// The linked tenants
    List,
}
