//! Which configs Label Studio refuses, and in which words.

use std::collections::BTreeSet;

use model::budgets::{NAME, NAMED_FIELDS, cut};
use roxmltree::Node;

/// Letters of what the parser says, and of the way to an element.
const SAID: usize = 300;

/// Expat's words, which Label Studio shows: columns count from 0.
pub(super) fn syntax_error(xml: &str, error: &roxmltree::Error) -> String {
    if xml.trim().is_empty() {
        return "no element found: line 1, column 0".to_owned();
    }
    let open_tag = xml.rfind('<').filter(|at| !xml[*at..].contains('>'));
    if let Some(at) = open_tag {
        let line = xml[..at].matches('\n').count() + 1;
        let column = xml[..at]
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count();
        return format!("unclosed token: line {line}, column {column}");
    }
    // The parser's own text ends with its position, counted from 1; ours replaces it.
    let text = error.to_string();
    let cause = cut(text.split(" at ").next().unwrap_or(&text), SAID);
    let at = error.pos();
    format!(
        "{cause}: line {}, column {}",
        at.row,
        at.col.saturating_sub(1)
    )
}

/// The attributes and children that Label Studio's schema requires of its most used tags.
pub(super) fn check_required(node: Node<'_, '_>) -> Result<(), String> {
    let tag = node.tag_name().name();
    let has = |attribute: &str| node.attribute(attribute).is_some();
    let missing = match tag {
        "Choices" | "Labels" | "TextArea" if !has("name") => Some("name"),
        "Choices" | "Labels" | "TextArea" if !has("toName") => Some("toName"),
        "Choices" | "Labels" if !has("value") => {
            let label = if tag == "Choices" { "Choice" } else { "Label" };
            let holds_labels = node
                .children()
                .any(|child| child.has_tag_name(label) || child.has_tag_name("View"));
            (!holds_labels).then_some(label)
        }
        "Image" | "Text" | "HyperText" if !has("name") => Some("name"),
        "Image" | "Text" | "HyperText" if !has("value") && !has("valueList") => Some("value"),
        "Choice" | "Label" if !has("value") => node
            .parent_element()
            .filter(|parent| matches!(parent.tag_name().name(), "Choices" | "Labels" | "View"))
            .map(|_| "value"),
        _ => None,
    };
    match missing {
        None => Ok(()),
        Some(missing) => {
            let mut path: Vec<&str> = node
                .ancestors()
                .filter(Node::is_element)
                .map(|element| element.tag_name().name())
                .collect();
            path.reverse();
            Err(format!(
                "Validation failed on {}: '{missing}' is a required property",
                cut(&path.join("/"), SAID)
            ))
        }
    }
}

/// Every name once, and every `toName` the name of something.
pub(super) fn check_names<'a, 'x: 'a>(
    elements: impl Iterator<Item = Node<'a, 'x>>,
) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut targets = Vec::new();
    for node in elements {
        if let Some(name) = node.attribute("name")
            && !names.insert(name)
        {
            let name = cut(name, NAME);
            return Err(format!("Label config contains non-unique names: {name:?}"));
        }
        targets.extend(
            node.attribute("toName")
                .into_iter()
                .flat_map(|to| to.split(',')),
        );
    }
    match targets.into_iter().find(|target| !names.contains(target)) {
        Some(target) => {
            let target = cut(target, NAME);
            let named: BTreeSet<_> = names
                .iter()
                .take(NAMED_FIELDS)
                .map(|name| cut(name, NAME))
                .collect();
            let more = match names.len() - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Err(format!(
                "toName=\"{target}\" not found in names: {named:?}{more}"
            ))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::LabelConfig;

    #[test]
    fn what_is_not_well_formed_says_where() {
        for (xml, message) in [
            ("<View><Nope", "unclosed token: line 1, column 6"),
            ("", "no element found: line 1, column 0"),
            ("<View>\n <A></B>\n</View>", "line 2, column"),
            ("<View><A x='1' x='2'/></View>", "line 1, column"),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><View/>", "DTD"),
            ("plain text", "line 1, column 0"),
        ] {
            let error = LabelConfig::parse(xml).unwrap_err();
            assert!(error.contains(message), "{xml}: {error}");
        }
    }

    #[test]
    fn what_cannot_work_says_why() {
        for (xml, message) in [
            (
                r#"<View><Choices name="c" toName="nope"><Choice value="A"/></Choices></View>"#,
                r#"toName="nope" not found in names: {"c"}"#,
            ),
            (
                r#"<View><Image name="a" value="$a"/><Image name="a" value="$b"/></View>"#,
                r#"Label config contains non-unique names: "a""#,
            ),
            (
                r#"<View><Image name="i" value="$i"/><Choices name="c"><Choice value="A"/></Choices></View>"#,
                "Validation failed on View/Choices: 'toName' is a required property",
            ),
            (
                r#"<View><Image name="i" value="$i"/><Choices name="c" toName="i"/></View>"#,
                "'Choice' is a required property",
            ),
            (
                r#"<View><Image name="i"/></View>"#,
                "Validation failed on View/Image: 'value' is a required property",
            ),
            (
                r#"<View><Label background="red"/></View>"#,
                "'value' is a required property",
            ),
        ] {
            let error = LabelConfig::parse(xml).unwrap_err();
            assert!(error.contains(message), "{xml}: {error}");
        }
    }
}
