//! Between us and Azure: names that do not resolve, firewalls, clocks, throttling.

use model::Code;

use super::{Answer, Row, Situation, clean};
use crate::{Fix, Who};

/// `AuthorizationFailure`. Without a credential only the network can be meant; a SAS gets the same
/// code for "other authorization errors" (source: "Troubleshoot 403").
pub(super) fn firewall(at: &Situation<'_>) -> Row {
    let account = at.account();
    (
        Code::Firewall,
        match at.credential {
            model::Credential::Sas { .. } => format!(
                "The storage account {account} refuses this request: most likely its firewall (network rules, or public network access switched off) does not let this machine in. A SAS token that is not for this kind of request is refused in the same words: if the access check's step before the credential passes, it is the token."
            ),
            _ => format!(
                "The storage account {account} refuses this request before it looks at roles. Most likely its firewall (network rules, public network access switched off, a network security perimeter or a service endpoint policy) does not let this machine in."
            ),
        },
        Fix::by(
            Who::AzureAdministrator,
            format!("A machine in the same Azure region has no public address there: it needs a virtual network rule or a private endpoint. To see the rules: az storage account show --name {account} --query \"{{publicNetworkAccess:publicNetworkAccess,rules:networkRuleSet}}\". Otherwise an administrator lets the machine that runs Longshore in, by its public address"),
        )
        .command(format!(
            "az storage account network-rule add --account-name {account} --ip-address ADDRESS"
        ))
        .portal("Storage account, Security + networking, Networking")
        .takes("up to a minute"),
    )
}

pub(super) fn throttled(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    (
        Code::Throttled,
        format!(
            "{} is at its request limit and kept refusing, although we waited as it asked.",
            whom(answer, at)
        ),
        Fix::by(
            Who::You,
            "Try again later, or have fewer programs use the account at once. What was done so far is kept.",
        ),
    )
}

/// The account's host name does not resolve.
pub(super) fn account_not_found(at: &Situation<'_>) -> Row {
    let account = at.account();
    (
        Code::AccountNotFound,
        format!(
            "The host of the storage account {account} cannot be found by name: the {} cloud has no such account, or this machine's DNS does not work.",
            at.cloud.name
        ),
        Fix::by(
            Who::You,
            "Correct the account's name. To see the accounts that you can",
        )
        .command("az storage account list --query \"[].name\" --output tsv"),
    )
}

/// The host that was asked; without one, whom this step asks.
fn asked(answer: &Answer<'_>, at: &Situation<'_>) -> String {
    match answer.host {
        Some(host) => host.to_owned(),
        None => format!("the storage account {} (or Entra ID)", at.account()),
    }
}

/// The same at the beginning of a sentence.
fn whom(answer: &Answer<'_>, at: &Situation<'_>) -> String {
    match answer.host {
        Some(host) => format!("The host {host}"),
        None => format!("The storage account {} (or Entra ID)", at.account()),
    }
}

/// A proxy, a gateway or a captive portal in Azure's place.
pub(super) fn not_azure(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    (
        Code::NotAzure,
        format!(
            "Something that is not Azure answered in the place of {}: {} It may be a proxy, a web filter, or a network that wants a sign-in; what it says is nothing about the storage account.",
            asked(answer, at),
            clean(answer.message)
        ),
        Fix::by(
            Who::Operator,
            "The operator lets requests to Azure's hosts pass the proxy (or names them in NO_PROXY). To see who answers, on the machine that runs Longshore",
        )
        .command(format!("curl -sv https://{}/", answer.host.unwrap_or("HOST"))),
    )
}

/// No connection: the way or the certificate.
pub(super) fn unreachable(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    // reqwest's words for a proxy that refuses CONNECT, with its status or without.
    if answer.message.contains("tunnel") || answer.message.contains("proxy") {
        return (
            Code::ProxyRefused,
            format!(
                "The proxy that the machine that runs Longshore is set to use does not let it through to {}: {}",
                asked(answer, at),
                clean(answer.message)
            ),
            Fix::by(
                Who::Operator,
                "The operator corrects the proxy's address, user and password (HTTPS_PROXY), allows Azure's hosts on it, or names them in NO_PROXY.",
            ),
        );
    }
    (
        Code::Unreachable,
        format!(
            "{} cannot be reached from this machine: {}",
            whom(answer, at),
            clean(answer.message)
        ),
        Fix::by(
            Who::Operator,
            "Check the network of the machine that runs Longshore: proxy, outbound rules (port 443), private endpoint, and that TLS is not intercepted.",
        ),
    )
}

pub(super) fn certificate_untrusted(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    (
        Code::CertificateUntrusted,
        format!(
            "The TLS certificate that answers for {} is not trusted on this machine; something between here and Azure may replace it: {}",
            asked(answer, at),
            clean(answer.message)
        ),
        Fix::by(
            Who::Operator,
            "The operator excepts Azure's hosts from TLS inspection, or installs the inspecting proxy's certificate authority on the machine that runs Longshore (or names it as extra_ca_file in the cloud profile).",
        ),
    )
}

pub(super) fn timed_out(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    (
        Code::TimedOut,
        format!("{} did not answer in time.", whom(answer, at)),
        Fix::by(
            Who::Operator,
            "Try again. If it stays, check the network of the machine that runs Longshore.",
        ),
    )
}

/// Azure refuses signatures and tokens whose time is more than this off.
const TOLERATED_SKEW_MS: i64 = 15 * 60 * 1000;

/// Is the refusal explained by our clock? By the answer's own `Date`, or by what Azure says
/// ("Request date header too old", "The Date header in the request is incorrect").
pub(super) fn is_clock_skew(answer: &Answer<'_>) -> bool {
    let text = answer.message.to_ascii_lowercase();
    text.contains("date header")
        || answer
            .clock_skew_ms
            .is_some_and(|skew| skew.abs() >= TOLERATED_SKEW_MS)
}

pub(super) fn clock_skew(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    let off = match answer.clock_skew_ms {
        Some(skew) if skew.abs() >= 60_000 => format!(
            "{} minutes {} Azure's",
            skew.abs() / 60_000,
            if skew > 0 { "behind" } else { "ahead of" }
        ),
        _ => "not Azure's".to_owned(),
    };
    (
        Code::ClockSkew,
        format!(
            "The clock of the machine that runs Longshore is {off}, so the request to {} was refused.",
            at.place.map_or("Entra ID", |(account, _)| account.as_str())
        ),
        Fix::by(
            Who::Operator,
            "The operator sets the clock, for instance with",
        )
        .command("timedatectl set-ntp true"),
    )
}
