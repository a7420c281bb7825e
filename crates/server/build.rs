//! Rebuilds when `cargo xtask editor` has put the annotation editor there; `src/editor.rs` embeds it.

fn main() {
    println!("cargo:rerun-if-changed=assets/editor");
}
