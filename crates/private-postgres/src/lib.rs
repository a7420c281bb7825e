//! A PostgreSQL server of one test: started from Debian's package in a temporary directory,
//! reached by a Unix socket, gone with the value (or with the test's thread, however that ends).

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long initialising and starting may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// PostgreSQL refuses to run as root; Debian's package creates this user.
const SYSTEM_USER: &str = "postgres";

/// A running server; stopped and removed when dropped.
#[derive(Debug)]
pub struct PrivatePostgres {
    server: Child,
    dir: TempDir,
}

impl PrivatePostgres {
    /// Starts a fresh, empty server.
    ///
    /// # Panics
    /// When PostgreSQL is not installed (saying how to install it) or does not start (with its log).
    pub fn start() -> Self {
        let bin = installed_bin();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let owner = Owner::of_servers();
        owner.take(dir.path());
        let data = dir.path().join("data");
        let initialised = owner
            .command(&bin.join("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb can be run");
        assert!(
            initialised.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&initialised.stderr)
        );
        let server = launch(dir.path());
        let mut postgres = Self { server, dir };
        postgres.wait_until_ready();
        postgres
    }

    /// Ends the server, at once; what was committed stays.
    pub fn stop(&mut self) {
        // QUIT ends it at once and, unlike KILL, frees its shared memory.
        let asked = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _gone_already: io::Result<()> = self.server.kill();
        }
        let _reaped: io::Result<_> = self.server.wait();
    }

    /// Starts it again, with what was committed.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let _stale: io::Result<()> = fs::remove_file(self.dir.path().join("data/postmaster.pid"));
        self.server = launch(self.dir.path());
        self.wait_until_ready();
    }

    /// The URL of its database, for sqlx.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.dir.path().display()
        )
    }

    /// `postmaster.pid` says "ready" in its last line, as `pg_ctl --wait` reads it.
    fn wait_until_ready(&mut self) {
        let status = self.dir.path().join("data/postmaster.pid");
        let log = self.dir.path().join("log");
        let deadline = Instant::now() + DEADLINE;
        while !fs::read_to_string(&status).is_ok_and(|text| text.contains("\nready")) {
            let ended = self.server.try_wait().expect("the server's status");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "PostgreSQL did not start ({ended:?}): {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn launch(dir: &Path) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("log"));
    Owner::of_servers()
        .command(&installed_bin().join("postgres"))
        .arg("-D")
        .arg(dir.join("data"))
        .arg("-k")
        .arg(dir)
        .args(["-c", "listen_addresses=", "-c", "fsync=off"])
        .args(["-c", "shared_buffers=32MB", "-c", "autovacuum=off"])
        .stdout(Stdio::null())
        .stderr(log.expect("a log file"))
        .spawn()
        .expect("postgres can be run")
}

/// Whom the server runs as.
enum Owner {
    /// Us: we are not root.
    Us,
    /// Another user, by ids.
    Other { uid: u32, gid: u32 },
}

impl Owner {
    fn of_servers() -> Self {
        let we_are_root = fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
        if !we_are_root {
            return Self::Us;
        }
        let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        let ids = users.lines().find_map(|line| {
            let mut fields = line
                .strip_prefix(SYSTEM_USER)?
                .strip_prefix(':')?
                .split(':');
            Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        let (uid, gid) = ids.expect("the user `postgres` of Debian's package");
        Self::Other { uid, gid }
    }

    fn take(&self, dir: &Path) {
        if let Self::Other { uid, gid } = *self {
            chown(dir, Some(uid), Some(gid)).expect("root can give a directory away");
        }
    }

    /// Runs a program as this user, ended by the kernel when the calling thread ends.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=QUIT");
        if let Self::Other { uid, gid } = *self {
            command.arg(format!("--reuid={uid}"));
            command.arg(format!("--regid={gid}")).arg("--clear-groups");
        }
        command.arg(program).current_dir("/");
        command
    }
}

/// The programs of the newest installed version.
fn installed_bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|dir| dir.join("bin/initdb").is_file())
        .max_by_key(|dir| dir.file_name()?.to_str()?.parse::<u32>().ok());
    newest
        .expect("these tests need PostgreSQL: apt-get install -y postgresql")
        .join("bin")
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, path::Path};

    use super::PrivatePostgres;

    #[test]
    fn runs_while_it_is_held_and_leaves_nothing() {
        let postgres = PrivatePostgres::start();
        let dir = postgres.dir.path().to_owned();
        let pid = postgres.server.id();
        UnixStream::connect(dir.join(".s.PGSQL.5432")).expect("it listens");
        drop(postgres);
        assert!(!dir.exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
