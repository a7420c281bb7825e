//! Which tenant owns a storage account: asked by an anonymous challenge, and kept for a while.

use model::AccountName;
use quick_cache::sync::Cache;

use crate::Engine;

/// Accounts move between tenants seldom, and a token of the wrong one is refused anyway.
const KEEP_MS: i64 = 3_600_000;
/// Accounts that are kept.
const KEPT_ACCOUNTS: usize = 10_000;

/// Tenants by account, each with the time of the answer.
pub(crate) struct AccountTenants(Cache<AccountName, (String, i64)>);

impl Default for AccountTenants {
    fn default() -> Self {
        Self(Cache::new(KEPT_ACCOUNTS))
    }
}

impl Engine {
    /// The tenant's id, in lower case. Authority and resource of the challenge are those of the
    /// cloud, or it fails.
    pub(crate) async fn tenant_of_account(
        &self,
        account: &AccountName,
    ) -> Result<String, azure::Error> {
        let now_ms = self.now_ms();
        let kept = &self.0.account_tenants.0;
        if let Some((tenant_id, at_ms)) = kept.get(account)
            && now_ms - at_ms < KEEP_MS
        {
            return Ok(tenant_id);
        }
        let challenge = self.azure().tenant_of_account(account).await?;
        let tenant_id = challenge.tenant_id.to_lowercase();
        kept.insert(account.clone(), (tenant_id.clone(), now_ms));
        Ok(tenant_id)
    }
}
