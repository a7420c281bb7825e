//! AADSTS numbers that are rarer than those of `token`, each with what Microsoft says it means.
//!
//! Source: "Microsoft Entra authentication and authorization error codes". Microsoft may change
//! numbers and texts, so that they choose only the sentence; an unknown one is shown as it came.

use model::Code;

use super::{Answer, Row, Situation, clean, commands::quote, token::Client};
use crate::{Fix, Who};

pub(super) fn row(answer: &Answer<'_>, at: &Situation<'_>) -> Option<Row> {
    let client = Client::of(at);
    let (tenant, id, app) = (client.tenant, client.id, quote(client.id));
    let (role, who) = client.owner();
    let said = || clean(answer.message);
    let number: u32 = answer.code?.strip_prefix("AADSTS")?.parse().ok()?;
    Some(match number {
        700_025 | 7_000_218 => (
            Code::AppPublicClient,
            format!("The app {id} is registered as a public client, which may not use a secret or certificate."),
            Fix::by(role, format!("{who} makes it a confidential one"))
                .command(format!("az ad app update --id {app} --is-fallback-public-client false")),
        ),
        700_030 | 50_012 => (
            Code::ClientCertificateRefused,
            format!("Entra ID does not accept the app {id}'s certificate: {}", said()),
            Fix::by(
                role,
                format!("{who} checks that the PEM begins with the app's own certificate (not its issuer's), that it has not ended, and that it is uploaded to this app in this cloud. To see what the app has"),
            )
            .command(format!("az ad app credential list --id {app} --cert")),
        ),
        70_001 | 1_000_031 => (
            Code::AppDisabled,
            format!("The app {id} cannot be used in the tenant {tenant} now: it is disabled, or not there."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} looks at it in Entra ID, Enterprise applications. To see whether it is there and enabled"))
                .command(format!("az ad sp show --id {app} --query \"{{name:displayName,enabled:accountEnabled}}\"")),
        ),
        50_001 | 650_052 | 650_054 => (
            Code::StorageNotRegistered,
            format!("The tenant {tenant} does not know the service that was asked for, Azure Storage: {}", said()),
            Fix::by(Who::AzureAdministrator, "An administrator registers it once")
                .command("az provider register --namespace Microsoft.Storage"),
        ),
        50_128 | 50_059 | 90_019 | 900_023 => (
            Code::TenantIdWrong,
            format!("{tenant:?} is no tenant that Entra ID could look for: it takes a tenant's id (a GUID) or one of its domains."),
            Fix::by(Who::You, "Correct the tenant id. To see yours")
                .command("az account show --query tenantId --output tsv"),
        ),
        90_051 | 90_043 | 1_000_104 => (
            Code::WrongCloud,
            format!("The tenant {tenant} and the cloud {} do not go together: {}", at.cloud.name, said()),
            Fix::by(Who::Operator, "The operator sets LONGSHORE_CLOUD to the tenant's cloud (public, usgov, china)."),
        ),
        500_014 => (
            Code::StoragePrincipalDisabled,
            format!("The tenant {tenant} has switched off Azure Storage's own service principal."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} enables it in Entra ID, Enterprise applications, Microsoft applications, Azure Storage."))
                .portal("Entra ID, Enterprise applications, Azure Storage, Properties, Enabled for users to sign-in"),
        ),
        700_222 | 700_236 | 700_238 | 700_231 | 700_223 => (
            Code::FederationNotAllowed,
            format!("Entra ID does not take this machine's token in the place of a secret of the app {id}: {}", said()),
            Fix::by(role, format!("{who} uses a user-assigned identity of the app's own tenant, and asks that tenant's administrator whether a policy forbids it.")),
        ),
        700_229 => (
            Code::FederationNotAllowed,
            format!("Entra ID takes only an app's own token in the place of a secret of the app {id}, and the one of this machine is a person's (Cloud Shell, az login): {}", said()),
            Fix::by(Who::Operator, "Run Longshore with a managed identity, or give the app a secret or a certificate."),
        ),
        7_000_272 => (
            Code::FederationKeyUnknown,
            format!("Entra ID does not find the key that signed this machine's token at its issuer: the key is new (up to half an hour), or the cluster was made anew. {}", said()),
            Fix::by(role, format!("{who} waits half an hour; if it stays, the issuer in the app's federated credential is compared with the cluster's"))
                .command(format!("az ad app federated-credential list --id {app}"))
                .takes("up to 30 minutes"),
        ),
        90_061 | 50_166 | 501_661 => (
            Code::FederationIssuerUnreachable,
            format!("Entra ID could not reach the issuer of this machine's token: {}", said()),
            Fix::by(Who::Operator, "The operator sees that the issuer's address (/.well-known/openid-configuration) is public, and tries again in a few minutes.")
                .takes("a few minutes"),
        ),
        530_032 | 530_034 | 530_035 | 53_011 | 50_131 => (
            Code::ConditionalAccess,
            format!("A security policy of the tenant {tenant} blocks this sign-in: {}", said()),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} looks at Entra ID, Sign-in logs, Service principal sign-ins."))
                .portal("Entra ID, Monitoring, Sign-in logs, Service principal sign-ins"),
        ),
        50_002 | 500_021 | 500_022 => (
            Code::TenantRestrictions,
            format!("The network between Longshore and Entra ID restricts which tenants may be used, and {tenant} is not among them."),
            Fix::by(Who::Operator, "The operator has the proxy's tenant restrictions allow this tenant, or excepts the login host from them."),
        ),
        500_212 | 500_213 => (
            Code::CrossTenantPolicy,
            format!("A cross-tenant access policy does not let the app {id} into the tenant {tenant}: {}", said()),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} looks at the cross-tenant access settings."))
                .portal("Entra ID, External Identities, Cross-tenant access settings"),
        ),
        501_051 => (
            Code::AppNotAssigned,
            format!("The tenant {tenant} lets only assigned apps get tokens for this, and {id} is not assigned."),
            Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant} assigns it, or ends the requirement on the service principal that was asked for: {}", said())),
        ),
        50_033 | 90_006 | 90_024 | 90_033 | 90_090 | 90_091 | 90_012 | 50_087 | 80_005 | 70_012 => (
            Code::EntraBusy,
            format!("Entra ID could not do it at the moment (AADSTS{number}); such failures pass by themselves."),
            Fix::by(Who::You, "Try again in a minute.").takes("about a minute"),
        ),
        90_055 => (
            Code::Throttled,
            "Entra ID is at its request limit for this tenant or app.".to_owned(),
            Fix::by(Who::You, "Try again in some minutes, or have fewer programs ask for tokens at once."),
        ),
        50_196 => (
            Code::EntraLoop,
            format!("Entra ID stopped the app {id}, because the same request came too often in a short time."),
            Fix::by(Who::Operator, "Wait some minutes; trying again does not help. If no other program uses this app, please report it.").takes("some minutes"),
        ),
        50_000 | 90_036 | 50_086 => (
            Code::EntraInternal,
            format!("Entra ID failed inside (AADSTS{number}), and trying again does not help: {}", said()),
            Fix::by(Who::AzureAdministrator, "Microsoft's support asks for the time and the trace id."),
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use azure::ErrorKind;

    use crate::access::explain::{
        Answer, Doing,
        tests::{answer, assert_holds, explained, principal},
    };

    #[test]
    fn each_number_has_its_own_cause() {
        for (azure_code, code) in [
            ("AADSTS700025", "app_public_client"),
            ("AADSTS700030", "client_certificate_refused"),
            ("AADSTS50012", "client_certificate_refused"),
            ("AADSTS70001", "app_disabled"),
            ("AADSTS50001", "storage_not_registered"),
            ("AADSTS900023", "tenant_id_wrong"),
            ("AADSTS90051", "wrong_cloud"),
            ("AADSTS500014", "storage_principal_disabled"),
            ("AADSTS700236", "federation_not_allowed"),
            ("AADSTS7000272", "federation_key_unknown"),
            ("AADSTS90061", "federation_issuer_unreachable"),
            ("AADSTS530035", "conditional_access"),
            ("AADSTS500021", "tenant_restrictions"),
            ("AADSTS500213", "cross_tenant_policy"),
            ("AADSTS501051", "app_not_assigned"),
            ("AADSTS90033", "entra_busy"),
            ("AADSTS50196", "entra_loop"),
            ("AADSTS50000", "entra_internal"),
            ("AADSTS999999", "azure_error"),
        ] {
            let refused = answer(ErrorKind::TokenRefused, 400, azure_code);
            let problem = explained(&refused, &principal(), Doing::SignIn);
            assert_holds(&problem, code, &[]);
        }
    }

    #[test]
    fn an_old_assertion_is_not_taken_for_the_clock() {
        let text = "AADSTS700024: Client assertion is not within its valid time range. Current time: 2026-11-28T10:00:00.0000000Z, assertion valid from 2026-11-28T08:00:00.0000000Z, expiry time of assertion 2026-11-28T09:00:00.0000000Z.";
        let of = |message, clock_skew_ms| Answer {
            message,
            clock_skew_ms: Some(clock_skew_ms),
            ..answer(ErrorKind::TokenRefused, 401, "AADSTS700024")
        };
        let told = |answer: &Answer<'_>| explained(answer, &principal(), Doing::SignIn);
        assert_holds(
            &told(&of(text, 0)),
            "assertion_expired",
            &["2026-11-28T09:00:00"],
        );
        assert_holds(
            &told(&of(text, 20 * 60_000)),
            "clock_skew",
            &["20 minutes behind"],
        );
        let early = "AADSTS700024: Client assertion is not within its valid time range. Current time: 2026-11-28T10:00:00.0000000Z, assertion valid from 2026-11-28T10:06:00.0000000Z, expiry time of assertion 2026-11-28T10:16:00.0000000Z.";
        assert_holds(
            &told(&of(early, -1_000)),
            "assertion_not_yet_valid",
            &["ahead"],
        );
        assert_holds(
            &told(&of("AADSTS700024", 0)),
            "azure_error",
            &["AADSTS700024"],
        );
    }
}
