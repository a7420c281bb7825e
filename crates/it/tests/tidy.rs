//! The repository's own rules, kept by a test instead of by memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lines; a file over it is split by noun (ARCHITECTURE.md).
const LONGEST_FILE: usize = 500;

/// The direction of knowledge: what a product crate may depend on, of our own crates.
const ARROWS: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("azure", &["model"]),
    ("store", &["model"]),
    ("formats", &["model"]),
    ("engine", &["azure", "formats", "model", "store"]),
    ("server", &["engine", "model"]),
    (
        "longshore",
        &["azure", "engine", "model", "server", "store"],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

fn files(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Every Rust source, as (path from the root, text).
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    files(&root.join("crates"), "rs", &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable source");
            (
                path.strip_prefix(&root)
                    .expect("inside")
                    .display()
                    .to_string(),
                text,
            )
        })
        .collect()
}

fn crates() -> BTreeSet<String> {
    fs::read_dir(root().join("crates"))
        .expect("crates")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "split by noun: {long:?}");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "begin with `//!`: {silent:?}");
}

#[test]
fn knowledge_flows_one_way() {
    let ours = crates();
    let mut wrong = BTreeMap::new();
    for (name, allowed) in ARROWS {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml"))
            .expect("a manifest");
        let dependencies = manifest
            .split("[dependencies]")
            .nth(1)
            .unwrap_or_default()
            .split("\n[")
            .next()
            .unwrap_or_default();
        let extra: Vec<_> = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|dependency| ours.contains(*dependency) && !allowed.contains(dependency))
            .map(str::to_owned)
            .collect();
        if !extra.is_empty() {
            wrong.insert(name, extra);
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that DESIGN does not draw: {wrong:?}"
    );
}

#[test]
fn only_store_contains_sql_and_only_the_program_reads_the_environment() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let product = ARROWS
            .iter()
            .any(|(name, _)| path.starts_with(&format!("crates/{name}/src")));
        if !product {
            continue;
        }
        if !path.starts_with("crates/store")
            && (text.contains("sqlx::") || text.contains("INSERT INTO"))
        {
            wrong.push(format!("{path}: SQL outside store"));
        }
        if !path.starts_with("crates/longshore")
            && (text.contains("env::var") || text.contains("env::vars"))
        {
            wrong.push(format!("{path}: reads the environment"));
        }
        if !path.starts_with("crates/server")
            && (text.contains("StatusCode") && !path.starts_with("crates/azure"))
        {
            wrong.push(format!("{path}: knows a status code"));
        }
        if path.starts_with("crates/server") && text.contains("Clock::system") {
            wrong.push(format!("{path}: has a clock of its own; take the engine's"));
        }
        // From an array it would be read by position.
        if path.starts_with("crates/server/src/api") && text.contains("Deserialize") {
            wrong.push(format!("{path}: a derived body; read its Fields by name"));
        }
        if path != "crates/model/src/clock.rs" && text.contains("SystemTime::now") {
            wrong.push(format!("{path}: asks what time it is; take a model::Clock"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_architecture_page_names_every_crate_and_its_links_resolve() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for name in crates() {
        assert!(
            page.contains(&format!("`{name}`")),
            "ARCHITECTURE.md does not mention the crate {name}"
        );
    }
    let mut pages = vec![
        root().join("README.md"),
        root().join("ARCHITECTURE.md"),
        root().join("CONTRIBUTING.md"),
        root().join("CHANGELOG.md"),
    ];
    files(&root().join("docs"), "md", &mut pages);
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !page.parent().expect("a folder").join(target).exists() {
                broken.push(format!("{} -> {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_workspace_dependency_says_why_it_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let section = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .expect("workspace dependencies");
    let mut explained = false;
    let mut silent = Vec::new();
    for line in section.lines() {
        if line.starts_with('#') {
            explained = true;
        } else if line.trim().is_empty() {
            explained = false;
        } else if !explained {
            silent.push(line.to_owned());
        }
    }
    assert!(
        silent.is_empty(),
        "a comment above says what it is for: {silent:#?}"
    );
}

/// The name of a dependency in Rust, where it is another one.
const RENAMED: [(&str, &str); 1] = [("md-5", "md5")];

#[test]
fn every_dependency_is_used() {
    let sources = sources();
    let names = |section: &str| -> Vec<String> {
        section
            .lines()
            .take_while(|line| !line.starts_with('['))
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let mut unused = Vec::new();
    let mut wanted = BTreeSet::new();
    for name in crates() {
        let manifest = fs::read_to_string(root().join("crates").join(&name).join("Cargo.toml"))
            .expect("a manifest");
        for section in manifest.split("dependencies]\n").skip(1) {
            for dependency in names(section) {
                let renamed = RENAMED.iter().find(|(from, _)| *from == dependency);
                let in_rust = renamed.map_or_else(
                    || dependency.replace('-', "_"),
                    |(_, in_rust)| (*in_rust).to_owned(),
                );
                let place = format!("crates/{name}/");
                let is_used = sources.iter().any(|(path, text)| {
                    path.starts_with(&place) && text.contains(&format!("{in_rust}::"))
                });
                if !is_used {
                    unused.push(format!("{name}: {dependency}"));
                }
                wanted.insert(dependency);
            }
        }
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let (_, section) = manifest
        .split_once("[workspace.dependencies]\n")
        .expect("workspace dependencies");
    unused.extend(
        names(section)
            .into_iter()
            .filter(|name| !wanted.contains(name))
            .map(|name| format!("the workspace: {name}")),
    );
    assert!(unused.is_empty(), "{unused:#?}");
}
