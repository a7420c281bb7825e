//! The product in a real browser: tests, and the pictures of `docs/img`, by the scripts of `browser/`.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    Result,
    check::{Counts, Tally},
    demo_command,
    process::{Server, command, run},
    setup,
    workspace::{Profile, Workspace},
};

/// The demo imports every blob seven times before it serves on.
const DEMO_WITHIN: Duration = Duration::from_secs(600);

/// No file of tests takes half as long.
const HANGS: Duration = Duration::from_secs(400);

/// Every `browser/*.test.js`.
pub fn tests(workspace: &Workspace, programs: &Path, tally: &mut Tally) {
    let mut tests = node(workspace);
    // A page that never says that it is ready is a failure, and not the end of the run.
    let limit = format!("--test-timeout={}", HANGS.as_millis());
    tests.args(["--test", &limit, "--test-reporter=tap", "*.test.js"]);
    tests.env("TEST_PROGRAMS", programs);
    tally.run("tests in a browser", tests, Counts::Tap);
}

/// Starts the demo, signs in, and takes the pictures.
pub fn screenshots(workspace: &Workspace) -> Result<()> {
    setup::python_packages(workspace)?;
    setup::browsers()?;
    setup::browser_packages(workspace)?;
    setup::fonts()?;
    let demo = demo_command(workspace, Profile::Dev)?;
    let log = workspace.dev_dir().join("demo.log");
    let (_demo, url) = Server::start(demo, &log, DEMO_WITHIN, |line| {
        line.strip_prefix("  URL").map(|url| url.trim().to_owned())
    })?;
    let folder = workspace.root.join("docs/img");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut script = node(workspace);
    script.arg("screenshots.js").arg(url).arg(folder);
    run(script)
}

/// Node, in `browser/`.
fn node(workspace: &Workspace) -> Command {
    let mut node = command(workspace.node());
    node.current_dir(workspace.root.join("browser"));
    node
}
