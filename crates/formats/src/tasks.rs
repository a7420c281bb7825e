//! A blob's bytes, piece by piece, to task rows: JSONL, a JSON array of objects, or one JSON
//! object. Memory holds one row and one piece, whatever the size of the file.

use crate::{
    FormatError, Position, TaskRow,
    element::{Element, Progress, Span},
    row,
};

/// What a file may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole file.
    pub max_blob_bytes: u64,
    /// Bytes of one row: what memory holds.
    pub max_row_bytes: usize,
    /// Levels of objects and arrays in one row, with those around its data and results, which may
    /// have [`model::json::JSON_LEVELS`] themselves; more than 127 count as 127, what `serde_json`
    /// reads at most.
    pub max_depth: usize,
    /// Rows of one file.
    pub max_rows: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_blob_bytes: 4 << 30,
            max_row_bytes: 16 << 20,
            max_depth: model::json::JSON_LEVELS + 10,
            max_rows: 10_000_000,
        }
    }
}

/// Reads one file. Its form is told by the first character: `[` begins an array of tasks; `{`
/// begins JSONL when the file is called `.jsonl` or `.ndjson` or when another object follows on
/// its own line, and else a single task.
#[derive(Debug)]
pub struct TaskReader {
    limits: Limits,
    named_jsonl: bool,
    expect: Expect,
    /// The row being read.
    element: Option<Element>,
    row_bytes: Vec<u8>,
    /// Where the row being read begins, else where the next byte is.
    at: Position,
    bytes_seen: u64,
    mark_bytes_seen: u64,
    rows_seen: i64,
}

/// What may come next, outside a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// `[` or `{`.
    File,
    /// `{` or `]`: behind the array's bracket.
    FirstItem,
    /// `{`: behind a comma.
    Item,
    /// `,` or `]`: behind an item.
    Separator,
    /// `{`: at the beginning of a JSONL line.
    Line,
    /// A line feed: behind a JSONL object.
    LineEnd,
    /// The end; a line feed and an object when the first object stands on one line: it is JSONL then.
    EndOrLine { first_ends_on_line: u64 },
    /// The end.
    End,
}

/// Room that is kept from row to row.
const KEPT_BYTES: usize = 64 << 10;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl TaskReader {
    /// A reader for the blob of this name, of which only the extension counts.
    pub fn new(blob_name: &str, limits: Limits) -> Self {
        let extension = blob_name.rsplit_once('.').map_or("", |(_, end)| end);
        let named_jsonl = ["jsonl", "ndjson"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known));
        Self {
            limits: Limits {
                max_depth: limits.max_depth.min(127),
                ..limits
            },
            named_jsonl,
            expect: Expect::File,
            element: None,
            row_bytes: Vec::new(),
            at: Position::START,
            bytes_seen: 0,
            mark_bytes_seen: 0,
            rows_seen: 0,
        }
    }

    /// Takes the file's next bytes, however they are cut, and gives the rows that are complete.
    ///
    /// # Errors
    /// The first thing that is wrong; the reader is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<TaskRow>, FormatError> {
        let mut rows = Vec::new();
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if self.bytes_seen >= self.limits.max_blob_bytes {
                let message = format!(
                    "the file has more than {}",
                    size(self.limits.max_blob_bytes)
                );
                return Err(self.error("file_too_large", message));
            }
            let allowed = usize::try_from(self.limits.max_blob_bytes - self.bytes_seen)
                .map_or(rest.len(), |allowed| allowed.min(rest.len()));
            let taken = if self.element.is_some() {
                self.read_row(&rest[..allowed], &mut rows)?
            } else {
                self.read_between(byte)?
            };
            self.bytes_seen += taken as u64;
            rest = &rest[taken..];
        }
        Ok(rows)
    }

    /// Bytes of the row that is being read: what memory holds.
    pub fn held_bytes(&self) -> usize {
        self.row_bytes.len()
    }

    /// The file is at its end.
    ///
    /// # Errors
    /// The file is empty, or ends in the middle of something.
    pub fn finish(mut self) -> Result<Vec<TaskRow>, FormatError> {
        if self.element.is_some() {
            return Ok(vec![self.take_row()?]);
        }
        match self.expect {
            Expect::File => Err(self.error("empty_file", "the file has no tasks")),
            Expect::Line if self.rows_seen == 0 => {
                Err(self.error("empty_file", "the file has no tasks"))
            }
            Expect::FirstItem | Expect::Item | Expect::Separator => {
                Err(self.error("truncated", "the file ends before its array does"))
            }
            Expect::Line | Expect::LineEnd | Expect::EndOrLine { .. } | Expect::End => Ok(vec![]),
        }
    }

    /// Reads inside a row; gives how many bytes were taken.
    fn read_row(&mut self, bytes: &[u8], rows: &mut Vec<TaskRow>) -> Result<usize, FormatError> {
        let span = match self.expect {
            Expect::LineEnd => Span::OneLine,
            _ => Span::ManyLines,
        };
        let element = self.element.get_or_insert_default();
        let progress = element.read(bytes, span, self.limits.max_depth);
        let taken = match progress {
            Progress::Open => bytes.len(),
            Progress::Closed(end) | Progress::LineEnded(end) | Progress::TooDeep(end) => end,
        };
        let room = self.limits.max_row_bytes - self.row_bytes.len();
        self.row_bytes.extend_from_slice(&bytes[..taken.min(room)]);
        if taken > room {
            return Err(self.broken_row(
                self.at,
                "row_too_large",
                format!(
                    "the row has more than {}",
                    size(self.limits.max_row_bytes as u64)
                ),
            ));
        }
        match progress {
            Progress::Open => {}
            Progress::Closed(_) | Progress::LineEnded(_) => rows.push(self.take_row()?),
            Progress::TooDeep(_) => {
                return Err(self.broken_row(
                    self.at.after(&self.row_bytes),
                    "too_deep",
                    format!("more than {} levels of nesting", self.limits.max_depth),
                ));
            }
        }
        Ok(taken)
    }

    /// Reads one byte outside any row; takes it unless it begins a row.
    fn read_between(&mut self, byte: u8) -> Result<usize, FormatError> {
        if self.mark_bytes_seen == self.bytes_seen
            && BYTE_ORDER_MARK.get(self.mark_bytes_seen as usize) == Some(&byte)
        {
            self.mark_bytes_seen += 1;
            return Ok(1);
        }
        if matches!(self.mark_bytes_seen, 1 | 2) {
            return Err(self.error("invalid_utf8", "the first bytes are not UTF-8"));
        }
        let next = match (self.expect, byte) {
            (Expect::LineEnd, b'\n') => Expect::Line,
            (expect, b' ' | b'\t' | b'\r' | b'\n') => expect,
            (Expect::File, b'[') => Expect::FirstItem,
            (Expect::FirstItem | Expect::Separator, b']') => Expect::End,
            (Expect::Separator, b',') => Expect::Item,
            (Expect::File, b'{') if self.named_jsonl => return self.open_row(Expect::LineEnd),
            (Expect::File, b'{') => {
                let first_ends_on_line = 0; // known when it ends
                return self.open_row(Expect::EndOrLine { first_ends_on_line });
            }
            (Expect::FirstItem | Expect::Item, b'{') => return self.open_row(Expect::Separator),
            (Expect::Line, b'{') => return self.open_row(Expect::LineEnd),
            (Expect::EndOrLine { first_ends_on_line }, b'{')
                if first_ends_on_line != 0 && self.at.line > first_ends_on_line =>
            {
                return self.open_row(Expect::LineEnd);
            }
            _ => return Err(self.unexpected(byte)),
        };
        self.expect = next;
        self.at = self.at.after(&[byte]);
        Ok(1)
    }

    /// A row begins; its brace is read by [`TaskReader::read_row`].
    fn open_row(&mut self, then: Expect) -> Result<usize, FormatError> {
        if self.rows_seen >= self.limits.max_rows {
            let message = format!("the file has more than {} rows", self.limits.max_rows);
            return Err(self.error("too_many_rows", message));
        }
        self.expect = then;
        self.element = Some(Element::default());
        Ok(0)
    }

    /// The row is complete, or will never be: parses it.
    fn take_row(&mut self) -> Result<TaskRow, FormatError> {
        let row = row::parse(&self.row_bytes, self.at, self.rows_seen)?;
        let began_on_line = self.at.line;
        self.at = self.at.after(&self.row_bytes);
        if let Expect::EndOrLine { first_ends_on_line } = &mut self.expect
            && began_on_line == self.at.line
        {
            *first_ends_on_line = self.at.line;
        }
        self.element = None;
        self.row_bytes.clear();
        // One large row is no reason to keep its room.
        self.row_bytes.shrink_to(KEPT_BYTES);
        self.rows_seen += 1;
        Ok(row)
    }

    /// A limit is exceeded, unless the row is broken before that: then that is the better answer.
    fn broken_row(&self, at: Position, code: &'static str, message: String) -> FormatError {
        match row::parse(&self.row_bytes, self.at, self.rows_seen) {
            Err(broken) if !broken.is_truncated() => broken,
            _ => FormatError::new(at, Some(self.rows_seen), code, message),
        }
    }

    fn unexpected(&self, byte: u8) -> FormatError {
        let found = match byte {
            b'"' => "a text",
            b'[' => "an array",
            b'{' => "an object",
            b'0'..=b'9' | b'-' => "a number",
            b't' | b'f' => "true or false",
            b'n' => "null",
            b'N' | b'I' => "NaN or Infinity",
            0x20..=0x7E => return self.unexpected_text(&format!("`{}`", byte as char)),
            _ => return self.unexpected_text(&format!("the byte 0x{byte:02X}")),
        };
        match self.expect {
            Expect::File | Expect::FirstItem | Expect::Item | Expect::Line => {
                let message = format!("a task is an object, and this is {found}");
                FormatError::new(self.at, Some(self.rows_seen), "not_an_object", message)
            }
            _ => self.unexpected_text(found),
        }
    }

    fn unexpected_text(&self, found: &str) -> FormatError {
        let (code, expected) = match self.expect {
            Expect::File => ("syntax", "`{` or `[`"),
            Expect::FirstItem => ("syntax", "`{` or `]`"),
            Expect::Item | Expect::Line => ("syntax", "`{`"),
            Expect::Separator => ("syntax", "`,` or `]`"),
            Expect::LineEnd => ("trailing_data", "the end of the line"),
            Expect::EndOrLine { .. } | Expect::End => ("trailing_data", "the end of the file"),
        };
        self.error(code, format!("expected {expected}, found {found}"))
    }

    /// An error outside any row.
    fn error(&self, code: &'static str, message: impl Into<String>) -> FormatError {
        FormatError::new(self.at, None, code, message)
    }
}

/// A limit as people read it.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fuzz;
