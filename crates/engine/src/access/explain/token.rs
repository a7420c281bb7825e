//! Entra ID's refusals to give a token, by their AADSTS numbers.

use model::{Code, Credential};

use super::{Answer, Row, Situation, clean, commands::quote, entra_numbers, network, unknown};
use crate::{Fix, Who};

/// Who asks Entra ID for the token, as the sentences need it.
pub(super) struct Client<'a> {
    pub(super) tenant: &'a str,
    pub(super) id: &'a str,
    /// The app registration is the operator's, not the customer's.
    is_ours: bool,
}

impl<'a> Client<'a> {
    pub(super) fn of(at: &Situation<'a>) -> Self {
        match at.credential {
            Credential::ServicePrincipal {
                tenant_id,
                client_id,
                ..
            } => Self {
                tenant: tenant_id,
                id: client_id,
                is_ours: false,
            },
            Credential::AzureLink { tenant_id } => Self {
                tenant: tenant_id,
                id: at.app_client_id.unwrap_or("CLIENT_ID"),
                is_ours: true,
            },
            Credential::ManagedIdentity { .. }
            | Credential::AccountKey { .. }
            | Credential::Sas { .. }
            | Credential::Anonymous => Self {
                tenant: "TENANT_ID",
                id: "CLIENT_ID",
                is_ours: false,
            },
        }
    }
}

impl Client<'_> {
    /// Who changes the app registration, as a role and at the beginning of a sentence.
    pub(super) fn owner(&self) -> (Who, &'static str) {
        if self.is_ours {
            (Who::Operator, "The operator of Longshore")
        } else {
            (Who::AppOwner, "The owner of the app registration")
        }
    }
}

/// A refusal by Entra ID's token endpoint, by its AADSTS number.
pub(super) fn refused(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    let client = Client::of(at);
    let (role, who) = client.owner();
    let Client {
        tenant,
        id,
        is_ours,
    } = client;
    let app = quote(id);
    match answer.code.unwrap_or_default() {
        "AADSTS7000215" => (
            Code::ClientSecretWrong,
            format!("Entra ID refuses the client secret of the app {id}. Most often it is not the secret's value (its id is pasted instead); otherwise it was removed, is another app's, or was made moments ago."),
            Fix::by(role, format!("{who} makes a new one and enters its value (shown once)")).command(
                format!("az ad app credential reset --id {app} --append --display-name longshore --query password --output tsv"),
            ),
        ),
        "AADSTS7000222" => (
            Code::ClientSecretExpired,
            format!("The client secret of the app {id} has expired."),
            Fix::by(role, format!("{who} makes a new one and enters its value (shown once)")).command(
                format!("az ad app credential reset --id {app} --append --display-name longshore --query password --output tsv"),
            ),
        ),
        "AADSTS700027" => (
            Code::ClientCertificateUnknown,
            format!("The app {id} does not know the certificate (or its key): {}", clean(answer.message)),
            Fix::by(role, format!("{who} uploads the public certificate")).command(format!(
                "az ad app credential reset --id {app} --append --cert @CERTIFICATE.pem"
            )),
        ),
        "AADSTS700024" if network::is_clock_skew(answer) => network::clock_skew(answer, at),
        "AADSTS700024" => outside_its_time(answer, id),
        "AADSTS700016" | "AADSTS700038" if !is_ours => (
            Code::ClientIdUnknown,
            format!("The tenant {tenant} has no app with the client id {id}."),
            Fix::by(Who::You, "Correct the client id (the application id, not the object id) or the tenant id").command(
                format!("az login --tenant {} && az ad sp show --id {app} --query \"{{name:displayName,clientId:appId,tenant:appOwnerOrganizationId}}\"", quote(tenant)),
            ),
        ),
        "AADSTS65001" | "AADSTS650056" if is_ours => (
            Code::ConsentMissing,
            format!("Longshore's app {id} has no (whole) consent in the tenant {tenant}: {}", clean(answer.message)),
            consent_again(at, tenant, id),
        ),
        "AADSTS700016" | "AADSTS7000229" if is_ours => (
            Code::ConsentMissing,
            format!("Longshore's app {id} is not in the tenant {tenant}: its administrator has not consented, or has removed the enterprise application."),
            consent_again(at, tenant, id),
        ),
        "AADSTS700038" => (
            Code::ClientIdUnknown,
            format!("{id} is not an app's client id."),
            Fix::by(Who::Operator, "The operator of Longshore corrects LONGSHORE_APP_CLIENT_ID."),
        ),
        "AADSTS7000229" => (
            Code::ServicePrincipalMissing,
            format!("The app {id} has no service principal in the tenant {tenant}."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} creates it"))
                .command(format!("az ad sp create --id {app}")),
        ),
        "AADSTS7000112" => (
            Code::ServicePrincipalDisabled,
            format!("The service principal of the app {id} is disabled in the tenant {tenant}."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} enables it"))
                .command(format!("az ad sp update --id {app} --set accountEnabled=true")),
        ),
        "AADSTS90002" => (
            Code::TenantNotFound,
            format!("Entra ID ({}) has no tenant {tenant}.", at.cloud.name),
            Fix::by(Who::You, "Correct the tenant id; if it is of another cloud (US Government, China), the operator sets LONGSHORE_CLOUD")
                .command("az account show --query tenantId --output tsv"),
        ),
        "AADSTS900382" | "AADSTS900432" | "AADSTS90038" => (
            Code::WrongCloud,
            format!("The tenant {tenant} is of another cloud than {}.", at.cloud.name),
            Fix::by(Who::Operator, "The operator sets LONGSHORE_CLOUD to that cloud (public, usgov, china), and the app registration must be of it too."),
        ),
        "AADSTS500011" => (
            Code::StorageNotRegistered,
            format!("The tenant {tenant} does not know Azure Storage."),
            Fix::by(Who::AzureAdministrator, "An administrator registers it once")
                .command("az provider register --namespace Microsoft.Storage"),
        ),
        "AADSTS50194" => (
            Code::AppNotMultiTenant,
            format!("The app {id} is registered for its own tenant only, so {tenant} cannot use it."),
            Fix::by(role, format!("{who} makes it multi-tenant"))
                .command(format!("az ad app update --id {app} --sign-in-audience AzureADMultipleOrgs")),
        ),
        "AADSTS53003" => (
            Code::ConditionalAccess,
            format!("A Conditional Access policy of the tenant {tenant} blocks the app {id}."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} looks at Entra ID, Sign-in logs, Service principal sign-ins, and allows the app or the address of the machine that runs Longshore."))
                .portal("Entra ID, Protection, Conditional Access"),
        ),
        "AADSTS700211" | "AADSTS700212" | "AADSTS700213" | "AADSTS70021" | "AADSTS7002138" => (
            Code::FederationMismatch,
            format!("No federated credential of the app {id} matches the token of this machine's identity (issuer, subject and audience, letter case included): {}", clean(answer.message)),
            Fix::by(role, format!("{who} compares them, and waits a minute after a change"))
                .command(format!("az ad app federated-credential list --id {app}"))
                .takes("up to a minute"),
        ),
        "AADSTS70025" => (
            Code::FederationMissing,
            format!("The app {id} trusts no other identity: it has no federated credential at all."),
            Fix::by(role, format!("{who} adds one, with the tenant and the object (principal) id of this machine's identity"))
                .command(format!(
                    "az ad app federated-credential create --id {app} --parameters '{{\"name\":\"longshore\",\"issuer\":\"{}TENANT_ID/v2.0\",\"subject\":\"PRINCIPAL_ID\",\"audiences\":[\"{}\"]}}'",
                    with_slash(&at.cloud.authority),
                    at.cloud.federated_audience
                ))
                .takes("up to a minute"),
        ),
        "AADSTS65001" | "AADSTS65004" | "AADSTS65005" | "AADSTS650056" | "AADSTS650057" => (
            Code::ConsentMissing,
            format!("The app {id} has no consent in the tenant {tenant}."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} grants it"))
                .command(format!("az ad app permission admin-consent --id {app}")),
        ),
        _ => entra_numbers::row(answer, at).unwrap_or_else(|| unknown(answer, "Entra ID")),
    }
}

/// The proof of the app was not within its time, and the clocks agree. Entra ID tells all three times.
fn outside_its_time(answer: &Answer<'_>, id: &str) -> Row {
    // All three in one form, so that their texts compare as the times do.
    let after = |words: &str| -> Option<&str> {
        let (_, rest) = answer.message.split_once(words)?;
        rest.split_whitespace()
            .next()
            .map(|time| time.trim_matches([',', '.']))
    };
    let now = after("Current time:");
    match (now, after("valid from"), after("expiry time of assertion")) {
        (Some(now), _, Some(end)) if end < now => (
            Code::AssertionExpired,
            format!("The token with which the app {id} proves itself ended at {end}, before it reached Entra ID, and this machine's clock is right: the projected token file is old, or the request waited."),
            Fix::by(
                Who::Operator,
                "The operator sees that the token file is renewed (AKS renews it while the pod lives), and restarts the pod if it is not",
            )
            .command("kubectl rollout restart deployment/DEPLOYMENT --namespace NAMESPACE"),
        ),
        (Some(now), Some(begin), _) if begin > now => (
            Code::AssertionNotYetValid,
            format!("The token with which the app {id} proves itself begins at {begin} only: the clock of whoever signed it is ahead of Entra ID's."),
            Fix::by(Who::Operator, "The operator sets the clock, for instance with")
                .command("timedatectl set-ntp true"),
        ),
        _ => unknown(answer, "Entra ID"),
    }
}

/// Refused by ourselves: the settings make no request that could be sent.
pub(super) fn not_sent(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    if answer.message.contains("AZURE_CLIENT_ID") {
        return (
            Code::WorkloadClientIdMissing,
            "Workload identity does not know which identity to ask for: neither the storage nor the machine that runs Longshore names a client id. Azure was not asked.".to_owned(),
            Fix::by(
                Who::You,
                "Enter the identity's client id (not its object or resource id) in the storage; or the operator annotates the service account and restarts Longshore",
            )
            .command("kubectl annotate serviceaccount SERVICE_ACCOUNT --namespace NAMESPACE azure.workload.identity/client-id=CLIENT_ID"),
        );
    }
    (
        Code::InvalidInput,
        format!(
            "Azure was not asked, because no request can be made of these settings: {}",
            clean(answer.message)
        ),
        Fix::by(
            Who::You,
            format!("Correct the settings of the storage on {}.", at.account()),
        ),
    )
}

fn consent_again(at: &Situation<'_>, tenant: &str, id: &str) -> Fix {
    Fix::by(
        Who::AzureAdministrator,
        format!(
            "An administrator of {tenant} consents at {}{tenant}/adminconsent?client_id={id}",
            with_slash(&at.cloud.authority)
        ),
    )
}

fn with_slash(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}
