//! The fields of a request body, JSON or form, read one by one.
//!
//! Not serde's derive, for three reasons: every wrong field is reported at once, as Label Studio
//! does; `data` and `result` stay the exact text that was sent (no float rounding, no reordered
//! keys); and a form's `"true"`, `"5"` or `"{…}"` mean what JSON's `true`, `5` or `{…}` mean.

use engine::FieldError;
use model::budgets;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{error::ApiError, parameters::parse_flag};

mod json;
mod repeat;

pub(crate) use json::json_error;
use json::{Pairs, json_kind};
pub(crate) use repeat::Repeated;

const NO_NULL: &str = "This field may not be null.";

/// A body's type: how it reads its fields.
pub(crate) trait Input: Sized {
    /// Fields of Label Studio that nothing here keeps: they may be empty, and ask for nothing.
    const NOT_KEPT: &'static [&'static str] = &[];
    /// What such a field may also say, as JSON: what it is in Label Studio when nobody says.
    const DEFAULTS: &'static [(&'static str, &'static str)] = &[];
    /// What Label Studio's editor says besides, of itself: it is let in, whatever it is.
    const OF_THE_EDITOR: &'static [&'static str] = &[];
    /// Fields that a change may empty by null.
    const NULLABLE: &'static [&'static str] = &[];

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

/// A field's name, and its value as it was sent.
type Member = (String, Box<RawValue>);

/// What a body is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Purpose {
    /// To make or to do something; null is as absent.
    #[default]
    New,
    /// To change something, of which null may empty these.
    Change(&'static [&'static str]),
}

/// The fields not taken yet, and what was wrong with those taken.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    left: Vec<Member>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
    purpose: Purpose,
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
            return Err(ApiError::invalid_request(no_object(value)));
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
        for (name, value) in std::mem::take(&mut self.left) {
            if T::OF_THE_EDITOR.contains(&&*name) {
                continue;
            }
            if !T::NOT_KEPT.contains(&&*name) {
                self.left.push((name, value));
            } else if !repeat::asks_nothing::<T>(&name, &value) {
                self.wrong(&name, "Longshore keeps no such field: leave it out.");
            }
        }
        self.finish()?;
        Ok(input)
    }

    /// Reads a change, and what else was sent.
    ///
    /// # Errors
    /// 400 naming every wrong field.
    pub(crate) fn read_change<T: Input>(mut self) -> Result<(T, Repeated), ApiError> {
        self.purpose = Purpose::Change(T::NULLABLE);
        let input = T::read(&mut self);
        let repeated = Repeated {
            members: std::mem::take(&mut self.left),
            known: std::mem::take(&mut self.known),
        };
        self.finish()?;
        Ok((input, repeated))
    }

    /// Is something made of this, and nothing changed?
    pub(crate) fn is_new(&self) -> bool {
        self.purpose == Purpose::New
    }

    /// Reports what nobody took.
    fn finish(&mut self) -> Result<(), ApiError> {
        let mut unknown: Vec<String> = self.left.drain(..).map(|(name, _)| name).collect();
        unknown.dedup();
        let known = std::mem::take(&mut self.known);
        self.wrong_each(unknown, || unknown_field(&known));
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(std::mem::take(&mut self.errors)))
        }
    }

    /// Takes a field's value out; null is for the caller only where it may be.
    fn take(&mut self, name: &'static str) -> Given<Box<RawValue>> {
        self.known.push(name);
        let Some(at) = self.left.iter().position(|(key, _)| key == name) else {
            return Given::Absent;
        };
        let (_, value) = self.left.swap_remove(at);
        if value.get() != "null" {
            return Given::Value(value);
        }
        match self.purpose {
            Purpose::Change(nullable) if !nullable.contains(&name) => {
                self.wrong(name, NO_NULL);
                Given::Absent
            }
            _ => Given::Null,
        }
    }

    /// An object, whose members are read the same way and told as `name.member`.
    pub(crate) fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Given<T> {
        let raw = match self.json(name) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(raw) => raw,
        };
        if !raw.get().starts_with('{') {
            self.wrong(name, no_object(&raw));
            return Given::Absent;
        }
        let read = Self::from_json(raw.get().as_bytes()).and_then(|mut members| {
            let value = read(&mut members);
            members.finish().map(|()| value)
        });
        match read {
            Ok(value) => Given::Value(value),
            Err(error) if error.field_errors().is_empty() => {
                self.wrong(name, error.detail().to_owned());
                Given::Absent
            }
            Err(error) => {
                for wrong in error.field_errors() {
                    let field = match wrong.field.as_str() {
                        FieldError::NON_FIELD => name.to_owned(),
                        member => format!("{name}.{member}"),
                    };
                    self.wrong(&field, wrong.message.clone());
                }
                Given::Absent
            }
        }
    }

    /// A list of ids.
    pub(crate) fn ids(&mut self, name: &'static str) -> Given<Vec<i64>> {
        match self.json(name) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(raw) => match parse::<Vec<i64>>(&raw) {
                Some(ids) => Given::Value(ids),
                None => {
                    self.wrong(name, "Give a list of ids, like [3, 4].");
                    Given::Absent
                }
            },
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
        let value = match self.take(name) {
            Given::Value(value) => value,
            nothing => return nothing,
        };
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

    /// A text that a change may empty, which null does.
    pub(crate) fn emptied(&mut self, name: &'static str) -> Option<String> {
        match self.text(name) {
            Given::Null if !self.is_new() => Some(String::new()),
            given => given.value(),
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
            Scalar::Text(text) => parse_flag(&text),
        })
    }

    /// Reports the field unless it has a value.
    pub(crate) fn required<T>(&mut self, name: &'static str, given: Given<T>) -> Option<T> {
        match given {
            Given::Value(value) => return Some(value),
            Given::Null => self.wrong(name, NO_NULL),
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
        let value = match self.take(name) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(value) => value,
        };
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

fn no_object(value: &RawValue) -> String {
    format!(
        "Invalid data. Expected a dictionary, but got {}.",
        json_kind(value)
    )
}

fn unknown_field(known: &[&str]) -> String {
    if known.is_empty() {
        "Unknown field. There are none here.".to_owned()
    } else {
        format!("Unknown field. The fields here are: {}.", known.join(", "))
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

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fuzz;
