//! `cargo xtask test`: every check and every test, one after the other; a failure stops nothing,
//! and the last line counts them all.

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use crate::{
    Result, browser, editor, fuzz, media,
    process::{self, command, done, in_path, say},
    proof, setup,
    workspace::{Profile, Workspace},
};

/// What passed and what failed so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

/// How the output of a test runner tells its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// `Summary [ 0.1s] 14 tests run: 12 passed (1 slow), 1 failed, 1 timed out, 0 skipped`
    Nextest,
    /// `test result: ok. 12 passed; 1 failed; 0 ignored; …`, once for each test binary
    CargoTest,
    /// `== 1 failed, 12 passed, 1 error in 3.21s ==`
    Pytest,
    /// `# pass 12` and `# fail 1`, of Node's test runner in TAP
    Tap,
    /// The command itself is the check.
    Command,
}

/// Sets up, runs everything, and prints `N passed, N failed`.
pub fn everything(workspace: &Workspace) -> Result<ExitCode> {
    let start = Instant::now();
    setup::everything(workspace)?;
    let mut tally = Tally::default();

    let mut fmt = workspace.cargo();
    fmt.args(["fmt", "--all", "--check"]);
    tally.run("formatting", fmt, Counts::Command);

    let mut clippy = workspace.cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]);
    tally.run("clippy", clippy, Counts::Command);

    // Programs and tests in one build: Cargo would compile shared dependencies twice otherwise.
    let mut build = workspace.cargo();
    build.args(["build", "--workspace", "--all-targets"]);
    tally.run("build", build, Counts::Command);
    let programs = workspace.programs(Profile::Dev);

    let mut tests = workspace.cargo();
    // Tests that start programs would build them themselves, each waiting for the others.
    tests.env("TEST_PROGRAMS", &programs);
    let counts = if in_path("cargo-nextest") {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        Counts::Nextest
    } else {
        tests.args(["test", "--workspace", "--all-targets", "--no-fail-fast"]);
        Counts::CargoTest
    };
    tests.env("PATH", workspace.path_with_node());
    tally.run("Rust tests", tests, counts);

    let mut doc = workspace.cargo();
    doc.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--quiet",
    ]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    tally.run("documentation", doc, Counts::Command);

    dependencies(workspace, &mut tally);
    fuzz::each_a_while(workspace, &mut tally);
    proof::everything(workspace, &programs, &mut tally);
    browser::tests(workspace, &programs, &mut tally);

    done("everything ran", start);
    Ok(tally.conclude())
}

/// What `deny.toml` says of the dependencies, without the network; and what RustSec knows of them,
/// where its database can be had.
fn dependencies(workspace: &Workspace, tally: &mut Tally) {
    let deny = |arguments: &[&str]| {
        let mut deny = command(workspace.cargo_deny());
        deny.current_dir(&workspace.root).args(arguments);
        deny
    };
    let ours = [
        "--offline",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ];
    tally.run("dependencies", deny(&ours), Counts::Command);
    match process::run_silently(deny(&["fetch", "db"])) {
        Ok(()) => {
            let known = ["--locked", "check", "--disable-fetch", "advisories"];
            tally.run("advisories of dependencies", deny(&known), Counts::Command);
        }
        Err(error) => say(&format!(
            "NOT CHECKED: advisories and yanked versions of dependencies; the RustSec database cannot be fetched ({error})"
        )),
    }
}

/// The proofs by the official Python clients only.
pub fn proofs(workspace: &Workspace) -> Result<ExitCode> {
    setup::python_packages(workspace)?;
    let programs = workspace.build(Profile::Dev, &["longshore", "local-azure"])?;
    let mut tally = Tally::default();
    proof::everything(workspace, &programs, &mut tally);
    Ok(tally.conclude())
}

/// The tests in a real browser only.
pub fn browser(workspace: &Workspace) -> Result<ExitCode> {
    setup::python_packages(workspace)?;
    setup::browsers()?;
    setup::browser_packages(workspace)?;
    editor::prepare(workspace)?;
    media::prepare(workspace)?;
    let programs = workspace.build(Profile::Dev, &["longshore", "local-azure"])?;
    let mut tally = Tally::default();
    browser::tests(workspace, &programs, &mut tally);
    Ok(tally.conclude())
}

impl Tally {
    /// Runs one step and counts what it says; a step that fails without counting a failure is one failure.
    pub fn run(&mut self, what: &str, command: Command, counts: Counts) {
        let start = Instant::now();
        say(&format!("{what} …"));
        let (success, lines) = match process::run_and_read(command) {
            Ok(outcome) => outcome,
            Err(error) => return self.fail(what, &error),
        };
        let (passed, failed) = count(counts, &lines);
        if success && passed + failed == 0 {
            return self.fail(what, "it ran no test");
        }
        self.passed += passed;
        self.failed += failed;
        if success {
            done(&format!("{what}: passed"), start);
        } else if failed == 0 {
            self.fail(what, "it ended with an error");
        } else {
            done(&format!("{what}: {failed} FAILED"), start);
        }
    }

    /// Prints the last line.
    pub fn conclude(&self) -> ExitCode {
        say(&format!("{} passed, {} failed", self.passed, self.failed));
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// One success.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// One failure.
    pub fn fail(&mut self, what: &str, why: &str) {
        self.failed += 1;
        say(&format!("  {what}: FAILED: {why}"));
    }
}

/// Python's test runner on one file of `python/`.
pub fn pytest(workspace: &Workspace, file: &str) -> Command {
    let mut pytest = command(workspace.python());
    pytest.args([
        "-m",
        "pytest",
        "--quiet",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    ]);
    pytest.arg(workspace.root.join("python").join(file));
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    pytest
}

/// How many passed and how many did not.
fn count(counts: Counts, lines: &[String]) -> (u64, u64) {
    let is_summary = |line: &&String| match counts {
        Counts::Nextest => line.trim_start().starts_with("Summary ["),
        Counts::CargoTest => line.starts_with("test result: "),
        Counts::Pytest => {
            line.contains(" in ")
                && (line.contains(" passed") || line.contains(" failed") || line.contains(" error"))
        }
        Counts::Tap => line.starts_with("# pass ") || line.starts_with("# fail "),
        Counts::Command => false,
    };
    let summaries: Vec<&String> = match counts {
        Counts::Command => return (1, 0),
        Counts::CargoTest | Counts::Tap => lines.iter().filter(is_summary).collect(),
        // A test's own output may look like a summary; the runner's is the last.
        Counts::Nextest | Counts::Pytest => {
            lines.iter().rev().find(is_summary).into_iter().collect()
        }
    };
    summaries
        .into_iter()
        .fold((0, 0), |(passed, failed), line| {
            let number_before = |word: &str| -> u64 {
                let words: Vec<&str> = line
                    .split([' ', ',', ';'])
                    .filter(|word| !word.is_empty())
                    .collect();
                words
                    .windows(2)
                    .filter(|pair| pair[1] == word)
                    .filter_map(|pair| pair[0].parse::<u64>().ok())
                    .sum()
            };
            let number_after = |word: &str| -> u64 {
                line.strip_prefix(word)
                    .filter(|_| counts == Counts::Tap)
                    .and_then(|rest| rest.trim().parse().ok())
                    .unwrap_or(0)
            };
            let failures = ["failed", "timed", "error", "errors"].map(number_before);
            (
                passed + number_before("passed") + number_after("# pass "),
                failed + failures.iter().sum::<u64>() + number_after("# fail "),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::{Counts, count};

    #[test]
    fn each_runners_summary_is_counted() {
        for (counts, text, expected) in [
            (
                Counts::Nextest,
                "    Summary [   0.1s] 13 tests run: 13 passed, 0 skipped",
                (13, 0),
            ),
            (
                Counts::Nextest,
                "  Summary [ 9s] 14/20 tests run: 11 passed (1 slow), 2 failed, 1 timed out, 0 skipped\n  FAIL [ 0.1s] a b",
                (11, 3),
            ),
            (
                Counts::CargoTest,
                "test result: ok. 3 passed; 0 failed; 0 ignored\nrunning\ntest result: FAILED. 1 passed; 2 failed; 0 ignored",
                (4, 2),
            ),
            (
                Counts::Pytest,
                "..F.\n1 failed, 12 passed, 2 errors in 3.21s",
                (12, 3),
            ),
            (
                Counts::Tap,
                "ok 1 - a\n# tests 3\n# pass 2\n# fail 1",
                (2, 1),
            ),
            (Counts::Pytest, "no tests ran in 0.01s", (0, 0)),
            (Counts::Command, "anything", (1, 0)),
        ] {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            assert_eq!(count(counts, &lines), expected, "{text}");
        }
    }
}
