//! A labeling config whose HTML is clean, and which fields of task data it shows as HTML.
//!
//! The editor shows as HTML what is in or named by a `HyperText` or a `Markdown`, a `Style`, and every `html`
//! attribute (of a label, a choice). It reads names of tags and attributes in any case.

use std::{collections::BTreeMap, ops::Range};

use roxmltree::{Document, Node};

use super::{clean, clean_markdown, harmless_css};

/// How the editor reads a field that it shows as HTML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Its value is an address; what is there is shown.
    pub(crate) by_address: bool,
    pub(crate) encoding: Encoding,
    pub(crate) is_markdown: bool,
}

impl Read {
    /// Of what is at an address.
    pub(crate) fn of_body(is_base64: bool) -> Self {
        let encoding = if is_base64 {
            Encoding::Base64
        } else {
            Encoding::None
        };
        Self {
            encoding,
            ..Self::default()
        }
    }
}

/// How the editor decodes a field before it shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    None,
    /// Of Latin-1 or of UTF-8: the editor knows two, which differ in letters only.
    Base64,
}

/// Fields of task data (the first name of a path) that are shown as HTML, and how they are read. Empty when the
/// config is not well-formed: then the editor shows nothing.
pub(crate) fn is_shown_as_html(config: &str) -> BTreeMap<String, Read> {
    let mut fields = BTreeMap::new();
    let Ok(document) = Document::parse(config) else {
        return fields;
    };
    for element in document.descendants().filter(Node::is_element) {
        let tag = element.tag_name().name().to_ascii_lowercase();
        if let Some(html) = attribute(element, "html") {
            fields.extend(names(html).map(|name| (name, Read::default())));
        }
        if !["hypertext", "markdown"].contains(&tag.as_str()) {
            continue;
        }
        let read = Read {
            by_address: attribute(element, "valuetype") == Some("url"),
            encoding: match attribute(element, "encoding") {
                Some("base64" | "base64unicode") => Encoding::Base64,
                _ => Encoding::None,
            },
            is_markdown: tag == "markdown",
        };
        let value = attribute(element, "value").unwrap_or_default();
        let inside = element.descendants().filter_map(|node| node.text());
        for text in inside.chain([value]) {
            fields.extend(names(text).map(|name| (name, read)));
        }
    }
    fields
}

/// The config with every HTML in it clean; `None` when it is not well-formed.
pub(crate) fn clean_config(config: &str) -> Option<String> {
    let document = Document::parse(config).ok()?;
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for element in document.descendants().filter(Node::is_element) {
        let tag = element.tag_name().name().to_ascii_lowercase();
        let cleaner: Option<fn(&str) -> String> = match tag.as_str() {
            "hypertext" => Some(clean),
            "markdown" => Some(clean_markdown),
            "style" => Some(harmless_css),
            _ => None,
        };
        let inside = inside(element).map(|range| (config[range.clone()].trim(), range));
        for attribute in element.attributes() {
            let cleaner = match attribute.name().to_ascii_lowercase().as_str() {
                "html" => Some(clean as fn(&str) -> String),
                "value" => cleaner,
                _ => None,
            };
            if let Some(cleaner) = cleaner.filter(|_| attribute.value().contains('<')) {
                changes.push((
                    attribute.range_value(),
                    escaped(&cleaner(attribute.value())),
                ));
            }
        }
        // What is inside goes before the attribute in the editor; as an attribute it is the same to it, and needs
        // not be XML.
        if let (Some(cleaner), Some((text, range))) = (cleaner, inside)
            && text.contains('<')
        {
            let text = text.trim_start_matches("<![CDATA[").trim_end_matches("]]>");
            let value = format!(" value=\"{}\"", escaped(&cleaner(text)));
            let start = element.range().start;
            let name_end = config[start..]
                .find(|letter: char| letter.is_whitespace() || letter == '>' || letter == '/')
                .map_or(start, |length| start + length);
            changes.retain(|(changed, _)| !(changed.start >= start && changed.end <= range.end));
            for old in element
                .attributes()
                .filter(|it| it.name().eq_ignore_ascii_case("value"))
            {
                changes.push((old.range(), String::new()));
            }
            changes.push((range, String::new()));
            changes.push((name_end..name_end, value));
        }
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut cleaned = String::with_capacity(config.len());
    let mut at = 0;
    for (range, text) in changes {
        // Inside of what was replaced already.
        if range.start < at {
            continue;
        }
        cleaned += &config[at..range.start];
        cleaned += &text;
        at = range.end;
    }
    Some(cleaned + &config[at..])
}

/// From its first child's beginning to its last one's end.
fn inside(element: Node<'_, '_>) -> Option<Range<usize>> {
    Some(element.first_child()?.range().start..element.last_child()?.range().end)
}

fn attribute<'a>(element: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = element.attributes();
    let found = attributes.find(|it| it.name().eq_ignore_ascii_case(name))?;
    Some(found.value())
}

/// `a` and `b` of `$a and $b.c[0]`.
fn names(text: &str) -> impl Iterator<Item = String> {
    text.split('$').skip(1).filter_map(|rest| {
        let end = rest
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '-')
            .unwrap_or(rest.len());
        (end > 0).then(|| rest[..end].to_owned())
    })
}

/// As the value of an attribute in either kind of quotes: line breaks stay line breaks.
fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => value += "&amp;",
            '<' => value += "&lt;",
            '>' => value += "&gt;",
            '"' => value += "&quot;",
            '\'' => value += "&#39;",
            '\n' => value += "&#10;",
            '\r' => value += "&#13;",
            '\t' => value += "&#9;",
            // HTML has letters that no XML may hold, and one of them would break the whole config.
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => value.push(char::REPLACEMENT_CHARACTER),
            _ => value.push(letter),
        }
    }
    value
}
