//! The text of one row to a task: raw data, or Label Studio's task form.

mod labels;

use model::json::{self, JsonFault};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{FormatError, Position};

pub use labels::{RowAnnotation, RowPrediction};

/// Annotations, and predictions, that one task may bring: what one transaction writes.
const MOST_LABELS: usize = 1_000;

/// One task of a file.
///
/// A row with a member `data` is Label Studio's task form; of an exported task its `id`,
/// `created_at` and the like are left out, because they are another server's, and so are
/// predictions that it only names by their ids. Any other object is raw data as it is.
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
    let predictions: Vec<_> = source
        .items(task.predictions, "predictions")?
        .into_iter()
        .filter(|item| item.get().parse::<u64>().is_err())
        .map(|item| source.prediction(item))
        .collect::<Result<_, _>>()?;
    Ok(TaskRow {
        row,
        data: source.object(data, "`data` must be an object")?,
        meta: task
            .meta
            .filter(|meta| meta.get() != "null")
            .map(|meta| source.object(meta, "`meta` must be an object"))
            .transpose()?,
        annotations: source.annotations(task.annotations, &predictions)?,
        predictions: predictions
            .into_iter()
            .map(|(prediction, _)| prediction)
            .collect(),
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

    /// The items of an optional array; `null` is an absent one.
    fn items(
        &self,
        array: Option<&'a RawValue>,
        name: &str,
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
            Some(text) => Err(self.bad(text, format!("`{name}` must be an array"))),
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
            Err(self.bad(value.get(), rule))
        }
    }

    /// A member that cannot be what it is.
    fn bad(&self, part: &str, message: impl Into<String>) -> FormatError {
        self.error(self.offset_in(part), "bad_member", message)
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
        let text = r#"{"id": 7, "data": {}, "predictions": [3, {"result": []}], "drafts": []}"#;
        assert_eq!(row(text).unwrap().predictions.len(), 1);
        let text = r#"{"data": {}, "predictions": [1]}"#;
        assert_eq!(row(text).unwrap().predictions.len(), 0);
    }

    #[test]
    fn types_that_label_studio_takes_are_taken() {
        for (score, kept) in [
            (r#""0.87""#, Some(0.87)),
            (r#""n/a""#, None),
            ("true", Some(1.0)),
            ("null", None),
            (r#""NaN""#, None),
        ] {
            let text = format!(
                r#"{{"data": {{}}, "predictions": [{{"result": {{}}, "score": {score}}}]}}"#
            );
            let row = row(&text).unwrap();
            assert_eq!(row.predictions[0].score, kept, "{score}");
            assert_eq!(row.predictions[0].result.get(), "[]");
        }
        for (version, kept) in [
            ("2", "2"),
            ("1.50", "1.50"),
            ("true", "True"),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            let text = format!(
                r#"{{"data": {{}}, "predictions": [{{"result": [], "model_version": {version}}}]}}"#
            );
            let version = row(&text).unwrap().predictions.remove(0).model_version;
            assert_eq!(version.as_deref(), Some(kept));
        }
        let text = r#"{"data": {}, "annotations": [{"result": [], "lead_time": "12", "ground_truth": 1, "was_cancelled": "false"}]}"#;
        let annotation = row(text).unwrap().annotations.remove(0);
        assert_eq!(
            (
                annotation.lead_time,
                annotation.ground_truth,
                annotation.was_cancelled
            ),
            (Some(12.0), true, false)
        );
    }

    #[test]
    fn whose_an_annotation_was_and_when_comes_with_it() {
        for (author, kept) in [
            (
                r#""completed_by": {"id": 9, "email": "a@b.c"}"#,
                Some("a@b.c"),
            ),
            (r#""completed_by": {"id": 9}"#, Some("user 9")),
            (r#""completed_by": "a@b.c""#, Some("a@b.c")),
            (r#""completed_by": 9"#, Some("user 9")),
            (
                r#""completed_by": 1, "created_username": " a@b.c, 1""#,
                Some("a@b.c"),
            ),
            (
                r#""completed_by": null, "created_username": "Ann""#,
                Some("Ann"),
            ),
            (r#""completed_by": null, "created_username": """#, None),
            (r#""id": 3"#, None),
        ] {
            let text = format!(r#"{{"data": {{}}, "annotations": [{{"result": [], {author}}}]}}"#);
            let annotation = row(&text).unwrap().annotations.remove(0);
            assert_eq!(annotation.author.as_deref(), kept, "{author}");
        }
        let text = r#"{"data": {}, "predictions": [{"id": 4, "result": []}, {"id": 5, "result": []}],
            "annotations": [{"id": 3, "result": [], "unique_id": "u", "parent_prediction": 5,
                             "created_at": "2026-11-21T17:52:04.699850Z"}]}"#;
        let annotation = row(text).unwrap().annotations.remove(0);
        assert_eq!(
            (
                annotation.import_id,
                annotation.unique_id.as_deref(),
                annotation.prediction
            ),
            (Some(3), Some("u"), Some(1))
        );
        assert_eq!(annotation.created_at_ms, Some(1_795_283_524_699));
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
            (r#"{"data": {}, "annotations": [{}]}"#, 32, "no `result`"),
            (
                r#"{"data": {}, "annotations": [[[], true]]}"#,
                32,
                "must be an object",
            ),
            (
                r#"{"data": {}, "predictions": [[[], 0.5, "m"]]}"#,
                32,
                "must be an object",
            ),
            (
                r#"{"data": {}, "predictions": [{"result": {"a": 1}}]}"#,
                43,
                "`result`",
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
                64,
                "`model_version`",
            ),
            (r#"{"data": {}, "predictions": [true]}"#, 32, "a prediction"),
            (
                r#"{"data": {}, "predictions": [{"result": [], "score": [1]}]}"#,
                56,
                "`score`",
            ),
            (
                r#"{"data": {}, "annotations": [{"result": [], "ground_truth": "x"}]}"#,
                63,
                "`ground_truth`",
            ),
            (
                r#"{"data": {}, "annotations": [{"result": [], "created_at": "now"}]}"#,
                61,
                "`created_at`",
            ),
            (
                r#"{"data": {}, "annotations": [{"result": [], "unique_id": ""}]}"#,
                60,
                "`unique_id`",
            ),
            (
                r#"{"data": {}, "annotations": [{"result": [], "unique_id": "u"}, {"result": [], "unique_id": "u"}]}"#,
                94,
                "twice",
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
