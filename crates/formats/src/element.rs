//! Finds where an object ends, in bytes that come in pieces. It knows strings and brackets only;
//! whether what lies between is JSON is decided when the object is complete.

/// An object whose opening brace has not been met by its closing one yet.
#[derive(Debug, Default)]
pub(crate) struct Element {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// How far [`Element::read`] came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All bytes belong to the object and it goes on.
    Open,
    /// The object's last byte is the one before this index.
    Closed(usize),
    /// The line ended at this index, inside the object.
    LineEnded(usize),
    /// The bracket at this index opens one level too many.
    TooDeep(usize),
}

/// May an object go on in the next line?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    OneLine,
    ManyLines,
}

impl Element {
    /// Reads on; the first byte of an object is its opening brace.
    pub(crate) fn read(&mut self, bytes: &[u8], span: Span, max_depth: usize) -> Progress {
        for (index, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' && span == Span::OneLine {
                return Progress::LineEnded(index);
            }
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' if self.depth == max_depth => return Progress::TooDeep(index),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Progress::Closed(index + 1);
                    }
                }
                _ => {}
            }
        }
        Progress::Open
    }
}
