//! Which blobs of a container a source storage is about.

use azure::BlobItem;
use model::{AccountName, BlobFilter, ContainerName, OrgId, Prefix};
use store::{ObjectRecord, ObjectState};

use crate::{
    Engine, Result, links::container_claims::CLAIM_BLOB, storages::connection::CHECK_BLOB,
};

/// A source storage's part of a container.
pub(crate) struct Scope {
    /// What Azure is asked for.
    pub prefix: Prefix,
    /// All levels, or only the first.
    pub recursive: bool,
    org: OrgId,
    place: (AccountName, ContainerName),
    filter: BlobFilter,
}

/// What is to be done with a listed blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is data.
    Take,
    /// The storage's filter does not match it.
    Filtered,
    /// It marks a folder, and holds nothing.
    FolderMarker,
    /// Longshore itself wrote it: an export, or what an access check left.
    Ours,
    /// Longshore wrote a blob of this name, and the record has another version: it was written
    /// again since it was listed, or it is somebody else's by now. The blob itself tells.
    PerhapsOurs,
}

impl Scope {
    pub fn new(
        org: OrgId,
        (account, container): (&AccountName, &ContainerName),
        prefix: &Prefix,
        filter: BlobFilter,
        recursive: bool,
    ) -> Self {
        Self {
            prefix: prefix.clone(),
            recursive,
            org,
            place: (account.clone(), container.clone()),
            filter,
        }
    }

    /// Which of the blobs are data? Exports are known by their record; a name alone says nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn judge(&self, engine: &Engine, blobs: &[BlobItem]) -> Result<Vec<Verdict>> {
        let named = blobs.iter().map(|blob| blob.name.as_str());
        let named = named.filter(|name| formats::is_object_name(file_of(name)));
        let names: Vec<&str> = named.collect();
        let (account, container) = &self.place;
        let store = engine.store();
        let records = store.exported_objects(self.org, account, container, &names);
        let records = records.await?;
        let judged = blobs
            .iter()
            .map(|blob| self.judge_one(blob, records.get(&blob.name)));
        Ok(judged.collect())
    }

    fn judge_one(&self, blob: &BlobItem, record: Option<&ObjectRecord>) -> Verdict {
        let file = file_of(&blob.name);
        if blob.is_folder_marker {
            return Verdict::FolderMarker;
        }
        if file.starts_with(CHECK_BLOB) || file.starts_with(CLAIM_BLOB) {
            return Verdict::Ours;
        }
        let Some(record) = record else {
            return self.as_data(blob);
        };
        match record.state {
            ObjectState::Foreign => self.as_data(blob),
            ObjectState::Before => Verdict::Ours,
            ObjectState::Written if record.etag.as_deref() == Some(&blob.etag) => Verdict::Ours,
            ObjectState::Written | ObjectState::Writing => Verdict::PerhapsOurs,
        }
    }

    /// What a blob is that is not ours. The filter sees its whole name, as in Label Studio.
    pub fn as_data(&self, blob: &BlobItem) -> Verdict {
        if self.filter.matches(&blob.name) {
            Verdict::Take
        } else {
            Verdict::Filtered
        }
    }

    /// What to ask Azure to roll up: nothing, or everything below the first level.
    pub fn delimiter(&self) -> Option<char> {
        (!self.recursive).then_some('/')
    }
}

/// The last part of a blob's name.
fn file_of(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, file)| file)
}

#[cfg(test)]
mod tests {
    use azure::BlobItem;
    use model::{AccountName, BlobFilter, ContainerName, OrgId, Prefix};
    use store::{ObjectRecord, ObjectState};

    use super::{Scope, Verdict};

    fn verdict(name: &str, record: Option<(ObjectState, &str)>) -> Verdict {
        let account = AccountName::parse("account").unwrap();
        let container = ContainerName::parse("container").unwrap();
        let filter = BlobFilter::parse(r".*\.(png|json)").unwrap();
        let place = (&account, &container);
        let blob = BlobItem {
            name: name.to_owned(),
            etag: "0x1".to_owned(),
            is_folder_marker: name.ends_with('/'),
            ..BlobItem::default()
        };
        let record = record.map(|(state, etag)| ObjectRecord {
            state,
            etag: Some(etag.to_owned()),
        });
        Scope::new(OrgId(1), place, &Prefix::new(""), filter, true)
            .judge_one(&blob, record.as_ref())
    }

    #[test]
    fn what_longshore_wrote_is_known_by_its_record_and_not_by_its_name() {
        for (name, record, expected) in [
            ("a/1.png", None, Verdict::Take),
            ("6.json", None, Verdict::Take),
            ("out/6.json", None, Verdict::Take),
            ("out/any.png", None, Verdict::Take),
            ("1.json", Some((ObjectState::Written, "0x1")), Verdict::Ours),
            (
                "1.json",
                Some((ObjectState::Written, "0x2")),
                Verdict::PerhapsOurs,
            ),
            (
                "1.json",
                Some((ObjectState::Writing, "")),
                Verdict::PerhapsOurs,
            ),
            ("1.json", Some((ObjectState::Before, "")), Verdict::Ours),
            ("1.json", Some((ObjectState::Foreign, "0x1")), Verdict::Take),
            ("a/.longshore-access-check-1", None, Verdict::Ours),
            ("a/", None, Verdict::FolderMarker),
            ("a/1.txt", None, Verdict::Filtered),
        ] {
            assert_eq!(verdict(name, record), expected, "{name} {record:?}");
        }
    }
}
