//! What a page may load, run, show and send: the one place that writes content security policies.
//!
//! A script runs when its element carries the nonce of this very answer. No address is allowed: whatever else our
//! origin serves, a stranger's blob or a library that attributes drive, is no script of the page, and a document
//! inside the page that inherits the policy cannot know the nonce.

use std::any::Any;

use askama::Values;
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use url::Url;
use uuid::Uuid;

use crate::App;

/// What one answer's own scripts carry, 122 random bits. Templates ask for it:
/// `askama::get_value::<String>("nonce")`.
#[derive(Clone)]
pub(crate) struct Nonce(String);

impl Nonce {
    pub(crate) fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }
}

impl Values for Nonce {
    fn get_value<'a>(&'a self, key: &str) -> Option<&'a dyn Any> {
        (key == "nonce").then_some(&self.0)
    }
}

/// Directives with their sources, in the order in which they are sent.
#[derive(Clone)]
pub(crate) struct Policy {
    nonce: Nonce,
    directives: Vec<(&'static str, Vec<String>)>,
}

/// Which pages may show a page inside themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framed {
    Never,
    ByOurs,
}

/// What a page with the annotation editor loads, beside what the editor always needs.
pub(crate) struct EditorLoads {
    /// Origins of storage accounts.
    pub(crate) accounts: Vec<String>,
    /// Where the editor's files are, for its worker that decodes audio; without audio none.
    pub(crate) audio: Option<String>,
    /// The browser's own viewer, which a PDF needs.
    pub(crate) pdf: bool,
}

impl Policy {
    /// For what is no page: it loads, runs, sends and frames nothing.
    pub(crate) const NOTHING: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    /// A stranger's bytes: shown at most, in a document without an origin.
    pub(crate) const STRANGER: HeaderValue = HeaderValue::from_static(
        "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; \
         frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    );
    /// Browsers' own PDF viewers do not work in a sandbox; a PDF's scripts never run on our origin.
    pub(crate) const PDF: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; \
         base-uri 'none'; form-action 'none'",
    );

    /// A page of ours: its scripts, our stylesheet, pictures and forms.
    pub(crate) fn page(nonce: Nonce) -> Self {
        let mut policy = Self {
            nonce,
            directives: Vec::new(),
        };
        policy.allow("default-src", "'none'");
        policy.allow("style-src", "'self'");
        policy.allow_scripts();
        for directive in ["img-src", "connect-src", "form-action"] {
            policy.allow(directive, "'self'");
        }
        for directive in ["frame-ancestors", "base-uri", "object-src", "worker-src"] {
            policy.allow(directive, "'none'");
        }
        policy
    }

    /// A page with the annotation editor. Without `unsafe-eval`, so that no script in a labeling config runs
    /// either. The editor styles its elements one by one, makes media of blobs in memory, and posts no form.
    fn editor(nonce: Nonce, loads: &EditorLoads, framed: Framed) -> Self {
        let mut policy = Self {
            nonce,
            directives: Vec::new(),
        };
        policy.allow("default-src", "'none'");
        policy.allow_scripts();
        if loads.audio.is_some() {
            policy.allow("script-src", "'wasm-unsafe-eval'");
        }
        for (directive, sources) in [
            ("style-src", &["'self'", "'unsafe-inline'"][..]),
            ("img-src", &["'self'", "data:", "blob:"]),
            ("media-src", &["'self'", "blob:"]),
            ("connect-src", &["'self'", "data:", "blob:"]),
            ("font-src", &["'self'", "data:"]),
        ] {
            for source in sources {
                policy.allow(directive, source);
            }
        }
        for account in &loads.accounts {
            for directive in ["img-src", "media-src", "connect-src"] {
                policy.allow(directive, account);
            }
        }
        policy.allow("worker-src", loads.audio.as_deref().unwrap_or("'none'"));
        for directive in ["object-src", "frame-src"] {
            if loads.pdf {
                policy.allow(directive, "'self'");
                for account in &loads.accounts {
                    policy.allow(directive, account);
                }
            } else {
                policy.allow(directive, "'none'");
            }
        }
        policy.allow("form-action", "'none'");
        policy.allow("base-uri", "'none'");
        let framed_by = match framed {
            Framed::Never => "'none'",
            Framed::ByOurs => "'self'",
        };
        policy.allow("frame-ancestors", framed_by);
        policy
    }

    fn allow_scripts(&mut self) {
        let nonce = format!("'nonce-{}'", self.nonce.0);
        self.allow("script-src", &nonce);
    }

    /// One more source of a directive.
    pub(crate) fn allow(&mut self, directive: &'static str, source: &str) {
        match self
            .directives
            .iter_mut()
            .find(|(name, _)| *name == directive)
        {
            Some((_, sources)) => sources.push(source.to_owned()),
            None => self.directives.push((directive, vec![source.to_owned()])),
        }
    }

    fn text(&self) -> String {
        let said = |(name, sources): &(&str, Vec<String>)| format!("{name} {}", sources.join(" "));
        let directives: Vec<String> = self.directives.iter().map(said).collect();
        directives.join("; ")
    }

    /// The page goes out under this policy, and [`allowing`] finds it again. What is no header (an operator's
    /// address with a line break) leaves a page that loads nothing.
    pub(crate) fn put_on(self, response: &mut Response) {
        let header = HeaderValue::try_from(self.text()).unwrap_or(Self::NOTHING);
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, header);
        response.extensions_mut().insert(self);
    }
}

/// The same page, allowed these sources too.
pub(crate) fn allowing(mut response: Response, more: &[(&'static str, &str)]) -> Response {
    if let Some(mut policy) = response.extensions_mut().remove::<Policy>() {
        for (directive, source) in more {
            policy.allow(directive, source);
        }
        policy.put_on(&mut response);
    }
    response
}

/// The same page under the policy of pages with the annotation editor.
pub(crate) fn with_editor(mut response: Response, loads: &EditorLoads, framed: Framed) -> Response {
    if let Some(page) = response.extensions_mut().remove::<Policy>() {
        Policy::editor(page.nonce, loads, framed).put_on(&mut response);
    }
    if framed == Framed::ByOurs {
        let framing: (HeaderName, _) = (
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("SAMEORIGIN"),
        );
        response.headers_mut().insert(framing.0, framing.1);
    }
    response
}

/// A stranger's policy, for bytes of another origin than the pages that frame them: these may.
pub(crate) fn framed_by(policy: &HeaderValue, pages: &str) -> Option<HeaderValue> {
    let text = policy.to_str().ok()?;
    let framed = text.replace(
        "frame-ancestors 'self'",
        &format!("frame-ancestors {pages}"),
    );
    HeaderValue::try_from(framed).ok()
}

/// Our origin as the browser of this request sees it: a policy and a CORS rule name it.
pub(crate) fn own_origin(app: &App, headers: &HeaderMap) -> String {
    let public = &app.settings.public_url;
    let asked = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let asked = asked.and_then(|host| Url::parse(&format!("{}://{host}", public.scheme())).ok());
    asked
        .as_ref()
        .unwrap_or(public)
        .origin()
        .ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::{EditorLoads, Framed, Nonce, Policy};

    fn editor(accounts: &[&str], audio: bool, pdf: bool) -> String {
        let loads = EditorLoads {
            accounts: accounts.iter().map(|&account| account.to_owned()).collect(),
            audio: audio.then(|| "https://l.example/editor/1/".to_owned()),
            pdf,
        };
        Policy::editor(Nonce("n".to_owned()), &loads, Framed::Never).text()
    }

    #[test]
    fn the_editors_policy_allows_what_the_config_needs_and_no_more() {
        let image = editor(&[], false, false);
        for directive in [
            "default-src 'none'",
            "script-src 'nonce-n'",
            "worker-src 'none'",
            "object-src 'none'",
            "frame-src 'none'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(image.split("; ").any(|part| part == directive), "{image}");
        }
        assert!(!image.contains("https:"), "{image}");
        let pdf = editor(&["https://a.blob.example"], false, true);
        assert!(
            pdf.contains("object-src 'self' https://a.blob.example;"),
            "{pdf}"
        );
        assert!(
            pdf.contains("img-src 'self' data: blob: https://a.blob.example;"),
            "{pdf}"
        );
        let audio = editor(&[], true, false);
        assert!(
            audio.contains("script-src 'nonce-n' 'wasm-unsafe-eval';")
                && audio.contains("worker-src https://l.example/editor/1/;"),
            "{audio}"
        );
    }

    #[test]
    fn a_pages_policy_names_no_script_by_its_address() {
        let page = Policy::page(Nonce("n".to_owned())).text();
        assert!(page.contains("script-src 'nonce-n';"), "{page}");
        assert!(!page.contains("unsafe"), "{page}");
    }

    #[test]
    fn no_two_answers_have_the_same_nonce() {
        let (one, other) = (Nonce::new(), Nonce::new());
        assert_ne!(one.0, other.0);
        assert!(one.0.len() >= 32);
    }
}
