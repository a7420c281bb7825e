//! The real media that `cargo xtask media` prepared, with sources and licences in its manifest.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Deserialize;

/// What goes into the customer's container.
#[derive(Debug)]
pub struct Media {
    pub files: Vec<File>,
}

/// One blob to be.
#[derive(Debug)]
pub struct File {
    pub blob_name: String,
    pub content_type: String,
    pub bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Entry {
    /// Below the media folder; absent for a folder marker.
    file: Option<String>,
    blob_name: String,
    content_type: String,
}

impl Media {
    /// Reads the manifest and every file it names.
    ///
    /// # Errors
    /// Names the file that is missing.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let manifest = folder.join("manifest.json");
        let text = fs::read_to_string(&manifest).with_context(|| {
            format!("{} is missing; run: cargo xtask media", manifest.display())
        })?;
        let entries: Vec<Entry> = serde_json::from_str(&text).context("the media manifest")?;
        let files = entries
            .into_iter()
            .map(|entry| {
                let bytes = match &entry.file {
                    Some(file) => {
                        fs::read(folder.join(file)).with_context(|| format!("media file {file}"))?
                    }
                    None => Vec::new(),
                };
                Ok(File {
                    blob_name: entry.blob_name,
                    content_type: entry.content_type,
                    bytes,
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { files })
    }

    /// The blobs that become tasks: all but folder markers.
    pub fn data(&self) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(|file| !file.blob_name.ends_with('/'))
    }
}
