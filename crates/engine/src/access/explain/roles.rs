//! What the identity may not do: no role, a role in the wrong place, the right to sign.

use model::{Code, Credential};

use super::{
    Doing, Row, Situation,
    commands::{self, Scope, assign_role},
    sas,
};
use crate::{Fix, Who};

/// How long a new role assignment takes to act.
pub(super) const ROLE_TAKES: &str = "up to 10 minutes";

/// Who the credential acts as, at the beginning of a sentence.
pub(super) fn whose(at: &Situation<'_>) -> &'static str {
    match at.credential {
        Credential::ServicePrincipal { .. } => "The service principal",
        Credential::ManagedIdentity { .. } => "The managed identity",
        Credential::AzureLink { .. } => "Longshore's enterprise application",
        Credential::AccountKey { .. } | Credential::Sas { .. } | Credential::Anonymous => {
            "The credential"
        }
    }
}

/// What lets the credential replace a blob: a role, or the letter `w` of a SAS.
pub(super) fn may_overwrite(at: &Situation<'_>, when: &str) -> Fix {
    match at.credential {
        Credential::Sas { .. } => {
            let fix = sas::token_with(at, "rcwl");
            Fix {
                text: format!(
                    "{when}, the token needs w (write) beside c (create). {}",
                    fix.text
                ),
                ..fix
            }
        }
        _ => Fix::by(
            Who::AzureAdministrator,
            format!("{when}, an administrator grants Storage Blob Data Contributor"),
        )
        .command(assign_role(
            at,
            "Storage Blob Data Contributor",
            Scope::Container,
        ))
        .takes(ROLE_TAKES),
    }
}

pub(super) fn role_missing(at: &Situation<'_>) -> Row {
    let place = format!("the container {}/{}", at.account(), at.container());
    let (role, what, acl) = match at.doing {
        Doing::List | Doing::Sign | Doing::SignIn => (
            "Storage Blob Data Reader",
            "list the blobs of",
            "read and execute on the folder",
        ),
        Doing::Read | Doing::ReadSigned => (
            "Storage Blob Data Reader",
            "read the blobs of",
            "read on the file",
        ),
        Doing::Write => (
            "Storage Blob Data Contributor",
            "write blobs to",
            "write and execute on the folder",
        ),
        Doing::Delete => (
            "Storage Blob Data Contributor",
            "delete blobs of",
            "write and execute on the folder",
        ),
    };
    (
        Code::RoleMissing,
        format!(
            "{} may not {what} {place}. Most often no role that allows it acts there: Reader, Contributor and Owner are about the account and not its data, and a role on another container or account does not count. Otherwise its role is younger than 10 minutes or has a condition that does not hold, a deny assignment forbids it, or, on an account with a hierarchical namespace and without such a role, the access control lists lack execute on a folder above or {acl}. To see its roles: {}",
            whose(at),
            commands::list_roles(at)
        ),
        Fix::by(
            Who::AzureAdministrator,
            format!("An administrator grants {role} on {place}; a new role takes up to 10 minutes to act"),
        )
        .command(assign_role(at, role, Scope::Container))
        .portal(format!(
            "Storage account {}, Containers, {}, Access control (IAM), Add role assignment, {role}",
            at.account(), at.container()
        ))
        .bicep(commands::bicep_role(at, role, Scope::Container))
        .takes(ROLE_TAKES),
    )
}

/// The action has no meaning below the account, so a container's role does not carry it.
pub(super) fn delegator_missing(at: &Situation<'_>) -> Row {
    const ROLE: &str = "Storage Blob Delegator";
    (
        Code::DelegatorMissing,
        format!(
            "{} may not get a user delegation key of the storage account {}, which pre-signed URLs without an account key need. A role on a container alone does not allow it: this right exists on the storage account only.",
            whose(at),
            at.account()
        ),
        Fix::by(
            Who::AzureAdministrator,
            format!(
                "Switch pre-signed URLs off (presign=false), so that blobs are streamed through Longshore; or an administrator grants {ROLE} on the storage account {}, and a new role takes up to 10 minutes to act",
                at.account()
            ),
        )
        .command(assign_role(at, ROLE, Scope::Account))
        .portal(format!(
            "Storage account {}, Access control (IAM), Add role assignment, {ROLE}",
            at.account()
        ))
        .bicep(commands::bicep_role(at, ROLE, Scope::Account))
        .takes(ROLE_TAKES),
    )
}
