//! Makes SAS of every kind, from Microsoft's text and apart from the code that checks them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{iso, now, sign};

pub const SV: &str = "2026-04-06";

/// What a test varies of a SAS; the signature is always right for it.
#[derive(Clone)]
pub struct Sas {
    pub permissions: &'static str,
    pub resource: &'static str,
    pub starts: i64,
    pub expires: i64,
    pub protocol: &'static str,
    pub address: &'static str,
    pub content_type: &'static str,
}

pub fn sas() -> Sas {
    Sas {
        permissions: "r",
        resource: "b",
        starts: now() - 900,
        expires: now() + 600,
        protocol: "https",
        address: "",
        content_type: "",
    }
}

pub fn query(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    pairs
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect::<Vec<_>>()
        .join("&")
}

impl Sas {
    /// A service SAS over `cont` or `cont/BLOB`.
    pub fn service(&self, key: &str, blob: &str) -> String {
        let (st, se) = (iso(self.starts), iso(self.expires));
        let text = [
            self.permissions,
            &st,
            &se,
            &self.canonical(blob),
            "",
            self.address,
            self.protocol,
            SV,
            self.resource,
            "",
            "",
            "",
            "",
            "",
            "",
            self.content_type,
        ]
        .join("\n");
        query(&self.fields(&st, &se, &sign(key, &text)))
    }

    /// A user delegation SAS by the principal of `key`.
    pub fn delegation(&self, key: &Key, blob: &str) -> String {
        let (st, se) = (iso(self.starts), iso(self.expires));
        let text = [
            self.permissions,
            &st,
            &se,
            &self.canonical(blob),
            &key.oid,
            &key.tid,
            &key.start,
            &key.expiry,
            "b",
            &key.version,
            "",
            "",
            "",
            "",
            "",
            self.address,
            self.protocol,
            SV,
            self.resource,
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            self.content_type,
        ]
        .join("\n");
        let signature = sign(&key.value, &text);
        let mut fields = self.fields(&st, &se, &signature);
        fields.extend([
            ("skoid", key.oid.as_str()),
            ("sktid", &key.tid),
            ("skt", &key.start),
            ("ske", &key.expiry),
            ("sks", "b"),
            ("skv", &key.version),
        ]);
        query(&fields)
    }

    fn canonical(&self, blob: &str) -> String {
        if self.resource == "c" {
            "/blob/acct/cont".into()
        } else {
            format!("/blob/acct/cont/{blob}")
        }
    }

    fn fields<'a>(&'a self, st: &'a str, se: &'a str, sig: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("sv", SV),
            ("sp", self.permissions),
            ("sr", self.resource),
            ("st", st),
            ("se", se),
            ("spr", self.protocol),
            ("sip", self.address),
            ("rsct", self.content_type),
            ("sig", sig),
        ]
    }
}

pub struct Key {
    pub oid: String,
    pub tid: String,
    pub start: String,
    pub expiry: String,
    pub version: String,
    pub value: String,
}
