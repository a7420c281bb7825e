//! Fuzzing: every target a while in `cargo xtask test`, or as long as one likes, guided.
//!
//! A target is a unit test `…::fuzz::NAME` (crates/fuzz). Each runs in a process of its own: one that
//! dies takes no other along, and its last input is written down.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Mutex,
    thread,
    time::Instant,
};

use crate::{
    Result, USAGE,
    check::Tally,
    process::{self, command, done, say},
    workspace::Workspace,
};

/// Seconds of each target in `cargo xtask test`, and of `cargo xtask fuzz` when not said.
const A_WHILE: u64 = 10;
const AT_LENGTH: u64 = 60;

/// What LLVM adds to a guided build: a counter for each branch. Stable Rust passes it on.
const COUNTERS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Ccodegen-units=16";

/// One target of a built test program.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    name: String,
    program: PathBuf,
    test: String,
}

/// How targets are run.
struct Effort {
    /// Of each target.
    seconds: u64,
    /// Where a run writes down what it tries, and keeps what it breeds from.
    folder: PathBuf,
    /// The same inputs in every run: what is new is looked for at length.
    is_repeated: bool,
}

/// Every target for ten seconds, with the programs that the tests were run with.
pub fn each_a_while(workspace: &Workspace, tally: &mut Tally) {
    let mut build = workspace.cargo();
    build.args(["test", "--workspace", "--all-targets", "--no-run"]);
    let effort = Effort {
        seconds: A_WHILE,
        folder: workspace.fuzz_dir().join("short"),
        is_repeated: true,
    };
    match targets(workspace, build) {
        Ok(targets) => run(&targets, &effort, workspace, tally),
        Err(error) => tally.fail("fuzzing", &error),
    }
}

/// `cargo xtask fuzz [TARGET…] [--seconds N]`
pub fn at_length(workspace: &Workspace, options: &[&str]) -> Result<ExitCode> {
    let (wanted, seconds) = asked(options)?;
    let mut build = workspace.cargo();
    build.args(["test", "--lib", "--bins", "--no-run", "--profile", "fuzz"]);
    // With a target named, the flags are not for build scripts and macros.
    build.args(["--target", &workspace.host()?]);
    build
        .arg("--target-dir")
        .arg(workspace.fuzz_dir().join("target"));
    build.env("RUSTFLAGS", COUNTERS);
    for package in packages(&workspace.root)? {
        build.args(["--package", &package]);
    }
    let mut all = targets(workspace, build)?;
    if let Some(unknown) = wanted
        .iter()
        .find(|name| all.iter().all(|target| target.name != **name))
    {
        let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        return Err(format!(
            "there is no target {unknown}; there are: {}",
            names.join(", ")
        ));
    }
    all.retain(|target| wanted.is_empty() || wanted.contains(&target.name.as_str()));
    let effort = Effort {
        seconds,
        folder: workspace.fuzz_dir().join("long"),
        is_repeated: false,
    };
    let mut tally = Tally::default();
    run(&all, &effort, workspace, &mut tally);
    Ok(tally.conclude())
}

/// Names of targets and seconds of each, in any order.
fn asked<'a>(options: &[&'a str]) -> Result<(Vec<&'a str>, u64)> {
    let (mut wanted, mut seconds) = (Vec::new(), AT_LENGTH);
    let mut options = options.iter().copied();
    while let Some(option) = options.next() {
        if option == "--seconds" {
            let given = options.next().unwrap_or("nothing");
            seconds = given
                .parse()
                .ok()
                .filter(|seconds| *seconds > 0)
                .ok_or(format!(
                    "--seconds wants a number of seconds from 1 on, not {given}"
                ))?;
        } else if option.starts_with('-') {
            return Err(USAGE.to_owned());
        } else {
            wanted.push(option);
        }
    }
    Ok((wanted, seconds))
}

/// The packages that have targets: the counters' code is linked into their tests only.
fn packages(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("crates");
    let wrong = |error| format!("{}: {error}", folder.display());
    let mut packages: Vec<String> = fs::read_dir(&folder)
        .map_err(wrong)?
        .flatten()
        .filter(|entry| {
            let manifest = fs::read_to_string(entry.path().join("Cargo.toml"));
            manifest.is_ok_and(|text| text.contains("\nfuzz.workspace"))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    packages.sort();
    Ok(packages)
}

/// Builds, and asks each program of unit tests for its targets.
fn targets(workspace: &Workspace, build: Command) -> Result<Vec<Target>> {
    let (success, lines) = process::run_and_read(build)?;
    if !success {
        return Err("the targets could not be built".to_owned());
    }
    let mut targets = Vec::new();
    for program in lines.iter().filter_map(|line| program_of(line)) {
        let program = workspace.root.join(program);
        let list = Command::new(&program)
            .args(["--list", "--format", "terse"])
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        for line in String::from_utf8_lossy(&list.stdout).lines() {
            if let Some((test, name)) = target_of(line) {
                targets.push(Target {
                    name: name.to_owned(),
                    program: program.clone(),
                    test: test.to_owned(),
                });
            }
        }
    }
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    match targets.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(format!("two targets are called {}", pair[0].name)),
        None if targets.is_empty() => Err("there are no targets".to_owned()),
        None => Ok(targets),
    }
}

/// `  Executable unittests src/lib.rs (target/debug/deps/azure-0a1b)`
fn program_of(line: &str) -> Option<&str> {
    let (_, rest) = line
        .trim()
        .strip_prefix("Executable unittests ")?
        .split_once('(')?;
    rest.strip_suffix(')')
}

/// `blob::range::fuzz::ranges: test`
fn target_of(line: &str) -> Option<(&str, &str)> {
    let test = line.strip_suffix(": test")?;
    let (module, name) = test.rsplit_once("::")?;
    (module == "fuzz" || module.ends_with("::fuzz")).then_some((test, name))
}

/// Runs them, one more at once than there are processors: ten seconds of each are then a minute and a
/// half on two.
fn run(targets: &[Target], effort: &Effort, workspace: &Workspace, tally: &mut Tally) {
    let start = Instant::now();
    let (seconds, folder) = (effort.seconds, &effort.folder);
    let at_once = thread::available_parallelism().map_or(1, usize::from) + 1;
    let rounds = targets.len().div_ceil(at_once) as u64;
    say(&format!(
        "fuzzing {} targets, {seconds} s each, {at_once} at once: {} s …",
        targets.len(),
        rounds * seconds
    ));
    if let Err(error) = fs::create_dir_all(folder) {
        return tally.fail("fuzzing", &format!("{}: {error}", folder.display()));
    }
    let waiting = Mutex::new(targets.iter().collect::<VecDeque<_>>());
    // A finding is said at once: the others may go on for hours.
    let tally = Mutex::new(tally);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = waiting
                        .lock()
                        .ok()
                        .and_then(|mut waiting| waiting.pop_front());
                    let Some(target) = next else { break };
                    let outcome = one(target, effort, workspace);
                    let Ok(mut tally) = tally.lock() else { break };
                    match outcome {
                        Ok(()) => tally.pass(),
                        Err(error) => tally.fail(&format!("fuzzing {}", target.name), &error),
                    }
                }
            });
        }
    });
    done("fuzzed", start);
}

/// One target; the error is what it said.
fn one(target: &Target, effort: &Effort, workspace: &Workspace) -> Result<()> {
    let mut test = command(&target.program);
    test.args(["--exact", &target.test, "--nocapture"]);
    // With one thread, as on one processor, the result would stand behind the test's name.
    test.args(["--test-threads", "2"]);
    test.current_dir(&workspace.root);
    test.env("FUZZ_SECONDS", effort.seconds.to_string());
    if effort.is_repeated {
        test.env("FUZZ_SEED", "1");
    }
    test.env("FUZZ_FOLDER", &effort.folder);
    let output = test.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|line| line.starts_with("fuzz ")) {
        say(&format!("  {line}"));
    }
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code().is_some() {
        return Err(said.trim().to_owned());
    }
    // A stack that ran over, memory that ran out, an input that hung: nobody could tell of it.
    let kept = keep_last_input(&target.name, workspace, &effort.folder).map_or_else(
        |error| error,
        |file| format!("its last input: {}", file.display()),
    );
    Err(format!("{} ({})\n{kept}", said.trim(), output.status))
}

/// Stores the input that was tried when the process died beside the other findings.
fn keep_last_input(name: &str, workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let file = folder.join(format!("{name}.input"));
    let text = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let input = text
        .split_first_chunk::<8>()
        .and_then(|(length, rest)| rest.get(..u64::from_le_bytes(*length) as usize))
        .ok_or("its last input was not written down")?;
    let findings = workspace.root.join("crates/fuzz/corpus").join(name);
    let kept = findings.join("died");
    fs::create_dir_all(&findings)
        .and_then(|()| fs::write(&kept, input))
        .map_err(|error| format!("{}: {error}", kept.display()))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::{AT_LENGTH, asked, program_of, target_of};

    #[test]
    fn targets_and_seconds_come_in_any_order_and_seconds_are_a_number() {
        assert_eq!(asked(&[]), Ok((Vec::new(), AT_LENGTH)));
        let both = Ok((vec!["ranges", "filters"], 7));
        assert_eq!(asked(&["ranges", "filters", "--seconds", "7"]), both);
        assert_eq!(asked(&["ranges", "--seconds", "7", "filters"]), both);
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "0"],
            &["--seconds", "1m"],
        ] {
            assert!(asked(wrong).unwrap_err().contains("--seconds"), "{wrong:?}");
        }
        assert!(asked(&["--second", "7"]).is_err());
    }

    #[test]
    fn programs_and_targets_are_found_in_cargos_words() {
        assert_eq!(
            program_of("  Executable unittests src/lib.rs (target/debug/deps/azure-0a1b)"),
            Some("target/debug/deps/azure-0a1b")
        );
        assert_eq!(
            program_of("  Executable tests/main.rs (target/debug/deps/main-0a1b)"),
            None
        );
        assert_eq!(
            target_of("blob::range::fuzz::ranges: test"),
            Some(("blob::range::fuzz::ranges", "ranges"))
        );
        assert_eq!(target_of("blob::range::tests::what_is_a_range: test"), None);
        assert_eq!(target_of("7 tests, 0 benchmarks"), None);
    }
}
