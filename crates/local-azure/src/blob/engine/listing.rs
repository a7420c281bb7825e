//! Listings of the built-in engine: one range scan a page, written straight into the answer.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::blob::{
    engine::{
        memory::{BlobMap, Container},
        memory_blobs::{BlobRecord, CONTENT_PROPERTIES, archive_status},
    },
    error::{BlobError, Result},
    request::BlobRequest,
    xml,
};

/// The most entries of a page, and what is given when the client asks for none or for more.
const MAX_RESULTS: usize = 5_000;

/// About what one blob takes in the answer, to reserve a page at once.
const BYTES_PER_BLOB: usize = 800;

/// What a listing asks for.
struct Page<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    max_results: usize,
    /// The first name of the page.
    from: String,
    with_metadata: bool,
}

impl<'a> Page<'a> {
    fn asked(request: &'a BlobRequest) -> Result<Self> {
        let query = &request.query;
        let prefix = query.get("prefix").unwrap_or("");
        let max_results = match query.get("maxresults") {
            None => MAX_RESULTS,
            Some(text) => match text.parse::<usize>() {
                Ok(asked @ 1..) => asked.min(MAX_RESULTS),
                _ => {
                    return Err(BlobError::new(
                        400,
                        "OutOfRangeQueryParameterValue",
                        "One of the query parameters specified in the request URI is outside the permissible range.",
                    )
                    .element("QueryParameterName", "maxresults")
                    .element("QueryParameterValue", text));
                }
            },
        };
        let known = [
            "",
            "copy",
            "deleted",
            "metadata",
            "snapshots",
            "uncommittedblobs",
            "versions",
            "tags",
            "immutabilitypolicy",
            "legalhold",
            "deletedwithversions",
            "permissions",
            "system",
        ];
        let include = query.get("include").unwrap_or("");
        if include.split(',').any(|asked| !known.contains(&asked)) {
            return Err(BlobError::invalid_query("include", include));
        }
        let from = match query.get("marker").filter(|marker| !marker.is_empty()) {
            None => prefix.to_owned(),
            Some(marker) => {
                read_marker(marker).ok_or_else(|| BlobError::invalid_query("marker", marker))?
            }
        };
        Ok(Self {
            prefix,
            delimiter: query.get("delimiter").unwrap_or(""),
            max_results,
            from: from.max(prefix.to_owned()),
            with_metadata: includes(request, "metadata"),
        })
    }
}

/// Does the listing ask for this besides the blobs?
pub(super) fn includes(request: &BlobRequest, what: &str) -> bool {
    let include = request.query.get("include").unwrap_or("");
    include.split(',').any(|asked| asked == what)
}

/// A page of a container's blobs, as the body of the answer.
pub(super) fn list_blobs(blobs: &BlobMap, request: &BlobRequest) -> Result<Vec<u8>> {
    let page = Page::asked(request)?;
    let mut out = open_results(request, Some(request.container()?));
    out.reserve(BYTES_PER_BLOB * page.max_results.min(blobs.len()));
    echo(&mut out, request, &page);
    out.extend_from_slice(b"<Blobs>");
    let next = scan(blobs, &page, |entry| match entry {
        Entry::Blob(name, blob) => {
            let tier = blob.tier(request.now_ms);
            write_blob(&mut out, name, blob, tier, page.with_metadata);
        }
        Entry::Prefix(prefix) => {
            out.extend_from_slice(b"<BlobPrefix>");
            xml::name_element(&mut out, "Name", prefix);
            out.extend_from_slice(b"</BlobPrefix>");
        }
    });
    out.extend_from_slice(b"</Blobs>");
    close_results(&mut out, next);
    Ok(out)
}

/// A page of an account's containers, as the body of the answer.
pub(super) fn list_containers(
    containers: &BTreeMap<String, Arc<Container>>,
    request: &BlobRequest,
) -> Result<Vec<u8>> {
    let page = Page::asked(request)?;
    let mut out = open_results(request, None);
    echo(&mut out, request, &page);
    out.extend_from_slice(b"<Containers>");
    let mut next = None;
    let found = containers
        .range::<str, _>((Bound::Included(page.from.as_str()), Bound::Unbounded))
        .take_while(|(name, _)| name.starts_with(page.prefix));
    for (count, (name, container)) in found.enumerate() {
        if count == page.max_results {
            next = Some(name.as_str());
            break;
        }
        write_container(&mut out, name, container, page.with_metadata);
    }
    out.extend_from_slice(b"</Containers>");
    close_results(&mut out, next);
    Ok(out)
}

enum Entry<'a> {
    Blob(&'a str, &'a BlobRecord),
    Prefix(&'a str),
}

/// Gives the page's entries in order and returns the first name of the next page.
/// After a sub-prefix it seeks past everything below it.
fn scan<'m>(
    blobs: &'m BlobMap,
    page: &Page<'_>,
    mut give: impl FnMut(Entry<'_>),
) -> Option<&'m str> {
    let mut from = page.from.clone();
    let mut given = 0;
    'seek: loop {
        for (name, blob) in
            blobs.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded))
        {
            // Beyond the prefix there is no next page.
            let rest = name.strip_prefix(page.prefix)?;
            if given == page.max_results {
                return Some(name);
            }
            given += 1;
            match sub_prefix(rest, page.delimiter) {
                None => give(Entry::Blob(name, blob)),
                Some(length) => {
                    let prefix = &name[..page.prefix.len() + length];
                    give(Entry::Prefix(prefix));
                    from = after(prefix)?;
                    continue 'seek;
                }
            }
        }
        return None;
    }
}

/// How long the part of `rest` up to and with the first delimiter is.
fn sub_prefix(rest: &str, delimiter: &str) -> Option<usize> {
    if delimiter.is_empty() {
        return None;
    }
    rest.find(delimiter).map(|at| at + delimiter.len())
}

/// The least text that is greater than every text beginning with `prefix`.
fn after(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn write_blob(
    out: &mut Vec<u8>,
    name: &str,
    blob: &BlobRecord,
    (tier, next): (Option<&str>, Option<&str>),
    with_metadata: bool,
) {
    out.extend_from_slice(b"<Blob>");
    xml::name_element(out, "Name", name);
    if blob.deleted.is_some() {
        out.extend_from_slice(b"<Deleted>true</Deleted>");
    }
    out.extend_from_slice(b"<Properties>");
    if let Some(deleted) = &blob.deleted {
        xml::plain_element(out, "DeletedTime", deleted);
    }
    xml::plain_element(out, "Creation-Time", &blob.last_modified);
    xml::plain_element(out, "Last-Modified", &blob.last_modified);
    xml::plain_element(out, "Etag", &blob.etag);
    xml::number_element(out, "Content-Length", blob.size() as u64);
    if blob.is_directory {
        out.extend_from_slice(b"<ResourceType>directory</ResourceType>");
    }
    for ((_, _, element), value) in CONTENT_PROPERTIES.iter().zip(&blob.properties) {
        xml::element(out, element, value.as_deref().unwrap_or(""));
    }
    out.extend_from_slice(b"<Content-CRC64 />");
    xml::plain_element(out, "Content-MD5", blob.md5.as_deref().unwrap_or(""));
    out.extend_from_slice(b"<BlobType>BlockBlob</BlobType>");
    match tier {
        Some(tier) => xml::element(out, "AccessTier", tier),
        None => out.extend_from_slice(
            b"<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>",
        ),
    }
    if let Some(next) = next {
        xml::element(out, "ArchiveStatus", &archive_status(next));
    }
    out.extend_from_slice(
        b"<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>\
          <ServerEncrypted>true</ServerEncrypted></Properties>",
    );
    if with_metadata {
        write_metadata(out, &blob.metadata);
    }
    out.extend_from_slice(b"<OrMetadata /></Blob>");
}

fn write_container(out: &mut Vec<u8>, name: &str, container: &Container, with_metadata: bool) {
    out.extend_from_slice(b"<Container>");
    xml::element(out, "Name", name);
    out.extend_from_slice(b"<Properties>");
    xml::element(out, "Last-Modified", &container.last_modified);
    xml::element(out, "Etag", &format!("\"{}\"", container.etag));
    out.extend_from_slice(b"<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>");
    if let Some(access) = container.access().header() {
        xml::element(out, "PublicAccess", access);
    }
    out.extend_from_slice(
        b"<DefaultEncryptionScope>$account-encryption-key</DefaultEncryptionScope>\
          <DenyEncryptionScopeOverride>false</DenyEncryptionScopeOverride>\
          <HasImmutabilityPolicy>false</HasImmutabilityPolicy>\
          <HasLegalHold>false</HasLegalHold></Properties>",
    );
    if with_metadata {
        write_metadata(out, &container.metadata);
    }
    out.extend_from_slice(b"</Container>");
}

fn write_metadata(out: &mut Vec<u8>, metadata: &[(String, String)]) {
    out.extend_from_slice(b"<Metadata>");
    for (name, value) in metadata {
        xml::element(out, name, value);
    }
    out.extend_from_slice(b"</Metadata>");
}

fn open_results(request: &BlobRequest, container: Option<&str>) -> Vec<u8> {
    let mut out = xml::document();
    out.extend_from_slice(b"<EnumerationResults ServiceEndpoint=\"");
    xml::escape(&mut out, &request.endpoint);
    if let Some(container) = container {
        out.extend_from_slice(b"\" ContainerName=\"");
        xml::escape(&mut out, container);
    }
    out.extend_from_slice(b"\">");
    out
}

fn echo(out: &mut Vec<u8>, request: &BlobRequest, page: &Page<'_>) {
    if !page.prefix.is_empty() {
        xml::name_element(out, "Prefix", page.prefix);
    }
    if let Some(marker) = request.query.get("marker") {
        xml::element(out, "Marker", marker);
    }
    if request.query.get("maxresults").is_some() {
        xml::number_element(out, "MaxResults", page.max_results as u64);
    }
    if !page.delimiter.is_empty() {
        xml::name_element(out, "Delimiter", page.delimiter);
    }
}

fn close_results(out: &mut Vec<u8>, next: Option<&str>) {
    xml::element(
        out,
        "NextMarker",
        &next.map(write_marker).unwrap_or_default(),
    );
    out.extend_from_slice(b"</EnumerationResults>");
}

/// A marker in the look of Azure's; clients must not look inside.
fn write_marker(next: &str) -> String {
    format!("2!{}!{}", next.len(), BASE64_URL_SAFE_NO_PAD.encode(next))
}

fn read_marker(marker: &str) -> Option<String> {
    let (_, encoded) = marker.strip_prefix("2!")?.split_once('!')?;
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{after, read_marker, write_marker};

    #[test]
    fn the_text_after_a_prefix_is_beyond_all_that_begins_with_it() {
        assert_eq!(after("a/").as_deref(), Some("a0"));
        assert_eq!(after("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after("\u{10FFFF}"), None);
    }

    #[test]
    fn a_marker_carries_any_name() {
        for name in ["a", "ünï/ 100%", "\u{1}\n🐈"] {
            assert_eq!(read_marker(&write_marker(name)).as_deref(), Some(name));
        }
        assert_eq!(read_marker("garbage"), None);
        assert_eq!(read_marker("2!3!!!"), None);
    }
}
