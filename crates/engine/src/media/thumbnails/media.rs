//! What a task shows: the first field of its data that the labeling config shows and that says most
//! at a glance, a picture before a sound and that before a text.

use azure::Cloud;
use serde_json::Value;

use crate::{
    LabelConfig,
    media::{addresses::whole_blob, blob_uris::NamedBlob},
};

/// What kind of thing a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    Image,
    Video,
    Audio,
    Pdf,
    Text,
    Other,
}

impl MediaKind {
    /// For people, as at the beginning of a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::Video => "Video",
            Self::Audio => "Audio",
            Self::Pdf => "PDF",
            Self::Text => "Text",
            Self::Other => "File",
        }
    }

    /// What an object tag of a labeling config shows.
    fn of_tag(tag: &str) -> Self {
        match tag {
            "Image" | "HyperImage" => Self::Image,
            "Video" => Self::Video,
            "Audio" | "AudioPlus" => Self::Audio,
            "Pdf" | "PDF" => Self::Pdf,
            "Text" | "HyperText" | "Paragraphs" | "Header" | "Markdown" | "Table"
            | "TimeSeries" | "List" | "Chat" => Self::Text,
            _ => Self::Other,
        }
    }

    /// What a blob's name says that it is.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Some(match extension(name).as_str() {
            "png" | "jpg" | "jpeg" | "jfif" | "gif" | "webp" | "bmp" | "tif" | "tiff" | "avif"
            | "heic" | "heif" => Self::Image,
            "mp4" | "m4v" | "mov" | "webm" | "mkv" | "avi" | "ogv" => Self::Video,
            "wav" | "mp3" | "flac" | "ogg" | "oga" | "opus" | "m4a" | "aac" => Self::Audio,
            "pdf" => Self::Pdf,
            "txt" | "md" | "html" | "htm" | "json" | "jsonl" | "ndjson" | "csv" | "tsv" | "xml"
            | "yaml" | "yml" | "log" | "srt" | "vtt" => Self::Text,
            // A drawing can hold scripts, a document and an archive cannot be drawn.
            "svg" | "svgz" | "zip" | "gz" | "tar" | "parquet" | "docx" | "xlsx" | "pptx" => {
                Self::Other
            }
            _ => return None,
        })
    }
}

/// What a tile is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Blob {
        /// As the task's data spells it.
        uri: String,
        blob: NamedBlob,
        kind: MediaKind,
    },
    /// The task's own text.
    Text(String),
    /// An address that is no blob's.
    Elsewhere(MediaKind),
    Nothing,
}

/// What the task with this data (a JSON object) shows.
pub(super) fn shown(cloud: &Cloud, config: &LabelConfig, data: &Value) -> Shown {
    let mut fields: Vec<(MediaKind, &Value)> = config
        .shown_fields()
        .filter_map(|(key, tag)| {
            // `pages` of a repeater's `pages[{{idx}}].url`.
            let name = key.split('[').next().unwrap_or(key);
            Some((MediaKind::of_tag(tag), data.get(name)?))
        })
        .collect();
    fields.sort_by_key(|(kind, _)| *kind);
    // What the config does not show may still tell tasks apart.
    let rest = data.as_object().into_iter().flat_map(|data| data.values());
    let rest = rest.map(|value| (MediaKind::Other, value));
    fields
        .into_iter()
        .chain(rest)
        .find_map(|(kind, value)| of_value(cloud, kind, value))
        .unwrap_or(Shown::Nothing)
}

fn of_value(cloud: &Cloud, kind: MediaKind, value: &Value) -> Option<Shown> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(match whole_blob(cloud, text) {
            Some(blob) => Shown::Blob {
                kind: MediaKind::of_name(blob.blob().as_str()).unwrap_or(kind),
                uri: blob.canonical(cloud),
                blob,
            },
            None if matches!(kind, MediaKind::Text | MediaKind::Other) => Shown::Text(text.clone()),
            None => Shown::Elsewhere(kind),
        }),
        // Pages of a document, turns of a dialogue: the first stands for all.
        Value::Array(items) => items.iter().find_map(|item| of_value(cloud, kind, item)),
        Value::Object(members) if kind == MediaKind::Text => members
            .values()
            .find(|member| member.is_string())
            .and_then(|member| of_value(cloud, kind, member)),
        Value::Object(members) => members
            .values()
            .find_map(|member| of_value(cloud, kind, member)),
        Value::Number(number) => Some(Shown::Text(number.to_string())),
        Value::Bool(_) | Value::Null => None,
    }
}

/// Of a blob's name, in small letters; empty when it has none.
pub(super) fn extension(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    extension.unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use azure::Cloud;
    use serde_json::json;

    use super::{MediaKind, Shown, shown};
    use crate::LabelConfig;

    const BOTH: &str = r#"<View><Text name="t" value="$note"/><Image name="i" value="$image"/>
        <Choices name="c" toName="i"><Choice value="A"/></Choices></View>"#;

    fn kind_and_uri(config: &str, data: serde_json::Value) -> Option<(MediaKind, String)> {
        let config = LabelConfig::parse(config).unwrap();
        match shown(&Cloud::public(), &config, &data) {
            Shown::Blob { uri, kind, .. } => Some((kind, uri)),
            Shown::Text(text) => Some((MediaKind::Text, text)),
            Shown::Elsewhere(kind) => Some((kind, String::new())),
            Shown::Nothing => None,
        }
    }

    #[test]
    fn a_picture_goes_before_a_text() {
        let uri = "https://account1.blob.core.windows.net/images/a.png";
        let is = |kind, text: &str| Some((kind, text.to_owned()));
        assert_eq!(
            kind_and_uri(BOTH, json!({"note": "hello", "image": uri})),
            is(MediaKind::Image, uri)
        );
        assert_eq!(
            kind_and_uri(BOTH, json!({"note": "hello", "image": ""})),
            is(MediaKind::Text, "hello")
        );
        assert_eq!(
            kind_and_uri(BOTH, json!({"image": "https://example.com/a.png"})),
            is(MediaKind::Image, "")
        );
        // The name knows better than the tag: a container may hold anything.
        assert_eq!(
            kind_and_uri(BOTH, json!({"image": "azure-blob://images/a.MP4"})),
            is(MediaKind::Video, "azure-blob://images/a.MP4")
        );
        assert_eq!(
            kind_and_uri(BOTH, json!({"image": ["azure-blob://images/1", "x"]})),
            is(MediaKind::Image, "azure-blob://images/1")
        );
        assert_eq!(
            kind_and_uri("<View/>", json!({"a": null, "b": "azure-blob://c01/x.pdf"})),
            is(MediaKind::Pdf, "azure-blob://c01/x.pdf")
        );
        assert_eq!(kind_and_uri(BOTH, json!({"note": null})), None);
    }
}
