//! Under which licences the annotation editor comes: what its authors ask of who passes it on.

use askama::Template;
use axum::response::Response;

use super::{frame::Frame, html::render};
use crate::editor::Editor;

#[derive(Template)]
#[template(path = "editor_licences.html")]
struct Licences {
    frame: Frame,
    editor: Option<&'static Editor>,
}

/// `GET /editor/licences`, for everybody.
pub(crate) async fn show() -> Response {
    render(Ok(Licences {
        frame: Frame::nobody(),
        editor: Editor::embedded(),
    }))
}
