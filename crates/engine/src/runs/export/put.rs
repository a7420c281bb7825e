//! Writing and deleting one object, and never a blob of somebody else's: a first write is for a new
//! blob only, every later one and a deletion for the version that the record knows.

use azure::{ContainerClient, ErrorKind, PutCondition};
use model::{BlobName, Code};
use store::{ObjectKey, ObjectRecord, ObjectState};

use super::refusal::Refused;
use crate::{
    Engine, Fix, Problem, Who,
    runs::own_blobs::{Clue, Owner, Unknown, marker, owner},
};

/// How often a blob is looked at because a write met another version than the one that was known.
const LOOKS: usize = 3;

/// One object in its container.
pub(super) struct Target<'a> {
    pub engine: &'a Engine,
    pub container: &'a ContainerClient,
    pub object: &'a ObjectKey,
    pub blob: &'a BlobName,
    pub record: Option<ObjectRecord>,
}

impl From<Unknown> for Refused {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Azure(error) => Self::Unexplained(error),
            Unknown::Engine(error) => error.into(),
        }
    }
}

impl Target<'_> {
    /// The version that is ours, by the record.
    fn known(&self) -> Option<String> {
        let record = self.record.as_ref();
        let written = record.filter(|record| record.state == ObjectState::Written);
        written.and_then(|record| record.etag.clone())
    }

    async fn owner(&self) -> Result<Owner, Refused> {
        let state = self.record.as_ref().map(|record| record.state);
        Ok(owner(self.engine, self.container, self.object, state).await?)
    }

    /// Writes the content; the ETag of what is there then.
    pub(super) async fn put(&self, content: Vec<u8>) -> Result<String, Refused> {
        let marker = marker(self.engine, self.object, &content)?;
        let content = bytes::Bytes::from(content);
        let mut known = self.known();
        let mut looks = 0;
        loop {
            let condition = match known.take() {
                Some(etag) => PutCondition::IfMatch(etag),
                None => PutCondition::IfAbsent,
            };
            let put = self.container.put_marked(
                self.blob,
                content.clone(),
                formats::object_type(),
                &condition,
                Some(&marker),
            );
            let error = match put.await {
                Ok(put) => return Ok(put.etag),
                Err(error) => error,
            };
            if !is_other_version(error.kind()) || looks == LOOKS {
                return Err(Refused::Unexplained(error));
            }
            looks += 1;
            match self.owner().await? {
                Owner::Nobody => {}
                // A write whose answer was lost.
                Owner::Us { etag, marker: of } if of.as_ref() == Some(&marker) => return Ok(etag),
                Owner::Us { etag, .. } => known = Some(etag),
                Owner::Somebody { etag, clue } => {
                    let mark = self.engine.store().mark_object_foreign(self.object, &etag);
                    mark.await.map_err(crate::Error::from)?;
                    return Err(Refused::Foreign(foreign(self.object, clue)));
                }
            }
        }
    }

    /// Deletes the blob when it is ours. What somebody else put in its place is theirs, and stays:
    /// then ours is gone already.
    pub(super) async fn delete(&self) -> Result<(), Refused> {
        let mut known = match self.record.as_ref().map(|record| record.state) {
            None | Some(ObjectState::Foreign) => return Ok(()),
            Some(_) => self.known(),
        };
        for _ in 0..LOOKS {
            let etag = match known.take() {
                Some(etag) => etag,
                None => match self.owner().await? {
                    Owner::Nobody | Owner::Somebody { .. } => return Ok(()),
                    Owner::Us { etag, .. } => etag,
                },
            };
            match self.container.delete(self.blob, Some(&etag)).await {
                Ok(()) => return Ok(()),
                Err(error) if is_absence(error.kind()) => return Ok(()),
                Err(error) if is_other_version(error.kind()) => {}
                Err(error) => return Err(Refused::Unexplained(error)),
            }
        }
        Err(Refused::Unsettled)
    }
}

fn is_other_version(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AlreadyExists | ErrorKind::ConditionNotMet)
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ContainerNotFound)
}

/// A blob of somebody else's is in the way.
fn foreign(object: &ObjectKey, clue: Clue) -> Problem {
    let ObjectKey {
        name,
        account,
        container,
        ..
    } = object;
    let cause = match clue {
        Clue::Nothing => format!(
            "The blob {name} of {account}/{container} was not written by Longshore, so it is not overwritten."
        ),
        Clue::Unreadable => format!(
            "There is a blob {name} in {account}/{container}, and the storage may not read it to see whether Longshore wrote it, so it is not overwritten."
        ),
        Clue::Changed => format!(
            "Longshore wrote the blob {name} of {account}/{container}, and somebody has changed it since, so it is not overwritten."
        ),
        Clue::OtherInstallation => format!(
            "The blob {name} of {account}/{container} was written by another installation of Longshore, or for another organization: two write to one place, and neither overwrites the other's."
        ),
    };
    let mut fix = String::from("Give the target storage another prefix");
    if clue == Clue::Unreadable {
        fix.push_str(", or let it read blobs too");
    }
    fix.push_str(", or move the blob away; or adopt it, on the storage's page or by POST …/adopt: then Longshore overwrites it.");
    Problem {
        code: Code::ForeignBlob,
        cause,
        fix: Fix::by(Who::You, fix),
        azure: None,
    }
}
