//! Connecting a container step by step: what was entered so far is kept sealed for an hour, so that
//! going back loses nothing and no secret travels through a page twice.

use std::collections::BTreeMap;

use model::{Actor, Direction, Permission, ProjectId, Secret, StorageType};
use store::ConnectDraftKey;

use crate::{
    Engine, Error, FieldError, Result, StorageInput, require, storages::storage_input::Draft,
};

/// How long what was entered is kept after the last step.
const KEPT_MS: i64 = 3_600_000;

/// What somebody has entered so far: form fields by name, secrets among them.
#[derive(Clone, Default)]
pub struct ConnectDraft(BTreeMap<String, String>);

impl ConnectDraft {
    /// What was entered; empty when nothing was.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// Was the field ever entered, be it as nothing?
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    pub fn set(&mut self, field: &str, value: impl Into<String>) {
        self.0.insert(field.to_owned(), value.into());
    }

    pub fn remove(&mut self, field: &str) {
        self.0.remove(field);
    }
}

/// A tenant that storages can be connected by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedTenant {
    pub tenant_id: String,
    /// `contoso.onmicrosoft.com`, when it is known.
    pub domain: Option<String>,
}

impl Engine {
    /// What the actor has entered to connect a container to the project; empty at the beginning.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn connect_draft(
        &self,
        actor: &Actor,
        project: ProjectId,
        direction: Direction,
    ) -> Result<ConnectDraft> {
        let key = self.draft_key(actor, project, direction).await?;
        let kept = self.store().connect_draft(key, self.now_ms()).await?;
        let fields = kept.and_then(|text| serde_json::from_str(text.expose()).ok());
        Ok(ConnectDraft(fields.unwrap_or_default()))
    }

    /// Keeps what the actor has entered, for an hour.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn keep_connect_draft(
        &self,
        actor: &Actor,
        project: ProjectId,
        direction: Direction,
        draft: &ConnectDraft,
    ) -> Result<()> {
        let key = self.draft_key(actor, project, direction).await?;
        let text = serde_json::to_string(&draft.0)
            .map_err(|_| Error::Internal("a draft cannot be written".to_owned()))?;
        let (text, now_ms) = (Secret::new(text), self.now_ms());
        let kept = self
            .store()
            .keep_connect_draft(key, &text, now_ms + KEPT_MS, now_ms);
        match kept.await? {
            true => Ok(()),
            false => Err(Error::not_found("project", project)),
        }
    }

    /// Forgets what the actor has entered.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn drop_connect_draft(
        &self,
        actor: &Actor,
        project: ProjectId,
        direction: Direction,
    ) -> Result<()> {
        let key = self.draft_key(actor, project, direction).await?;
        Ok(self.store().drop_connect_draft(key).await?)
    }

    async fn draft_key(
        &self,
        actor: &Actor,
        project: ProjectId,
        direction: Direction,
    ) -> Result<ConnectDraftKey> {
        require(actor, Permission::ManageProjects)?;
        self.get_project(actor, project).await?;
        Ok(ConnectDraftKey {
            org_id: actor.org_id,
            user_id: actor.user_id,
            project_id: project,
            direction,
        })
    }

    /// What is wrong with the fields of a storage, without asking Azure anything.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn wrong_fields(
        &self,
        actor: &Actor,
        of: StorageType,
        input: &StorageInput,
    ) -> Result<Vec<FieldError>> {
        require(actor, Permission::ManageProjects)?;
        let stored = match input.id {
            Some(id) => Some(self.stored(actor, of, id).await?),
            None => None,
        };
        match Draft::new(of, input, stored.as_ref(), None).await {
            Err(Error::Invalid(fields)) => Ok(fields),
            Err(error) => Err(error),
            Ok(_) => Ok(Vec::new()),
        }
    }

    /// The tenants whose containers can be connected without a secret.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn linked_tenants(&self, actor: &Actor) -> Result<Vec<LinkedTenant>> {
        require(actor, Permission::ManageProjects)?;
        let links = self.store().list_azure_links(actor.org_id).await?;
        Ok(links
            .into_iter()
            .map(|link| LinkedTenant {
                tenant_id: link.tenant_id,
                domain: link.tenant_domain,
            })
            .collect())
    }

    /// Has the operator set up the app registration that Azure links need?
    pub fn has_app_registration(&self) -> bool {
        self.settings().app_client_id.is_some()
    }
}
