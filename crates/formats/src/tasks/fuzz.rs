//! Task files that anybody may have written.

use crate::{FormatError, Limits, TaskReader, TaskRow};

const LIMITS: Limits = Limits {
    max_blob_bytes: 6_000,
    max_row_bytes: 3_000,
    max_depth: 20,
    max_rows: 100,
};

/// The rows of a file that comes in pieces of this many bytes.
fn rows(name: &str, file: &[u8], piece: usize) -> Result<Vec<TaskRow>, FormatError> {
    let mut reader = TaskReader::new(name, LIMITS);
    let mut rows = Vec::new();
    for piece in file.chunks(piece.max(1)) {
        rows.extend(reader.push(piece)?);
    }
    rows.extend(reader.finish()?);
    Ok(rows)
}

/// Everything that a row says.
fn told(rows: &[TaskRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

/// However a file is cut, it has the same rows or the same error; the error stands inside the file;
/// rows keep the limits; and their data, written as JSONL, is the same rows again.
#[test]
fn task_files() {
    let seeds = [
        r#"[{"image": "https://h/1", "n": 1.50}, {"data": {"t": "é🐈"}, "meta": null}]"#,
        r#"{"data": {"t": "x"}, "annotations": [{"result": [], "was_cancelled": true, "lead_time": 1.5}], "predictions": [{"result": [{}], "score": 0.5, "model_version": "v"}]}"#,
        "{\"a\": 1}\n{\"a\": 2}\r\n\n{\"a\": [[[]]]}\n",
        "\u{feff}{\n \"a\": \"\\u00e9\\\"\\\\\"\n}",
        r#"{"a": NaN}"#,
        r#"{"a": 1, "a": 2}"#,
    ];
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"data\":",
        "\"annotations\": [",
        "\"predictions\": [",
        "\"result\": []",
        "\"meta\":",
        "null",
        "true",
        "NaN",
        "-Infinity",
        "1e400",
        "\\u0000",
        "\\ud800",
        "\\\"",
        "\n",
        "{\"a\": 1}\n",
    ];
    ::fuzz::bytes("task_files", &seeds.map(str::as_bytes), &words, |file| {
        for name in ["tasks.json", "tasks.jsonl"] {
            let whole = rows(name, file, file.len());
            for piece in [1, 7] {
                let cut = rows(name, file, piece);
                let same = (
                    cut.map(|rows| told(&rows)),
                    whole.as_ref().map(|rows| told(rows)),
                );
                assert_eq!(same.0.as_ref(), same.1.as_ref().map_err(|error| *error));
            }
            match whole {
                Err(error) => inside(file, &error),
                Ok(rows) => kept(file, &rows),
            }
        }
    });
}

fn inside(file: &[u8], error: &FormatError) {
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    let line = usize::try_from(error.line - 1)
        .ok()
        .and_then(|line| lines.get(line));
    let line = line.unwrap_or_else(|| panic!("no such line: {error}"));
    assert!(
        (1..=line.len() as u64 + 1).contains(&error.column),
        "no such column: {error}"
    );
    assert!(
        !error.message.is_empty() && !error.message.contains('\n'),
        "{error}"
    );
    assert!(error.row.is_none_or(|row| row < LIMITS.max_rows), "{error}");
}

fn kept(file: &[u8], rows: &[TaskRow]) {
    assert!(rows.len() as i64 <= LIMITS.max_rows);
    assert!(file.len() as u64 <= LIMITS.max_blob_bytes);
    let data: Vec<String> = rows
        .iter()
        .map(|row| row.data.get().replace(['\n', '\r'], " "))
        .collect();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row.row, at as i64);
        assert!(row.data.get().len() <= LIMITS.max_row_bytes && row.data.get().starts_with('{'));
    }
    let task = |data: &String| format!("{{\"data\":{data}}}\n");
    let again = self::rows(
        "x.jsonl",
        data.iter().map(task).collect::<String>().as_bytes(),
        64,
    );
    // Of no rows there is no file, and the wrapping may be what is one byte, or one level, too many.
    if let Ok(again) = again {
        let again: Vec<&str> = again.iter().map(|row| row.data.get()).collect();
        assert_eq!(again, data);
    }
}
