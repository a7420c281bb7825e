//! Shared access signatures as customers hand them out, signed from Microsoft's text
//! ("Create an account SAS", "Create a service SAS", "Create a user delegation SAS").

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    Account, LocalAzure, Role,
    local_azure::{accepted, text},
};

const VERSION: &str = "2022-11-02";

/// A SAS to sign. Its times are written as in the token, UTC to the minute or second.
#[derive(Clone, Debug)]
pub struct Sas<'a> {
    pub permissions: &'a str,
    pub scope: SasScope<'a>,
    /// Empty: from ever on.
    pub start: &'a str,
    pub expiry: &'a str,
    /// `https` or `https,http`.
    pub protocol: &'a str,
    /// One IPv4 address or a range; empty: from everywhere.
    pub address: &'a str,
}

/// What a SAS reaches.
#[derive(Clone, Copy, Debug)]
pub enum SasScope<'a> {
    /// An account SAS: services (`b`, `q`, …) and resource types (`s`, `c`, `o`).
    Account { services: &'a str, types: &'a str },
    /// A service SAS of one container.
    Container(&'a str),
    /// A service SAS of one blob.
    Blob(&'a str, &'a str),
}

/// A user delegation key, as the service gave it.
#[derive(Clone, Debug)]
struct DelegationKey {
    object_id: String,
    tenant: String,
    start: String,
    expiry: String,
    version: String,
    /// Base64.
    value: String,
}

impl Default for Sas<'_> {
    /// Reads and lists the whole account until 2099.
    fn default() -> Self {
        Self {
            permissions: "rl",
            scope: SasScope::Account {
                services: "b",
                types: "co",
            },
            start: "",
            expiry: "2099-01-01T00:00:00Z",
            protocol: "https,http",
            address: "",
        }
    }
}

impl Sas<'_> {
    /// The query, signed with the account's first key.
    pub fn signed_by(&self, account: &Account) -> String {
        let Self {
            permissions: sp,
            start: st,
            expiry: se,
            protocol: spr,
            address: sip,
            ..
        } = self;
        let name = &account.name;
        let text = match self.scope {
            SasScope::Account { services, types } => format!(
                "{name}\n{sp}\n{services}\n{types}\n{st}\n{se}\n{sip}\n{spr}\n{VERSION}\n\n"
            ),
            SasScope::Container(_) | SasScope::Blob(..) => {
                let (resource, sr) = self.resource(name);
                // Signed identifier; then snapshot, encryption scope and five response headers.
                format!(
                    "{sp}\n{st}\n{se}\n{resource}\n\n{sip}\n{spr}\n{VERSION}\n{sr}\n\n\n\n\n\n\n"
                )
            }
        };
        self.query(&account.key, &text, &[])
    }

    /// The query, signed with a user delegation key of the account of this name.
    fn delegated_by(&self, account: &str, key: &DelegationKey) -> String {
        let (resource, sr) = self.resource(account);
        let fields = [
            ("skoid", key.object_id.as_str()),
            ("sktid", &key.tenant),
            ("skt", &key.start),
            ("ske", &key.expiry),
            ("sks", "b"),
            ("skv", &key.version),
        ];
        let of_key = fields.map(|(_, value)| value).join("\n");
        // After the key: two object ids and a correlation id.
        let text = format!(
            "{}\n{}\n{}\n{resource}\n{of_key}\n\n\n\n{}\n{}\n{VERSION}\n{sr}\n\n\n\n\n\n\n",
            self.permissions, self.start, self.expiry, self.address, self.protocol
        );
        self.query(&key.value, &text, &fields)
    }

    /// The canonicalized resource and `sr`.
    fn resource(&self, account: &str) -> (String, &'static str) {
        match self.scope {
            SasScope::Account { .. } => (account.to_owned(), ""),
            SasScope::Container(container) => (format!("/blob/{account}/{container}"), "c"),
            SasScope::Blob(container, blob) => (format!("/blob/{account}/{container}/{blob}"), "b"),
        }
    }

    fn query(&self, key: &str, text: &str, more: &[(&str, &str)]) -> String {
        let (services, types, sr) = match self.scope {
            SasScope::Account { services, types } => (services, types, ""),
            SasScope::Container(_) => ("", "", "c"),
            SasScope::Blob(..) => ("", "", "b"),
        };
        let signature = sign(key, text);
        let fields = [
            ("sv", VERSION),
            ("ss", services),
            ("srt", types),
            ("sr", sr),
            ("sp", self.permissions),
            ("st", self.start),
            ("se", self.expiry),
            ("sip", self.address),
            ("spr", self.protocol),
        ];
        let last = [("sig", signature.as_str())];
        let all = fields.iter().chain(more).chain(&last);
        let given = all.filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = given
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        pairs.join("&")
    }
}

impl Account {
    /// An account SAS for containers and blobs, until 2099.
    pub fn sas(&self, permissions: &str) -> String {
        let sas = Sas {
            permissions,
            ..Sas::default()
        };
        sas.signed_by(self)
    }
}

impl LocalAzure {
    /// A SAS of one container by a user delegation key: signed as a principal of `tenant` that may
    /// do everything with the account's blobs, as whoever runs `az … --as-user` is one.
    ///
    /// # Errors
    /// As [`LocalAzure::control`]; Entra's and the account's refusals.
    pub async fn user_delegation_sas(
        &self,
        account: &Account,
        tenant: &str,
        sas: &Sas<'_>,
    ) -> anyhow::Result<String> {
        anyhow::ensure!(
            matches!(sas.scope, SasScope::Container(_)),
            "a container's SAS"
        );
        let app = self.create_app(tenant, "az", false).await?;
        let secret = self.add_secret(&app).await?;
        let principal = self.consent(tenant, &app).await?;
        self.assign_role(&principal, Role::DataContributor, &account.scope)
            .await?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app.client_id),
            ("client_secret", &secret),
            ("scope", "https://storage.azure.com/.default"),
        ];
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.endpoints.entra);
        let token = accepted(self.http.post(url).form(&form), "token").await?;
        let token: Value = token.json().await?;
        let url = format!(
            "{}/{}/?restype=service&comp=userdelegationkey",
            self.endpoints.blob, account.name
        );
        let body = format!("<KeyInfo><Expiry>{}</Expiry></KeyInfo>", sas.expiry);
        let request = self
            .http
            .post(url)
            .bearer_auth(text(&token, "access_token")?)
            .header("x-ms-version", "2022-11-02")
            .body(body);
        let answer = accepted(request, "user delegation key").await?;
        let xml = answer.text().await?;
        let element = |name: &str| -> anyhow::Result<String> {
            let (_, rest) = xml.split_once(&format!("<{name}>")).context("the key")?;
            Ok(rest.split('<').next().unwrap_or_default().to_owned())
        };
        let key = DelegationKey {
            object_id: element("SignedOid")?,
            tenant: element("SignedTid")?,
            start: element("SignedStart")?,
            expiry: element("SignedExpiry")?,
            version: element("SignedVersion")?,
            value: element("Value")?,
        };
        Ok(sas.delegated_by(&account.name, &key))
    }
}

/// HMAC-SHA-256 with a base64 key, in base64.
fn sign(key: &str, text: &str) -> String {
    let key = STANDARD.decode(key).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
