//! Label Studio's annotation editor: the files that `cargo xtask editor` puts into `assets/editor`, inside the
//! program. A build without them works, and its Annotate page says what is missing.
//!
//! The files are stored gzipped and sent so. Their addresses carry a hash of all of them, so that a browser keeps
//! them for good; only the typeface has a fixed address, which the editor's stylesheet names.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use axum::{
    body::{Body, Bytes},
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What a browser may keep for good: the address changes with the content.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ONE_DAY: &str = "public, max-age=86400";
/// Files that are read by people.
const LICENCES: [(&str, &str); 4] = [
    (
        "NOTES.txt",
        "What is in the editor, and under which licences",
    ),
    ("LICENSE", "Apache License 2.0, of Label Studio"),
    ("NOTICE", "Label Studio's notice"),
    (
        "3rdpartylicenses.txt",
        "Packages inside Label Studio, with their licences",
    ),
];

#[derive(RustEmbed)]
#[folder = "assets/editor"]
struct Assets;

/// `manifest.json`, as `python/editor.py` writes it.
#[derive(Deserialize)]
pub(crate) struct Editor {
    /// Label Studio's release.
    version: String,
    build: String,
    /// Scripts in the order in which they run; the last starts the others.
    load: Vec<String>,
    styles: Vec<String>,
    editor: u32,
    tailwind: u32,
    flags: BTreeMap<String, bool>,
    /// Name to SHA-256.
    files: BTreeMap<String, String>,
}

/// What the page's loader (`static/editor.js`) needs.
#[derive(Serialize)]
pub(crate) struct Loading<'a> {
    /// Addresses, in the order in which they run.
    scripts: Vec<String>,
    /// The module that defines `LabelStudio`, and the one whose text is Tailwind's stylesheet.
    editor: u32,
    tailwind: u32,
    /// Feature flags as Label Studio Community sets them.
    flags: &'a BTreeMap<String, bool>,
}

static EDITOR: LazyLock<Option<Editor>> = LazyLock::new(|| {
    let manifest = Assets::get("manifest.json")?;
    serde_json::from_slice(&manifest.data)
        .inspect_err(
            |error| tracing::error!(%error, "the annotation editor's manifest is not readable"),
        )
        .ok()
});

impl Editor {
    /// The editor of this build, when it has one.
    pub(crate) fn embedded() -> Option<&'static Self> {
        EDITOR.as_ref()
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Addresses of its stylesheets, in their order.
    pub(crate) fn styles(&self) -> Vec<String> {
        self.styles.iter().map(|name| self.address(name)).collect()
    }

    /// Addresses of its scripts, in the order in which they run.
    pub(crate) fn scripts(&self) -> Vec<String> {
        self.load.iter().map(|name| self.address(name)).collect()
    }

    pub(crate) fn loading(&self) -> Loading<'_> {
        Loading {
            scripts: self.scripts(),
            editor: self.editor,
            tailwind: self.tailwind,
            flags: &self.flags,
        }
    }

    /// Address and description of every licence text.
    pub(crate) fn licences(&self) -> Vec<(String, &'static str)> {
        let all = LICENCES.iter();
        all.map(|(name, what)| (self.address(name), *what))
            .collect()
    }

    /// Of a file; of the folder, with its slash, when the name is empty.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("/editor/{}/{name}", self.folder())
    }

    fn folder(&self) -> String {
        format!("{}-{}", self.version, self.build)
    }

    fn gzipped(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        self.files.get(name)?;
        Some(Assets::get(&format!("{name}.gz"))?.data)
    }
}

/// `GET /editor/{folder}/{name}`.
pub(crate) async fn file(
    Path((folder, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let editor = Editor::embedded()
        .filter(|editor| editor.folder() == folder)
        .ok_or_else(ApiError::not_found)?;
    send(editor, &name, FOR_GOOD, &headers)
}

/// `GET /static/fonts/{name}`: where the editor's stylesheet looks for its typeface.
pub(crate) async fn font(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let editor = Editor::embedded()
        .filter(|_| name.ends_with(".ttf"))
        .ok_or_else(ApiError::not_found)?;
    send(editor, &name, ONE_DAY, &headers)
}

fn send(
    editor: &Editor,
    name: &str,
    cache: &'static str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let content = editor.gzipped(name).ok_or_else(ApiError::not_found)?;
    let vary = (header::VARY, HeaderValue::from_static("accept-encoding"));
    if !accepts_gzip(headers) {
        let words = "This file is only sent compressed: send \"Accept-Encoding: gzip\".";
        return Ok((StatusCode::NOT_ACCEPTABLE, [vary], words).into_response());
    }
    let headers = [
        vary,
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(content_type(name)),
        ),
        (header::CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    let bytes = match content {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok((headers, Body::from(bytes)).into_response())
}

/// Without the header, every encoding is acceptable (RFC 9110, 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let Some(accepted) = headers.get(header::ACCEPT_ENCODING) else {
        return true;
    };
    accepted.to_str().is_ok_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let weight = weight.trim().trim_start_matches("q=").parse::<f32>();
            ["gzip", "x-gzip", "*"].contains(&name.trim())
                && weight.is_ok_and(|weight| weight > 0.0)
        })
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "ttf")) => "font/ttf",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Assets, Editor, accepts_gzip};

    #[test]
    fn only_who_refuses_gzip_does_not_get_it() {
        assert!(accepts_gzip(&HeaderMap::new()));
        for (accepted, is_accepted) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("*", true),
            ("identity", false),
            ("gzip;q=0, br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(accepts_gzip(&headers), is_accepted, "{accepted:?}");
        }
    }

    /// The placeholder keeps the folder, so that the program builds without the editor.
    #[test]
    fn an_editor_is_whole_or_absent() {
        assert!(Assets::get("README.md").is_some());
        let Some(editor) = Editor::embedded() else {
            assert!(Assets::get("manifest.json").is_none());
            return;
        };
        for name in editor
            .load
            .iter()
            .chain(&editor.styles)
            .chain(editor.files.keys())
        {
            let content = editor.gzipped(name).unwrap_or_default();
            assert_eq!(content.get(..2), Some(&[0x1f, 0x8b][..]), "{name} is gzip");
        }
        for (address, _) in editor.licences() {
            assert!(
                editor
                    .files
                    .contains_key(address.rsplit_once('/').unwrap().1)
            );
        }
        assert_eq!(editor.gzipped("../README.md"), None);
    }
}
