//! Label Studio's labeling config: is it right, what does it ask of task data, and its JSON form.
//!
//! A *control tag* (`<Choices name=… toName=…>`) makes results; an *object tag*
//! (`<Image name=… value="$image">`) shows task data. The rules and the wording of refusals follow
//! Label Studio, whose clients show them to people.

mod budget;
mod controls;
mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::budgets::{self, cut};
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json, value::RawValue};

use self::controls::{Control, controls};
use crate::aside;

/// Controls that can be answered for many tasks at once, when they are about the whole task.
const BULK_CONTROLS: [&str; 6] = [
    "Choices", "Taxonomy", "Rating", "Number", "TextArea", "DateTime",
];

/// A labeling config that passed every check.
#[derive(Clone, Debug, Default)]
pub struct LabelConfig {
    controls: BTreeMap<String, Control>,
    data_fields: Vec<DataField>,
    tags: BTreeSet<String>,
}

/// A field of task data that the config shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DataField {
    /// Without the `$`; for a repeater such as `pages[{{idx}}].url`, as written.
    key: String,
    /// The object tag that shows it, such as `Image`.
    tag: String,
}

impl LabelConfig {
    /// [`LabelConfig::parse`], for who must not keep others waiting.
    ///
    /// # Errors
    /// As there.
    pub async fn read(xml: &str) -> Result<Self, String> {
        aside(xml.len(), || Self::parse(xml)).await
    }

    /// Parses and checks the XML. It takes about a millisecond for 16 KiB.
    ///
    /// # Errors
    /// What is wrong, in Label Studio's words; with line (from 1) and column (from 0) when it is
    /// not well-formed. What costs too much ([`model::budgets`]) is refused before it does.
    pub fn parse(xml: &str) -> Result<Self, String> {
        budget::check(xml)?;
        let document = Document::parse(xml).map_err(|error| rules::syntax_error(xml, &error))?;
        let elements = || document.descendants().filter(Node::is_element);
        elements().try_for_each(rules::check_required)?;
        rules::check_names(elements())?;
        Ok(Self {
            controls: controls(elements())?,
            data_fields: data_fields(elements().skip(1)),
            tags: elements()
                .map(|node| node.tag_name().name().to_owned())
                .collect(),
        })
    }

    /// The names of its tags, as written.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// What it shows of task data: each field's key (`image` for `$image`) and the object tag.
    pub fn shown_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.data_fields.iter();
        fields.map(|field| (field.key.as_str(), field.tag.as_str()))
    }

    /// Can an annotation say this: has it the control, and the control the label, if it is about
    /// one? A control that takes its labels from task data has every label.
    pub fn offers(&self, control: &str, label: Option<&str>) -> bool {
        let repeated = || {
            let mut named = self.controls.iter();
            let found = named.find(|(name, _)| is_repeated(name, control));
            found.map(|(_, control)| control)
        };
        let control = self.controls.get(control).or_else(repeated);
        control.is_some_and(|control| {
            let has = |label| control.label_set.contains(label);
            control.dynamic_labels || control.labels.is_empty() || label.is_none_or(has)
        })
    }

    /// Label Studio's `parsed_label_config`: an object keyed by control name.
    pub fn to_json(&self) -> Value {
        let entry = |(name, control): (&String, &Control)| (name.clone(), control.to_json());
        Value::Object(self.controls.iter().map(entry).collect())
    }

    /// Label Studio's `control_weights`, keeping the weights that were set before.
    pub fn control_weights(&self, previous: &Value) -> Value {
        let weigh = |(name, control): (&String, &Control)| {
            let before = &previous[name.as_str()];
            let weight = |value: &Value| value.as_f64().unwrap_or(1.0);
            let labels: Map<String, Value> = control
                .labels
                .iter()
                .map(|(label, _)| (label.clone(), weight(&before["labels"][label]).into()))
                .collect();
            let weights = json!({
                "overall": weight(&before["overall"]),
                "type": control.tag,
                "labels": labels,
            });
            (name.clone(), weights)
        };
        Value::Object(self.controls.iter().map(weigh).collect())
    }

    /// Does it ask anything of an annotator?
    pub fn has_controls(&self) -> bool {
        !self.controls.is_empty()
    }

    /// Can several tasks be answered with one answer?
    pub fn suits_bulk_annotation(&self) -> bool {
        self.controls.values().all(|control| {
            BULK_CONTROLS.contains(&control.tag.as_str()) && control.conditionals.is_none()
        })
    }

    /// The field of task data that the first object tag shows, such as `image` for `$image`:
    /// where a sync in files mode puts a blob's URI.
    pub fn first_data_key(&self) -> Option<&str> {
        let first = self.data_fields.first()?;
        Some(first.key.split('[').next().unwrap_or(&first.key))
    }

    /// Checks that task data holds every field that the config shows, in a type that the tag can show.
    ///
    /// # Errors
    /// The first missing or mistyped field, in Label Studio's words.
    pub fn check_data(&self, data: &Members<'_>) -> Result<(), String> {
        for DataField { key, tag } in &self.data_fields {
            let (name, is_repeater) = match key.split_once('[') {
                Some((name, _)) => (name, true),
                None => (key.as_str(), false),
            };
            let Some(value) = member(data, name) else {
                return Err(format!(
                    "{:?} key is expected in task data",
                    cut(name, budgets::NAME)
                ));
            };
            let expected = if is_repeater {
                &["list"][..]
            } else {
                expected_types(tag)
            };
            let given = type_name(value);
            // A flag is a number in Python.
            let fits = |name: &&str| *name == given || (*name == "int" && given == "bool");
            if !expected.iter().any(fits) {
                let (name, tag) = (cut(name, budgets::NAME), cut(tag, budgets::NAME));
                return Err(format!(
                    "data['{name}'] is of type '{given}', but the object tag {tag} expects the following types: {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

/// The members of task data, each as it is written.
pub type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The member of this name; `a.b` is the member `b` of the object `a`, as in Label Studio.
fn member<'a>(data: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    let mut names = name.split('.');
    let first = data.get(names.next()?).copied()?;
    names.try_fold(first, |value, name| {
        let members: Members<'a> = serde_json::from_str(value.get()).ok()?;
        members.get(name).copied()
    })
}

/// Every `$field` of a named tag's `value`; when several tags show one field, `Video` wins, then the last.
fn data_fields<'a, 'x: 'a>(elements: impl Iterator<Item = Node<'a, 'x>>) -> Vec<DataField> {
    let mut fields: Vec<DataField> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for node in elements.filter(|node| node.attribute("name").is_some_and(|n| !n.is_empty())) {
        let Some(key) = node.attribute("value").and_then(field_of) else {
            continue;
        };
        let tag = node.tag_name().name();
        match places.get(key).map(|place| &mut fields[*place]) {
            Some(field) if field.tag == "Video" => {}
            Some(field) => tag.clone_into(&mut field.tag),
            None => {
                places.insert(key, fields.len());
                fields.push(DataField {
                    key: key.to_owned(),
                    tag: tag.to_owned(),
                });
            }
        }
    }
    fields
}

/// `image` of `$image` and of `https://host/$image?x`; the whole rest when `$` comes first.
fn field_of(value: &str) -> Option<&str> {
    if let Some(whole) = value.strip_prefix('$').filter(|rest| !rest.is_empty()) {
        return Some(whole);
    }
    value.split('$').skip(1).find_map(|after| {
        let end = after
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(after.len());
        (end > 0).then(|| &after[..end])
    })
}

/// What a tag can show, by Python's type names, as Label Studio 1.23.2 checks it. A `Dialog` takes a
/// list too: its editor shows nothing else.
fn expected_types(tag: &str) -> &'static [&'static str] {
    match tag {
        "Text" => &["str", "int", "float", "list"],
        "Header" => &["str", "int", "float"],
        "Table" | "TimeSeries" | "TimeSeriesChannel" => &["dict", "list", "str"],
        "Taxonomy" => &["str", "list", "NoneType"],
        "Image" | "Paragraphs" | "Dialog" | "Chat" | "List" | "Ranker" | "Choices" | "Labels"
        | "PolygonLabels" | "BrushLabels" | "EllipseLabels" | "HyperTextLabels"
        | "KeyPointLabels" | "ParagraphLabels" | "RectangleLabels" | "TimeSeriesLabels" => {
            &["str", "list"]
        }
        _ => &["str"],
    }
}

/// Is this a name that a repeater makes of the pattern (`box_3` of `box_{{idx}}`)?
fn is_repeated(pattern: &str, name: &str) -> bool {
    match (pattern.split_once("{{"), pattern.rsplit_once("}}")) {
        (Some((before, _)), Some((_, after))) => {
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        }
        _ => false,
    }
}

fn type_name(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'n') => "NoneType",
        Some(b't' | b'f') => "bool",
        Some(b'"') => "str",
        Some(b'[') => "list",
        Some(b'{') => "dict",
        _ if value.get().contains(['.', 'e', 'E']) => "float",
        _ => "int",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{LabelConfig, Members};

    const CHOICES: &str = r#"<View><Image name="image" value="$image"/><Choices name="choice" toName="image"><Choice value="A"/><Choice value="B"/></Choices></View>"#;

    #[test]
    fn its_json_is_label_studios() {
        let config = LabelConfig::parse(CHOICES).unwrap();
        assert_eq!(
            config.to_json(),
            json!({"choice": {
                "type": "Choices", "to_name": ["image"],
                "inputs": [{"type": "Image", "valueType": null, "value": "image"}],
                "labels": ["A", "B"], "labels_attrs": {"A": {"value": "A"}, "B": {"value": "B"}},
            }})
        );
        assert_eq!(
            config.control_weights(&json!({"choice": {"labels": {"B": 0.5}}, "gone": {}})),
            json!({"choice": {"overall": 1.0, "type": "Choices", "labels": {"A": 1.0, "B": 0.5}}})
        );
        assert!(config.has_controls() && config.suits_bulk_annotation());
        assert_eq!(config.first_data_key(), Some("image"));
        assert!(config.offers("choice", Some("A")) && config.offers("choice", None));
        assert!(!config.offers("choice", Some("C")) && !config.offers("other", None));
        let shown: Vec<_> = config.shown_fields().collect();
        assert_eq!(shown, [("image", "Image")]);
        let tags: Vec<_> = config.tags().collect();
        assert_eq!(tags, ["Choice", "Choices", "Image", "View"]);
    }

    #[test]
    fn an_empty_view_is_right_and_asks_nothing() {
        let config = LabelConfig::parse("<View></View>").unwrap();
        assert_eq!(config.to_json(), json!({}));
        assert!(!config.has_controls());
        assert_eq!(config.first_data_key(), None);
        assert_eq!(config.check_data(&Members::new()), Ok(()));
    }

    #[test]
    fn repeaters_conditions_aliases_and_dynamic_labels_are_kept() {
        let config = LabelConfig::parse(
            r#"<View><Repeater on="$pages" indexFlag="{{idx}}" mode="pagination">
                <Image name="page_{{idx}}" value="$pages[{{idx}}].url"/>
                <RectangleLabels name="box_{{idx}}" toName="page_{{idx}}" value="$names">
                  <Label value="Car" alias="c" background="blue"/></RectangleLabels>
                <TextArea name="text_{{idx}}" toName="page_{{idx}}" perRegion="true" whenLabelValue="Car"/>
               </Repeater></View>"#,
        )
        .unwrap();
        let parsed = config.to_json();
        let labels = &parsed["box_{{idx}}"];
        assert_eq!(labels["labels"], json!(["c"]));
        assert_eq!(labels["labels_attrs"]["c"]["background"], "blue");
        assert_eq!(labels["dynamic_labels"], true);
        assert_eq!(labels["regex"], json!({"{{idx}}": ".*"}));
        assert_eq!(
            parsed["text_{{idx}}"]["conditionals"],
            json!({"type": "label", "name": "Car"})
        );
        assert!(!config.suits_bulk_annotation());
        assert!(config.offers("box_3", Some("any label of the data")));
        assert!(!config.offers("bo_3", None));
        assert_eq!(config.first_data_key(), Some("pages"));
        let data = json!({"pages": "not a list", "names": []}).to_string();
        let error = config.check_data(&serde_json::from_str(&data).unwrap());
        assert!(error.unwrap_err().contains(r#"["list"]"#));
    }

    /// What the config says of this data.
    fn checked(config: &str, data: &Value) -> Result<(), String> {
        let text = data.to_string();
        let members = serde_json::from_str(&text).unwrap();
        LabelConfig::parse(config).unwrap().check_data(&members)
    }

    #[test]
    fn task_data_must_hold_what_the_config_shows() {
        assert_eq!(checked(CHOICES, &json!({"image": "x", "more": 1})), Ok(()));
        assert_eq!(
            checked(CHOICES, &json!({"img": "x"})),
            Err(r#""image" key is expected in task data"#.to_owned())
        );
        let error = checked(CHOICES, &json!({"image": 5})).unwrap_err();
        assert!(
            error.contains("of type 'int'") && error.contains("Image"),
            "{error}"
        );
    }

    #[test]
    fn nested_names_and_types_are_label_studios() {
        let of =
            |tag: &str, value: &str| format!(r#"<View><{tag} name="x" value="${value}"/></View>"#);
        for (tag, name, data, is_right) in [
            ("Text", "a.b", json!({"a": {"b": "x"}}), true),
            ("Text", "a.b", json!({"a.b": "x"}), false),
            ("Text", "a.b", json!({"a": ["x"]}), false),
            ("Text", "t", json!({"t": true}), true),
            ("Text", "t", json!({"t": ["x"]}), true),
            ("Text", "t", json!({"t": {}}), false),
            ("Header", "t", json!({"t": 1.5}), true),
            ("Header", "t", json!({"t": []}), false),
            ("HyperText", "t", json!({"t": 1}), false),
            ("Audio", "t", json!({"t": ["x"]}), false),
            ("Pdf", "t", json!({"t": ["x"]}), false),
            ("Table", "t", json!({"t": [1]}), true),
            ("List", "t", json!({"t": "x"}), true),
            ("Chat", "t", json!({"t": {}}), false),
            ("Dialog", "t", json!({"t": [{}]}), true),
            ("Dialog", "t", json!({"t": 1}), false),
            ("TimeSeries", "t", json!({"t": {}}), true),
            ("TimeSeries", "t", json!({"t": null}), false),
            ("Paragraphs", "t", json!({"t": [{}]}), true),
        ] {
            let checked = checked(&of(tag, name), &data);
            assert_eq!(checked.is_ok(), is_right, "{tag} {data}: {checked:?}");
        }
    }

    #[test]
    fn a_field_inside_a_text_counts() {
        let config =
            LabelConfig::parse(r#"<View><Image name="i" value="https://host/$path?x=1"/></View>"#)
                .unwrap();
        assert_eq!(config.first_data_key(), Some("path"));
    }
}

#[cfg(test)]
mod fuzz;
