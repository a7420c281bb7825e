//! A form of a page: what was typed, and what is wrong with it, so that the page can show it again
//! with nothing lost.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use engine::{FieldError, aside};
use model::budgets;

use crate::{
    App,
    budget::BodyBudget,
    error::ApiError,
    extract::read_form,
    fields::{Fields, form_pairs},
    pages::sign_in::own_path,
};

/// The values of a form and its errors. A page that shows a new form takes `Form::default()`.
#[derive(Clone, Default)]
pub(crate) struct Form {
    /// The same as they came: as many as were let in.
    sent: Bytes,
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl FromRequest<App> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let most_fields = BodyBudget::of(request.extensions()).fields();
        let sent = read_form(request, app).await?;
        let values = aside(sent.len(), || form_pairs(&sent, most_fields)).await?;
        Ok(Self {
            sent,
            values,
            errors: Vec::new(),
        })
    }
}

impl Form {
    /// A form that is filled in already: of what is saved.
    pub(crate) fn filled(values: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self {
            values: values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..Self::default()
        }
    }

    /// The form over what is saved: of the fields that it does not have.
    pub(crate) fn over(mut self, saved: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        for (name, value) in saved {
            if !self.values.iter().any(|(known, _)| known == name) {
                self.values.push((name.to_owned(), value));
            }
        }
        self
    }

    /// What was typed; empty when nothing was.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.values.iter().rev().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Was this one chosen: a radio button, an option, a checkbox?
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.values
            .iter()
            .any(|(key, chosen)| key == name && chosen == value)
    }

    /// Every value of a name: chosen checkboxes.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.values.iter().filter(move |(key, _)| key == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// The same fields as a body of the API.
    pub(crate) fn fields(&self) -> Fields {
        // It has as many fields as were let in.
        Fields::from_form(&self.sent, usize::MAX - 1).unwrap_or_default()
    }

    /// A stranger's form, to be shown again: what is too long to be meant is cut.
    pub(crate) fn short(mut self) -> Self {
        for (name, value) in &mut self.values {
            if name == "next" && !value.is_empty() {
                *value = own_path(value).to_owned();
            } else {
                *value = budgets::cut(value, budgets::SHOWN_AGAIN).into_owned();
            }
        }
        self
    }

    /// The form with what was wrong.
    pub(crate) fn refused(mut self, error: &ApiError) -> Self {
        if error.field_errors().is_empty() {
            self.wrong(FieldError::NON_FIELD, error.detail());
        }
        self.errors.extend_from_slice(error.field_errors());
        self
    }

    /// Says what is wrong with a field.
    pub(crate) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// The messages of one field, to stand beside it.
    pub(crate) fn errors<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        let of_field = self.errors.iter().filter(move |error| error.field == field);
        of_field.map(|error| error.message.as_str())
    }

    /// Is something wrong with the field?
    pub(crate) fn is_wrong(&self, field: &str) -> bool {
        self.errors(field).next().is_some()
    }

    /// The messages that no field of the page shows, to stand above the form.
    pub(crate) fn other_errors<'a>(&'a self, shown: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let others = self
            .errors
            .iter()
            .filter(move |error| !shown.contains(&error.field.as_str()));
        others.map(|error| error.message.as_str())
    }

    /// Is anything wrong?
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }
}
