//! What pages with the annotation editor share: their content security policy, and the data for their scripts.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use serde::Serialize;

use crate::{App, error::ApiError};

/// Also the editor's `user`.
#[derive(Serialize)]
pub(super) struct UserData {
    pub(super) id: i64,
    pub(super) email: String,
}

/// What else the page may load, beside what the editor always needs.
pub(super) struct Loads {
    /// Origins of storage accounts.
    pub(super) accounts: Vec<String>,
    /// The editor decodes audio in a WebAssembly module.
    pub(super) audio: bool,
    /// The browser's own viewer, which a PDF needs.
    pub(super) pdf: bool,
}

/// Which pages may show a page inside themselves.
#[derive(Clone, Copy)]
pub(super) enum Framed {
    Never,
    ByOurs,
}

impl Loads {
    pub(super) fn of(label_config: &str, accounts: Vec<String>) -> Self {
        Self {
            accounts,
            audio: label_config.contains("<Audio"),
            pdf: label_config.contains("<Pdf") || label_config.contains("<PDF"),
        }
    }

    /// Without `unsafe-eval`, so that no script in a labeling config runs either. The editor styles its elements
    /// one by one, and makes workers and media of blobs in memory.
    fn policy(&self, framed_by: &str) -> String {
        let accounts: String = self
            .accounts
            .iter()
            .map(|origin| format!(" {origin}"))
            .collect();
        let wasm = if self.audio {
            " 'wasm-unsafe-eval'"
        } else {
            ""
        };
        let object = if self.pdf {
            format!("'self'{accounts}")
        } else {
            "'none'".to_owned()
        };
        format!(
            "default-src 'none'; script-src 'self'{wasm}; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data: blob:{accounts}; media-src 'self' blob:{accounts}; \
             connect-src 'self' data: blob:{accounts}; worker-src 'self' blob:; font-src 'self' data:; \
             object-src {object}; frame-src {object}; form-action 'self'; base-uri 'none'; frame-ancestors {framed_by}"
        )
    }
}

/// The page under a policy of its own.
pub(super) fn with_policy(mut response: Response, loads: &Loads, framed: Framed) -> Response {
    let (framed_by, framing) = match framed {
        Framed::Never => ("'none'", "DENY"),
        Framed::ByOurs => ("'self'", "SAMEORIGIN"),
    };
    if let Ok(policy) = HeaderValue::try_from(loads.policy(framed_by)) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static(framing));
    }
    response
}

pub(super) fn blob_hosts(app: &App) -> String {
    format!(".{}", app.engine.cloud().uri_suffix)
}

/// JSON for a `<script type="application/json">`.
pub(super) fn script_json(data: &impl Serialize) -> Result<String, ApiError> {
    let json = serde_json::to_string(data).map_err(|_| ApiError::internal())?;
    Ok(json.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::{Loads, script_json};

    #[test]
    fn the_policy_allows_what_the_config_needs_and_no_more() {
        let of = |config: &str, accounts: &[&str]| {
            let accounts = accounts.iter().map(|&account| account.to_owned()).collect();
            Loads::of(config, accounts).policy("'none'")
        };
        let image = of("<View><Image name=\"i\" value=\"$i\"/></View>", &[]);
        assert!(image.contains("script-src 'self';"), "{image}");
        assert!(image.contains("object-src 'none'"), "{image}");
        assert!(!image.contains("https:"), "{image}");
        let pdf = of(
            "<View><Pdf name=\"p\" value=\"$p\"/></View>",
            &["https://a.blob.example"],
        );
        assert!(
            pdf.contains("object-src 'self' https://a.blob.example;"),
            "{pdf}"
        );
        assert!(
            pdf.contains("img-src 'self' data: blob: https://a.blob.example;"),
            "{pdf}"
        );
        let audio = of("<View><Audio name=\"a\" value=\"$a\"/></View>", &[]);
        assert!(
            audio.contains("script-src 'self' 'wasm-unsafe-eval';"),
            "{audio}"
        );
    }

    #[test]
    fn texts_in_the_page_cannot_end_their_script() {
        let json = script_json(&"</script><script>").unwrap();
        assert_eq!(json, r#""\u003c/script>\u003cscript>""#);
    }
}
