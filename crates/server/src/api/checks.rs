//! The access check, for a saved storage, for one before it is saved, and for a URL.
//!
//! The answer is 200 whatever was found: `verdict` and `steps` say it.

use std::time::Duration;

use axum::{Json, extract::State};
use engine::check::{CheckOptions, CheckReport, Granted, LONGEST_CHECK};
use model::{Actor, CredentialKind, Direction, StorageId, StorageType};
use url::Url;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, storages::StorageFields},
    error::ApiError,
    extract::{Body, Id},
    fields::{Fields, Input},
};

/// How a check is done; every field may be left out.
#[derive(Default, ToSchema)]
pub(crate) struct CheckFields {
    /// Origin of the pages that will show the media; this server's when left out.
    origin: Option<String>,
    /// Seconds, 1 to 60; 15 when left out.
    timeout: Option<i64>,
    /// `true`: a role was granted just now, so a missing one is "not yet effective".
    granted: Option<bool>,
}

impl Input for CheckFields {
    fn read(fields: &mut Fields) -> Self {
        Self {
            origin: fields.text("origin").value(),
            timeout: fields.int("timeout").value(),
            granted: fields.flag("granted").value(),
        }
    }
}

/// A place to check: a URL, or a storage's fields.
#[derive(ToSchema)]
pub(crate) struct CheckPlaceFields {
    /// A container, folder (ending in `/`) or blob; a SAS in it is used when no credential is given.
    url: Option<String>,
    /// The kind of credential; `azure_sas` (without a token: anonymous) when left out.
    r#type: Option<String>,
    /// `true`: checked as a target, which writes and deletes one small blob.
    target: Option<bool>,
    #[schema(inline)]
    options: CheckFields,
    #[schema(inline)]
    storage: StorageFields,
}

impl Input for CheckPlaceFields {
    const NOT_KEPT: &'static [&'static str] = StorageFields::NOT_KEPT;
    const DEFAULTS: &'static [(&'static str, &'static str)] = StorageFields::DEFAULTS;

    fn read(fields: &mut Fields) -> Self {
        Self {
            url: fields.text("url").value(),
            r#type: fields.text("type").value(),
            target: fields.flag("target").value(),
            options: CheckFields::read(fields),
            storage: StorageFields::read(fields),
        }
    }
}

impl CheckFields {
    fn options(&self, app: &App) -> Answer<CheckOptions> {
        let defaults = CheckOptions::default();
        let time = match self.timeout {
            None => defaults.time,
            Some(seconds) => match u64::try_from(seconds) {
                Ok(seconds @ 1..) if seconds <= LONGEST_CHECK.as_secs() => {
                    Duration::from_secs(seconds)
                }
                _ => {
                    return Err(ApiError::invalid(vec![engine::FieldError {
                        field: "timeout".to_owned(),
                        message: format!("Give seconds from 1 to {}.", LONGEST_CHECK.as_secs()),
                    }]));
                }
            },
        };
        Ok(CheckOptions {
            origin: Some(
                match self.origin.as_deref().filter(|text| !text.is_empty()) {
                    Some(text) => origin(text)?,
                    None => app.settings.public_url.origin().ascii_serialization(),
                },
            ),
            time,
            granted: match self.granted {
                Some(true) => Granted::JustNow,
                _ => Granted::NotSaid,
            },
            ..defaults
        })
    }
}

/// `https://label.example.com` of any of its URLs.
fn origin(text: &str) -> Answer<String> {
    let origin = Url::parse(text)
        .map(|url| url.origin())
        .ok()
        .filter(url::Origin::is_tuple);
    origin
        .map(|origin| origin.ascii_serialization())
        .ok_or_else(|| {
            ApiError::invalid(vec![engine::FieldError {
                field: "origin".to_owned(),
                message: "Give the origin of a page, like https://label.example.com.".to_owned(),
            }])
        })
}

pub(crate) async fn check_storage(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
    Body(fields): Body<CheckFields>,
) -> Answer<Json<CheckReport>> {
    let options = fields.options(&app)?;
    let report = app.engine.check_storage(&actor, of, id, &options).await?;
    Ok(Json(report))
}

pub(crate) async fn check(
    State(app): State<App>,
    actor: Actor,
    Body(fields): Body<CheckPlaceFields>,
) -> Answer<Json<CheckReport>> {
    let options = fields.options.options(&app)?;
    let kind = match fields.r#type.as_deref() {
        None | Some("") => CredentialKind::Sas,
        Some(text) => text.parse().map_err(|_| {
            ApiError::invalid(vec![engine::FieldError {
                field: "type".to_owned(),
                message: format!(
                    "Give one of {}.",
                    CredentialKind::ALL.map(CredentialKind::as_str).join(", ")
                ),
            }])
        })?,
    };
    let direction = match fields.target {
        Some(true) => Direction::Target,
        _ => Direction::Source,
    };
    let of = direction.by(kind);
    let input = fields.storage.for_type(of)?;
    let report = match fields.url.as_deref() {
        Some(url) => {
            app.engine
                .check_url(&actor, url, of, &input, &options)
                .await?
        }
        None => app.engine.check_input(&actor, of, &input, &options).await?,
    };
    Ok(Json(report))
}
