//! Every code that the product can name has its section in `docs/causes.md`, and no other has.

use std::{fs, path::Path};

use model::Code;
use testkit::FixCommand;

#[test]
fn each_has_its_section() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/causes.md"))?;
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    let documented: Vec<_> = sections
        .iter()
        .filter_map(|section| section.lines().next())
        .collect();
    let known: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(known, documented, "not the same, or not in the same order");
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
