//! The date forms of the Blob service, to and from Unix milliseconds.

use jiff::{Timestamp, fmt::rfc2822};

/// RFC 1123, as in `Last-Modified`: `Wed, 21 Oct 2026 07:28:00 GMT`.
pub fn http_date(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .ok()
        .and_then(|at| {
            rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&at)
                .ok()
        })
        .unwrap_or_default()
}

/// ISO 8601 with Azure's seven decimals: `2026-10-21T07:28:00.0000000Z`.
pub fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| format!("{at:.7}"))
}

/// ISO 8601 to the second, as in a user delegation key.
pub fn iso_seconds(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| format!("{at:.0}"))
}

/// Reads an RFC 1123 date.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let parsed = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(parsed.as_millisecond())
}

/// Reads a SAS or delegation-key time: a date, or a UTC instant to the minute or finer.
pub fn parse_iso(text: &str) -> Option<i64> {
    let full = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Some(full.parse::<Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::{http_date, iso, iso_seconds, parse_http_date, parse_iso};

    #[test]
    fn dates_are_written_and_read_as_azure_does() {
        let ms = 1_792_567_680_000;
        assert_eq!(http_date(ms), "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(parse_http_date(&http_date(ms)), Some(ms));
        assert_eq!(iso(ms), "2026-10-21T07:28:00.0000000Z");
        assert_eq!(iso_seconds(ms), "2026-10-21T07:28:00Z");
        for text in [
            "2026-10-21T07:28:00Z",
            "2026-10-21T07:28Z",
            "2026-10-21T07:28:00.0000000Z",
        ] {
            assert_eq!(parse_iso(text), Some(ms), "{text}");
        }
        assert_eq!(
            parse_iso("2026-10-21").map(iso_seconds).as_deref(),
            Some("2026-10-21T00:00:00Z")
        );
        assert_eq!(parse_iso("yesterday"), None);
    }
}
