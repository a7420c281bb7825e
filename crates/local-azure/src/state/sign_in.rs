//! Authorization codes between sign-in and redemption, and personal accounts.

use super::{DirectoryRole, State, Tenant, TenantUser, World, new_id};

/// The tenant of personal Microsoft accounts, the same everywhere.
pub const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// How long a code can be redeemed, in milliseconds.
const CODE_LIFETIME_MS: i64 = 10 * 60 * 1000;

/// What a code stands for: who signed in, for which app, under which promises.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub client_id: String,
    /// As the authorize request wrote it; redemption must repeat it.
    pub redirect_uri: String,
    /// Tenant id, which is also the person's.
    pub tenant: String,
    /// The authority of the request: `organizations`, `common`, a tenant id or a domain.
    pub authority: String,
    pub user: TenantUser,
    pub scope: String,
    pub nonce: Option<String>,
    /// PKCE, S256.
    pub code_challenge: Option<String>,
}

/// A code that was handed out.
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    pub sign_in: SignIn,
    pub expires_at_ms: i64,
    pub redeemed: bool,
}

impl World {
    /// A person of any tenant by `name@domain`.
    pub fn user(&self, name: &str) -> Option<(&Tenant, &TenantUser)> {
        self.tenants.values().find_map(|tenant| {
            tenant
                .users
                .iter()
                .find(|user| user.user_principal_name.eq_ignore_ascii_case(name))
                .map(|user| (tenant, user))
        })
    }
}

impl State {
    /// Adds a personal Microsoft account, in the tenant that all of them share.
    ///
    /// Entra keeps them out of `organizations` by itself; here they may sign in, so that a client
    /// which forgets to refuse them is found out.
    pub fn create_personal_account(&self, email: &str) -> TenantUser {
        let user = TenantUser {
            object_id: new_id(),
            user_principal_name: email.to_owned(),
            role: DirectoryRole::Member,
        };
        self.world_mut()
            .tenants
            .entry(CONSUMERS.to_owned())
            .or_insert_with(|| Tenant {
                id: CONSUMERS.to_owned(),
                domain: "live.com".to_owned(),
                subscription: new_id(),
                users: Vec::new(),
            })
            .users
            .push(user.clone());
        user
    }

    /// Hands out a code for a completed sign-in.
    pub(crate) fn issue_code(&self, sign_in: SignIn) -> String {
        let code = format!("1.{}{}", new_id(), new_id()).replace('-', "");
        let issued = AuthorizationCode {
            sign_in,
            expires_at_ms: self.now_ms() + CODE_LIFETIME_MS,
            redeemed: false,
        };
        self.world_mut().codes.insert(code.clone(), issued);
        code
    }

    /// Marks a code as redeemed; `true` for the one caller that was first.
    pub(crate) fn redeem_code(&self, code: &str) -> bool {
        self.world_mut()
            .codes
            .get_mut(code)
            .is_some_and(|issued| !std::mem::replace(&mut issued.redeemed, true))
    }
}
