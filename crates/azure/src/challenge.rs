//! The bearer challenge of a 401: which tenant owns a storage account.
//!
//! Source: "Authorize with Microsoft Entra ID", section on bearer challenges. A hostile endpoint
//! could name its own authority to collect tokens, so only known hosts are believed.

use url::Url;

use crate::{Cloud, Error, ErrorKind, Result};

/// `WWW-Authenticate: Bearer authorization_uri=… resource_id=…`, as Azure Storage sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The tenant that the account trusts: the first path segment of `authorization_uri`.
    pub tenant_id: String,
    /// Where that tenant signs in, such as `https://login.microsoftonline.com/TENANT/oauth2/authorize`.
    pub authorization_uri: String,
    /// What a token must be for: `https://storage.azure.com`.
    pub resource_id: Option<String>,
}

impl Challenge {
    /// Reads a header value; parameters quoted or not, separated by blanks or commas, as seen in the wild.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, parameters) = header.trim_start().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameter = |name: &str| {
            parameters
                .split([' ', ',', '\t'])
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim_matches('"').to_owned())
        };
        let authorization_uri =
            parameter("authorization_uri").or_else(|| parameter("authorization"))?;
        let tenant_id = Url::parse(&authorization_uri)
            .ok()?
            .path_segments()?
            .next()
            .filter(|segment| !segment.is_empty())?
            .to_owned();
        Some(Self {
            tenant_id,
            authorization_uri,
            resource_id: parameter("resource_id").or_else(|| parameter("resource")),
        })
    }

    /// The challenge, if it is this cloud's: a known authority, and a token for storage.
    pub(crate) fn believed(self, cloud: &Cloud) -> Result<Self> {
        let known = Url::parse(&self.authorization_uri).is_ok_and(|url| cloud.has_authority(&url));
        if !known {
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!(
                    "the account's challenge names {}, which is no sign-in address of the {} cloud; \
                     no token is sent there",
                    self.authorization_uri, cloud.name
                ),
            ));
        }
        let resource = self.resource_id.as_deref().unwrap_or_default();
        if resource.trim_end_matches('/') != cloud.storage_resource.trim_end_matches('/') {
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!(
                    "the account's challenge asks for a token for {resource:?} instead of {:?}",
                    cloud.storage_resource
                ),
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Challenge;
    use crate::Cloud;

    const REAL: &str = "Bearer authorization_uri=https://login.microsoftonline.com/T-1/oauth2/authorize resource_id=https://storage.azure.com";

    #[test]
    fn every_spelling_in_the_wild() {
        let expected = Challenge::parse(REAL).unwrap();
        assert_eq!(expected.tenant_id, "T-1");
        for header in [
            r#"Bearer authorization_uri="https://login.microsoftonline.com/T-1/oauth2/authorize", resource_id="https://storage.azure.com""#,
            "bearer authorization_uri=https://login.microsoftonline.com/T-1/oauth2/authorize,resource_id=https://storage.azure.com",
            r#"Bearer resource_id="https://storage.azure.com" authorization_uri="https://login.microsoftonline.com/T-1/oauth2/authorize""#,
        ] {
            assert_eq!(
                Challenge::parse(header).as_ref(),
                Some(&expected),
                "{header}"
            );
        }
        for header in [
            "",
            "Bearer",
            "Basic realm=x",
            "Bearer realm=x",
            "Bearer authorization_uri=https://login.microsoftonline.com",
        ] {
            assert_eq!(Challenge::parse(header), None, "{header}");
        }
    }

    #[test]
    fn only_this_clouds_challenge_is_believed() {
        let cloud = Cloud::public();
        assert!(Challenge::parse(REAL).unwrap().believed(&cloud).is_ok());
        for (from, to, said) in [
            (
                "login.microsoftonline.com",
                "login.evil.com",
                "login.evil.com",
            ),
            ("https://login", "http://login", "no sign-in address"),
            ("storage.azure.com", "vault.azure.net", "vault.azure.net"),
            (" resource_id=https://storage.azure.com", "", "instead of"),
        ] {
            let error = Challenge::parse(&REAL.replace(from, to))
                .unwrap()
                .believed(&cloud)
                .unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}

#[cfg(test)]
mod fuzz {
    use url::Url;

    use super::Challenge;
    use crate::Cloud;

    /// No token goes where a challenge says, unless that is a sign-in address of the cloud over TLS.
    #[test]
    fn challenges() {
        let seeds = [
            "Bearer authorization_uri=https://login.microsoftonline.com/T-1/oauth2/authorize resource_id=https://storage.azure.com",
            r#"bearer authorization="https://login.windows.net:443/t", resource="https://storage.azure.com/""#,
        ];
        let words = [
            "Bearer ",
            "authorization_uri=",
            "resource_id=",
            "https://",
            "http://",
            "@",
            ":443",
            "\\",
            "login.microsoftonline.com",
            "login.microsoft.com",
            ".evil.com",
            "https://storage.azure.com",
            "%2e",
            "/",
            "#",
            "?",
        ];
        let cloud = Cloud::public();
        ::fuzz::texts("challenges", &seeds, &words, |text| {
            let Some(challenge) = Challenge::parse(text) else {
                return;
            };
            assert!(!challenge.tenant_id.is_empty() && !challenge.tenant_id.contains('/'));
            let uri = challenge.authorization_uri.clone();
            if let Ok(believed) = challenge.believed(&cloud) {
                assert_eq!(believed.authorization_uri, uri);
                let url = Url::parse(&uri).expect("it was parsed before");
                let own = [
                    "login.microsoftonline.com",
                    "login.windows.net",
                    "login.microsoft.com",
                ];
                assert_eq!((url.scheme(), url.port()), ("https", None));
                assert!(own.contains(&url.host_str().unwrap_or_default()), "{url}");
            }
        });
    }
}
