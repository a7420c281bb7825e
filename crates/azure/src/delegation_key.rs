//! User delegation keys: what signs a SAS when no account key exists.
//!
//! Source: "Get User Delegation Key", "Create a user delegation SAS". A SAS dies with its key, so
//! the key always outlives every SAS that it signs.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};

use crate::{
    Error, ErrorKind, Result, instant,
    renewable::Freshness,
    sas,
    xml::{Xml, malformed},
};

/// Azure's limit, from the key's start (milliseconds).
const KEY_LIMIT_MS: i64 = 7 * 24 * 3_600_000;
/// Life of a key for short-lived SAS.
const KEY_DEFAULT_MS: i64 = 24 * 3_600_000;
/// The longest life of a user delegation SAS, so that one key can serve a day of them.
pub(crate) const LONGEST_SAS_MS: i64 = 6 * 24 * 3_600_000;
/// A key is renewed this long before it could no longer sign.
const RENEW_BEFORE_MS: i64 = 3_600_000;

const _: () = assert!(KEY_DEFAULT_MS <= KEY_LIMIT_MS);
const _: () = assert!(LONGEST_SAS_MS <= sas::LONGEST_MS);
// Even the longest SAS leaves a fresh key hours of use.
const _: () = assert!(LONGEST_SAS_MS + 12 * RENEW_BEFORE_MS + sas::START_BACK_MS <= KEY_LIMIT_MS);
// Microsoft: clocks may be 15 minutes apart.
const _: () = assert!(sas::START_BACK_MS >= 15 * 60_000);

/// A key as Azure gave it; the strings go into every SAS as they are.
pub(crate) struct DelegationKey {
    pub(crate) object_id: String,
    pub(crate) tenant_id: String,
    pub(crate) start: String,
    pub(crate) expiry: String,
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) hmac: hmac::Key,
    pub(crate) expires_at_ms: i64,
}

impl DelegationKey {
    /// For a SAS of this life, from now (milliseconds).
    pub(crate) fn freshness(&self, now_ms: i64, sas_life_ms: i64) -> Freshness {
        match self.expires_at_ms - now_ms - sas_life_ms {
            spare if spare > RENEW_BEFORE_MS => Freshness::Fresh,
            spare if spare >= 0 => Freshness::Aging,
            _ => Freshness::Spent,
        }
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self> {
        let [
            mut object_id,
            mut tenant_id,
            mut start,
            mut expiry,
            mut service,
            mut version,
            mut value,
        ] = [const { String::new() }; 7];
        let mut xml = Xml::new(body)?;
        xml.root("UserDelegationKey")?;
        xml.children(|xml, tag| {
            let field = match tag.name().as_ref() {
                "SignedOid" => &mut object_id,
                "SignedTid" => &mut tenant_id,
                "SignedStart" => &mut start,
                "SignedExpiry" => &mut expiry,
                "SignedService" => &mut service,
                "SignedVersion" => &mut version,
                "Value" => &mut value,
                _ => return xml.skip(tag),
            };
            *field = xml.text(tag)?;
            Ok(())
        })?;
        let bytes = BASE64
            .decode(&value)
            .map_err(|_| malformed("the user delegation key is not base64"))?;
        if bytes.is_empty() {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "the user delegation key is empty",
            ));
        }
        let expires_at_ms = instant::parse_iso(&expiry)
            .ok_or_else(|| malformed("the user delegation key has no expiry"))?;
        Ok(Self {
            object_id,
            tenant_id,
            start,
            expiry,
            service,
            version,
            hmac: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            expires_at_ms,
        })
    }

    /// A key with a known value, for vectors.
    #[cfg(test)]
    pub(crate) fn sample(object_id: &str, tenant_id: &str, start: &str, expiry: &str) -> Self {
        Self::parse(
            format!(
                "<UserDelegationKey><SignedOid>{object_id}</SignedOid><SignedTid>{tenant_id}</SignedTid>\
                 <SignedStart>{start}</SignedStart><SignedExpiry>{expiry}</SignedExpiry><SignedService>b</SignedService>\
                 <SignedVersion>2026-04-06</SignedVersion><Value>SmVmZQ==</Value></UserDelegationKey>"
            )
            .as_bytes(),
        )
        .unwrap()
    }
}

/// The life that a user delegation SAS gets when this one is asked for (milliseconds).
pub(crate) fn sas_life_ms(asked: Duration) -> i64 {
    i64::try_from(asked.as_millis())
        .unwrap_or(i64::MAX)
        .min(LONGEST_SAS_MS)
}

/// The body of Get User Delegation Key, for SAS of this life.
pub(crate) fn key_info(now_ms: i64, sas_life_ms: i64) -> String {
    let start_ms = now_ms - sas::START_BACK_MS;
    let life_ms = (2 * sas_life_ms).clamp(KEY_DEFAULT_MS, KEY_LIMIT_MS);
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><KeyInfo><Start>{}</Start><Expiry>{}</Expiry></KeyInfo>"#,
        instant::iso(start_ms),
        instant::iso(start_ms + life_ms),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DelegationKey, KEY_LIMIT_MS, LONGEST_SAS_MS, key_info, sas_life_ms};
    use crate::{
        instant::{iso, parse_iso},
        renewable::Freshness,
        sas::START_BACK_MS,
    };

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_key_is_good_only_while_it_outlives_the_sas() {
        let key = DelegationKey::sample("o", "t", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let expiry = parse_iso("2026-01-02T00:00:00Z").unwrap();
        for (left, life, expected) in [
            (24 * HOUR, HOUR, Freshness::Fresh),
            (2 * HOUR + 1, HOUR, Freshness::Fresh),
            (2 * HOUR, HOUR, Freshness::Aging),
            (HOUR, HOUR, Freshness::Aging),
            (HOUR - 1, HOUR, Freshness::Spent),
        ] {
            assert_eq!(
                key.freshness(expiry - left, life),
                expected,
                "{left} {life}"
            );
        }
    }

    #[test]
    fn the_key_asked_for_is_long_enough_and_within_azures_limit() {
        let now = parse_iso("2026-01-08T00:00:00Z").unwrap();
        for asked in [
            Duration::from_secs(60),
            Duration::from_secs(36 * 3600),
            Duration::from_secs(7 * 86_400),
            Duration::MAX,
        ] {
            let life = sas_life_ms(asked);
            let body = key_info(now, life);
            let expiry = body
                .split("<Expiry>")
                .nth(1)
                .unwrap()
                .split('<')
                .next()
                .unwrap();
            let expiry = parse_iso(expiry).unwrap();
            assert!(body.contains(&iso(now - START_BACK_MS)));
            assert!(expiry - (now - START_BACK_MS) <= KEY_LIMIT_MS);
            assert!(expiry - now >= life + 12 * HOUR, "{asked:?}");
        }
        assert_eq!(sas_life_ms(Duration::MAX), LONGEST_SAS_MS);
    }
}
