//! Instants in Azure's spellings; everywhere else they are Unix milliseconds.

use jiff::{Timestamp, fmt::rfc2822};

/// `2026-01-01T01:00:00Z`: SAS fields and key windows, whole seconds.
pub(crate) fn iso(at_ms: i64) -> String {
    seconds(at_ms).to_string()
}

/// `Thu, 01 Jan 2026 01:00:00 GMT`: HTTP headers.
pub(crate) fn http_date(at_ms: i64) -> String {
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&seconds(at_ms))
        .expect("years 1970 to 9999")
}

pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(at.as_millisecond())
}

fn seconds(at_ms: i64) -> Timestamp {
    Timestamp::from_second(at_ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::{http_date, iso, parse_http_date, parse_iso};

    #[test]
    fn both_spellings_and_back() {
        let at = 1_767_229_200_999;
        assert_eq!(iso(at), "2026-01-01T01:00:00Z");
        assert_eq!(http_date(at), "Thu, 01 Jan 2026 01:00:00 GMT");
        assert_eq!(
            parse_iso("2026-01-01T01:00:00.0000000Z"),
            Some(1_767_229_200_000)
        );
        assert_eq!(
            parse_http_date("Thu, 01 Jan 2026 01:00:00 GMT"),
            Some(1_767_229_200_000)
        );
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
