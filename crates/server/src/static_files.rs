//! The stylesheet, the scripts and the icon of the pages, inside the program. An address carries a
//! hash of its content, so a browser keeps the file until there is another.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{error::ApiError, extract::Query, policy::Policy};

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PDF: &str = "application/pdf";
/// One file.
struct StaticFile {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

macro_rules! files {
    ($($name:literal => $content_type:expr),+ $(,)?) => {
        [$(StaticFile {
            name: $name,
            content_type: $content_type,
            content: include_bytes!(concat!("../static/", $name)),
        }),+]
    };
}

static FILES: [StaticFile; 21] = files! {
    "longshore.css" => STYLE,
    "longshore.js" => SCRIPT,
    "htmx.min.js" => SCRIPT,
    "icon.svg" => "image/svg+xml",
    "annotate.css" => STYLE,
    "annotate.js" => SCRIPT,
    "annotate_api.js" => SCRIPT,
    "annotate_editing.js" => SCRIPT,
    "annotate_history.js" => SCRIPT,
    "annotate_media.js" => SCRIPT,
    "annotate_notices.js" => SCRIPT,
    "annotate_outbox.js" => SCRIPT,
    "editor.js" => SCRIPT,
    "editor_guard.js" => SCRIPT,
    "label_preview.js" => SCRIPT,
    "label_samples.js" => SCRIPT,
    "sample.pdf" => PDF,
    "sample.png" => "image/png",
    "sample.txt" => "text/plain; charset=utf-8",
    "sample.wav" => "audio/wav",
    "sample.webm" => "video/webm",
};

static ADDRESSES: LazyLock<Vec<String>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|file| format!("/static/{}?v={}", file.name, version(file.content)))
        .collect()
});

/// Where a page finds the file, for templates: `/static/longshore.css?v=…`.
pub(crate) fn address(name: &str) -> &'static str {
    let place = FILES.iter().position(|file| file.name == name);
    place.map_or("", |place| &ADDRESSES[place])
}

/// `GET /static/{name}`.
pub(crate) async fn serve(Path(name): Path<String>, query: Query) -> Result<Response, ApiError> {
    let file = FILES
        .iter()
        .find(|file| file.name == name)
        .ok_or_else(ApiError::not_found)?;
    let is_current = query
        .text("v")
        .is_some_and(|asked| asked == version(file.content));
    let cache = HeaderValue::from_static(if is_current {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(file.content_type),
        ),
        (header::CACHE_CONTROL, cache),
    ];
    let mut response = (headers, file.content).into_response();
    if file.content_type == PDF {
        // The browser's viewer shows it inside a page of ours.
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, Policy::PDF);
    }
    Ok(response)
}

fn version(content: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, content).as_ref()[..9])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{FILES, address};

    #[test]
    fn htmx_is_the_file_of_its_authors() {
        let htmx = FILES
            .iter()
            .find(|file| file.name == "htmx.min.js")
            .unwrap();
        let found = STANDARD.encode(digest(&SHA256, htmx.content));
        assert_eq!(found, "1v3HXyBOa976mbab8ebUrGm4o2T3eSn0XBNHa0AA9xc=");
    }

    #[test]
    fn every_file_has_an_address() {
        for file in &FILES {
            assert!(address(file.name).starts_with(&format!("/static/{}?v=", file.name)));
        }
    }
}
