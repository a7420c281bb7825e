//! Resolve: from a blob that a task names to something a browser can load.
//!
//! Who may: the task is the organization's, its data names the blob, and a source storage of its
//! project covers it (account, container, prefix), or no storage is on the container and an Azure
//! link of the organization reaches it (`outside`). Everything else is "not found". For a canonical
//! URI that is one query, and a pre-signed URL seldom needs a request: the storages of a project
//! are kept while its `storages_version` stays the same, the links of an organization while its
//! `links_version` does.

mod body;
mod outside;
mod reached;

use std::{cmp::Reverse, sync::Arc, time::Duration};

use azure::{ContainerClient, GetRequest, GetResponse, GetStatus, SignRequest};
use model::{
    Actor, BlobName, Direction, OrgId, Permission, ProjectId, Secret, ServeMode, Storage,
    StorageId, TaskId,
};
use serde_json::json;
use store::ResolveRow;
use uuid::Uuid;

use crate::{
    AuditAction, Engine, Error, Holder, Problem, Result,
    access::explain::Doing,
    aside,
    audit::{Different, short},
    links::gate::{Asker, Entry},
    media::{
        blob_uris::{self, NamedBlob, Naming},
        shown::Shown,
    },
    require,
};

pub use body::BlobBody;
pub(crate) use reached::{Place, Reached, Source, StorageCache};

/// What the browser asked, in HTTP's words (RFC 9110): header values as sent.
#[derive(Clone, Debug, Default)]
pub struct ResolveRequest {
    pub method: ReadMethod,
    pub range: Option<String>,
    pub if_none_match: Option<String>,
    pub if_modified_since: Option<String>,
    pub if_range: Option<String>,
    pub delivery: Delivery,
}

/// Which way the blob takes.
#[derive(Clone, Debug, Default)]
pub enum Delivery {
    /// As its storage says: by a pre-signed URL, or through this server.
    #[default]
    AsStored,
    /// Through this server, also where the storage pre-signs.
    Streamed,
    /// As its storage says; what goes through this server is read by a link on its other host name.
    Linked(Holder),
}

/// Whether the body is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMethod {
    #[default]
    Get,
    Head,
}

/// How the browser gets the blob.
#[derive(Debug)]
pub enum Resolved {
    /// 303 to a pre-signed URL.
    Redirect {
        url: Secret,
        /// How long the URL works, in seconds.
        max_age_s: i64,
    },
    /// 303 to this link's address on the other host name.
    Link {
        link: Secret,
        /// How long the link works, in seconds.
        max_age_s: i64,
    },
    /// The blob itself.
    Blob(ServedBlob),
}

/// A blob's answer; header values as Azure sent them.
#[derive(Debug)]
pub struct ServedBlob {
    /// Its name says the type when Azure only knows "bytes".
    pub blob: BlobName,
    pub status: GetStatus,
    /// Bytes of the body, or, for `HEAD`, of the body that `GET` would have.
    pub content_length: Option<u64>,
    pub content_range: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// With quotes.
    pub etag: Option<String>,
    /// HTTP date.
    pub last_modified: Option<String>,
    /// Without it for `HEAD`, 304 and 416. An error in it must end the connection.
    pub body: Option<BlobBody>,
}

impl Engine {
    /// Resolves `fileuri` (base64 of a blob URI, or the URI itself) for a task.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the task is not the organization's, its data does not name the
    /// blob, or no source storage of its project covers it; [`Error::Azure`] when Azure refuses.
    pub async fn resolve(
        &self,
        actor: &Actor,
        task: TaskId,
        fileuri: &str,
        request: &ResolveRequest,
    ) -> Result<Resolved> {
        require(actor, Permission::Read)?;
        let event = Uuid::now_v7();
        let resolved = self.resolve_as(event, actor, task, fileuri, request).await;
        self.note_access(event, actor, task, fileuri, &resolved)?;
        resolved
    }

    /// Resolves in the name of an audit event, whose id a user delegation SAS carries.
    async fn resolve_as(
        &self,
        event: Uuid,
        actor: &Actor,
        task: TaskId,
        fileuri: &str,
        request: &ResolveRequest,
    ) -> Result<Resolved> {
        let (row, wanted, own) = self.named(actor, task, fileuri).await?;
        let asker = (actor.org_id, Some(actor.user_id));
        let reached = self.reach(asker, &row, &wanted, own).await?;
        let presigning = reached
            .storage()
            .filter(|storage| storage.serve_mode == ServeMode::Presigned);
        match (&request.delivery, presigning) {
            (Delivery::AsStored | Delivery::Linked(_), Some(storage)) => {
                let signed = self
                    .sign(event, storage, reached.place(), wanted.blob())
                    .await;
                self.note_health(&reached, &signed);
                signed
            }
            (Delivery::Linked(holder), None) => self.link_media(holder, task, fileuri),
            _ => self.read(&reached, wanted.blob(), request).await,
        }
    }

    /// The blob that `fileuri` means, when the task's data names it, and what reaching it needs: the
    /// task's row, and the storage that the task came from.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the task is not the organization's, or does not name the blob.
    pub(crate) async fn named(
        &self,
        actor: &Actor,
        task: TaskId,
        fileuri: &str,
    ) -> Result<(ResolveRow, NamedBlob, Option<StorageId>)> {
        let row = self
            .store()
            .find_task_for_resolve(actor.org_id, task)
            .await?
            .ok_or_else(|| Error::not_found("Task", task))?;
        let not_named = || Error::not_found("blob", "of this task");
        let uri = blob_uris::decode_fileuri(fileuri).ok_or_else(not_named)?;
        let naming = || blob_uris::naming(self.cloud(), &row.data, &uri);
        match aside(row.data.len(), naming).await {
            Naming::Named => {}
            Naming::Not => return Err(not_named()),
            Naming::Ambiguous => return Err(outside::ambiguous().into()),
            Naming::InDnsZone(account) => return Err(outside::in_dns_zone(&account).into()),
        }
        let wanted = NamedBlob::parse(self.cloud(), &uri).ok_or_else(not_named)?;
        let own = match &wanted {
            NamedBlob::InAccount(_) => None,
            // The URI leaves the account open: the storage that the task came from goes first.
            NamedBlob::InContainer { .. } => {
                let task = self.store().find_task(actor.org_id, task).await?;
                task.and_then(|task| task.source_storage_id)
            }
        };
        Ok((row, wanted, own))
    }

    /// What reaches a blob that the task's data names; `own` is the storage that the task came from.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing may; [`Error::Azure`] when a link may not be used.
    pub(crate) async fn reach(
        &self,
        asker: Asker,
        row: &ResolveRow,
        wanted: &NamedBlob,
        own: Option<StorageId>,
    ) -> Result<Reached> {
        let found = self.reach_storage(asker, row, wanted, own, Entry::Use);
        if let Some(reached) = found.await? {
            return Ok(reached);
        }
        let links = self.links_as_of(asker.0, row.links_version).await?;
        let outside = self.reach_outside(asker, wanted, &links).await?;
        Ok(Reached::Outside(outside))
    }

    /// The storage of the project that reaches it; to [`Entry::Try`] asks Azure nothing. `None`
    /// when at most a link does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing may; [`Error::Azure`] when its link may not be used.
    pub(crate) async fn reach_storage(
        &self,
        asker: Asker,
        row: &ResolveRow,
        wanted: &NamedBlob,
        own: Option<StorageId>,
        entry: Entry,
    ) -> Result<Option<Reached>> {
        let org = asker.0;
        let sources = self
            .sources(org, row.project_id, row.storages_version)
            .await?;
        let Some(index) = choose(&sources, wanted, own) else {
            outside::require_outside(wanted, &sources)?;
            return Ok(None);
        };
        let Source {
            storage,
            credential,
        } = &sources[index];
        let links = self.links_as_of(org, row.links_version).await?;
        let at = (&storage.account, &storage.container);
        let client = self
            .open_known(asker, &links, credential, at, entry)
            .await?;
        Ok(Some(Reached::Storage {
            sources,
            index,
            client: client.of_revision(wanted.revision().cloned()),
        }))
    }

    /// Keeps how the storage fared.
    pub(crate) fn note_health<T>(&self, reached: &Reached, result: &Result<T>) {
        if let Some(Storage { id: storage, .. }) = reached.storage() {
            let storage = *storage;
            match result {
                Ok(_) => self.note_success(storage),
                Err(error) => self.note_error(storage, error),
            }
        }
    }

    async fn sources(&self, org: OrgId, project: ProjectId, version: i64) -> Result<Arc<[Source]>> {
        if let Some(sources) = self.0.storages_of_project.get(project, version) {
            return Ok(sources);
        }
        let stored = self
            .store()
            .storages_of_project_with_credentials(org, project, Direction::Source)
            .await?;
        let sources: Arc<[Source]> = stored
            .into_iter()
            .map(|(storage, credential)| Source {
                storage,
                credential,
            })
            .collect();
        self.0
            .storages_of_project
            .put(project, version, sources.clone());
        Ok(sources)
    }

    async fn sign(
        &self,
        event: Uuid,
        storage: &Storage,
        place: Place<'_>,
        blob: &BlobName,
    ) -> Result<Resolved> {
        let minutes = storage.presign_ttl_minutes.unsigned_abs();
        let shown = Shown::of_name(blob.as_str());
        let is_download = shown.is_some_and(|shown| shown.is_download);
        let signed = place
            .client
            .sign(
                blob,
                &SignRequest {
                    ttl: Duration::from_secs(minutes * 60),
                    response_content_type: shown.map(|shown| shown.content_type.to_owned()),
                    response_content_disposition: is_download.then(|| "attachment".to_owned()),
                    correlation_id: Some(event),
                },
            )
            .await
            .map_err(|error| self.explain_place(&error, place, blob, Doing::Sign))?;
        self.note_sas(storage.org_id, place.credential, signed.expires_at_ms)
            .await?;
        Ok(Resolved::Redirect {
            url: signed.url,
            max_age_s: ((signed.expires_at_ms - self.now_ms()) / 1000).max(0),
        })
    }

    /// Reads the blob, or a part of it, for whom it was reached.
    async fn read(
        &self,
        reached: &Reached,
        blob: &BlobName,
        request: &ResolveRequest,
    ) -> Result<Resolved> {
        let read = self.read_place(reached.place(), blob, request).await;
        self.note_health(reached, &read);
        read.map_err(|error| reached.hide(error))
    }

    async fn read_place(
        &self,
        place: Place<'_>,
        blob: &BlobName,
        request: &ResolveRequest,
    ) -> Result<Resolved> {
        let failed = |error: azure::Error| self.explain_place(&error, place, blob, Doing::Read);
        let asked = GetRequest {
            range: request.range.clone(),
            if_match: None,
            if_none_match: request.if_none_match.clone(),
            if_modified_since: request.if_modified_since.clone(),
            if_range: request.if_range.clone(),
        };
        if request.method == ReadMethod::Get {
            let response = place.client.get(blob, &asked).await.map_err(failed)?;
            return Ok(Resolved::Blob(served(place.client, blob, response)));
        }
        // `HEAD` has conditions and no ranges (RFC 9110, 14.2).
        let properties = place.client.head(blob).await.map_err(failed)?;
        let unmodified = properties.is_unmodified(&asked);
        Ok(Resolved::Blob(ServedBlob {
            blob: blob.clone(),
            status: if unmodified {
                GetStatus::NotModified
            } else {
                GetStatus::Full
            },
            content_length: (!unmodified).then_some(properties.content_length),
            content_range: None,
            content_type: properties.content_type,
            content_encoding: properties.content_encoding,
            etag: properties.etag,
            last_modified: properties.last_modified,
            body: None,
        }))
    }

    /// Tells the audit log who got which blob of which task, or did not.
    fn note_access(
        &self,
        event: Uuid,
        actor: &Actor,
        task: TaskId,
        fileuri: &str,
        resolved: &Result<Resolved>,
    ) -> Result<()> {
        let uri = blob_uris::decode_fileuri(fileuri).unwrap_or_default();
        let blob = blob_uris::noted(self.cloud(), &uri);
        let (who, subject) = ((actor.org_id, self.by(actor)), format!("task/{task}"));
        match resolved {
            Ok(Resolved::Redirect { max_age_s, .. }) => {
                let detail = json!({"blob": blob, "seconds": max_age_s});
                self.note(event, who, AuditAction::BlobSign, subject, detail)
            }
            // Whoever follows the link is told of.
            Ok(Resolved::Link { .. }) => Ok(()),
            Ok(Resolved::Blob(_)) => {
                let detail = json!({"blob": blob});
                self.count(who, AuditAction::BlobRead, subject, detail, Different::Told)
            }
            Err(error) => {
                // Longer is only what somebody made up.
                let detail = json!({"blob": short(&blob), "why": short(&error.to_string())});
                let action = AuditAction::BlobRefuse;
                self.count(who, action, subject, detail, Different::Counted)
            }
        }
    }

    pub(crate) fn explain_place(
        &self,
        error: &azure::Error,
        place: Place<'_>,
        blob: &BlobName,
        doing: Doing,
    ) -> Problem {
        let at = (place.account, place.container);
        self.explain_azure(error, at, place.credential, Some(blob), doing)
    }
}

/// The storage that speaks for the blob: `own` if it covers it, else the most specific prefix.
fn choose(sources: &[Source], wanted: &NamedBlob, own: Option<StorageId>) -> Option<usize> {
    sources
        .iter()
        .enumerate()
        .filter(|(_, source)| wanted.is_in(&source.storage))
        .max_by_key(|(_, source)| {
            (
                Some(source.storage.id) == own,
                source.storage.prefix.as_str().len(),
                Reverse(source.storage.id),
            )
        })
        .map(|(index, _)| index)
}

fn served(client: &ContainerClient, blob: &BlobName, response: GetResponse) -> ServedBlob {
    let has_body = matches!(response.status, GetStatus::Full | GetStatus::Partial);
    let GetResponse {
        status,
        content_length,
        content_range,
        content_type,
        content_encoding,
        etag,
        last_modified,
        body,
        marker: _,
    } = response;
    let body = has_body.then(|| {
        let bytes = body::span(status, content_length, content_range.as_deref());
        BlobBody::new(client.clone(), blob.clone(), etag.clone(), bytes, body)
    });
    ServedBlob {
        blob: blob.clone(),
        status,
        content_length,
        content_range,
        content_type,
        content_encoding,
        etag,
        last_modified,
        body,
    }
}
