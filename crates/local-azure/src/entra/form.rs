//! The parameters of a request to Entra: query and form body, in which the body wins.

use std::collections::HashMap;

use super::refusal::Refusal;

/// The fields by name; an empty value counts as absent.
pub struct Form(HashMap<String, String>);

impl Form {
    /// Reads a form body.
    pub fn parse(body: &[u8]) -> Self {
        Self::merge("", body)
    }

    /// Reads query and body.
    pub fn merge(query: &str, body: &[u8]) -> Self {
        let fields = |text| url::form_urlencoded::parse(text).into_owned();
        Self(fields(query.as_bytes()).chain(fields(body)).collect())
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.0
            .get(field)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// # Errors
    /// AADSTS900144 when it is not there.
    pub fn required(&self, field: &str) -> Result<&str, Refusal> {
        self.get(field).ok_or_else(|| Refusal::missing(field))
    }

    pub fn owned(&self, field: &str) -> Option<String> {
        self.get(field).map(str::to_owned)
    }

    /// How the app proves itself, for the request log.
    pub fn credential_name(&self) -> &'static str {
        if self.get("client_assertion").is_some() {
            "client_assertion"
        } else if self.get("client_secret").is_some() {
            "client_secret"
        } else {
            "anonymous"
        }
    }
}
