//! How this Entra departs, on order, from what it should do: what a client must survive.

use serde::{Deserialize, Serialize};

use super::State;

/// The orders in force; the default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deviations {
    /// What is wrong with the id_tokens issued from now on.
    pub id_token: Option<IdTokenFlaw>,
    /// The `tenant` that consent redirects carry instead of the true one: what an attacker does.
    pub consent_tenant: Option<String>,
    /// On: Accept ends on the page of AADSTS650052, which never redirects.
    pub missing_service: bool,
    /// How long after consent the token endpoint still answers AADSTS7000229.
    pub consent_delay_ms: i64,
}

/// One flaw of an id_token; everything else about it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdTokenFlaw {
    /// `iss` names another tenant than `tid`.
    WrongIssuer,
    /// `iss` is another authority's.
    ForeignIssuer,
    WrongAudience,
    WrongNonce,
    NoNonce,
    Expired,
    NotYetValid,
    /// `alg: none` and no signature.
    Unsigned,
    /// HS256 with the public key as the secret.
    SymmetricSignature,
    /// Signed by a key that was never published.
    UnknownKey,
    /// The claims were changed after signing.
    Tampered,
}

impl State {
    /// What is ordered now.
    pub fn deviations(&self) -> Deviations {
        self.world().deviations.clone()
    }

    /// Replaces the orders.
    pub fn deviate(&self, deviations: Deviations) {
        self.world_mut().deviations = deviations;
    }
}
