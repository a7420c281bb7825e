//! Storage accounts that browsers read from themselves: those of source storages in pre-signed mode.

use model::{
    AccountName, Actor, Credential, Direction, Permission, ProjectId, ServeMode, StorageId,
};

use crate::{
    Doing, Engine, Problem, Result, Situation,
    explain::{Finding, word_finding},
    require,
};

/// An account that a project's pages must be allowed to read from.
#[derive(Clone, Debug)]
pub struct RedirectAccount {
    /// One of the storages that lead there.
    pub storage: StorageId,
    pub account: AccountName,
    /// Scheme, host and port, such as `https://contosomedia.blob.core.windows.net`.
    pub address: String,
    /// What it means when the browser may not read there, and what to do.
    pub unreadable: Problem,
}

impl Engine {
    /// The accounts to which media of the project are redirected, each once. `origin` is that of
    /// the pages, such as `https://label.example.com`.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for the project; [`crate::Error::Denied`], [`crate::Error::Store`].
    pub async fn redirect_accounts(
        &self,
        actor: &Actor,
        project: ProjectId,
        origin: &str,
    ) -> Result<Vec<RedirectAccount>> {
        require(actor, Permission::Read)?;
        self.get_project(actor, project).await?;
        let sources = self
            .store()
            .list_storages(actor.org_id, Some(project), Some(Direction::Source), None)
            .await?;
        let mut accounts: Vec<RedirectAccount> = Vec::new();
        for storage in sources {
            let is_known = accounts
                .iter()
                .any(|known| known.account == storage.account);
            if is_known || storage.serve_mode != ServeMode::Presigned {
                continue;
            }
            let situation = Situation {
                cloud: self.cloud(),
                account: &storage.account,
                container: &storage.container,
                blob: None,
                // A CORS rule is the account's, whoever reads.
                credential: &Credential::Anonymous,
                app_client_id: None,
                doing: Doing::Read,
            };
            accounts.push(RedirectAccount {
                storage: storage.id,
                address: self.cloud().account_url(&storage.account),
                unreadable: word_finding(&Finding::CorsMissing { origin }, &situation),
                account: storage.account,
            });
        }
        Ok(accounts)
    }
}
