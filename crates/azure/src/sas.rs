//! Shared access signatures for reading one blob.
//!
//! Sources: "Create a service SAS", "Create a user delegation SAS" (layouts of version 2026-04-06,
//! the same in Microsoft's Rust and Python clients and in Azurite).

use aws_lc_rs::hmac;
use model::BlobRevision;

use crate::{delegation_key::DelegationKey, encoding, instant, shared_key};

/// The newest layout of the string-to-sign; the version that requests speak, unless the cloud's
/// profile names an older one.
pub(crate) const VERSION: &str = "2026-04-06";
/// A SAS begins this long ago: clocks may differ by up to 15 minutes (milliseconds).
pub(crate) const START_BACK_MS: i64 = 15 * 60_000;
/// The longest life that is given (milliseconds).
pub(crate) const LONGEST_MS: i64 = 7 * 24 * 3_600_000;

/// What a SAS says besides who signs it: read this blob until then.
pub(crate) struct BlobSas<'a> {
    pub(crate) account: &'a str,
    pub(crate) container: &'a str,
    /// The name itself, not percent-encoded.
    pub(crate) blob: &'a str,
    pub(crate) revision: Option<&'a BlobRevision>,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
    pub(crate) expires_at_ms: i64,
    /// `https`, or `https,http` for an endpoint without TLS.
    pub(crate) protocol: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) content_disposition: &'a str,
    /// A GUID, or empty; only in a user delegation SAS.
    pub(crate) correlation_id: &'a str,
    /// Of the interface, which decides the lines that are signed.
    pub(crate) version: &'a str,
}

/// One line of the string-to-sign and, unless its name is empty or its value is, one query parameter.
type Field<'a> = (&'static str, &'a str);

impl BlobSas<'_> {
    /// The query of a service SAS, signed with the account key.
    pub(crate) fn service(&self, key: &hmac::Key) -> String {
        let (resource, start, expiry) = self.texts();
        query(
            &self.known(&self.service_fields(&resource, &start, &expiry)),
            key,
        )
    }

    /// The query of a user delegation SAS.
    pub(crate) fn delegated(&self, key: &DelegationKey) -> String {
        let (resource, start, expiry) = self.texts();
        query(
            &self.known(&self.delegated_fields(key, &resource, &start, &expiry)),
            &key.hmac,
        )
    }

    /// The kind of what is signed (`sr`), and its line for an earlier state.
    fn state(&self) -> (&'static str, &str) {
        match self.revision {
            None => ("b", ""),
            Some(BlobRevision::Snapshot(made)) => ("bs", made.as_str()),
            Some(BlobRevision::Version(made)) => ("bv", made.as_str()),
        }
    }

    /// The lines that there are in this version.
    fn known<'f>(&self, fields: &[Field<'f>]) -> Vec<Field<'f>> {
        let since = |name| match name {
            "saoid" | "suoid" | "scid" => "2020-02-10",
            "ses" => "2020-12-06",
            "skdutid" | "sduoid" => "2025-07-05",
            "srh" | "srq" => "2026-04-06",
            _ => "",
        };
        // Dates compare as text.
        let is_known = |(name, _): &&Field<'f>| since(name) <= self.version;
        fields.iter().filter(is_known).copied().collect()
    }

    fn texts(&self) -> (String, String, String) {
        (
            format!("/blob/{}/{}/{}", self.account, self.container, self.blob),
            instant::iso(self.now_ms - START_BACK_MS),
            instant::iso(self.expires_at_ms),
        )
    }

    fn service_fields<'a>(
        &'a self,
        resource: &'a str,
        start: &'a str,
        expiry: &'a str,
    ) -> [Field<'a>; 16] {
        [
            ("sp", "r"),
            ("st", start),
            ("se", expiry),
            ("", resource),
            ("si", ""),
            ("sip", ""),
            ("spr", self.protocol),
            ("sv", self.version),
            ("sr", self.state().0),
            ("", self.state().1),
            ("ses", ""),
            ("rscc", ""),
            ("rscd", self.content_disposition),
            ("rsce", ""),
            ("rscl", ""),
            ("rsct", self.content_type),
        ]
    }

    fn delegated_fields<'a>(
        &'a self,
        key: &'a DelegationKey,
        resource: &'a str,
        start: &'a str,
        expiry: &'a str,
    ) -> [Field<'a>; 28] {
        [
            ("sp", "r"),
            ("st", start),
            ("se", expiry),
            ("", resource),
            ("skoid", &key.object_id),
            ("sktid", &key.tenant_id),
            ("skt", &key.start),
            ("ske", &key.expiry),
            ("sks", &key.service),
            ("skv", &key.version),
            ("saoid", ""),
            ("suoid", ""),
            ("scid", self.correlation_id),
            ("skdutid", ""),
            ("sduoid", ""),
            ("sip", ""),
            ("spr", self.protocol),
            ("sv", self.version),
            ("sr", self.state().0),
            ("", self.state().1),
            ("ses", ""),
            ("srh", ""),
            ("srq", ""),
            ("rscc", ""),
            ("rscd", self.content_disposition),
            ("rsce", ""),
            ("rscl", ""),
            ("rsct", self.content_type),
        ]
    }
}

fn string_to_sign(fields: &[Field<'_>]) -> String {
    let mut text = String::with_capacity(512);
    for (index, (_, value)) in fields.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        text.push_str(value);
    }
    text
}

fn query(fields: &[Field<'_>], key: &hmac::Key) -> String {
    use std::fmt::Write as _;
    let signature = shared_key::signature(key, &string_to_sign(fields));
    let mut query = String::with_capacity(640);
    let shown = fields
        .iter()
        .filter(|(name, value)| !name.is_empty() && !value.is_empty());
    for (name, value) in shown.chain([&("sig", signature.as_str())]) {
        let separator = if query.is_empty() { "" } else { "&" };
        write!(query, "{separator}{name}={}", encoding::value(value)).expect("a String takes it");
    }
    query
}

#[cfg(test)]
mod tests {
    use model::BlobRevision;

    use super::{BlobSas, Field, START_BACK_MS, string_to_sign};
    use crate::{delegation_key::DelegationKey, instant::parse_iso};

    fn sas() -> BlobSas<'static> {
        BlobSas {
            account: "acct",
            container: "cont",
            blob: "a/b.txt",
            revision: None,
            now_ms: parse_iso("2026-01-01T01:00:00Z").unwrap() + START_BACK_MS,
            expires_at_ms: parse_iso("2026-01-01T12:00:00Z").unwrap(),
            protocol: "https",
            content_type: "CT",
            content_disposition: "CD",
            correlation_id: "",
            version: super::VERSION,
        }
    }

    /// The recorded vectors also hold fields that we never set.
    fn with_vector_values<const N: usize>(mut fields: [Field<'_>; N]) -> String {
        for (name, value) in &mut fields {
            *value = match *name {
                "sip" => "1.2.3.4",
                "sv" => "2026-10-06",
                "ses" => "ES",
                "rscc" => "CC",
                "rsce" => "CE",
                "rscl" => "CL",
                _ => value,
            };
        }
        string_to_sign(&fields)
    }

    #[test]
    fn service_string_to_sign_is_the_recorded_one() {
        let (sas, texts) = (sas(), sas().texts());
        assert_eq!(
            with_vector_values(sas.service_fields(&texts.0, &texts.1, &texts.2)),
            "r\n2026-01-01T01:00:00Z\n2026-01-01T12:00:00Z\n/blob/acct/cont/a/b.txt\n\n1.2.3.4\nhttps\n2026-10-06\nb\n\nES\nCC\nCD\nCE\nCL\nCT"
        );
    }

    #[test]
    fn delegated_string_to_sign_is_the_recorded_one() {
        let (sas, texts) = (sas(), sas().texts());
        let key = DelegationKey {
            version: "2026-10-06".to_owned(),
            ..DelegationKey::sample("OID", "TID", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
        };
        assert_eq!(
            with_vector_values(sas.delegated_fields(&key, &texts.0, &texts.1, &texts.2)),
            "r\n2026-01-01T01:00:00Z\n2026-01-01T12:00:00Z\n/blob/acct/cont/a/b.txt\nOID\nTID\n2026-01-01T00:00:00Z\n2026-01-02T00:00:00Z\nb\n2026-10-06\n\n\n\n\n\n1.2.3.4\nhttps\n2026-10-06\nb\n\nES\n\n\nCC\nCD\nCE\nCL\nCT"
        );
    }

    /// Microsoft's own builder signs the same query, for any name and any response header.
    #[test]
    fn microsofts_builder_agrees() {
        use azure_core::{base64, time::OffsetDateTime};
        use azure_storage_common::models::UserDelegationKey;
        use azure_storage_sas::{SasBuilder, SasProtocol};

        let key =
            DelegationKey::sample("OID", "TID", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let at =
            |text| OffsetDateTime::from_unix_timestamp(parse_iso(text).unwrap() / 1000).unwrap();
        let theirs = UserDelegationKey {
            signed_oid: Some("OID".to_owned()),
            signed_tid: Some("TID".to_owned()),
            signed_start: Some(at("2026-01-01T00:00:00Z")),
            signed_expiry: Some(at("2026-01-02T00:00:00Z")),
            signed_service: Some("b".to_owned()),
            signed_version: Some(super::VERSION.to_owned()),
            value: Some(base64::decode("SmVmZQ==").unwrap()),
            ..UserDelegationKey::default()
        };
        let made = model::BlobInstant::parse("2026-11-28T09:00:00.0000000Z").unwrap();
        let revisions = [
            None,
            Some(BlobRevision::Snapshot(made.clone())),
            Some(BlobRevision::Version(made)),
        ];
        for (blob, revision) in [
            ("a/b.txt", &revisions[0]),
            ("odd dir/ünï 100% #1?+&=.json", &revisions[1]),
            ("a//b/./c ", &revisions[2]),
        ] {
            let ours = BlobSas {
                blob,
                revision: revision.as_ref(),
                content_disposition: "attachment; filename=\"x y\"",
                correlation_id: "0199c8f0-7a5e-7000-8000-000000000001",
                ..sas()
            };
            let theirs = SasBuilder::new("acct", &theirs, at("2026-01-01T12:00:00Z"))
                .unwrap()
                .blob("cont", blob);
            let theirs = match revision {
                None => theirs,
                Some(BlobRevision::Snapshot(made)) => theirs.snapshot(made.as_str()),
                Some(BlobRevision::Version(made)) => theirs.version(made.as_str()),
            };
            let built = theirs
                .read()
                .content_type("CT")
                .content_disposition("attachment; filename=\"x y\"")
                .correlation_id("0199c8f0-7a5e-7000-8000-000000000001")
                .start(at("2026-01-01T01:00:00Z"))
                .protocol(SasProtocol::Https)
                .build();
            let mut ours = pairs(&ours.delegated(&key));
            // Theirs holds the parameter that names a snapshot, which ours leaves to the address.
            if let Some(BlobRevision::Snapshot(made)) = revision {
                ours.insert("snapshot".to_owned(), made.as_str().to_owned());
            }
            assert_eq!(ours, pairs(&built), "{blob}");
        }
    }

    fn pairs(query: &str) -> std::collections::BTreeMap<String, String> {
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }
}
