//! Whose blob it is. What Longshore writes carries a marker in its metadata that only this
//! installation can make, for this organization, this place and this content. So a write whose
//! answer was lost is known again, and what anybody else wrote, or has changed since, is not ours.

use azure::{ContainerClient, ErrorKind, GetRequest};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::BlobName;
use sha2::{Digest as _, Sha256};
use store::{ObjectKey, ObjectState};

use crate::{Engine, Error, Result};

/// The largest blob that is read to see whose it is; objects are far smaller.
const MOST_READ: usize = 64 << 20;

/// Whose the blob is that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nothing is there.
    Nobody,
    /// This installation wrote it as it is, for this organization.
    Us {
        etag: String,
        /// What it says of its content; one from before markers says nothing.
        marker: Option<String>,
    },
    /// `etag` is `*` when the blob may not be read.
    Somebody { etag: String, clue: Clue },
}

/// What a blob of somebody else's says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clue {
    Nothing,
    /// The storage may write it and not read it.
    Unreadable,
    /// We wrote it, and somebody changed it since, or copied it here.
    Changed,
    /// Another installation wrote it, or another organization of this one.
    OtherInstallation,
}

/// Why it is not known whose the blob is.
pub(crate) enum Unknown {
    Azure(azure::Error),
    Engine(Error),
}

/// The marker of this content in this place: who writes, and that nobody else has.
pub(crate) fn marker(engine: &Engine, object: &ObjectKey, content: &[u8]) -> Result<String> {
    let digest: [u8; 32] = Sha256::digest(content).into();
    let org = object.org_id.to_string();
    let (account, container) = (object.account.as_str(), object.container.as_str());
    let place = [&org, account, container, &object.name].map(str::as_bytes);
    let [org, account, container, name] = place;
    let seal = seal(engine, &[b"object", org, account, container, name, &digest])?;
    let writer = seal_of_writer(engine, org)?;
    Ok(format!("{writer}.{seal}"))
}

fn seal_of_writer(engine: &Engine, org: &[u8]) -> Result<String> {
    Ok(seal(engine, &[b"writer", org])?[..16].to_owned())
}

fn seal(engine: &Engine, parts: &[&[u8]]) -> Result<String> {
    let key = engine.settings().token_key.expose().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|_| Error::Internal("the token key is empty".to_owned()))?;
    mac.update(b"exported-object:");
    for part in parts {
        // With its length, so that no two lists of parts are the same bytes.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Ok(hex::encode(mac.finalize().into_bytes()))
}

/// Reads the blob, when there is one, to see whose it is. `state` is the record's: a blob from
/// before records were kept is known by its number and its form.
///
/// # Errors
/// When Azure does not say.
pub(crate) async fn owner(
    engine: &Engine,
    container: &ContainerClient,
    object: &ObjectKey,
    state: Option<ObjectState>,
) -> Result<Owner, Unknown> {
    let blob = BlobName::parse(object.name.as_str())
        .map_err(|error| Unknown::Engine(Error::Internal(format!("an object's name: {error}"))))?;
    let answer = match container.get(&blob, &GetRequest::default()).await {
        Ok(answer) => answer,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::ContainerNotFound => Ok(Owner::Nobody),
                ErrorKind::RoleMissing | ErrorKind::Archived => Ok(Owner::Somebody {
                    etag: "*".to_owned(),
                    clue: Clue::Unreadable,
                }),
                _ => Err(Unknown::Azure(error)),
            };
        }
    };
    let etag = answer.etag.as_deref().unwrap_or("*");
    let etag = etag.trim_matches('"').to_owned();
    let marked = answer.marker.clone();
    let content = match answer.body.read_all(MOST_READ).await {
        Ok(content) => Some(content),
        // Larger than any object.
        Err(error) if error.kind() == ErrorKind::InvalidInput => None,
        Err(error) => return Err(Unknown::Azure(error)),
    };
    if let Some(content) = &content {
        let is_marked = marked.as_deref()
            == Some(
                marker(engine, object, content)
                    .map_err(Unknown::Engine)?
                    .as_str(),
            );
        let is_old = marked.is_none()
            && state == Some(ObjectState::Before)
            && formats::is_object(content, &object.name);
        if is_marked || is_old {
            return Ok(Owner::Us {
                etag,
                marker: marked,
            });
        }
    }
    let writer = seal_of_writer(engine, object.org_id.to_string().as_bytes());
    let writer = writer.map_err(Unknown::Engine)?;
    let clue = match marked.as_deref().and_then(|marked| marked.split_once('.')) {
        None => Clue::Nothing,
        Some((by, _)) if by == writer => Clue::Changed,
        Some(_) => Clue::OtherInstallation,
    };
    Ok(Owner::Somebody { etag, clue })
}
