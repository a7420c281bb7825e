//! The text of one row to a task: raw data, or Label Studio's task form.

use std::{cell::Cell, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{FormatError, Position};

/// One task of a file.
///
/// A row with a member `data` is Label Studio's task form; of an exported task its `id`,
/// `created_at` and the like are left out, because they are another server's. Any other object is
/// raw data as it is.
#[derive(Clone, Debug)]
pub struct TaskRow {
    /// Position in the file, from 0.
    pub row: i64,
    /// A JSON object.
    pub data: Box<RawValue>,
    /// A JSON object.
    pub meta: Option<Box<RawValue>>,
    pub annotations: Vec<RowAnnotation>,
    pub predictions: Vec<RowPrediction>,
}

/// An annotation that came with a task.
#[derive(Clone, Debug)]
pub struct RowAnnotation {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub was_cancelled: bool,
    pub ground_truth: bool,
    /// Seconds.
    pub lead_time: Option<f64>,
}

/// A prediction that came with a task.
#[derive(Clone, Debug)]
pub struct RowPrediction {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

/// Parses `bytes`, which begin at `begin` in their file with an opening brace.
pub(crate) fn parse(bytes: &[u8], begin: Position, row: i64) -> Result<TaskRow, FormatError> {
    let source = Source {
        text: valid_text(bytes, begin, row)?,
        begin,
        row,
    };
    source.check()?;
    let task: TaskMembers<'_> = source.members(source.text, "the row")?;
    let Some(data) = task.data else {
        return Ok(TaskRow {
            row,
            data: source.members(source.text, "the row")?,
            meta: None,
            annotations: Vec::new(),
            predictions: Vec::new(),
        });
    };
    Ok(TaskRow {
        row,
        data: source.shaped(data, '{', "`data` must be an object")?,
        meta: task
            .meta
            .filter(|meta| meta.get() != "null")
            .map(|meta| source.shaped(meta, '{', "`meta` must be an object"))
            .transpose()?,
        annotations: source
            .items(task.annotations, "`annotations` must be an array")?
            .into_iter()
            .map(|item| source.annotation(item))
            .collect::<Result<_, _>>()?,
        predictions: source
            .items(task.predictions, "`predictions` must be an array")?
            .into_iter()
            .map(|item| source.prediction(item))
            .collect::<Result<_, _>>()?,
    })
}

#[derive(Deserialize)]
struct TaskMembers<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    annotations: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    predictions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnnotationMembers<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
    was_cancelled: Option<bool>,
    ground_truth: Option<bool>,
    lead_time: Option<f64>,
}

#[derive(Deserialize)]
struct PredictionMembers<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
    score: Option<f64>,
    model_version: Option<String>,
}

/// A member that is there, `null` included.
fn present<'de, D: Deserializer<'de>>(member: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(member).map(Some)
}

fn valid_text(bytes: &[u8], begin: Position, row: i64) -> Result<&str, FormatError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = begin.after(&bytes[..error.valid_up_to()]);
        match error.error_len() {
            Some(_) => FormatError::new(at, Some(row), "invalid_utf8", "this is not UTF-8"),
            None => FormatError::new(at, Some(row), "truncated", "the text ends in a character"),
        }
    })
}

/// A row's text and where it stands.
struct Source<'a> {
    text: &'a str,
    begin: Position,
    row: i64,
}

impl<'a> Source<'a> {
    /// Is it JSON, to the end, without duplicate keys and without numbers that no double holds?
    fn check(&self) -> Result<(), FormatError> {
        let duplicate = Cell::new(None);
        let mut parser = serde_json::Deserializer::from_str(self.text);
        let Err(error) = Strict(&duplicate)
            .deserialize(&mut parser)
            .and_then(|()| parser.end())
        else {
            return Ok(());
        };
        let offset = offset_of(&error, self.text);
        if let Some(key) = duplicate.take() {
            let opening = opening_quote(&self.text[..offset]);
            return Err(self.error(
                opening,
                "duplicate_key",
                format!("the key {key:?} is there twice"),
            ));
        }
        if error.is_eof() {
            let message = "the row ends before its object does";
            return Err(self.error(self.text.len(), "truncated", message));
        }
        let cause = cause(&error);
        let here = &self.text[offset..];
        let named = ["NaN", "Infinity"]
            .iter()
            .any(|word| here.starts_with(word));
        if named || cause == "number out of range" {
            let number = self.text[..offset].trim_end_matches(|c: char| {
                c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')
            });
            let message = "JSON has no NaN, no Infinity and no number beyond a double";
            return Err(self.error(number.len(), "not_a_number", message));
        }
        Err(self.error(offset, "syntax", cause))
    }

    fn annotation(&self, item: &'a RawValue) -> Result<RowAnnotation, FormatError> {
        let members: AnnotationMembers<'_> = self.members(item.get(), "an annotation")?;
        Ok(RowAnnotation {
            result: self.shaped(members.result, '[', "`result` must be an array")?,
            was_cancelled: members.was_cancelled.unwrap_or_default(),
            ground_truth: members.ground_truth.unwrap_or_default(),
            lead_time: members.lead_time,
        })
    }

    fn prediction(&self, item: &'a RawValue) -> Result<RowPrediction, FormatError> {
        let members: PredictionMembers<'_> = self.members(item.get(), "a prediction")?;
        Ok(RowPrediction {
            result: self.shaped(members.result, '[', "`result` must be an array")?,
            score: members.score,
            model_version: members.model_version,
        })
    }

    /// The items of an optional array; `null` is an absent one.
    fn items(
        &self,
        array: Option<&'a RawValue>,
        rule: &'static str,
    ) -> Result<Vec<&'a RawValue>, FormatError> {
        match array.map(RawValue::get) {
            None | Some("null") => Ok(Vec::new()),
            Some(text) if text.starts_with('[') => self.members(text, "the array"),
            Some(text) => Err(self.error(self.offset_in(text), "bad_member", rule)),
        }
    }

    /// The value, when it begins as it must.
    fn shaped(
        &self,
        value: &'a RawValue,
        first: char,
        rule: &'static str,
    ) -> Result<Box<RawValue>, FormatError> {
        if value.get().starts_with(first) {
            Ok(value.to_owned())
        } else {
            Err(self.error(self.offset_in(value.get()), "bad_member", rule))
        }
    }

    /// A part of the text as `T`; the text is known to be JSON.
    fn members<T: Deserialize<'a>>(&self, part: &'a str, what: &str) -> Result<T, FormatError> {
        serde_json::from_str(part).map_err(|error| {
            let offset = self.offset_in(part) + offset_of(&error, part);
            self.error(
                offset,
                "bad_member",
                format!("{what} has {}", cause(&error)),
            )
        })
    }

    /// Where a part of the text begins in it.
    fn offset_in(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.text.as_ptr() as usize
    }

    fn error(&self, offset: usize, code: &'static str, message: impl Into<String>) -> FormatError {
        let at = self.begin.after(&self.text.as_bytes()[..offset]);
        FormatError::new(at, Some(self.row), code, message)
    }
}

/// The byte that the parser complains about. It counts lines from 1, and columns from 1 in bytes.
fn offset_of(error: &serde_json::Error, text: &str) -> usize {
    let line_begin: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let mut offset = (line_begin + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The beginning of the string that ends last in `text`.
fn opening_quote(text: &str) -> usize {
    let bytes = text.as_bytes();
    let closing = text.rfind('"').unwrap_or(0);
    (0..closing)
        .rev()
        .find(|&index| {
            let escapes = bytes[..index].iter().rev().take_while(|&&b| b == b'\\');
            bytes[index] == b'"' && escapes.count() % 2 == 0
        })
        .unwrap_or(closing)
}

/// The parser's words without its own idea of the place.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Reads a value, keeps nothing, and refuses an object that has a key twice; the key is left in the cell.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                self.0.set(Some(key));
                return Err(A::Error::custom("duplicate key"));
            }
            seen.insert(key);
            map.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
}

#[cfg(test)]
mod tests {
    use super::{TaskRow, parse};
    use crate::{FormatError, Position};

    fn row(text: &str) -> Result<TaskRow, FormatError> {
        parse(text.as_bytes(), Position { line: 5, column: 3 }, 2)
    }

    #[test]
    fn an_object_without_data_is_data_itself() {
        let row = row(r#"{ "image": "https://a", "annotations": 3 }"#).unwrap();
        assert_eq!(
            row.data.get(),
            r#"{ "image": "https://a", "annotations": 3 }"#
        );
        assert_eq!(
            (row.row, row.meta.is_none(), row.annotations.len()),
            (2, true, 0)
        );
    }

    #[test]
    fn the_task_form_brings_annotations_and_predictions() {
        let row = row(r#"{
            "id": 7, "data": {"image": "https://a"}, "meta": {"shift": "night"}, "drafts": [],
            "annotations": [{"id": 1, "result": [{"type": "choices"}], "ground_truth": true, "lead_time": 1.5},
                            {"result": [], "was_cancelled": true, "lead_time": null}],
            "predictions": [{"result": [], "score": 0.25, "model_version": "v1"}]}"#)
        .unwrap();
        assert_eq!(row.data.get(), r#"{"image": "https://a"}"#);
        assert_eq!(row.meta.unwrap().get(), r#"{"shift": "night"}"#);
        let [first, second] = &row.annotations[..] else {
            panic!("two annotations")
        };
        assert_eq!(first.result.get(), r#"[{"type": "choices"}]"#);
        assert_eq!(
            (first.ground_truth, first.was_cancelled, first.lead_time),
            (true, false, Some(1.5))
        );
        assert_eq!(
            (second.ground_truth, second.was_cancelled, second.lead_time),
            (false, true, None)
        );
        let [prediction] = &row.predictions[..] else {
            panic!("one prediction")
        };
        assert_eq!(
            (prediction.score, prediction.model_version.as_deref()),
            (Some(0.25), Some("v1"))
        );
    }

    #[test]
    fn absent_and_null_members_are_the_same() {
        let row = row(r#"{"data": {}, "meta": null, "annotations": null}"#).unwrap();
        assert!(row.meta.is_none() && row.annotations.is_empty() && row.predictions.is_empty());
    }

    #[test]
    fn a_bad_member_is_named_with_its_place() {
        for (text, column, part) in [
            (r#"{"data": null}"#, 12, "`data`"),
            (r#"{"data": "text"}"#, 12, "`data`"),
            (r#"{"data": {}, "meta": []}"#, 24, "`meta`"),
            (r#"{"data": {}, "annotations": {}}"#, 31, "`annotations`"),
            (
                r#"{"data": {}, "annotations": [{}]}"#,
                33,
                "missing field `result`",
            ),
            (
                r#"{"data": {}, "annotations": [{"result": {}}]}"#,
                43,
                "`result`",
            ),
            (r#"{"data": {}, "predictions": [2]}"#, 32, "a prediction"),
            (
                r#"{"data": {}, "predictions": [{"result": [], "score": "high"}]}"#,
                61,
                "a prediction",
            ),
        ] {
            let error = row(text).unwrap_err();
            assert_eq!(
                (error.code, error.line, error.column),
                ("bad_member", 5, column),
                "{text}: {error}"
            );
            assert!(error.message.contains(part), "{text}: {error}");
        }
    }
}
