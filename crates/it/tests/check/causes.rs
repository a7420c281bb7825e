//! Every cause that the product can name has its section in `docs/causes.md`, and no other has.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context;
use testkit::FixCommand;

/// The codes in the tables of `engine::explain`: the first part of a row, alone on its line after
/// the `(` that opens the row, or in front of the rest of a short one.
fn codes(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut before = "";
    for line in source.lines().map(str::trim) {
        let alone = before
            .ends_with('(')
            .then(|| line.strip_suffix(','))
            .flatten();
        let first = line
            .strip_prefix('(')
            .and_then(|row| row.split_once(", "))
            .map(|row| row.0);
        let code = [alone, first].into_iter().flatten().find_map(|text| {
            let code = text.strip_prefix('"')?.strip_suffix('"')?;
            let is_code = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            (!code.is_empty() && code.chars().all(is_code)).then_some(code)
        });
        found.extend(code.map(str::to_owned));
        before = line;
    }
    found
}

#[test]
fn each_has_its_section() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = vec![root.join("crates/engine/src/explain.rs")];
    for entry in fs::read_dir(root.join("crates/engine/src/explain"))? {
        let path = entry?.path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if is_source && path.file_stem().is_some_and(|stem| stem != "tests") {
            sources.push(path);
        }
    }
    let mut known = BTreeSet::new();
    for path in sources {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        known.extend(codes(&text));
    }
    assert!(
        known.len() > 60 && known.contains("azure_error"),
        "{known:?}"
    );

    let page = fs::read_to_string(root.join("docs/causes.md"))?;
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    let documented: BTreeSet<String> = sections
        .iter()
        .filter_map(|section| section.lines().next())
        .map(str::to_owned)
        .collect();
    assert_eq!(documented.len(), sections.len(), "a section twice");
    let missing: Vec<_> = known.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&known).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "missing {missing:?}, gone {gone:?}"
    );
    for section in sections {
        for span in section.split('`').skip(1).step_by(2) {
            if span.starts_with("az ") && span != "az login" {
                FixCommand::parse(span)?;
            }
        }
        for part in ["**What it means.**", "**How to see it.**", "**Fix.**"] {
            assert!(section.contains(part), "{part} in {section}");
        }
    }
    Ok(())
}
