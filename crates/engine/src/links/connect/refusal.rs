//! What Entra ID's redirects and refusals mean for somebody who is connecting, and what to do.
//!
//! Sources: "Microsoft Entra authentication and authorization error codes", "Admin consent on the
//! Microsoft identity platform", and recorded redirects.

use azure::ErrorKind;
use model::Code;
use store::ConnectStep;

use super::Returned;
use crate::{AzureAnswer, Fix, Problem, Who};

type Row = (Code, String, Fix);

/// The person came back from signing in with an error.
pub(super) fn refused_sign_in(returned: &Returned) -> Problem {
    let (code, cause, fix) = match number(returned).as_deref() {
        Some("65004") => (
            Code::SignInDeclined,
            "The sign-in was declined, so your tenant is not proven and nothing is connected.".to_owned(),
            Fix::by(Who::You, "Press Connect to Azure again and accept; Longshore only learns who you are and your tenant."),
        ),
        Some("90094" | "90095") => (
            Code::AdministratorNeeded,
            "Your tenant lets only administrators sign in to new apps.".to_owned(),
            Fix::by(Who::AzureAdministrator, "Ask an administrator of your tenant to press Connect to Azure here, as a member of this organization with the role owner."),
        ),
        _ => by_number(returned).unwrap_or_else(|| {
            (
                Code::SignInRefused,
                format!("Entra ID ended the sign-in: {}", said(returned)),
                Fix::by(Who::You, "Press Connect to Azure again. If it stays, send this text to an administrator of your tenant."),
            )
        }),
    };
    problem(code, cause, fix, returned)
}

/// The person came back from the consent page, and nobody consented.
pub(super) fn refused_consent(returned: &Returned, tenant_id: &str) -> Problem {
    let row = match number(returned).as_deref() {
        Some("65004") => (
            Code::ConsentDeclined,
            format!("The consent page of the tenant {tenant_id} was closed with Cancel, so nothing is connected."),
            Fix::by(Who::AzureAdministrator, "An administrator opens the consent page again and accepts. Consent alone lets Longshore read nothing; roles are granted after it, on the containers that you choose."),
        ),
        Some("90094" | "90095") => administrator_needed(tenant_id),
        None if returned.error_subcode.as_deref() == Some("cancel") => administrator_needed(tenant_id),
        Some("50020") => (
            Code::OtherTenantsUser,
            format!("The consent page was opened by a user of another tenant than {tenant_id}, which was proven by the sign-in."),
            Fix::by(Who::AzureAdministrator, format!("Sign out at Microsoft, or use a private window, and open the consent page again as an administrator of {tenant_id}. To connect the other tenant instead, begin again with Connect to Azure.")),
        ),
        _ => by_number(returned).unwrap_or_else(|| {
            (
                Code::ConsentRefused,
                format!("Entra ID ended the consent page without consent: {}", said(returned)),
                Fix::by(Who::AzureAdministrator, format!("An administrator of {tenant_id} opens the consent page again. If it stays, give them this text.")),
            )
        }),
    };
    problem(row.0, row.1, row.2, returned)
}

fn administrator_needed(tenant_id: &str) -> Row {
    (
        Code::AdministratorNeeded,
        format!(
            "Only an administrator of the tenant {tenant_id} can consent, and the account that opened the consent page is none."
        ),
        Fix::by(
            Who::AzureAdministrator,
            "Send the page Settings, Integrations to an administrator (Privileged Role, Cloud Application or Global Administrator): the link there opens the consent page for them, and this page goes on by itself",
        ),
    )
}

/// What means the same on both pages.
fn by_number(returned: &Returned) -> Option<Row> {
    Some(match number(returned)?.as_str() {
        "700016" => (
            Code::AppNotFound,
            "Entra ID does not know Longshore's app registration.".to_owned(),
            Fix::by(
                Who::Operator,
                "The operator compares LONGSHORE_APP_CLIENT_ID with the app registration's Application (client) ID, and that it is of this cloud.",
            ),
        ),
        "50011" => (
            Code::RedirectNotRegistered,
            "Longshore's app registration does not list the address of this server.".to_owned(),
            Fix::by(
                Who::Operator,
                "The operator adds PUBLIC_URL/connect/azure/callback and PUBLIC_URL/connect/azure/consented to the app registration, Authentication, Web, Redirect URIs.",
            ),
        ),
        "50194" => (
            Code::AppNotMultiTenant,
            "Longshore's app registration is for its own tenant only.".to_owned(),
            Fix::by(
                Who::Operator,
                "The operator sets it to accounts in any organizational directory.",
            ),
        ),
        "650052" => (
            Code::ServiceNotInTenant,
            format!(
                "Your tenant lacks a service that Longshore's app registration asks for: {}",
                said(returned)
            ),
            Fix::by(
                Who::Operator,
                "The operator removes that API permission from the app registration: reading storage needs none.",
            ),
        ),
        "53003" => (
            Code::ConditionalAccess,
            "A Conditional Access policy of your tenant blocks this sign-in.".to_owned(),
            Fix::by(
                Who::AzureAdministrator,
                "An administrator looks at Entra ID, Sign-in logs, and allows it.",
            ),
        ),
        "50020" => (
            Code::PersonalAccount,
            "The account that signed in belongs to no organization's tenant, or to another one."
                .to_owned(),
            Fix::by(
                Who::You,
                "Press Connect to Azure again and sign in with the work or school account of the tenant that holds your storage.",
            ),
        ),
        _ => return None,
    })
}

/// Entra ID gives no token, and that may pass by itself: the service principal is not there (yet).
pub(super) fn not_there_yet(code: &str, tenant_id: &str, step: ConnectStep) -> Option<Problem> {
    if !matches!(code, "AADSTS7000229" | "AADSTS700016" | "AADSTS65001") {
        return None;
    }
    let (cause, fix) = match step {
        ConnectStep::Waiting => (
            format!(
                "The consent is given, and Entra ID does not give tokens of the tenant {tenant_id} yet ({code}). That takes seconds, and sometimes hours."
            ),
            "Nothing to do: this page asks again by itself. If it lasts more than a day, ask an administrator whether Longshore is listed in Entra ID, Enterprise applications",
        ),
        _ => (
            format!("No administrator of the tenant {tenant_id} has consented yet ({code})."),
            "An administrator opens the consent page and accepts. If it showed an error and never came back here, its AADSTS number says why",
        ),
    };
    Some(Problem {
        code: Code::ConsentNotThereYet,
        cause,
        fix: Fix::by(Who::AzureAdministrator, format!("{fix}.")),
        azure: Some(AzureAnswer {
            status: None,
            code: Some(code.to_owned()),
            message: "Entra ID gave no token.".to_owned(),
            request_id: None,
        }),
    })
}

/// The code was not taken, or the id_token proves nothing.
pub(super) fn of_sign_in_failure(error: &azure::Error) -> Problem {
    let message = error.message().trim_end_matches('.');
    let again = "Press Connect to Azure again.";
    let (code, cause, fix) = match error.kind() {
        ErrorKind::IdTokenRefused => (
            Code::IdTokenRefused,
            format!("The sign-in proves nothing, so nothing is connected: {message}."),
            Fix::by(
                Who::You,
                format!(
                    "{again} If it stays, the operator looks at this server's clock and the app registration."
                ),
            ),
        ),
        ErrorKind::InvalidInput => (
            Code::NoAppRegistration,
            "This server has no app registration, so nobody can connect to Azure with it."
                .to_owned(),
            Fix::by(
                Who::Operator,
                "The operator registers an app and sets LONGSHORE_APP_CLIENT_ID and its proof, as docs/azure-app.md says.",
            ),
        ),
        ErrorKind::TokenRefused => match error.code() {
            Some("AADSTS54005" | "AADSTS70008" | "AADSTS501481") => (
                Code::CodeNotAccepted,
                format!(
                    "Entra ID did not accept the sign-in's code: it was used already or is too old ({message})."
                ),
                Fix::by(Who::You, again),
            ),
            Some("AADSTS7000215" | "AADSTS7000222" | "AADSTS700027") => (
                Code::AppProofRefused,
                format!(
                    "Entra ID does not accept the secret or certificate of Longshore's app: {message}."
                ),
                Fix::by(
                    Who::Operator,
                    "The operator renews it and sets it again (LONGSHORE_APP_…).",
                ),
            ),
            _ => (
                Code::SignInRefused,
                format!("Entra ID did not accept the sign-in: {message}."),
                Fix::by(Who::You, again),
            ),
        },
        _ => (
            Code::SignInFailed,
            format!("Entra ID could not be asked who signed in: {message}."),
            Fix::by(
                Who::Operator,
                format!(
                    "{again} If it stays, the operator checks that this machine reaches Entra ID."
                ),
            ),
        ),
    };
    Problem {
        code,
        cause,
        fix,
        azure: error.status().map(|status| AzureAnswer {
            status: Some(status),
            code: error.code().map(str::to_owned),
            message: error.message().to_owned(),
            request_id: error.request_id().map(str::to_owned),
        }),
    }
}

fn problem(code: Code, cause: String, fix: Fix, returned: &Returned) -> Problem {
    Problem {
        code,
        cause,
        fix,
        azure: returned.error.is_some().then(|| AzureAnswer {
            status: None,
            code: number(returned).map(|number| format!("AADSTS{number}")),
            message: said(returned),
            request_id: None,
        }),
    }
}

/// The digits behind the first `AADSTS` of the description.
fn number(returned: &Returned) -> Option<String> {
    let description = returned.error_description.as_deref()?;
    let (_, rest) = description.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// Entra ID's own words: redacted, one line, without trace ids, and not endless.
fn said(returned: &Returned) -> String {
    let texts = [&returned.error_description, &returned.error];
    let text = texts.into_iter().flatten().next();
    let text = text.map_or("no reason was given", |text| {
        text.split("Trace ID").next().unwrap_or(text)
    });
    let line = model::redact(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    line.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use model::Code;
    use rstest::rstest;

    use super::{Returned, refused_consent, refused_sign_in};

    fn returned(error: &str, description: &str) -> Returned {
        Returned {
            error: Some(error.to_owned()),
            error_description: Some(description.to_owned()),
            admin_consent: Some("True".to_owned()),
            ..Returned::default()
        }
    }

    #[rstest]
    #[case(
        "AADSTS65004: User declined to consent to access the app.\r\nTrace ID: 1",
        "consent_declined"
    )]
    #[case("AADSTS90094: Admin consent is required.", "administrator_needed")]
    #[case(
        "AADSTS50020: User account 'x' does not exist in tenant",
        "other_tenants_user"
    )]
    #[case(
        "AADSTS650052: The app is trying to access a service",
        "service_not_in_tenant"
    )]
    #[case("AADSTS700016: Application with identifier", "app_not_found")]
    #[case("AADSTS99999999999: new", "consent_refused")]
    fn every_way_back_without_consent(#[case] description: &str, #[case] code: &str) {
        let problem = refused_consent(&returned("access_denied", description), "T");
        assert_eq!(problem.code.as_str(), code);
        assert!(!problem.cause.contains("Trace"), "{}", problem.cause);
    }

    #[test]
    fn who_is_no_administrator_returns_with_a_subcode_only() {
        let left = Returned {
            error: Some("access_denied".to_owned()),
            error_subcode: Some("cancel".to_owned()),
            ..Returned::default()
        };
        assert_eq!(refused_consent(&left, "T").code, Code::AdministratorNeeded);
        assert_eq!(
            refused_consent(&Returned::default(), "T").code,
            Code::ConsentRefused
        );
        assert_eq!(refused_sign_in(&left).code, Code::SignInRefused);
    }
}
