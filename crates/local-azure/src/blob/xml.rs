//! XML as the Blob service writes it: a BOM first, text escaped, and names that XML cannot
//! carry percent-encoded and marked `Encoded="true"`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// The first byte of U+FFFE and U+FFFF in UTF-8.
const FFFE_LEAD: u8 = 0xEF;

/// The beginning of every document: BOM and declaration.
pub fn document() -> Vec<u8> {
    b"\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>".to_vec()
}

/// `<name>text</name>`, or `<name />` when the text is empty.
pub fn element(out: &mut Vec<u8>, name: &str, text: &str) {
    if open(out, name, text) {
        escape(out, text);
        close(out, name);
    }
}

/// As [`element`], for text without markup characters: dates, ETags, base64.
pub fn plain_element(out: &mut Vec<u8>, name: &str, text: &str) {
    if open(out, name, text) {
        out.extend_from_slice(text.as_bytes());
        close(out, name);
    }
}

/// `<name>number</name>`.
pub fn number_element(out: &mut Vec<u8>, name: &str, number: u64) {
    plain_element(out, name, &number.to_string());
}

/// As [`element`], for blob names and prefixes: what XML 1.0 cannot carry is percent-encoded.
pub fn name_element(out: &mut Vec<u8>, name: &str, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != FFFE_LEAD) || text.chars().all(carried) {
        return element(out, name, text);
    }
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b" Encoded=\"true\">");
    for part in utf8_percent_encode(text, UNRESERVED) {
        out.extend_from_slice(part.as_bytes());
    }
    close(out, name);
}

/// Text or attribute value with the markup characters escaped.
pub fn escape(out: &mut Vec<u8>, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[from..at]);
        out.extend_from_slice(entity);
        from = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
}

/// Reads the blob names of a listing into `names` and returns its next marker, empty at the end.
///
/// # Errors
/// When the listing is not XML.
pub fn read_names(page: &[u8], names: &mut Vec<String>) -> anyhow::Result<String> {
    let text = std::str::from_utf8(page)?.trim_start_matches('\u{FEFF}');
    let page = roxmltree::Document::parse(text)?;
    let mut marker = String::new();
    for node in page.descendants() {
        let text = node.text().unwrap_or("");
        if node.has_tag_name("NextMarker") {
            marker = text.to_owned();
        } else if node.has_tag_name("Name") {
            names.push(match node.attribute("Encoded") {
                Some("true") => percent_decode_str(text).decode_utf8()?.into_owned(),
                _ => text.to_owned(),
            });
        }
    }
    Ok(marker)
}

/// Begins an element; `false` when it is empty and so has ended.
fn open(out: &mut Vec<u8>, name: &str, text: &str) -> bool {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(if text.is_empty() { " />" } else { ">" }.as_bytes());
    !text.is_empty()
}

fn close(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// Control characters would be lost or normalised by a reader, U+FFFE and U+FFFF are illegal.
fn carried(c: char) -> bool {
    c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}'
}

#[cfg(test)]
mod tests {
    use super::{element, name_element};

    fn written(write: fn(&mut Vec<u8>, &str, &str), text: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, "Name", text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped_and_nothing_else_changes() {
        assert_eq!(
            written(element, "a&b <c> \"d\" 🐈 "),
            "<Name>a&amp;b &lt;c&gt; &quot;d&quot; 🐈 </Name>"
        );
        assert_eq!(written(element, ""), "<Name />");
    }

    #[test]
    fn a_name_that_xml_cannot_carry_is_encoded_and_says_so() {
        assert_eq!(written(name_element, "a%b/c"), "<Name>a%b/c</Name>");
        assert_eq!(
            written(name_element, "a%\u{1}/é\u{FFFF}"),
            "<Name Encoded=\"true\">a%25%01/%C3%A9%EF%BF%BF</Name>"
        );
    }
}
