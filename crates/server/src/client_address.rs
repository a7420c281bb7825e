//! Where a request comes from, for limits: the connection's address, or what the operator's reverse
//! proxy says in the header that the operator named.
//!
//! Of a list the last element counts, because each proxy appends whom it saw: what comes before it
//! may be the client's own invention.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};

use crate::App;

/// Headers that a reverse proxy adds.
const OF_PROXIES: [HeaderName; 3] = [
    HeaderName::from_static("x-forwarded-for"),
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
];
/// The pause between two lines of the log about a header that is no address.
const PAUSE: Duration = Duration::from_secs(60);

/// The address that a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where a request comes from; of IPv6 only the network (/64), which one person has to themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}

impl ClientAddress {
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        let header = app.settings.client_address_header.as_ref();
        let forwarded = header.and_then(|name| {
            let value = parts.headers.get_all(name).iter().next_back()?;
            let address = last_address(name, value);
            if address.is_none() {
                app.proxy_notices.not_an_address(name, value);
            }
            address
        });
        let peer = || parts.extensions.get::<Peer>().map(|peer| peer.0);
        Self(match forwarded.or_else(peer) {
            None => Ipv4Addr::UNSPECIFIED.into(),
            Some(address) => network(address),
        })
    }
}

/// What the operator is told about proxies.
#[derive(Default)]
pub(crate) struct ProxyNotices {
    not_an_address: Mutex<Option<Instant>>,
    is_told: AtomicBool,
}

impl ProxyNotices {
    /// Says once that there is a proxy, when nobody named its header.
    pub(crate) fn look(&self, headers: &HeaderMap, app: &App) {
        if app.settings.client_address_header.is_some() || self.is_told.load(Ordering::Relaxed) {
            return;
        }
        let found = OF_PROXIES
            .into_iter()
            .find(|name| headers.contains_key(name));
        if let Some(header) = found
            && !self.is_told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%header, "a request came through a proxy: set client_address_header (LONGSHORE_CLIENT_ADDRESS_HEADER) to the header in which your proxy puts the client's address; without it all its clients are limited as one");
        }
    }

    /// Says at most once a minute that the header holds no address.
    fn not_an_address(&self, name: &HeaderName, value: &HeaderValue) {
        let mut last = self
            .not_an_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        *last = Some(Instant::now());
        let text = String::from_utf8_lossy(value.as_bytes());
        let shown: String = text.chars().take(100).collect();
        tracing::warn!(header = %name, value = ?shown, "client_address_header holds no address; the connection's counts instead");
    }
}

/// The last address of a header's value.
fn last_address(name: &HeaderName, value: &HeaderValue) -> Option<IpAddr> {
    let last = value.to_str().ok()?.rsplit(',').next()?;
    if name == header::FORWARDED {
        let pairs = last.split(';').filter_map(|pair| pair.split_once('='));
        let mut fors = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case("for"));
        return address(fors.next()?.1);
    }
    address(last)
}

/// `203.0.113.9`, `203.0.113.9:1234`, `2001:db8::1`, `[2001:db8::1]:1234`, with quotes or a zone.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let host = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        is_port(port).then_some(host)?
    } else if let Some((host, port)) = text.split_once(':').filter(|(_, rest)| !rest.contains(':'))
    {
        is_port(&format!(":{port}")).then_some(host)?
    } else {
        text
    };
    match host.split_once('%') {
        // A zone names an interface of the proxy.
        Some((host, _)) => host.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// Nothing, or `:1234`; RFC 7239 also allows a name that hides the port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(port) => port.parse::<u16>().is_ok() || (port.len() > 1 && port.starts_with('_')),
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::{last_address, network};

    fn counted(name: &str, value: &str) -> Option<String> {
        let name: HeaderName = name.parse().unwrap();
        let address = last_address(&name, &HeaderValue::from_str(value).unwrap())?;
        Some(network(address).to_string())
    }

    #[test]
    fn an_address_is_read_however_a_proxy_writes_it() {
        for (value, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            (" 203.0.113.9 ", "203.0.113.9"),
            ("203.0.113.9:1234", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::"),
            ("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::"),
            ("fe80::1%eth0", "fe80::"),
            ("[fe80::1%25eth0]:443", "fe80::"),
            ("1.1.1.1, 203.0.113.9:1234", "203.0.113.9"),
            ("203.0.113.7,[2001:db8::1]:5", "2001:db8::"),
        ] {
            assert_eq!(
                counted("x-forwarded-for", value).as_deref(),
                Some(expected),
                "{value}"
            );
        }
        for (value, expected) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"203.0.113.9:47011\";proto=https", "203.0.113.9"),
            ("for=\"203.0.113.9:_port\"", "203.0.113.9"),
            (
                "for=1.1.1.1, proto=https;for=\"[2001:db8::1]:4711\";by=x",
                "2001:db8::",
            ),
        ] {
            assert_eq!(
                counted("forwarded", value).as_deref(),
                Some(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for value in [
            "",
            "unknown",
            "_hidden",
            "203.0.113.9,",
            "203.0.113.9:port",
            "203.0.113.9:99999",
            "203.0.113",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "203.0.113.9%eth0",
            "example.com",
        ] {
            assert_eq!(counted("x-forwarded-for", value), None, "{value}");
        }
        assert_eq!(counted("forwarded", "203.0.113.9"), None);
        assert_eq!(counted("forwarded", "for=unknown"), None);
    }
}

#[cfg(test)]
mod fuzz {
    use axum::http::{HeaderName, HeaderValue, header};

    use super::{last_address, network};

    /// Whatever a client writes in front, the address is the one that the proxy wrote last; an
    /// address is read the same again as it is written.
    #[test]
    fn client_addresses() {
        let seeds = [
            "203.0.113.9, [2001:db8::1%eth0]:1234",
            "for=192.0.2.60;proto=http;by=203.0.113.43, For=\"[2001:db8:cafe::17]:4711\"",
            "198.51.100.7:_hidden",
        ];
        let words = [
            "for=",
            ",",
            ";",
            "\"",
            "[",
            "]",
            ":",
            "::",
            "::ffff:",
            "%",
            "203.0.113.9",
            "_x",
        ];
        let forwarded_for = HeaderName::from_static("x-forwarded-for");
        ::fuzz::texts("client_addresses", &seeds, &words, |text| {
            for name in [&forwarded_for, &header::FORWARDED] {
                let read = |text: &str| last_address(name, &HeaderValue::from_str(text).ok()?);
                let found = read(text);
                assert_eq!(read(&format!("10.0.0.1, for=10.0.0.2,{text}")), found);
                let Some(address) = found else { continue };
                let written = match (name, network(address).is_ipv6()) {
                    (name, true) if *name == header::FORWARDED => {
                        format!("for=\"[{}]:1\"", network(address))
                    }
                    (name, false) if *name == header::FORWARDED => {
                        format!("for={}", network(address))
                    }
                    _ => network(address).to_string(),
                };
                assert_eq!(read(&written), Some(network(address)));
            }
        });
    }
}
