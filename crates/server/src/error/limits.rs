//! Refusals of what costs too much, and how long an answer to wrong input may be: whatever was sent,
//! its sender gets a short answer.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use engine::FieldError;
use model::budgets::{self, MESSAGE, MESSAGES, NAME, cut};

use super::ApiError;

impl ApiError {
    /// 414: the path and query are longer than any of ours.
    pub(crate) fn address_too_long() -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "address_too_long",
            format!(
                "The request's address is longer than the limit of {} bytes.",
                budgets::ADDRESS
            ),
        )
    }

    /// 400: more fields than any body of ours has.
    pub(crate) fn too_many_fields(most: usize) -> Self {
        Self::invalid_request(format!("The request's body has more than {most} fields."))
    }

    /// 503: too many ask for what costs a lot.
    pub(super) fn busy() -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "Too many passwords are checked at once. Try again in a moment.",
        );
        error
            .0
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from(1));
        error
    }

    /// Is it a 503 that says so?
    pub(crate) fn is_busy(&self) -> bool {
        self.code() == "busy"
    }
}

/// The text as far as it takes at most `most` bytes as a JSON string.
fn short(text: Cow<'static, str>, most: usize) -> Cow<'static, str> {
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, letter)| {
        bytes += match letter {
            '"' | '\\' => 2,
            letter if letter.is_control() => 6,
            letter => letter.len_utf8(),
        };
        bytes > most
    });
    match end {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text,
    }
}

/// A detail that is not too long.
pub(super) fn detail(text: Cow<'static, str>) -> Cow<'static, str> {
    short(text, MESSAGE)
}

/// The first of the messages that are not too long together, and how many more there are.
pub(super) fn messages(fields: Vec<FieldError>) -> Vec<FieldError> {
    let count = fields.len();
    let mut left = MESSAGES;
    let mut told: Vec<FieldError> = fields
        .into_iter()
        .map(|error| FieldError {
            field: cut(&error.field, NAME).into_owned(),
            message: short(error.message.into(), MESSAGE).into_owned(),
        })
        .take_while(|error| {
            // A letter takes six bytes at most, and nearly always one.
            let bytes = serde_json::to_string(error).map_or(left, |json| json.len());
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        })
        .collect();
    if told.len() < count {
        told.push(FieldError {
            field: FieldError::NON_FIELD.to_owned(),
            message: format!("… and {} more", count - told.len()),
        });
    }
    told
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use engine::FieldError;
    use http_body_util::BodyExt as _;

    use crate::error::ApiError;

    #[tokio::test]
    async fn an_answer_to_wrong_input_is_short_whatever_was_sent() {
        let field = |field: String, message: String| FieldError { field, message };
        let long = || "\u{1}<\"".repeat(100_000);
        for error in [
            ApiError::malformed(long()),
            ApiError::invalid(vec![field(long(), long())]),
            ApiError::invalid((0..100).map(|n| field(n.to_string(), long())).collect()),
            ApiError::invalid(
                (0..100_000)
                    .map(|n| field(n.to_string(), "x".into()))
                    .collect(),
            ),
        ] {
            let body = error.into_response().into_body();
            let bytes = body.collect().await.unwrap().to_bytes();
            assert!(bytes.len() < 16 << 10, "{}", bytes.len());
        }
    }

    #[test]
    fn what_is_not_told_is_counted() {
        let one = |n: usize| FieldError {
            field: format!("field{n}"),
            message: "This field is required.".to_owned(),
        };
        let all = ApiError::invalid((0..100).map(one).collect());
        assert_eq!(all.field_errors().len(), 100);
        let some = ApiError::invalid((0..1_000).map(one).collect());
        let told = some.field_errors();
        let last = &told[told.len() - 1].message;
        assert_eq!(last, &format!("… and {} more", 1_001 - told.len()));
    }
}
