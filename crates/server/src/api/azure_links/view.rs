//! The JSON of Azure links.

use engine::{
    AzureLink, Claim, GrantScope, GrantState, Grants, Integrations, LinkProblem, LinkProof,
    OtherLink, PendingConnect, RoleNeed, Unlinked,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::instant;

/// The organization's way to Azure.
#[derive(Serialize, ToSchema)]
pub(crate) struct IntegrationsView {
    /// Changes whenever something below does.
    pub(crate) state: String,
    links: Vec<LinkView>,
    /// What the caller has begun with Connect to Azure.
    pending: Option<PendingView>,
    /// While nothing is linked, blobs outside storages are read without a credential.
    anonymous_reads: bool,
    /// This server has an app registration.
    can_connect: bool,
}

/// A tenant that is, or was, linked.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkView {
    tenant_id: String,
    domain: Option<String>,
    /// What roles are granted to.
    principal_object_id: Option<String>,
    linked_by: Option<String>,
    entra_username: Option<String>,
    created_at: String,
    unlinked_at: Option<String>,
    /// No pre-signed URL that was handed out lives longer.
    last_sas_expires_at: Option<String>,
    /// Why Entra ID gives no token for it.
    problem: Option<ProblemView>,
    /// Who has shown that the tenant wants this link: `administrator`, `operator`, `agreed`, `kept`,
    /// or `null`: it then gives only containers whose marker was found.
    proof: Option<&'static str>,
    /// The links of other organizations to the same tenant.
    others: Vec<OtherView>,
}

/// Another organization's link to the same tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct OtherView {
    /// `null`, and so are the next two, while one's own link is not proven.
    organization: Option<i64>,
    name: Option<String>,
    entra_username: Option<String>,
    created_at: String,
    /// As of a link.
    proof: Option<&'static str>,
    /// One's own organization may agree on it, or take its agreement back.
    may_agree: bool,
}

impl From<&OtherLink> for OtherView {
    fn from(other: &OtherLink) -> Self {
        let who = other.who.as_ref();
        Self {
            organization: who.map(|who| who.id.0),
            name: who.map(|who| who.name.clone()),
            entra_username: who.and_then(|who| who.entra_username.clone()),
            created_at: instant(other.created_at_ms),
            proof: other.proof.map(LinkProof::as_str),
            may_agree: other.may_agree,
        }
    }
}

/// What is wrong, and who does what about it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemView {
    /// Stable, for scripts.
    code: String,
    cause: String,
    fix: String,
}

impl From<LinkProblem> for ProblemView {
    fn from(problem: LinkProblem) -> Self {
        let LinkProblem { code, cause, fix } = problem;
        Self { code, cause, fix }
    }
}

/// Somebody on the way to a link.
#[derive(Serialize, ToSchema)]
pub(crate) struct PendingView {
    /// `sign_in`, `consent`, `waiting` or `refused`.
    step: &'static str,
    tenant_id: Option<String>,
    entra_username: Option<String>,
    problem: Option<ProblemView>,
    began_at: String,
}

impl From<AzureLink> for LinkView {
    fn from(link: AzureLink) -> Self {
        Self {
            tenant_id: link.tenant_id,
            domain: link.tenant_domain,
            principal_object_id: link.principal_object_id,
            linked_by: link.linked_by_email,
            entra_username: link.entra_username,
            created_at: instant(link.created_at_ms),
            unlinked_at: link.unlinked_at_ms.map(instant),
            last_sas_expires_at: link.last_sas_expires_at_ms.map(instant),
            problem: None,
            proof: link.proof.map(LinkProof::as_str),
            others: Vec::new(),
        }
    }
}

impl From<PendingConnect> for PendingView {
    fn from(pending: PendingConnect) -> Self {
        Self {
            step: pending.step.as_str(),
            tenant_id: pending.tenant_id,
            entra_username: pending.entra_username,
            problem: pending.problem.map(ProblemView::from),
            began_at: instant(pending.began_at_ms),
        }
    }
}

impl From<Integrations> for IntegrationsView {
    fn from(found: Integrations) -> Self {
        Self {
            state: state_of(&found),
            links: found
                .links
                .iter()
                .map(|(link, problem)| LinkView {
                    problem: problem.clone().map(ProblemView::from),
                    others: found
                        .others_of(&link.tenant_id)
                        .map(OtherView::from)
                        .collect(),
                    ..LinkView::from(link.clone())
                })
                .collect(),
            pending: found.pending.map(PendingView::from),
            anonymous_reads: found.reads_anonymously,
            can_connect: found.app_client_id.is_some(),
        }
    }
}

/// What a page compares to see that it is old.
pub(crate) fn state_of(found: &Integrations) -> String {
    let mut parts: Vec<String> = found
        .links
        .iter()
        .map(|(link, problem)| {
            let is = match link.unlinked_at_ms {
                Some(_) => "unlinked",
                None => "linked",
            };
            let code = problem.as_ref().map_or("", |problem| problem.code.as_str());
            let proof = link.proof.map_or("", LinkProof::as_str);
            format!("{} {is} {proof} {code}", link.tenant_id)
        })
        .collect();
    parts.extend(found.others.iter().map(|other| {
        let proof = other.proof.map_or("", LinkProof::as_str);
        format!("{} {} {proof}", other.tenant_id, other.created_at_ms)
    }));
    if let Some(pending) = &found.pending {
        let code = pending
            .problem
            .as_ref()
            .map_or("", |problem| problem.code.as_str());
        parts.push(format!("{} {code}", pending.step.as_str()));
    }
    parts.push(found.reads_anonymously.to_string());
    parts.join(";")
}

/// What unlinking left behind.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnlinkedView {
    tenant_id: String,
    last_sas_expires_at: Option<String>,
    /// Storages that cannot be used any more.
    storages: Vec<i64>,
    /// What Azure still holds.
    leftovers: Vec<LeftoverView>,
}

/// Something that stays in Azure, and the command that removes it.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeftoverView {
    what: &'static str,
    command: String,
}

impl From<Unlinked> for UnlinkedView {
    fn from(unlinked: Unlinked) -> Self {
        Self {
            tenant_id: unlinked.tenant_id,
            last_sas_expires_at: unlinked.last_sas_expires_at_ms.map(instant),
            storages: unlinked.storages.into_iter().map(|id| id.0).collect(),
            leftovers: unlinked
                .leftovers
                .into_iter()
                .map(|left| LeftoverView {
                    what: left.what,
                    command: left.command,
                })
                .collect(),
        }
    }
}

/// What to grant on a container, and what acts already.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantsView {
    /// Changes whenever what acts does.
    pub(crate) state: String,
    /// Every role that is needed acts.
    granted: bool,
    principal_object_id: Option<String>,
    roles: Vec<RoleView>,
    az: String,
    bicep: String,
    terraform: String,
    custom_role: String,
    claim: ClaimView,
    problem: Option<ProblemView>,
}

/// A role of Azure.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleView {
    role: &'static str,
    /// `container` or `account`.
    scope: &'static str,
    why: &'static str,
    required: bool,
    /// `granted`, `missing` or `unknown`.
    state: &'static str,
}

/// Whether the link may be used on a container.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClaimView {
    /// `held`; `free`: it could not be looked at, as the grants say, and the first use that
    /// succeeds holds it; or `asked`: control must be proven.
    state: &'static str,
    /// Name of the blob that proves control.
    marker: Option<String>,
    /// Writes it.
    command: Option<String>,
}

impl From<Claim> for ClaimView {
    fn from(claim: Claim) -> Self {
        match claim {
            Claim::Held | Claim::Free => Self {
                state: claim_state(&claim),
                marker: None,
                command: None,
            },
            Claim::Asked { marker, command } => Self {
                state: "asked",
                marker: Some(marker),
                command: Some(command),
            },
        }
    }
}

impl From<Grants> for GrantsView {
    fn from(grants: Grants) -> Self {
        Self {
            state: grants_state(&grants),
            granted: grants.is_granted(),
            principal_object_id: grants.principal_object_id,
            roles: grants
                .roles
                .iter()
                .map(|role| RoleView {
                    role: role.name,
                    scope: match role.scope {
                        GrantScope::Container => "container",
                        GrantScope::Account => "account",
                    },
                    why: role.why,
                    required: role.need == RoleNeed::Required,
                    state: role_state(role.state),
                })
                .collect(),
            az: grants.az,
            bicep: grants.bicep,
            terraform: grants.terraform,
            custom_role: grants.custom_role,
            claim: grants.claim.into(),
            problem: grants.problem.map(ProblemView::from),
        }
    }
}

fn claim_state(claim: &Claim) -> &'static str {
    match claim {
        Claim::Held => "held",
        Claim::Free => "free",
        Claim::Asked { .. } => "asked",
    }
}

fn role_state(state: GrantState) -> &'static str {
    match state {
        GrantState::Granted => "granted",
        GrantState::Missing => "missing",
        GrantState::Unknown => "unknown",
    }
}

/// What a page compares to see that it is old.
pub(crate) fn grants_state(grants: &Grants) -> String {
    let mut parts: Vec<&str> = grants
        .roles
        .iter()
        .map(|role| role_state(role.state))
        .collect();
    parts.push(claim_state(&grants.claim));
    parts.push(
        grants
            .problem
            .as_ref()
            .map_or("", |problem| problem.code.as_str()),
    );
    parts.join(" ")
}
