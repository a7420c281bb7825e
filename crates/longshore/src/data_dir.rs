//! The data directory and the secret key file: made at the first start, readable by nobody else.
//! What an older version or somebody else left open is closed, or said.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use rustix::{fs::Mode, process::umask};
use store::{SealKeys, sqlite_file};

use crate::config::Config;

/// From now on nobody else reads what this process makes, whichever library makes it.
pub fn keep_new_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// The sealing keys; makes the data directory and the first key when they are not there.
///
/// # Errors
/// When they cannot be made or read, the file holds no key, or everybody on the machine reads it.
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
    check_key_file(&path)?;
    read_keys(&path)
}

fn read_keys(path: &Path) -> anyhow::Result<SealKeys> {
    SealKeys::of_file(path).with_context(|| path.display().to_string())
}

/// Puts a new key in front of the others, at once or not at all. Of two processes that do it, one
/// waits for the other.
///
/// # Errors
/// When the file cannot be read or replaced.
pub fn add_key(config: &Config) -> anyhow::Result<SealKeys> {
    seal_keys(config)?;
    let path = config.secret_key_file();
    // Where it is a link, the file that it leads to is replaced, not the link.
    let path = path
        .canonicalize()
        .with_context(|| path.display().to_string())?;
    let (new, lock) = (path.with_extension("new"), path.with_extension("lock"));
    let replace = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&lock)?;
        lock.lock()?;
        // Left by one that was broken off before its key was in use.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let text = fs::read_to_string(&path)?;
        let mut file = private_file(&new)?;
        // As the file was: who reads it by its group still does.
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        writeln!(file, "{}", SealKeys::generate().expose())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        // The key is on the disk before anything is sealed with it.
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    replace().with_context(|| new.display().to_string())?;
    read_keys(&config.secret_key_file())
}

/// Closes our files that others can read, and says which folders are open.
pub fn make_files_private(config: &Config) {
    let mut files = Vec::new();
    if let Some(database) = sqlite_file(config.database_url().expose()) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut file = database.clone().into_os_string();
            file.push(suffix);
            files.push((PathBuf::from(file), 0o600));
        }
        if let Some(folder) = database.parent().filter(|path| *path != config.data_dir) {
            warn_of_folder(folder);
        }
    }
    files.push((config.data_dir.join("thumbnails"), 0o700));
    for (path, mode) in files {
        close(&path, mode);
    }
    warn_of_folder(&config.data_dir);
}

fn close(path: &Path, mode: u32) {
    let Some(found) = mode_of(path).filter(|found| found & 0o077 != 0) else {
        return;
    };
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    let path = path.display();
    match set {
        Ok(()) => {
            tracing::info!(%path, was = format!("{found:o}"), "others could read this; now only its owner can")
        }
        Err(error) => {
            tracing::warn!(%path, mode = format!("{found:o}"), %error, "others can read this: chmod {mode:o} {path}")
        }
    }
}

/// Who made a folder decides; the files in it are private anyway.
fn warn_of_folder(path: &Path) {
    if let Some(mode) = mode_of(path).filter(|mode| mode & 0o007 != 0) {
        let path = path.display();
        tracing::warn!(%path, mode = format!("{mode:o}"), "everybody on this machine can look into this folder: chmod 700 {path}");
    }
}

/// Says of a file with a secret that is the operator's own that others read it.
pub fn warn_of_readers(path: &Path) {
    if let Some(mode) = mode_of(path).filter(|mode| mode & 0o044 != 0) {
        let path = path.display();
        tracing::warn!(%path, mode = format!("{mode:o}"), "others can read this secret: chmod 600 {path}");
    }
}

/// A key that everybody reads seals nothing. Its group may be how it is mounted.
fn check_key_file(path: &Path) -> anyhow::Result<()> {
    let Some(mode) = mode_of(path) else {
        return Ok(());
    };
    if mode & 0o006 != 0 {
        bail!(
            "everybody on this machine can read or change the sealing key: chmod 600 {} (in Kubernetes, defaultMode: 0400, or 0440 with an fsGroup)",
            path.display()
        );
    }
    if mode & 0o020 != 0 {
        bail!(
            "the group of the sealing key can change it: chmod g-w {}",
            path.display()
        );
    }
    warn_of_readers(path);
    Ok(())
}

/// Links are followed: it is the file that is read.
fn mode_of(path: &Path) -> Option<u32> {
    let found = fs::metadata(path).ok()?;
    Some(found.permissions().mode() & 0o777)
}

fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| path.display().to_string())
}

fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
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

    #[test]
    fn a_rotation_that_was_broken_off_stops_no_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().to_owned(),
            ..Config::default()
        };
        seal_keys(&config).unwrap();
        fs::write(config.data_dir.join("secret.new"), "half a k").unwrap();
        assert_eq!(add_key(&config).unwrap().list().len(), 2);
        // Two at once: no key is lost.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| add_key(&config).unwrap());
            }
        });
        assert_eq!(seal_keys(&config).unwrap().list().len(), 6);
    }

    #[test]
    fn a_key_that_everybody_reads_is_refused_with_what_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().to_owned(),
            ..Config::default()
        };
        seal_keys(&config).unwrap();
        let path = config.secret_key_file();
        let with = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            seal_keys(&config)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        for mode in [0o400, 0o440, 0o600, 0o640] {
            assert_eq!(with(mode), Ok(()), "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o606, 0o660] {
            let said = with(mode).unwrap_err();
            let mends = format!("{}", path.display());
            assert!(said.contains("chmod") && said.contains(&mends), "{said}");
        }
        let link = folder.path().join("mounted.key");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let linked = Config {
            secret_key_file: Some(link),
            ..config.clone()
        };
        assert!(seal_keys(&linked).is_err(), "a link is what it leads to");
    }
}
