//! One target's run: every input once, then new ones until the time is over.

use std::{
    any::Any,
    cell::Cell,
    env, fs,
    fs::File,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    os::unix::fs::FileExt as _,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    coverage::Coverage,
    mutate::{self, Random},
};

/// Bytes of an input: room for repeated blocks, and small enough for thousands of inputs a second.
const LONGEST: usize = 8 << 10;
/// New inputs of a run without a time: a unit test.
const FEW: u64 = 300;
/// An input that takes this many seconds hangs its parser.
const HANGS_S: u32 = 30;
/// Tries to shorten a failing input.
const SHORTENINGS: usize = 3_000;
/// Bytes of a failing input that are shown.
const SHOWN: usize = 300;
/// Inputs that are bred from; beyond, a new one takes the place of an old one.
const MOST_KEPT: usize = 4_096;

/// What `cargo xtask` sets: how long to run (seconds), from which seed, and the folder where the
/// input at work is written down before it is tried, because a process that dies tells nothing.
const SECONDS: &str = "FUZZ_SECONDS";
const SEED: &str = "FUZZ_SEED";
const FOLDER: &str = "FUZZ_FOLDER";

pub(crate) struct Run<'a> {
    name: &'a str,
    words: &'a [&'a str],
    seconds: Option<Duration>,
    seed: u64,
    /// `FOLDER/NAME`
    folder: Option<PathBuf>,
    /// `FOLDER/NAME.input`
    at_work: Option<File>,
}

/// How far a run came.
struct Progress {
    inputs: u64,
    slowest: Duration,
    corpus: Vec<Vec<u8>>,
    coverage: Coverage,
}

thread_local! {
    /// A panic on this thread is an input that fails, and is told once, at the end.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

impl<'a> Run<'a> {
    pub(crate) fn of(name: &'a str, words: &'a [&'a str]) -> Self {
        let number = |variable| env::var(variable).ok()?.parse::<u64>().ok();
        let seconds = number(SECONDS).map(Duration::from_secs);
        let random = || RandomState::new().build_hasher().finish();
        let folder = env::var_os(FOLDER).map(PathBuf::from);
        Self {
            name,
            words,
            seconds,
            seed: number(SEED).unwrap_or_else(|| if seconds.is_some() { random() } else { 1 }),
            at_work: folder
                .as_ref()
                .and_then(|folder| File::create(folder.join(format!("{name}.input"))).ok()),
            folder: folder.map(|folder| folder.join(name)),
        }
    }

    pub(crate) fn go(&self, seeds: &[&[u8]], property: &dyn Fn(&[u8])) {
        silence_panics_of_inputs();
        let began = Instant::now();
        // The number of the input that is tried, from 1; 0 between them.
        let at_work = Arc::new(AtomicU64::new(0));
        if self.seconds.is_some() {
            watch(self.name, at_work.clone());
        }
        let mut progress = Progress {
            inputs: 0,
            slowest: Duration::ZERO,
            corpus: Vec::new(),
            coverage: Coverage::new(),
        };
        let one = |progress: &mut Progress, input: Vec<u8>, keep: bool| {
            self.write_down(&input);
            at_work.store(progress.inputs + 1, Relaxed);
            progress.coverage.reset();
            let start = Instant::now();
            let outcome = attempt(&input, property);
            progress.slowest = progress.slowest.max(start.elapsed());
            let is_new = progress.coverage.is_new();
            at_work.store(0, Relaxed);
            progress.inputs += 1;
            if let Err(panic) = outcome {
                self.report(input, &panic, property);
            }
            if keep || is_new {
                progress.keep(input);
            }
            is_new && !keep
        };

        let found = files(&findings(self.name));
        let kept = self.folder.as_deref().map(files).unwrap_or_default();
        for input in seeds
            .iter()
            .map(|seed| seed.to_vec())
            .chain(found)
            .chain(kept)
        {
            one(&mut progress, input, true);
        }
        one(&mut progress, Vec::new(), true);
        let mut random = Random::new(self.seed);
        let goes_on = |progress: &Progress| match self.seconds {
            Some(seconds) => began.elapsed() < seconds,
            None => progress.inputs < FEW,
        };
        while goes_on(&progress) {
            let input = mutate::child(&mut random, &progress.corpus, self.words, LONGEST);
            let written = self.folder.as_ref().map(|_| input.clone());
            if one(&mut progress, input, false)
                && let (Some(folder), Some(input)) = (&self.folder, written)
            {
                let _ = fs::create_dir_all(folder);
                let _ = fs::write(folder.join(file_name(&input)), input);
            }
        }
        self.say(&progress, began.elapsed());
    }

    #[expect(clippy::print_stdout, reason = "the result, shown by `cargo xtask`")]
    fn say(&self, progress: &Progress, took: Duration) {
        let ways = if progress.coverage.is_there() {
            format!(
                ", {} branches, corpus {}",
                progress.coverage.branches,
                progress.corpus.len()
            )
        } else {
            String::new()
        };
        println!(
            "fuzz {}: {} executions in {:.1} s ({:.0}/s){ways}, slowest {} ms, seed {}",
            self.name,
            progress.inputs,
            took.as_secs_f64(),
            progress.inputs as f64 / took.as_secs_f64(),
            progress.slowest.as_millis(),
            self.seed
        );
    }

    fn write_down(&self, input: &[u8]) {
        if let Some(file) = &self.at_work {
            // Its length comes first, so that one write does for inputs of any length.
            let mut text = (input.len() as u64).to_le_bytes().to_vec();
            text.extend_from_slice(input);
            let _ = file.write_all_at(&text, 0);
        }
    }

    fn report(&self, input: Vec<u8>, panic: &str, property: &dyn Fn(&[u8])) -> ! {
        let fails = |input: &[u8]| attempt(input, property).is_err();
        let input = mutate::shortest(input, SHORTENINGS, fails);
        let panic = attempt(&input, property)
            .err()
            .unwrap_or_else(|| panic.to_owned());
        let folder = findings(self.name);
        let file = folder.join(file_name(&input));
        let stored = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, &input));
        panic!(
            "fuzz {}: {panic}\nseed {}, {} bytes: {}\n{}",
            self.name,
            self.seed,
            input.len(),
            input[..input.len().min(SHOWN)].escape_ascii(),
            match stored {
                Ok(()) => format!(
                    "mend it and commit the input with the mend: {}",
                    file.display()
                ),
                Err(error) => format!("the input could not be stored: {}: {error}", file.display()),
            }
        );
    }
}

impl Progress {
    fn keep(&mut self, input: Vec<u8>) {
        if self.corpus.len() < MOST_KEPT {
            self.corpus.push(input);
        } else {
            let place = self.inputs as usize % MOST_KEPT;
            self.corpus[place] = input;
        }
    }
}

/// Tries one input; the error is what the panic said.
fn attempt(input: &[u8], property: &dyn Fn(&[u8])) -> Result<(), String> {
    SILENT.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| property(input)));
    SILENT.set(false);
    outcome.map_err(|panic| words_of(panic.as_ref()))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

fn silence_panics_of_inputs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                before(info);
            }
        }));
    });
}

/// Ends the process when an input hangs; the input at work is written down by then. Its own seconds
/// count, and not the clock's: a machine that stood still hangs nothing.
fn watch(name: &str, at_work: Arc<AtomicU64>) {
    let name = name.to_owned();
    thread::spawn(move || {
        let (mut before, mut seconds) = (0, 0);
        while seconds < HANGS_S {
            thread::sleep(Duration::from_secs(1));
            let now = at_work.load(Relaxed);
            seconds = if now > 0 && now == before {
                seconds + 1
            } else {
                0
            };
            before = now;
        }
        hang(&name);
    });
}

#[expect(clippy::print_stderr, reason = "the process ends here")]
fn hang(name: &str) -> ! {
    eprintln!("fuzz {name}: an input takes more than {HANGS_S} s");
    std::process::abort();
}

/// Where a target's findings are kept: regression cases, committed.
fn findings(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name)
}

/// The contents of a folder's files, in the order of their names; of none when it is not there.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

/// The same for the same input (FNV-1a).
fn file_name(input: &[u8]) -> String {
    let hash = input.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::{files, findings};

    #[test]
    fn a_broken_property_is_found_shortened_and_stored() {
        let name = "a_broken_property";
        let folder = findings(name);
        let told = catch_unwind(|| {
            crate::texts(name, &["{\"a\": 12}"], &["NaN"], |text| {
                assert!(!text.contains("NaN"), "no NaN, please");
            });
        });
        let told = super::words_of(told.unwrap_err().as_ref());
        let stored = files(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(
            told.contains("no NaN, please") && told.contains("seed 1"),
            "{told}"
        );
        assert_eq!(stored, [b"NaN".to_vec()]);
    }
}
