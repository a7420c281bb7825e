//! The data directory and the secret key file: made at the first start, readable by nobody else.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Context as _;
use store::SealKeys;

use crate::config::Config;

/// The sealing keys; makes the data directory and the first key when they are not there.
///
/// # Errors
/// When they cannot be made or read, or the file holds no key.
pub fn seal_keys(config: &Config) -> anyhow::Result<SealKeys> {
    make_private_folder(&config.data_dir)?;
    let path = config.secret_key_file();
    if !path.exists() {
        let line = format!("{}\n", SealKeys::generate().expose());
        match private_file(&path).and_then(|mut file| {
            file.write_all(line.as_bytes())?;
            file.sync_all()
        }) {
            Ok(()) => {
                tracing::info!(file = %path.display(), "made a secret key; keep a copy of it apart from the database's")
            }
            // Another process was faster; its key is the key.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    read_keys(&path)
}

fn read_keys(path: &Path) -> anyhow::Result<SealKeys> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    SealKeys::parse(&text).with_context(|| path.display().to_string())
}

/// Puts a new key in front of the others, at once or not at all.
///
/// # Errors
/// When the file cannot be read or replaced.
pub fn add_key(config: &Config) -> anyhow::Result<SealKeys> {
    seal_keys(config)?;
    let path = config.secret_key_file();
    let new = path.with_extension("new");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let replace = || {
        let mut file = private_file(&new)?;
        writeln!(file, "{}", SealKeys::generate().expose())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    replace().with_context(|| new.display().to_string())?;
    read_keys(&path)
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| path.display().to_string())
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| path.display().to_string())
}

fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{add_key, seal_keys};
    use crate::config::Config;

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().join("a/data"),
            ..Config::default()
        };
        seal_keys(&config).unwrap();
        assert_eq!(mode(&config.data_dir), 0o700);
        assert_eq!(mode(&config.secret_key_file()), 0o600);
        let first = fs::read_to_string(config.secret_key_file()).unwrap();
        seal_keys(&config).unwrap();
        assert_eq!(fs::read_to_string(config.secret_key_file()).unwrap(), first);
        add_key(&config).unwrap();
        let both = fs::read_to_string(config.secret_key_file()).unwrap();
        assert!(both.ends_with(&first) && both.len() > first.len());
        assert_eq!(mode(&config.secret_key_file()), 0o600);
    }
}
