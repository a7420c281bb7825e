//! Child processes that end when this one does, and the few lines it prints.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::Result;

/// Prints a line at once.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints that something is done, and how long it took.
pub fn done(what: &str, since: Instant) {
    say(&format!(
        "  {what} in {:.1} s",
        since.elapsed().as_secs_f64()
    ));
}

/// A command whose process the kernel ends when this process is gone, however it went.
/// (Ctrl-C reaches children by itself: they share the terminal's process group.)
pub fn command(program: impl AsRef<OsStr>) -> Command {
    if in_path("setpriv") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Is there a program of this name?
pub fn in_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Runs to the end; a failure is an error that names the command.
pub fn run(mut command: Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| failed(&command, &error.to_string()))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(&command, &status.to_string()))
    }
}

/// Runs to the end and shows nothing; a failure is the last line that it wrote.
pub fn run_silently(mut command: Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(&command, &error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it gave no reason").trim().to_owned())
}

/// Runs to the end; its exit code becomes ours.
pub fn exit_code(mut command: Command) -> Result<ExitCode> {
    let status = command
        .status()
        .map_err(|error| failed(&command, &error.to_string()))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs to the end, showing its output while reading it; gives success and all lines of both streams.
pub fn run_and_read(mut command: Command) -> Result<(bool, Vec<String>)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&command, &error.to_string()))?;
    let (sender, lines) = mpsc::channel();
    forward(child.stdout.take(), sender.clone());
    forward(child.stderr.take(), sender);
    let mut all = Vec::new();
    for line in lines {
        say(&line);
        all.push(line);
    }
    let status = child
        .wait()
        .map_err(|error| failed(&command, &error.to_string()))?;
    Ok((status.success(), all))
}

fn forward(stream: Option<impl std::io::Read + Send + 'static>, lines: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for line in BufReader::new(stream)
            .split(b'\n')
            .map_while(std::io::Result::ok)
        {
            let line = String::from_utf8_lossy(&line)
                .trim_end_matches('\r')
                .to_owned();
            if lines.send(line).is_err() {
                break;
            }
        }
    });
}

/// A program that serves until this is dropped.
#[derive(Debug)]
pub struct Server(Child);

impl Server {
    /// Starts it, its standard error to `log`, and waits for the first line of standard output
    /// that `ready` accepts, at most `limit` long.
    pub fn start<T: Send + 'static>(
        mut command: Command,
        log: &Path,
        limit: Duration,
        ready: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> Result<(Self, T)> {
        let log_file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(|error| failed(&command, &error.to_string()))?;
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take(), sender);
        let server = Self(child);
        let (found, value) = mpsc::channel();
        // Reads on after the ready line, so that the program never waits for a full pipe.
        thread::spawn(move || {
            for line in lines {
                if let Some(value) = ready(&line) {
                    let _ = found.send(value);
                }
            }
        });
        match value.recv_timeout(limit) {
            Ok(value) => Ok((server, value)),
            Err(_) => {
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let end = lines[lines.len().saturating_sub(20)..].join("\n");
                Err(failed(
                    &command,
                    &format!("it did not become ready; it wrote:\n{end}"),
                ))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn failed(command: &Command, why: &str) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    let line = words.join(" ");
    format!(
        "{}: {why}",
        line.strip_prefix("setpriv --pdeathsig TERM -- ")
            .unwrap_or(&line)
    )
}
