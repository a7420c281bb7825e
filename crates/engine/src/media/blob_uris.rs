//! Blob URIs in task data and in `fileuri`: what names which blob, what a browser gets in their
//! place, and what such links become when they are written back.
//!
//! Two forms are understood: `https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`
//! (percent-encoded; of the query only `snapshot` and `versionid` count) and Label Studio's
//! `azure-blob://CONTAINER/BLOB` or `azure-spi://CONTAINER/BLOB` (the name as it is, the account
//! left to the project's storages). Where they stand in a text is `addresses`' to say.

use std::collections::HashMap;

use azure::Cloud;
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use model::{AccountName, BlobName, BlobRevision, BlobUri, ContainerName, Storage, TaskId, json};
use serde_json::value::RawValue;

use super::addresses::{Address, Meaning, addresses, holds_tag, meaning};
use crate::audit::short;

/// Label Studio's own schemes for blobs: the account is not in them.
const CONTAINER_SCHEMES: [&str; 2] = ["azure-blob://", "azure-spi://"];

/// Label Studio's encoding of `fileuri`, padded when written and either way when read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A blob as a URI names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamedBlob {
    InAccount(BlobUri),
    /// In some account that has a storage of the project.
    InContainer {
        container: ContainerName,
        blob: BlobName,
    },
}

impl NamedBlob {
    /// Reads a whole text as one URI.
    pub(crate) fn parse(cloud: &Cloud, text: &str) -> Option<Self> {
        let text = text.trim();
        let Some(path) = CONTAINER_SCHEMES.iter().find_map(|scheme| {
            let (head, path) = text.split_at_checked(scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then_some(path)
        }) else {
            return cloud.parse_blob_uri(text).map(Self::InAccount);
        };
        let (container, blob) = path.split_once(['/', '\\'])?;
        Some(Self::InContainer {
            container: ContainerName::parse(container).ok()?,
            blob: BlobName::parse(blob).ok()?,
        })
    }

    /// Is it inside the storage's account, container and prefix? A name with a `..` segment is
    /// inside nothing: what a server makes of it is not ours to guess.
    pub(crate) fn is_in(&self, storage: &Storage) -> bool {
        let (container, blob) = match self {
            Self::InAccount(uri) if uri.account != storage.account => return false,
            Self::InAccount(uri) => (&uri.container, &uri.blob),
            Self::InContainer { container, blob } => (container, blob),
        };
        *container == storage.container && storage.prefix.covers(blob.as_str()) && !self.climbs()
    }

    /// Its only address: of several spellings, without fragment or user, and of the query only what
    /// names the blob, so that a signature that somebody pasted with it goes nowhere.
    pub(crate) fn canonical(&self, cloud: &Cloud) -> String {
        match self {
            Self::InAccount(uri) => cloud.blob_uri(uri),
            Self::InContainer { container, blob } => {
                format!("{}{container}/{}", CONTAINER_SCHEMES[0], blob.as_str())
            }
        }
    }

    /// Has its name a `..` segment?
    pub(crate) fn climbs(&self) -> bool {
        let mut segments = self.blob().as_str().split('/');
        segments.any(|segment| segment == "..")
    }

    /// The earlier state of the blob that is meant.
    pub(crate) fn revision(&self) -> Option<&BlobRevision> {
        match self {
            Self::InAccount(uri) => uri.revision.as_ref(),
            Self::InContainer { .. } => None,
        }
    }

    pub(crate) fn blob(&self) -> &BlobName {
        match self {
            Self::InAccount(uri) => &uri.blob,
            Self::InContainer { blob, .. } => blob,
        }
    }
}

/// The URI of a `fileuri` parameter: plain, or base64 of either alphabet, padded or not.
pub(crate) fn decode_fileuri(fileuri: &str) -> Option<String> {
    if fileuri.contains("://") {
        return Some(fileuri.to_owned());
    }
    // A `+` of standard base64 arrives as a blank when the client did not encode it.
    let url_safe: String = fileuri
        .trim()
        .chars()
        .map(|c| match c {
            '+' | ' ' => '-',
            '/' => '_',
            c => c,
        })
        .collect();
    String::from_utf8(BASE64.decode(url_safe).ok()?).ok()
}

/// What the audit log says was asked for: a blob's canonical address; of anything else at most the
/// part in which no secret stands.
pub(crate) fn noted(cloud: &Cloud, uri: &str) -> String {
    if let Some(blob) = NamedBlob::parse(cloud, uri) {
        return blob.canonical(cloud);
    }
    let address = uri.split(['?', '#']).next().unwrap_or_default();
    let shown = match address.split_once("://") {
        Some((scheme, rest)) => {
            let host_ends = rest.find(['/', '\\']).unwrap_or(rest.len());
            let host_begins = rest[..host_ends].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host_begins..])
        }
        None => address.to_owned(),
    };
    short(&shown)
}

/// Does task data name what `wanted` says?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Named,
    Not,
    /// It may: the text does not tell where the address ends.
    Ambiguous,
    /// It does, and the account is only known by the address of its DNS zone.
    InDnsZone(AccountName),
}

/// Does any text in this JSON name the blob that the address means? Names of members are no such text.
pub(crate) fn naming(cloud: &Cloud, data: &str, address: &str) -> Naming {
    let Some(wanted) = meaning(cloud, address.trim()) else {
        return Naming::Not;
    };
    let mut ambiguous = false;
    for string in json::strings(data).filter(|string| !string.is_key) {
        let Some(text) = string.read(data) else {
            continue;
        };
        for found in addresses(cloud, &text) {
            match (&wanted, &found.means) {
                (Meaning::InDnsZone(account), found) if wanted == *found => {
                    return Naming::InDnsZone(account.clone());
                }
                (wanted, found) if wanted == found => return Naming::Named,
                (Meaning::Blob(wanted), Meaning::Ambiguous(word, whole)) => {
                    ambiguous |= wanted == word || wanted == whole;
                }
                _ => {}
            }
        }
    }
    if ambiguous {
        Naming::Ambiguous
    } else {
        Naming::Not
    }
}

/// What a browser is told of blobs that no storage of the project covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Their address, which it reads without a credential.
    AsTheyAre,
    /// To ask this server, which reads them through an Azure link or refuses.
    Resolve,
}

/// Task data for a browser: every URI of a blob inside one of these storages becomes
/// `/tasks/ID/resolve/?fileuri=BASE64`, as in Label Studio; everything else stays byte for byte.
pub(crate) fn for_browser(
    cloud: &Cloud,
    task: TaskId,
    data: &RawValue,
    storages: &[Storage],
    outside: Outside,
) -> Box<RawValue> {
    let may_change = !storages.is_empty() || outside == Outside::Resolve;
    if !may_change || !data.get().contains("://") {
        return data.to_owned();
    }
    let is_inside = |means: &Meaning| match means {
        Meaning::Blob(blob) => {
            storages.iter().any(|storage| blob.is_in(storage))
                || (outside == Outside::Resolve && matches!(blob, NamedBlob::InAccount(_)))
        }
        // The answer there says why it is not read.
        Meaning::InDnsZone(_) => outside == Outside::Resolve,
        // Neither reading is chosen.
        Meaning::Ambiguous(..) => false,
    };
    json::replace_strings(data.get(), |string, text| {
        let text = (!string.is_key).then_some(text)?;
        let found = addresses(cloud, text).into_iter();
        let inside = found.filter(|address| is_inside(&address.means));
        let links = inside.map(|address| {
            let link = resolve_address(task, &shown_spelling(cloud, &address));
            (address.span, link)
        });
        replaced(text, links)
    })
    .unwrap_or_else(|| data.to_owned())
}

/// The text with these parts of it said anew; `None` without any.
fn replaced(
    text: &str,
    parts: impl Iterator<Item = (std::ops::Range<usize>, String)>,
) -> Option<String> {
    let (mut out, mut copied) = (String::new(), 0);
    for (span, new) in parts {
        out.push_str(&text[copied..span.start]);
        out.push_str(&new);
        copied = span.end;
    }
    (!out.is_empty()).then(|| out + &text[copied..])
}

/// The address as it was spelled, so that it can be written back; the canonical one where a secret
/// may stand in it.
fn shown_spelling(cloud: &Cloud, address: &Address) -> String {
    match &address.means {
        Meaning::Blob(blob @ NamedBlob::InAccount(_)) if address.spelled.contains(['?', '#']) => {
            blob.canonical(cloud)
        }
        _ => address.spelled.clone(),
    }
}

/// Where a browser gets the blob of this URI, which the task's data names.
pub(crate) fn resolve_address(task: TaskId, uri: &str) -> String {
    format!("/tasks/{task}/resolve/?fileuri={}", BASE64.encode(uri))
}

/// A task's data, and what a browser was shown of it.
pub(crate) struct ShownData<'a> {
    pub stored: &'a RawValue,
    pub shown: &'a RawValue,
}

/// Without this there is no link in it.
pub(crate) fn may_hold_links(data: &RawValue) -> bool {
    data.get().contains("fileuri=")
}

/// Task data as it is kept: each link that [`for_browser`] made, of whatever task, is the URI again,
/// and a text that was shown of `own` is that text. `None` when it has none.
pub(crate) fn without_links(
    cloud: &Cloud,
    data: &RawValue,
    own: Option<&ShownData<'_>>,
) -> Option<Box<RawValue>> {
    if !may_hold_links(data) {
        return None;
    }
    let mut texts = HashMap::new();
    if let Some(ShownData { stored, shown }) = own {
        let (stored, shown) = (stored.get(), shown.get());
        // Strings are shown one for one, in their order.
        for (of_stored, of_shown) in json::strings(stored).zip(json::strings(shown)) {
            if let (Some(stored), Some(shown)) = (of_stored.read(stored), of_shown.read(shown))
                && stored != shown
            {
                texts.insert(shown.into_owned(), stored.into_owned());
            }
        }
    }
    json::replace_strings(data.get(), |string, text| {
        if string.is_key {
            return None;
        }
        let known = texts.get(text).cloned();
        known.or_else(|| replaced(text, links(cloud, text)))
    })
}

/// The links in a text, each with the URI that it stands for.
fn links(cloud: &Cloud, text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, String)> {
    const IN_BASE64: [u8; 7] = *b"-_=+/%.";
    let is_html = holds_tag(text);
    text.match_indices("/tasks/")
        .filter_map(move |(start, before)| {
            // Part of a longer address, which is another server's.
            if text[..start].ends_with(|c: char| {
                c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | ']' | '/')
            }) {
                return None;
            }
            let behind = &text[start + before.len()..];
            let path = behind.trim_start_matches(|c: char| c.is_ascii_digit());
            let query = ["/resolve", "/presign"]
                .iter()
                .find_map(|path_of| path.strip_prefix(path_of))
                .filter(|_| path.len() < behind.len())?;
            let value = query
                .strip_prefix('/')
                .unwrap_or(query)
                .strip_prefix("?fileuri=")?;
            let end = value
                .bytes()
                .position(|byte| !byte.is_ascii_alphanumeric() && !IN_BASE64.contains(&byte))
                .unwrap_or(value.len());
            let value = value[..end].trim_end_matches('.');
            let plain = percent_encoding::percent_decode_str(value)
                .decode_utf8()
                .ok()?;
            let uri = decode_fileuri(&plain).filter(|uri| meaning(cloud, uri).is_some())?;
            let value_start = value.as_ptr() as usize - text.as_ptr() as usize;
            let span = start..value_start + value.len();
            let quote = ['"', '\'']
                .into_iter()
                .find(|quote| text[..start].ends_with(*quote));
            let is_quoted =
                is_html && quote.is_some_and(|quote| text[span.end..].starts_with(quote));
            Some((
                span,
                if is_quoted {
                    quick_xml::escape::escape(uri).into_owned()
                } else {
                    uri
                },
            ))
        })
}

#[cfg(test)]
mod tests;
