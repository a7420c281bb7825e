//! The annotation editor that `server` embeds: `python/editor.py` with whatever Python 3 the machine has.

use std::time::Instant;

use crate::{
    Result,
    process::{command, done, run, say},
    setup,
    workspace::Workspace,
};

/// Fetches it unless it is there already.
pub fn prepare(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    say("preparing the annotation editor …");
    let mut python = command(setup::system_python()?);
    python
        .arg(workspace.root.join("python/editor.py"))
        .arg(workspace.root.join("crates/server/assets/editor"));
    run(python)?;
    done("editor ready", start);
    Ok(())
}
