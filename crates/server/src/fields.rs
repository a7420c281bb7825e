//! The fields of a request body, JSON or form, read one by one.
//!
//! Not serde's derive, for three reasons: every wrong field is reported at once, as Label Studio
//! does; `data` and `result` stay the exact text that was sent (no float rounding, no reordered
//! keys); and a form's `"true"`, `"5"` or `"{…}"` mean what JSON's `true`, `5` or `{…}` mean.

use engine::FieldError;
use model::budgets;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::error::ApiError;

/// A body's type: how it reads its fields.
pub(crate) trait Input: Sized {
    /// Fields of Label Studio that are accepted and change nothing here.
    const UNUSED: &'static [&'static str] = &[];

    /// Takes every field it knows; what it leaves is refused by name.
    fn read(fields: &mut Fields) -> Self;
}

/// What a body says about one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// Not mentioned: a patch leaves it as it is.
    #[default]
    Absent,
    /// JSON's null: a patch empties it.
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// The value, when there is one.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// `Some(None)` for null.
    pub(crate) fn patch(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }
}

/// The fields not taken yet, and what was wrong with those taken.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    left: Vec<(String, Box<RawValue>)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// 400 with line and column when it is not JSON; 400 when it is no object, or has too many
    /// members.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, ApiError> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let value: &RawValue =
            serde_json::from_slice(body).map_err(|error| json_error(body, &error))?;
        if !value.get().starts_with('{') {
            return Err(ApiError::invalid_request(format!(
                "Invalid data. Expected a dictionary, but got {}.",
                json_kind(value)
            )));
        }
        let Pairs(left) =
            serde_json::from_str(value.get()).map_err(|error| json_error(body, &error))?;
        if left.len() > budgets::FIELDS {
            return Err(ApiError::too_many_fields(budgets::FIELDS));
        }
        Ok(Self::from_pairs(left))
    }

    /// Reads `a=1&b=2`.
    ///
    /// # Errors
    /// 400 when there are more than so many.
    pub(crate) fn from_form(body: &[u8], most: usize) -> Result<Self, ApiError> {
        let pairs = form_pairs(body, most)?.into_iter();
        let left = pairs
            .map(|(name, value)| {
                let value = serde_json::value::to_raw_value(&value).unwrap_or_default();
                (name, value)
            })
            .collect();
        Ok(Self::from_pairs(left))
    }

    fn from_pairs(left: Vec<(String, Box<RawValue>)>) -> Self {
        let mut fields = Self {
            left,
            ..Self::default()
        };
        let mut names: Vec<&str> = fields.left.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let twice: Vec<String> = names
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[0].to_owned())
            .collect();
        fields.wrong_each(twice, || "This field is given more than once.".to_owned());
        fields
    }

    /// Reads all of an input.
    ///
    /// # Errors
    /// 400 naming every wrong and every unknown field.
    pub(crate) fn read<T: Input>(mut self) -> Result<T, ApiError> {
        let input = T::read(&mut self);
        let mut unknown: Vec<String> = self
            .left
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| !T::UNUSED.contains(&name.as_str()))
            .collect();
        unknown.dedup();
        let known = std::mem::take(&mut self.known);
        self.wrong_each(unknown, || {
            format!("Unknown field. The fields here are: {}.", known.join(", "))
        });
        if self.errors.is_empty() {
            Ok(input)
        } else {
            Err(ApiError::invalid(self.errors))
        }
    }

    /// Reports a wrong field.
    pub(crate) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Reports the first of these fields, of the sender's naming, and how many more there are.
    fn wrong_each(&mut self, fields: Vec<String>, message: impl Fn() -> String) {
        for field in fields.iter().take(budgets::NAMED_FIELDS) {
            self.wrong(&budgets::cut(field, budgets::NAME), message());
        }
        if fields.len() > budgets::NAMED_FIELDS {
            let more = fields.len() - budgets::NAMED_FIELDS;
            let message = format!("… and {more} more fields. {}", message());
            self.wrong(FieldError::NON_FIELD, message);
        }
    }

    /// Any JSON, as it was sent; a string that holds an object or array (a form's) is opened.
    pub(crate) fn json(&mut self, name: &'static str) -> Given<Box<RawValue>> {
        self.known.push(name);
        let Some(at) = self.left.iter().position(|(key, _)| key == name) else {
            return Given::Absent;
        };
        let (_, value) = self.left.swap_remove(at);
        if value.get() == "null" {
            return Given::Null;
        }
        match serde_json::from_str::<String>(value.get()) {
            Ok(inner) if inner.starts_with(['{', '[']) => {
                Given::Value(RawValue::from_string(inner).unwrap_or(value))
            }
            _ => Given::Value(value),
        }
    }

    /// A text; numbers are taken as their text.
    pub(crate) fn text(&mut self, name: &'static str) -> Given<String> {
        let given = self.scalar(name, "Not a valid string.", |value| match value {
            Scalar::Text(text) => Some(text),
            Scalar::Number(number) => Some(number.to_string()),
            Scalar::Bool(_) => None,
        });
        match given {
            Given::Value(text) if text.contains('\0') => {
                self.wrong(name, "Null characters are not allowed.");
                Given::Absent
            }
            given => given,
        }
    }

    /// A whole number.
    pub(crate) fn int(&mut self, name: &'static str) -> Given<i64> {
        self.scalar(name, "A valid integer is required.", |value| match value {
            Scalar::Number(number) => number.as_i64(),
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Bool(_) => None,
        })
    }

    /// An instant of RFC 3339, in Unix milliseconds; empty means null.
    pub(crate) fn instant(&mut self, name: &'static str) -> Given<i64> {
        let text = match self.text(name) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(text) => text,
        };
        if text.trim().is_empty() {
            return Given::Null;
        }
        match text.trim().parse::<jiff::Timestamp>() {
            Ok(at) => Given::Value(at.as_millisecond()),
            Err(_) => {
                self.wrong(name, "Give an instant like 2026-12-31T00:00:00Z.");
                Given::Absent
            }
        }
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str) -> Given<f64> {
        self.scalar(name, "A valid number is required.", |value| match value {
            Scalar::Number(number) => number.as_f64(),
            Scalar::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            Scalar::Bool(_) => None,
        })
    }

    /// true or false, also as Django's forms spell them.
    pub(crate) fn flag(&mut self, name: &'static str) -> Given<bool> {
        self.scalar(name, "Must be a valid boolean.", |value| match value {
            Scalar::Bool(flag) => Some(flag),
            Scalar::Number(number) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Scalar::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "on" | "yes" => Some(true),
                "false" | "0" | "off" | "no" => Some(false),
                _ => None,
            },
        })
    }

    /// Reports the field unless it has a value.
    pub(crate) fn required<T>(&mut self, name: &'static str, given: Given<T>) -> Option<T> {
        match given {
            Given::Value(value) => return Some(value),
            Given::Null => self.wrong(name, "This field may not be null."),
            Given::Absent if self.errors.iter().any(|error| error.field == name) => {}
            Given::Absent => self.wrong(name, "This field is required."),
        }
        None
    }

    fn scalar<T>(
        &mut self,
        name: &'static str,
        message: &'static str,
        read: impl FnOnce(Scalar) -> Option<T>,
    ) -> Given<T> {
        self.known.push(name);
        let Some(at) = self.left.iter().position(|(key, _)| key == name) else {
            return Given::Absent;
        };
        let (_, value) = self.left.swap_remove(at);
        if value.get() == "null" {
            return Given::Null;
        }
        // An object or array is none, and is not unpacked to see that.
        let scalar = Some(value).filter(|value| !value.get().starts_with(['{', '[']));
        match scalar
            .and_then(|value| parse::<Scalar>(&value))
            .and_then(read)
        {
            Some(value) => Given::Value(value),
            None => {
                self.wrong(name, message);
                Given::Absent
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
}

fn parse<T: DeserializeOwned>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// The pairs of `a=1&b=2`.
///
/// # Errors
/// 400 when there are more than so many.
pub(crate) fn form_pairs(body: &[u8], most: usize) -> Result<Vec<(String, String)>, ApiError> {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    let pairs: Vec<_> = pairs.take(most + 1).collect();
    if pairs.len() > most {
        return Err(ApiError::too_many_fields(most));
    }
    Ok(pairs)
}

/// An object's members in order, duplicates included; of too many only one too many.
struct Pairs(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while pairs.len() <= budgets::FIELDS
                    && let Some(pair) = map.next_entry()?
                {
                    pairs.push(pair);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// 400 with the cause, the line, the column and the byte offset, in the words of Python's parser.
pub(crate) fn json_error(body: &[u8], error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    let before: usize = body
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or(&text);
    ApiError::malformed(format!(
        "JSON parse error - {cause}: line {line} column {column} (char {})",
        before + column.saturating_sub(1)
    ))
}

fn json_kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'[') => "list",
        Some(b'"') => "str",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "None",
        _ => "number",
    }
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, response::IntoResponse};

    use super::{Fields, Given, Input};

    #[derive(Debug, PartialEq)]
    struct Sample {
        project: Option<i64>,
        title: Given<String>,
        presign: Option<bool>,
        data: Option<String>,
    }

    impl Input for Sample {
        const UNUSED: &'static [&'static str] = &["status"];

        fn read(fields: &mut Fields) -> Self {
            let project = fields.int("project");
            Self {
                project: fields.required("project", project),
                title: fields.text("title"),
                presign: fields.flag("presign").value(),
                data: fields.json("data").value().map(|raw| raw.get().to_owned()),
            }
        }
    }

    #[test]
    fn json_and_form_mean_the_same() {
        let json =
            br#"{"project": 5, "title": "t", "presign": false, "data": {"b":1,"a":2}, "status": 3}"#;
        let form = b"project=5&title=t&presign=false&data=%7B%22b%22%3A1%2C%22a%22%3A2%7D";
        let json: Sample = Fields::from_json(json).unwrap().read().unwrap();
        let form: Sample = Fields::from_form(form, 300).unwrap().read().unwrap();
        assert_eq!(json, form);
        assert_eq!(json.data.as_deref(), Some(r#"{"b":1,"a":2}"#));
    }

    #[test]
    fn raw_json_is_not_rounded() {
        let body = br#"{"project": 1, "data": {"n": 12345678901234567890123.10}}"#;
        let read: Sample = Fields::from_json(body).unwrap().read().unwrap();
        assert_eq!(
            read.data.as_deref(),
            Some(r#"{"n": 12345678901234567890123.10}"#)
        );
    }

    #[test]
    fn null_is_not_absent() {
        let read: Sample = Fields::from_json(br#"{"project": 1, "title": null}"#)
            .unwrap()
            .read()
            .unwrap();
        assert_eq!(read.title, Given::Null);
        assert_eq!(read.presign, None);
    }

    fn errors(body: &[u8]) -> String {
        let error = match Fields::from_json(body) {
            Ok(fields) => fields.read::<Sample>().unwrap_err(),
            Err(error) => error,
        };
        let text = format!("{error:?}");
        assert_eq!(error.into_response().status(), StatusCode::BAD_REQUEST);
        text
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let text = errors(br#"{"presign": "maybe", "title": [1], "colour": 1}"#);
        for part in [
            "This field is required.",
            "Must be a valid boolean.",
            "Not a valid string.",
            "\"colour\"",
            "project, title, presign, data",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn malformed_bodies_say_where() {
        assert!(errors(b"{bad").contains("line 1 column 2 (char 1)"));
        assert!(errors(b"{\n \"a\": NaN}").contains("line 2 column"));
        assert!(errors(b"[1]").contains("Expected a dictionary, but got list."));
        assert!(errors(b"{\"project\": 1, \"project\": 2}").contains("more than once"));
        assert!(errors(b"{\"title\": \"\xFF\"}").contains("line 1"));
    }

    #[test]
    fn many_unknown_fields_are_counted_and_too_many_are_refused() {
        let body = |count: usize| {
            let names: Vec<_> = (0..count).map(|n| format!("\"{n:0>90}\": 1")).collect();
            format!("{{{}}}", names.join(","))
        };
        let text = errors(body(300).as_bytes());
        assert!(text.contains("and 290 more fields"), "{text}");
        assert!(text.len() < 4_000, "{text}");
        assert!(errors(body(301).as_bytes()).contains("more than 300 fields"));
        assert!(errors(body(100_000).as_bytes()).contains("more than 300 fields"));
        let twice = format!("{{{}\"project\": 1}}", "\"a\": 1,".repeat(200));
        assert!(errors(twice.as_bytes()).contains("more than once"));
        assert!(Fields::from_form("a=1&".repeat(301).as_bytes(), 300).is_err());
        assert!(Fields::from_form("a=1&".repeat(300).as_bytes(), 300).is_ok());
    }

    #[test]
    fn a_byte_order_mark_is_no_data() {
        let read: Sample = Fields::from_json(b"\xEF\xBB\xBF{\"project\": 1}")
            .unwrap()
            .read()
            .unwrap();
        assert_eq!(read.project, Some(1));
    }
}

#[cfg(test)]
mod fuzz;
