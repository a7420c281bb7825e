//! Azure's refusals through the whole way: what Blob Storage, Entra ID and the identity endpoint answer, in
//! which step and to which credential, and what is said of it. A cause that is not certain is not said as one.

mod storage;
mod tokens;

use std::collections::BTreeMap;

use azure::{AppRegistration, Azure, Cloud, HostIdentity};
use engine::{Doing, Situation, explain};
use local_azure::{
    LocalAzure, Options,
    state::{AccountSettings, AppAudience, Fault, FaultKind, FaultTarget},
};
use model::{
    AccountName, BlobName, ClientProof, Clock, ContainerName, Credential, IdentityId,
    IdentitySource, Secret,
};

/// How a request signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Key,
    /// A token with these fields.
    Sas(&'static str),
    Nobody,
    /// A service principal.
    App,
    Link,
    Machine,
}

/// A refusal, and what must be made of it.
#[derive(Clone, Copy, Debug)]
struct Row {
    by: By,
    doing: Doing,
    status: u16,
    /// Azure's code; for Entra ID the number.
    code: &'static str,
    /// What it says besides.
    text: &'static str,
    /// The code of the problem, and words that must be there.
    expected: &'static str,
    says: &'static [&'static str],
}

/// Several causes fit these: the words say so.
const UNCERTAIN: [&str; 7] = [
    "account_key_rejected",
    "client_secret_wrong",
    "firewall",
    "identity_endpoint_refuses",
    "request_changed",
    "role_missing",
    "sas_rejected",
];
const HEDGES: [&str; 6] = [
    "ost likely",
    "ost often",
    "may keep",
    "otherwise",
    "something on the way",
    "In the order",
];

impl Row {
    /// Words of another credential than the one that was refused.
    fn foreign(&self) -> &'static [&'static str] {
        match self.by {
            By::Key => &[
                "service principal",
                "access token",
                "az role assignment",
                "SAS token",
            ],
            By::Sas(_) => &["service principal", "az role assignment", "two keys"],
            By::Nobody => &["service principal may", "az role assignment", "two keys"],
            By::App | By::Link | By::Machine => &["two keys", "The SAS token"],
        }
    }

    /// What is wrong with the words, if anything is.
    fn fault_of(&self, code: &str, text: &str) -> Option<String> {
        let missing = self.says.iter().find(|word| !text.contains(**word));
        let hedged = HEDGES.iter().any(|hedge| text.contains(hedge));
        let foreign = self.foreign().iter().find(|word| text.contains(**word));
        // Keys and SAS tokens are both about the same switch.
        let foreign =
            foreign.filter(|_| code != "shared_key_disabled" && code != "credential_required");
        if code != self.expected {
            Some(format!("is {code}"))
        } else if let Some(word) = missing {
            Some(format!("does not say {word:?}"))
        } else if UNCERTAIN.contains(&code) && !hedged {
            Some("states a guess".to_owned())
        } else {
            foreign.map(|word| format!("says {word:?}"))
        }
    }
}

struct World {
    local: LocalAzure,
    azure: Azure,
    app: Credential,
    key: Secret,
}

impl World {
    async fn start() -> Self {
        let local = LocalAzure::start(Options::default()).await.unwrap();
        let state = local.state();
        let tenant = state.create_tenant("customer.example").unwrap();
        let account = state
            .create_account("acct1", &tenant.id, AccountSettings::default())
            .unwrap();
        let app = state
            .create_app(&tenant.id, "labeling", AppAudience::MultiTenant)
            .unwrap();
        state.consent(&tenant.id, &app.client_id).unwrap();
        let secret = Secret::new(state.add_secret(&app.client_id, 3_600_000).unwrap().value);
        let profile = std::fs::read_to_string(&local.endpoints().cloud_file).unwrap();
        let registration = AppRegistration {
            client_id: app.client_id.clone(),
            proof: ClientProof::Secret(secret.clone()),
        };
        let azure = Azure::new(
            Cloud::from_profile_toml(&profile).unwrap(),
            HostIdentity::default(),
            Some(registration),
            Clock::system(),
        );
        Self {
            azure: azure.unwrap().for_a_check(),
            app: Credential::ServicePrincipal {
                tenant_id: tenant.id,
                client_id: app.client_id,
                proof: ClientProof::Secret(secret),
            },
            key: Secret::new(&account.key1),
            local,
        }
    }

    /// Whatever names this is answered so.
    fn answers(
        &self,
        target: FaultTarget,
        matches: String,
        answer: (u16, &[(&str, &str)], String),
    ) {
        let (status, headers, body) = answer;
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: BTreeMap<String, String> = headers.iter().map(text).collect();
        self.local.state().add_fault(Fault {
            target,
            matches,
            kind: FaultKind::Answer {
                status,
                headers,
                body,
            },
            times: None,
        });
    }

    fn explained(
        &self,
        error: &azure::Error,
        credential: &Credential,
        (place, blob): (Option<&ContainerName>, &BlobName),
        doing: Doing,
    ) -> (&'static str, String) {
        let account = AccountName::parse("acct1").unwrap();
        let problem = explain(
            error,
            &Situation {
                cloud: self.azure.cloud(),
                place: place.map(|container| (&account, container)),
                blob: Some(blob),
                credential,
                app_client_id: Some("44444444-4444-4444-4444-444444444444"),
                doing,
            },
        );
        (problem.code.as_str(), problem.to_string())
    }
}

/// Fails with every row that is not as it must be.
fn assert_all(results: Vec<Option<String>>, at_least: usize) {
    assert!(results.len() >= at_least, "{} rows", results.len());
    let wrong: Vec<String> = results.into_iter().flatten().collect();
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
