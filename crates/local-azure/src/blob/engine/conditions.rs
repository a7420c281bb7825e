//! Conditional headers and ranges as the Blob service reads them.

use std::ops::Range;

use crate::blob::{
    error::{BlobError, Result},
    request::BlobRequest,
    time,
};

/// What conditions are compared with.
#[derive(Clone, Copy)]
pub struct Validators<'a> {
    /// Without quotes.
    pub etag: &'a str,
    pub modified_ms: i64,
}

/// Checks the conditions of a read: 412 for one that must hold, 304 for one that must not.
pub fn check_read(request: &BlobRequest, blob: Validators<'_>) -> Result<()> {
    match first_failed(request, Some(blob))? {
        None => Ok(()),
        Some(Failed::MustHold) => Err(BlobError::condition_not_met()),
        // Without ETag and Last-Modified, as the real service was recorded to answer.
        Some(Failed::MustNotHold) => Err(BlobError::not_modified()),
    }
}

/// Checks the conditions of a write or delete; `None` when there is no blob yet.
pub fn check_write(request: &BlobRequest, blob: Option<Validators<'_>>) -> Result<()> {
    match first_failed(request, blob)? {
        None => Ok(()),
        Some(Failed::MustNotHold) if request.header("if-none-match") == Some("*") => {
            Err(BlobError::blob_exists())
        }
        Some(_) => Err(BlobError::condition_not_met()),
    }
}

enum Failed {
    /// If-Match, If-Unmodified-Since.
    MustHold,
    /// If-None-Match, If-Modified-Since.
    MustNotHold,
}

/// # Errors
/// 400 for a date that is none, and for conditions that exclude each other.
fn first_failed(request: &BlobRequest, blob: Option<Validators<'_>>) -> Result<Option<Failed>> {
    let has = |name| request.header(name).is_some();
    let must = has("if-match") || has("if-unmodified-since");
    if must && (has("if-none-match") || has("if-modified-since")) {
        return Err(BlobError::multiple_conditions());
    }
    for name in ["if-modified-since", "if-unmodified-since"] {
        if let Some(date) = request.header(name)
            && time::parse_http_date(date).is_none()
        {
            return Err(BlobError::invalid_header(name, date));
        }
    }
    Ok(failed(request, blob))
}

fn failed(request: &BlobRequest, blob: Option<Validators<'_>>) -> Option<Failed> {
    let matches = |list: &str| {
        blob.is_some_and(|blob| {
            list.split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.trim_matches('"') == blob.etag)
        })
    };
    let modified_after = |date: &str| {
        // Last-Modified has seconds only.
        let since = time::parse_http_date(date)?;
        Some(blob.is_some_and(|blob| blob.modified_ms / 1000 > since / 1000))
    };
    if request
        .header("if-match")
        .is_some_and(|list| !matches(list))
    {
        return Some(Failed::MustHold);
    }
    if request
        .header("if-unmodified-since")
        .and_then(modified_after)
        == Some(true)
    {
        return Some(Failed::MustHold);
    }
    match request.header("if-none-match") {
        Some(list) => matches(list).then_some(Failed::MustNotHold),
        None => (request.header("if-modified-since").and_then(modified_after) == Some(false)
            && blob.is_some())
        .then_some(Failed::MustNotHold),
    }
}

/// The bytes asked for; `None` is the whole blob. `x-ms-range` wins over `Range`.
///
/// The service knows `bytes=a-b` and, from 2011-08-18, `bytes=a-`; a `Range` of any other form
/// (a suffix, several ranges) is ignored, an `x-ms-range` of any other form is an error.
///
/// # Errors
/// 416 beyond the end, 400 for a malformed `x-ms-range`.
pub fn range(request: &BlobRequest, size: u64) -> Result<Option<Range<u64>>> {
    let own = request.header("x-ms-range");
    let Some(text) = own.or_else(|| request.header("range")) else {
        return Ok(None);
    };
    let Some((first, last)) = parse_range(text) else {
        return own.map_or(Ok(None), |text| {
            Err(BlobError::invalid_header("x-ms-range", text))
        });
    };
    if last.is_none() && request.version() < "2011-08-18" && own.is_none() {
        return Ok(None);
    }
    if first >= size {
        return Err(BlobError::invalid_range(size));
    }
    Ok(Some(
        first..last.map_or(size, |last| size.min(last.saturating_add(1))),
    ))
}

/// Is this a form of range that the service knows?
pub fn is_known_range(text: &str) -> bool {
    parse_range(text).is_some()
}

fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    if last.is_empty() {
        return Some((first, None));
    }
    let last = last.parse().ok()?;
    (last >= first).then_some((first, Some(last)))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Method};

    use super::{Validators, check_read, check_write, range};
    use crate::blob::request::BlobRequest;

    fn request(headers: &[(&'static str, &str)]) -> BlobRequest {
        let mut request = BlobRequest::internal(Method::GET, "acct", "cont", Some("b"));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers.insert(HeaderName::from_static(name), value);
        }
        request
    }

    const BLOB: Validators<'_> = Validators {
        etag: "0x1",
        modified_ms: 1_792_567_680_500,
    };
    const AT: &str = "Wed, 21 Oct 2026 07:28:00 GMT";
    const BEFORE: &str = "Wed, 21 Oct 2026 07:27:59 GMT";

    #[test]
    fn reads_answer_412_or_304() {
        for (name, value, status) in [
            ("if-match", "\"0x1\"", 0),
            ("if-match", "0x1", 0),
            ("if-match", "\"0x2\"", 412),
            ("if-none-match", "\"0x1\"", 304),
            ("if-none-match", "\"0x2\"", 0),
            ("if-modified-since", AT, 304),
            ("if-modified-since", BEFORE, 0),
            ("if-unmodified-since", AT, 0),
            ("if-unmodified-since", BEFORE, 412),
            ("if-modified-since", "nonsense", 400),
        ] {
            let got = check_read(&request(&[(name, value)]), BLOB);
            assert_eq!(
                got.map_or_else(|e| e.status.as_u16(), |()| 0),
                status,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn conditions_that_exclude_each_other_are_refused() {
        let both = request(&[("if-match", "\"0x1\""), ("if-none-match", "\"0x2\"")]);
        assert_eq!(check_read(&both, BLOB).unwrap_err().status, 400);
        let pair = request(&[("if-none-match", "\"0x2\""), ("if-modified-since", BEFORE)]);
        assert!(check_read(&pair, BLOB).is_ok());
    }

    #[test]
    fn writes_answer_409_when_the_blob_must_be_new_and_412_otherwise() {
        let code = |headers: &[(&'static str, &str)], blob| {
            check_write(&request(headers), blob)
                .map_or_else(|error| error.code.into_owned(), |()| String::new())
        };
        assert_eq!(
            code(&[("if-none-match", "*")], Some(BLOB)),
            "BlobAlreadyExists"
        );
        assert_eq!(code(&[("if-none-match", "*")], None), "");
        assert_eq!(code(&[("if-match", "\"0x1\"")], None), "ConditionNotMet");
        assert_eq!(
            code(&[("if-match", "\"0x9\"")], Some(BLOB)),
            "ConditionNotMet"
        );
        assert_eq!(code(&[("if-match", "\"0x1\"")], Some(BLOB)), "");
    }

    #[test]
    fn ranges_are_the_two_forms_the_service_knows() {
        let new = ("x-ms-version", "2026-04-06");
        let asked = |text: &str| range(&request(&[("range", text), new]), 10).unwrap();
        assert_eq!(asked("bytes=2-4"), Some(2..5));
        assert_eq!(asked("bytes=2-"), Some(2..10));
        assert_eq!(asked("bytes=2-400"), Some(2..10));
        for ignored in ["bytes=-3", "bytes=0-1,3-4", "bytes=4-2", "items=1-2"] {
            assert_eq!(asked(ignored), None, "{ignored}");
        }
        assert_eq!(
            range(&request(&[("range", "bytes=2-")]), 10).unwrap(),
            None,
            "before 2011"
        );
        let beyond = range(&request(&[("range", "bytes=10-"), new]), 10).unwrap_err();
        assert_eq!(
            (beyond.status.as_u16(), &*beyond.code),
            (416, "InvalidRange")
        );
        let malformed = range(&request(&[("x-ms-range", "bytes=-3"), new]), 10).unwrap_err();
        assert_eq!(malformed.status, 400);
    }
}
