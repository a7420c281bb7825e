//! Which tenant owns a storage account: asked by an anonymous challenge, and kept for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::AccountName;

use crate::Engine;

/// Accounts move between tenants seldom, and a token of the wrong one is refused anyway.
const KEEP_MS: i64 = 3_600_000;
/// Accounts that are kept; beyond, all are dropped and asked again.
const KEPT_ACCOUNTS: usize = 10_000;

/// Tenants by account, each with the time of the answer.
#[derive(Default)]
pub(crate) struct AccountTenants(Mutex<HashMap<AccountName, (String, i64)>>);

impl Engine {
    /// The tenant's id, in lower case. Authority and resource of the challenge are those of the
    /// cloud, or it fails.
    pub(crate) async fn tenant_of_account(
        &self,
        account: &AccountName,
    ) -> Result<String, azure::Error> {
        let now_ms = self.now_ms();
        let kept = &self.0.account_tenants.0;
        if let Some((tenant_id, at_ms)) = kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(account)
            && now_ms - at_ms < KEEP_MS
        {
            return Ok(tenant_id.clone());
        }
        let challenge = self.azure().tenant_of_account(account).await?;
        let tenant_id = challenge.tenant_id.to_lowercase();
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_ACCOUNTS {
            kept.clear();
        }
        kept.insert(account.clone(), (tenant_id.clone(), now_ms));
        Ok(tenant_id)
    }
}
