//! Azure's failures in words: what the answer means here, and who does what about it.
//!
//! The only place that words them. It never guesses: an answer that is not in the table is
//! reported as "Azure answered CODE (status)". The table follows Microsoft's "Storage error
//! codes", "SAS error codes", "Troubleshoot 403" and "Entra authentication error codes".

mod advice;
mod commands;
mod entra_numbers;
mod identity;
mod listing;
mod network;
mod roles;
mod sas;
mod storage_codes;
#[cfg(test)]
mod tests;
mod token;

use azure::{Challenge, Cloud, ErrorKind};
use model::{AccountName, BlobName, Code, ContainerName, Credential, IdentitySource};

use crate::{AzureAnswer, Fix, Problem, Who};
pub(crate) use advice::{Finding, word_finding};
pub(crate) use listing::repeats as listing_repeats;
use roles::{delegator_missing, may_overwrite, role_missing};

/// What was being done when Azure refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Listing a container.
    List,
    /// Reading a blob or its properties.
    Read,
    /// Reading a blob with a pre-signed URL that was made a moment ago, and nothing else.
    ReadSigned,
    /// Writing a blob.
    Write,
    /// Deleting a blob.
    Delete,
    /// Getting a user delegation key, which signs keyless SAS.
    Sign,
    /// Getting a token, or reaching the account at all.
    SignIn,
}

/// Who was doing what, and where: fills the sentences and the commands.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub cloud: &'a Cloud,
    /// Account and container; a sign-in has none.
    pub place: Option<(&'a AccountName, &'a ContainerName)>,
    pub blob: Option<&'a BlobName>,
    pub credential: &'a Credential,
    /// Client id of Longshore's own app registration, when the operator has set one.
    pub app_client_id: Option<&'a str>,
    pub doing: Doing,
}

/// What is not known is in CAPITALS, as in every command.
impl Situation<'_> {
    fn account(&self) -> &str {
        self.place
            .map_or("ACCOUNT", |(account, _)| account.as_str())
    }

    fn container(&self) -> &str {
        self.place
            .map_or("CONTAINER", |(_, container)| container.as_str())
    }
}

/// The parts of an [`azure::Error`] that the table reads.
#[derive(Clone, Copy, Debug)]
struct Answer<'a> {
    kind: ErrorKind,
    status: Option<u16>,
    code: Option<&'a str>,
    message: &'a str,
    request_id: Option<&'a str>,
    challenge: Option<&'a Challenge>,
    clock_skew_ms: Option<i64>,
    /// Asked in vain.
    host: Option<&'a str>,
    /// The managed identity endpoint that was asked.
    identity_source: Option<IdentitySource>,
}

/// What a failure means and what to do about it.
pub fn explain(error: &azure::Error, situation: &Situation<'_>) -> Problem {
    word(
        &Answer {
            kind: error.kind(),
            status: error.status(),
            code: error.code(),
            message: error.message(),
            request_id: error.request_id(),
            challenge: error.challenge(),
            clock_skew_ms: error.clock_skew_ms(),
            host: error.host(),
            identity_source: error.identity_source(),
        },
        situation,
    )
}

/// One row of the table: the code, the cause, the fix.
type Row = (Code, String, Fix);

fn word(answer: &Answer<'_>, at: &Situation<'_>) -> Problem {
    let (code, cause, fix) = row(answer, at);
    Problem {
        code,
        cause,
        fix,
        azure: (answer.status.is_some() || answer.code.is_some()).then(|| AzureAnswer {
            status: answer.status,
            code: answer.code.map(str::to_owned),
            message: model::redact(answer.message).into_owned(),
            request_id: answer.request_id.map(str::to_owned),
        }),
    }
}

fn row(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    let (account, container) = (at.account(), at.container());
    if let Some(row) = sas::one_blob_only(answer, at)
        .or_else(|| sas::signed_by_us(answer, at))
        .or_else(|| storage_codes::row(answer, at))
    {
        return row;
    }
    match answer.kind {
        ErrorKind::ContainerNotFound if answer.code == Some("ContainerBeingDeleted") => (
            Code::ContainerBeingDeleted,
            format!("The container {container} of {account} is being deleted."),
            Fix::by(
                Who::You,
                "Wait until it is gone (at least 30 seconds) and create it again, or choose another container",
            )
            .command(commands::create_container(at))
            .takes("at least 30 seconds"),
        ),
        ErrorKind::ContainerNotFound => (
            Code::ContainerNotFound,
            format!("The storage account {account} has no container {container}."),
            Fix::by(Who::You, "Correct the container's name, or create it")
                .command(commands::create_container(at)),
        ),
        ErrorKind::AccountNotFound => network::account_not_found(at),
        // Not a word about a blob, where none was asked for.
        ErrorKind::NotFound if matches!(at.doing, Doing::List | Doing::Sign | Doing::SignIn) => (
            Code::ContainerNotFound,
            format!(
                "Azure shows no container {container} in {account} to this credential: it is not there, or it may not be known to whoever asks so (without a credential, or with a SAS token of before 2015)."
            ),
            Fix::by(Who::You, "Correct the container's name, give another credential, or create it")
                .command(commands::create_container(at)),
        ),
        ErrorKind::NotFound => (
            Code::BlobNotFound,
            format!("{} does not exist in {account}/{container}.", the_blob(at)),
            Fix::by(
                Who::You,
                "It was deleted or renamed in Azure; put it back, or sync the storage again.",
            ),
        ),
        ErrorKind::CredentialRejected => rejected(answer, at),
        ErrorKind::TokenRefused => token::refused(answer, at),
        ErrorKind::IdentityUnavailable => identity::unavailable(answer, at),
        ErrorKind::IdentityNotSelectable
        | ErrorKind::IdentityKeyRefused
        | ErrorKind::IdentityKeyUnreadable
        | ErrorKind::IdentityHostUnsupported => identity::not_asked(answer),
        ErrorKind::WrongTenant => wrong_tenant(
            answer
                .challenge
                .map(|challenge| challenge.tenant_id.as_str()),
            at,
        ),
        ErrorKind::RoleMissing | ErrorKind::Firewall
            if matches!(at.credential, Credential::Sas { .. }) && sas::is_field(answer) =>
        {
            sas::rejected(answer, at)
        }
        ErrorKind::RoleMissing => match at.credential {
            Credential::Sas { token } => sas::permission_missing(answer, token.expose(), at),
            _ if at.doing == Doing::Sign => delegator_missing(at),
            _ => role_missing(at),
        },
        ErrorKind::Firewall => network::firewall(at),
        ErrorKind::NotAzure => network::not_azure(answer, at),
        ErrorKind::SharedKeyDisabled => (
            Code::SharedKeyDisabled,
            format!(
                "The storage account {account} does not allow account keys, nor SAS tokens signed with one (allowSharedKeyAccess is false)."
            ),
            Fix::by(
                Who::AzureAdministrator,
                "Use a service principal, a managed identity or an Azure link instead. If your policy allows keys, an administrator can switch them on",
            )
            .command(format!(
                "az storage account update --name {account} --allow-shared-key-access true"
            ))
            .portal("Storage account, Configuration, Allow storage account key access")
            .takes("up to a minute"),
        ),
        ErrorKind::PublicAccessDisabled => (
            Code::PublicAccessDisabled,
            format!("The storage account {account} does not allow anonymous access."),
            Fix::by(
                Who::You,
                "Give the storage a credential: an Azure link, a service principal, a managed identity or a SAS token.",
            ),
        ),
        ErrorKind::NoCredential if !matches!(at.credential, Credential::Anonymous) => (
            Code::RequestChanged,
            format!(
                "The storage account {account} got no credential, although Longshore sent one: something on the way removed it (the header Authorization, or the SAS in the address)."
            ),
            Fix::by(
                Who::Operator,
                "The operator looks for a proxy or gateway between Longshore and Azure, and lets Azure's hosts pass it (NO_PROXY).",
            ),
        ),
        ErrorKind::NoCredential => (
            Code::CredentialRequired,
            match answer.challenge {
                Some(challenge) => format!(
                    "The container {container} of {account} is not public. The account belongs to the tenant {}.",
                    challenge.tenant_id
                ),
                None => format!("The container {container} of {account} is not public."),
            },
            Fix::by(
                Who::You,
                "Give the storage a credential of that tenant: an Azure link, a service principal, a managed identity or a SAS token.",
            ),
        ),
        ErrorKind::ConditionNotMet => (
            Code::ChangedMeanwhile,
            format!("{} was changed by somebody else meanwhile.", the_blob(at)),
            Fix::by(
                Who::You,
                "Nothing was overwritten. Do it again to work on the present content.",
            ),
        ),
        ErrorKind::AlreadyExists if answer.code == Some("UnauthorizedBlobOverwrite") => (
            Code::OverwriteNotAllowed,
            format!(
                "{} exists in {account}/{container}, and the credential may add blobs but not replace them.",
                the_blob(at)
            ),
            may_overwrite(at, "Nothing was overwritten. Where changed annotations must replace their file"),
        ),
        ErrorKind::AlreadyExists => (
            Code::AlreadyExists,
            format!("{} exists already in {account}/{container}.", the_blob(at)),
            Fix::by(
                Who::You,
                "Nothing was overwritten. Delete or rename that blob, or choose another prefix.",
            ),
        ),
        ErrorKind::InvalidRange => (
            Code::InvalidRange,
            format!("{} has no bytes in the range asked for.", the_blob(at)),
            Fix::by(Who::You, "Ask for a range inside the blob's size."),
        ),
        ErrorKind::Archived if answer.code == Some("BlobBeingRehydrated") => (
            Code::BlobRehydrating,
            format!("{} is on its way out of the archive tier.", the_blob(at)),
            Fix::by(Who::You, "Wait until it is there.").takes("up to 15 hours"),
        ),
        ErrorKind::Archived => (
            Code::BlobArchived,
            format!("{} is in the archive tier, which cannot be read.", the_blob(at)),
            Fix::by(Who::AzureAdministrator, "Rehydrate it, which takes up to 15 hours")
                .command(commands::rehydrate(at))
                .takes("up to 15 hours"),
        ),
        ErrorKind::Interrupted => (
            Code::Interrupted,
            format!("The connection to {account} broke while {} was on its way.", the_blob(at)),
            Fix::by(
                Who::Operator,
                "Try again. If it stays, check the network of the machine that runs Longshore.",
            ),
        ),
        ErrorKind::Throttled => network::throttled(answer, at),
        ErrorKind::Unreachable => network::unreachable(answer, at),
        ErrorKind::CertificateUntrusted => network::certificate_untrusted(answer, at),
        ErrorKind::TimedOut => network::timed_out(answer, at),
        ErrorKind::InvalidInput => token::not_sent(answer, at),
        _ => unknown(answer, "Azure"),
    }
}

/// What is not in the table is told as it came.
fn unknown(answer: &Answer<'_>, who: &str) -> Row {
    let said = match (answer.code, answer.status) {
        (Some(code), Some(status)) => format!("{who} answered {code} ({status})"),
        (Some(code), None) => format!("{who} answered {code}"),
        (None, Some(status)) => format!("{who} answered with status {status}"),
        (None, None) => format!("{who} could not be used"),
    };
    let request = answer
        .request_id
        .map_or_else(String::new, |id| format!(" the request id {id},"));
    (
        Code::AzureError,
        format!("{said}: {}", clean(answer.message)),
        Fix::by(
            Who::You,
            format!(
                "Look up the code in Microsoft's documentation; its support asks for{request} the time and the storage account's name."
            ),
        ),
    )
}

fn clean(message: &str) -> String {
    let mut text = model::redact(message.trim()).into_owned();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

fn the_blob(at: &Situation<'_>) -> String {
    at.blob.map_or_else(
        || "The blob".to_owned(),
        |blob| format!("The blob {blob:?}", blob = blob.as_str()),
    )
}

/// A 403 `AuthenticationFailed`: which half of the proof is wrong depends on the credential.
fn rejected(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    let account = at.account();
    if network::is_clock_skew(answer) {
        return network::clock_skew(answer, at);
    }
    match at.credential {
        Credential::AccountKey { .. } => (
            Code::AccountKeyRejected,
            format!(
                "Azure does not accept what was signed with the account key for {account}. Most likely it is not one of the account's two keys (any more); otherwise something on the way changed the request: {}",
                clean(answer.message)
            ),
            Fix::by(Who::You, "Copy key1 or key2 again, without spaces").command(format!(
                "az storage account keys list --account-name {account} --query \"[0].value\" --output tsv"
            ))
            .portal("Storage account, Security + networking, Access keys"),
        ),
        Credential::Sas { .. } => sas::rejected(answer, at),
        Credential::ServicePrincipal { .. }
        | Credential::ManagedIdentity { .. }
        | Credential::AzureLink { .. }
        | Credential::Anonymous => (
            Code::TokenRejected,
            format!("The storage account {account} does not accept the access token: {}", clean(answer.message)),
            Fix::by(
                Who::You,
                "Try again in a minute. If it stays, check that the storage account and the identity are of the same tenant and cloud.",
            ),
        ),
    }
}

fn wrong_tenant(owner: Option<&str>, at: &Situation<'_>) -> Row {
    let ours = match at.credential {
        Credential::ServicePrincipal { tenant_id, .. } => {
            format!("the service principal is of the tenant {tenant_id}")
        }
        Credential::AzureLink { tenant_id } => {
            format!("the Azure link is to the tenant {tenant_id}")
        }
        Credential::ManagedIdentity { .. }
        | Credential::AccountKey { .. }
        | Credential::Sas { .. }
        | Credential::Anonymous => "the identity is of another tenant".to_owned(),
    };
    let cause = match owner {
        Some(owner) => format!(
            "The storage account {} belongs to the tenant {owner}, and {ours}.",
            at.account()
        ),
        None => format!(
            "The storage account {} belongs to another tenant: {ours}.",
            at.account()
        ),
    };
    let owner = owner.unwrap_or("TENANT_ID");
    let fix = match at.credential {
        Credential::AzureLink { .. } => Fix::by(
            Who::AzureAdministrator,
            format!(
                "Connect the tenant {owner} too (its administrator consents), and choose that link for this storage."
            ),
        ),
        _ => Fix::by(
            Who::You,
            format!("Use an identity of the tenant {owner}. To see which accounts that tenant has"),
        )
        .command(format!(
            "az login --tenant {} && az storage account list --query \"[].name\" --output tsv",
            commands::quote(owner)
        )),
    };
    (Code::WrongTenant, cause, fix)
}
