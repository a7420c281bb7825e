//! How a finished sync is told to people: its final status, and why nothing or not all came in.

use model::{Storage, SyncCounts, SyncStatus};
use store::RunScope;

use super::pass::Pass;

/// The final status of a pass that went to the end, and a note where one is needed.
pub(super) fn of(pass: &Pass<'_>) -> (SyncStatus, Option<String>) {
    let counts = &pass.counts;
    if counts.failed > 0 {
        let note = some_failed(counts.failed, pass.first_failure.as_deref());
        return (SyncStatus::CompletedWithErrors, Some(note));
    }
    // A retry that finds nothing has found that nothing is left to mend.
    let nothing = pass.run.scope == RunScope::Everything
        && counts.created + counts.existed + counts.changed == 0;
    let note = nothing.then(|| nothing_matched(&pass.storage, counts, pass.folders_not_entered));
    (SyncStatus::Completed, note)
}

fn some_failed(failed: i64, first: Option<&str>) -> String {
    let failed = match failed {
        1 => "1 blob".to_owned(),
        _ => format!("{failed} blobs"),
    };
    let first = first.map_or_else(String::new, |first| format!(" The first: {first}"));
    format!(
        "{failed} could not be imported; each is listed with its cause, the others are imported.{first}"
    )
}

/// What was seen, so that a person finds out why it did not match.
fn nothing_matched(storage: &Storage, counts: &SyncCounts, folders_not_entered: usize) -> String {
    let place = if storage.prefix.as_str().is_empty() {
        format!("the container {}", storage.container)
    } else {
        format!("{}/{}", storage.container, storage.prefix.listing())
    };
    let mut text = if counts.listed == 0 {
        format!("Nothing matched: Azure lists no blobs in {place} (upper and lower case count)")
    } else {
        format!(
            "Nothing matched: Azure lists {} blobs in {place}",
            counts.listed
        )
    };
    if counts.filtered > 0 {
        text += &format!(
            "; {} do not match the filter {:?}, which must match from the beginning of the whole name",
            counts.filtered,
            storage.regex_filter.as_deref().unwrap_or_default()
        );
    }
    if counts.skipped > 0 {
        text += &format!(
            "; {} are folder markers or exported annotations",
            counts.skipped
        );
    }
    if folders_not_entered > 0 {
        text += &format!(
            "; {folders_not_entered} folders were not entered, because the storage is not recursive"
        );
    }
    text + "."
}
