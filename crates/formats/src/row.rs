//! The text of one row to a task: raw data, or Label Studio's task form.

use model::json::{self, JsonFault};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{FormatError, Position};

/// Annotations, and predictions, that one task may bring: what one transaction writes.
const MOST_LABELS: usize = 1_000;

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

impl TaskRow {
    /// Bytes of its JSON texts.
    pub fn text_bytes(&self) -> usize {
        let annotations = self.annotations.iter().map(|each| each.result.get().len());
        let predictions = self.predictions.iter().map(|each| each.result.get().len());
        let meta = self.meta.as_ref().map_or(0, |meta| meta.get().len());
        self.data.get().len() + meta + annotations.chain(predictions).sum::<usize>()
    }
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
            data: source.kept(source.members(source.text, "the row")?, json::check_levels)?,
            meta: None,
            annotations: Vec::new(),
            predictions: Vec::new(),
        });
    };
    Ok(TaskRow {
        row,
        data: source.object(data, "`data` must be an object")?,
        meta: task
            .meta
            .filter(|meta| meta.get() != "null")
            .map(|meta| source.object(meta, "`meta` must be an object"))
            .transpose()?,
        annotations: source
            .items(task.annotations, "`annotations` must be an array")?
            .into_iter()
            .map(|item| source.annotation(item))
            .collect::<Result<_, _>>()?,
        predictions: source
            .items(task.predictions, "`predictions` must be an array")?
            .into_iter()
            // An exported task names its predictions by their ids on that server.
            .filter(|item| task.id.is_none() || item.get().parse::<u64>().is_err())
            .map(|item| source.prediction(item))
            .collect::<Result<_, _>>()?,
    })
}

#[derive(Deserialize)]
struct TaskMembers<'a> {
    /// Only an exported task has one.
    id: Option<IgnoredAny>,
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
    /// Is it JSON that may be stored?
    fn check(&self) -> Result<(), FormatError> {
        let refused = |fault: JsonFault| match fault.code {
            "truncated" => {
                let message = "the row ends before its object does";
                self.error(fault.offset, fault.code, message)
            }
            code => self.error(fault.offset, code, fault.message),
        };
        json::check_strictly(self.text).map_err(refused)
    }

    /// A part of the row that is kept, and its rule.
    fn kept(
        &self,
        part: &'a RawValue,
        rule: fn(&str) -> Result<(), JsonFault>,
    ) -> Result<Box<RawValue>, FormatError> {
        rule(part.get()).map_err(|fault| {
            let offset = self.offset_in(part.get()) + fault.offset;
            self.error(offset, fault.code, fault.message)
        })?;
        Ok(part.to_owned())
    }

    fn result(&self, result: &'a RawValue) -> Result<Box<RawValue>, FormatError> {
        if !result.get().starts_with('[') {
            let message = "`result` must be an array of objects";
            return Err(self.error(self.offset_in(result.get()), "bad_member", message));
        }
        self.kept(result, json::check_regions)?;
        self.kept(result, json::check_levels)
    }

    fn annotation(&self, item: &'a RawValue) -> Result<RowAnnotation, FormatError> {
        let members: AnnotationMembers<'_> = self.members(item.get(), "an annotation")?;
        Ok(RowAnnotation {
            result: self.result(members.result)?,
            was_cancelled: members.was_cancelled.unwrap_or_default(),
            ground_truth: members.ground_truth.unwrap_or_default(),
            lead_time: members.lead_time,
        })
    }

    fn prediction(&self, item: &'a RawValue) -> Result<RowPrediction, FormatError> {
        let members: PredictionMembers<'_> = self.members(item.get(), "a prediction")?;
        if members
            .model_version
            .as_deref()
            .is_some_and(|name| name.contains('\0'))
        {
            let message = "`model_version` has a null character";
            return Err(self.error(self.offset_in(item.get()), "bad_member", message));
        }
        Ok(RowPrediction {
            result: self.result(members.result)?,
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
            Some(text) if text.starts_with('[') => {
                let items: Vec<_> = self.members(text, "the array")?;
                if items.len() > MOST_LABELS {
                    let message = format!("a task may bring at most {MOST_LABELS} of these");
                    return Err(self.error(self.offset_in(text), "too_many_labels", message));
                }
                Ok(items)
            }
            Some(text) => Err(self.error(self.offset_in(text), "bad_member", rule)),
        }
    }

    /// An object, as it is kept.
    fn object(
        &self,
        value: &'a RawValue,
        rule: &'static str,
    ) -> Result<Box<RawValue>, FormatError> {
        if value.get().starts_with('{') {
            self.kept(value, json::check_levels)
        } else {
            Err(self.error(self.offset_in(value.get()), "bad_member", rule))
        }
    }

    /// A part of the text as `T`; the text is known to be JSON.
    fn members<T: Deserialize<'a>>(&self, part: &'a str, what: &str) -> Result<T, FormatError> {
        serde_json::from_str(part).map_err(|error| {
            let offset = self.offset_in(part) + json::offset_of(&error, part);
            self.error(
                offset,
                "bad_member",
                format!("{what} has {}", json::cause_of(&error)),
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
    fn an_exported_task_comes_in_without_the_ids_of_its_server() {
        let row = row(r#"{"id": 7, "data": {}, "predictions": [3, {"result": []}], "drafts": []}"#);
        assert_eq!(row.unwrap().predictions.len(), 1);
    }

    #[test]
    fn what_is_kept_has_a_hundred_levels_wherever_it_stands() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (before, around, after) in [
            (r#"{"a": "#, 1_usize, "}"),
            (r#"{"data": {"a": "#, 1, "}}"),
            (r#"{"data": {}, "meta": {"a": "#, 1, "}}"),
            (
                r#"{"data": {}, "annotations": [{"result": [{"a": "#,
                2,
                "}]}]}",
            ),
            (
                r#"{"data": {}, "predictions": [{"result": [{"a": "#,
                2,
                "}]}]}",
            ),
        ] {
            let text = |levels: usize| format!("{before}{}{after}", nested(levels - around));
            assert!(row(&text(100)).is_ok(), "{before}");
            assert_eq!(row(&text(101)).unwrap_err().code, "too_deep", "{before}");
        }
        let many = format!(
            r#"{{"data": {{}}, "annotations": [{}1]}}"#,
            "1,".repeat(1_000)
        );
        assert_eq!(row(&many).unwrap_err().code, "too_many_labels");
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
            (
                r#"{"data": {}, "annotations": [{"result": [{}, 1]}]}"#,
                48,
                "region 2",
            ),
            (
                r#"{"data": {}, "predictions": [{"result": [], "model_version": "\u0000"}]}"#,
                32,
                "`model_version`",
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
