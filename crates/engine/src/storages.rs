//! Source and target storages: created, checked against Azure, listed, changed, deleted.

pub(crate) mod connect_drafts;
pub(crate) mod connection;
pub(crate) mod expiry;
pub(crate) mod health;
pub(crate) mod opened;
pub(crate) mod pasted;
pub(crate) mod preview;
pub(crate) mod storage_credential;
pub(crate) mod storage_input;

use azure::ContainerClient;
use model::{
    Actor, ClientProof, Credential, CredentialKind, Direction, IdentityId, Permission, ProjectId,
    Storage, StorageId, StorageType,
};
use serde_json::{Value, json};
use store::NewStorage;

use crate::{
    AuditAction, Engine, Error, Result, require,
    storages::storage_input::{Draft, REQUIRED, StorageInput},
};

/// How a storage signs in, without what is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignsIn {
    AccountKey,
    Sas,
    Anonymous,
    ServicePrincipal {
        tenant_id: String,
        client_id: String,
        /// Its proof is a certificate, not a client secret.
        has_certificate: bool,
    },
    ManagedIdentity(IdentityId),
    AzureLink {
        tenant_id: String,
    },
}

impl Engine {
    /// Creates a storage that has been seen to work. A target at once begins to get what is there
    /// already: its first full export is `last_run`.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field; [`Error::Azure`] saying why Azure refuses.
    pub async fn create_storage(
        &self,
        actor: &Actor,
        of: StorageType,
        input: &StorageInput,
    ) -> Result<Storage> {
        let project = self.project_of(actor, input).await?;
        let (draft, client) = self.draft(actor, of, input, None).await?;
        let lacks = self.probe(&draft, &client).await?;
        let storage = self
            .store()
            .create_storage(
                &NewStorage {
                    org_id: actor.org_id,
                    project_id: project,
                    direction: of.direction,
                    settings: draft.settings,
                },
                &draft.credential,
                self.now_ms(),
            )
            .await?
            .ok_or_else(|| no_such_project(project))?;
        self.keep_end(storage.id, draft.expires_at_ms).await?;
        if let Some(problem) = lacks {
            self.note_failure(storage.id, problem.code, &problem.to_string());
        }
        let place = storage_place(&storage);
        self.record(
            actor,
            AuditAction::StorageCreate,
            storage_subject(storage.id),
            place,
        )
        .await?;
        match of.direction {
            Direction::Source => self.get_storage(actor, of, storage.id).await,
            Direction::Target => self.start_export(actor, of.kind, storage.id).await,
        }
    }

    /// Checks what [`Engine::create_storage`] or, with an `id`, [`Engine::update_storage`] would
    /// check, and changes nothing.
    ///
    /// # Errors
    /// As theirs.
    pub async fn validate_storage(
        &self,
        actor: &Actor,
        of: StorageType,
        input: &StorageInput,
    ) -> Result<()> {
        let (draft, client) = self.draft_of(actor, of, input).await?;
        let probed = self.probe(&draft, &client).await;
        let mut place = draft.place();
        place["how"] = "validate".into();
        place["works"] = probed.is_ok().into();
        self.record(actor, AuditAction::StorageCheck, "container", place)
            .await?;
        probed.map(|_| ())
    }

    /// The storages of a project in one direction, of one kind or of all.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn list_storages(
        &self,
        actor: &Actor,
        project: ProjectId,
        direction: Direction,
        kind: Option<CredentialKind>,
    ) -> Result<Vec<Storage>> {
        require(actor, Permission::ManageProjects)?;
        self.get_project(actor, project).await?;
        Ok(self
            .store()
            .list_storages(actor.org_id, Some(project), Some(direction), kind)
            .await?)
    }

    /// Every storage of the organization's projects.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_all_storages(&self, actor: &Actor) -> Result<Vec<Storage>> {
        require(actor, Permission::ManageProjects)?;
        Ok(self
            .store()
            .list_storages(actor.org_id, None, None, None)
            .await?)
    }

    /// One storage.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this direction and kind in the organization.
    pub async fn get_storage(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
    ) -> Result<Storage> {
        require(actor, Permission::ManageProjects)?;
        self.store()
            .find_storage(actor.org_id, id)
            .await?
            .filter(|storage| storage.storage_type() == of)
            .ok_or_else(|| Error::not_found("storage", id))
    }

    /// Changes the given fields; asks Azure again when the change touches what it can reach.
    ///
    /// # Errors
    /// As [`Engine::create_storage`], and [`Error::NotFound`].
    pub async fn update_storage(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
        input: &StorageInput,
    ) -> Result<Storage> {
        let stored = self.stored(actor, of, id).await?;
        let (draft, client) = self.draft(actor, of, input, Some(&stored)).await?;
        if !draft.reaches_the_same(&stored) {
            self.probe(&draft, &client).await?;
        }
        let new_credential = Some(&draft.credential).filter(|credential| **credential != stored.1);
        self.keep_end(id, draft.expires_at_ms).await?;
        let mut detail = storage_place(&stored.0);
        if let Some(place) = detail.as_object_mut() {
            place.insert("to".to_owned(), draft.place());
            place.insert("new_credential".to_owned(), new_credential.is_some().into());
        }
        let updated = self
            .telling(
                actor,
                AuditAction::StorageChange,
                storage_subject(id),
                detail,
            )
            .update_storage(
                actor.org_id,
                id,
                &draft.settings,
                new_credential,
                self.now_ms(),
            )
            .await?
            .ok_or_else(|| Error::not_found("storage", id))?;
        if new_credential.is_some() {
            self.azure().forget(&stored.1);
        }
        Ok(updated)
    }

    /// Deletes a storage. Its tasks stay, and so do the blobs in Azure.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this direction and kind in the organization.
    pub async fn delete_storage(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
    ) -> Result<()> {
        let (storage, credential) = self.stored(actor, of, id).await?;
        let (subject, place) = (storage_subject(id), storage_place(&storage));
        let store = self.telling(actor, AuditAction::StorageDelete, subject, place);
        let begun = store.begin_storage_deletion(actor.org_id, id, self.now_ms());
        let begun = begun
            .await?
            .ok_or_else(|| Error::not_found("storage", id))?;
        self.azure().forget(&credential);
        crate::runs::deletion::begin(self, begun).await;
        Ok(())
    }

    /// How a storage signs in, without what is secret.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not the organization's.
    pub async fn signs_in(&self, actor: &Actor, id: StorageId) -> Result<SignsIn> {
        require(actor, Permission::ManageProjects)?;
        let stored = self
            .store()
            .find_storage_with_credential(actor.org_id, id)
            .await?;
        let (_, credential) = stored.ok_or_else(|| Error::not_found("storage", id))?;
        Ok(match credential {
            Credential::AccountKey { .. } => SignsIn::AccountKey,
            Credential::Sas { .. } => SignsIn::Sas,
            Credential::Anonymous => SignsIn::Anonymous,
            Credential::ServicePrincipal {
                tenant_id,
                client_id,
                proof,
            } => SignsIn::ServicePrincipal {
                tenant_id,
                client_id,
                has_certificate: matches!(proof, ClientProof::Certificate { .. }),
            },
            Credential::ManagedIdentity { identity, .. } => SignsIn::ManagedIdentity(identity),
            Credential::AzureLink { tenant_id } => SignsIn::AzureLink { tenant_id },
        })
    }

    /// How many tasks the storage's syncs have made.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn tasks_made_by(&self, actor: &Actor, id: StorageId) -> Result<i64> {
        require(actor, Permission::ManageProjects)?;
        Ok(self.store().tasks_made_by(actor.org_id, id).await?)
    }

    /// The storage that a form describes, with its container; completed from the stored one when it
    /// names an `id` of the same project. For checks and previews: nothing is saved.
    pub(crate) async fn draft_of(
        &self,
        actor: &Actor,
        of: StorageType,
        input: &StorageInput,
    ) -> Result<(Draft, ContainerClient)> {
        let project = self.project_of(actor, input).await?;
        let stored = match input.id {
            None => None,
            Some(id) => {
                let stored = self.stored(actor, of, id).await?;
                if stored.0.project_id != project {
                    return Err(Error::not_found("storage", id));
                }
                Some(stored)
            }
        };
        self.draft(actor, of, input, stored.as_ref()).await
    }

    /// The storage that a form describes, checked field by field, and its container when the
    /// organization may use it.
    pub(crate) async fn draft(
        &self,
        actor: &Actor,
        of: StorageType,
        input: &StorageInput,
        stored: Option<&(Storage, Credential)>,
    ) -> Result<(Draft, ContainerClient)> {
        let default_account = self.default_account_of(actor.org_id).await?;
        let mut draft = Draft::new(of, input, stored, default_account).await?;
        let client = self.check_link(actor, &mut draft).await?;
        Ok((draft, client))
    }

    /// A storage of this direction and kind with its credential.
    pub(crate) async fn stored(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
    ) -> Result<(Storage, Credential)> {
        require(actor, Permission::ManageProjects)?;
        self.store()
            .find_storage_with_credential(actor.org_id, id)
            .await?
            .filter(|(storage, _)| storage.storage_type() == of)
            .ok_or_else(|| Error::not_found("storage", id))
    }

    /// The form's project, which must be the organization's.
    async fn project_of(&self, actor: &Actor, input: &StorageInput) -> Result<ProjectId> {
        require(actor, Permission::ManageProjects)?;
        let id = input
            .project
            .ok_or_else(|| Error::field("project", REQUIRED))?;
        match self.store().find_project(actor.org_id, id).await? {
            Some(project) if !project.is_being_deleted => Ok(project.id),
            _ => Err(no_such_project(id)),
        }
    }
}

/// What the audit log calls a storage.
pub(crate) fn storage_subject(id: StorageId) -> String {
    format!("storage/{id}")
}

/// What the audit log says of a storage: where it is, never what opens it.
pub(crate) fn storage_place(storage: &Storage) -> Value {
    json!({
        "project": storage.project_id.0,
        "direction": storage.direction.as_str(),
        "kind": storage.kind.as_str(),
        "account": storage.account.as_str(),
        "container": storage.container.as_str(),
        "prefix": storage.prefix.as_str(),
    })
}

/// Label Studio's words; the same whether another organization has it or nobody.
fn no_such_project(id: ProjectId) -> Error {
    Error::field(
        "project",
        format!("Invalid pk \"{id}\" - object does not exist."),
    )
}
