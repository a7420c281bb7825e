//! Where the addresses of blobs stand in a text: one grammar for what is shown as a link, what a
//! task may ask for, and what is written back.
//!
//! A text is one address, or holds several, as running text, HTML, CSS, Markdown, lists and JSON
//! do. Names of blobs may hold blanks, quotes and brackets, so where an address ends depends on
//! what opens it: the text's own beginning, a quote, an attribute, `url(`, or only a word.

use std::{borrow::Cow, ops::Range};

use azure::Cloud;
use model::AccountName;

use super::{blob_uris::NamedBlob, thumbnails::MediaKind};

const SCHEMES: [&str; 4] = ["https", "http", "azure-blob", "azure-spi"];
/// Bytes of the longest address: 1,024 characters of a name, percent-encoded, and what is before them.
const LONGEST: usize = 16 << 10;
/// Bytes before an address in which its tag and attribute stand.
const LOOKED_BACK: usize = 1 << 10;
/// How a quote can be written; the escaped one of JSON inside a text, and those of HTML.
const QUOTES: [&str; 8] = ["\\\"", "\"", "'", "`", "&quot;", "&#34;", "&apos;", "&#39;"];
/// Attributes of HTML that hold one address and nothing else.
const ADDRESS_ATTRIBUTES: [&str; 5] = ["src", "href", "poster", "data", "background"];

/// One address in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// The address itself: character references and escapes of its place undone.
    pub spelled: String,
    pub means: Meaning,
}

/// What an address of Azure Blob Storage names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Blob(NamedBlob),
    /// The blob of the first word, or that of the whole: the text does not tell.
    Ambiguous(NamedBlob, NamedBlob),
    /// An account that is only known by the address of its DNS zone, and is not read.
    InDnsZone(AccountName),
}

/// The addresses in a text, in their order; those of other places on the web are not among them.
pub(crate) fn addresses(cloud: &Cloud, text: &str) -> Vec<Address> {
    let is_html = text.contains('&') && holds_tag(text);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_scheme(text, at) {
        let room = Room::of(text, start);
        let within = text[start..room.end].trim_end();
        let plain = |end: usize| match room.opening {
            Opening::Css => without_css_escapes(&within[..end]),
            _ if is_html => {
                quick_xml::escape::unescape(&within[..end]).unwrap_or(Cow::Borrowed(&within[..end]))
            }
            _ => Cow::Borrowed(&within[..end]),
        };
        let read = |end: usize| meaning(cloud, &plain(end));
        let word = word_end(within);
        let (end, means) = match ends(within, word, room.opening) {
            Ends::AtWord => (word, read(word)),
            Ends::AtRoom => (within.len(), read(within.len())),
            Ends::Unclear => match (read(word), read(within.len())) {
                (Some(Meaning::Blob(short)), Some(Meaning::Blob(long))) => {
                    (within.len(), Some(Meaning::Ambiguous(short, long)))
                }
                (short, _) => (word, short),
            },
        };
        if let Some(means) = means {
            found.push(Address {
                span: start..start + end,
                spelled: plain(end).into_owned(),
                means,
            });
            at = start + end.max(1);
        } else {
            // At least the scheme's first letter, so that the next search goes on behind it.
            at = start + word.max(1);
        }
    }
    found
}

/// The blob of a text that is one address.
pub(crate) fn whole_blob(cloud: &Cloud, text: &str) -> Option<NamedBlob> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let first = addresses(cloud, text).into_iter().next()?;
    match first.means {
        Meaning::Blob(blob) if first.span == (0..text.len()) => Some(blob),
        _ => None,
    }
}

/// What a whole text means as an address.
pub(crate) fn meaning(cloud: &Cloud, address: &str) -> Option<Meaning> {
    NamedBlob::parse(cloud, address)
        .map(Meaning::Blob)
        .or_else(|| Cloud::account_in_dns_zone(address).map(Meaning::InDnsZone))
}

/// Where the next `scheme://` begins, in any case.
fn next_scheme(text: &str, at: usize) -> Option<usize> {
    text[at..].match_indices("://").find_map(|(colon, _)| {
        let before = &text.as_bytes()[at..at + colon];
        SCHEMES.iter().find_map(|scheme| {
            let start = before.len().checked_sub(scheme.len())?;
            before[start..]
                .eq_ignore_ascii_case(scheme.as_bytes())
                .then_some(at + start)
        })
    })
}

/// How far an address can reach, and what opened it.
struct Room {
    end: usize,
    opening: Opening,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// The text begins with it.
    Text,
    /// A quote that is closed again.
    Quote,
    /// A quote where nothing but one address can stand.
    Attribute,
    /// `url(` without a quote.
    Css,
    /// Nothing: a word in a text.
    Word,
}

impl Room {
    fn of(text: &str, start: usize) -> Self {
        // Not the whole text for each of its addresses.
        let begin = text.floor_char_boundary(start.saturating_sub(LOOKED_BACK));
        let before = &text[begin..start];
        let rest = &text[start..text.floor_char_boundary(start + LONGEST)];
        if begin == 0 && before.trim_start().is_empty() {
            return Self {
                end: start + rest.len(),
                opening: Opening::Text,
            };
        }
        let closed = |end: usize, opening| Self {
            end: start + end,
            opening,
        };
        let quote = QUOTES.iter().find(|quote| before.ends_with(**quote));
        if let Some(quote) = quote {
            let opens = &before[..before.len() - quote.len()];
            let attribute = attribute_of(opens);
            if let Some(end) = closing(rest, quote, attribute.is_some()) {
                let is_address = is_css(opens)
                    || attribute.is_some_and(|name| {
                        ADDRESS_ATTRIBUTES
                            .iter()
                            .any(|known| name.eq_ignore_ascii_case(known))
                    });
                return closed(
                    end,
                    if is_address {
                        Opening::Attribute
                    } else {
                        Opening::Quote
                    },
                );
            }
        }
        if is_css(before)
            && let Some(end) = unescaped_parenthesis(rest)
        {
            return closed(end, Opening::Css);
        }
        if before.ends_with('<')
            && let Some(end) = rest.find(['>', '<', '\n'])
        {
            return closed(end, Opening::Quote);
        }
        closed(rest.len(), Opening::Word)
    }
}

/// Does CSS's `url(` stand at the end?
fn is_css(before: &str) -> bool {
    let before = before.trim_end().as_bytes();
    before.len() >= 4 && before[before.len() - 4..].eq_ignore_ascii_case(b"url(")
}

/// The attribute of a tag whose value a quote opens behind `text`.
fn attribute_of(text: &str) -> Option<&str> {
    let tag = text.rfind('<')?;
    let inside = &text[tag + 1..];
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let name = inside.trim_end().strip_suffix('=')?.trim_end();
    let begin = name.rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/'))?;
    Some(&name[begin + 1..])
}

/// Where a quote closes. An apostrophe inside a word of running text closes nothing.
fn closing(rest: &str, quote: &str, in_tag: bool) -> Option<usize> {
    let is_end = |end: usize| {
        let behind = rest[end + quote.len()..].chars().next();
        in_tag || quote != "'" || !behind.is_some_and(char::is_alphanumeric)
    };
    rest.match_indices(quote)
        .map(|(end, _)| end)
        .find(|end| is_end(*end))
}

fn unescaped_parenthesis(rest: &str) -> Option<usize> {
    let mut closes = rest.match_indices(')').map(|(end, _)| end);
    closes.find(|end| !rest[..*end].ends_with('\\'))
}

/// CSS's `\(` is `(` ("Syntax Level 3", 4.3.7); hexadecimal ones are left.
fn without_css_escapes(text: &str) -> Cow<'_, str> {
    const ESCAPED: [char; 6] = [' ', '(', ')', '\'', '"', '\\'];
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next) if letter == '\\' && ESCAPED.contains(next) => {
                out.extend(letters.next());
            }
            _ => out.push(letter),
        }
    }
    Cow::Owned(out)
}

/// Does it hold a tag of HTML? Then `&amp;` in it is `&`.
pub(crate) fn holds_tag(text: &str) -> bool {
    text.match_indices('<')
        .any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))
}

/// Where the first word ends: at a blank, a quote or an angle bracket, or where the next address of
/// a list begins. Punctuation that closes a sentence or a bracket is not part of it.
fn word_end(text: &str) -> usize {
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'))
        .unwrap_or(text.len());
    let listed = text[..end]
        .match_indices([',', ';', '|'])
        .map(|(at, _)| at)
        .find(|at| next_scheme(text, at + 1) == Some(at + 1));
    let mut word = &text[..listed.unwrap_or(end)];
    while let Some(last) = word.chars().next_back() {
        let count = |letter| word.matches(letter).count();
        let closes = match last {
            '.' | ',' | ';' | ':' | '!' | '?' => true,
            ')' => count('(') < count(')'),
            ']' => count('[') < count(']'),
            '}' => count('{') < count('}'),
            _ => false,
        };
        if !closes {
            break;
        }
        word = &word[..word.len() - 1];
    }
    word.len()
}

enum Ends {
    AtWord,
    AtRoom,
    Unclear,
}

/// Where the address in this room ends: behind its first word, or with the room. The ending of a
/// file's name tells, where it is there.
fn ends(within: &str, word: usize, opening: Opening) -> Ends {
    let rest = &within[word..];
    if rest.is_empty() || matches!(opening, Opening::Attribute | Opening::Css) {
        return Ends::AtRoom;
    }
    let is_list = next_scheme(within, word).is_some_and(|next| {
        within[..next].ends_with(|c: char| !c.is_alphanumeric() && !matches!(c, '=' | '/'))
    });
    if opening == Opening::Word || is_list || rest.contains('\n') {
        return Ends::AtWord;
    }
    let is_web = within.as_bytes()[..4].eq_ignore_ascii_case(b"http");
    let is_words = rest.contains(char::is_whitespace);
    // Behind a query there is no name any more.
    if is_web && is_words && within[..word].contains('?') {
        return Ends::AtWord;
    }
    let path = |end: usize| {
        let text = &within[..end];
        let query = text.find(['?', '#']).filter(|_| is_web);
        FileName::of(&text[..query.unwrap_or(end)])
    };
    match (path(word), path(within.len())) {
        (FileName::Known, FileName::Known) if is_words => Ends::Unclear,
        (_, FileName::Known) => Ends::AtRoom,
        (FileName::Known, _) => Ends::AtWord,
        (FileName::Ending, FileName::Bare) if is_words => Ends::AtWord,
        _ if is_words && is_web => Ends::AtWord,
        _ => Ends::AtRoom,
    }
}

/// What the end of an address says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileName {
    /// An ending of files that people label.
    Known,
    /// Some other ending, with a letter in it.
    Ending,
    Bare,
}

impl FileName {
    fn of(address: &str) -> Self {
        if MediaKind::of_name(address).is_some() {
            return Self::Known;
        }
        let file = address.rsplit(['/', '\\']).next().unwrap_or_default();
        let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_ending = (1..=5).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && ending.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_ending { Self::Ending } else { Self::Bare }
    }
}

#[cfg(test)]
mod tests;
