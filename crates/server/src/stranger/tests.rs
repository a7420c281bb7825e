//! Stored types, in every spelling that was thought of.

use super::{Shown, encoding, runs};

const BYTES: &str = "application/octet-stream";

fn shown(stored: &str, name: &str) -> (&'static str, bool) {
    let shown = Shown::of(Some(stored), name, None);
    (shown.content_type, shown.is_download)
}

/// What a browser would run, apply or take apart, and what is no type at all.
const REFUSED: [&str; 83] = [
    "image/png,text/javascript",
    "image/png, text/javascript",
    "image/png ,text/html",
    "text/javascript,image/png",
    "image/png;a=b,text/javascript",
    "image/png;a=\"b,text/javascript\"",
    "image/png;a=\",text/javascript",
    "image/png;a=\"\\\",text/javascript",
    "image/png;,text/html",
    "image/png;charset=utf-8,text/html;charset=utf-7",
    "application/json,application/javascript",
    "audio/wav,text/css",
    ",text/javascript",
    "text/javascript,",
    "text/javascript",
    "Text/JavaScript",
    "text/javascript; charset=utf-8",
    "text/javascript1.5",
    "text/ecmascript",
    "text/x-javascript",
    "text/x-ecmascript",
    "text/jscript",
    "text/livescript",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/x-ecmascript",
    "application/javascript;version=1.8",
    "text/babel",
    "text/vbscript",
    "text/css",
    "TEXT/CSS",
    "text/css;charset=utf-8",
    "text/xsl",
    "application/xslt+xml",
    "text/xml",
    "application/xml",
    "application/xml-dtd",
    "application/rss+xml",
    "application/atom+xml",
    "application/mathml+xml",
    "application/xhtml+xml",
    "application/vnd.wap.xhtml+xml",
    "application/vnd.mozilla.xul+xml",
    "image/svg",
    "image/svg+xml+xml",
    "image/xml",
    "image/x+html",
    "text/html",
    "Text/HTML; charset=utf-7",
    "text/html+x",
    "text/x-server-parsed-html",
    "text/vtt",
    "text/markdown",
    "text/rtf",
    "text/cache-manifest",
    "text/event-stream",
    "text/calendar",
    "multipart/x-mixed-replace",
    "multipart/x-mixed-replace; boundary=x",
    "multipart/related",
    "multipart/form-data",
    "message/rfc822",
    "application/wasm",
    "application/manifest+json",
    "application/importmap+json",
    "application/speculationrules+json",
    "application/x-shockwave-flash",
    "application/x-java-applet",
    "application/hta",
    "application/x-msdownload",
    "application/x-pkcs12",
    "application/signed-exchange",
    "application/json+script",
    "nonsense",
    "image/",
    "/png",
    "image /png",
    "image/png\u{b}",
    "image/png\0",
    "image/png\r\nx: y",
    "image/png;charset",
    "image/png text/html",
];

#[test]
fn whatever_was_stored_a_browser_never_gets_what_it_may_run_apply_or_take_apart() {
    for stored in REFUSED {
        for name in ["x", "x.png", "x.js", "x.svg"] {
            assert_eq!(shown(stored, name), (BYTES, true), "{stored:?} of {name}");
        }
    }
}

#[test]
fn media_and_texts_are_shown_under_the_name_that_we_write() {
    for (stored, sent) in [
        ("image/png", "image/png"),
        (" Image/PNG ", "image/png"),
        ("image/png;charset=utf-7", "image/png"),
        ("image/png; a=\"b c\"; d=e;", "image/png"),
        ("image/jpg", "image/jpeg"),
        ("video/mp4; codecs=\"avc1.42E01E\"", "video/mp4"),
        ("audio/wav", "audio/wav"),
        ("audio/x-wav", "audio/wav"),
        ("application/pdf", "application/pdf"),
        ("application/json; charset=utf-16", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/plain;charset=utf-7", "text/plain; charset=utf-8"),
        ("text/plain; charset=UTF-16LE", "text/plain; charset=utf-8"),
        ("text/csv", "text/csv; charset=utf-8"),
    ] {
        assert_eq!(shown(stored, "x.html"), (sent, false), "{stored}");
    }
}

#[test]
fn a_blob_without_a_type_gets_its_extensions() {
    assert_eq!(
        shown("application/octet-stream", "a/b.c.JPG"),
        ("image/jpeg", false)
    );
    assert_eq!(shown("", "a.svg"), ("image/svg+xml", true));
    for name in ["a.html", "a.js", "a.css", "a.xml", "a.mjs", "noextension"] {
        assert_eq!(shown("", name), (BYTES, true));
    }
}

#[test]
fn an_svg_is_a_picture_or_a_download() {
    let used = |as_what| {
        let shown = Shown::of(Some("image/svg+xml; charset=utf-8"), "x", as_what);
        (shown.content_type, shown.is_download)
    };
    assert_eq!(used(Some("image")), ("image/svg+xml", true));
    assert_eq!(used(None), ("image/svg+xml", true));
    for other in ["document", "iframe", "object", "embed", "empty", "script"] {
        assert_eq!(used(Some(other)), (BYTES, true), "{other}");
    }
}

#[test]
fn only_a_pdf_is_put_into_a_page_as_a_document() {
    for used_as in ["embed", "object", "iframe", "frame"] {
        let of = |stored| Shown::of(Some(stored), "x", Some(used_as)).suits(Some(used_as));
        assert!(of("application/pdf"));
        assert!(!of("image/png") && !of("text/plain") && !of("text/html"));
    }
}

#[test]
fn what_a_browser_runs_comes_from_our_files() {
    for used_as in [
        "script",
        "style",
        "worker",
        "sharedworker",
        "serviceworker",
        "audioworklet",
        "paintworklet",
        "xslt",
        "manifest",
        "json",
        "webidentity",
        "fencedframe",
        "",
    ] {
        assert!(runs(used_as), "{used_as}");
    }
    assert!(!runs("image") && !runs("empty") && !runs("document"));
}

#[test]
fn only_encodings_that_browsers_undo_are_passed_on() {
    assert_eq!(encoding(Some("GZIP")), Some("gzip"));
    for stored in ["gzip, br", "aws-chunked", "dcb", "identity", "gzip\r\nx: y"] {
        assert_eq!(encoding(Some(stored)), None, "{stored}");
    }
}

/// A response whose type somebody outside decides goes through [`Shown`]; all others have a type that is written in
/// the code, in these files.
#[test]
fn every_type_of_an_answer_is_decided_in_one_of_these_files() {
    fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if std::fs::read_to_string(&path)
                .unwrap()
                .contains("header::CONTENT_TYPE")
            {
                let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
                found.push(path.strip_prefix(source).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    found.retain(|file| file != "stranger/tests.rs");
    assert_eq!(
        found,
        [
            // Our own JSON, written aside when it is large.
            "api.rs",
            // Prometheus' text.
            "api/health.rs",
            // The editor's files, which are in the program, and ours.
            "editor.rs",
            // Reads the request's.
            "extract.rs",
            "static_files.rs",
            "stranger.rs",
        ]
    );
}
