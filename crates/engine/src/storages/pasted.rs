//! What people paste in the place of an account key or a SAS token: a connection string, a URL, the
//! bare secret, in quotes, wrapped, decoded on its way.
//!
//! Sources: "Configure Azure Storage connection strings", "Create a service SAS", "Create an account
//! SAS", "Create a user delegation SAS" (the fields), and tokens pasted into public issues.

use model::Secret;

/// The parts of what was pasted.
#[derive(Clone, Debug, Default)]
pub struct Pasted {
    /// The account that it names, and the container.
    pub account: Option<String>,
    pub container: Option<String>,
    pub key: Option<Secret>,
    /// The query of a SAS, as it came.
    pub sas: Option<Secret>,
}

/// The fields of every kind of SAS; everything else in its query belongs to a request.
const FIELDS: &[&str] = &[
    "sv", "ss", "srt", "st", "se", "sp", "sip", "spr", "sr", "si", "sig", "skoid", "sktid", "skt",
    "ske", "sks", "skv", "skdutid", "sduoid", "saoid", "suoid", "scid", "sdd", "ses", "srh", "srq",
    "rscc", "rscd", "rsce", "rscl", "rsct",
];

impl Pasted {
    pub fn read(text: &str) -> Self {
        let text = unwrapped(text);
        if let Some(parts) = connection_string(&text) {
            return parts;
        }
        // A token's own fields may hold anything, `://` too.
        let url = text.split_once("://").filter(|(scheme, _)| {
            ["http", "https"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(scheme))
        });
        match url {
            Some((_, rest)) => {
                let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
                let (account, container) = place(address);
                Self {
                    account,
                    container,
                    key: None,
                    sas: Some(Secret::new(query)),
                }
            }
            None => Self {
                sas: Some(Secret::new(
                    text.split_once('?').map_or(&*text, |(_, query)| query),
                )),
                key: Some(Secret::new(text)),
                ..Self::default()
            },
        }
    }
}

/// Without quotes, line breaks and what HTML made of `&`.
fn unwrapped(text: &str) -> String {
    let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',');
    text.trim_matches(is_around)
        .chars()
        .filter(|c| *c == ' ' || !(c.is_whitespace() || c.is_control()))
        .collect::<String>()
        .replace("&amp;", "&")
}

fn connection_string(text: &str) -> Option<Pasted> {
    let part = |name: &str| {
        text.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            let is_it = key.trim().eq_ignore_ascii_case(name) && !value.trim().is_empty();
            is_it.then(|| value.trim())
        })
    };
    let (key, sas) = (part("AccountKey"), part("SharedAccessSignature"));
    let endpoint = part("BlobEndpoint").and_then(|endpoint| endpoint.split_once("://"));
    let of_endpoint = endpoint.and_then(|(_, address)| place(address).0);
    let account = part("AccountName").map(str::to_ascii_lowercase);
    if key.is_none() && sas.is_none() && account.is_none() && of_endpoint.is_none() {
        return None;
    }
    Some(Pasted {
        account: account.or(of_endpoint),
        container: None,
        key: key.map(Secret::new),
        sas: sas.map(|sas| Secret::new(sas.trim_start_matches('?'))),
    })
}

/// Account and container of `HOST/CONTAINER…`, or of `HOST/ACCOUNT/CONTAINER…` where the host is
/// no name of an account's.
fn place(address: &str) -> (Option<String>, Option<String>) {
    let mut parts = address.split(['/', '#']);
    let host = parts.next().unwrap_or_default().to_ascii_lowercase();
    let name = host.split(['.', ':']).next().unwrap_or_default();
    let is_name = host.contains(".blob.") || host.contains(".dfs.");
    let account = match is_name {
        true => Some(name.trim_end_matches("-secondary").to_owned()),
        false if host.contains(':') => parts.next().map(str::to_ascii_lowercase),
        false => Some(host),
    };
    let given = |part: Option<String>| part.filter(|part| !part.is_empty());
    (given(account), given(parts.next().map(str::to_owned)))
}

/// The fields of the SAS alone, its signature as Azure wrote it.
///
/// # Errors
/// What is wrong with it, in words that quote nothing of it.
pub(crate) fn sas_fields(query: &str) -> Result<Secret, String> {
    let query = query.split('#').next().unwrap_or_default();
    let mut kept: Vec<(&str, String)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.trim();
        if value.trim().is_empty() || !FIELDS.contains(&name) {
            continue;
        }
        if kept.iter().any(|(other, _)| *other == name) {
            return Err(format!(
                "This SAS token has \"{name}=\" twice. Paste one token, as it was copied."
            ));
        }
        let value = match name {
            "sig" => as_written(value),
            _ => value.replace(' ', "").trim_matches(',').to_owned(),
        };
        if !value.chars().all(|c| may_stand_in(name, c)) {
            return Err(format!(
                "This SAS token has a character in \"{name}=\" that no token has. Paste it as it was copied, with nothing around it."
            ));
        }
        if !value.is_empty() {
            kept.push((name, value));
        }
    }
    let value = |name: &str| kept.iter().find(|(kept, _)| *kept == name);
    if let Some(part) = ["sv", "sig"].into_iter().find(|name| value(name).is_none()) {
        return Err(format!(
            "This is not a SAS token: it has no \"{part}=\". Paste the whole query, like sv=…&sp=rl&…&sig=…"
        ));
    }
    match value("sr").map(|(_, resource)| resource.as_str()) {
        Some("bs") => Err(one_of_a_blob("snapshot")),
        Some("bv") => Err(one_of_a_blob("version")),
        _ => {
            let pairs: Vec<String> = kept
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Ok(Secret::new(pairs.join("&")))
        }
    }
}

/// A signature is Base64, percent-encoded; the others are what a query holds unencoded (RFC 3986, 3.4),
/// without what ends a token where it was copied from.
fn may_stand_in(name: &str, c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '%' || (name != "sig" && "-._~:,+/=*!()@$".contains(c))
}

fn one_of_a_blob(what: &str) -> String {
    format!(
        "This SAS token is for one {what} of one blob (sr). A storage needs one of the container or the account."
    )
}

/// Base64 has no blank and no percent sign: a blank was a plus, and what is encoded twice is
/// decoded once. A bare plus would be read as a blank.
fn as_written(signature: &str) -> String {
    let mut signature = signature.trim().replace([' ', '+'], "%2B");
    while signature.contains("%25") {
        signature = signature.replace("%25", "%");
    }
    signature.replace('/', "%2F").replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use super::{Pasted, sas_fields};

    const SAS: &str = "sv=2026-04-06&sp=rl&se=2026-01-01T01%3A00%3A00Z&sr=c&sig=ab%2Bc%2Fd%3D";

    #[test]
    fn one_token_in_every_usual_form() {
        let url = format!("https://acct1.blob.core.windows.net/media?{SAS}");
        let decoded = SAS
            .replace("%2B", "+")
            .replace("%2F", "/")
            .replace("%3D", "=");
        for text in [
            SAS.to_owned(),
            format!("?{SAS}"),
            format!(" \"{SAS}\" \r\n"),
            format!("'?{SAS}'"),
            format!("{}\n{}", &SAS[..20], &SAS[20..]),
            SAS.replace('&', "&amp;"),
            url.clone(),
            format!(
                "{url}&restype=container&comp=list&prefix=a%2Fb&timeout=30&api-version=2020-02-10"
            ),
            url.replace(
                '?',
                "?restype=container&comp=list&snapshot=2020-01-01&versionid=2020&",
            ),
            format!("{url}#top"),
            format!(
                "BlobEndpoint=https://acct1.blob.core.windows.net/;QueueEndpoint=https://x;SharedAccessSignature={SAS}"
            ),
            format!("SharedAccessSignature=?{SAS};AccountName=acct1;"),
            decoded.clone(),
            decoded.replace('+', " "),
            SAS.replace("%2B", "%252B"),
        ] {
            let pasted = Pasted::read(&text);
            let sas = sas_fields(pasted.sas.expect(&text).expose()).expect(&text);
            assert_eq!(sas.expose(), SAS, "{text}");
            assert!(
                pasted.account.is_none_or(|account| account == "acct1"),
                "{text}"
            );
            assert!(
                pasted.container.is_none_or(|name| name == "media"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_token_of_a_storage_is_refused_in_words() {
        for (text, said) in [
            ("sv=1&sp=r", "no \"sig=\""),
            ("sp=r&sig=a", "no \"sv=\""),
            ("sv=1&sig=a&sig=b", "\"sig=\" twice"),
            ("sv=/&sig=\"", "a character in \"sig=\""),
            ("sv=a?b&sig=c", "a character in \"sv=\""),
            ("sv=1&sr=bs&sig=a", "one snapshot"),
            ("sv=1&sr=bv&sig=a", "one version"),
        ] {
            let refused = sas_fields(text).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn the_account_and_the_container_that_are_named() {
        for (text, account, container) in [
            (
                "https://Acct1.blob.core.windows.net/media/a.png?x",
                Some("acct1"),
                Some("media"),
            ),
            (
                "https://acct1-secondary.blob.core.windows.net/media",
                Some("acct1"),
                Some("media"),
            ),
            (
                "https://acct1.z01.blob.storage.azure.net/media",
                Some("acct1"),
                Some("media"),
            ),
            (
                "https://acct1.dfs.core.windows.net/media",
                Some("acct1"),
                Some("media"),
            ),
            ("https://acct1.blob.core.windows.net?x", Some("acct1"), None),
            (
                "https://127.0.0.1:7001/acct1/media?x",
                Some("acct1"),
                Some("media"),
            ),
            (
                "https://media.contoso.com/media?x",
                Some("media.contoso.com"),
                Some("media"),
            ),
            ("AccountName=acct1;AccountKey=a2V5", Some("acct1"), None),
            (
                "BlobEndpoint=http://127.0.0.1:10000/acct1;AccountKey=a2V5",
                Some("acct1"),
                None,
            ),
            ("a2V5==", None, None),
        ] {
            let pasted = Pasted::read(text);
            assert_eq!(
                (pasted.account.as_deref(), pasted.container.as_deref()),
                (account, container),
                "{text}"
            );
        }
    }
}
