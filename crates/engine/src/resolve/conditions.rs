//! Conditional requests (RFC 9110, 13): what Azure judges, and what it cannot and we do.
//!
//! Azure compares one ETag exactly. Browsers send lists, and proxies on the way turn ETags weak
//! (`W/"…"`); for those the blob's properties are read first.

use azure::{BlobProperties, GetRequest};

use super::ResolveRequest;

/// Can Azure judge the conditions as they are?
pub(super) fn azure_can_judge(request: &ResolveRequest) -> bool {
    match &request.if_none_match {
        Some(tags) => only_tag(tags).is_some(),
        None => true,
    }
}

/// Is the blob what the browser has already? As for `If-None-Match`, else `If-Modified-Since`.
pub(super) fn is_unchanged(request: &ResolveRequest, blob: &BlobProperties) -> bool {
    match (&request.if_none_match, &request.if_modified_since) {
        (Some(tags), _) => {
            let etag = blob.etag.as_deref().map(strong);
            tags.trim() == "*" || tags.split(',').any(|tag| Some(strong(tag)) == etag)
        }
        // Browsers send back the date that they were given.
        (None, Some(date)) => blob.last_modified.as_deref() == Some(date.trim()),
        (None, None) => false,
    }
}

/// The same request for Azure. `If-Modified-Since` counts only without `If-None-Match`.
pub(super) fn for_azure(request: &ResolveRequest) -> GetRequest {
    let if_none_match = request.if_none_match.as_deref().and_then(only_tag);
    GetRequest {
        range: request.range.clone(),
        if_match: None,
        if_modified_since: request
            .if_modified_since
            .clone()
            .filter(|_| request.if_none_match.is_none()),
        if_none_match: if_none_match.map(str::to_owned),
        if_range: request.if_range.clone(),
    }
}

fn only_tag(tags: &str) -> Option<&str> {
    let tag = tags.trim();
    (tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"') && tag.matches('"').count() == 2)
        .then_some(tag)
}

fn strong(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use azure::BlobProperties;
    use rstest::rstest;

    use super::{azure_can_judge, for_azure, is_unchanged};
    use crate::ResolveRequest;

    #[rstest]
    #[case(r#""0x1""#, true, true)]
    #[case(r#"W/"0x1""#, false, true)]
    #[case(r#""a", W/"0x1" ,"b""#, false, true)]
    #[case("*", false, true)]
    #[case(r#""0x2""#, true, false)]
    #[case(r#""a","b""#, false, false)]
    #[case("0x1", false, false)]
    fn etags_compare_weakly(#[case] tags: &str, #[case] by_azure: bool, #[case] unchanged: bool) {
        let blob = BlobProperties {
            etag: Some(r#""0x1""#.to_owned()),
            last_modified: Some("Sat, 21 Nov 2026 17:51:55 GMT".to_owned()),
            ..BlobProperties::default()
        };
        let request = ResolveRequest {
            if_none_match: Some(tags.to_owned()),
            if_modified_since: Some("Sat, 21 Nov 2026 17:51:55 GMT".to_owned()),
            ..ResolveRequest::default()
        };
        assert_eq!(azure_can_judge(&request), by_azure);
        assert_eq!(is_unchanged(&request, &blob), unchanged);
        let sent = for_azure(&request);
        assert_eq!(sent.if_none_match.is_some(), by_azure);
        assert_eq!(sent.if_modified_since, None);
    }

    #[test]
    fn the_date_counts_without_an_etag() {
        let blob = BlobProperties {
            last_modified: Some("Sat, 21 Nov 2026 17:51:55 GMT".to_owned()),
            ..BlobProperties::default()
        };
        let request = |date: &str| ResolveRequest {
            if_modified_since: Some(date.to_owned()),
            ..ResolveRequest::default()
        };
        assert!(is_unchanged(
            &request("Sat, 21 Nov 2026 17:51:55 GMT"),
            &blob
        ));
        assert!(!is_unchanged(
            &request("Sat, 21 Nov 2026 17:51:54 GMT"),
            &blob
        ));
        assert!(!is_unchanged(&ResolveRequest::default(), &blob));
    }
}
