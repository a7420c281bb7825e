//! A task as the editor's pages get it: its HTML clean, and HTML of blobs by an address whose answer is clean too.

use std::collections::BTreeMap;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use serde_json::Value;

use super::{
    clean, clean_markdown,
    config::{Encoding, Read},
};

/// Cleans the data of a task as the editor gets it.
pub(crate) fn clean_task(task: &mut Value, fields: &BTreeMap<String, Read>) {
    let Some(data) = task["data"].as_object_mut() else {
        return;
    };
    for (name, value) in data {
        match fields.get(name) {
            Some(read) => each_text(value, &mut |text| cleaned(text, *read)),
            None => members(value),
        }
    }
}

/// The text as the editor may read it.
pub(super) fn cleaned(text: &str, read: Read) -> String {
    if read.by_address {
        return by_address(text, read);
    }
    decoded(text, read)
}

/// What the editor decodes from the text is clean.
pub(crate) fn decoded(text: &str, read: Read) -> String {
    let cleaner = if read.is_markdown {
        clean_markdown
    } else {
        clean
    };
    match read.encoding {
        Encoding::None => cleaner(text),
        Encoding::Base64 => {
            let packed: String = text.split_ascii_whitespace().collect();
            let bytes = STANDARD
                .decode(&packed)
                .or_else(|_| STANDARD_NO_PAD.decode(&packed));
            // What does not decode is not shown.
            let Ok(bytes) = bytes else {
                return String::new();
            };
            match String::from_utf8(bytes) {
                Ok(text) => STANDARD.encode(cleaner(&text)),
                Err(error) => {
                    let latin: String = error
                        .as_bytes()
                        .iter()
                        .map(|&byte| char::from(byte))
                        .collect();
                    let cleaned = cleaner(&latin);
                    let bytes: Vec<u8> = cleaned
                        .chars()
                        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
                        .collect();
                    STANDARD.encode(bytes)
                }
            }
        }
    }
}

/// An address of a blob as one whose answer is clean; another site's is not asked for by any page.
fn by_address(text: &str, read: Read) -> String {
    let encoded = if read.encoding == Encoding::Base64 {
        "&base64=true"
    } else {
        ""
    };
    if let Some((start, rest)) = text.split_once("/resolve")
        && start.starts_with("/tasks/")
    {
        return format!("{start}/shown-html{rest}{encoded}");
    }
    // What is no address is shown in an error, as HTML.
    clean(text)
}

/// Items of lists, choices and labels that come with the task have their HTML in a member of that name.
fn members(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(members),
        Value::Object(object) => {
            for (name, value) in object {
                if name.eq_ignore_ascii_case("html") {
                    each_text(value, &mut |text| clean(text));
                } else {
                    members(value);
                }
            }
        }
        _ => {}
    }
}

fn each_text(value: &mut Value, change: &mut impl FnMut(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => {
            for item in items {
                each_text(item, change);
            }
        }
        Value::Object(object) => {
            for (_, member) in object {
                each_text(member, change);
            }
        }
        _ => {}
    }
}
