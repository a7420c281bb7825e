//! Clouds as data: public, US Government, China, or an operator's own profile.
//!
//! Addresses: "Microsoft Entra authentication and national clouds" and the Azure CLI's cloud table.

use std::path::PathBuf;

use model::{AccountName, BlobInstant, BlobName, BlobRevision, BlobUri, ContainerName};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::{Error, ErrorKind, Result, encoding, sas, token::arc};

/// Where one Azure cloud lives. Only the operator chooses it; a customer never can.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// `public`, `usgov`, `china`, or the profile's own name.
    pub name: String,
    /// Where Entra ID signs in, such as `https://login.microsoftonline.com`; no trailing slash.
    pub authority: String,
    /// Other hosts of the same authority, which a challenge may name.
    #[serde(default)]
    pub authority_aliases: Vec<String>,
    /// Address of an account, with `{account}`: `https://{account}.blob.core.windows.net`.
    pub blob_endpoint: String,
    /// Host suffix of the canonical URIs in task data: `blob.core.windows.net`.
    pub uri_suffix: String,
    /// The resource that storage tokens are for: `https://storage.azure.com`.
    pub storage_resource: String,
    /// Audience of a managed identity's token when it is used as an app's proof.
    pub federated_audience: String,
    /// Base address of the instance metadata service, no trailing slash.
    pub imds_base: String,
    /// PEM file of certificate authorities that are trusted besides the system's.
    #[serde(default)]
    pub extra_ca_file: Option<PathBuf>,
    /// The version of the storage interface that requests speak; an older one for a cloud that is
    /// behind the public one.
    #[serde(default = "newest_version")]
    pub storage_version: String,
    /// The folder of Azure Arc's keys: the only files that an identity endpoint may have us read.
    #[serde(default = "arc::documented_folder")]
    pub arc_keys: PathBuf,
}

/// The first version that challenges whoever has no token.
const OLDEST_VERSION: &str = "2019-12-12";

fn newest_version() -> String {
    sas::VERSION.to_owned()
}

impl Cloud {
    /// The cloud that most of the world uses.
    pub fn public() -> Self {
        Self::national(
            "public",
            [
                "login.microsoftonline.com",
                "login.windows.net",
                "login.microsoft.com",
            ],
            "blob.core.windows.net",
            "api://AzureADTokenExchange",
        )
    }

    /// Azure US Government.
    pub fn us_government() -> Self {
        Self::national(
            "usgov",
            [
                "login.microsoftonline.us",
                "login-us.microsoftonline.com",
                "login.usgovcloudapi.net",
            ],
            "blob.core.usgovcloudapi.net",
            "api://AzureADTokenExchangeUSGov",
        )
    }

    /// Azure in China, run by 21Vianet.
    pub fn china() -> Self {
        Self::national(
            "china",
            [
                "login.partner.microsoftonline.cn",
                "login.chinacloudapi.cn",
                "login.partner.chinacloudapi.cn",
            ],
            "blob.core.chinacloudapi.cn",
            "api://AzureADTokenExchangeChina",
        )
    }

    /// `public`, `usgov` or `china`.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::public(), Self::us_government(), Self::china()]
            .into_iter()
            .find(|cloud| cloud.name == name)
    }

    fn national(name: &str, authorities: [&str; 3], suffix: &str, audience: &str) -> Self {
        let [authority, aliases @ ..] = authorities;
        Self {
            name: name.to_owned(),
            authority: format!("https://{authority}"),
            authority_aliases: aliases.map(str::to_owned).to_vec(),
            blob_endpoint: format!("https://{{account}}.{suffix}"),
            uri_suffix: suffix.to_owned(),
            storage_resource: "https://storage.azure.com".to_owned(),
            federated_audience: audience.to_owned(),
            imds_base: "http://169.254.169.254".to_owned(),
            extra_ca_file: None,
            storage_version: newest_version(),
            arc_keys: arc::documented_folder(),
        }
    }

    /// A profile in TOML: its keys are this type's fields; `authority_aliases`, `extra_ca_file`,
    /// `storage_version` and `arc_keys` may be left out.
    ///
    /// # Errors
    /// `InvalidInput` with line and column, on an unknown or missing key or an address that is not one.
    pub fn from_profile_toml(text: &str) -> Result<Self> {
        let mut cloud: Self = toml::from_str(text).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("cloud profile: {error}"))
        })?;
        cloud.check_address("authority", &cloud.authority, &["https"])?;
        cloud.check_address("imds_base", &cloud.imds_base, &["http", "https"])?;
        // Before it no challenge names the tenant; after it we do not know what is signed.
        let is_version = jiff::civil::Date::strptime("%Y-%m-%d", &cloud.storage_version).is_ok();
        if !is_version || !(OLDEST_VERSION..=sas::VERSION).contains(&cloud.storage_version.as_str())
        {
            let between = format!(
                "must be a version from {OLDEST_VERSION} to {}",
                sas::VERSION
            );
            return Err(cloud.bad("storage_version", &between));
        }
        let account = cloud.blob_endpoint.replace("{account}", "account");
        if account == cloud.blob_endpoint {
            return Err(cloud.bad("blob_endpoint", "must contain {account}"));
        }
        cloud.check_address("blob_endpoint", &account, &["http", "https"])?;
        for address in [
            &mut cloud.authority,
            &mut cloud.blob_endpoint,
            &mut cloud.imds_base,
        ] {
            address.truncate(address.trim_end_matches('/').len());
        }
        Ok(cloud)
    }

    fn check_address(&self, key: &str, text: &str, schemes: &[&str]) -> Result<()> {
        match Url::parse(text) {
            Ok(url) if schemes.contains(&url.scheme()) && url.host().is_some() => Ok(()),
            Ok(_) => Err(self.bad(key, &format!("must be an {} address", schemes.join(" or ")))),
            Err(error) => Err(self.bad(key, &error.to_string())),
        }
    }

    fn bad(&self, key: &str, why: &str) -> Error {
        Error::new(
            ErrorKind::InvalidInput,
            format!("cloud profile {:?}: {key} {why}", self.name),
        )
    }

    /// The blob that an absolute URI names: at any of the account's own names in this cloud
    /// (`ACCOUNT.SUFFIX`, its `-secondary`, `privatelink` and `dfs` forms), or this cloud's own
    /// endpoint form. Scheme and host in any case; percent-encoding is undone; of the query only
    /// `snapshot` and `versionid` are part of the address, the rest and the fragment are dropped.
    pub fn parse_blob_uri(&self, text: &str) -> Option<BlobUri> {
        let address = text.split('#').next()?;
        let (address, query) = address.split_once('?').unwrap_or((address, ""));
        let own = self.blob_endpoint.split_once("{account}");
        let (account, path) = self
            .split_host(address)
            .or_else(|| own.and_then(|(before, after)| split_account(address, before, after)))?;
        let path = path.replace('\\', "/");
        let (container, blob) = path.split_once('/')?;
        Some(BlobUri {
            account,
            container: ContainerName::parse(encoding::decode(container)?).ok()?,
            blob: BlobName::parse(encoding::decode(blob)?).ok()?,
            revision: revision(query)?,
        })
    }

    /// `address` as account and path, when its host is one of the account's names.
    fn split_host<'a>(&self, address: &'a str) -> Option<(AccountName, &'a str)> {
        let (account, domain, path) = split_address(address)?;
        let domain = domain.strip_prefix("privatelink.").unwrap_or(&domain);
        let is_blobs = domain == self.uri_suffix;
        let is_files = domain
            .strip_prefix("dfs.")
            .is_some_and(|rest| self.uri_suffix.strip_prefix("blob.") == Some(rest));
        if !is_blobs && !is_files {
            return None;
        }
        let account = account.strip_suffix("-secondary").unwrap_or(&account);
        Some((AccountName::parse(account).ok()?, path))
    }

    /// The account of an address in one of Azure's DNS zones (`ACCOUNT.z01.blob.storage.azure.net`,
    /// "Azure DNS zone endpoints"). Such an account has no other name, and is not read.
    pub fn account_in_dns_zone(text: &str) -> Option<AccountName> {
        let (account, domain, _) = split_address(text)?;
        let (zone, service) = domain.split_once('.')?;
        let number = zone.strip_prefix('z')?;
        let is_zone = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_storage = matches!(service, "blob.storage.azure.net" | "dfs.storage.azure.net");
        let account = account.strip_suffix("-secondary").unwrap_or(&account);
        AccountName::parse(account)
            .ok()
            .filter(|_| is_zone && is_storage)
    }

    /// The canonical URI of a blob, percent-encoded so that no URL parser changes its name.
    pub fn blob_uri(&self, uri: &BlobUri) -> String {
        let mut text = format!(
            "https://{}.{}/{}/{}",
            uri.account,
            self.uri_suffix,
            uri.container,
            encoding::blob_path(uri.blob.as_str())
        );
        if let Some((name, made)) = uri.revision.as_ref().map(BlobRevision::parameter) {
            text.push_str(&format!("?{name}={made}"));
        }
        text
    }

    /// Where the account is served, without a trailing slash.
    pub fn account_url(&self, account: &AccountName) -> String {
        self.blob_endpoint.replace("{account}", account.as_str())
    }

    /// Is this one of the cloud's sign-in hosts? Scheme, host and port count.
    pub(crate) fn has_authority(&self, url: &Url) -> bool {
        let main = Url::parse(&self.authority).is_ok_and(|own| own.origin() == url.origin());
        main || (url.scheme() == "https"
            && url.port().is_none()
            && self
                .authority_aliases
                .iter()
                .any(|alias| url.host_str() == Some(alias)))
    }
}

/// `address` as the first label of its host, the rest of the host, and what is behind its first
/// slash. Hosts are in small letters; a port must be the scheme's own.
fn split_address(address: &str) -> Option<(String, String, &str)> {
    let (rest, port) = match strip_ignoring_case(address, "https://") {
        Some(rest) => (rest, ":443"),
        None => (strip_ignoring_case(address, "http://")?, ":80"),
    };
    let end = rest.find(['/', '\\', '?'])?;
    let host = rest[..end].to_ascii_lowercase();
    let host = host.strip_suffix(port).unwrap_or(&host);
    let (account, domain) = host.split_once('.')?;
    Some((account.to_owned(), domain.to_owned(), &rest[end + 1..]))
}

/// What the query says of a snapshot or version; `None` when that cannot be one.
fn revision(query: &str) -> Option<Option<BlobRevision>> {
    let mut revision = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let made: fn(BlobInstant) -> BlobRevision = match &*name.to_ascii_lowercase() {
            "snapshot" => BlobRevision::Snapshot,
            "versionid" => BlobRevision::Version,
            _ => continue,
        };
        let named = BlobInstant::parse(value).ok().map(made)?;
        if revision.replace(named).is_some() {
            return None;
        }
    }
    Some(revision)
}

/// `address` as `before ACCOUNT after / rest`; scheme and host in any case.
fn split_account<'a>(
    address: &'a str,
    before: &str,
    after: &str,
) -> Option<(AccountName, &'a str)> {
    let rest = strip_ignoring_case(address, before)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
    let account = AccountName::parse(rest[..end].to_ascii_lowercase()).ok()?;
    let path = strip_ignoring_case(&rest[end..], after)?.strip_prefix('/')?;
    Some((account, path))
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fuzz {
    use model::AccountName;
    use url::Url;

    use super::{Cloud, tests::PROFILE};

    /// What is read as a blob's address is an address of that account for every URL parser, and
    /// is read the same again when it is written in its canonical form.
    #[test]
    fn blob_addresses() {
        let seeds = [
            "https://acct.blob.core.windows.net/c-1/a%20b/%F0%9F%90%88%3F?sv=1&sig=x#top",
            "HTTPS://Acct.Blob.Core.Windows.NET/$root/a//../b",
            "https://127.0.0.1:7001/acct/c-1/a.png",
            "http://acct-secondary.privatelink.dfs.core.windows.net/c-1/a?snapshot=2026-11-28T09:00:00.0000000Z",
        ];
        let words = [
            "https://",
            "http://",
            "acct",
            ".blob.core.windows.net",
            "/c-1/",
            "127.0.0.1:7001",
            "@",
            ":443",
            "\\",
            "%2F",
            "%2e",
            "%FF",
            "..",
            "/./",
            "?",
            "#",
            "%",
            ".evil.com",
        ];
        let cloud = Cloud::from_profile_toml(PROFILE).expect("a profile");
        ::fuzz::texts("blob_addresses", &seeds, &words, |text| {
            let Some(uri) = cloud.parse_blob_uri(text) else {
                return;
            };
            let url = Url::parse(text).expect("an address");
            let host = url.host_str().unwrap_or_default();
            let (account, domain) = host.split_once('.').unwrap_or_default();
            let is_own = account.strip_suffix("-secondary").unwrap_or(account)
                == uri.account.as_str()
                && (domain.ends_with("blob.core.windows.net")
                    || domain.ends_with("dfs.core.windows.net"));
            assert!(is_own || host == "127.0.0.1", "{host}");
            assert!(
                matches!(url.scheme(), "http" | "https")
                    && url.port().is_none_or(|port| port == 7001)
            );
            assert_eq!((url.username(), url.password()), ("", None));
            assert_eq!(cloud.parse_blob_uri(&cloud.blob_uri(&uri)), Some(uri));
        });
    }

    /// A profile that is taken gives addresses that can be asked, and a bearer token never goes to a
    /// sign-in address without TLS.
    #[test]
    fn cloud_profiles() {
        let words = [
            "name = ",
            "authority = ",
            "authority_aliases = [",
            "blob_endpoint = ",
            "imds_base = ",
            "\"",
            "\"\"\"",
            "https://",
            "http://",
            "{account}",
            "/",
            "[",
            "]",
            "[[",
            "{",
            "}",
            "=",
            "#",
        ];
        let account = AccountName::parse("acct1").expect("a name");
        ::fuzz::texts("cloud_profiles", &[PROFILE], &words, |text| {
            let Ok(cloud) = Cloud::from_profile_toml(text) else {
                return;
            };
            let asked = [
                (
                    format!("{}/tenant/oauth2/v2.0/token", cloud.authority),
                    &["https"][..],
                ),
                (
                    format!("{}/c/b", cloud.account_url(&account)),
                    &["http", "https"],
                ),
                (format!("{}/metadata", cloud.imds_base), &["http", "https"]),
            ];
            for (address, schemes) in asked {
                let url = Url::parse(&address).expect("an address");
                assert!(
                    schemes.contains(&url.scheme()) && url.host().is_some(),
                    "{url}"
                );
            }
        });
    }
}
