//! What names a blob, what is shown in its place, and that writing it back loses nothing.

use azure::Cloud;
use model::{Storage, TaskId};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json, value::RawValue};

use super::{
    NamedBlob, Naming, Outside, ShownData, decode_fileuri, for_browser, naming, noted,
    without_links,
};

const URI: &str = "https://acct.blob.core.windows.net/inbox/images/a.png";

#[rstest]
#[case("azure-blob://inbox/images/a b+c?.png")]
#[case("https://acct.blob.core.windows.net/inbox/%E2%98%83.png")]
fn fileuri_in_every_encoding(#[case] uri: &str) {
    use base64::{Engine, prelude::*};
    for encoded in [
        uri.to_owned(),
        BASE64_STANDARD.encode(uri),
        BASE64_STANDARD_NO_PAD.encode(uri),
        BASE64_URL_SAFE.encode(uri),
        BASE64_URL_SAFE_NO_PAD.encode(uri),
        BASE64_STANDARD.encode(uri).replace('+', " "),
    ] {
        assert_eq!(decode_fileuri(&encoded).as_deref(), Some(uri), "{encoded}");
    }
}

#[rstest]
#[case("")]
#[case("%%%")]
#[case("/w==")]
fn what_is_no_uri_names_nothing(#[case] fileuri: &str) {
    let uri = decode_fileuri(fileuri).unwrap_or_default();
    assert_eq!(NamedBlob::parse(&Cloud::public(), &uri), None);
}

#[rstest]
#[case(json!({"image": URI}), true)]
#[case(json!({"image": format!(" {URI}?sv=2026&sig=abc ")}), true)]
#[case(json!({"image": "HTTPS://Acct.Blob.Core.Windows.Net/inbox/images/a.png"}), true)]
#[case(json!({"pages": [{"url": "x"}, {"url": URI}]}), true)]
#[case(json!({"html": format!("<p>see <img src='{URI}'> and</p>")}), true)]
#[case(json!({"text": format!("![a]({URI}), or ({URI}).")}), true)]
#[case(json!({"image": format!("{URI}.bak")}), false)]
#[case(json!({"image": "https://acct.blob.core.windows.net/inbox/images/a"}), false)]
#[case(json!({"image": "https://acct2.blob.core.windows.net/inbox/images/a.png"}), false)]
#[case(json!({"image": "https://acct.blob.core.windows.net/inbox/images/A.png"}), false)]
#[case(json!({"image": "https://acct.blob.core.windows.net/inbox/images//a.png"}), false)]
#[case(json!({"image": format!("{URI}?snapshot=2026-11-28T09:00:00.0000000Z")}), false)]
#[case(json!({"text": format!("{URI} shows a cat")}), true)]
#[case(json!({"image": "http://acct.blob.core.windows.net/inbox/images%5Ca.png"}), true)]
#[case(json!({"https://acct.blob.core.windows.net/inbox/images/a.png": 1}), false)]
#[case(json!({"image": "in/images/a.png", "n": 3, "z": null}), false)]
fn data_names_a_blob_exactly(#[case] data: Value, #[case] expected: bool) {
    let named = naming(&Cloud::public(), &data.to_string(), URI);
    assert_eq!(named, if expected { Naming::Named } else { Naming::Not });
}

#[rstest]
#[case(format!("{URI}?sv=2026&sig=SECRET%3D#top"), URI)]
#[case("HTTPS://Acct.Blob.Core.Windows.Net/inbox/images/a.png?sig=SECRET".to_owned(), URI)]
#[case("azure-spi://inbox/a b?.png".to_owned(), "azure-blob://inbox/a b?.png")]
#[case("https://me:SECRET@evil.example/x?token=SECRET".to_owned(), "https://evil.example/x")]
#[case("https://evil.example\\@x/y#SECRET".to_owned(), "https://evil.example\\@x/y")]
#[case("client_secret=SECRET".to_owned(), "client_secret=REDACTED")]
#[case("".to_owned(), "")]
fn what_is_noted_of_a_uri_has_no_secret(#[case] uri: String, #[case] expected: &str) {
    assert_eq!(noted(&Cloud::public(), &uri), expected);
}

#[test]
fn what_is_no_blob_is_noted_in_few_characters() {
    let long = format!("https://x/{}", "é".repeat(2_000));
    assert_eq!(noted(&Cloud::public(), &long).chars().count(), 300);
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

/// As a browser gets it when every blob of an account is inside.
fn shown(data: &RawValue) -> Box<RawValue> {
    let none: [Storage; 0] = [];
    for_browser(&Cloud::public(), TaskId(7), data, &none, Outside::Resolve)
}

#[test]
fn only_the_texts_that_are_links_change() {
    let data = raw(
        r#"{ "z":1.10, "image":"https://acct.blob.core.windows.net/c-1/a.png", "a": 12345678901234567890123, "half":"\ud800", "k": "https://example.com/a.png"}"#,
    );
    let expected = data.get().replace(
        "https://acct.blob.core.windows.net/c-1/a.png",
        "/tasks/7/resolve/?fileuri=aHR0cHM6Ly9hY2N0LmJsb2IuY29yZS53aW5kb3dzLm5ldC9jLTEvYS5wbmc=",
    );
    assert_eq!(shown(&data).get(), expected);
}

#[rstest]
#[case(
    "https://acct.blob.core.windows.net/c-1/a.png",
    "https://acct.blob.core.windows.net/c-1/a.png"
)]
#[case(
    "HTTPS://Acct.Blob.Core.Windows.Net/c-1/a.png",
    "HTTPS://Acct.Blob.Core.Windows.Net/c-1/a.png"
)]
#[case(
    "https://acct.blob.core.windows.net/c-1/a.png?sv=1&sig=SECRET",
    "https://acct.blob.core.windows.net/c-1/a.png"
)]
fn a_link_names_what_it_was_made_of(#[case] spelled: &str, #[case] named: &str) {
    let shown = shown(&raw(&json!({"image": spelled}).to_string()));
    let shown: Value = serde_json::from_str(shown.get()).unwrap();
    let link = shown["image"].as_str().unwrap();
    let fileuri = link.strip_prefix("/tasks/7/resolve/?fileuri=").unwrap();
    assert_eq!(decode_fileuri(fileuri).as_deref(), Some(named));
}

#[test]
fn what_could_be_two_blobs_is_no_link_and_says_so() {
    let text = format!("{URI} and b.png");
    let data = raw(&json!({"image": text}).to_string());
    assert_eq!(shown(&data).get(), data.get());
    let cloud = Cloud::public();
    for address in [URI, &text.replace(' ', "%20")] {
        assert_eq!(naming(&cloud, data.get(), address), Naming::Ambiguous);
    }
    assert_eq!(naming(&cloud, data.get(), &format!("{URI}x")), Naming::Not);
}

#[rstest]
#[case(
    "/tasks/12/resolve/?fileuri=YXp1cmUtYmxvYjovL2luYm94L2EucG5n",
    "azure-blob://inbox/a.png"
)]
#[case(
    "/tasks/12/presign?fileuri=YXp1cmUtYmxvYjovL2luYm94L2EucG5n&x=1",
    "azure-blob://inbox/a.png&x=1"
)]
#[case(
    "<img src='/tasks/12/resolve/?fileuri=YXp1cmUtYmxvYjovL2luYm94L1ImRC5wbmc%3D'>",
    "<img src='azure-blob://inbox/R&amp;D.png'>"
)]
#[case(
    "x (/tasks/1/resolve/?fileuri=YXp1cmUtYmxvYjovL2luYm94L2EucG5n).",
    "x (azure-blob://inbox/a.png)."
)]
fn a_link_of_any_task_is_its_address_again(#[case] text: &str, #[case] expected: &str) {
    let data = raw(&json!({"a": [text]}).to_string());
    let kept = without_links(&Cloud::public(), &data, None).unwrap();
    assert_eq!(kept.get(), json!({"a": [expected]}).to_string());
}

#[rstest]
#[case("https://other.example/tasks/12/resolve/?fileuri=YXp1cmUtYmxvYjovL2luYm94L2EucG5n")]
#[case("/tasks/x/resolve/?fileuri=YXp1cmUtYmxvYjovL2luYm94L2EucG5n")]
#[case("/tasks/1/resolve/?fileuri=%%%")]
#[case("/tasks/1/resolve/?fileuri=aHR0cHM6Ly9leGFtcGxlLmNvbS8x")]
fn what_is_no_link_of_ours_stays(#[case] text: &str) {
    let data = raw(&json!({"a": text}).to_string());
    assert!(without_links(&Cloud::public(), &data, None).is_none());
}

proptest! {
    /// Whatever stands in a task: what a browser was shown of it, written back, is what was there.
    #[test]
    fn resolving_and_writing_back_is_the_identity(
        parts in prop::collection::vec(prop::sample::select(&[
            "https://acct.blob.core.windows.net/c-1/", "HTTP://acct.dfs.core.windows.net/c-1/",
            "a.png", "b c.jpg", "d/e", "%20", "?sv=1&sig=x", "?snapshot=2026-11-28T09:00:00.0000000Z",
            "#top", "\"", "'", "<img src=\"", "'>", "url(", ")", "&amp;", "&quot;", " ", "\n", ",", ".",
            "\\", "é", "\u{0}", "/tasks/9/resolve/?fileuri=", "shows",
        ][..]), 0..12),
        number in "-?[1-9][0-9]{0,30}(\\.[0-9]{1,9})?(e[0-9])?",
    ) {
        let text = serde_json::to_string(&parts.concat()).unwrap();
        let data = raw(&format!("{{\"z\": {number}, \"a\":[{text} , {{\"b\":{text}}}]}}"));
        let cloud = Cloud::public();
        let seen = shown(&data);
        let own = ShownData { stored: &data, shown: &seen };
        let kept = without_links(&cloud, &seen, Some(&own));
        prop_assert_eq!(kept.as_deref().unwrap_or(&seen).get(), data.get());
    }

    /// In another task, too, each link names the blob that it did.
    #[test]
    fn a_written_back_link_shows_the_same_blob(
        before in prop::sample::select(&["", "see ", "<img src=\"", "\"", "("][..]),
        name in "[a-z&'() %é]{1,12}\\.png",
        after in prop::sample::select(&["", "\">", "\"", ") shows"][..]),
    ) {
        let cloud = Cloud::public();
        let text = format!("{before}azure-blob://inbox/{name}{after}");
        let links = |text: &str| -> Vec<NamedBlob> {
            super::addresses(&cloud, text)
                .into_iter()
                .filter_map(|address| match address.means {
                    super::Meaning::Blob(blob) => Some(blob),
                    _ => None,
                })
                .collect()
        };
        let shown = super::replaced(
            &text,
            super::addresses(&cloud, &text).into_iter().map(|address| {
                let link = super::resolve_address(TaskId(7), &address.spelled);
                (address.span, link)
            }),
        );
        let Some(shown) = shown else { return Ok(()) };
        let data = raw(&json!({"a": shown}).to_string());
        let kept = without_links(&cloud, &data, None).unwrap();
        let kept: Value = serde_json::from_str(kept.get()).unwrap();
        prop_assert_eq!(links(kept["a"].as_str().unwrap()), links(&text), "{}", text);
    }
}

/// Addresses stand where they are said to, a link names a blob that the task's data names, as the
/// server will see when it is asked, and what was shown comes back as it was.
#[test]
fn blobs_in_task_data() {
    let seeds = [
        "https://acct.blob.core.windows.net/inbox/images/a.png",
        "<p>see <img src='https://acct.blob.core.windows.net/inbox/a b.png'> and (https://acct.blob.core.windows.net/c-1/x), or `azure-spi://inbox/é`.</p>",
        "![a](https://acct.blob.core.windows.net/inbox/a%20b.png?sv=1&sig=x). http://h/1",
        "YXp1cmUtYmxvYjovL2luYm94L2EucG5n",
        "<i style=\"background:url(&quot;https://acct.blob.core.windows.net/c-1/a&quot;)\">",
        "https://acct.blob.core.windows.net/c-1/a.png and b.png /tasks/1/resolve/?fileuri=YXp1",
    ];
    let words = [
        "https://",
        "http://",
        "azure-blob://",
        "azure-spi://",
        "acct.blob.core.windows.net/",
        "inbox/",
        "url(",
        "src=",
        "&amp;",
        "&quot;",
        "\"",
        "'",
        "`",
        "<",
        ">",
        ")",
        ".",
        ",",
        "!",
        " ",
        "\n",
        "\u{a0}",
        "%2F",
        "..",
        "?",
        "#",
        "\\",
        "?snapshot=2026-11-28T09:00:00.0000000Z",
    ];
    let cloud = Cloud::public();
    ::fuzz::texts("blobs_in_task_data", &seeds, &words, |text| {
        let mut end = 0;
        for address in super::addresses(&cloud, text) {
            assert!(address.span.start >= end && address.span.end <= text.len());
            end = address.span.end;
        }
        let data = raw(&json!({"pages": [{"x": text}]}).to_string());
        let seen = shown(&data);
        for (_, uri) in super::links(&cloud, seen.get()) {
            // The address that a link names is of a blob, which the data names.
            let blob = NamedBlob::parse(&cloud, &uri);
            let is_own = seen.get() != data.get() && !text.contains("/tasks/");
            if let Some(blob) = blob.filter(|_| is_own) {
                assert_eq!(naming(&cloud, data.get(), &uri), Naming::Named, "{uri}");
                let canonical = blob.canonical(&cloud);
                assert_eq!(NamedBlob::parse(&cloud, &canonical), Some(blob));
            }
        }
        let own = ShownData {
            stored: &data,
            shown: &seen,
        };
        let kept = without_links(&cloud, &seen, Some(&own));
        if !text.contains("/tasks/") {
            assert_eq!(kept.as_deref().unwrap_or(&seen).get(), data.get());
        }
        let _ = decode_fileuri(text);
    });
}
