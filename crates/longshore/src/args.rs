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
    /// Say what works with a storage or a container and what does not, and who fixes it how
    #[command(
        after_help = "Exit codes: 0 it works (perhaps with advice), 1 the check could not be made, 2 wrong usage, 3 something failed, 4 granted and not yet effective, 5 unknown."
    )]
    Check(CheckArgs),
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
    /// Organizations
    #[command(subcommand)]
    Organization(OrganizationCommand),
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

/// `longshore check`.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// Number of a saved storage, or URL of a container, a folder (ending in `/`) or a blob
    #[arg(value_name = "STORAGE or URL")]
    pub target: String,
    /// Credential for a URL; a SAS token in the URL needs none of these
    #[arg(long, value_enum, default_value_t = CheckAuth::Anonymous)]
    pub auth: CheckAuth,
    /// Tenant of a service principal or an Azure link
    #[arg(long, value_name = "ID")]
    pub tenant_id: Option<String>,
    /// App of a service principal, or a user-assigned managed identity
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// File with the account key, SAS token, client secret, or certificate and key (PEM); `-` reads
    /// standard input. An argument would be seen by every program of the machine
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Check a URL as a target: writes and deletes one small blob
    #[arg(long)]
    pub target_storage: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Origin of the pages that will show the media; the public URL's when there is one
    #[arg(long, value_name = "URL")]
    pub origin: Option<Url>,
    /// Seconds that one check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub timeout: u64,
    /// A role was granted just now: check again until it acts, at most this many seconds (10
    /// minutes without a number)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub wait: Option<u64>,
}

/// What a checked URL is reached with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckAuth {
    /// Nothing
    Anonymous,
    /// A SAS token
    Sas,
    /// An account key
    Key,
    /// A service principal
    ServicePrincipal,
    /// A managed identity of this machine
    ManagedIdentity,
    /// Longshore's own app
    AzureLink,
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
pub enum OrganizationCommand {
    /// Add an organization with its owner; prints a generated password once, unless one is piped in
    Create {
        name: String,
        #[arg(long, value_name = "EMAIL")]
        owner: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
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
    /// Make an e-mail address free, of whichever organization its account is, for somebody who is
    /// invited with it. The account goes on under an address that is printed
    Release { email: String },
    /// Give a member a new password and end their sessions; prints a generated one once, unless one
    /// is piped in. `--as` an owner of their organization, when it is not the first
    SetPassword {
        email: String,
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
    /// Make a new sealing key and seal every stored secret with it. Running servers go on: they
    /// read the key file again
    Rotate {
        /// Make no new key: only seal again what older keys have sealed
        #[arg(long)]
        reseal: bool,
    },
    /// Say which keys are in use, and which lines of the key file can be removed
    Status,
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
