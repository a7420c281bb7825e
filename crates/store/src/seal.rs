//! Secrets at rest: AES-256-GCM with a key id and the row's identity as associated data, so that a
//! sealed value copied to another row or organization does not open.
//!
//! A sealed value is `1 | key id (8) | nonce (12) | ciphertext and tag`. The key id is the beginning
//! of the key's SHA-256, so a key file needs no names.
//!
//! Keys are rotated beside running processes: each looks before it seals whether the file is another,
//! and reads it again when it meets a key that it does not know.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::Secret;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// The sealing keys, the current one first; older ones only open what they sealed. Clones see the
/// same keys.
#[derive(Clone)]
pub struct SealKeys(Arc<Ring>);

struct Ring {
    /// Where they are read again; `None` for keys that stay.
    file: Option<PathBuf>,
    loaded: RwLock<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    keys: Arc<[SealKey]>,
    version: Option<FileVersion>,
}

/// Another time or length is another content.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    modified: SystemTime,
    bytes: u64,
}

struct SealKey {
    id: [u8; KEY_ID_LEN],
    key: RandomizedNonceKey,
    /// Of the file, from 1.
    line: usize,
}

/// One key of the file, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKeyInfo {
    /// 16 hex digits, of the key's hash.
    pub id: String,
    /// Of the file, from 1.
    pub line: usize,
}

/// Why a key file cannot be used; never shows the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealKeyError {
    /// The file cannot be read.
    Unreadable(String),
    /// There is no key in the text.
    Empty,
    /// This line (from 1) is not 32 bytes in base64 or hex.
    NotAKey { line: usize },
}

/// The row that a sealed value belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedRow {
    pub table: &'static str,
    /// 0 for rows of no organization.
    pub org_id: i64,
    pub id: i64,
}

impl SealKeys {
    /// Reads a key file: one key a line, 32 bytes in base64 or hex, the current key first;
    /// empty lines and lines beginning with `#` are skipped.
    ///
    /// # Errors
    /// [`SealKeyError`] with the line, when it is not a key.
    pub fn parse(text: &str) -> std::result::Result<Self, SealKeyError> {
        Ok(Self::of(None, Loaded::parse(text)?))
    }

    /// The keys of a file, as [`SealKeys::parse`] has them; read again when it is another.
    ///
    /// # Errors
    /// As [`SealKeys::parse`], or when it cannot be read.
    pub fn of_file(path: &Path) -> std::result::Result<Self, SealKeyError> {
        let loaded = Loaded::read(path)?;
        Ok(Self::of(Some(path.to_owned()), loaded))
    }

    fn of(file: Option<PathBuf>, loaded: Loaded) -> Self {
        Self(Arc::new(Ring {
            file,
            loaded: RwLock::new(loaded),
        }))
    }

    /// The keys, the current first.
    pub fn list(&self) -> Vec<SealKeyInfo> {
        let info = |key: &SealKey| SealKeyInfo {
            id: hex::encode(key.id),
            line: key.line,
        };
        self.newest().iter().map(info).collect()
    }

    /// A new random key as a line for the key file (base64).
    pub fn generate() -> Secret {
        Secret::new(STANDARD.encode(rand::random::<[u8; 32]>()))
    }

    /// Seals with the current key.
    pub(crate) fn seal(&self, row: SealedRow, plain: &[u8]) -> Result<Vec<u8>> {
        let keys = self.newest();
        let current = &keys[0];
        let mut body = plain.to_vec();
        let nonce = current
            .key
            .seal_in_place_append_tag(Aad::from(row.identity()), &mut body)
            .map_err(|_| Error::new("a secret could not be sealed"))?;
        let mut sealed = Vec::with_capacity(HEADER_LEN + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&current.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens with the key that sealed it.
    pub(crate) fn open(&self, row: SealedRow, sealed: &[u8]) -> Result<Vec<u8>> {
        let broken = || Error::new("a sealed secret is damaged or belongs to another row");
        if sealed.len() < HEADER_LEN || sealed[0] != VERSION {
            return Err(broken());
        }
        let (header, body) = sealed.split_at(HEADER_LEN);
        let (id, nonce) = header[1..].split_at(KEY_ID_LEN);
        let has_it = |keys: &Arc<[SealKey]>| keys.iter().position(|key| key.id == id);
        let mut keys = self.loaded().keys;
        if has_it(&keys).is_none() {
            keys = self.read_again();
        }
        let key = has_it(&keys).map(|place| &keys[place]).ok_or_else(|| {
            Error::new("a secret was sealed with a key that is not in the key file")
        })?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut body = body.to_vec();
        let plain = key
            .key
            .open_in_place(nonce, Aad::from(row.identity()), &mut body)
            .map_err(|_| broken())?
            .len();
        body.truncate(plain);
        Ok(body)
    }

    /// Was it sealed with the current key?
    pub(crate) fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Some(&self.newest()[0].id)
    }

    fn loaded(&self) -> Loaded {
        let loaded = self.0.loaded.read();
        loaded.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys as the file has them now.
    fn newest(&self) -> Arc<[SealKey]> {
        let loaded = self.loaded();
        match &self.0.file {
            Some(path) if FileVersion::of(path).ok() != loaded.version => self.read_again(),
            _ => loaded.keys,
        }
    }

    /// A file that cannot be read, or has a mistake, changes nothing: the keys at hand still open
    /// what they sealed.
    fn read_again(&self) -> Arc<[SealKey]> {
        let Some(path) = &self.0.file else {
            return self.loaded().keys;
        };
        match Loaded::read(path) {
            Ok(loaded) => {
                let keys = loaded.keys.clone();
                let kept = self.0.loaded.write();
                *kept.unwrap_or_else(PoisonError::into_inner) = loaded;
                keys
            }
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "the sealing keys could not be read again");
                self.loaded().keys
            }
        }
    }
}

/// The id of the key that sealed it.
pub(crate) fn key_id(sealed: &[u8]) -> Option<&[u8; KEY_ID_LEN]> {
    sealed.get(1..=KEY_ID_LEN)?.try_into().ok()
}

impl Loaded {
    fn parse(text: &str) -> std::result::Result<Self, SealKeyError> {
        let keys = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(line, text)| SealKey::parse(text, line).ok_or(SealKeyError::NotAKey { line }))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SealKeyError::Empty);
        }
        Ok(Self {
            keys: keys.into(),
            version: None,
        })
    }

    fn read(path: &Path) -> std::result::Result<Self, SealKeyError> {
        let unreadable = |error: io::Error| SealKeyError::Unreadable(error.to_string());
        // Looked at first: a file that changes meanwhile is read once more.
        let version = FileVersion::of(path).map_err(unreadable)?;
        let text = fs::read_to_string(path)
            .map(Secret::new)
            .map_err(unreadable)?;
        Ok(Self {
            version: Some(version),
            ..Self::parse(text.expose())?
        })
    }
}

impl FileVersion {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self {
            modified: found.modified()?,
            bytes: found.len(),
        })
    }
}

impl SealKey {
    fn parse(text: &str, line: usize) -> Option<Self> {
        let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&Sha256::digest(bytes)[..KEY_ID_LEN]);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()?;
        Some(Self { id, key, line })
    }
}

impl SealedRow {
    fn identity(self) -> Vec<u8> {
        format!("longshore/{}/{}/{}", self.table, self.org_id, self.id).into_bytes()
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKeys({} keys)", self.loaded().keys.len())
    }
}

impl fmt::Display for SealKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "the sealing key file cannot be read: {why}"),
            Self::Empty => f.write_str("the sealing key file has no key"),
            Self::NotAKey { line } => write!(
                f,
                "line {line} of the sealing key file is not 32 bytes in base64 or hex"
            ),
        }
    }
}

impl std::error::Error for SealKeyError {}

#[cfg(test)]
mod tests {
    use super::{SealKeyError, SealKeys, SealedRow, key_id};

    const ROW: SealedRow = SealedRow {
        table: "storages",
        org_id: 1,
        id: 7,
    };

    fn keys() -> SealKeys {
        SealKeys::parse(SealKeys::generate().expose()).unwrap()
    }

    #[test]
    fn opens_what_it_sealed_and_only_for_the_same_row() {
        let keys = keys();
        let sealed = keys.seal(ROW, b"account key").unwrap();
        assert_eq!(keys.open(ROW, &sealed).unwrap(), b"account key");
        assert!(!sealed.windows(7).any(|part| part == b"account"));
        for other in [
            SealedRow { id: 8, ..ROW },
            SealedRow { org_id: 2, ..ROW },
            SealedRow {
                table: "azure_links",
                ..ROW
            },
        ] {
            assert!(keys.open(other, &sealed).is_err(), "{other:?}");
        }
    }

    #[test]
    fn damage_and_foreign_keys_are_refused() {
        let keys = keys();
        let sealed = keys.seal(ROW, b"account key").unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(keys.open(ROW, &damaged).is_err(), "byte {at}");
            assert!(keys.open(ROW, &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(
            self::keys()
                .open(ROW, &sealed)
                .unwrap_err()
                .to_string()
                .contains("not in the key file")
        );
    }

    #[test]
    fn an_older_key_still_opens_after_rotation() {
        let (old, new) = (SealKeys::generate(), SealKeys::generate());
        let sealed = SealKeys::parse(old.expose())
            .unwrap()
            .seal(ROW, b"x")
            .unwrap();
        let both = SealKeys::parse(&format!(
            "# newest first\n{}\n\n{}\n",
            new.expose(),
            old.expose()
        ))
        .unwrap();
        assert_eq!(both.open(ROW, &sealed).unwrap(), b"x");
        assert!(!both.is_current(&sealed));
        assert!(both.is_current(&both.seal(ROW, b"x").unwrap()));
    }

    #[test]
    fn a_key_that_is_added_beside_a_running_process_is_used_and_opened_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let old = SealKeys::generate();
        std::fs::write(&path, old.expose()).unwrap();
        let running = SealKeys::of_file(&path).unwrap();
        let before = running.seal(ROW, b"before").unwrap();

        let both = format!(
            "# newest first\n{}\n{}",
            SealKeys::generate().expose(),
            old.expose()
        );
        std::fs::write(&path, both).unwrap();
        let elsewhere = SealKeys::of_file(&path)
            .unwrap()
            .seal(ROW, b"elsewhere")
            .unwrap();
        assert_eq!(running.open(ROW, &elsewhere).unwrap(), b"elsewhere");
        assert_eq!(running.open(ROW, &before).unwrap(), b"before");
        assert!(!running.is_current(&before));
        let after = running.seal(ROW, b"after").unwrap();
        assert_eq!(key_id(&after), key_id(&elsewhere));
        let lines: Vec<usize> = running.list().iter().map(|key| key.line).collect();
        assert_eq!(lines, [2, 3]);

        // A file that is broken, or gone, takes nothing away.
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(running.open(ROW, &after).unwrap(), b"after");
        std::fs::remove_file(&path).unwrap();
        assert!(running.is_current(&running.seal(ROW, b"x").unwrap()));
    }

    #[test]
    fn key_files_name_the_line_that_is_wrong() {
        let hex = "00".repeat(32);
        assert!(SealKeys::parse(&hex).is_ok());
        assert_eq!(SealKeys::parse("\n#\n").unwrap_err(), SealKeyError::Empty);
        assert_eq!(
            SealKeys::parse(&format!("{hex}\nc2hvcnQ=\n")).unwrap_err(),
            SealKeyError::NotAKey { line: 2 }
        );
    }
}

#[cfg(test)]
mod fuzz {
    use super::{SealKeys, SealedRow};

    const ROW: SealedRow = SealedRow {
        table: "storages",
        org_id: 1,
        id: 7,
    };

    /// A sealed value that was changed does not open; one that opens was sealed here, for this row.
    #[test]
    fn sealed_rows() {
        let keys = SealKeys::parse(&["00".repeat(32), "11".repeat(32)].join("\n")).expect("keys");
        let old = SealKeys::parse(&"11".repeat(32)).expect("a key");
        let sealed = [
            keys.seal(ROW, b"account key").expect("sealed"),
            old.seal(ROW, b"another").expect("sealed"),
            keys.seal(SealedRow { id: 8, ..ROW }, b"account key")
                .expect("sealed"),
        ];
        let seeds: Vec<&[u8]> = sealed.iter().map(Vec::as_slice).collect();
        ::fuzz::bytes("sealed_rows", &seeds, &["\x01"], |input| {
            let opened = keys.open(ROW, input).ok();
            let expected = [&b"account key"[..], b"another"];
            let own = sealed[..2].iter().position(|own| own == input);
            assert_eq!(opened.as_deref(), own.map(|at| expected[at]));
            assert_eq!(
                keys.is_current(input),
                input.get(1..9) == Some(&sealed[0][1..9])
            );
        });
    }

    /// A key file that is read seals what it opens, or names a line that it has.
    #[test]
    fn key_files() {
        let hex = "0a".repeat(32);
        let file = format!("# newest first\n{hex}\nCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo=\n");
        ::fuzz::texts(
            "key_files",
            &[&file, &hex],
            &["#", "\n", "=", "00", "Cgo"],
            |text| match SealKeys::parse(text) {
                Ok(keys) => {
                    let sealed = keys.seal(ROW, text.as_bytes()).expect("sealed");
                    assert!(keys.is_current(&sealed));
                    assert_eq!(keys.open(ROW, &sealed).expect("opened"), text.as_bytes());
                    assert!(!format!("{keys:?}").contains("0a"));
                }
                Err(super::SealKeyError::NotAKey { line }) => {
                    assert!((1..=text.lines().count()).contains(&line));
                }
                Err(super::SealKeyError::Empty) => {}
                Err(super::SealKeyError::Unreadable(why)) => panic!("no file was read: {why}"),
            },
        );
    }
}
