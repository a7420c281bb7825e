//! Blob URIs where people write them: in task data and in `fileuri`.
//!
//! Two forms are understood: `https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`
//! (percent-encoded, any query ignored) and Label Studio's `azure-blob://CONTAINER/BLOB` or
//! `azure-spi://CONTAINER/BLOB` (the name as it is, the account left to the project's storages).
//! A text may be one URI or hold several, as HTML and Markdown do.

use std::ops::Range;

use azure::Cloud;
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use model::{BlobName, BlobUri, ContainerName, Storage, TaskId};
use serde_json::{Value, value::RawValue};

use crate::audit::short;

/// Label Studio's own schemes for blobs: the account is not in them.
const CONTAINER_SCHEMES: [&str; 2] = ["azure-blob://", "azure-spi://"];
const SCHEMES: [&str; 4] = ["https://", "http://", "azure-blob://", "azure-spi://"];

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
        let Some(path) = CONTAINER_SCHEMES
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
        else {
            return cloud.parse_blob_uri(text).map(Self::InAccount);
        };
        let (container, blob) = path.split_once('/')?;
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

    /// Its only address: of several spellings and without query, fragment or user, so that a
    /// signature that somebody pasted with it goes nowhere.
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
        let mut segments = self.blob().as_str().split(['/', '\\']);
        segments.any(|segment| segment == "..")
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

/// Does any text in this JSON name the blob?
pub(crate) fn is_named_in(cloud: &Cloud, data: &Value, wanted: &NamedBlob) -> bool {
    match data {
        Value::String(text) => {
            // Most texts are no URI and none holds a URI without its scheme.
            text.contains("://")
                && (NamedBlob::parse(cloud, text).as_ref() == Some(wanted)
                    || spans(text)
                        .any(|span| NamedBlob::parse(cloud, &text[span]).as_ref() == Some(wanted)))
        }
        Value::Array(items) => items.iter().any(|item| is_named_in(cloud, item, wanted)),
        Value::Object(members) => members
            .values()
            .any(|member| is_named_in(cloud, member, wanted)),
        _ => false,
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
/// `/tasks/ID/resolve/?fileuri=BASE64`, as in Label Studio; everything else stays as it is.
pub(crate) fn for_browser(
    cloud: &Cloud,
    task: TaskId,
    data: &RawValue,
    storages: &[Storage],
    outside: Outside,
) -> Box<RawValue> {
    let may_change = !storages.is_empty() || outside == Outside::Resolve;
    let rewritten = Some(data.get())
        .filter(|text| may_change && text.contains("://"))
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .and_then(|mut value| {
            let changed = rewrite(&mut value, &|text| {
                let inside = |uri: &str| {
                    let blob = NamedBlob::parse(cloud, uri)?;
                    let is_inside = storages.iter().any(|storage| blob.is_in(storage))
                        || (outside == Outside::Resolve && matches!(blob, NamedBlob::InAccount(_)));
                    is_inside.then(|| blob.canonical(cloud))
                };
                resolve_links(task, text, &inside)
            });
            changed.then(|| serde_json::value::to_raw_value(&value).ok())?
        });
    rewritten.unwrap_or_else(|| data.to_owned())
}

/// Replaces texts for which `change` has another one; answers whether any was replaced.
fn rewrite(value: &mut Value, change: &impl Fn(&str) -> Option<String>) -> bool {
    match value {
        Value::String(text) => match change(text) {
            Some(new) => {
                *text = new;
                true
            }
            None => false,
        },
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |changed, item| rewrite(item, change) | changed),
        Value::Object(members) => members
            .values_mut()
            .fold(false, |changed, member| rewrite(member, change) | changed),
        _ => false,
    }
}

/// Where a browser gets the blob of this canonical URI, which the task's data names.
pub(crate) fn resolve_address(task: TaskId, uri: &str) -> String {
    format!("/tasks/{task}/resolve/?fileuri={}", BASE64.encode(uri))
}

/// `inside` answers the canonical address of a blob that is.
fn resolve_links(
    task: TaskId,
    text: &str,
    inside: &impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let link = |uri: &str| inside(uri).map(|canonical| resolve_address(task, &canonical));
    let whole = text.trim();
    if SCHEMES.iter().any(|scheme| whole.starts_with(scheme))
        && !whole.contains(['"', '\'', '<', '>', '\n'])
        && let Some(link) = link(whole)
    {
        return Some(link);
    }
    let mut out = String::new();
    let mut copied = 0;
    for span in spans(text) {
        if let Some(link) = link(&text[span.clone()]) {
            out.push_str(&text[copied..span.start]);
            out.push_str(&link);
            copied = span.end;
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

/// Where URIs stand in a longer text: up to a blank, a quote or an angle bracket. Punctuation that
/// closes a sentence or a bracket is not part of one, unless a quote says where it ends.
fn spans(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = SCHEMES
            .iter()
            .filter_map(|scheme| text[at..].find(scheme))
            .min()?
            + at;
        let rest = &text[start..];
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'))
            .unwrap_or(rest.len());
        let is_quoted = rest[end..].starts_with(['"', '\'', '`']);
        let uri = if is_quoted {
            &rest[..end]
        } else {
            rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}'])
        };
        // At least the scheme's first letter, so that the next search goes on behind it.
        at = start + uri.len().max(1);
        Some(start..start + uri.len())
    })
}

#[cfg(test)]
mod tests {
    use azure::Cloud;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{NamedBlob, decode_fileuri, is_named_in, noted, resolve_links, spans};

    const URI: &str = "https://acct.blob.core.windows.net/inbox/images/a.png";

    #[rstest]
    #[case("azure-blob://inbox/images/a b+c?.png")]
    #[case("https://acct.blob.core.windows.net/inbox/%E2%98%83.png")]
    fn fileuri_in_every_encoding(#[case] uri: &str) {
        use base64::{Engine, prelude::*};
        for encoded in [
            uri.to_owned(),
            BASE64_STANDARD.encode(uri),
            BASE64_STANDARD_NO_PAD.encode(uri),
            BASE64_URL_SAFE.encode(uri),
            BASE64_URL_SAFE_NO_PAD.encode(uri),
            BASE64_STANDARD.encode(uri).replace('+', " "),
        ] {
            assert_eq!(decode_fileuri(&encoded).as_deref(), Some(uri), "{encoded}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("%%%")]
    #[case("/w==")]
    fn what_is_no_uri_names_nothing(#[case] fileuri: &str) {
        let uri = decode_fileuri(fileuri).unwrap_or_default();
        assert_eq!(NamedBlob::parse(&Cloud::public(), &uri), None);
    }

    #[rstest]
    #[case(json!({"image": URI}), true)]
    #[case(json!({"image": format!(" {URI}?sv=2026&sig=abc ")}), true)]
    #[case(json!({"image": "HTTPS://Acct.Blob.Core.Windows.Net/inbox/images/a.png"}), true)]
    #[case(json!({"pages": [{"url": "x"}, {"url": URI}]}), true)]
    #[case(json!({"html": format!("<p>see <img src='{URI}'> and</p>")}), true)]
    #[case(json!({"text": format!("![a]({URI}), or ({URI}).")}), true)]
    #[case(json!({"image": format!("{URI}.bak")}), false)]
    #[case(json!({"image": "https://acct.blob.core.windows.net/inbox/images/a"}), false)]
    #[case(json!({"image": "https://acct2.blob.core.windows.net/inbox/images/a.png"}), false)]
    #[case(json!({"image": "https://acct.blob.core.windows.net/inbox/images/A.png"}), false)]
    #[case(json!({"image": "https://acct.blob.core.windows.net/inbox/images//a.png"}), false)]
    #[case(json!({"https://acct.blob.core.windows.net/inbox/images/a.png": 1}), false)]
    #[case(json!({"image": "in/images/a.png", "n": 3, "z": null}), false)]
    fn data_names_a_blob_exactly(#[case] data: Value, #[case] expected: bool) {
        let cloud = Cloud::public();
        let wanted = NamedBlob::parse(&cloud, URI).unwrap();
        assert_eq!(is_named_in(&cloud, &data, &wanted), expected);
    }

    #[test]
    fn links_replace_only_uris_that_are_inside() {
        let inside = |uri: &str| uri.contains("/in/").then(|| uri.to_owned());
        let links = |text: &str| resolve_links(model::TaskId(7), text, &inside);
        assert_eq!(
            links("azure-blob://x/in/0.png").as_deref(),
            Some("/tasks/7/resolve/?fileuri=YXp1cmUtYmxvYjovL3gvaW4vMC5wbmc=")
        );
        assert_eq!(links("https://example.com/a.png"), None);
        assert_eq!(links("no uri"), None);
        let html = links(r#"<img src="https://h/in/1"> <img src="https://h/out/1">"#).unwrap();
        assert!(
            html.starts_with(r#"<img src="/tasks/7/resolve/?fileuri="#),
            "{html}"
        );
        assert!(
            html.ends_with(r#""> <img src="https://h/out/1">"#),
            "{html}"
        );
    }

    #[rstest]
    #[case(format!("{URI}?sv=2026&sig=SECRET%3D#top"), URI)]
    #[case("HTTPS://Acct.Blob.Core.Windows.Net/inbox/images/a.png?sig=SECRET".to_owned(), URI)]
    #[case("azure-spi://inbox/a b?.png".to_owned(), "azure-blob://inbox/a b?.png")]
    #[case("https://me:SECRET@evil.example/x?token=SECRET".to_owned(), "https://evil.example/x")]
    #[case("https://evil.example\\@x/y#SECRET".to_owned(), "https://evil.example\\@x/y")]
    #[case("client_secret=SECRET".to_owned(), "client_secret=REDACTED")]
    #[case("".to_owned(), "")]
    fn what_is_noted_of_a_uri_has_no_secret(#[case] uri: String, #[case] expected: &str) {
        assert_eq!(noted(&Cloud::public(), &uri), expected);
    }

    #[test]
    fn what_is_no_blob_is_noted_in_few_characters() {
        let long = format!("https://x/{}", "é".repeat(2_000));
        assert_eq!(noted(&Cloud::public(), &long).chars().count(), 300);
    }

    #[test]
    fn spans_end_where_uris_end() {
        let text = r#"a (https://h/1). "azure-blob://c/x)" https:// <https://h/2>x https://h/ü"#;
        let found: Vec<&str> = spans(text).map(|span| &text[span]).collect();
        assert_eq!(
            found,
            [
                "https://h/1",
                "azure-blob://c/x)",
                "https://",
                "https://h/2",
                "https://h/ü"
            ]
        );
    }
}

#[cfg(test)]
mod fuzz {
    use azure::Cloud;
    use model::TaskId;
    use serde_json::{Value, json};

    use super::{NamedBlob, decode_fileuri, is_named_in, resolve_address, resolve_links, spans};

    /// URIs stand where they are said to; a link that a browser gets names a blob that the task's
    /// data names, as the server will see when it is asked; everything else stays as it is.
    #[test]
    fn blobs_in_task_data() {
        let seeds = [
            "https://acct.blob.core.windows.net/inbox/images/a.png",
            "<p>see <img src='azure-blob://inbox/a b.png'> and (https://acct.blob.core.windows.net/c-1/x), or `azure-spi://inbox/é`.</p>",
            "![a](https://acct.blob.core.windows.net/inbox/a%20b.png?sv=1&sig=x). http://h/1",
            "YXp1cmUtYmxvYjovL2luYm94L2EucG5n",
        ];
        let words = [
            "https://",
            "http://",
            "azure-blob://",
            "azure-spi://",
            "acct.blob.core.windows.net/",
            "inbox/",
            "\"",
            "'",
            "`",
            "<",
            ">",
            ")",
            ".",
            ",",
            "!",
            " ",
            "\n",
            "\u{a0}",
            "%2F",
            "..",
            "?",
            "#",
            "\\",
        ];
        let cloud = Cloud::public();
        ::fuzz::texts("blobs_in_task_data", &seeds, &words, |text| {
            let mut end = 0;
            for span in spans(text) {
                assert!(span.start >= end && !text[span.clone()].contains(char::is_whitespace));
                end = span.end;
            }
            let data = json!({"pages": [{"x": text}]});
            let task = TaskId(7);
            let linked = std::cell::RefCell::new(Vec::new());
            let inside = |uri: &str| {
                let canonical = NamedBlob::parse(&cloud, uri).map(|blob| blob.canonical(&cloud));
                let found = canonical
                    .clone()
                    .map(|canonical| (uri.to_owned(), canonical));
                linked.borrow_mut().extend(found);
                canonical
            };
            let shown = resolve_links(task, text, &inside);
            let linked = linked.into_inner();
            assert_eq!(shown.is_some(), !linked.is_empty());
            for (uri, canonical) in &linked {
                let address = resolve_address(task, canonical);
                let asked = address
                    .strip_prefix("/tasks/7/resolve/?fileuri=")
                    .expect("an address");
                assert_eq!(decode_fileuri(asked).as_ref(), Some(canonical));
                // The canonical address is of the same blob, and canonical itself.
                let blob = NamedBlob::parse(&cloud, canonical).expect("it is one");
                assert_eq!(&blob.canonical(&cloud), canonical);
                assert!(is_named_in(&cloud, &data, &blob), "{uri}");
            }
            if let Some(shown) = shown {
                let mut back = shown;
                for (uri, canonical) in &linked {
                    back = back.replacen(&resolve_address(task, canonical), uri, 1);
                }
                assert!(back == text || back == text.trim());
            }
            let _ = (decode_fileuri(text), Value::from(text));
        });
    }
}
