//! A child process that never outlives its owner.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};

/// A running program; killed (SIGKILL) when dropped.
#[derive(Debug)]
pub struct Child(std::process::Child);

impl Child {
    /// Starts `command`, its standard error to `log`, and waits for the first line of standard
    /// output that `ready` accepts.
    ///
    /// # Errors
    /// The end of the log, when the program ends or stays silent instead.
    pub fn start<T: Send + 'static>(
        mut command: Command,
        log: &Path,
        ready: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> anyhow::Result<(Self, T)> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::options().create(true).append(true).open(log)?)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let output = child.stdout.take().context("piped")?;
        let mut child = Self(child);
        let (sender, receiver) = std::sync::mpsc::channel();
        // Keeps reading after the ready line, so that the program never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(value) = ready(&line) {
                    let _ = sender.send(value);
                }
            }
        });
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(value) => Ok((child, value)),
            Err(_) => {
                child.kill();
                let text = fs::read_to_string(log).unwrap_or_default();
                let end: Vec<_> = text.lines().rev().take(15).collect();
                let end: Vec<_> = end.into_iter().rev().collect();
                bail!("{name} did not become ready; it wrote:\n{}", end.join("\n"))
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Asks it to stop (SIGTERM) and waits for its exit code.
    ///
    /// # Errors
    /// When `kill` cannot be run.
    pub fn terminate(&mut self) -> anyhow::Result<Option<i32>> {
        Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()?;
        Ok(self.0.wait()?.code())
    }

    /// The largest resident memory so far, in KiB (`VmHWM`).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn peak_memory_kib(&self) -> anyhow::Result<u64> {
        self.status_kib("VmHWM")
    }

    /// The resident memory now, in KiB (`VmRSS`).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn memory_kib(&self) -> anyhow::Result<u64> {
        self.status_kib("VmRSS")
    }

    fn status_kib(&self, name: &'static str) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
            .context(name)
    }

    /// The processor time that it has taken, of all its threads.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        // Hundredths of a second, user and system, are the 14th and 15th field; the second one, the
        // program's name, is in brackets.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("the program's name")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(10 * ticks))
    }

    /// Forgets the peak so far, so that the next reading is of what comes now.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn reset_peak_memory(&self) -> anyhow::Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5")?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
