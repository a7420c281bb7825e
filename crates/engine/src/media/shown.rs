//! What a browser may take a stranger's bytes for: the one place that decides their type.
//!
//! A stored type is read strictly and written anew from a closed list. What is not on it, is two types at once or
//! does not parse is bytes to download: nothing that a browser would run, apply or take apart is ever sent.

const BYTES: &str = "application/octet-stream";
const PDF: &str = "application/pdf";
const SVG: &str = "image/svg+xml";

/// Stored type (in small letters) to the type that is sent.
const TYPES: [(&str, &str); 57] = [
    ("image/apng", "image/apng"),
    ("image/avif", "image/avif"),
    ("image/bmp", "image/bmp"),
    ("image/gif", "image/gif"),
    ("image/heic", "image/heic"),
    ("image/heif", "image/heif"),
    ("image/jpeg", "image/jpeg"),
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/png", "image/png"),
    ("image/x-png", "image/png"),
    ("image/tiff", "image/tiff"),
    ("image/vnd.microsoft.icon", "image/vnd.microsoft.icon"),
    ("image/x-icon", "image/vnd.microsoft.icon"),
    ("image/webp", "image/webp"),
    ("image/x-ms-bmp", "image/bmp"),
    ("audio/aac", "audio/aac"),
    ("audio/flac", "audio/flac"),
    ("audio/x-flac", "audio/flac"),
    ("audio/m4a", "audio/mp4"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/mp4", "audio/mp4"),
    ("audio/mpeg", "audio/mpeg"),
    ("audio/ogg", "audio/ogg"),
    ("audio/opus", "audio/ogg"),
    ("audio/vnd.wave", "audio/wav"),
    ("audio/vorbis", "audio/ogg"),
    ("audio/wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/webm", "audio/webm"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-wav", "audio/wav"),
    ("video/3gpp", "video/3gpp"),
    ("video/avi", "video/x-msvideo"),
    ("video/m4v", "video/mp4"),
    ("video/mp4", "video/mp4"),
    ("video/mpeg", "video/mpeg"),
    ("video/ogg", "video/ogg"),
    ("video/quicktime", "video/quicktime"),
    ("video/webm", "video/webm"),
    ("video/x-m4v", "video/mp4"),
    ("video/x-matroska", "video/x-matroska"),
    ("video/x-msvideo", "video/x-msvideo"),
    // A text's charset is ours: the editor reads UTF-8, and no other can be made to mean markup.
    ("text/csv", "text/csv; charset=utf-8"),
    ("application/csv", "text/csv; charset=utf-8"),
    ("text/plain", "text/plain; charset=utf-8"),
    (
        "text/tab-separated-values",
        "text/tab-separated-values; charset=utf-8",
    ),
    ("application/json", "application/json"),
    ("text/json", "application/json"),
    ("application/x-ndjson", "application/x-ndjson"),
    ("application/jsonl", "application/x-ndjson"),
    ("application/x-jsonlines", "application/x-ndjson"),
    ("application/ndjson", "application/x-ndjson"),
    (PDF, PDF),
    (SVG, SVG),
    ("image/jfif", "image/jpeg"),
    ("audio/x-aac", "audio/aac"),
];

/// For blobs of which Azure only knows that they are bytes: extension to stored type.
const EXTENSIONS: [(&str, &str); 30] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("svg", SVG),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("webp", "image/webp"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("avi", "video/x-msvideo"),
    ("m4v", "video/mp4"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
    ("csv", "text/csv"),
    ("json", "application/json"),
    ("jsonl", "application/x-ndjson"),
    ("pdf", PDF),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
];

/// Endings of what a browser runs, applies or takes apart.
const RUN: [&str; 17] = [
    "css", "hta", "htm", "html", "js", "mht", "mhtml", "mjs", "shtml", "svgz", "swf", "wasm",
    "xht", "xhtml", "xml", "xsl", "xslt",
];

/// How a stranger's bytes are shown: their type, and whether only as a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// One of the closed list.
    pub content_type: &'static str,
    pub is_download: bool,
}

impl Shown {
    /// `stored` is the type that somebody stored; without one the extension of `name` decides. `used_as` is what
    /// the browser says that it does with the answer (`Sec-Fetch-Dest`).
    pub fn of(stored: Option<&str>, name: &str, used_as: Option<&str>) -> Self {
        let bytes = Self {
            content_type: BYTES,
            is_download: true,
        };
        let stored = stored.unwrap_or_default();
        let essence = if stored.trim_matches([' ', '\t']).is_empty() {
            Some(String::new())
        } else {
            essence(stored)
        };
        let Some(essence) = essence else { return bytes };
        // Azure's type for blobs that were uploaded without one.
        let is_unknown = ["", BYTES, "binary/octet-stream"].contains(&essence.as_str());
        let found = if is_unknown {
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            let known = EXTENSIONS
                .iter()
                .find(|(known, _)| extension.eq_ignore_ascii_case(known));
            known.map_or(BYTES, |(_, kind)| kind)
        } else {
            &essence
        };
        match TYPES.iter().find(|(stored, _)| *stored == found) {
            // A picture in a page runs nothing; a document would. Browsers of pages without https do not say what
            // they do with it: then it is a download, which a picture does not mind.
            Some((_, SVG)) if used_as.is_some_and(|used_as| used_as != "image") => bytes,
            Some((_, sent)) => Self {
                content_type: sent,
                is_download: *sent == SVG,
            },
            None => bytes,
        }
    }

    /// What a file of ours with strangers' words in it is: an export, the audit log.
    pub fn file(content_type: &'static str) -> Self {
        Self {
            content_type,
            is_download: true,
        }
    }

    /// May the browser use it so? Only a PDF is put into a page as a document.
    pub fn suits(&self, used_as: Option<&str>) -> bool {
        let is_put = ["embed", "object", "iframe", "frame"];
        self.content_type == PDF || used_as.is_none_or(|used_as| !is_put.contains(&used_as))
    }

    /// What a pre-signed URL says of a blob of which only the name is known: as the blob is shown
    /// when it is streamed and was stored without a type. `None` leaves it to the stored type.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let shown = Self::of(None, name, None);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_run = RUN.iter().any(|run| ending.eq_ignore_ascii_case(run));
        (shown.content_type != BYTES || is_run).then_some(shown)
    }
}

/// `type/subtype` in small letters, when that is what the text is, maybe with parameters (RFC 9110, 8.3.1).
fn essence(stored: &str) -> Option<String> {
    let stored = stored.trim_matches([' ', '\t']);
    let (essence, parameters) = match stored.split_once(';') {
        Some((essence, parameters)) => (essence.trim_end_matches([' ', '\t']), parameters),
        None => (stored, ""),
    };
    let (kind, subtype) = essence.split_once('/')?;
    (is_token(kind) && is_token(subtype) && are_parameters(parameters))
        .then(|| essence.to_ascii_lowercase())
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// `name=value; name="quoted value"`; empty ones are allowed between semicolons.
fn are_parameters(text: &str) -> bool {
    let mut rest = text.trim_matches([' ', '\t', ';']);
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            return false;
        };
        if !is_token(name) {
            return false;
        }
        rest = if let Some(quoted) = after.strip_prefix('"') {
            let Some(end) = end_of_quoted(quoted) else {
                return false;
            };
            &quoted[end..]
        } else {
            let end = after.find([';', ' ', '\t']).unwrap_or(after.len());
            if !is_token(&after[..end]) {
                return false;
            }
            &after[end..]
        };
        let blank = rest.trim_start_matches([' ', '\t']);
        if !blank.is_empty() && !blank.starts_with(';') {
            return false;
        }
        rest = blank.trim_start_matches([' ', '\t', ';']);
    }
    true
}

/// Behind the closing quotation mark. A comma inside is refused too: readers of lists do not agree on quotes.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => {
                bytes.next()?;
            }
            b',' => return None,
            b'\t' | b' '..=b'~' => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Shown;

    #[test]
    fn a_name_says_what_it_is_or_nothing() {
        for (name, said) in [
            ("icon.SVG", Some(("image/svg+xml", true))),
            ("a/doc.pdf", Some(("application/pdf", false))),
            ("a.mp4", Some(("video/mp4", false))),
            ("a.txt", Some(("text/plain; charset=utf-8", false))),
            ("page.html", Some(("application/octet-stream", true))),
            ("script.mjs", Some(("application/octet-stream", true))),
            ("picture", None),
            ("a.b/picture", None),
            ("a.dcm", None),
        ] {
            let shown = Shown::of_name(name);
            let shown = shown.map(|shown| (shown.content_type, shown.is_download));
            assert_eq!(shown, said, "{name}");
        }
    }
}

/// A type that anybody may have stored.
#[cfg(test)]
mod fuzz {
    use super::{BYTES, Shown, TYPES};

    /// What is sent is of the closed list and what the stored type says; of two types at once, or
    /// of what is no type, only bytes are left.
    #[test]
    fn stored_types() {
        let seeds = [
            "image/png; charset=utf-8; name=\"a b\"",
            " TEXT/Plain;a=b;;",
            "image/svg+xml",
            "application/octet-stream",
        ];
        let words = [
            "image/",
            "png",
            "text/html",
            "text/javascript",
            "svg+xml",
            ";",
            "=",
            "\"",
            "\\",
            ",",
            " ",
            "\t",
            "/",
        ];
        ::fuzz::texts("stored_types", &seeds, &words, |text| {
            let shown = Shown::of(Some(text), "a.png", None);
            let essence = text.trim().split(';').next().unwrap_or_default().trim_end();
            let essence = essence.to_ascii_lowercase();
            if shown.content_type != BYTES {
                assert!(!text.contains(','), "two types");
                let known = TYPES.iter().find(|(stored, _)| *stored == essence);
                let of_name = ["", BYTES, "binary/octet-stream"].contains(&essence.as_str());
                assert!(of_name || known.is_some_and(|(_, sent)| *sent == shown.content_type));
            }
            let runs = ["script", "html", "css", "xml"];
            assert!(
                shown.is_download || !runs.iter().any(|word| shown.content_type.contains(word))
            );
            assert_eq!(
                Shown::of(Some(text), "a.svg", Some("document")).is_download,
                shown.content_type == BYTES || Shown::of(Some(text), "a.svg", None).is_download
            );
        });
    }
}
