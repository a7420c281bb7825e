//! Azure Arc's proof of being on the machine: a key in a file that only its agent's group reads.
//!
//! Source: "Authenticate against Azure resources with Azure Arc-enabled servers". The endpoint names
//! the file in a challenge, and a false endpoint would name any file of the machine: only the
//! agent's own folder is read, and only what a key can be.

use std::path::{Path, PathBuf};

use reqwest::{Response, header::HeaderValue};
use tokio::io::AsyncReadExt as _;

use crate::{Error, ErrorKind, Result};

/// Longer files are no keys.
const KEY_LIMIT: u64 = 4_096;

/// Where the agent writes its keys, as Microsoft's libraries know it.
pub(crate) fn documented_folder() -> PathBuf {
    if cfg!(windows) {
        PathBuf::from(r"C:\ProgramData\AzureConnectedMachineAgent\Tokens")
    } else {
        PathBuf::from("/var/opt/azcmagent/tokens")
    }
}

/// The value of `Authorization` that answers a challenge.
///
/// # Errors
/// `IdentityKeyRefused` when the challenge names no key of the agent, `IdentityKeyUnreadable` when
/// this process may not read it.
pub(super) async fn answer_to(challenge: &Response, folder: &Path) -> Result<HeaderValue> {
    let file = key_file(challenge, folder)?;
    let refused = |why: &str| {
        let text = format!("the key file {}: {why}", file.display());
        Error::new(ErrorKind::IdentityKeyRefused, text)
    };
    let mut key = String::new();
    let opened = tokio::fs::File::open(&file).await;
    let read = match opened {
        Ok(file) => file.take(KEY_LIMIT + 1).read_to_string(&mut key).await,
        Err(error) => Err(error),
    };
    let length = read.map_err(|error| {
        Error::new(
            ErrorKind::IdentityKeyUnreadable,
            format!("the key file {}: {error}", file.display()),
        )
    })?;
    if length as u64 > KEY_LIMIT {
        return Err(refused("it is longer than 4096 bytes"));
    }
    let mut value = HeaderValue::try_from(format!("Basic {}", key.trim()))
        .map_err(|_| refused("it holds no key"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn key_file(challenge: &Response, folder: &Path) -> Result<PathBuf> {
    let refused = |why: String| Error::new(ErrorKind::IdentityKeyRefused, why);
    let named = challenge
        .headers()
        .get_all("www-authenticate")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|text| text.strip_prefix("Basic realm="))
        .map(|path| Path::new(path.trim().trim_matches('"')))
        .ok_or_else(|| refused("the endpoint's challenge names no key file".to_owned()))?;
    // The path as it is given: `..` and other folders make another parent.
    let is_key = named.parent() == Some(folder)
        && named
            .extension()
            .is_some_and(|extension| extension == "key");
    if !is_key {
        return Err(refused(format!(
            "the endpoint names {}, which is no .key file of {}",
            named.display(),
            folder.display()
        )));
    }
    Ok(named.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use reqwest::Response;

    use super::answer_to;
    use crate::ErrorKind::{self, *};

    fn challenge(value: &str) -> Response {
        let answer = http::Response::builder().header("www-authenticate", value);
        Response::from(answer.body(Vec::new()).unwrap())
    }

    #[tokio::test]
    async fn only_a_key_of_the_agents_folder_is_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("tokens");
        fs::create_dir_all(folder.join("deeper")).unwrap();
        for (name, text) in [
            ("tokens/a.key", "the key\n".to_owned()),
            ("tokens/full.key", "k".repeat(4_096)),
            ("tokens/long.key", "k".repeat(4_097)),
            ("tokens/a.txt", "k".to_owned()),
            ("tokens/deeper/a.key", "k".to_owned()),
            ("secret.key", "k".to_owned()),
        ] {
            fs::write(home.path().join(name), text).unwrap();
        }
        let named = |path: &str| format!("Basic realm={}", home.path().join(path).display());
        let rows: [(String, Result<usize, ErrorKind>); 10] = [
            (named("tokens/a.key"), Ok(7)),
            (named("tokens/full.key"), Ok(4_096)),
            (named("tokens/long.key"), Err(IdentityKeyRefused)),
            (named("tokens/a.txt"), Err(IdentityKeyRefused)),
            (named("tokens/deeper/a.key"), Err(IdentityKeyRefused)),
            (named("secret.key"), Err(IdentityKeyRefused)),
            (named("tokens/../secret.key"), Err(IdentityKeyRefused)),
            (named("tokens/gone.key"), Err(IdentityKeyUnreadable)),
            ("Basic realm=a.key".to_owned(), Err(IdentityKeyRefused)),
            ("Bearer realm=x".to_owned(), Err(IdentityKeyRefused)),
        ];
        for (value, expected) in rows {
            let answer = answer_to(&challenge(&value), &folder).await;
            let length = answer.map(|key| key.len() - "Basic ".len());
            assert_eq!(length.map_err(|error| error.kind()), expected, "{value}");
        }
        let none = answer_to(&challenge(""), Path::new("/")).await;
        assert_eq!(none.unwrap_err().kind(), IdentityKeyRefused);
    }
}
