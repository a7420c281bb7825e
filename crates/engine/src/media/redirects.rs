//! Media that browsers read from Azure themselves: which origins those are, and why one cannot be read.

use azure::Preflight;
use model::{Actor, Direction, Permission, ProjectId, ServeMode, StorageId, TaskId};
use url::Url;

use crate::{
    Doing, Engine, Problem, Result, Situation,
    access::explain::{Finding, word_finding},
    require,
};

/// Why a browser could not read a blob.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub problem: Problem,
    /// The storage that the blob is read through, when there is one.
    pub storage: Option<StorageId>,
}

impl Engine {
    /// The origins to which media of the project are redirected, each once, such as
    /// `https://contosomedia.blob.core.windows.net`: the accounts of its source storages in
    /// pre-signed mode.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for the project; [`crate::Error::Denied`], [`crate::Error::Store`].
    pub async fn redirect_origins(&self, actor: &Actor, project: ProjectId) -> Result<Vec<String>> {
        require(actor, Permission::Read)?;
        self.get_project(actor, project).await?;
        let sources = self
            .store()
            .list_storages(actor.org_id, Some(project), Some(Direction::Source), None)
            .await?;
        let mut origins: Vec<String> = sources
            .iter()
            .filter(|storage| storage.serve_mode == ServeMode::Presigned)
            .map(|storage| {
                // An endpoint of a development cloud can have the account in its path.
                let address = self.cloud().account_url(&storage.account);
                Url::parse(&address).map_or(address, |url| url.origin().ascii_serialization())
            })
            .collect();
        origins.sort();
        origins.dedup();
        Ok(origins)
    }

    /// Why a page of `origin`, such as `https://label.example.com`, could not read a blob of a task:
    /// Azure refuses it to Longshore too, or no CORS rule lets the page follow a pre-signed URL.
    /// `None` when both are in order: what is wrong is between that browser and Azure.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when the task is not the organization's, its data does not name
    /// the blob, or nothing reaches it.
    pub async fn why_unreadable(
        &self,
        actor: &Actor,
        task: TaskId,
        fileuri: &str,
        origin: &str,
    ) -> Result<Option<Unreadable>> {
        require(actor, Permission::Read)?;
        let (row, wanted, own) = self.named(actor, task, fileuri).await?;
        let reached = self
            .reach((actor.org_id, Some(actor.user_id)), &row, &wanted, own)
            .await?;
        let (place, blob) = (reached.place(), wanted.blob());
        let failed = |error: azure::Error| self.explain_place(&error, place, blob, Doing::Read);
        let is_redirected = reached
            .storage()
            .is_some_and(|storage| storage.serve_mode == ServeMode::Presigned);
        let problem = match place.client.head(blob).await {
            Err(error) => Some(failed(error)),
            Ok(_) if !is_redirected => None,
            Ok(_) => {
                let (azure, container) = (self.azure(), place.container);
                let asked = azure.preflight(place.account, container, Some(blob), origin);
                match asked.await {
                    Ok(Preflight::Allowed) => None,
                    Ok(Preflight::Refused) => Some(word_finding(
                        &Finding::CorsMissing { origin },
                        &Situation {
                            cloud: self.cloud(),
                            place: Some((place.account, container)),
                            blob: Some(blob),
                            credential: place.credential,
                            app_client_id: None,
                            doing: Doing::Read,
                        },
                    )),
                    Err(error) => Some(failed(error)),
                }
            }
        };
        Ok(problem.map(|problem| Unreadable {
            problem,
            storage: reached.storage().map(|storage| storage.id),
        }))
    }
}
