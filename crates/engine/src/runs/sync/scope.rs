//! Which blobs of a container a source storage is about.

use azure::BlobItem;
use model::{AccountName, BlobFilter, ContainerName, Direction, OrgId, Prefix};

use crate::{
    Engine, Result, links::container_claims::CLAIM_BLOB, storages::connection::CHECK_BLOB,
};

/// A source storage's part of a container.
pub(crate) struct Scope {
    /// What Azure is asked for.
    pub prefix: Prefix,
    /// All levels, or only the first.
    pub recursive: bool,
    filter: BlobFilter,
    export_areas: Vec<ExportArea>,
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
}

/// Where a target storage of the organization writes in the same container.
#[derive(Debug)]
enum ExportArea {
    /// The whole folder is the exports'.
    Folder(Prefix),
    /// The source lies in the folder that is written to, so only what is named like an export can
    /// be told apart.
    NamedFiles(Prefix),
}

impl ExportArea {
    fn covers(&self, blob: &str) -> bool {
        match self {
            Self::Folder(prefix) => prefix.covers(blob),
            Self::NamedFiles(prefix) => blob
                .strip_prefix(prefix.listing().as_str())
                .is_some_and(formats::is_object_name),
        }
    }
}

impl Scope {
    /// Looks up the organization's target storages in the same container.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn new(
        engine: &Engine,
        org: OrgId,
        (account, container): (&AccountName, &ContainerName),
        prefix: &Prefix,
        filter: BlobFilter,
        recursive: bool,
    ) -> Result<Self> {
        let targets = engine
            .store()
            .list_storages(org, None, Some(Direction::Target), None)
            .await?;
        let export_areas = targets
            .into_iter()
            .filter(|target| target.account == *account && target.container == *container)
            .map(|target| export_area(target.settings.prefix, prefix))
            .collect();
        Ok(Self {
            prefix: prefix.clone(),
            recursive,
            filter,
            export_areas,
        })
    }

    /// Is this blob data? The filter sees its whole name, as in Label Studio.
    pub fn judge(&self, blob: &BlobItem) -> Verdict {
        if blob.is_folder_marker {
            Verdict::FolderMarker
        } else if self.is_ours(&blob.name) {
            Verdict::Ours
        } else if self.filter.matches(&blob.name) {
            Verdict::Take
        } else {
            Verdict::Filtered
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
        file.starts_with(CHECK_BLOB)
            || file.starts_with(CLAIM_BLOB)
            || self.export_areas.iter().any(|area| area.covers(name))
    }

    /// What to ask Azure to roll up: nothing, or everything below the first level.
    pub fn delimiter(&self) -> Option<char> {
        (!self.recursive).then_some('/')
    }
}

fn export_area(target: Prefix, source: &Prefix) -> ExportArea {
    let source_is_inside =
        target.as_str().is_empty() || target == *source || target.covers(source.as_str());
    if source_is_inside {
        ExportArea::NamedFiles(target)
    } else {
        ExportArea::Folder(target)
    }
}

#[cfg(test)]
mod tests {
    use azure::BlobItem;
    use model::{BlobFilter, Prefix};

    use super::{Scope, Verdict, export_area};

    fn verdict(scope: &Scope, name: &str) -> Verdict {
        scope.judge(&BlobItem {
            name: name.to_owned(),
            is_folder_marker: name.ends_with('/'),
            ..BlobItem::default()
        })
    }

    fn scope(source: &str, target: &str, filter: &str) -> Scope {
        let prefix = Prefix::new(source);
        Scope {
            export_areas: vec![export_area(Prefix::new(target), &prefix)],
            prefix,
            recursive: true,
            filter: BlobFilter::parse(filter).unwrap(),
        }
    }

    #[test]
    fn a_folder_of_exports_is_not_data() {
        let scope = scope("", "out", r".*\.(png|json)");
        assert_eq!(verdict(&scope, "a/1.png"), Verdict::Take);
        assert_eq!(verdict(&scope, "out/1.json"), Verdict::Ours);
        assert_eq!(verdict(&scope, "out/any.png"), Verdict::Ours);
        assert_eq!(verdict(&scope, "outer/1.json"), Verdict::Take);
        assert_eq!(
            verdict(&scope, "a/.longshore-access-check-1"),
            Verdict::Ours
        );
        assert_eq!(verdict(&scope, "a/"), Verdict::FolderMarker);
        assert_eq!(verdict(&scope, "a/1.txt"), Verdict::Filtered);
    }

    #[test]
    fn a_source_inside_the_export_area_still_has_data() {
        for (source, target) in [("", ""), ("data", "data"), ("data", "")] {
            let scope = scope(source, target, "");
            let written = Prefix::new(target).join("17.json");
            assert_eq!(
                verdict(&scope, &written),
                Verdict::Ours,
                "{source} {target}"
            );
            assert_eq!(verdict(&scope, "data/cat.json"), Verdict::Take);
            assert_eq!(verdict(&scope, "data/17.png"), Verdict::Take);
            assert_eq!(verdict(&scope, "data/sub/17.json"), Verdict::Take);
        }
    }
}
