//! Where the built programs are; builds them when asked by a test runner that has not.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The two programs that everything here drives.
#[derive(Clone, Debug)]
pub struct Programs {
    pub longshore: PathBuf,
    pub local_azure: PathBuf,
}

/// The programs in the folder of the running test binary's profile, built now if they are not up
/// to date (`cargo build` answers at once when they are). `TEST_PROGRAMS` names a folder
/// that already has them.
///
/// # Panics
/// When they cannot be built: a test without them proves nothing.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let folder = env::var_os("TEST_PROGRAMS").map_or_else(build, PathBuf::from);
        Programs {
            longshore: folder.join("longshore"),
            local_azure: folder.join("local-azure"),
        }
    })
}

fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--quiet",
            "--package",
            "longshore",
            "--package",
            "local-azure",
            "--bins",
        ])
        .current_dir(&root)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the programs under test do not build");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("debug")
}
