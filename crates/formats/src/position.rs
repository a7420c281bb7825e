//! Where in a file something is, and what is wrong there.

/// A place in a file, as an editor shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1; lines end with a line feed.
    pub line: u64,
    /// From 1, in characters (code points) of the line. A byte order mark does not count.
    pub column: u64,
}

impl Position {
    /// The first character of a file.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The place just behind `bytes`, when they begin here.
    pub(crate) fn after(mut self, bytes: &[u8]) -> Self {
        let last_line = match bytes.iter().rposition(|&byte| byte == b'\n') {
            Some(line_feed) => {
                self.line += bytes[..=line_feed]
                    .iter()
                    .filter(|&&byte| byte == b'\n')
                    .count() as u64;
                self.column = 1;
                &bytes[line_feed + 1..]
            }
            None => bytes,
        };
        let continuation = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
        self.column += (last_line.len() - last_line.iter().filter(continuation).count()) as u64;
        self
    }
}

/// Why a file's tasks cannot be read. The file is refused as a whole: rows that came before are
/// not to be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct FormatError {
    /// In the file, from 1.
    pub line: u64,
    /// In the line, from 1, in characters.
    pub column: u64,
    /// The row, from 0; `None` when the error is outside any row.
    pub row: Option<i64>,
    /// Stable, for programs: `empty_file`, `invalid_utf8`, `syntax`, `truncated`, `trailing_data`,
    /// `not_a_number`, `duplicate_key`, `too_deep`, `not_an_object`, `bad_member`, `row_too_large`,
    /// `file_too_large`, `too_many_rows` or `too_many_labels`.
    pub code: &'static str,
    /// What is wrong, one line.
    pub message: String,
    /// What a person can do about it.
    pub fix: &'static str,
}

impl FormatError {
    pub(crate) fn new(
        at: Position,
        row: Option<i64>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            line: at.line,
            column: at.column,
            row,
            code,
            message: message.into(),
            fix: fix(code),
        }
    }

    /// Would more bytes of the same file have changed the verdict?
    pub(crate) fn is_truncated(&self) -> bool {
        self.code == "truncated"
    }
}

fn fix(code: &str) -> &'static str {
    match code {
        "empty_file" => "write tasks into the file, or leave it out with the storage's filter",
        "invalid_utf8" => "save the file as UTF-8",
        "truncated" => "upload the whole file again; in JSONL, write each object on one line",
        "trailing_data" => {
            "write one object, one array of objects, or JSONL with one object per line"
        }
        "not_an_object" => {
            r#"write each task as an object, like {"image": "https://…"} or {"data": {…}}"#
        }
        "too_many_labels" => "leave out those that nobody needs",
        "row_too_large" => {
            "split the row, or name large content by its blob URI instead of including it"
        }
        "file_too_large" | "too_many_rows" => "split the file into smaller ones",
        other => model::json::fix_of(other),
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn columns_are_characters_and_lines_end_with_a_line_feed() {
        for (text, line, column) in [
            ("", 1, 1),
            ("abc", 1, 4),
            ("é🐈", 1, 3),
            ("a\nb", 2, 2),
            ("a\r\n\n", 3, 1),
        ] {
            let at = Position::START.after(text.as_bytes());
            assert_eq!((at.line, at.column), (line, column), "{text:?}");
        }
    }
}
