//! What a change of a project has changed, in few words.

use model::Project;
use serde_json::{Map, Value, json};

use super::short;
use crate::{ProjectInput, project_settings};

/// Title and description before and after, of the labeling config the part that differs, and the
/// settings that were given another value.
pub(crate) fn of_project(before: &Project, input: &ProjectInput) -> Value {
    let mut changed = Map::new();
    let texts = [
        ("title", &before.title, &input.title),
        ("description", &before.description, &input.description),
    ];
    for (name, before, after) in texts {
        if let Some(after) = after.as_ref().filter(|after| *after != before) {
            let said = json!({"from": short(before), "to": short(after)});
            changed.insert(name.to_owned(), said);
        }
    }
    if let Some(after) = input.label_config.as_ref()
        && *after != before.label_config
    {
        let (removed, added) = difference(&before.label_config, after);
        let said = json!({"removed": short(removed), "added": short(added)});
        changed.insert("label_config".to_owned(), said);
    }
    let settings = project_settings(before);
    for (name, after) in &input.settings {
        let before = settings.get(name).unwrap_or(&Value::Null);
        if before != after {
            let word = |value: &Value| match value {
                Value::String(text) => short(text),
                other => short(&other.to_string()),
            };
            changed.insert(
                name.clone(),
                json!({"from": word(before), "to": word(after)}),
            );
        }
    }
    json!({"changed": changed})
}

/// What lies between the common beginning and the common end.
fn difference<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    let same = |(a, b): &(char, char)| a == b;
    let head: usize = before
        .chars()
        .zip(after.chars())
        .take_while(same)
        .map(|(letter, _)| letter.len_utf8())
        .sum();
    let (before, after) = (&before[head..], &after[head..]);
    let tail: usize = before
        .chars()
        .rev()
        .zip(after.chars().rev())
        .take_while(same)
        .map(|(letter, _)| letter.len_utf8())
        .sum();
    (&before[..before.len() - tail], &after[..after.len() - tail])
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn only_what_differs_is_said() {
        for (before, after, expected) in [
            ("<a>cat</a>", "<a>dog</a>", ("cat", "dog")),
            ("<a>cat</a>", "<a>cat</a><b/>", ("", "<b/>")),
            ("", "é", ("", "é")),
            ("éa", "èa", ("é", "è")),
            ("aaa", "aa", ("a", "")),
        ] {
            assert_eq!(difference(before, after), expected);
        }
    }
}
