//! The rules of every JSON that is stored: what is taken must be readable again, by Python, by
//! browsers and by our own import.
//!
//! So: JSON to the end, no key twice, no number beyond a double, no half of a surrogate pair, and
//! not too many levels. Tasks' data and meta are objects, results are arrays of objects.

use std::{borrow::Cow, cell::Cell, collections::HashSet, fmt, ops::Range};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Levels of objects and arrays in one stored value at most.
pub const JSON_LEVELS: usize = 100;

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// Byte of the text.
    pub offset: usize,
    /// From 1, in characters.
    pub character: usize,
    /// Stable, for programs: `syntax`, `truncated`, `not_a_number`, `duplicate_key`, `too_deep` or
    /// `bad_member`.
    pub code: &'static str,
    /// What is wrong, one line.
    pub message: String,
}

impl JsonFault {
    fn new(text: &str, offset: usize, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            offset,
            character: text[..offset].chars().count() + 1,
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            character, message, ..
        } = self;
        // It is about the whole value: there is no place to look at, and the message is the fix.
        if self.offset == 0 && self.code == "bad_member" {
            return f.write_str(message);
        }
        write!(
            f,
            "character {character}: {message} ({})",
            fix_of(self.code)
        )
    }
}

/// What a person can do about a fault of this code.
pub fn fix_of(code: &str) -> &'static str {
    match code {
        "not_a_number" => "write null, or leave the member out",
        "duplicate_key" => "keep one of the two members",
        "too_deep" => "flatten it",
        "bad_member" => "correct the member, or leave it out",
        _ => "correct the JSON at this place",
    }
}

/// Checks a value that is stored as it is: a task's data or meta.
///
/// # Errors
/// What is wrong first.
pub fn check_object(value: &RawValue) -> Result<(), JsonFault> {
    let text = value.get();
    if !text.starts_with('{') {
        return Err(JsonFault::new(text, 0, "bad_member", "Give a JSON object."));
    }
    check_levels(text)?;
    check_strictly(text)
}

/// Checks the result of an annotation, a draft or a prediction: an array of regions.
///
/// # Errors
/// What is wrong first.
pub fn check_result(value: &RawValue) -> Result<(), JsonFault> {
    let text = value.get();
    check_levels(text)?;
    check_regions(text)?;
    check_strictly(text)
}

/// Is the text, which is JSON, an array of objects?
///
/// # Errors
/// The first item that is none.
pub fn check_regions(text: &str) -> Result<(), JsonFault> {
    const REGION: &str = r#"{"from_name": …, "to_name": …, "type": …, "value": {…}}"#;
    if !text.starts_with('[') {
        let message = format!("Give a JSON array of regions, each like {REGION}.");
        return Err(JsonFault::new(text, 0, "bad_member", message));
    }
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
        JsonFault::new(text, offset_of(&error, text), "syntax", cause_of(&error))
    })?;
    let wrong = (1..)
        .zip(items)
        .find(|(_, item)| !item.get().starts_with('{'));
    match wrong {
        None => Ok(()),
        Some((number, item)) => {
            let offset = item.get().as_ptr() as usize - text.as_ptr() as usize;
            let message = format!("region {number} of a result must be an object like {REGION}");
            Err(JsonFault::new(text, offset, "bad_member", message))
        }
    }
}

/// Has the text no more than [`JSON_LEVELS`] levels? It need not be JSON.
///
/// # Errors
/// The bracket that opens one level too many.
pub fn check_levels(text: &str) -> Result<(), JsonFault> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' if depth == JSON_LEVELS => {
                let message = format!("more than {JSON_LEVELS} levels of nesting");
                return Err(JsonFault::new(text, offset, "too_deep", message));
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// One string of a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonString {
    /// Its bytes, quotes included.
    pub span: Range<usize>,
    /// A member's name, and not a value.
    pub is_key: bool,
    /// Objects and arrays that it stands in.
    pub depth: usize,
}

impl JsonString {
    /// What it says; `None` for half of a surrogate pair.
    pub fn read<'a>(&self, json: &'a str) -> Option<Cow<'a, str>> {
        let inner = &json[self.span.start + 1..self.span.end - 1];
        if inner.contains('\\') {
            serde_json::from_str(&json[self.span.clone()])
                .ok()
                .map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }
}

/// The strings of a text that is JSON, in their order.
pub fn strings(json: &str) -> impl Iterator<Item = JsonString> {
    let bytes = json.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    std::iter::from_fn(move || {
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => break,
                _ => {}
            }
            at += 1;
        }
        let start = at;
        let mut end = start + 1;
        while *bytes.get(end)? != b'"' {
            end += 1 + usize::from(bytes[end] == b'\\');
        }
        at = end + 1;
        let behind = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace());
        Some(JsonString {
            span: start..at,
            is_key: behind == Some(&b':'),
            depth,
        })
    })
}

/// A text that is JSON with some of its strings said anew; everything else stays byte for byte.
/// `None` when `change` has nothing new.
pub fn replace_strings(
    json: &str,
    mut change: impl FnMut(&JsonString, &str) -> Option<String>,
) -> Option<Box<RawValue>> {
    let (mut out, mut copied) = (String::new(), 0);
    for string in strings(json) {
        let new = string.read(json).and_then(|text| change(&string, &text));
        if let Some(new) = new.and_then(|new| serde_json::to_string(&new).ok()) {
            out.push_str(&json[copied..string.span.start]);
            out.push_str(&new);
            copied = string.span.end;
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&json[copied..]);
    RawValue::from_string(out).ok()
}

/// Is it JSON, to the end, without duplicate keys and without numbers that no double holds? Of more
/// than 127 levels the answer is no.
///
/// # Errors
/// What is wrong first.
pub fn check_strictly(text: &str) -> Result<(), JsonFault> {
    let duplicate = Cell::new(None);
    let mut parser = serde_json::Deserializer::from_str(text);
    let Err(error) = Strict(&duplicate)
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
    else {
        return Ok(());
    };
    let offset = offset_of(&error, text);
    let fault = |offset, code, message: String| Err(JsonFault::new(text, offset, code, message));
    if let Some(key) = duplicate.take() {
        let message = format!("the key {key:?} is there twice");
        // The parser stands on the key's closing quote, or right behind it.
        let behind = offset + usize::from(text[offset..].starts_with('"'));
        return fault(opening_quote(&text[..behind]), "duplicate_key", message);
    }
    if error.is_eof() {
        let message = "the text ends before its value does".to_owned();
        return fault(text.len(), "truncated", message);
    }
    let cause = cause_of(&error);
    let here = &text[offset..];
    let named = ["NaN", "Infinity"]
        .iter()
        .any(|word| here.starts_with(word));
    if named || cause == "number out of range" {
        let number = text[..offset].trim_end_matches(|c: char| {
            c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')
        });
        let message = "JSON has no NaN, no Infinity and no number beyond a double".to_owned();
        return fault(number.len(), "not_a_number", message);
    }
    fault(offset, "syntax", cause)
}

/// The byte that the parser complains about. It counts lines from 1, and columns from 1 in bytes.
pub fn offset_of(error: &serde_json::Error, text: &str) -> usize {
    let line_begin: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let mut offset = (line_begin + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The beginning of the string that ends last in `text`.
fn opening_quote(text: &str) -> usize {
    let bytes = text.as_bytes();
    let closing = text.rfind('"').unwrap_or(0);
    (0..closing)
        .rev()
        .find(|&index| {
            let escapes = bytes[..index].iter().rev().take_while(|&&b| b == b'\\');
            bytes[index] == b'"' && escapes.count() % 2 == 0
        })
        .unwrap_or(closing)
}

/// The parser's words without its own idea of the place.
pub fn cause_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Reads a value, keeps nothing, and refuses an object that has a key twice; the key is left in the cell.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                self.0.set(Some(key));
                return Err(A::Error::custom("duplicate key"));
            }
            seen.insert(key);
            map.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fuzz {
    use serde_json::{Value, value::RawValue};

    use super::{JSON_LEVELS, check_levels, check_object, check_result, check_strictly};

    /// What is taken is read again by any JSON parser, is written anew without getting worse, and
    /// what is refused is refused at a place in the text.
    #[test]
    fn stored_json() {
        let seeds = [
            r#"{"image": "https://h/1", "n": [1.50, -0, 1e3], "t": "é\ud83d\udc08"}"#,
            r#"[{"id": "a", "value": {"x": 1}}, {"value": {}}]"#,
            r#"{"a": 1, "b": {"c": [], "c": null}}"#,
            "[{\n\"a\":\n\t1e999}]",
        ];
        let words = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\":",
            "\"",
            "\\\"",
            "\\ud800",
            "\\u0000",
            "null",
            "NaN",
            "-Infinity",
            "1e999",
            "\n",
        ];
        ::fuzz::texts("stored_json", &seeds, &words, |text| {
            let strictly = check_strictly(text);
            let parsed = serde_json::from_str::<Value>(text);
            if strictly.is_ok() {
                let value = parsed.as_ref().expect("it was taken");
                assert_eq!(check_strictly(&value.to_string()), Ok(()));
            } else if parsed.is_ok() {
                let fault = strictly.as_ref().expect_err("it was refused");
                assert_eq!(fault.code, "duplicate_key", "{fault}");
            }
            let raw = RawValue::from_string(text.to_owned());
            let raw = raw.as_deref().ok();
            for checked in [
                Some(strictly),
                Some(check_levels(text)),
                raw.map(check_object),
                raw.map(check_result),
            ] {
                if let Some(Err(fault)) = checked {
                    let before = text.get(..fault.offset).expect("a place in the text");
                    assert_eq!(fault.character, before.chars().count() + 1);
                    assert!(!fault.to_string().is_empty());
                }
            }
            if let Some(kept) =
                raw.filter(|raw| check_object(raw).is_ok() || check_result(raw).is_ok())
            {
                assert!(depth(&serde_json::from_str(kept.get()).expect("JSON")) <= JSON_LEVELS);
            }
        });
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}
