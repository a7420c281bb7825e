//! Thumbnails on the disk, bounded in bytes; what cannot be drawn, and which version a blob has,
//! for minutes in memory. Each replica has its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use model::TaskId;
use quick_cache::sync::Cache as Remembered;
use serde::{Deserialize, Serialize};

use super::{Blank, Version, Waveform};
use crate::error::report;

/// How long a failure is told again without asking Azure.
const FAILURE_MS: i64 = 60_000;
/// How long a version that no sync knows is believed.
const VERSION_MS: i64 = 5 * 60_000;
/// Entries in memory at most.
const MOST_REMEMBERED: usize = 20_000;
/// A full folder is emptied to this part of its limit, oldest first.
const KEPT_PERCENT: u64 = 90;

/// What is kept of a blob: its picture in a file of its own, the rest as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Kept {
    #[serde(skip)]
    Picture(Vec<u8>),
    Waveform(Waveform),
    Lines(Vec<String>),
}

/// Thumbnails by key.
pub(crate) struct Cache {
    folder: PathBuf,
    max_bytes: u64,
    /// Bytes in the folder, once they were counted.
    used: Mutex<Option<u64>>,
    failures: Remembered<(TaskId, String), (Blank, i64)>,
    versions: Remembered<String, (Version, i64)>,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self {
            folder,
            max_bytes,
            used: Mutex::default(),
            failures: Remembered::new(MOST_REMEMBERED),
            versions: Remembered::new(MOST_REMEMBERED),
        }
    }

    fn picture(&self, key: &str) -> PathBuf {
        self.folder.join(&key[..2]).join(format!("{key}.jpg"))
    }

    fn other(&self, key: &str) -> PathBuf {
        self.folder.join(&key[..2]).join(format!("{key}.json"))
    }

    /// Blocks on the disk.
    pub(super) fn has_picture(&self, key: &str) -> bool {
        self.picture(key).is_file()
    }

    /// What was kept; a file that cannot be read is made again. Blocks on the disk.
    pub(super) fn get(&self, key: &str) -> Option<Kept> {
        if let Ok(jpeg) = fs::read(self.picture(key)) {
            return Some(Kept::Picture(jpeg));
        }
        self.get_other(key)
    }

    /// Its waveform or lines. Blocks on the disk.
    pub(super) fn get_other(&self, key: &str) -> Option<Kept> {
        serde_json::from_slice(&fs::read(self.other(key)).ok()?).ok()
    }

    /// Keeps it, at once or not at all, and makes room. A disk that fails costs the cache only.
    /// Blocks on the disk.
    pub(super) fn put(&self, key: &str, kept: &Kept) {
        let written = match kept {
            Kept::Picture(jpeg) => self.write(&self.picture(key), jpeg),
            other => serde_json::to_vec(other)
                .map_err(io::Error::other)
                .and_then(|json| self.write(&self.other(key), &json)),
        };
        if let Err(error) = written {
            tracing::warn!(folder = %self.folder.display(), error = %report(&error), "a thumbnail could not be kept");
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let part = path.with_extension(format!("{:016x}.part", rand::random::<u64>()));
        fs::write(&part, bytes)?;
        if let Err(error) = fs::rename(&part, path) {
            // It would only take room.
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        self.make_room(bytes.len() as u64)
    }

    fn make_room(&self, added: u64) -> io::Result<()> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let total = match *used {
            Some(before) => before + added,
            None => files(&self.folder)?.iter().map(|file| file.bytes).sum(),
        };
        *used = Some(total);
        if total <= self.max_bytes {
            return Ok(());
        }
        let mut files = files(&self.folder)?;
        files.sort_by_key(|file| file.written);
        let mut left: u64 = files.iter().map(|file| file.bytes).sum();
        for file in files {
            if left <= self.max_bytes / 100 * KEPT_PERCENT {
                break;
            }
            fs::remove_file(&file.path)?;
            left -= file.bytes;
        }
        *used = Some(left);
        Ok(())
    }

    /// Why the task's thumbnail could not be made a moment ago; `stamp` tells when to ask again.
    pub(super) fn failure(&self, task: TaskId, stamp: &str, now_ms: i64) -> Option<Blank> {
        let (blank, until_ms) = self.failures.get(&(task, stamp.to_owned()))?;
        (now_ms < until_ms).then_some(blank)
    }

    pub(super) fn remember_failure(&self, task: TaskId, stamp: String, blank: Blank, now_ms: i64) {
        self.failures
            .insert((task, stamp), (blank, now_ms + FAILURE_MS));
    }

    /// What was heard lately of the blob at `place`.
    pub(super) fn version(&self, place: &str, now_ms: i64) -> Option<Version> {
        let (version, until_ms) = self.versions.get(place)?;
        (now_ms < until_ms).then_some(version)
    }

    pub(super) fn remember_version(&self, place: String, version: Version, now_ms: i64) {
        self.versions.insert(place, (version, now_ms + VERSION_MS));
    }
}

struct File {
    path: PathBuf,
    bytes: u64,
    written: SystemTime,
}

fn files(folder: &Path) -> io::Result<Vec<File>> {
    let mut found = Vec::new();
    for shelf in fs::read_dir(folder)? {
        let shelf = shelf?.path();
        if !shelf.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf)? {
            let file = file?;
            // Another process may have made room meanwhile.
            let Ok(facts) = file.metadata() else { continue };
            found.push(File {
                path: file.path(),
                bytes: facts.len(),
                written: facts.modified()?,
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, SystemTime},
    };

    use super::{Cache, Kept, files};

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("thumbnails"), 10_000);
        let key = |number: u32| format!("{number:032x}");
        for number in 0..9 {
            cache.put(&key(number), &Kept::Picture(vec![1; 1_000]));
            let file = File::options()
                .write(true)
                .open(cache.picture(&key(number)))
                .unwrap();
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(number));
            file.set_modified(old).unwrap();
        }
        assert!((0..9).all(|number| cache.has_picture(&key(number))));
        // A second process counts what is there already.
        let again = Cache::new(folder.path().join("thumbnails"), 10_000);
        again.put(&key(9), &Kept::Picture(vec![1; 2_500]));
        assert_eq!(
            (0..10)
                .filter(|number| again.has_picture(&key(*number)))
                .collect::<Vec<_>>(),
            [3, 4, 5, 6, 7, 8, 9]
        );
        let left: u64 = files(&again.folder)
            .unwrap()
            .iter()
            .map(|file| file.bytes)
            .sum();
        assert_eq!(left, 8_500);
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned(), 10_000);
        let key = "ab".repeat(16);
        assert_eq!(cache.get(&key), None);
        cache.put(&key, &Kept::Lines(vec!["one".to_owned()]));
        assert_eq!(cache.get(&key), Some(Kept::Lines(vec!["one".to_owned()])));
        fs::write(cache.other(&key), "{broken").unwrap();
        assert_eq!(cache.get(&key), None, "made again");
        cache.put(&key, &Kept::Picture(vec![7]));
        assert_eq!(cache.get(&key), Some(Kept::Picture(vec![7])));
    }
}
