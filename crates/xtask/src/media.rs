//! The media of the demo and of the browser tests: `python/media.py` with whatever Python 3 the machine has.

use std::{path::PathBuf, time::Instant};

use crate::{
    Result,
    process::{command, done, run, say},
    setup,
    workspace::Workspace,
};

/// Fetches what is missing; gives the folder with `manifest.json`.
pub fn prepare(workspace: &Workspace) -> Result<PathBuf> {
    let start = Instant::now();
    say("preparing the demo's media (docs/demo-media.md names sources and licences) …");
    let folder = workspace.dev_dir().join("media");
    let mut python = command(setup::system_python()?);
    python
        .arg(workspace.root.join("python/media.py"))
        .arg(&folder);
    run(python)?;
    done("media ready", start);
    Ok(folder)
}
