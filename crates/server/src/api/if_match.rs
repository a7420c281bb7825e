//! `If-Match` (RFC 9110, 13.1.1) on annotations: their ETag is `"UPDATED_AT"`, the instant as in
//! their JSON, which grows with every change.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use engine::Expected;

use crate::{App, error::ApiError, extract::instant};

/// The states of which the caller wants one; without the header any.
pub(crate) struct IfMatch(pub(crate) Expected);

impl FromRequestParts<App> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let values = parts.headers.get_all(header::IF_MATCH);
        let values: Vec<String> = values
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        if values.is_empty() {
            return Ok(Self(Expected::Any));
        }
        parse(&values.join(","))
            .map(Self)
            .ok_or_else(|| ApiError::invalid_request(
                "If-Match: give the annotation's updated_at in double quotes, a list of such, or *.",
            ))
    }
}

/// `None` when it is neither `*` nor a list of entity tags. Weak tags and foreign ones are of no
/// state.
fn parse(value: &str) -> Option<Expected> {
    if value.trim() == "*" {
        return Some(Expected::Any);
    }
    let mut times = Vec::new();
    for tag in value
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
    {
        let (is_weak, quoted) = match tag.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, tag),
        };
        let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let at_ms = text
            .parse::<jiff::Timestamp>()
            .map(|at| at.as_millisecond());
        if let (Ok(at_ms), false) = (at_ms, is_weak)
            && instant(at_ms) == text
        {
            times.push(at_ms);
        }
    }
    Some(Expected::UpdatedAt(times))
}

#[cfg(test)]
mod tests {
    use engine::Expected;

    use super::parse;

    #[test]
    fn only_strong_tags_of_an_instant_name_a_state() {
        let at = "2026-11-21T17:52:00.684000Z";
        let ms = 1_795_283_520_684;
        for (value, expected) in [
            ("*".to_owned(), Some(Expected::Any)),
            (format!("\"{at}\""), Some(Expected::UpdatedAt(vec![ms]))),
            (
                format!("\"other\" , W/\"{at}\",\"{at}\""),
                Some(Expected::UpdatedAt(vec![ms])),
            ),
            (
                "\"2026-11-21T17:52:00.684001Z\"".to_owned(),
                Some(Expected::UpdatedAt(Vec::new())),
            ),
            (at.to_owned(), None),
            (format!("\"{at}"), None),
        ] {
            assert_eq!(parse(&value), expected, "{value}");
        }
    }
}

#[cfg(test)]
mod fuzz {
    use engine::Expected;

    use super::parse;
    use crate::extract::instant;

    /// The states that a header names are the same when the header is written with them alone; only
    /// a star means any.
    #[test]
    fn conditional_headers() {
        let seeds = [
            "*",
            "\"2026-11-21T17:52:00.684000Z\", W/\"x\", \"other\"",
            "\"2026-11-21T17:52:00.684001Z\",,",
        ];
        ::fuzz::texts(
            "conditional_headers",
            &seeds,
            &["*", "\"", "W/", ",", " ", "Z", "+00:00"],
            |text| match parse(text) {
                None => {}
                Some(Expected::Any) => assert_eq!(text.trim(), "*"),
                Some(Expected::UpdatedAt(times)) => {
                    assert!(times.len() <= text.len() / 20);
                    let tags: Vec<String> = times
                        .iter()
                        .map(|at| format!("\"{}\"", instant(*at)))
                        .collect();
                    assert!(tags.iter().all(|tag| text.contains(tag.as_str())));
                    assert_eq!(parse(&tags.join(", ")), Some(Expected::UpdatedAt(times)));
                }
            },
        );
    }
}
