//! Percent-encoding of blob names and query values, one rule for requests and for task data.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same, with the slashes of a path kept.
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// A blob name as a URL path. Slashes stay, unless a segment is empty, `.` or `..`: URL parsers
/// drop or resolve such segments (even when the dots are encoded), so there every slash is `%2F`,
/// which Azure reads as the same name.
pub(crate) fn blob_path(name: &str) -> PercentEncode<'_> {
    let fragile = name
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."));
    utf8_percent_encode(name, if fragile { VALUE } else { PATH })
}

/// A query value.
pub(crate) fn value(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, VALUE)
}

/// Undoes percent-encoding; `None` when the bytes are not UTF-8. A lone `%` stays as it is.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::{blob_path, decode};

    #[test]
    fn slashes_are_encoded_only_where_a_parser_would_touch_them() {
        for (name, path) in [
            ("images/1.png", "images/1.png"),
            (
                "odd dir/ünï 100% #1?+&=.json",
                "odd%20dir/%C3%BCn%C3%AF%20100%25%20%231%3F%2B%26%3D.json",
            ),
            ("a//b", "a%2F%2Fb"),
            ("./x", ".%2Fx"),
            ("a/../b", "a%2F..%2Fb"),
            ("dir/", "dir%2F"),
            ("/lead", "%2Flead"),
            (r"a\b", "a%5Cb"),
        ] {
            assert_eq!(blob_path(name).to_string(), path);
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_a_url_parser(name in "[./%a\\\\ \t\n#?é🐈]{1,12}") {
            // A whole name of `.` or `..` has no spelling that a URL parser keeps.
            prop_assume!(name != "." && name != "..");
            let url = Url::parse(&format!("https://host/container/{}", blob_path(&name))).unwrap();
            let path = url.path().strip_prefix("/container/").unwrap();
            prop_assert_eq!(decode(path).unwrap(), name);
        }
    }
}
