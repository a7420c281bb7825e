//! Kinds of files to choose from instead of writing a filter, and the filter that they stand for.

use engine::LabelConfig;

/// Value, name, extensions as a pattern.
pub(in crate::pages) const KINDS: [(&str, &str, &str); 6] = [
    ("images", "Images", "jpe?g|png|gif|webp|bmp|svg|tiff?|avif"),
    ("audio", "Audio", "mp3|wav|flac|ogg|m4a|aac|opus"),
    ("video", "Video", "mp4|webm|mov|mkv|avi|m4v"),
    ("text", "Text", "txt|md|csv|tsv|html?"),
    ("pdf", "PDF", "pdf"),
    (TASK_FILES, "JSON", "jsonl?|ndjson"),
];

/// The kind that can hold tasks.
pub(super) const TASK_FILES: &str = "json";

/// The filter that lets these kinds through; empty for none of them.
pub(super) fn filter_of(kinds: &[&str]) -> String {
    let chosen = KINDS.iter().filter(|(kind, ..)| kinds.contains(kind));
    let extensions: Vec<&str> = chosen.map(|(.., extensions)| *extensions).collect();
    match extensions.is_empty() {
        true => String::new(),
        false => format!(r".*\.(?i:{})$", extensions.join("|")),
    }
}

/// The kinds that a filter stands for; `None` when it is somebody's own.
pub(super) fn kinds_of(filter: &str) -> Option<Vec<&'static str>> {
    let of_set = |set: u32| {
        let kinds = KINDS.iter().enumerate();
        kinds
            .filter(|(place, _)| set & (1 << place) != 0)
            .map(|(_, (kind, ..))| *kind)
            .collect()
    };
    (1..1 << KINDS.len())
        .map(of_set)
        .find(|kinds: &Vec<&str>| filter_of(kinds) == filter)
}

/// The only kind of files that the labeling config shows; `None` when it shows others too.
pub(in crate::pages) fn only_shown(config: &LabelConfig) -> Option<&'static str> {
    let mut kinds = config.shown_fields().map(|(_, tag)| match tag {
        "Image" => Some("images"),
        "Audio" | "AudioPlus" => Some("audio"),
        "Video" => Some("video"),
        "Pdf" | "PDF" => Some("pdf"),
        _ => None,
    });
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use engine::LabelConfig;

    use super::{filter_of, kinds_of, only_shown};

    #[test]
    fn a_filter_of_kinds_is_recognised_and_ones_own_is_not() {
        for kinds in [
            &["images"][..],
            &["pdf", "json"],
            &["audio", "video", "text"],
        ] {
            assert_eq!(kinds_of(&filter_of(kinds)).unwrap(), kinds);
        }
        for own in ["", "*.png", r".*\.(?i:png)$"] {
            assert_eq!(kinds_of(own), None);
        }
    }

    #[test]
    fn only_one_kind_of_media_is_told() {
        let shown = |tags: &str| {
            let config = LabelConfig::parse(&format!("<View>{tags}</View>")).unwrap();
            only_shown(&config)
        };
        let image = r#"<Image name="i" value="$image"/>"#;
        let text = r#"<Text name="t" value="$text"/>"#;
        assert_eq!(shown(image), Some("images"));
        assert_eq!(shown(&format!("{image}{text}")), None);
        assert_eq!(shown(text), None);
        assert_eq!(shown(""), None);
    }
}
