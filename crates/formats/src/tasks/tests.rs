//! Forms, refusals with their places, limits, and that cutting a file changes nothing.

use proptest::prelude::*;

use super::{Limits, TaskReader};
use crate::{FormatError, TaskRow};

const SMALL: Limits = Limits {
    max_blob_bytes: 4096,
    max_row_bytes: 256,
    max_depth: 8,
    max_rows: 20,
};

fn read(name: &str, pieces: &[&[u8]], limits: Limits) -> Result<Vec<TaskRow>, FormatError> {
    let mut reader = TaskReader::new(name, limits);
    let mut rows = Vec::new();
    for piece in pieces {
        rows.extend(reader.push(piece)?);
    }
    rows.extend(reader.finish()?);
    Ok(rows)
}

fn data(name: &str, text: &str) -> Vec<String> {
    let rows = read(name, &[text.as_bytes()], Limits::default()).unwrap();
    assert!(rows.iter().zip(0..).all(|(row, index)| row.row == index));
    rows.iter().map(|row| row.data.get().to_owned()).collect()
}

fn refusal(name: &str, bytes: &[u8], limits: Limits) -> FormatError {
    read(name, &[bytes], limits).expect_err(&String::from_utf8_lossy(bytes))
}

#[test]
fn every_form_is_told_by_its_first_character() {
    for (name, text, expected) in [
        ("a.json", r#"{"a":1}"#, vec![r#"{"a":1}"#]),
        (
            "a.json",
            "\u{FEFF} {\n \"a\": 1\n}\n\n",
            vec!["{\n \"a\": 1\n}"],
        ),
        ("a.json", "[]", vec![]),
        (
            "a",
            " [ {\"a\":\"]}\"} ,\n{} ]\n",
            vec![r#"{"a":"]}"}"#, "{}"],
        ),
        (
            "a.jsonl",
            "{\"a\":1}\r\n\n  {\"a\":2}  \n",
            vec![r#"{"a":1}"#, r#"{"a":2}"#],
        ),
        ("a.NDJSON", "\u{FEFF}{\"a\":1}", vec![r#"{"a":1}"#]),
        ("a.jsonl", "[{\"a\":1}]", vec![r#"{"a":1}"#]),
        (
            "a.txt",
            "{\"a\":1}\n{\"a\":2}\n",
            vec![r#"{"a":1}"#, r#"{"a":2}"#],
        ),
        (
            "a",
            r#"{"a":"\\\"{","b":[[1]]}"#,
            vec![r#"{"a":"\\\"{","b":[[1]]}"#],
        ),
    ] {
        assert_eq!(data(name, text), expected, "{name}: {text:?}");
    }
}

#[test]
fn a_refusal_names_the_place_in_the_file() {
    type Refused = (
        &'static str,
        &'static [u8],
        &'static str,
        (u64, u64),
        Option<i64>,
    );
    let cases: &[Refused] = &[
        ("a.json", b"", "empty_file", (1, 1), None),
        ("a.jsonl", b"\xEF\xBB\xBF\n \n", "empty_file", (3, 1), None),
        ("a.json", b"42", "not_an_object", (1, 1), Some(0)),
        ("a.json", b"[{},\n null]", "not_an_object", (2, 2), Some(1)),
        (
            "a.jsonl",
            b"{}\n\"text\"\n",
            "not_an_object",
            (2, 1),
            Some(1),
        ),
        ("a.json", b"NaN", "not_an_object", (1, 1), Some(0)),
        ("a.json", b"hello", "syntax", (1, 1), None),
        ("a.json", b"\xFF\xFE{\0", "syntax", (1, 1), None),
        ("a.json", b"\xEF\xBB{}", "invalid_utf8", (1, 1), None),
        (
            "a.json",
            b"[{\"a\": \"\xC3\xA9\xFF\"}]",
            "invalid_utf8",
            (1, 10),
            Some(0),
        ),
        ("a.json", b"[{\"a\": NaN}]", "not_a_number", (1, 8), Some(0)),
        (
            "a.json",
            b"{\n \"a\": -Infinity}",
            "not_a_number",
            (2, 7),
            Some(0),
        ),
        ("a.json", b"{\"a\": 1e999}", "not_a_number", (1, 7), Some(0)),
        (
            "a.jsonl",
            b"{}\n{\"a\": 1, \"b\": {\"x\\\"\": 1, \"x\\\"\" : 2}}",
            "duplicate_key",
            (2, 26),
            Some(1),
        ),
        ("a.json", b"[{}, {\"a\" 1}, {}]", "syntax", (1, 11), Some(1)),
        (
            "a.json",
            b"[{\"a\": {\"b\": 1}, {\"c\": 2}]",
            "syntax",
            (1, 18),
            Some(0),
        ),
        ("a.json", b"[{]]", "syntax", (1, 3), Some(0)),
        ("a.json", b"[{},]", "syntax", (1, 5), None),
        ("a.json", b"[{} {}]", "syntax", (1, 5), None),
        ("a.json", b"[{}", "truncated", (1, 4), None),
        ("a.json", b"[{\"a\": \"b", "truncated", (1, 10), Some(0)),
        ("a.json", b"{\"a\": 1} x", "trailing_data", (1, 10), None),
        ("a.json", b"{\"a\": 1} {}", "trailing_data", (1, 10), None),
        ("a.json", b"{\"a\":\n 1}\n{}", "trailing_data", (3, 1), None),
        ("a.json", b"[{}]\n{}", "trailing_data", (2, 1), None),
        ("a.jsonl", b"{}\n{} {}\n", "trailing_data", (2, 4), None),
        (
            "a.jsonl",
            b"{\"a\": 1\n{\"b\": 2}\n",
            "truncated",
            (1, 8),
            Some(0),
        ),
        (
            "a.jsonl",
            b"{\"a\": \"\\ud800\"}\n",
            "syntax",
            (1, 14),
            Some(0),
        ),
        (
            "a.json",
            b"{\"a\":[[[[[[[[1]]]]]]]]}",
            "too_deep",
            (1, 13),
            Some(0),
        ),
    ];
    for (name, bytes, code, (line, column), row) in cases {
        let error = refusal(name, bytes, SMALL);
        assert_eq!(
            (error.code, (error.line, error.column), error.row),
            (*code, (*line, *column), *row),
            "{}: {error:?}",
            String::from_utf8_lossy(bytes)
        );
        assert!(
            !error.fix.is_empty() && !error.message.contains(" at line"),
            "{error:?}"
        );
    }
}

#[test]
fn limits_hold_and_a_broken_row_is_told_before_its_size() {
    let long = format!("{{}}\n{{\"a\": \"{}\"}}", "x".repeat(300));
    let error = refusal("a.jsonl", long.as_bytes(), SMALL);
    assert_eq!(
        (error.code, error.line, error.column),
        ("row_too_large", 2, 1)
    );
    assert!(error.message.contains("256 bytes"), "{error}");

    let broken = format!("[{{\"a\": 1 \"{}\"}}", "x".repeat(300));
    let error = refusal("a.json", broken.as_bytes(), SMALL);
    assert_eq!((error.code, error.column), ("syntax", 10));

    let error = refusal("a.jsonl", "{}\n".repeat(21).as_bytes(), SMALL);
    assert_eq!((error.code, error.line), ("too_many_rows", 21));

    let error = refusal("a.jsonl", " ".repeat(4097).as_bytes(), SMALL);
    assert_eq!((error.code, error.column), ("file_too_large", 4097));
    assert!(
        read(
            "a.jsonl",
            &["{}".as_bytes(), " ".repeat(4094).as_bytes()],
            SMALL
        )
        .is_ok()
    );

    let deepest = format!("{{\"a\":{}{}}}", "[".repeat(99), "]".repeat(99));
    let limits = Limits {
        max_depth: 1000,
        ..Limits::default()
    };
    assert!(read("a.json", &[deepest.as_bytes()], limits).is_ok());
    let hostile = format!("{{\"a\":{}", "[".repeat(1_000_000));
    assert_eq!(
        refusal("a.json", hostile.as_bytes(), limits).code,
        "too_deep"
    );
}

#[test]
fn a_gigabyte_line_is_refused_with_a_row_of_memory() {
    let limits = Limits {
        max_row_bytes: 1 << 20,
        ..Limits::default()
    };
    let mut reader = TaskReader::new("a.jsonl", limits);
    reader.push(b"{\"a\": \"").unwrap();
    let piece = vec![b'x'; 1 << 16];
    let error = (0..(1 << 14))
        .find_map(|_| reader.push(&piece).err())
        .unwrap();
    assert_eq!(
        (error.code, error.line, error.column),
        ("row_too_large", 1, 1)
    );
    assert!(reader.row_bytes.capacity() <= 2 << 20);
}

fn file() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"é🐈\\\"\"",
        "\"\\u00e9\"",
        "1",
        "null",
        "NaN",
        "\n",
        " ",
        "\u{FEFF}",
        "{\"a\": 1}",
        "{\"data\": {\"b\": [1]}}",
        "{\"a\": 1, \"a\": 2}",
        "{\"data\": 3}",
    ]);
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn tasks() -> impl Strategy<Value = String> {
    let row = prop::sample::select(vec![
        "{}",
        "{\"text\": \"héllo {[\\\\\"}",
        "{\"data\": {\"a\": \"🐈\"}, \"annotations\": [{\"result\": [1]}]}",
    ]);
    (prop::collection::vec(row, 1..6), any::<bool>()).prop_map(|(rows, array)| {
        if array {
            format!("[{}]", rows.join(" ,\n"))
        } else {
            rows.join("\n")
        }
    })
}

proptest! {
    #[test]
    fn cutting_a_file_anywhere_changes_nothing(
        text in prop_oneof![file(), tasks()],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        name in prop::sample::select(vec!["a.json", "a.jsonl"]),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let whole = read(name, &[bytes], SMALL);
        prop_assert_eq!(format!("{:?}", read(name, &pieces, SMALL)), format!("{:?}", whole));
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>) {
        let _answered = read("a.json", &[&bytes], SMALL);
    }
}
