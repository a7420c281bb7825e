//! The log on standard error: for people on a terminal, JSON otherwise. Signatures and tokens are
//! taken out of every line, whoever wrote it.

use std::io::{self, IsTerminal as _, Write};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Starts the log at a level, or at levels per module.
///
/// # Errors
/// When `levels` is none.
pub fn start(levels: &str) -> anyhow::Result<()> {
    let mut filter = EnvFilter::builder()
        .parse(levels)
        .context("the setting log")?;
    if !levels.contains("html5ever") {
        // It warns of each oddity of a stranger's HTML, a line for each.
        filter = filter.add_directive("html5ever=error".parse().context("a directive")?);
    }
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would tell standard error, which has just failed.
        .log_internal_errors(false)
        .with_writer(|| Redacting);
    if io::stderr().is_terminal() {
        log.compact().init();
    } else {
        log.with_ansi(false).json().flatten_event(true).init();
    }
    Ok(())
}

/// For the person at the terminal, before or beside the log.
pub fn to_stderr(text: &str) {
    // Nobody to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "{}", model::redact(text));
}

/// For the person or script that started a server, which goes on whether or not they still listen.
pub fn announce(text: &str) {
    if let Err(error) = to_stdout(text) {
        tracing::warn!(%error, "standard output is gone");
    }
}

/// For the person or script that started the command.
///
/// # Errors
/// When standard output is gone.
pub fn to_stdout(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("standard output")
}

/// The formatter writes one whole line at once.
struct Redacting;

impl Write for Redacting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        // A log that is closed or full costs its lines, and nothing else.
        let _ = io::stderr().write_all(model::redact(&text).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}
