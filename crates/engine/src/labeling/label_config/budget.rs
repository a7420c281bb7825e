//! What a labeling config may cost, counted in one pass before the tree is built: building and
//! checking it takes longer than in proportion to some of these.

use model::budgets;
use quick_xml::{Reader, events::Event};

/// # Errors
/// The first budget that is exceeded, and what to do.
pub(super) fn check(xml: &str) -> Result<(), String> {
    if xml.len() > budgets::CONFIG {
        return Err(too_much(budgets::CONFIG, "bytes"));
    }
    let (mut elements, mut levels, mut repeaters, mut namespaces) = (0, 0_usize, 0, 0);
    let mut reader = Reader::from_str(xml);
    loop {
        let tag = match reader.read_event() {
            Ok(Event::Start(tag)) => {
                levels += 1;
                tag
            }
            Ok(Event::Empty(tag)) => tag,
            Ok(Event::End(_)) => {
                levels = levels.saturating_sub(1);
                continue;
            }
            // What is not well-formed is refused at the same place when the tree is built.
            Ok(Event::Eof) | Err(_) => return Ok(()),
            Ok(_) => continue,
        };
        elements += 1;
        let mut attributes = 0;
        for attribute in tag.attributes().with_checks(false) {
            attributes += 1;
            if let Ok(attribute) = attribute {
                let name = attribute.key.as_ref();
                repeaters += usize::from(name == "indexFlag");
                namespaces += usize::from(name.starts_with("xmlns"));
            }
        }
        for (count, most, what) in [
            (elements, budgets::CONFIG_ELEMENTS, "elements"),
            (levels, budgets::CONFIG_LEVELS, "levels"),
            (
                attributes,
                budgets::CONFIG_ATTRIBUTES,
                "attributes in one element",
            ),
            (repeaters, budgets::CONFIG_REPEATERS, "repeaters"),
            (namespaces, budgets::CONFIG_NAMESPACES, "namespaces"),
        ] {
            if count > most {
                return Err(too_much(most, what));
            }
        }
    }
}

/// The page of a project's settings knows the first words.
pub(super) fn too_much(most: usize, what: &str) -> String {
    format!(
        "A labeling config has at most {most} {what}. Long lists of labels can come from task data: value=\"$labels\"."
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::LabelConfig;

    const TEXT: &str = r#"<Text name="t" value="$t"/>"#;

    fn choices(count: usize) -> String {
        let choices: String = (0..count)
            .map(|number| format!("<Choice value=\"{number}\"/>"))
            .collect();
        format!("<View>{TEXT}<Choices name=\"c\" toName=\"t\">{choices}</Choices></View>")
    }

    fn repeated(count: usize, of: impl Fn(usize) -> String) -> String {
        (0..count).map(of).collect()
    }

    #[test]
    fn a_config_as_large_as_any_is_taken() {
        let config = LabelConfig::parse(&choices(9_000)).unwrap();
        assert!(config.offers("c", Some("8999")));
        let deep = "<View>".repeat(90) + TEXT + &"</View>".repeat(90);
        LabelConfig::parse(&deep).unwrap();
    }

    /// Each takes many times its size, or its size squared, when nothing stops it.
    #[test]
    fn a_config_that_costs_too_much_is_refused_at_once() {
        let many = 20_000;
        let attributes = repeated(many, |number| format!(" a{number}=\"\""));
        let long = "x".repeat(200_000);
        for (what, config) in [
            ("elements", choices(many)),
            ("bytes", choices(500_000)),
            ("attributes", format!("<View{attributes}>{TEXT}</View>")),
            ("attributes", format!("<View><View{attributes}/></View>")),
            ("levels", "<View>".repeat(many) + &"</View>".repeat(many)),
            ("levels", "<View>".repeat(many)),
            (
                "repeaters",
                repeated(many / 20, |n| format!("<Repeater indexFlag=\"{n}\"/>")),
            ),
            (
                "namespaces",
                repeated(many / 20, |n| format!("<View xmlns:a{n}=\"{n}\">")),
            ),
            (
                "bytes of inputs",
                format!(
                    "<View><Text name=\"t\" value=\"{long}\"/><Choices name=\"c\" toName=\"{}t\"><Choice value=\"a\"/></Choices></View>",
                    "t,".repeat(100_000)
                ),
            ),
            (
                "bytes of inputs",
                format!(
                    "<View><Text name=\"t\" value=\"{long}\"/>{}</View>",
                    repeated(5_000, |n| format!("<Rating name=\"r{n}\" toName=\"t\"/>"))
                ),
            ),
        ] {
            let config = match config.starts_with("<View") {
                true => config,
                false => format!("<View>{config}</View>"),
            };
            let begun = Instant::now();
            let error = LabelConfig::parse(&config).unwrap_err();
            assert!(error.contains(what), "{what}: {error}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{what}");
        }
    }

    /// What a message repeats of a config is cut.
    #[test]
    fn a_message_is_short_whatever_the_config_is() {
        let long = "x".repeat(100_000);
        let names = repeated(5_000, |n| format!("<Text name=\"name-{n}\" value=\"$t\"/>"));
        for config in [
            format!("<View><{long}></View>"),
            format!("<View><Text {long}=\"\" {long}=\"\"/></View>"),
            format!("<View>{names}<Rating name=\"r\" toName=\"{long}\"/></View>"),
            format!(
                "<View><Text name=\"{long}\" value=\"$t\"/><Text name=\"{long}\" value=\"$t\"/></View>"
            ),
            format!("<{long}><{long}><Choices/></{long}></{long}>"),
        ] {
            let error = LabelConfig::parse(&config).unwrap_err();
            assert!(
                error.len() < 1_500,
                "{} bytes: {}",
                error.len(),
                &error[..200]
            );
        }
        let config = format!("<View><Text name=\"t\" value=\"${long}\"/></View>");
        let error = LabelConfig::parse(&config)
            .unwrap()
            .check_data(&crate::labeling::label_config::Members::new());
        assert!(error.unwrap_err().len() < 1_000);
    }
}
