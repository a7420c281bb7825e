//! What handlers take out of a request: bodies within their limits, ids, paging.

use std::{fmt::Display, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use engine::aside;
pub(crate) use engine::label_studio::instant;
use futures_util::{FutureExt as _, StreamExt};
use model::{AnnotationId, budgets};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::{
    App,
    budget::BodyBudget,
    error::ApiError,
    fields::{Fields, Input, Repeated},
    places::Place,
};

mod query;

pub(crate) use query::{PageRequest, Query, not_in};

/// A JSON or form body, read field by field.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: Input> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        fields_of(request, app, Fields::read).await.map(Self)
    }
}

/// The body of a PATCH or PUT: what changes, and what else it says.
pub(crate) struct Change<T> {
    fields: T,
    repeated: Repeated,
}

impl<T: Input> FromRequest<App> for Change<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (fields, repeated) = fields_of(request, app, Fields::read_change).await?;
        Ok(Self { fields, repeated })
    }
}

impl<T: Input> Change<T> {
    /// What changes, when all else that was sent is as `current` answers it.
    ///
    /// # Errors
    /// 400 naming the fields that cannot be changed.
    pub(crate) async fn of<V: Serialize>(
        self,
        current: impl AsyncFnOnce() -> Result<V, ApiError>,
    ) -> Result<T, ApiError> {
        if !self.repeated.is_empty() {
            let current = serde_json::to_value(current().await?).map_err(|error| {
                tracing::error!(%error, "an answer could not be written");
                ApiError::internal()
            })?;
            self.repeated.check::<T>(&current)?;
        }
        Ok(self.fields)
    }
}

/// No body, or one without fields.
pub(crate) struct Nothing;

impl Input for Nothing {
    fn read(_: &mut Fields) -> Self {
        Self
    }
}

/// Reads a body of fields.
async fn fields_of<T>(
    request: Request,
    app: &App,
    read: impl FnOnce(Fields) -> Result<T, ApiError> + Send,
) -> Result<T, ApiError> {
    let kind = MediaType::of(request.headers())?;
    let most_fields = BodyBudget::of(request.extensions()).fields();
    let body = read_body(request, app).await?;
    let read = || {
        let fields = match kind {
            MediaType::Json => Fields::from_json(&body),
            MediaType::Form => Fields::from_form(&body, most_fields),
        };
        read(fields?)
    };
    aside(body.len(), read).await
}

/// The whole body of an import, whatever its JSON is.
pub(crate) struct ImportBody(pub(crate) Bytes);

impl FromRequest<App> for ImportBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if MediaType::of(request.headers())? != MediaType::Json {
            return Err(ApiError::unsupported_media_type(
                "application/x-www-form-urlencoded",
            ));
        }
        read_body(request, app).await.map(Self)
    }
}

/// The body of a page's form, as it was sent.
pub(crate) async fn read_form(request: Request, app: &App) -> Result<Bytes, ApiError> {
    if MediaType::of(request.headers())? != MediaType::Form {
        return Err(ApiError::unsupported_media_type("application/json"));
    }
    read_body(request, app).await
}

/// The body of a page's form with a file: name and content of its fields, in their order.
pub(crate) async fn read_upload(
    request: Request,
    app: &App,
) -> Result<Vec<(String, Bytes)>, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let boundary = multer::parse_boundary(&content_type)
        .map_err(|_| ApiError::unsupported_media_type(&content_type))?;
    let body = read_body(request, app).await?;
    let length = body.len();
    // It never waits: everything is here.
    let read = || parts_of(body, boundary).now_or_never();
    aside(length, read).await.ok_or_else(ApiError::internal)?
}

/// Name and content of each part, in their order.
async fn parts_of(body: Bytes, boundary: String) -> Result<Vec<(String, Bytes)>, ApiError> {
    let whole = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let broken = |error: multer::Error| ApiError::malformed(error.to_string());
    let mut fields = Vec::new();
    while let Some(field) = parts.next_field().await.map_err(broken)? {
        if fields.len() == budgets::UPLOAD_PARTS {
            return Err(ApiError::too_many_fields(budgets::UPLOAD_PARTS));
        }
        let name = field.name().unwrap_or_default().to_owned();
        fields.push((name, field.bytes().await.map_err(broken)?));
    }
    Ok(fields)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MediaType {
    Json,
    Form,
}

impl MediaType {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        let essence = text.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") || essence.is_empty() {
            Ok(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else {
            Err(ApiError::unsupported_media_type(&text))
        }
    }
}

/// Reads a body that its route's budget allows, that arrives in time and never pauses for too long.
async fn read_body(request: Request, app: &App) -> Result<Bytes, ApiError> {
    let (parts, body) = request.into_parts();
    let budget = BodyBudget::of(&parts.extensions);
    let limit = budget.bytes(&app.settings);
    let (pause, whole) = (app.settings.body_pause, budget.time(&app.settings));
    let too_large = || ApiError::too_large("The request's body", limit);
    let announced = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let held_up = HeldUp(parts.extensions.get::<Place>().cloned());
    let mut chunks = body.into_data_stream();
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let deadline = Instant::now() + whole;
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1 << 20) as usize);
    loop {
        held_up.begins();
        let next_by = deadline.min(Instant::now() + pause);
        let chunk = match timeout_at(next_by, chunks.next()).await {
            Err(_) if next_by < deadline => return Err(ApiError::body_timeout(pause.as_secs())),
            Err(_) => return Err(ApiError::body_timeout(whole.as_secs())),
            Ok(None) => return Ok(body.into()),
            Ok(Some(Err(_))) => return Err(ApiError::body_broken()),
            Ok(Some(Ok(chunk))) => chunk,
        };
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}

/// While it lives, the connection waits for its client. (There is none when a test asks in process.)
struct HeldUp(Option<Place>);

impl HeldUp {
    /// Waiting begins, anew after each piece that came.
    fn begins(&self) {
        if let Some(place) = &self.0 {
            place.held_up(true);
        }
    }
}

impl Drop for HeldUp {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            place.held_up(false);
        }
    }
}

/// An id in the path; text that is no id, or an id too large for the database, is a 404.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr + Send> FromRequestParts<App> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        id_of(parts, app, "id").await.map(Self)
    }
}

/// The annotation's id in a path below its task.
pub(crate) struct OfAnnotation(pub(crate) AnnotationId);

impl FromRequestParts<App> for OfAnnotation {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        id_of(parts, app, "annotation").await.map(Self)
    }
}

async fn id_of<T: FromStr>(parts: &mut Parts, app: &App, name: &str) -> Result<T, ApiError> {
    let Path(params) = Path::<Vec<(String, String)>>::from_request_parts(parts, app)
        .await
        .map_err(|_| ApiError::not_found())?;
    params
        .iter()
        .find(|(key, _)| key == name)
        .and_then(|(_, text)| text.parse().ok())
        .ok_or_else(ApiError::not_found)
}

/// Instants as people read them, to the minute: `2026-11-21 17:52 UTC`.
pub(crate) fn moment(at_ms: i64) -> String {
    formatted(at_ms, |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Instants inside a storage's `meta`: `2026-11-21 17:52:00.684000+00:00`.
pub(crate) fn meta_instant(at_ms: i64) -> String {
    formatted(at_ms, |at| {
        at.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string()
    })
}

fn formatted(at_ms: i64, format: impl FnOnce(jiff::Timestamp) -> String) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), format)
}

/// How long ago, in Django's words: `5 minutes`, `1 hour, 2 minutes`, with its no-break spaces.
pub(crate) fn ago(since_ms: i64, now_ms: i64) -> String {
    let minutes = (now_ms - since_ms).max(0) / 60_000;
    let units = [
        (minutes / 525_600, "year"),
        (minutes % 525_600 / 43_200, "month"),
        (minutes % 43_200 / 10_080, "week"),
        (minutes % 10_080 / 1_440, "day"),
        (minutes % 1_440 / 60, "hour"),
        (minutes % 60, "minute"),
    ];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(5);
    units[first..]
        .iter()
        .take(2)
        .enumerate()
        .filter(|(place, (count, _))| *place == 0 || *count > 0)
        .map(|(_, (count, unit))| plural(*count, unit))
        .collect::<Vec<_>>()
        .join(", ")
}

fn plural(count: i64, unit: impl Display) -> String {
    format!("{count}\u{a0}{unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{ago, instant, meta_instant, moment};

    #[test]
    fn instants_read_as_in_label_studio() {
        assert_eq!(instant(1_795_283_520_684), "2026-11-21T17:52:00.684000Z");
        assert_eq!(
            meta_instant(1_795_283_520_684),
            "2026-11-21 17:52:00.684000+00:00"
        );
        assert_eq!(moment(1_795_283_520_684), "2026-11-21 17:52 UTC");
        assert_eq!(ago(0, 30_000), "0\u{a0}minutes");
        assert_eq!(ago(0, 3_660_000), "1\u{a0}hour, 1\u{a0}minute");
        assert_eq!(ago(0, 86_400_000), "1\u{a0}day");
    }
}

#[cfg(test)]
mod fuzz;
