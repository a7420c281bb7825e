//! What contributors run: `cargo xtask demo | test | fuzz | bench | prove | browser | screenshots | setup | media | editor`. Standard library only,
//! so that it builds in a second on a machine that has nothing yet.

mod browser;
mod check;
mod editor;
mod fuzz;
mod media;
mod process;
mod proof;
mod setup;
mod workspace;

use std::process::{Command, ExitCode};

use workspace::{Profile, Workspace};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [--once] [--release]  the main job end to end on the local Azure; keeps serving unless --once
  test                       set up and run every check and test
  fuzz [TARGET…] [--seconds N]
                             parsers with bytes of strangers, guided by which branches they take;
                             every target and 60 seconds each when not said
  bench [--quick] [ARGS…]    the benchmarks (release), as ratios
  prove                      only the proofs by Microsoft's and Label Studio's Python clients
  browser                    only the tests in a real browser
  screenshots                take the pictures of docs/img from a running demo
  setup                      install what tests need: cargo-deny, PostgreSQL, browsers, Python and npm packages, editor, media
  media                      fetch the demo's pictures, sounds, video and texts
  editor                     fetch the annotation editor, which the server embeds when it is built";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(message) => {
            process::say(&format!("xtask: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// An error is a sentence for the person at the keyboard.
type Result<T> = std::result::Result<T, String>;

fn run(arguments: &[&str]) -> Result<ExitCode> {
    let workspace = Workspace::find();
    match arguments {
        ["setup"] => setup::everything(&workspace).map(|()| ExitCode::SUCCESS),
        ["media"] => media::prepare(&workspace).map(|_| ExitCode::SUCCESS),
        ["editor"] => editor::prepare(&workspace).map(|()| ExitCode::SUCCESS),
        ["test"] => check::everything(&workspace),
        ["fuzz", options @ ..] => fuzz::at_length(&workspace, options),
        ["prove"] => check::proofs(&workspace),
        ["browser"] => check::browser(&workspace),
        ["screenshots"] => browser::screenshots(&workspace).map(|()| ExitCode::SUCCESS),
        ["demo", options @ ..] => demo(&workspace, options),
        ["bench", options @ ..] => bench(&workspace, options),
        _ => Err(USAGE.to_owned()),
    }
}

fn demo(workspace: &Workspace, options: &[&str]) -> Result<ExitCode> {
    let mut profile = Profile::Dev;
    let mut once = false;
    for option in options {
        match *option {
            "--release" => profile = Profile::Release,
            "--once" => once = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let mut demo = demo_command(workspace, profile)?;
    if once {
        demo.arg("--once");
    }
    process::exit_code(demo)
}

/// The demo on media and programs that are ready.
fn demo_command(workspace: &Workspace, profile: Profile) -> Result<Command> {
    let media = media::prepare(workspace)?;
    editor::prepare(workspace)?;
    let programs = workspace.build(profile, &["longshore", "local-azure", "demo"])?;
    let mut demo = process::command(programs.join("demo"));
    demo.arg("--media").arg(media);
    demo.arg("--longshore").arg(programs.join("longshore"));
    demo.arg("--local-azure").arg(programs.join("local-azure"));
    Ok(demo)
}

fn bench(workspace: &Workspace, options: &[&str]) -> Result<ExitCode> {
    setup::python_packages(workspace)?;
    setup::azurite(workspace)?;
    editor::prepare(workspace)?;
    let programs = workspace.build(Profile::Release, &["longshore", "local-azure", "bench"])?;
    let mut bench = process::command(programs.join("bench"));
    bench.arg("--longshore").arg(programs.join("longshore"));
    bench.arg("--local-azure").arg(programs.join("local-azure"));
    bench.arg("--dev-dir").arg(workspace.dev_dir());
    bench.args(options).env("PATH", workspace.path_with_node());
    process::exit_code(bench)
}
