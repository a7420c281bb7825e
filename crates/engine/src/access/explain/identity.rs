//! The machine's refusals to give a token: IMDS, App Service, the projected token.
//!
//! A status alone says little here: 400 is an unknown identity, several of them, a lost header or a
//! wrong resource. Source: "How managed identities for Azure resources work with virtual machines",
//! "Managed identities for App Service", and texts quoted in public.

use model::{ClientProof, Code, Credential, IdentityId, IdentitySource};

use super::{Answer, Row, Situation, clean, commands::quote, unknown};
use crate::{Fix, Who};

/// IMDS, App Service or the projected token: absent, or without the identity asked for.
pub(super) fn unavailable(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    let (chosen, asked) = match at.credential {
        Credential::ManagedIdentity { source, identity }
        | Credential::ServicePrincipal {
            proof: ClientProof::Federated { source, identity },
            ..
        } => (*source, identity),
        Credential::ServicePrincipal {
            proof: ClientProof::Secret(_) | ClientProof::Certificate { .. },
            ..
        }
        | Credential::AccountKey { .. }
        | Credential::Sas { .. }
        | Credential::Anonymous
        // Its app's proof may be a managed identity, and is the operator's.
        | Credential::AzureLink { .. } => (IdentitySource::Auto, &IdentityId::SystemAssigned),
    };
    // `Auto` is not where the answer came from.
    let source = answer.identity_source.unwrap_or(chosen);
    let text = answer.message.to_ascii_lowercase();
    let (name, assign) = match asked {
        IdentityId::SystemAssigned => (
            "a system-assigned identity".to_owned(),
            "az vm identity assign --name VM --resource-group GROUP".to_owned(),
        ),
        IdentityId::ClientId(id) => (
            format!("an identity with the client id {id}"),
            "az vm identity assign --name VM --resource-group GROUP --identities IDENTITY_RESOURCE_ID".to_owned(),
        ),
        IdentityId::ObjectId(id) => (
            format!("an identity with the object id {id}"),
            "az vm identity assign --name VM --resource-group GROUP --identities IDENTITY_RESOURCE_ID".to_owned(),
        ),
        IdentityId::ResourceId(id) => (
            format!("the identity {id}"),
            format!(
                "az vm identity assign --name VM --resource-group GROUP --identities {}",
                quote(id)
            ),
        ),
    };
    match answer.status {
        Some(400) if text.contains("multiple user assigned") => (
            Code::IdentityNotChosen,
            "The machine that runs Longshore has several user-assigned identities, and the storage names none of them.".to_owned(),
            Fix::by(
                Who::You,
                "Enter the client id of the identity that has the role. To see them",
            )
            .command("az vm identity show --name VM --resource-group GROUP --query userAssignedIdentities"),
        ),
        Some(400) if text.contains("required metadata header") => (
            Code::IdentityHeaderLost,
            "Something between Longshore and the machine's managed identity endpoint took the Metadata header away: a proxy.".to_owned(),
            Fix::by(
                Who::Operator,
                "The operator lets requests to 169.254.169.254 go without a proxy (NO_PROXY=169.254.169.254).",
            ),
        ),
        Some(400) if answer.code == Some("invalid_resource") || text.contains("aadsts500011") => (
            Code::StorageNotRegistered,
            format!("The identity's tenant does not know the resource that was asked for (Azure Storage): {}", clean(answer.message)),
            Fix::by(
                Who::AzureAdministrator,
                "An administrator registers Azure Storage once; if the cloud profile is one of your own, the operator compares its storage_resource",
            )
            .command("az provider register --namespace Microsoft.Storage"),
        ),
        // "Identity not found" (IMDS), "No User Assigned or Delegated Managed Identity found" (App Service).
        Some(400 | 404) if text.contains("identity not found") || text.contains("identity found") => (
            Code::IdentityNotFound,
            format!("The machine that runs Longshore does not have {name}."),
            Fix::by(
                Who::AzureAdministrator,
                "An administrator assigns it (for App Service: az webapp identity assign)",
            )
            .command(assign),
        ),
        Some(401 | 403) if source == IdentitySource::AppService => (
            Code::IdentityHeaderRefused,
            format!(
                "The managed identity endpoint of the App Service that runs Longshore refuses IDENTITY_HEADER ({}): the process was started before its identity was changed.",
                said(answer)
            ),
            Fix::by(
                Who::Operator,
                "The operator restarts Longshore, so that it gets the header of now",
            )
            .command("az webapp restart --name APP --resource-group GROUP")
            .takes("up to a minute"),
        ),
        Some(401 | 403) if source == IdentitySource::Imds => (
            Code::IdentityEndpointRefuses,
            format!(
                "The machine's managed identity endpoint (169.254.169.254) refuses this program ({}): {} A policy of the machine or cluster may keep it from programs like this, or something that is not Azure answers there.",
                said(answer),
                clean(answer.message)
            ),
            Fix::by(
                Who::Operator,
                "The operator lets Longshore's process or pod ask the endpoint, or uses workload identity. To see the answer, in Longshore's own container",
            )
            .command("curl -sv --noproxy '*' -H Metadata:true 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com'"),
        ),
        // Too many requests, an update of the service, and its own failures: all pass.
        Some(410 | 429 | 500..=599) => (
            Code::IdentityBusy,
            format!(
                "The managed identity endpoint of the machine that runs Longshore gives no token at the moment ({}).",
                said(answer)
            ),
            Fix::by(
                Who::You,
                "Wait and try again in a minute. If it stays, the operator sees that no other program asks it more than 20 times a second, and looks at the machine's health in Azure.",
            )
            .takes("about a minute"),
        ),
        Some(_) => unknown(answer, "The managed identity endpoint"),
        None if answer.message.contains("in time") || answer.message.contains("no token within") => (
            Code::IdentityEndpointSlow,
            format!(
                "The managed identity endpoint of the machine that runs Longshore did not answer in time: {}",
                clean(answer.message)
            ),
            Fix::by(
                Who::Operator,
                "Try again in a minute. If it stays, the operator checks that the machine (or a proxy, or a container's network policy) lets requests to 169.254.169.254 pass, and that no other program asks it more than 20 times a second.",
            ),
        ),
        None => (
            Code::IdentityEndpointAbsent,
            format!(
                "The machine that runs Longshore has no managed identity endpoint: {}",
                clean(answer.message)
            ),
            Fix::by(
                Who::AzureAdministrator,
                format!(
                    "A managed identity works only on a machine in Azure; elsewhere use a service principal or an Azure link. In Azure, an administrator assigns {name}"
                ),
            )
            .command(assign),
        ),
    }
}

/// The answer's status, and its code when it has one.
fn said(answer: &Answer<'_>) -> String {
    let status = answer
        .status
        .map_or_else(String::new, |status| format!("status {status}"));
    match answer.code {
        Some(code) => format!("{status}, {code}"),
        None => status,
    }
}
