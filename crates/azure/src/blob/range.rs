//! `Range` of RFC 9110 and what Azure understands of it.

/// One byte range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    From(u64),
    /// Both ends included.
    FromTo(u64, u64),
    /// The last bytes: Azure has no such range.
    Suffix(u64),
}

impl ByteRange {
    /// Reads a header value. `None` for what a server may ignore: several ranges, other units,
    /// anything malformed.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (unit, range) = header.trim().split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(Self::FromTo(first, last)),
            (Some(first), None) if last.is_empty() => Some(Self::From(first)),
            (None, Some(last)) if first.is_empty() => Some(Self::Suffix(last)),
            _ => None,
        }
    }

    /// As Azure takes it, for a blob of `size` bytes where that matters; `None` when there is
    /// nothing to read.
    pub(super) fn header(self, size: Option<u64>) -> Option<String> {
        match (self, size) {
            (Self::From(first), _) => Some(format!("bytes={first}-")),
            (Self::FromTo(first, last), _) => Some(format!("bytes={first}-{last}")),
            (Self::Suffix(0), _) | (Self::Suffix(_), None | Some(0)) => None,
            (Self::Suffix(length), Some(size)) => Some(format!(
                "bytes={}-{}",
                size.saturating_sub(length),
                size - 1
            )),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A position beyond u64 is beyond every blob.
    all_digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::ByteRange::{self, *};

    #[test]
    fn what_is_a_range() {
        for (text, range) in [
            ("bytes=0-99", Some(FromTo(0, 99))),
            (" Bytes = 5- ", Some(From(5))),
            ("bytes=-3", Some(Suffix(3))),
            ("bytes=0-99999999999999999999", Some(FromTo(0, u64::MAX))),
            ("bytes=5-2", None),
            ("bytes=0-1,4-5", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=a-b", None),
            ("lines=0-1", None),
            ("0-1", None),
            ("", None),
        ] {
            assert_eq!(ByteRange::parse(text), range, "{text}");
        }
    }

    #[test]
    fn a_suffix_becomes_positions() {
        assert_eq!(Suffix(3).header(Some(10)).as_deref(), Some("bytes=7-9"));
        assert_eq!(Suffix(30).header(Some(10)).as_deref(), Some("bytes=0-9"));
        assert_eq!(Suffix(0).header(Some(10)), None);
        assert_eq!(Suffix(3).header(Some(0)), None);
        assert_eq!(From(5).header(None).as_deref(), Some("bytes=5-"));
        assert_eq!(FromTo(1, 2).header(Some(0)).as_deref(), Some("bytes=1-2"));
    }
}

#[cfg(test)]
mod fuzz {
    use super::ByteRange;

    /// What Azure is asked for is a range again, begins where the caller's does, and lies in the blob.
    #[test]
    fn ranges() {
        let seeds = [
            "bytes=0-99",
            " Bytes = 5- ",
            "bytes=-3",
            "bytes=0-1,4-5",
            "bytes=9-18446744073709551615",
        ];
        ::fuzz::texts("ranges", &seeds, &["bytes", "=", "-", ",", " "], |text| {
            let Some(range) = ByteRange::parse(text) else {
                return;
            };
            for size in [None, Some(0), Some(1), Some(1_000), Some(u64::MAX)] {
                let Some(header) = range.header(size) else {
                    assert!(matches!(range, ByteRange::Suffix(_)));
                    continue;
                };
                match (range, ByteRange::parse(&header)) {
                    (ByteRange::Suffix(length), Some(ByteRange::FromTo(first, last))) => {
                        let size = size.expect("a suffix needs the size");
                        assert!(first <= last && last == size - 1);
                        assert_eq!(last - first, length.min(size) - 1);
                    }
                    (range, again) => assert_eq!(again, Some(range), "{header}"),
                }
            }
        });
    }
}
