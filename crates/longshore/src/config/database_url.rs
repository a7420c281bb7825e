//! A database's URL as it may be shown.

use model::Secret;
use url::Url;

const HIDDEN: &str = "REDACTED";

/// The URL without its password, which stands before the host or in a parameter; what is no URL may
/// have it anywhere.
pub(super) fn without_password(url: &Secret) -> String {
    let Ok(mut parsed) = Url::parse(url.expose()) else {
        return HIDDEN.to_owned();
    };
    let is_password = |name: &str| name.to_ascii_lowercase().contains("password");
    let in_parameter = parsed.query_pairs().any(|(name, _)| is_password(&name));
    if parsed.password().is_none() && !in_parameter {
        return url.expose().to_owned();
    }
    if parsed.password().is_some() && parsed.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    if in_parameter {
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let shown = pairs.iter().map(|(name, value)| {
            let value = if is_password(name) { HIDDEN } else { value };
            (name, value)
        });
        parsed.query_pairs_mut().clear().extend_pairs(shown);
    }
    parsed.into()
}

#[cfg(test)]
mod tests {
    use model::Secret;

    use super::without_password;

    #[test]
    fn no_spelling_of_a_url_shows_its_password() {
        for (url, shown) in [
            ("postgres://u:hunter2@db/x", "postgres://u:REDACTED@db/x"),
            (
                "postgres://db/x?user=u&password=hunter2",
                "postgres://db/x?user=u&password=REDACTED",
            ),
            (
                "postgres://u:hunter2@db/x?sslpassword=hunter2",
                "postgres://u:REDACTED@db/x?sslpassword=REDACTED",
            ),
            ("postgres://u:hunter2@db:port/x", "REDACTED"),
            (
                "sqlite:///data/Long shore.db",
                "sqlite:///data/Long shore.db",
            ),
        ] {
            assert_eq!(without_password(&Secret::new(url)), shown);
        }
    }
}
