//! Does a storage work? Real requests, before anything is saved.
//!
//! A source must list under its prefix, read the first blob it finds, and sign a URL when it
//! serves by pre-signed URLs; one that may read and not list can serve what tasks name. A target must take a new blob: `PREFIX/.longshore-access-check-UUID`,
//! deleted again at once. Where the role only lets us add blobs, that small blob stays.

use azure::{ContainerClient, ErrorKind, ListRequest, PutCondition, SignRequest};
use bytes::Bytes;
use model::{
    AccountName, Actor, BlobName, Code, ContainerName, Credential, Direction, OrgId, ServeMode,
};
use std::time::Duration;

use crate::{
    DefaultAccount, Engine, Error, FieldError, Fix, Problem, Result, Who,
    access::explain::{Doing, Finding, Situation, explain, word_finding},
    links::gate::{Entry, Gate},
    storages::storage_input::Draft,
};

/// The beginning of the name of the blob that a check writes; a sync leaves such blobs out.
pub(crate) const CHECK_BLOB: &str = ".longshore-access-check-";

/// Listing pages that are asked for the first blob; Azure may give empty ones.
const EMPTY_PAGES: usize = 100;

/// What is wrong with most prefixes that begin with a slash and match nothing.
fn leading_slash(prefix: &str) -> &'static str {
    if prefix.starts_with('/') {
        "blobs' names seldom begin with a slash, so leave it out, "
    } else {
        ""
    }
}

impl Engine {
    /// Fails unless the draft's credential can do what the storage is for; what it cannot do
    /// besides is told.
    pub(crate) async fn probe(
        &self,
        draft: &Draft,
        client: &ContainerClient,
    ) -> Result<Option<Problem>> {
        match draft.direction {
            Direction::Source => self.probe_source(draft, client).await,
            Direction::Target => self.probe_target(draft, client).await,
        }
    }

    async fn probe_source(
        &self,
        draft: &Draft,
        client: &ContainerClient,
    ) -> Result<Option<Problem>> {
        let (first, lacks) = match first_blob(draft, client).await {
            Ok(first) => (first, None),
            Err(error) => match readable_unlisted(&error, draft, client).await {
                Some(stand_in) => {
                    let place = (&draft.account, &draft.container);
                    let at = self.situation_at(place, &draft.credential, None, Doing::List);
                    (
                        Some(stand_in),
                        Some(word_finding(&Finding::ListNotAllowed, &at)),
                    )
                }
                None => return Err(self.explain_draft(&error, draft, None, Doing::List)),
            },
        };
        let Some(blob) = first else {
            return if draft.prefix.as_str().is_empty() {
                Ok(None)
            } else {
                Err(Error::field(
                    FieldError::NON_FIELD,
                    format!(
                        "azure-blob://{}/{} not found. The container can be listed, and no blob's name begins with {:?}; {}correct the prefix, or upload the blobs first.",
                        draft.container,
                        draft.prefix,
                        draft.prefix.listing(),
                        leading_slash(draft.prefix.as_str()),
                    ),
                ))
            };
        };
        if lacks.is_none() {
            client
                .head(&blob)
                .await
                .map_err(|error| self.explain_draft(&error, draft, Some(&blob), Doing::Read))?;
        }
        if draft.serve_mode == ServeMode::Presigned {
            let request = SignRequest {
                ttl: Duration::from_secs(60),
                response_content_type: None,
                response_content_disposition: None,
                correlation_id: None,
            };
            client
                .sign(&blob, &request)
                .await
                .map_err(|error| self.explain_draft(&error, draft, Some(&blob), Doing::Sign))?;
        }
        Ok(lacks)
    }

    async fn probe_target(
        &self,
        draft: &Draft,
        client: &ContainerClient,
    ) -> Result<Option<Problem>> {
        let name = draft
            .prefix
            .join(&format!("{CHECK_BLOB}{}", uuid::Uuid::new_v4().simple()));
        let blob =
            BlobName::parse(name).map_err(|error| Error::field("prefix", error.to_string()))?;
        let text =
            Bytes::from_static(b"Longshore wrote this to see whether it may; it can be deleted.\n");
        client
            .put(&blob, text, "text/plain", &PutCondition::IfAbsent)
            .await
            .map_err(|error| self.explain_draft(&error, draft, Some(&blob), Doing::Write))?;
        match client.delete(&blob, None).await {
            Err(error) if draft.can_delete_objects => {
                Err(self.explain_draft(&error, draft, Some(&blob), Doing::Delete))
            }
            Err(error) => {
                tracing::info!(account = %draft.account, container = %draft.container, %blob, %error,
                    "the check's blob stays: it may not be deleted");
                let place = (&draft.account, &draft.container);
                let problem = self.explain_azure(
                    &error,
                    place,
                    &draft.credential,
                    Some(&blob),
                    Doing::Delete,
                );
                let is_held = matches!(
                    problem.code,
                    Code::RetentionPolicy | Code::LegalHold | Code::Leased
                );
                Ok(is_held.then_some(problem))
            }
            Ok(()) => Ok(None),
        }
    }

    /// Completes and checks an Azure link: it exists, and the account belongs to its tenant. The
    /// container, when the organization may use it; other credentials may.
    pub(crate) async fn check_link(
        &self,
        actor: &Actor,
        draft: &mut Draft,
    ) -> Result<ContainerClient> {
        self.check_host_identity(actor.org_id, &draft.credential)
            .await?;
        self.name_link(actor.org_id, draft).await?;
        let at = (&draft.account, &draft.container);
        if let Credential::AzureLink { tenant_id } = &draft.credential {
            self.link_for(actor.org_id, tenant_id, at).await?;
        }
        let asker = (actor.org_id, Some(actor.user_id));
        let opened = self
            .open_container(asker, &draft.credential, at, Entry::Use)
            .await;
        self.note_claim_refusal(actor, at, opened).await
    }

    /// Completes an Azure link without proving anything: what is wrong with it, a check shows. The
    /// container for one, when the organization may use it.
    pub(crate) async fn complete_link(
        &self,
        actor: &Actor,
        draft: &mut Draft,
    ) -> Result<(Gate, ContainerClient)> {
        self.name_link(actor.org_id, draft).await?;
        self.open_draft(actor, draft).await
    }

    /// The container of a draft that names its link, for a check.
    pub(crate) async fn open_draft(
        &self,
        actor: &Actor,
        draft: &Draft,
    ) -> Result<(Gate, ContainerClient)> {
        self.check_host_identity(actor.org_id, &draft.credential)
            .await?;
        let at = (&draft.account, &draft.container);
        let asker = (actor.org_id, Some(actor.user_id));
        let opened = self.open_for_a_check(asker, &draft.credential, at).await;
        self.note_claim_refusal(actor, at, opened).await
    }

    /// The operator's default account; only the operator's own organization may use it.
    pub(crate) async fn default_account_of(&self, org: OrgId) -> Result<Option<&DefaultAccount>> {
        match self.settings().default_account.as_ref() {
            Some(account) if self.is_operators(org).await? => Ok(Some(account)),
            _ => Ok(None),
        }
    }

    /// What this machine's identity may read is the operator's: another organization that names an
    /// account of the operator must not get it read for them (confused deputy).
    async fn check_host_identity(&self, org: OrgId, credential: &Credential) -> Result<()> {
        if credential.is_hosts() && !self.is_operators(org).await? {
            return Err(Error::field(
                FieldError::NON_FIELD,
                "The managed identity of this server belongs to its operator's organization. Use an Azure link or a service principal of your own instead.",
            ));
        }
        Ok(())
    }

    /// The first organization is the operator's own.
    async fn is_operators(&self, org: OrgId) -> Result<bool> {
        Ok(self.store().first_org().await? == Some(org))
    }

    /// Names the tenant of an Azure link, which must be one of the organization's.
    async fn name_link(&self, org: OrgId, draft: &mut Draft) -> Result<()> {
        let Credential::AzureLink { tenant_id } = &draft.credential else {
            return Ok(());
        };
        let links = self.store().list_azure_links(org).await?;
        let link = match (tenant_id.as_str(), links.as_slice()) {
            ("", [only]) => only,
            ("", []) => {
                return Err(Error::field(
                    "tenant_id",
                    "Your organization has no Azure link yet. An owner creates it in Settings, Integrations: Connect to Azure.",
                ));
            }
            // Without a name it is the link of the account's own tenant; where there is none, what
            // comes next says so, naming both tenants.
            ("", [first, ..]) => {
                let owner = self.tenant_of_account(&draft.account).await.ok();
                let of_owner = |link: &&store::AzureLink| {
                    owner
                        .as_ref()
                        .is_some_and(|owner| link.tenant_id.eq_ignore_ascii_case(owner))
                };
                links.iter().find(of_owner).unwrap_or(first)
            }
            (wanted, links) => links
                .iter()
                .find(|link| link.tenant_id.eq_ignore_ascii_case(wanted))
                .ok_or_else(|| {
                    Error::field(
                        "tenant_id",
                        format!(
                            "Your organization has no Azure link to the tenant {wanted}; choose one of its links, or let the administrator of that tenant consent again."
                        ),
                    )
                })?,
        };
        draft.credential = Credential::AzureLink {
            tenant_id: link.tenant_id.clone(),
        };
        Ok(())
    }

    /// Words an Azure failure for a storage's account and container.
    pub(crate) fn explain_azure(
        &self,
        error: &azure::Error,
        place: (&AccountName, &ContainerName),
        credential: &Credential,
        blob: Option<&BlobName>,
        doing: Doing,
    ) -> Problem {
        explain(error, &self.situation_at(place, credential, blob, doing))
    }

    fn situation_at<'a>(
        &'a self,
        place: (&'a AccountName, &'a ContainerName),
        credential: &'a Credential,
        blob: Option<&'a BlobName>,
        doing: Doing,
    ) -> Situation<'a> {
        Situation {
            cloud: self.cloud(),
            place: Some(place),
            blob,
            credential,
            app_client_id: self.settings().app_client_id.as_deref(),
            doing,
        }
    }

    fn explain_draft(
        &self,
        error: &azure::Error,
        draft: &Draft,
        blob: Option<&BlobName>,
        doing: Doing,
    ) -> Error {
        let place = (&draft.account, &draft.container);
        self.explain_azure(error, place, &draft.credential, blob, doing)
            .into()
    }
}

/// What to say when the organization's Azure link has been removed, or never was.
pub(crate) fn no_link(tenant: &str) -> Error {
    Problem {
        code: Code::LinkMissing,
        cause: format!("Your organization has no Azure link to the tenant {tenant}."),
        fix: Fix::by(
            Who::You,
            "An owner connects the tenant again: Settings, Integrations, Connect to Azure. Or choose another link or another credential in the storage's settings.",
        ),
        azure: None,
    }
    .into()
}

/// A name below the prefix, when blobs there can be read although listing was refused: access
/// control lists of a hierarchical namespace allow the one without the other. That a name is not
/// there is only told to who may read it.
pub(crate) async fn readable_unlisted(
    refused: &azure::Error,
    draft: &Draft,
    client: &ContainerClient,
) -> Option<BlobName> {
    if refused.kind() != ErrorKind::RoleMissing || !draft.credential.uses_token() {
        return None;
    }
    let name = format!("{CHECK_BLOB}{}", uuid::Uuid::new_v4().simple());
    let blob = BlobName::parse(draft.prefix.join(&name)).ok()?;
    match client.head(&blob).await {
        Ok(_) => Some(blob),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            (error.code() != Some("ResourceNotFound")).then_some(blob)
        }
        Err(_) => None,
    }
}

/// The first blob under the prefix, at any depth, that is no folder marker.
async fn first_blob(
    draft: &Draft,
    client: &ContainerClient,
) -> Result<Option<BlobName>, azure::Error> {
    let prefix = draft.prefix.listing();
    let mut marker: Option<String> = None;
    for _ in 0..EMPTY_PAGES {
        let page = client
            .list(&ListRequest {
                prefix: &prefix,
                delimiter: None,
                marker: marker.as_deref(),
                max_results: Some(10),
            })
            .await?;
        let data = page.blobs.into_iter().find(|blob| !blob.is_folder_marker);
        if let Some(blob) = data {
            return Ok(BlobName::parse(blob.name).ok());
        }
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    Ok(None)
}
