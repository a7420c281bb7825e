//! List Blobs: one page at a time, so that a caller can stop, save the marker and go on later.
//!
//! Source: "List Blobs" (REST). Azure may answer with fewer blobs than asked for, even none, and
//! still name a next marker.

use std::time::Duration;

use quick_xml::events::BytesStart;
use reqwest::Method;

use super::ContainerClient;
use crate::{
    Result,
    account::Call,
    http::{Destination, read_body},
    instant, retry,
    xml::{Xml, malformed},
};

/// Azure's own limit of entries a page.
const PAGE_LIMIT: u32 = 5_000;
/// A page of the longest names with metadata stays below this (bytes).
const ANSWER_LIMIT: usize = 128 << 20;
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which page of a listing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListRequest<'a> {
    /// Only names that begin with it; empty for all.
    pub prefix: &'a str,
    /// Names with this character after the prefix are rolled up into `prefixes`.
    pub delimiter: Option<char>,
    /// `next_marker` of the page before.
    pub marker: Option<&'a str>,
    /// Most entries of the page: 1 to 5,000, which is also the default.
    pub max_results: Option<u32>,
}

/// One page of a listing, in name order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    pub blobs: Vec<BlobItem>,
    /// Virtual folders, with their trailing delimiter.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last. An empty page may have one.
    pub next_marker: Option<String>,
}

/// One blob of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobItem {
    /// Exactly as Azure has it.
    pub name: String,
    /// Without quotes.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// Unix milliseconds, whole seconds.
    pub last_modified_ms: i64,
    pub content_type: Option<String>,
    /// `Hot`, `Cool`, `Cold`, `Archive`.
    pub access_tier: Option<String>,
    /// A directory of a hierarchical namespace, or an empty blob whose name ends in `/`: not data.
    pub is_folder_marker: bool,
}

impl ContainerClient {
    /// One page of the container's blobs.
    ///
    /// # Errors
    /// `ContainerNotFound`, and the kinds of a refused credential.
    pub async fn list(&self, request: &ListRequest<'_>) -> Result<ListPage> {
        // Metadata is asked for because only there do accounts with directories say what is one.
        let mut call = Call::new(Method::GET, format!("/{}", self.0.name))
            .query("restype", "container")
            .query("comp", "list")
            .query("include", "metadata")
            .query(
                "maxresults",
                request
                    .max_results
                    .unwrap_or(PAGE_LIMIT)
                    .clamp(1, PAGE_LIMIT)
                    .to_string(),
            );
        if !request.prefix.is_empty() {
            call = call.query("prefix", request.prefix);
        }
        if let Some(delimiter) = request.delimiter {
            call = call.query("delimiter", delimiter);
        }
        if let Some(marker) = request.marker {
            call = call.query("marker", marker);
        }
        let call = call.timeout(TIMEOUT);
        let body = retry::STORAGE
            .within(self.0.account.shared.patience)
            .run(async || {
                let response = self.0.account.send(&call).await?;
                read_body(response, Destination::Storage, ANSWER_LIMIT).await
            })
            .await?;
        ListPage::parse(&body)
    }

    /// Can the container be listed? The cheapest proof that account, container and credential fit.
    ///
    /// # Errors
    /// As [`ContainerClient::list`].
    pub async fn exists(&self) -> Result<()> {
        let request = ListRequest {
            max_results: Some(1),
            ..ListRequest::default()
        };
        self.list(&request).await.map(drop)
    }
}

impl ListPage {
    fn parse(body: &[u8]) -> Result<Self> {
        let mut page = Self::default();
        let mut xml = Xml::new(body)?;
        xml.root("EnumerationResults")?;
        xml.children(|xml, tag| match tag.name().as_ref() {
            "Blobs" => xml.children(|xml, tag| match tag.name().as_ref() {
                "Blob" => {
                    page.blobs.push(BlobItem::parse(xml)?);
                    Ok(())
                }
                "BlobPrefix" => xml.children(|xml, tag| match tag.name().as_ref() {
                    "Name" => {
                        page.prefixes.push(xml.name(tag)?);
                        Ok(())
                    }
                    _ => xml.skip(tag),
                }),
                _ => xml.skip(tag),
            }),
            "NextMarker" => {
                page.next_marker = Some(xml.text(tag)?).filter(|marker| !marker.is_empty());
                Ok(())
            }
            _ => xml.skip(tag),
        })?;
        Ok(page)
    }
}

impl BlobItem {
    /// The children of a `Blob` that was just opened.
    fn parse<'a>(xml: &mut Xml<'a>) -> Result<Self> {
        let mut blob = Self::default();
        xml.children(|xml, tag| match tag.name().as_ref() {
            "Name" => {
                blob.name = xml.name(tag)?;
                Ok(())
            }
            "Properties" => xml.children(|xml, tag| blob.parse_property(xml, tag)),
            "Metadata" => xml.children(|xml, tag| {
                if tag.name().as_ref().eq_ignore_ascii_case("hdi_isfolder") {
                    blob.is_folder_marker |= xml.text(tag)? == "true";
                    return Ok(());
                }
                xml.skip(tag)
            }),
            _ => xml.skip(tag),
        })?;
        blob.is_folder_marker |= blob.size == 0 && blob.name.ends_with('/');
        Ok(blob)
    }

    fn parse_property<'a>(&mut self, xml: &mut Xml<'a>, tag: &BytesStart<'a>) -> Result<()> {
        match tag.name().as_ref() {
            "Etag" => self.etag = xml.text(tag)?.trim_matches('"').to_owned(),
            "Content-Length" => {
                let text = xml.text(tag)?;
                self.size = text
                    .parse()
                    .map_err(|_| malformed(format!("Content-Length {text:?}")))?;
            }
            "Last-Modified" => {
                let text = xml.text(tag)?;
                self.last_modified_ms = instant::parse_http_date(&text)
                    .ok_or_else(|| malformed(format!("Last-Modified {text:?}")))?;
            }
            "Content-Type" => {
                self.content_type = Some(xml.text(tag)?).filter(|text| !text.is_empty())
            }
            "AccessTier" => self.access_tier = Some(xml.text(tag)?),
            "ResourceType" => self.is_folder_marker |= xml.text(tag)? == "directory",
            _ => xml.skip(tag)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BlobItem, ListPage};

    pub(super) const PAGE: &str = concat!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        r#"<EnumerationResults ServiceEndpoint="https://acct.blob.core.windows.net/" ContainerName="c"><Prefix>a &amp; b</Prefix><MaxResults>5</MaxResults><Blobs>"#,
        r#"<Blob><Name>a &amp; b/&#x1F408; &lt;1&gt;.png </Name><Properties><Creation-Time>x</Creation-Time><Last-Modified>Thu, 01 Jan 2026 01:00:00 GMT</Last-Modified><Etag>"0x8D1"</Etag><Content-Length>42</Content-Length><Content-Type>image/png</Content-Type><Content-Encoding /><AccessTier>Hot</AccessTier></Properties><Metadata><Name>evil</Name><size>9</size></Metadata><OrMetadata /></Blob>"#,
        r#"<Blob><Name Encoded="true">a%01%EF%BF%BEb</Name><Properties><Etag>0x8D2</Etag></Properties></Blob>"#,
        r#"<Blob><Name>folder</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><Hdi_isfolder>true</Hdi_isfolder></Metadata></Blob>"#,
        r#"<Blob><Name>dir/</Name><Properties><Content-Length>0</Content-Length><Content-Type></Content-Type></Properties></Blob>"#,
        r#"<Blob><Name>dir2</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>"#,
        r#"<BlobPrefix><Name>sub&#47;</Name><Properties><Etag>x</Etag></Properties></BlobPrefix>"#,
        r#"</Blobs><NextMarker>2!92!MDA&amp;-</NextMarker></EnumerationResults>"#,
    );

    #[test]
    fn every_part_of_a_page() {
        let page = ListPage::parse(PAGE.as_bytes()).unwrap();
        assert_eq!(
            page.blobs[0],
            BlobItem {
                name: "a & b/🐈 <1>.png ".to_owned(),
                etag: "0x8D1".to_owned(),
                size: 42,
                last_modified_ms: 1_767_229_200_000,
                content_type: Some("image/png".to_owned()),
                access_tier: Some("Hot".to_owned()),
                is_folder_marker: false,
            }
        );
        assert_eq!(page.blobs[1].name, "a\u{1}\u{fffe}b");
        let markers: Vec<bool> = page
            .blobs
            .iter()
            .map(|blob| blob.is_folder_marker)
            .collect();
        assert_eq!(markers, [false, false, true, true, true]);
        assert_eq!(page.prefixes, ["sub/"]);
        assert_eq!(page.next_marker.as_deref(), Some("2!92!MDA&-"));
    }

    #[test]
    fn the_last_page_has_no_marker() {
        for end in ["<NextMarker />", "<NextMarker></NextMarker>", ""] {
            let body = format!("<EnumerationResults><Blobs></Blobs>{end}</EnumerationResults>");
            assert_eq!(
                ListPage::parse(body.as_bytes()).unwrap(),
                ListPage::default(),
                "{end}"
            );
        }
    }

    #[test]
    fn a_page_that_ends_early_is_no_page() {
        for end in [PAGE.len() - 1, PAGE.find("</Blobs>").unwrap(), 60, 0] {
            assert!(ListPage::parse(&PAGE.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(ListPage::parse(b"<html></html>").is_err());
        assert!(ListPage::parse(b"<EnumerationResults>\xff</EnumerationResults>").is_err());
    }
}

#[cfg(test)]
mod fuzz {
    use std::fmt::Write as _;

    use super::{BlobItem, ListPage};
    use crate::{encoding, instant};

    fn text(text: &str) -> String {
        let encode = |c: char| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '\r' => "&#13;".to_owned(),
            c => c.to_string(),
        };
        text.chars().map(encode).collect()
    }

    /// The page as Azure would write it, with every name percent-encoded.
    fn written(page: &ListPage) -> String {
        let name = |name: &str| format!("<Name Encoded=\"true\">{}</Name>", encoding::value(name));
        let mut out = "<EnumerationResults><Blobs>".to_owned();
        for blob in &page.blobs {
            let properties = [
                ("Etag", Some(format!("\"{}\"", text(&blob.etag)))),
                ("Content-Length", Some(blob.size.to_string())),
                (
                    "Last-Modified",
                    Some(instant::http_date(blob.last_modified_ms)),
                ),
                ("Content-Type", blob.content_type.as_deref().map(text)),
                ("AccessTier", blob.access_tier.as_deref().map(text)),
                (
                    "ResourceType",
                    blob.is_folder_marker.then(|| "directory".to_owned()),
                ),
            ];
            let _ = write!(out, "<Blob>{}<Properties>", name(&blob.name));
            for (tag, value) in properties {
                if let Some(value) = value {
                    let _ = write!(out, "<{tag}>{value}</{tag}>");
                }
            }
            out += "</Properties></Blob>";
        }
        for prefix in &page.prefixes {
            let _ = write!(out, "<BlobPrefix>{}</BlobPrefix>", name(prefix));
        }
        let marker = page.next_marker.as_deref().map(text).unwrap_or_default();
        out + &format!("</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>")
    }

    /// A page that is written and read again is the same, and is not larger than what was sent.
    #[test]
    fn blob_listings() {
        let seeds = [
            super::tests::PAGE,
            "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><EnumerationResults><NextMarker>&a;</NextMarker></EnumerationResults>",
        ];
        let words = [
            "<Blob>",
            "</Blob>",
            "<Name>",
            "</Name>",
            "<Name Encoded=\"true\">",
            "<BlobPrefix>",
            "</BlobPrefix>",
            "<Properties>",
            "</Properties>",
            "<Metadata>",
            "<NextMarker>",
            "<Etag>",
            "<Content-Length>",
            "</",
            "/>",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<?",
            "?>",
            "&amp;",
            "&#x0;",
            "&#xD800;",
            "&x;",
            "%FF",
            "%00",
        ];
        ::fuzz::bytes(
            "blob_listings",
            &seeds.map(str::as_bytes),
            &words,
            |input| {
                let Ok(page) = ListPage::parse(input) else {
                    return;
                };
                let held = |blob: &BlobItem| blob.name.len() + blob.etag.len();
                let held = page.blobs.iter().map(held).sum::<usize>();
                assert!(held + page.prefixes.iter().map(String::len).sum::<usize>() <= input.len());
                // An ETag in more quotes than one loses them all; dates are whole seconds.
                let mut page = page;
                for blob in &mut page.blobs {
                    blob.last_modified_ms =
                        blob.last_modified_ms.clamp(0, 253_402_300_799_000) / 1_000 * 1_000;
                }
                let again =
                    ListPage::parse(written(&page).as_bytes()).expect("it was written here");
                assert_eq!(again, page);
            },
        );
    }
}
