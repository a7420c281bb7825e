//! The preview of a labeling config: the annotation editor on samples, in a frame of our own pages.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use model::ProjectId;
use serde::Serialize;

use super::{
    Person,
    editor_page::{UserData, editor_address, script_json},
    html::{failed, render},
};
use crate::{
    App,
    editor::{Editor, Loading},
    extract::Id,
    media_origin,
    policy::{EditorLoads, Framed, with_editor},
    static_files,
};

/// What the preview shows by kind, before the project has tasks.
const SAMPLES: [(&str, &str); 5] = [
    ("audio", "sample.wav"),
    ("image", "sample.png"),
    ("pdf", "sample.pdf"),
    ("text", "sample.txt"),
    ("video", "sample.webm"),
];

#[derive(Template)]
#[template(path = "label_preview.html")]
struct Preview {
    editor: Option<&'static Editor>,
    data: String,
}

/// What `static/label_preview.js` reads from the page.
#[derive(Serialize)]
struct PreviewData<'a> {
    project: i64,
    config: &'a str,
    user: UserData,
    editor: Option<Loading<'a>>,
    samples: BTreeMap<&'static str, &'static str>,
}

/// `GET /projects/{id}/label-preview`: the editor on samples, in a frame of our own pages.
pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    headers: HeaderMap,
) -> Response {
    let load = async {
        let who = app.engine.whoami(&actor).await?;
        let project = app.engine.get_project(&actor, id).await?;
        let editor = Editor::embedded();
        let data = PreviewData {
            project: id.0,
            config: &project.label_config,
            user: UserData {
                id: who.user.id.0,
                email: who.user.email,
            },
            editor: editor.map(Editor::loading),
            samples: SAMPLES
                .iter()
                .map(|(kind, file)| (*kind, static_files::address(file)))
                .collect(),
        };
        let page = Preview {
            editor,
            data: script_json(&data)?,
        };
        // The config is typed while the page is open: any tag may come.
        let loads = EditorLoads {
            accounts: media_origin::all(&app, &actor, id).await?,
            audio: Some(editor_address(&app, &headers)),
            pdf: true,
        };
        Ok((page, loads))
    };
    match load.await {
        Ok((page, loads)) => with_editor(render(Ok(page)), &loads, Framed::ByOurs),
        Err(error) => failed(&error),
    }
}
