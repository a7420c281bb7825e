//! The gallery: labeling configs to begin with, `templates/labeling/`.

/// A labeling config to begin with.
#[derive(Debug)]
pub(super) struct LabelingTemplate {
    /// In addresses and forms.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What an annotator does.
    pub(super) says: &'static str,
    pub(super) config: &'static str,
}

/// The templates of one kind of data.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) templates: &'static [LabelingTemplate],
}

/// The template of this name.
pub(super) fn find(name: &str) -> Option<&'static LabelingTemplate> {
    let mut all = GALLERY.iter().flat_map(|group| group.templates);
    all.find(|template| template.name == name)
}

macro_rules! templates {
    ($($name:literal: $title:literal, $says:literal;)+) => {
        &[$(LabelingTemplate {
            name: $name,
            title: $title,
            says: $says,
            config: include_str!(concat!("../../templates/labeling/", $name, ".xml")),
        }),+]
    };
}

/// All of them, by kind of data.
pub(super) static GALLERY: [Group; 6] = [
    Group {
        title: "Images",
        templates: templates! {
            "image-boxes": "Boxes", "Draw boxes around objects: object detection.";
            "image-polygons": "Polygons", "Draw outlines around objects, point by point.";
            "image-brush": "Brush", "Paint masks: segmentation to the pixel.";
            "image-keypoints": "Keypoints", "Mark single points, such as joints of a body.";
            "image-classes": "Image classification", "Choose what a picture as a whole shows.";
            "image-caption": "Captions", "Describe a picture in a sentence.";
            "image-ocr": "Text in images", "Draw boxes around texts and type what they say.";
        },
    },
    Group {
        title: "Text",
        templates: templates! {
            "text-spans": "Named entities", "Mark words: persons, organizations, places, dates.";
            "text-classes": "Text classification", "Choose what a text as a whole is, such as its sentiment.";
            "text-relations": "Relations", "Mark words and say how they belong together.";
            "text-summary": "Summaries", "Read a text and sum it up.";
            "dialogue": "Dialogues", "Judge a conversation between people or with a chatbot.";
            "pairwise": "Comparison of two", "Say which of two answers is better: human feedback for language models.";
        },
    },
    Group {
        title: "Audio",
        templates: templates! {
            "audio-transcription": "Regions and transcription", "Mark who speaks when, and type what is said.";
            "audio-classes": "Audio classification", "Choose what a recording as a whole holds.";
        },
    },
    Group {
        title: "Video",
        templates: templates! {
            "video-boxes": "Boxes over time", "Draw boxes that follow objects through a video.";
            "video-segments": "Timeline segments", "Mark from which frame to which something happens.";
        },
    },
    Group {
        title: "Documents",
        templates: templates! {
            "html-spans": "HTML pages", "Mark parts of a web page.";
            "pdf-classes": "PDF classification", "Read a PDF and choose what kind of document it is.";
        },
    },
    Group {
        title: "Time series",
        templates: templates! {
            "time-series": "Segments of a curve", "Mark from when to when a measured value is unusual; data as CSV.";
        },
    },
];

/// Every tag that the annotation editor knows (Label Studio 1.23.2, whose own list has them in small
/// letters), and `Repeater`, which it unfolds before.
const TAGS: &str = "audio audioplus bitmask bitmasklabels bitmaskregion brush brushlabels brushregion \
    bucket channel choice choices collapse custominterface datetime dialog ellipse ellipselabels \
    ellipseregion filter header hypertext hypertextlabels image keypoint keypointlabels keypointregion \
    label labels list magicwand markdown multichannel number pagedview pairwise panel paragraphlabels \
    paragraphs pdf polygon polygonlabels polygonregion ranker rating rectangle rectanglelabels \
    rectangleregion relation relations repeater shortcut style table taxonomy text textarea \
    textarearegion timelinelabels timeseries timeserieslabels timeseriesregion vector vectorlabels \
    vectorregion video videorectangle view";

/// Does the editor know the tag? Capitals do not matter to it.
pub(super) fn is_known_tag(tag: &str) -> bool {
    let tag = tag.to_lowercase();
    TAGS.split_ascii_whitespace().any(|known| known == tag)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use engine::LabelConfig;

    use super::{GALLERY, find, is_known_tag};

    #[test]
    fn every_template_is_right_asks_something_and_has_only_tags_of_the_editor() {
        let mut count = 0;
        for template in GALLERY.iter().flat_map(|group| group.templates) {
            let name = template.name;
            let config = LabelConfig::parse(template.config)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(config.has_controls(), "{name}");
            assert!(config.first_data_key().is_some(), "{name}");
            let unknown: Vec<_> = config.tags().filter(|tag| !is_known_tag(tag)).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
            assert_eq!(find(name).map(|found| found.title), Some(template.title));
            count += 1;
        }
        assert!(count >= 18, "{count}");
        assert!(!is_known_tag("Imgae"));
    }

    #[test]
    fn every_file_is_in_the_gallery() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/labeling");
        let files: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().replace(".xml", ""))
            .collect();
        let listed: BTreeSet<String> = GALLERY
            .iter()
            .flat_map(|group| group.templates)
            .map(|template| template.name.to_owned())
            .collect();
        assert_eq!(files, listed);
    }
}
