//! What a change says besides what it changes: a copy of the answer that it was made from. It may
//! repeat what is there, and not say something else.

use model::budgets;
use serde_json::{Value, value::RawValue};

use super::{Input, Member, unknown_field};
use crate::error::ApiError;
use engine::FieldError;

/// Told in words that change by themselves.
const BY_THE_CLOCK: &str = "created_ago";

/// The members of a change that its input did not take.
#[derive(Debug)]
pub(crate) struct Repeated {
    pub(super) members: Vec<Member>,
    pub(super) known: Vec<&'static str>,
}

impl Repeated {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Refuses what is not as `current`, the JSON of what is changed, has it.
    ///
    /// # Errors
    /// 400 naming every such field.
    pub(crate) fn check<T: Input>(&self, current: &Value) -> Result<(), ApiError> {
        let mut errors: Vec<FieldError> = Vec::new();
        for (name, given) in &self.members {
            let is_as_before = match current.get(name) {
                _ if T::OF_THE_EDITOR.contains(&&**name) => true,
                Some(_) if name == BY_THE_CLOCK => true,
                Some(current) => is_same(given, current),
                None => T::NOT_KEPT.contains(&&**name) && asks_nothing::<T>(name, given),
            };
            if is_as_before {
                continue;
            }
            let is_known = current.get(name).is_some() || T::NOT_KEPT.contains(&&**name);
            errors.push(FieldError {
                field: budgets::cut(name, budgets::NAME).into_owned(),
                message: if is_known {
                    "This field cannot be changed.".to_owned()
                } else {
                    unknown_field(&self.known)
                },
            });
            if errors.len() == budgets::NAMED_FIELDS {
                break;
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(errors))
        }
    }
}

/// Does a field that is not kept say what is true without it?
pub(super) fn asks_nothing<T: Input>(name: &str, given: &RawValue) -> bool {
    let by_default = T::DEFAULTS.iter().any(|(key, text)| {
        let default = serde_json::from_str::<Value>(text);
        *key == name && default.is_ok_and(|default| is_same(given, &default))
    });
    by_default || serde_json::from_str(given.get()).is_ok_and(|given| is_nothing(&given))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.as_str(), "" | "false" | "0"),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Is it the same, whether JSON or a form says it?
fn is_same(given: &RawValue, current: &Value) -> bool {
    let Ok(given) = serde_json::from_str::<Value>(given.get()) else {
        return false;
    };
    if given == *current {
        return true;
    }
    let instant = |text: &str| text.parse::<jiff::Timestamp>().ok();
    match (&given, current) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::String(one), Value::String(other)) => {
            instant(one).is_some_and(|at| instant(other) == Some(at))
        }
        (Value::String(text), Value::Bool(_) | Value::Number(_)) => {
            text.eq_ignore_ascii_case(&current.to_string())
        }
        (given, current) => is_nothing(given) && is_nothing(current),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::RawValue};

    use super::is_same;

    #[test]
    fn the_same_is_the_same_in_json_and_in_a_form() {
        let at = json!("2026-11-21T17:52:00.684000Z");
        for (given, current) in [
            ("5", json!(5)),
            ("5.0", json!(5)),
            ("\"5\"", json!(5)),
            ("\"True\"", json!(true)),
            ("\"2026-11-21T17:52:00.684Z\"", at.clone()),
            ("{\"a\": [1]}", json!({"a": [1]})),
            ("null", json!("")),
            ("\"\"", json!(null)),
        ] {
            let given = RawValue::from_string(given.to_owned()).unwrap();
            assert!(is_same(&given, &current), "{given} {current}");
        }
        for (given, current) in [
            ("6", json!(5)),
            ("\"x\"", json!(5)),
            ("null", json!(5)),
            ("\"2026-11-21T17:52:00.685Z\"", at),
            ("true", json!(1)),
            ("[1]", json!([])),
        ] {
            let given = RawValue::from_string(given.to_owned()).unwrap();
            assert!(!is_same(&given, &current), "{given} {current}");
        }
    }
}
