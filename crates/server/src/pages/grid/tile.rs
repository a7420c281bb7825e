//! One task in the grid or the list, and its thumbnail.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::{AtHand, Blank, Thumbnail, Waveform};
use model::{Actor, Task, TaskId};

use super::super::html::with_status;
use crate::{App, api::media::ASK_AGAIN, error::ApiError, extract::Id, stranger};

/// A task as the grid shows it.
pub(super) struct Tile {
    pub(super) id: TaskId,
    /// The last part of the blob's name, or `Task 7`.
    pub(super) name: String,
    /// The blob's whole name.
    pub(super) path: Option<String>,
    /// The state's class, and its word.
    pub(super) state: (&'static str, &'static str),
    pub(super) annotations: i64,
    pub(super) skips: i64,
    pub(super) predictions: i64,
    pub(super) created_at_ms: i64,
    pub(super) updated_at_ms: i64,
    /// `None`: asked for when the tile comes into view.
    pub(super) media: Option<TileMedia>,
}

impl Tile {
    pub(super) fn new(task: Task, at_hand: AtHand) -> Self {
        let path = at_hand.blob.or(task.source_blob_name);
        let file = path.as_deref().and_then(|path| path.rsplit('/').next());
        let is_video = matches!(at_hand.thumbnail, Some(Thumbnail::Video { .. }));
        Self {
            id: task.id,
            name: match file {
                Some(file) if !file.is_empty() => file.to_owned(),
                _ => format!("Task {}", task.id),
            },
            path,
            state: if task.is_labeled {
                ("good", "Labeled")
            } else if task.cancelled_annotation_count > 0 {
                ("warn", "Skipped")
            } else {
                ("quiet", "To do")
            },
            annotations: task.annotation_count,
            skips: task.cancelled_annotation_count,
            predictions: task.prediction_count,
            created_at_ms: task.created_at_ms,
            updated_at_ms: task.updated_at_ms,
            // A video opens a connection of its own: only one that is seen does.
            media: at_hand
                .thumbnail
                .filter(|_| !is_video)
                .map(|thumbnail| TileMedia::new(task.id, thumbnail)),
        }
    }

    /// `2 annotations`.
    pub(super) fn annotation_words(&self) -> String {
        match self.annotations {
            0 => "no annotations".to_owned(),
            1 => "1 annotation".to_owned(),
            count => format!("{count} annotations"),
        }
    }
}

/// What is in a tile's frame.
#[derive(Template)]
#[template(path = "parts/tile_media.html")]
pub(super) struct TileMedia {
    task: TaskId,
    thumbnail: Thumbnail,
}

impl TileMedia {
    pub(super) fn new(task: TaskId, thumbnail: Thumbnail) -> Self {
        Self { task, thumbnail }
    }
}

/// `GET /tasks/{id}/thumbnail`: what goes into the tile's frame, made when there is none yet.
pub(crate) async fn thumbnail(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
) -> Response {
    match app.engine.thumbnail(&actor, task).await {
        Ok(thumbnail) => with_status(StatusCode::OK, TileMedia::new(task, thumbnail)),
        Err(error) => {
            let error = ApiError::from(error);
            let reason = if error.status() == StatusCode::NOT_FOUND {
                "The task is gone, or no storage of its project covers the blob."
            } else {
                error.detail()
            };
            let blank = Blank {
                kind: engine::MediaKind::Other,
                size: None,
                reason: Some(reason.to_owned()),
            };
            let media = TileMedia::new(task, Thumbnail::Blank(blank));
            with_status(error.status(), media)
        }
    }
}

/// `GET /tasks/{id}/thumbnail/{key}`: the picture. The key names exactly these bytes.
pub(crate) async fn picture(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    Path(parts): Path<Vec<(String, String)>>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let key = parts.iter().find(|(name, _)| name == "key");
    let key = key.map_or("", |(_, key)| key.as_str());
    let jpeg = app.engine.thumbnail_picture(&actor, task, key).await?;
    // A key that leads to a picture is letters and digits.
    let etag = format!("\"{key}\"");
    let headers = [(header::CACHE_CONTROL, ASK_AGAIN), (header::ETAG, &etag)];
    let has_it = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kept| kept.contains(&etag));
    Ok(match has_it {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => {
            let mut response = (headers, jpeg).into_response();
            stranger::put_on(&stranger::DRAWN, response.headers_mut());
            response
        }
    })
}

/// The bars as an SVG path in a box of 128 by 64.
fn bars(waveform: &Waveform) -> String {
    use std::fmt::Write as _;
    let step = 128.0 / waveform.bars.len().max(1) as f64;
    let mut path = String::new();
    for (index, bar) in waveform.bars.iter().enumerate() {
        let x = (index as f64 + 0.5) * step;
        let half = (f64::from(*bar) * 0.3).max(0.5);
        // Writing to a text does not fail.
        let _ = write!(path, "M{x:.1} {:.1}V{:.1}", 32.0 - half, 32.0 + half);
    }
    path
}

/// `0.4 s`, `1:05`, `1:00:05`.
fn duration(seconds: &f64) -> String {
    if *seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as i64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// `1.5 MiB`.
fn size(bytes: &u64) -> String {
    let bytes = *bytes;
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use engine::Waveform;

    use super::{bars, duration, size};

    #[test]
    fn numbers_are_words() {
        assert_eq!(
            [duration(&0.44), duration(&65.4), duration(&3605.0)],
            ["0.4 s", "1:05", "1:00:05"]
        );
        assert_eq!(
            [size(&5), size(&2_048), size(&1_572_864)],
            ["5 bytes", "2 KiB", "1.5 MiB"]
        );
        let waveform = Waveform {
            bars: vec![0, 100],
            seconds: 1.0,
        };
        assert_eq!(bars(&waveform), "M32.0 31.5V32.5M96.0 2.0V62.0");
    }
}
