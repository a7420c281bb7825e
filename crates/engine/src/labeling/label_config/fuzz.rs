//! Labeling configs that anybody with a project may write.

use serde_json::json;

use super::{LabelConfig, Members};

/// A config that is taken means the same each time, says no more than it was told, offers what it
/// lists, and never breaks on data; one that is refused says where, inside its text.
#[test]
fn label_configs() {
    let seeds = [
        r#"<View><Image name="image" value="$image"/><Choices name="choice" toName="image"><Choice value="A"/><Choice value="B" alias="b"/></Choices></View>"#,
        r#"<View><Repeater on="$pages" indexFlag="{{idx}}"><Image name="page_{{idx}}" value="$pages[{{idx}}].url"/><RectangleLabels name="box_{{idx}}" toName="page_{{idx}}" value="$names"><Label value="Car" alias="c" background="blue"/></RectangleLabels><TextArea name="t" toName="page_{{idx}}" perRegion="true" whenLabelValue="Car"/></Repeater></View>"#,
        "<!-- c --><View>\n<Text name=\"t\" value=\"https://h/$a?x\"/><![CDATA[x]]>&amp;</View>",
        "<View><Image name='é' value='$é'/>\n<Choices name='c' toName='nope'/>",
    ];
    let words = [
        "<View>",
        "</View>",
        "<Choices name=\"c\" toName=\"t\">",
        "</Choices>",
        "<Choice value=\"A\"/>",
        "<Label ",
        "/>",
        "<Text name=\"t\" value=\"$t\"/>",
        " name=\"",
        " toName=\"",
        " value=\"$",
        " alias=\"",
        " indexFlag=\"{{i}}\"",
        "{{",
        "}}",
        "&lt;",
        "&#xD;",
        "&x;",
        "<!DOCTYPE x [<!ENTITY x \"y\">]>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "xmlns:x=\"y\"",
        ",",
    ];
    ::fuzz::texts("label_configs", &seeds, &words, |xml| {
        let config = match LabelConfig::parse(xml) {
            Ok(config) => config,
            Err(error) => return inside(xml, &error),
        };
        let told = config.to_json();
        assert_eq!(
            told,
            LabelConfig::parse(xml).expect("it was taken").to_json()
        );
        assert_eq!(config.has_controls(), told != json!({}));
        for (name, control) in told.as_object().into_iter().flatten() {
            assert!(
                xml.contains(['"', '\'']) && config.offers(name, None),
                "{name}"
            );
            for label in control["labels"].as_array().into_iter().flatten() {
                assert!(config.offers(name, label.as_str()), "{name} {label}");
            }
        }
        let weights = config.control_weights(&json!({}));
        assert_eq!(weights, config.control_weights(&weights));
        let empty = serde_json::value::to_raw_value(&json!([])).expect("JSON");
        let shown = config
            .shown_fields()
            .map(|(key, _)| (key.split('[').next().unwrap_or(key).to_owned(), &*empty));
        for data in [shown.collect(), Members::new()] {
            let _ = config.check_data(&data);
        }
        let _ = (config.suits_bulk_annotation(), config.first_data_key());
    });
}

fn inside(xml: &str, error: &str) {
    assert!(
        !error.is_empty() && error.len() <= 4 * xml.len() + 500,
        "{error}"
    );
    let Some((_, place)) = error.rsplit_once(": line ") else {
        return;
    };
    let numbers = place.split_once(", column ");
    let numbers =
        numbers.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    let Some((line, column)) = numbers else {
        return;
    };
    let lines: Vec<&str> = xml.split('\n').collect();
    assert!((1..=lines.len()).contains(&line), "no such line: {error}");
    let length = lines[line - 1].chars().count();
    assert!((0..=length).contains(&column), "no such column: {error}");
}
