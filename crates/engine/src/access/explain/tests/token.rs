//! Refusals by Entra ID and by the machine's identity endpoint.

use azure::{Cloud, ErrorKind};
use model::{IdentityId, IdentitySource};

use super::{
    APP, Answer, CLIENT, TENANT, answer, assert_holds, explained, link, machine, principal, silent,
};
use crate::access::explain::{Doing, Situation, word};

#[test]
fn a_sign_in_names_no_storage_account() {
    let late = Answer {
        clock_skew_ms: Some(20 * 60_000),
        ..answer(ErrorKind::TokenRefused, 401, "AADSTS700024")
    };
    let at = Situation {
        cloud: &Cloud::public(),
        place: None,
        blob: None,
        credential: &link(),
        app_client_id: Some(APP),
        doing: Doing::SignIn,
    };
    let words = &["so the request to Entra ID was refused"];
    assert_holds(&word(&late, &at), "clock_skew", words);
}

#[test]
fn each_refusal_by_entra_names_cause_and_fix() {
    for (azure_code, credential, code, words) in [
        (
            "AADSTS7000215",
            principal(),
            "client_secret_wrong",
            &["secret's value", CLIENT, "az ad app credential reset --id"][..],
        ),
        (
            "AADSTS7000215",
            link(),
            "client_secret_wrong",
            &["The operator of Longshore", APP],
        ),
        (
            "AADSTS7000222",
            principal(),
            "client_secret_expired",
            &["has expired", CLIENT],
        ),
        (
            "AADSTS700027",
            principal(),
            "client_certificate_unknown",
            &["certificate", "--cert @"],
        ),
        (
            "AADSTS700016",
            principal(),
            "client_id_unknown",
            &[TENANT, CLIENT, "az ad sp show"],
        ),
        (
            "AADSTS700016",
            link(),
            "consent_missing",
            &["/11111111-1111-1111-1111-111111111111/adminconsent?client_id=44444444"],
        ),
        ("AADSTS700038", principal(), "client_id_unknown", &[CLIENT]),
        (
            "AADSTS7000229",
            link(),
            "consent_missing",
            &["has removed the enterprise application", APP],
        ),
        (
            "AADSTS7000229",
            principal(),
            "service_principal_missing",
            &["az ad sp create --id 33333333"],
        ),
        (
            "AADSTS7000112",
            link(),
            "service_principal_disabled",
            &["accountEnabled=true"],
        ),
        (
            "AADSTS90002",
            principal(),
            "tenant_not_found",
            &[TENANT, "LONGSHORE_CLOUD"],
        ),
        (
            "AADSTS900382",
            principal(),
            "wrong_cloud",
            &[TENANT, "usgov"],
        ),
        (
            "AADSTS500011",
            principal(),
            "storage_not_registered",
            &["az provider register --namespace Microsoft.Storage"],
        ),
        (
            "AADSTS50194",
            link(),
            "app_not_multi_tenant",
            &["AzureADMultipleOrgs"],
        ),
        (
            "AADSTS53003",
            principal(),
            "conditional_access",
            &["Conditional Access"],
        ),
        (
            "AADSTS700213",
            link(),
            "federation_mismatch",
            &["az ad app federated-credential list"],
        ),
        ("AADSTS700212", link(), "federation_mismatch", &["audience"]),
        (
            "AADSTS70025",
            link(),
            "federation_missing",
            &[
                "no federated credential",
                "az ad app federated-credential create",
            ],
        ),
        ("AADSTS65001", principal(), "consent_missing", &[TENANT]),
        (
            "AADSTS70011",
            principal(),
            "azure_error",
            &["Entra ID answered AADSTS70011 (401)", "r-1"],
        ),
    ] {
        let refused = answer(ErrorKind::TokenRefused, 401, azure_code);
        let problem = explained(&refused, &credential, Doing::List);
        assert_holds(&problem, code, words);
    }
}

#[test]
fn a_machine_without_the_identity_is_told_from_no_machine_at_all() {
    let user = machine(IdentityId::ClientId(CLIENT.to_owned()));
    let absent = silent(ErrorKind::IdentityUnavailable, "connection refused");
    let problem = explained(&absent, &user, Doing::List);
    assert_holds(
        &problem,
        "identity_endpoint_absent",
        &["only on a machine in Azure", CLIENT],
    );
    let unknown = Answer {
        message: "Identity not found",
        ..answer(ErrorKind::IdentityUnavailable, 400, "invalid_request")
    };
    let problem = explained(&unknown, &user, Doing::List);
    assert_holds(
        &problem,
        "identity_not_found",
        &[
            "an identity with the client id",
            CLIENT,
            "az vm identity assign",
        ],
    );
    let problem = explained(&unknown, &machine(IdentityId::SystemAssigned), Doing::List);
    assert_holds(&problem, "identity_not_found", &["system-assigned"]);
    for status in [410, 429, 500, 503] {
        let busy = answer(ErrorKind::IdentityUnavailable, status, "unknown_error");
        let problem = explained(&busy, &user, Doing::List);
        assert_holds(&problem, "identity_busy", &["unknown_error", "try again"]);
    }
    let of = |source, status, code, message| Answer {
        message,
        identity_source: Some(source),
        ..answer(ErrorKind::IdentityUnavailable, status, code)
    };
    for (status, azure_code, message, code) in [
        (
            400,
            "invalid_request",
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
            "identity_not_chosen",
        ),
        (
            400,
            "bad_request_102",
            "Required metadata header not specified",
            "identity_header_lost",
        ),
        (
            400,
            "invalid_resource",
            "AADSTS500011: The resource principal was not found",
            "storage_not_registered",
        ),
        (400, "invalid_request", "something new", "azure_error"),
        (403, "forbidden", "policy", "identity_endpoint_refuses"),
    ] {
        let problem = explained(
            &of(IdentitySource::Imds, status, azure_code, message),
            &user,
            Doing::SignIn,
        );
        assert_holds(&problem, code, &[]);
    }
    let stale = of(IdentitySource::AppService, 401, "unauthorized", "x");
    let problem = explained(&stale, &user, Doing::List);
    assert_holds(&problem, "identity_header_refused", &["restarts Longshore"]);
    let proxy = of(IdentitySource::AzureMl, 401, "unauthorized", "x");
    let problem = explained(&proxy, &user, Doing::List);
    assert_holds(
        &problem,
        "identity_endpoint_refuses",
        &["Azure Machine Learning (MSI_ENDPOINT)"],
    );
    let strange = answer(ErrorKind::IdentityUnavailable, 418, "teapot");
    let problem = explained(&strange, &user, Doing::List);
    assert_holds(
        &problem,
        "azure_error",
        &["managed identity endpoint answered teapot (418)"],
    );
}

/// Every kind of machine is named by its own words and commands, and no other's.
#[test]
fn the_endpoint_that_was_asked_is_the_one_that_is_named() {
    for (source, name, command) in [
        (IdentitySource::Imds, "169.254.169.254", "az vm identity"),
        (
            IdentitySource::AppService,
            "App Service",
            "az webapp identity",
        ),
        (IdentitySource::AzureArc, "Azure Arc", "azcmagent show"),
        (
            IdentitySource::AzureMl,
            "Azure Machine Learning",
            "az ml compute show",
        ),
        (IdentitySource::CloudShell, "Cloud Shell", "az account show"),
        (
            IdentitySource::WorkloadIdentity,
            "AZURE_FEDERATED_TOKEN_FILE",
            "kubectl get serviceaccount",
        ),
    ] {
        let of = |status: Option<u16>, message| Answer {
            status,
            message,
            identity_source: Some(source),
            ..silent(ErrorKind::IdentityUnavailable, "")
        };
        for (status, message, code) in [
            (None, "no connection", "identity_endpoint_absent"),
            (Some(400), "Identity not found", "identity_not_found"),
        ] {
            let problem = explained(
                &of(status, message),
                &machine(IdentityId::SystemAssigned),
                Doing::SignIn,
            );
            assert_holds(&problem, code, &[name, command]);
        }
        let several = "Multiple user assigned identities exist, please specify the clientId";
        let problem = explained(
            &of(Some(400), several),
            &machine(IdentityId::SystemAssigned),
            Doing::SignIn,
        );
        assert_holds(&problem, "identity_not_chosen", &[command]);
    }
    for (kind, code, words) in [
        (
            ErrorKind::IdentityNotSelectable,
            "identity_not_selectable",
            "Azure Arc",
        ),
        (
            ErrorKind::IdentityKeyRefused,
            "identity_key_refused",
            "azcmagent show",
        ),
        (
            ErrorKind::IdentityKeyUnreadable,
            "identity_key_unreadable",
            "himds",
        ),
        (
            ErrorKind::IdentityHostUnsupported,
            "identity_host_unsupported",
            "Azure link",
        ),
    ] {
        let refused = Answer {
            identity_source: Some(IdentitySource::AzureArc),
            ..silent(kind, "why")
        };
        let problem = explained(&refused, &machine(IdentityId::SystemAssigned), Doing::List);
        assert_holds(&problem, code, &[words, "why"]);
    }
}
