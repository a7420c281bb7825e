//! Our cookies: what they are called, how they are read and kept.
//!
//! Where people reach the server over https, a name begins with `__Host-`: browsers take such a
//! cookie only from this host, over https, so that no neighbour can plant one. The plain name is
//! for http alone.

use axum::http::{HeaderMap, HeaderName, header};

use crate::App;

/// One of our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The browser's session.
    Session,
    /// The browser that began a sign-in at Entra ID, and where it goes after.
    EntraSignIn,
    /// Somebody has signed in in this browser before.
    KnownBrowser,
}

impl Cookie {
    /// Its name on http.
    pub(crate) const fn plain_name(self) -> &'static str {
        match self {
            Self::Session => "longshore_session",
            Self::EntraSignIn => "longshore_entra",
            Self::KnownBrowser => "longshore_browser",
        }
    }

    /// Its name on https.
    const fn host_name(self) -> &'static str {
        match self {
            Self::Session => "__Host-longshore_session",
            Self::EntraSignIn => "__Host-longshore_entra",
            Self::KnownBrowser => "__Host-longshore_browser",
        }
    }

    /// Its value, when the browser sent one.
    pub(crate) fn read<'a>(self, headers: &'a HeaderMap, app: &App) -> Option<&'a str> {
        let name = match app.settings.is_https() {
            true => self.host_name(),
            false => self.plain_name(),
        };
        value_of(headers, name)
    }

    /// The header that keeps it; with 0 seconds, that takes it away.
    pub(crate) fn kept(self, app: &App, value: &str, max_age_s: i64) -> (HeaderName, String) {
        let (name, secure) = match app.settings.is_https() {
            true => (self.host_name(), "; Secure"),
            false => (self.plain_name(), ""),
        };
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
        (header::SET_COOKIE, cookie)
    }
}

fn value_of<'a>(headers: &'a HeaderMap, cookie: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == cookie)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Cookie, value_of};

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let session_of = |headers: &HeaderMap| {
            value_of(headers, Cookie::Session.plain_name()).map(str::to_owned)
        };
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=b; longshore_session=xyz; c=d"),
        );
        assert_eq!(session_of(&headers).as_deref(), Some("xyz"));
        assert_eq!(value_of(&headers, Cookie::Session.host_name()), None);
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("longshore_session="),
        );
        assert_eq!(session_of(&headers), None);
    }
}

#[cfg(test)]
mod fuzz {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::value_of;

    /// A cookie's value stands in the header behind its name, and what is in front of it in other
    /// cookies changes nothing.
    #[test]
    fn cookies() {
        let seeds = [
            "a=b; longshore_session=xyz; c=d",
            "longshore_session=; longshore_session=\"x\"",
            "__Host-longshore_session=1;longshore_session =2",
        ];
        let words = ["longshore_session", "__Host-", "=", ";", " ", "\"", ","];
        ::fuzz::texts("cookies", &seeds, &words, |text| {
            let value_in = |text: &str| {
                let mut headers = HeaderMap::new();
                headers.insert(header::COOKIE, HeaderValue::from_str(text).ok()?);
                value_of(&headers, "longshore_session").map(str::to_owned)
            };
            let value = value_in(text);
            if let Some(value) = &value {
                assert!(!value.is_empty() && !value.contains(';'));
                assert!(text.contains(&format!("longshore_session={value}")));
            }
            assert_eq!(value_in(&format!("xlongshore_session=1; {text}")), value);
        });
    }
}
