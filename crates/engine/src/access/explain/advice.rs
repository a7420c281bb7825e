//! What an access check finds besides refusals: nothing to import, no CORS rule, more rights than
//! needed, an end that is near.

use model::Code;

use super::{
    Answer, Situation,
    commands::{self, Scope},
    roles::{ROLE_TAKES, may_overwrite, whose},
    token::Client,
    word,
};
use crate::{Fix, Problem, Who};

/// Something to tell that no answer of Azure's says by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding<'a> {
    /// A step was not over in this many seconds.
    StepTimedOut(u64),
    /// The clock is off by this much (ours is behind when positive), and Azure would refuse.
    ClockWrong(i64),
    /// The clock is off, and Azure still tolerates it.
    ClockDrifts(i64),
    /// The account's tenant is not the credential's.
    WrongTenant(&'a str),
    /// Blobs can be read, and listing is refused.
    ListNotAllowed,
    ContainerEmpty,
    PrefixMatchesNothing {
        prefix: &'a str,
        /// Names at the container's first level.
        there_is: &'a [String],
    },
    /// Nothing is below the prefix any more, and this can still be restored.
    BlobsSoftDeleted {
        prefix: &'a str,
        deleted: usize,
        /// There may be more than these.
        has_more: bool,
        first: &'a str,
    },
    FilterMatchesNothing {
        filter: &'a str,
        seen: i64,
        example: Option<&'a str>,
    },
    /// Every blob is deeper than the storage looks.
    OnlyFolders {
        folders: i64,
    },
    /// Pages came, and none of the blobs on them would be imported; there are more pages.
    NothingFoundYet {
        seen: i64,
    },
    /// Only folder markers and files of our own.
    NothingToImport {
        seen: i64,
    },
    SomeArchived {
        archived: i64,
        seen: i64,
    },
    CorsMissing {
        origin: &'a str,
    },
    ContainerPublic,
    AccountKey,
    /// The identity of a source may do this to blobs, which reading does not need.
    RoleMoreRights {
        may: &'a str,
    },
    SasMoreRights {
        extra: &'a str,
        needed: &'a str,
    },
    SasAccountWide,
    SasHttpAllowed,
    AppendOnly,
    /// The SAS or certificate ends in this many days.
    ExpiresSoon {
        what: &'a str,
        days: i64,
    },
    CertificateExpired,
}

/// The finding in words.
pub(crate) fn word_finding(finding: &Finding<'_>, at: &Situation<'_>) -> Problem {
    let (account, container) = (at.account(), at.container());
    let (code, cause, fix) = match *finding {
        Finding::StepTimedOut(seconds) => return timed_out(seconds, at),
        Finding::ClockWrong(skew_ms) => {
            let answer = Answer {
                clock_skew_ms: Some(skew_ms),
                ..silent(azure::ErrorKind::CredentialRejected, "")
            };
            let (code, _, fix) = super::network::clock_skew(&answer, at);
            (
                code,
                format!(
                    "The clock of the machine that runs Longshore is {} minutes {} Azure's; from 15 minutes on Azure refuses every signature and token.",
                    skew_ms.abs() / 60_000,
                    side(skew_ms)
                ),
                fix,
            )
        }
        Finding::ClockDrifts(skew_ms) => (
            Code::ClockDrifts,
            format!(
                "The clock of the machine that runs Longshore is {} minutes {} Azure's. It works until 15.",
                skew_ms.abs() / 60_000,
                side(skew_ms)
            ),
            Fix::by(Who::Operator, "The operator sets the clock, for instance with")
                .command("timedatectl set-ntp true"),
        ),
        Finding::WrongTenant(owner) => super::wrong_tenant(Some(owner), at),
        Finding::ContainerEmpty => (
            Code::ContainerEmpty,
            format!("The container {account}/{container} can be listed, and holds no blobs."),
            Fix::by(Who::You, "Upload blobs, or choose another container."),
        ),
        Finding::PrefixMatchesNothing { prefix, there_is } => (
            Code::PrefixMatchesNothing,
            match there_is {
                [] => format!(
                    "The container {account}/{container} can be listed, and no blob's name begins with {prefix:?}: it holds no blobs."
                ),
                names => format!(
                    "The container {account}/{container} can be listed, and no blob's name begins with {prefix:?} (upper and lower case count). It holds: {}.",
                    names.join(", ")
                ),
            },
            Fix::by(Who::You, "Correct the prefix, or upload the blobs first."),
        ),
        Finding::BlobsSoftDeleted {
            prefix,
            deleted,
            has_more,
            first,
        } => (
            Code::BlobsSoftDeleted,
            format!(
                "The container {account}/{container} can be listed, and every blob whose name begins with {prefix:?} has been deleted. Soft-deleted blobs seen, which can still be restored: {}{deleted}.",
                if has_more { "at least " } else { "" }
            ),
            Fix::by(
                Who::AzureAdministrator,
                "Correct the prefix if they were deleted on purpose. Otherwise somebody with Storage Blob Data Contributor restores them before Azure removes them for good, in the portal several at once or one by one with",
            )
            .command(commands::undelete(at, first))
            .portal("Storage account, Containers, the container, Show deleted blobs, Undelete"),
        ),
        Finding::FilterMatchesNothing {
            filter,
            seen,
            example,
        } => (
            Code::FilterMatchesNothing,
            format!(
                "Of {seen} blobs seen none matches the filter {filter:?}{}.",
                example.map_or_else(String::new, |name| format!(", for instance {name:?} does not"))
            ),
            Fix::by(
                Who::You,
                "Correct the filter: a regular expression that must match the blob's whole name from its beginning (folders included), or a glob like *.png.",
            ),
        ),
        Finding::ListNotAllowed => (
            Code::ListNotAllowed,
            format!(
                "The blobs of {account}/{container} can be read, and not listed: the storage serves what tasks name, and a sync fails. Access control lists (ACLs) of a hierarchical namespace do that, and a role younger than 10 minutes."
            ),
            Fix::by(
                Who::AzureAdministrator,
                "To import too, an administrator grants Storage Blob Data Reader on the container, or read and execute on the folders that are listed",
            )
            .command(commands::assign_role(
                at,
                "Storage Blob Data Reader",
                Scope::Container,
            )),
        ),
        Finding::OnlyFolders { folders } => (
            Code::OnlyFolders,
            format!("All blobs are in {folders} folders below, and the storage is not recursive."),
            Fix::by(Who::You, "Switch recursive_scan on, or name one of the folders as prefix."),
        ),
        Finding::NothingFoundYet { seen } => (
            Code::NothingFoundYet,
            format!("None of the first {seen} blobs of {account}/{container} would be imported, and there are more, so that nothing could be read to prove the way."),
            Fix::by(
                Who::You,
                "A sync looks at all of them. To check reading now, name a prefix with blobs that match, or check one blob's address.",
            ),
        ),
        Finding::NothingToImport { seen } => (
            Code::NothingToImport,
            format!("The {seen} blobs seen are folder markers or files that Longshore wrote itself."),
            Fix::by(Who::You, "Upload blobs, or correct the prefix."),
        ),
        Finding::SomeArchived { archived, seen } => (
            Code::SomeBlobsArchived,
            format!("Of {seen} blobs seen {archived} are in the archive tier, which cannot be read."),
            Fix::by(
                Who::AzureAdministrator,
                "Rehydrate them before they are labeled, or leave them out with the filter. One blob",
            )
            .command(commands::rehydrate(at))
            .takes("up to 15 hours"),
        ),
        Finding::CorsMissing { origin } => (
            Code::CorsMissing,
            format!(
                "No CORS rule of the storage account {account} lets pages of {origin} read its blobs, so that the browser shows no media behind pre-signed URLs."
            ),
            Fix::by(
                Who::AzureAdministrator,
                "Switch pre-signed URLs off (presign=false), so that blobs are streamed through Longshore and need no rule; or an administrator adds one (an account has room for five)",
            )
            .command(commands::add_cors(at, origin))
            .portal("Storage account, Settings, Resource sharing (CORS), Blob service")
            .takes("up to a minute"),
        ),
        Finding::ContainerPublic => (
            Code::ContainerPublic,
            format!("Anyone can read the blobs of {account}/{container} without a credential."),
            Fix::by(
                Who::AzureAdministrator,
                "If that is not meant, an administrator ends it",
            )
            .command(format!(
                "az storage container set-permission --account-name {account} --name {} --public-access off --auth-mode key",
                commands::quote(container)
            )),
        ),
        Finding::AccountKey => (
            Code::AccountKeyAllRights,
            format!(
                "An account key can read, change and delete everything in {account}, and cannot be limited."
            ),
            Fix::by(
                Who::You,
                "Use an Azure link, a service principal or a managed identity with a role on this container only.",
            ),
        ),
        Finding::RoleMoreRights { may } => (
            Code::RoleMoreRights,
            format!(
                "{} may {may} the blobs of {account}/{container}. A source is only read: Storage Blob Data Reader is enough.",
                whose(at)
            ),
            Fix::by(
                Who::AzureAdministrator,
                format!(
                    "An administrator first grants Storage Blob Data Reader with the command below, then removes what allows more (az role assignment delete --ids ID) as listed by: {}",
                    commands::list_roles(at)
                ),
            )
            .command(commands::assign_role(at, "Storage Blob Data Reader", Scope::Container))
            .takes(ROLE_TAKES),
        ),
        Finding::SasMoreRights { extra, needed } => (
            Code::SasMoreRights,
            format!("The SAS token allows more than is needed (sp has {extra:?} besides {needed:?})."),
            super::sas::token_with(at, needed),
        ),
        Finding::SasAccountWide => (
            Code::SasAccountWide,
            format!("The SAS token is for the whole account {account}, not for this container."),
            super::sas::token_with(at, "rl"),
        ),
        Finding::SasHttpAllowed => (
            Code::SasHttpAllowed,
            "The SAS token can be used without encryption (spr is not https).".to_owned(),
            super::sas::token_with(at, "rl"),
        ),
        Finding::AppendOnly => (
            Code::AppendOnly,
            "The credential may add blobs and not replace them. New annotations are written; a changed annotation cannot replace its file.".to_owned(),
            may_overwrite(at, "If nothing may ever be overwritten, leave it. Where changed annotations must replace their file"),
        ),
        Finding::ExpiresSoon { what, days } => (
            Code::ExpiresSoon,
            match days {
                ..0 => format!("The {what} has expired."),
                0 => format!("The {what} expires within a day."),
                1 => format!("The {what} expires in 1 day."),
                _ => format!("The {what} expires in {days} days."),
            },
            Fix::by(Who::You, format!("Make a new {what} and enter it before then.")),
        ),
        Finding::CertificateExpired => (
            Code::ClientCertificateExpired,
            "The client certificate has expired, so that Entra ID does not accept it.".to_owned(),
            Fix::by(
                Who::AppOwner,
                "The owner of the app registration makes a new one, and it is entered with its key",
            )
            .command(format!(
                "az ad app credential reset --id {} --append --create-cert",
                commands::quote(Client::of(at).id)
            )),
        ),
    };
    Problem {
        code,
        cause,
        fix,
        azure: None,
    }
}

fn side(skew_ms: i64) -> &'static str {
    if skew_ms > 0 { "behind" } else { "ahead of" }
}

fn silent(kind: azure::ErrorKind, message: &str) -> Answer<'_> {
    Answer {
        kind,
        status: None,
        code: None,
        message,
        request_id: None,
        challenge: None,
        clock_skew_ms: None,
        host: None,
        identity_source: None,
    }
}

/// The managed identity endpoint has its own words: it is this machine that does not answer.
fn timed_out(seconds: u64, at: &Situation<'_>) -> Problem {
    let kind = if at.credential.is_hosts() && at.doing == super::Doing::SignIn {
        azure::ErrorKind::IdentityUnavailable
    } else {
        azure::ErrorKind::TimedOut
    };
    word(
        &silent(kind, &format!("no answer in time ({seconds} seconds)")),
        at,
    )
}
