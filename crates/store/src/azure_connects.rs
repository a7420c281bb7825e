//! People on their way to an Azure link: from Connect to Azure until Entra ID gives a token.

use model::{OrgId, UserId};

use crate::{
    Result, Store,
    db::{Row, sql},
};

/// How far somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectStep {
    /// Sent to Entra ID to sign in.
    SignIn,
    /// The tenant is proven; the consent of its administrator is asked for.
    Consent,
    /// Consented; Entra ID gives no token yet.
    Waiting,
    /// The consent page was left without consent.
    Refused,
}

impl ConnectStep {
    /// As stored and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Consent => "consent",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::SignIn, Self::Consent, Self::Waiting, Self::Refused]
            .into_iter()
            .find(|step| step.as_str() == text)
    }
}

/// One person's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureConnect {
    pub org_id: OrgId,
    pub user_id: UserId,
    pub step: ConnectStep,
    /// Proven by the sign-in; `None` before.
    pub tenant_id: Option<String>,
    pub tenant_domain: Option<String>,
    pub entra_username: Option<String>,
    /// Proven by the sign-in: the person administers the tenant.
    pub is_administrator: bool,
    /// What went wrong last, as JSON.
    pub problem: Option<String>,
    pub created_at_ms: i64,
}

/// Which browser may come back with which state, until when.
#[derive(Clone, Copy, Debug)]
pub struct ConnectState<'a> {
    /// SHA-256 of the session cookie.
    pub session_hash: &'a [u8; 32],
    /// SHA-256 of `state`.
    pub state_hash: &'a [u8; 32],
    pub expires_at_ms: i64,
}

impl Store {
    /// Begins; what the same person had begun before is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_azure_connect(
        &self,
        org: OrgId,
        user: UserId,
        state: &ConnectState<'_>,
        now_ms: i64,
    ) -> Result<()> {
        let insert = sql(
            "INSERT INTO azure_connects (org_id, user_id, session_hash, step, state_hash,
             state_expires_at_ms, created_at_ms) VALUES ($1, $2, $3, 'sign_in', $4, $5, $6)
             ON CONFLICT (org_id, user_id) DO UPDATE SET session_hash = excluded.session_hash,
             step = excluded.step, state_hash = excluded.state_hash,
             state_expires_at_ms = excluded.state_expires_at_ms, created_at_ms = excluded.created_at_ms,
             tenant_id = NULL, tenant_domain = NULL, entra_username = NULL,
             is_administrator = 0, problem = NULL, tried_at_ms = NULL",
        )
        .bind(org)
        .bind(user)
        .bind(state.session_hash)
        .bind(state.state_hash)
        .bind(state.expires_at_ms)
        .bind(now_ms);
        self.db.execute(insert).await.map(drop)
    }

    /// Takes a state that came back, once: of this person, this browser, this step, in time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_connect_state(
        &self,
        org: OrgId,
        user: UserId,
        step: ConnectStep,
        state: &ConnectState<'_>,
    ) -> Result<Option<AzureConnect>> {
        let take = sql("UPDATE azure_connects SET state_hash = NULL
             WHERE org_id = $1 AND user_id = $2 AND step = $3 AND session_hash = $4
             AND state_hash = $5 AND state_expires_at_ms > $6 RETURNING *")
        .bind(org)
        .bind(user)
        .bind(step.as_str())
        .bind(state.session_hash)
        .bind(state.state_hash)
        .bind(state.expires_at_ms);
        let rows = self.db.write(take).await?;
        rows.first().map(connect_of).transpose()
    }

    /// The tenant is proven, and whether the person administers it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_connect_tenant(
        &self,
        org: OrgId,
        user: UserId,
        (tenant_id, is_administrator): (&str, bool),
        (domain, username): (Option<&str>, Option<&str>),
    ) -> Result<()> {
        let set = sql(
            "UPDATE azure_connects SET step = 'consent', tenant_id = $3, tenant_domain = $4,
             entra_username = $5, is_administrator = $6, problem = NULL WHERE org_id = $1 AND user_id = $2",
        )
        .bind(org)
        .bind(user)
        .bind(tenant_id)
        .bind(domain)
        .bind(username)
        .bind(is_administrator);
        self.db.execute(set).await.map(drop)
    }

    /// Sends somebody whose tenant is proven to the consent page (again).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_connect_consent(
        &self,
        org: OrgId,
        user: UserId,
        state: &ConnectState<'_>,
    ) -> Result<Option<AzureConnect>> {
        let set = sql(
            "UPDATE azure_connects SET step = 'consent', session_hash = $3, state_hash = $4,
             state_expires_at_ms = $5, problem = NULL
             WHERE org_id = $1 AND user_id = $2 AND tenant_id IS NOT NULL RETURNING *",
        )
        .bind(org)
        .bind(user)
        .bind(state.session_hash)
        .bind(state.state_hash)
        .bind(state.expires_at_ms);
        let rows = self.db.write(set).await?;
        rows.first().map(connect_of).transpose()
    }

    /// Where somebody is now, and what went wrong (JSON).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_connect_step(
        &self,
        org: OrgId,
        user: UserId,
        step: ConnectStep,
        problem: Option<&str>,
    ) -> Result<()> {
        let set = sql("UPDATE azure_connects SET step = $3, problem = $4
             WHERE org_id = $1 AND user_id = $2")
        .bind(org)
        .bind(user)
        .bind(step.as_str())
        .bind(problem);
        self.db.execute(set).await.map(drop)
    }

    /// May Entra ID be asked again now? At most once in `pause_ms`, over all replicas.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn may_try_connect(
        &self,
        org: OrgId,
        user: UserId,
        pause_ms: i64,
        now_ms: i64,
    ) -> Result<bool> {
        let set = sql(
            "UPDATE azure_connects SET tried_at_ms = $3 WHERE org_id = $1 AND user_id = $2
             AND COALESCE(tried_at_ms, 0) <= $4",
        )
        .bind(org)
        .bind(user)
        .bind(now_ms)
        .bind(now_ms - pause_ms);
        Ok(self.db.execute(set).await? > 0)
    }

    /// What this person has begun.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_azure_connect(
        &self,
        org: OrgId,
        user: UserId,
    ) -> Result<Option<AzureConnect>> {
        let query = sql("SELECT * FROM azure_connects WHERE org_id = $1 AND user_id = $2")
            .bind(org)
            .bind(user);
        let row = self.db.read_one(query).await?;
        row.as_ref().map(connect_of).transpose()
    }

    /// Forgets what this person has begun.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_azure_connect(&self, org: OrgId, user: UserId) -> Result<()> {
        let query = sql("DELETE FROM azure_connects WHERE org_id = $1 AND user_id = $2")
            .bind(org)
            .bind(user);
        self.db.execute(query).await.map(drop)
    }
}

fn connect_of(row: &Row) -> Result<AzureConnect> {
    Ok(AzureConnect {
        org_id: OrgId(row.get("org_id")?),
        user_id: UserId(row.get("user_id")?),
        step: row.word("step", ConnectStep::parse)?,
        tenant_id: row.get("tenant_id")?,
        tenant_domain: row.get("tenant_domain")?,
        entra_username: row.get("entra_username")?,
        is_administrator: row.flag("is_administrator")?,
        problem: row.get("problem")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}
