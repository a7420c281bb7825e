//! What a sync would do with the first blobs, live beside the filter: what matches, and what is
//! left out and why.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use engine::{LeftOut, PreviewBlob, PreviewLimits, Problem};
use model::{Actor, Direction};

use super::{
    Page,
    access::is_htmx,
    take,
    wizard::{Step, Wizard},
};
use crate::{
    App,
    error::ApiError,
    extract::ago,
    pages::{
        Person,
        form::Form,
        frame::grouped,
        html::{failed, part, with_status},
        storage::{Values, problem::Refusal},
    },
};

/// How much is shown, and how many blobs are counted at least.
const LIMITS: PreviewLimits = PreviewLimits {
    matches: 50,
    left_out: 25,
    looked_at: 5_000,
};

/// The preview (`parts/preview.html`), or why there is none.
#[derive(Template)]
#[template(path = "parts/preview.html")]
pub(crate) struct Preview {
    pub(super) words: String,
    pub(super) rows: Vec<Row>,
    pub(super) folders_not_entered: i64,
    pub(super) problem: Option<Box<Problem>>,
    pub(super) errors: Vec<String>,
}

/// A blob of the preview.
pub(crate) struct Row {
    pub(super) name: String,
    pub(super) size: String,
    pub(super) age: String,
    /// Why a sync leaves it out.
    pub(super) left_out: Option<&'static str>,
    /// What to know of one that is taken.
    pub(super) note: Option<&'static str>,
}

impl Preview {
    pub(super) async fn load(app: &App, actor: &Actor, wizard: Wizard, values: &Values) -> Self {
        match Self::found(app, actor, wizard, values).await {
            Ok(preview) => preview,
            Err(Refusal::Azure(problem)) => Self::refused(Some(problem), Vec::new()),
            Err(Refusal::Other(error)) => {
                let mut errors: Vec<String> = error
                    .field_errors()
                    .iter()
                    .map(|error| error.message.clone())
                    .collect();
                if errors.is_empty() {
                    errors.push(error.detail().to_owned());
                }
                Self::refused(None, errors)
            }
        }
    }

    fn refused(problem: Option<Box<Problem>>, errors: Vec<String>) -> Self {
        Self {
            words: String::new(),
            rows: Vec::new(),
            folders_not_entered: 0,
            problem,
            errors,
        }
    }

    async fn found(
        app: &App,
        actor: &Actor,
        wizard: Wizard,
        values: &Values,
    ) -> Result<Self, Refusal> {
        let input = values.input(wizard.project);
        let input = input.map_err(|error| ApiError::invalid(vec![error]))?;
        let Some(method) = values.method() else {
            return Err(ApiError::required("method").into());
        };
        let found = app
            .engine
            .preview_files(actor, method.kind(), &input, LIMITS)
            .await?;
        let (matched, listed) = (grouped(found.matched), grouped(found.listed));
        let mut words = match found.listed {
            0 => "There are no blobs here: check the container and the prefix.".to_owned(),
            _ => format!("{matched} of {listed} blobs looked at match."),
        };
        let filtered = match values.chosen_kinds().is_empty() {
            true => "the filter does not match its name",
            false => "it is not of a chosen kind",
        };
        if found.has_more {
            words += " There are more.";
        }
        Ok(Self {
            words,
            rows: found
                .blobs
                .iter()
                .map(|blob| Row::of(blob, found.at_ms, filtered))
                .collect(),
            folders_not_entered: found.folders_not_entered,
            problem: None,
            errors: Vec::new(),
        })
    }
}

impl Row {
    /// `filtered` says why a blob is left out by its name.
    fn of(blob: &PreviewBlob, now_ms: i64, filtered: &'static str) -> Self {
        Self {
            name: blob.name.clone(),
            size: size_words(blob.size),
            age: match now_ms - blob.last_modified_ms {
                ..60_000 => "just now".to_owned(),
                _ => format!("{} ago", ago(blob.last_modified_ms, now_ms)),
            },
            left_out: blob.left_out.map(|why| match why {
                LeftOut::Filter => filtered,
                LeftOut::FolderMarker => "it marks a folder and holds nothing",
                LeftOut::Exported => {
                    "Longshore wrote it: an exported annotation or an access check"
                }
            }),
            note: match blob.left_out {
                Some(_) => None,
                None if blob.is_archived => {
                    Some("in the archive tier: it cannot be opened until it is rehydrated")
                }
                None if blob.size == 0 => Some("empty: there is nothing to label in it"),
                None => None,
            },
        }
    }
}

/// `1 byte`, `17 bytes`, `1.2 MB`.
fn size_words(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    match bytes {
        1 => return "1 byte".to_owned(),
        ..1_000 => return format!("{bytes} bytes"),
        _ => {}
    }
    let mut size = bytes as f64 / 1_000.0;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < units.len() {
        size /= 1_000.0;
        unit += 1;
    }
    format!("{size:.1} {}", units[unit])
}

/// The preview of what is in the form now: in place by htmx, or as the whole page.
pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let shown = async {
        let mut values = wizard.values(&app, &actor).await?;
        if wizard.direction == Direction::Target {
            return Err(ApiError::not_found());
        }
        let reachable = Step::Content.reachable(&values, wizard.direction);
        if reachable != Step::Content {
            return Ok(wizard.to(reachable));
        }
        let taken = take(&app, &mut values, Step::Content, wizard.direction, &form);
        let preview = match taken {
            Ok(()) => Preview::load(&app, &actor, wizard, &values).await,
            Err(error) => Preview::refused(None, vec![error.message]),
        };
        if is_htmx(&headers) {
            return Ok(part(Ok(preview)));
        }
        wizard.keep(&app, &actor, &values).await?;
        let mut page = Page::load(&app, &actor, wizard, Step::Content, &values).await?;
        page.preview = Some(preview);
        Ok(with_status(StatusCode::OK, page))
    };
    shown.await.unwrap_or_else(|error: ApiError| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::size_words;

    #[test]
    fn sizes_are_rounded_to_a_unit() {
        for (bytes, words) in [
            (1, "1 byte"),
            (17, "17 bytes"),
            (1_240, "1.2 kB"),
            (999_999, "1.0 MB"),
            (5_300_000_000, "5.3 GB"),
        ] {
            assert_eq!(size_words(bytes), words);
        }
    }
}
