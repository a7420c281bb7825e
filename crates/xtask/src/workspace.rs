//! Where things are, and how programs are built.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    Result,
    process::{command, done, run, say},
};

/// The root of the repository.
#[derive(Debug)]
pub struct Workspace {
    pub root: PathBuf,
}

/// How programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

impl Workspace {
    /// The one that this program was built from.
    pub fn find() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = crate_folder.ancestors().nth(2).unwrap_or(crate_folder);
        Self {
            root: root.to_owned(),
        }
    }

    /// What setup installs; ignored by git.
    pub fn dev_dir(&self) -> PathBuf {
        self.root.join(".dev")
    }

    /// The Python with the packages of `python/requirements.txt`.
    pub fn python(&self) -> PathBuf {
        self.dev_dir().join("python/bin/python")
    }

    /// The Node that came with those packages.
    pub fn node(&self) -> PathBuf {
        self.dev_dir().join("bin/node")
    }

    /// The program that looks over the dependencies.
    pub fn cargo_deny(&self) -> PathBuf {
        self.dev_dir().join("cargo/bin/cargo-deny")
    }

    /// `PATH` with setup's `node` in front.
    pub fn path_with_node(&self) -> OsString {
        let mut path = OsString::from(self.dev_dir().join("bin"));
        if let Some(rest) = env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }

    /// Cargo, in the repository.
    pub fn cargo(&self) -> std::process::Command {
        let mut cargo = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }

    /// What fuzzing builds and finds; below `target`, because it can be had again.
    pub fn fuzz_dir(&self) -> PathBuf {
        self.target().join("fuzz")
    }

    /// The machine's own target, such as `x86_64-unknown-linux-gnu`.
    pub fn host(&self) -> Result<String> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = command(rustc)
            .arg("-vV")
            .current_dir(&self.root)
            .output()
            .map_err(|error| format!("rustc: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let host = text.lines().find_map(|line| line.strip_prefix("host: "));
        host.map(str::to_owned)
            .ok_or_else(|| "rustc does not say its host".to_owned())
    }

    fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// Builds the programs of these packages; gives the folder they are in.
    pub fn build(&self, profile: Profile, packages: &[&str]) -> Result<PathBuf> {
        let start = Instant::now();
        say(&format!("building {} …", packages.join(", ")));
        let mut cargo = self.cargo();
        cargo.args(["build", "--bins"]);
        if profile == Profile::Release {
            cargo.arg("--release");
        }
        for package in packages {
            cargo.args(["--package", package]);
        }
        run(cargo)?;
        done("built", start);
        Ok(self.programs(profile))
    }

    /// The folder of built programs.
    pub fn programs(&self, profile: Profile) -> PathBuf {
        self.target().join(match profile {
            Profile::Dev => "debug",
            Profile::Release => "release",
        })
    }
}
