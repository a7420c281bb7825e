//! The machine's refusals to give a token, by the endpoint that was really asked.
//!
//! A status alone says little here: 400 is an unknown identity, several of them, a lost header or a
//! wrong resource. Source: "How managed identities for Azure resources work with virtual machines",
//! "Managed identities for App Service", and texts quoted in public.

use azure::ErrorKind;
use model::{ClientProof, Code, Credential, IdentityId, IdentitySource};

use super::{Answer, Row, Situation, clean, commands::quote, unknown};
use crate::{Fix, Who};

/// An identity endpoint in words, and the commands about the identities behind it.
struct Endpoint {
    name: &'static str,
    /// Shows which identities there are.
    list: &'static str,
    /// Gives it another, where that can be done.
    assign: Option<&'static str>,
}

fn endpoint(source: IdentitySource) -> Endpoint {
    let (name, list, assign) = match source {
        IdentitySource::Auto | IdentitySource::Imds => (
            "the machine's managed identity endpoint (169.254.169.254)",
            "az vm identity show --name VM --resource-group GROUP --query userAssignedIdentities",
            Some("az vm identity assign --name VM --resource-group GROUP"),
        ),
        IdentitySource::AppService => (
            "the managed identity endpoint of App Service (IDENTITY_ENDPOINT)",
            "az webapp identity show --name APP --resource-group GROUP --query userAssignedIdentities",
            Some("az webapp identity assign --name APP --resource-group GROUP"),
        ),
        IdentitySource::AzureArc => (
            "the Azure Arc agent of the machine (IDENTITY_ENDPOINT)",
            "azcmagent show",
            None,
        ),
        IdentitySource::AzureMl => (
            "the managed identity endpoint of Azure Machine Learning (MSI_ENDPOINT)",
            "az ml compute show --name COMPUTE --workspace-name WORKSPACE --resource-group GROUP --query identity",
            None,
        ),
        IdentitySource::CloudShell => (
            "Cloud Shell's identity endpoint (MSI_ENDPOINT)",
            "az account show --query user",
            None,
        ),
        IdentitySource::WorkloadIdentity => (
            "AKS workload identity (AZURE_FEDERATED_TOKEN_FILE)",
            "kubectl get serviceaccount SERVICE_ACCOUNT --namespace NAMESPACE --output yaml",
            None,
        ),
        IdentitySource::ServiceFabric => (
            "the identity endpoint of Service Fabric",
            "printenv IDENTITY_ENDPOINT",
            None,
        ),
    };
    Endpoint { name, list, assign }
}

/// Nobody was asked, or nobody who could be: the machine and the settings do not go together.
pub(super) fn not_asked(answer: &Answer<'_>) -> Row {
    let source = answer.identity_source.unwrap_or_default();
    let title = source.title();
    let why = clean(answer.message);
    match answer.kind {
        ErrorKind::IdentityNotSelectable => (
            Code::IdentityNotSelectable,
            format!("Longshore runs in {title}, and the storage names an identity that cannot be chosen there: {why} Nothing was asked."),
            Fix::by(
                Who::You,
                match source {
                    IdentitySource::AzureMl => "Name the identity by its client id. To see it",
                    _ => "Leave the identity's ids out of the storage: the machine's own identity is used. To see it",
                },
            )
            .command(endpoint(source).list),
        ),
        ErrorKind::IdentityKeyRefused => (
            Code::IdentityKeyRefused,
            format!("What answers in the place of the Azure Arc agent does not name one of the agent's keys: {why} Nothing was read or sent."),
            Fix::by(
                Who::Operator,
                "The operator compares IDENTITY_ENDPOINT with the agent's own address",
            )
            .command("azcmagent show"),
        ),
        ErrorKind::IdentityKeyUnreadable => (
            Code::IdentityKeyUnreadable,
            format!("Longshore cannot read the key of the Azure Arc agent: {why}"),
            Fix::by(
                Who::Operator,
                "The operator puts the user that runs Longshore into the agent's group, and restarts Longshore",
            )
            .command("sudo usermod --append --groups himds USER"),
        ),
        _ => (
            Code::IdentityHostUnsupported,
            format!("Longshore does not use managed identities of {title}: {why}"),
            Fix::by(
                Who::You,
                "Use a service principal or an Azure link for this storage.",
            ),
        ),
    }
}

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
    let endpoint = endpoint(source);
    let (name, identities) = match asked {
        IdentityId::SystemAssigned => ("a system-assigned identity".to_owned(), String::new()),
        IdentityId::ClientId(id) => (
            format!("an identity with the client id {id}"),
            " --identities IDENTITY_RESOURCE_ID".to_owned(),
        ),
        IdentityId::ObjectId(id) => (
            format!("an identity with the object id {id}"),
            " --identities IDENTITY_RESOURCE_ID".to_owned(),
        ),
        IdentityId::ResourceId(id) => (
            format!("the identity {id}"),
            format!(" --identities {}", quote(id)),
        ),
    };
    let assign = endpoint.assign.map_or_else(
        || endpoint.list.to_owned(),
        |command| format!("{command}{identities}"),
    );
    match answer.status {
        Some(400) if text.contains("multiple user assigned") => (
            Code::IdentityNotChosen,
            "The machine that runs Longshore has several user-assigned identities, and the storage names none of them.".to_owned(),
            Fix::by(
                Who::You,
                "Enter the client id of the identity that has the role. To see them",
            )
            .command(endpoint.list),
        ),
        Some(400) if text.contains("required metadata header") => (
            Code::IdentityHeaderLost,
            format!("Something between Longshore and {} took the Metadata header away: a proxy.", endpoint.name),
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
            format!("The machine that runs Longshore does not have {name}: {} was asked.", endpoint.name),
            Fix::by(
                Who::AzureAdministrator,
                match endpoint.assign {
                    Some(_) => "An administrator assigns it",
                    None => "An administrator gives it one. To see which it has",
                },
            )
            .command(assign),
        ),
        Some(401 | 403) if source == IdentitySource::AppService => (
            Code::IdentityHeaderRefused,
            format!(
                "The managed identity endpoint of the App Service that runs Longshore refuses IDENTITY_HEADER ({}). Most likely the process was started before its identity was changed.",
                said(answer)
            ),
            Fix::by(
                Who::Operator,
                "The operator restarts Longshore, so that it gets the header of now",
            )
            .command("az webapp restart --name APP --resource-group GROUP")
            .takes("up to a minute"),
        ),
        // A key that was not the newest, or another program in the agent's place.
        Some(401 | 403) if source != IdentitySource::Imds => (
            Code::IdentityEndpointRefuses,
            format!(
                "This program is refused ({}) by {}: {}",
                said(answer),
                endpoint.name,
                clean(answer.message)
            ),
            Fix::by(
                Who::Operator,
                "The operator restarts Longshore, so that it gets the variables of now. To see what is behind the endpoint",
            )
            .command(endpoint.list),
        ),
        Some(401 | 403) => (
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
                "No token at the moment: {} answers {}.",
                endpoint.name,
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
                "No answer in time from {}: {}",
                endpoint.name,
                clean(answer.message)
            ),
            Fix::by(
                Who::Operator,
                "Try again in a minute. If it stays, the operator checks that the machine (or a proxy, or a container's network policy) lets requests to it pass, and that no other program asks it more than 20 times a second.",
            ),
        ),
        None => (
            Code::IdentityEndpointAbsent,
            format!(
                "Nobody answers for the machine's managed identity ({} was asked): {}",
                endpoint.name,
                clean(answer.message)
            ),
            Fix::by(
                Who::AzureAdministrator,
                format!(
                    "A managed identity works only on a machine in Azure, or with the Azure Arc agent; elsewhere use a service principal or an Azure link. There, an administrator assigns {name}"
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
