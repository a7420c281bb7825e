//! Source and target storages, with Label Studio's fields. Both directions and all kinds share
//! these handlers; the path says which.

mod input;
mod view;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::request::Parts,
};
use engine::{PreviewLimits, StorageInput};
use model::{Actor, CredentialKind, Direction, ProjectId, StorageId, StorageType, budgets};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    error::ApiError,
    extract::{Body, Change, Id, Query},
};

pub(crate) use input::StorageFields;
pub(crate) use view::StorageView;

/// Names of a preview when the request does not say.
const PREVIEW_FILES: i64 = 100;

/// Which storages a path is about: `/api/storages/KIND` or `/api/storages/export/KIND`.
impl FromRequestParts<App> for StorageType {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let direction = direction_of(parts);
        let Path(params) = Path::<Vec<(String, String)>>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::not_found())?;
        let kind = params.iter().find(|(name, _)| name == "kind");
        let kind = kind.and_then(|(_, text)| text.parse().ok());
        Ok(direction.by(kind.ok_or_else(ApiError::not_found)?))
    }
}

/// The direction alone, for paths without a kind.
pub(crate) struct Flow(Direction);

impl FromRequestParts<App> for Flow {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(Self(direction_of(parts)))
    }
}

fn direction_of(parts: &Parts) -> Direction {
    let mut segments = parts.uri.path().split('/').skip(3);
    match segments.next() {
        Some("export") => Direction::Target,
        _ => Direction::Source,
    }
}

/// A kind of storage.
#[derive(Serialize, ToSchema)]
pub(crate) struct TypeView {
    /// As in paths.
    name: &'static str,
    title: &'static str,
}

/// What a storage would import.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileList {
    files: Vec<FileView>,
}

/// A blob; all null stands for the rest of a list that was cut.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct FileView {
    key: Option<String>,
    last_modified: Option<String>,
    size: Option<u64>,
}

pub(crate) async fn types(_: Actor) -> Json<Vec<TypeView>> {
    let view = |kind: CredentialKind| TypeView {
        name: kind.as_str(),
        title: kind.title(),
    };
    Json(CredentialKind::ALL.into_iter().map(view).collect())
}

pub(crate) async fn list_all(
    State(app): State<App>,
    actor: Actor,
    Flow(direction): Flow,
    query: Query,
) -> Answer<Json<Vec<StorageView>>> {
    let project = required_project(&query)?;
    let storages = app
        .engine
        .list_storages(&actor, project, direction, None)
        .await?;
    Ok(Json(
        storages
            .into_iter()
            .map(|storage| StorageView::new(&app, storage))
            .collect(),
    ))
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    query: Query,
) -> Answer<Json<Vec<StorageView>>> {
    let project = required_project(&query)?;
    let storages = app
        .engine
        .list_storages(&actor, project, of.direction, Some(of.kind))
        .await?;
    Ok(Json(
        storages
            .into_iter()
            .map(|storage| StorageView::new(&app, storage))
            .collect(),
    ))
}

fn required_project(query: &Query) -> Answer<ProjectId> {
    query
        .id("project")?
        .ok_or_else(|| ApiError::invalid_request("query parameter \"project\" is required"))
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    query: Query,
    Body(fields): Body<StorageFields>,
) -> Answer<Created<StorageView>> {
    let input = fields.for_new(of, &query)?;
    let storage = app
        .engine
        .create_storage(&actor, of, &input)
        .await
        .map_err(ApiError::of_storage_input)?;
    Ok(Created(StorageView::new(&app, storage)))
}

/// 200 with an empty body, as in Label Studio.
pub(crate) async fn validate(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Body(fields): Body<StorageFields>,
) -> Answer<()> {
    let input: StorageInput = fields.for_type(of)?;
    app.engine
        .validate_storage(&actor, of, &input)
        .await
        .map_err(ApiError::of_storage_input)?;
    Ok(())
}

pub(crate) async fn files(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Body(mut fields): Body<StorageFields>,
) -> Answer<Json<FileList>> {
    let limit = fields.limit.take().unwrap_or(PREVIEW_FILES);
    if !(1..=budgets::PREVIEW).contains(&limit) {
        let message = format!("Give a whole number from 1 to {}.", budgets::PREVIEW);
        return Err(engine::Error::field("limit", message).into());
    }
    let input = fields.for_type(of)?;
    let limits = PreviewLimits {
        matches: limit as usize,
        left_out: 0,
        looked_at: 0,
    };
    let preview = app
        .engine
        .preview_files(&actor, of.kind, &input, limits)
        .await
        .map_err(ApiError::of_storage_input)?;
    let mut files: Vec<FileView> = preview.blobs.into_iter().map(FileView::from).collect();
    if preview.has_more {
        files.push(FileView::default());
    }
    Ok(Json(FileList { files }))
}

impl From<engine::PreviewBlob> for FileView {
    fn from(file: engine::PreviewBlob) -> Self {
        let modified = jiff::Timestamp::from_millisecond(file.last_modified_ms);
        Self {
            key: Some(file.name),
            last_modified: modified
                .ok()
                .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            size: Some(file.size),
        }
    }
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
) -> Answer<Json<StorageView>> {
    let storage = app.engine.get_storage(&actor, of, id).await?;
    Ok(Json(StorageView::new(&app, storage)))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
    query: Query,
    change: Change<StorageFields>,
) -> Answer<Json<StorageView>> {
    let current = async || {
        let storage = app.engine.get_storage(&actor, of, id).await?;
        query.check_project(storage.project_id)?;
        Ok(StorageView::new(&app, storage))
    };
    if query.id::<ProjectId>("project")?.is_some() {
        current().await?;
    }
    let input = change.of(current).await?.for_type(of)?;
    let storage = app
        .engine
        .update_storage(&actor, of, id, &input)
        .await
        .map_err(ApiError::of_storage_input)?;
    Ok(Json(StorageView::new(&app, storage)))
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
) -> Answer<NoContent> {
    app.engine.delete_storage(&actor, of, id).await?;
    Ok(NoContent)
}
