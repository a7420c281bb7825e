//! Blobs that no storage of the project covers: read through the Azure link of the account's
//! tenant; without a credential only while the organization has never linked a tenant, or its
//! owner has allowed it after unlinking.

use azure::ContainerClient;
use model::{AccountName, BlobUri, Code, ContainerName, Credential};

use super::{Place, Reached, Source};
use crate::{
    Engine, Error, Fix, Problem, Result, Who,
    access::explain::Doing,
    links::gate::{Asker, Entry},
    links::link_cache::KnownLinks,
    media::blob_uris::NamedBlob,
};

/// Refuses a blob that nothing but a storage could reach, when no storage does.
pub(super) fn require_outside(wanted: &NamedBlob, sources: &[Source]) -> Result<()> {
    let NamedBlob::InAccount(uri) = wanted else {
        return Err(not_named());
    };
    // A storage on the container sets the limit for it: its prefix.
    let is_limited = sources.iter().any(|source| {
        source.storage.account == uri.account && source.storage.container == uri.container
    });
    if is_limited || wanted.climbs() {
        return Err(not_named());
    }
    Ok(())
}

/// A blob's container that no storage is on, and with what it is read.
pub(crate) struct OutsideStorages {
    account: AccountName,
    container: ContainerName,
    credential: Credential,
    client: ContainerClient,
}

impl OutsideStorages {
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            account: &self.account,
            container: &self.container,
            credential: &self.credential,
            client: &self.client,
        }
    }
}

impl Reached {
    /// Not public, or not there: for whoever has no credential these are the same.
    pub(crate) fn hide(&self, error: Error) -> Error {
        match (self, error) {
            (Self::Outside(outside), Error::Azure(problem))
                if outside.credential == Credential::Anonymous && !problem.code.is_transient() =>
            {
                not_named()
            }
            (_, error) => error,
        }
    }
}

impl Engine {
    /// What reaches such a blob; it is always read by this server.
    pub(super) async fn reach_outside(
        &self,
        asker: Asker,
        wanted: &NamedBlob,
        links: &KnownLinks,
    ) -> Result<OutsideStorages> {
        let NamedBlob::InAccount(uri) = wanted else {
            return Err(not_named());
        };
        let credential = self.credential_outside(uri, links).await?;
        let at = (&uri.account, &uri.container);
        let client = self.open_known(asker, links, &credential, at, Entry::Use);
        Ok(OutsideStorages {
            client: client.await?.of_revision(uri.revision.clone()),
            account: uri.account.clone(),
            container: uri.container.clone(),
            credential,
        })
    }

    async fn credential_outside(&self, uri: &BlobUri, links: &KnownLinks) -> Result<Credential> {
        if links.tenants.is_empty() {
            return if links.reads_anonymously {
                Ok(Credential::Anonymous)
            } else {
                Err(unlinked(uri).into())
            };
        }
        let owner = self
            .tenant_of_account(&uri.account)
            .await
            .map_err(|error| {
                let credential = Credential::AzureLink {
                    tenant_id: links.tenants[0].clone(),
                };
                let place = (&uri.account, &uri.container);
                self.explain_azure(&error, place, &credential, Some(&uri.blob), Doing::SignIn)
            })?;
        if !links.tenants.contains(&owner) {
            return Err(other_tenant(uri, &owner, &links.tenants).into());
        }
        Ok(Credential::AzureLink { tenant_id: owner })
    }
}

fn not_named() -> Error {
    Error::not_found("blob", "of this task")
}

/// The task's text may name the blob that is asked for, and may name another.
pub(super) fn ambiguous() -> Problem {
    Problem {
        code: Code::AmbiguousAddress,
        cause: "The task's data does not tell where the blob's address ends: both its first word and the whole text could be a file's name."
            .to_owned(),
        fix: Fix::by(
            Who::You,
            "Write each blank of the name as %20 in an https:// address, or put the address into double quotes, and import the task again.",
        ),
        azure: None,
    }
}

pub(super) fn in_dns_zone(account: &AccountName) -> Problem {
    Problem {
        code: Code::DnsZoneAccount,
        cause: format!(
            "The storage account {account} is addressed in one of Azure's DNS zones (z00 to z99.blob.storage.azure.net). Longshore reads accounts at ACCOUNT.blob.core.windows.net only."
        ),
        fix: Fix::by(
            Who::AzureAdministrator,
            "Copy the blobs to an account with a standard endpoint, and name them there. To see the account's endpoints",
        )
        .command(format!(
            "az storage account show --name {account} --query primaryEndpoints.blob --output tsv"
        )),
        azure: None,
    }
}

fn unlinked(uri: &BlobUri) -> Problem {
    Problem {
        code: Code::Unlinked,
        cause: format!(
            "Your organization has unlinked its Azure tenant, so the storage account {} is not read any more, not even anonymously.",
            uri.account
        ),
        fix: Fix::by(
            Who::You,
            "An owner connects the tenant again, or allows anonymous reading, in Settings, Integrations.",
        ),
        azure: None,
    }
}

fn other_tenant(uri: &BlobUri, owner: &str, linked: &[String]) -> Problem {
    Problem {
        code: Code::WrongTenant,
        cause: format!(
            "The storage account {} belongs to the tenant {owner}, and your organization is linked to {}.",
            uri.account,
            linked.join(" and ")
        ),
        fix: Fix::by(
            Who::AzureAdministrator,
            format!(
                "Connect the tenant {owner} too, in Settings, Integrations; its administrator consents."
            ),
        ),
        azure: None,
    }
}
