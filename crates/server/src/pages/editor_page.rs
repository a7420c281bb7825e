//! What pages with the annotation editor share: what they load, and the data for their scripts.

use axum::http::HeaderMap;
use serde::Serialize;

use crate::{
    App,
    editor::Editor,
    error::ApiError,
    policy::{EditorLoads, own_origin},
};

/// Also the editor's `user`.
#[derive(Serialize)]
pub(super) struct UserData {
    pub(super) id: i64,
    pub(super) email: String,
}

/// What a labeling config needs.
pub(super) fn loads(
    app: &App,
    headers: &HeaderMap,
    label_config: &str,
    accounts: Vec<String>,
) -> EditorLoads {
    let has = |tag| label_config.contains(tag);
    EditorLoads {
        accounts,
        audio: has("<Audio").then(|| editor_address(app, headers)),
        pdf: has("<Pdf") || has("<PDF"),
    }
}

/// Where the editor's files are, as a source of a policy.
pub(super) fn editor_address(app: &App, headers: &HeaderMap) -> String {
    let folder = Editor::embedded().map_or_else(|| "/editor/".to_owned(), |it| it.address(""));
    format!("{}{folder}", own_origin(app, headers))
}

/// JSON for a `<script type="application/json">`.
pub(super) fn script_json(data: &impl Serialize) -> Result<String, ApiError> {
    let json = serde_json::to_string(data).map_err(|_| ApiError::internal())?;
    Ok(json.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::script_json;

    #[test]
    fn texts_in_the_page_cannot_end_their_script() {
        let json = script_json(&"</script><script>").unwrap();
        assert_eq!(json, r#""\u003c/script>\u003cscript>""#);
    }
}
