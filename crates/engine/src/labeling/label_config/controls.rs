//! The controls of a labeling config: what they are about, and their labels.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::budgets;
use roxmltree::{Node, NodeId};
use serde_json::{Map, Value, json};

use super::budget;

/// Tags whose `value` or `alias` is a label of the control around them.
const LABEL_TAGS: [&str; 3] = ["Label", "Choice", "Relation"];
/// A tag that makes results.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub(super) tag: String,
    pub(super) to_name: Vec<String>,
    pub(super) inputs: Vec<Value>,
    pub(super) labels: Vec<(String, Map<String, Value>)>,
    /// The same labels, to look one up.
    pub(super) label_set: HashSet<String>,
    pub(super) conditionals: Option<Value>,
    /// Index variables of repeaters that its objects' names hold.
    pub(super) index_variables: Vec<String>,
    pub(super) dynamic_labels: bool,
}

impl Control {
    /// Label Studio's JSON of it.
    pub(super) fn to_json(&self) -> Value {
        let names: Vec<&str> = self
            .labels
            .iter()
            .map(|(label, _)| label.as_str())
            .collect();
        let attributes: Map<String, Value> = self
            .labels
            .iter()
            .map(|(label, attributes)| (label.clone(), Value::Object(attributes.clone())))
            .collect();
        let mut out = json!({
            "type": self.tag,
            "to_name": self.to_name,
            "inputs": self.inputs,
            "labels": names,
            "labels_attrs": attributes,
        });
        if let Some(conditionals) = &self.conditionals {
            out["conditionals"] = conditionals.clone();
        }
        if self.dynamic_labels {
            out["dynamic_labels"] = true.into();
        }
        for variable in &self.index_variables {
            out["regex"][variable] = ".*".into();
        }
        out
    }
}

/// The controls of a config, by name.
///
/// # Errors
/// When the controls repeat too much of their data.
pub(super) fn controls<'a, 'x: 'a>(
    elements: impl Iterator<Item = Node<'a, 'x>>,
) -> Result<BTreeMap<String, Control>, String> {
    let mut controls: BTreeMap<String, Control> = BTreeMap::new();
    let mut objects: BTreeMap<&str, Value> = BTreeMap::new();
    let mut index_variables: Vec<&str> = Vec::new();
    // The control that an element is or is inside of.
    let mut around: HashMap<NodeId, &str> = HashMap::new();
    for node in elements {
        index_variables.extend(node.attribute("indexFlag"));
        let inside = node
            .parent()
            .and_then(|parent| around.get(&parent.id()).copied());
        around.extend(inside.map(|control| (node.id(), control)));
        let set = |attribute: &str| node.attribute(attribute).filter(|value| !value.is_empty());
        match (set("name"), set("toName"), set("value")) {
            (Some(name), Some(to_name), _) if !node.has_tag_name("Filter") => {
                controls.insert(name.to_owned(), control(node, to_name, &index_variables));
                around.insert(node.id(), name);
            }
            (Some(name), _, Some(value)) => {
                let object = json!({
                    "type": node.tag_name().name(),
                    "value": value.trim_start_matches('$'),
                    "valueType": node.attribute("valueType"),
                });
                objects.insert(name, object);
            }
            _ => {}
        }
        if LABEL_TAGS.contains(&node.tag_name().name())
            && let Some(label) = set("alias").or(set("value"))
            && let Some(control) = inside.and_then(|name| controls.get_mut(name))
        {
            let attributes = node
                .attributes()
                .map(|attribute| (attribute.name().to_owned(), attribute.value().into()))
                .collect();
            control.labels.push((label.to_owned(), attributes));
        }
    }
    let mut left = budgets::CONFIG_INPUTS;
    for control in controls.values_mut() {
        // The last one of those with the same label.
        control.labels.reverse();
        let known = &mut control.label_set;
        control
            .labels
            .retain(|(label, _)| known.insert(label.clone()));
        control.labels.reverse();
        for object in control
            .to_name
            .iter()
            .filter_map(|name| objects.get(name.as_str()))
        {
            let size = object
                .as_object()
                .into_iter()
                .flatten()
                .map(size_of_member)
                .sum();
            left = left
                .checked_sub(size)
                .ok_or_else(|| budget::too_much(budgets::CONFIG_INPUTS, "bytes of inputs"))?;
            control.inputs.push(object.clone());
        }
    }
    Ok(controls)
}

fn size_of_member((name, value): (&String, &Value)) -> usize {
    name.len() + value.as_str().map_or(0, str::len)
}

fn control(node: Node<'_, '_>, to_name: &str, index_variables: &[&str]) -> Control {
    let conditionals = [
        ("whenTagName", "tag"),
        ("whenLabelValue", "label"),
        ("whenChoiceValue", "choice"),
    ]
    .into_iter()
    .filter(|_| node.attribute("perRegion") == Some("true"))
    .find_map(|(attribute, kind)| {
        let name = node.attribute(attribute)?;
        Some(json!({"type": kind, "name": name}))
    });
    let is_variable = |value: &str| {
        value.strip_prefix('$').is_some_and(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
        })
    };
    Control {
        tag: node.tag_name().name().to_owned(),
        to_name: to_name.split(',').map(str::to_owned).collect(),
        inputs: Vec::new(),
        labels: Vec::new(),
        label_set: HashSet::new(),
        conditionals,
        index_variables: index_variables
            .iter()
            .filter(|variable| to_name.contains(**variable))
            .map(|&variable| variable.to_owned())
            .collect(),
        dynamic_labels: node.attribute("value").is_some_and(is_variable)
            || node.attribute("apiUrl").is_some_and(|url| !url.is_empty()),
    }
}
