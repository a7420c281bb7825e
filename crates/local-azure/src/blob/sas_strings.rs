//! The strings that a SAS signs, by kind and by version (`sv`): field lists joined by line feeds.
//!
//! From "Create a service SAS", "Create an account SAS" and "Create a user delegation SAS";
//! versions before 2013-08-15, which could not choose headers, are refused.

use crate::blob::request::BlobRequest;

/// A field of a string to sign.
#[derive(Clone, Copy)]
enum Part {
    /// A query parameter; absent is an empty line.
    Field(&'static str),
    /// The canonicalized resource.
    Resource,
    /// A parameter that came with this version and was no line before.
    Since(&'static str, &'static str),
    /// The snapshot or version that a token is for.
    Snapshot,
    /// A line that is always empty here.
    Empty,
}

use Part::{Empty, Field, Resource, Since, Snapshot};

/// The oldest version of each kind.
const OLDEST_SERVICE: &str = "2013-08-15";
const OLDEST_ACCOUNT: &str = "2015-04-05";
const OLDEST_DELEGATION: &str = "2018-11-09";

const SERVICE: &[Part] = &[
    Field("sp"),
    Field("st"),
    Field("se"),
    Resource,
    Field("si"),
    Since("sip", "2015-04-05"),
    Since("spr", "2015-04-05"),
    Field("sv"),
    Since("sr", "2018-11-09"),
    Snapshot,
    Since("ses", "2020-12-06"),
    Field("rscc"),
    Field("rscd"),
    Field("rsce"),
    Field("rscl"),
    Field("rsct"),
];

const DELEGATION: &[Part] = &[
    Field("sp"),
    Field("st"),
    Field("se"),
    Resource,
    Field("skoid"),
    Field("sktid"),
    Field("skt"),
    Field("ske"),
    Field("sks"),
    Field("skv"),
    Since("saoid", "2020-02-10"),
    Since("suoid", "2020-02-10"),
    Since("scid", "2020-02-10"),
    Since("skdutid", "2025-07-05"),
    Since("sduoid", "2025-07-05"),
    Field("sip"),
    Field("spr"),
    Field("sv"),
    Field("sr"),
    Snapshot,
    Since("ses", "2020-12-06"),
    Since("srh", "2026-04-06"),
    Since("srq", "2026-04-06"),
    Field("rscc"),
    Field("rscd"),
    Field("rsce"),
    Field("rscl"),
    Field("rsct"),
];

const ACCOUNT: &[Part] = &[
    Resource,
    Field("sp"),
    Field("ss"),
    Field("srt"),
    Field("st"),
    Field("se"),
    Field("sip"),
    Field("spr"),
    Field("sv"),
    Since("ses", "2020-12-06"),
    Empty,
];

/// What a service SAS signs; `None` for a version that is not supported.
pub fn service_string(resource: &str, request: &BlobRequest) -> Option<String> {
    joined(SERVICE, OLDEST_SERVICE, resource, request)
}

/// What a user delegation SAS signs; `None` for a version that is not supported.
pub fn delegation_string(resource: &str, request: &BlobRequest) -> Option<String> {
    joined(DELEGATION, OLDEST_DELEGATION, resource, request)
}

/// What an account SAS signs, its final line feed included.
pub fn account_string(account: &str, request: &BlobRequest) -> Option<String> {
    joined(ACCOUNT, OLDEST_ACCOUNT, account, request)
}

fn joined(parts: &[Part], oldest: &str, resource: &str, request: &BlobRequest) -> Option<String> {
    let field = |name| request.query.get(name).unwrap_or("");
    let version = field("sv");
    // Dates compare as text.
    if version < oldest {
        return None;
    }
    let lines: Vec<&str> = parts
        .iter()
        .filter_map(|part| match *part {
            Field(name) => Some(field(name)),
            Resource => Some(resource),
            Since(name, since) => (version >= since).then(|| field(name)),
            Snapshot => (version >= "2018-11-09").then(|| match field("sr") {
                "bs" => field("snapshot"),
                "bv" => field("versionid"),
                _ => "",
            }),
            Empty => Some(""),
        })
        .collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{account_string, delegation_string, service_string};
    use crate::blob::{query::Query, request::BlobRequest};

    const COMMON: &str = "sp=r&st=2026-01-01T01:00:00Z&se=2026-01-01T12:00:00Z&sip=1.2.3.4&spr=https&sr=b&ses=ES&rscc=CC&rscd=CD&rsce=CE&rscl=CL&rsct=CT";
    const KEY: &str = "&skoid=OID&sktid=TID&skt=2026-01-01T00:00:00Z&ske=2026-01-02T00:00:00Z&sks=b&skv=2026-10-06";

    fn request(query: String) -> BlobRequest {
        let mut request = BlobRequest::internal(Method::GET, "acct", "cont", Some("a/b.txt"));
        request.query = Query::parse(&query);
        request
    }

    /// Vectors on which Azurite, the Python SDK and azure_storage_sas agree.
    #[test]
    fn strings_are_those_of_the_official_libraries() {
        let resource = "/blob/acct/cont/a/b.txt";
        assert_eq!(
            service_string(resource, &request(format!("{COMMON}&sv=2026-10-06"))).unwrap(),
            "r\n2026-01-01T01:00:00Z\n2026-01-01T12:00:00Z\n/blob/acct/cont/a/b.txt\n\n1.2.3.4\nhttps\n2026-10-06\nb\n\nES\nCC\nCD\nCE\nCL\nCT"
        );
        assert_eq!(
            delegation_string(resource, &request(format!("{COMMON}{KEY}&sv=2026-10-06"))).unwrap(),
            "r\n2026-01-01T01:00:00Z\n2026-01-01T12:00:00Z\n/blob/acct/cont/a/b.txt\nOID\nTID\n2026-01-01T00:00:00Z\n2026-01-02T00:00:00Z\nb\n2026-10-06\n\n\n\n\n\n1.2.3.4\nhttps\n2026-10-06\nb\n\nES\n\n\nCC\nCD\nCE\nCL\nCT"
        );
        assert_eq!(
            account_string(
                "acct",
                &request("sp=rl&ss=b&srt=co&se=2026-01-02&sv=2026-10-06".into())
            )
            .unwrap(),
            "acct\nrl\nb\nco\n\n2026-01-02\n\n\n2026-10-06\n\n"
        );
    }

    #[test]
    fn older_service_tokens_have_fewer_lines() {
        let lines = |version: &str| {
            service_string("/r", &request(format!("{COMMON}&si=policy&sv={version}")))
                .map(|text| text.split('\n').count())
        };
        assert_eq!(lines("2012-02-12"), None);
        assert_eq!(lines("2013-08-15"), Some(11));
        assert_eq!(lines("2015-04-05"), Some(13));
        assert_eq!(lines("2017-11-09"), Some(13));
        assert_eq!(lines("2018-11-09"), Some(15));
        assert_eq!(lines("2020-12-06"), Some(16));
    }

    #[test]
    fn older_versions_have_fewer_lines() {
        let lines = |version: &str| {
            delegation_string("/r", &request(format!("{COMMON}{KEY}&sv={version}")))
                .map(|text| text.split('\n').count())
        };
        assert_eq!(lines("2017-11-09"), None);
        assert_eq!(lines("2018-11-09"), Some(20));
        assert_eq!(lines("2020-02-10"), Some(23));
        assert_eq!(lines("2020-12-06"), Some(24));
        assert_eq!(lines("2025-07-05"), Some(26));
        assert_eq!(lines("2026-04-06"), Some(28));
    }
}
