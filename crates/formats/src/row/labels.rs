//! What a row brings labeled: annotations and predictions, in the types that Label Studio 1.23.2
//! takes (a number as a text, a flag as 0 or 1, a version as a number). Others are refused, each
//! with its member and place.

use jiff::Timestamp;
use model::json;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Source, present};
use crate::FormatError;

/// Characters of an author's name, a `unique_id` and a model's version at most.
const LONGEST_NAME: usize = 256;

/// An annotation that came with a task.
#[derive(Clone, Debug)]
pub struct RowAnnotation {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub was_cancelled: bool,
    pub ground_truth: bool,
    /// Seconds.
    pub lead_time: Option<f64>,
    /// Whose it was: an e-mail or a name; `user 9` when only an id of another server is known.
    pub author: Option<String>,
    /// Its id there.
    pub import_id: Option<i64>,
    pub unique_id: Option<String>,
    /// Unix milliseconds.
    pub created_at_ms: Option<i64>,
    /// The prediction that it began with: its position among those of the row.
    pub prediction: Option<usize>,
}

/// A prediction that came with a task.
#[derive(Clone, Debug)]
pub struct RowPrediction {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

/// A member, `null` included.
type Member<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct AnnotationMembers<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    was_cancelled: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    ground_truth: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    lead_time: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    completed_by: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    created_username: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    created_at: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    unique_id: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    parent_prediction: Member<'a>,
}

#[derive(Deserialize)]
struct PredictionMembers<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    score: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    model_version: Member<'a>,
}

#[derive(Deserialize)]
struct PersonMembers<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    email: Member<'a>,
}

impl<'a> Source<'a> {
    /// The annotations of a row that brings these predictions, each with its id.
    pub(super) fn annotations(
        &self,
        array: Option<&'a RawValue>,
        predictions: &[(RowPrediction, Option<i64>)],
    ) -> Result<Vec<RowAnnotation>, FormatError> {
        let mut annotations: Vec<RowAnnotation> = Vec::new();
        for item in self.items(array, "annotations")? {
            let members: AnnotationMembers<'_> = self.object_of(item, "an annotation")?;
            let unique_id = self.name(members.unique_id, "unique_id")?;
            if unique_id.is_some() && annotations.iter().any(|each| each.unique_id == unique_id) {
                let part = members.unique_id.map_or("", RawValue::get);
                return Err(self.bad(part, "`unique_id` is there twice in this task"));
            }
            let began_with = id(members.parent_prediction);
            annotations.push(RowAnnotation {
                result: self.result(item, members.result)?,
                was_cancelled: self.flag(members.was_cancelled, "was_cancelled")?,
                ground_truth: self.flag(members.ground_truth, "ground_truth")?,
                lead_time: self.number(members.lead_time, "lead_time")?,
                author: self.author(&members)?,
                import_id: id(members.id),
                unique_id,
                created_at_ms: self.instant(members.created_at)?,
                prediction: began_with
                    .and_then(|id| predictions.iter().position(|(_, own)| *own == Some(id))),
            });
        }
        Ok(annotations)
    }

    /// A prediction, and its id on the server that it comes from.
    pub(super) fn prediction(
        &self,
        item: &'a RawValue,
    ) -> Result<(RowPrediction, Option<i64>), FormatError> {
        let members: PredictionMembers<'_> = self.object_of(item, "a prediction")?;
        let prediction = RowPrediction {
            result: match members.result.map(RawValue::get) {
                // Nothing predicted, as Label Studio takes it.
                Some("{}") => empty(),
                _ => self.result(item, members.result)?,
            },
            score: self.number(members.score, "score")?,
            model_version: self.version(members.model_version)?,
        };
        Ok((prediction, id(members.id)))
    }

    /// An array is no object, whatever its items are.
    fn object_of<T: Deserialize<'a>>(
        &self,
        item: &'a RawValue,
        what: &str,
    ) -> Result<T, FormatError> {
        if !item.get().starts_with('{') {
            return Err(self.bad(
                item.get(),
                format!("{what} must be an object with a `result`"),
            ));
        }
        self.members(item.get(), what)
    }

    fn result(&self, item: &'a RawValue, result: Member<'a>) -> Result<Box<RawValue>, FormatError> {
        let Some(result) = result else {
            return Err(self.bad(item.get(), "it has no `result`: give an array of regions"));
        };
        if !result.get().starts_with('[') {
            return Err(self.bad(result.get(), "`result` must be an array of objects"));
        }
        self.kept(result, json::check_regions)?;
        self.kept(result, json::check_levels)
    }

    fn number(&self, member: Member<'a>, name: &str) -> Result<Option<f64>, FormatError> {
        let Some(text) = member.map(RawValue::get) else {
            return Ok(None);
        };
        Ok(match text.as_bytes().first() {
            Some(b'n') => None,
            Some(b't') => Some(1.0),
            Some(b'f') => Some(0.0),
            Some(b'[' | b'{') => {
                return Err(self.bad(text, format!("`{name}` must be a number")));
            }
            // A text that is no number counts as none, as there.
            Some(b'"') => {
                let text: String = self.members(text, name)?;
                text.trim()
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())
            }
            _ => Some(self.members(text, name)?),
        })
    }

    fn flag(&self, member: Member<'a>, name: &str) -> Result<bool, FormatError> {
        match member.map(RawValue::get) {
            None | Some("null" | "false" | "0" | "\"false\"" | "\"False\"" | "\"0\"") => Ok(false),
            Some("true" | "1" | "\"true\"" | "\"True\"" | "\"1\"") => Ok(true),
            Some(text) => Err(self.bad(text, format!("`{name}` must be true or false"))),
        }
    }

    /// A version in any type, as Label Studio makes a text of it.
    fn version(&self, member: Member<'a>) -> Result<Option<String>, FormatError> {
        match member.map(RawValue::get) {
            Some("true") => Ok(Some("True".to_owned())),
            Some("false") => Ok(Some("False".to_owned())),
            Some(text) if text != "null" && !text.starts_with('"') => self
                .checked(text, text.to_owned(), "model_version")
                .map(Some),
            _ => self.text(member, "model_version"),
        }
    }

    /// A text that may be empty.
    fn text(&self, member: Member<'a>, name: &str) -> Result<Option<String>, FormatError> {
        match member.map(RawValue::get) {
            None | Some("null") => Ok(None),
            Some(text) if text.starts_with('"') => {
                let said: String = self.members(text, name)?;
                self.checked(text, said, name).map(Some)
            }
            Some(text) => Err(self.bad(text, format!("`{name}` must be a text"))),
        }
    }

    fn checked(&self, part: &str, text: String, name: &str) -> Result<String, FormatError> {
        if text.contains('\0') {
            return Err(self.bad(part, format!("`{name}` has a null character")));
        }
        if text.chars().count() > LONGEST_NAME {
            let message = format!("`{name}` is longer than {LONGEST_NAME} characters");
            return Err(self.bad(part, message));
        }
        Ok(text)
    }

    /// A text that names something.
    fn name(&self, member: Member<'a>, name: &str) -> Result<Option<String>, FormatError> {
        match self.text(member, name)? {
            Some(text) if text.is_empty() => {
                let part = member.map_or("", RawValue::get);
                Err(self.bad(part, format!("`{name}` is empty: leave it out")))
            }
            said => Ok(said),
        }
    }

    fn instant(&self, member: Member<'a>) -> Result<Option<i64>, FormatError> {
        let Some(text) = self
            .text(member, "created_at")?
            .filter(|text| !text.is_empty())
        else {
            return Ok(None);
        };
        let parsed = text.parse::<Timestamp>().map(Timestamp::as_millisecond);
        parsed.map(Some).map_err(|_| {
            let part = member.map_or("", RawValue::get);
            let message = "`created_at` must be a time like 2026-11-21T17:52:04Z";
            self.bad(part, message)
        })
    }

    /// Whose it was. An id is one of another server: it is never taken for a person of this one.
    fn author(&self, members: &AnnotationMembers<'a>) -> Result<Option<String>, FormatError> {
        let username = self.text(members.created_username, "created_username")?;
        // Label Studio's `" EMAIL, ID"`.
        let named = username
            .as_deref()
            .map(|name| {
                name.rsplit_once(", ")
                    .map_or(name, |(name, _)| name)
                    .trim()
                    .to_owned()
            })
            .filter(|name| !name.is_empty());
        let by_id = |member| id(member).map(|id| format!("user {id}"));
        let said = match members.completed_by.map(RawValue::get) {
            Some(person) if person.starts_with('{') => {
                let person: PersonMembers<'_> = self.members(person, "completed_by")?;
                let email = self
                    .text(person.email, "email")?
                    .filter(|email| !email.is_empty());
                email.or(named).or_else(|| by_id(person.id))
            }
            Some(text) if text.starts_with('"') => {
                self.name(members.completed_by, "completed_by")?
            }
            Some(text) if text.starts_with(['[', 't', 'f']) => {
                let message = "`completed_by` must be {\"email\": …}, an e-mail or an id";
                return Err(self.bad(text, message));
            }
            _ => named.or_else(|| by_id(members.completed_by)),
        };
        Ok(said)
    }
}

fn id(member: Member<'_>) -> Option<i64> {
    member?.get().parse().ok()
}

fn empty() -> Box<RawValue> {
    RawValue::from_string("[]".to_owned()).expect("it is JSON")
}
