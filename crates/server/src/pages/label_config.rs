//! The labeling config of a project, checked while it is written: what is wrong, where and what to
//! do, and what annotations use that it does not have.

use askama::Template;
use axum::{extract::State, response::Response};
use engine::{LabelConfig, LostLabel};
use model::{Actor, ProjectId};

use super::{Person, form::Form, html::part, labeling_templates::is_known_tag};
use crate::{App, error::ApiError, extract::Id};

/// What is to be said of a labeling config; also a live part of the settings page.
#[derive(Template)]
#[template(path = "parts/config_check.html")]
pub(super) struct ConfigCheck {
    problem: Option<Problem>,
    /// What the config asks and shows, when nothing is wrong.
    summary: String,
    /// Tags that the editor does not know.
    unknown_tags: Vec<String>,
    pub(super) lost: Vec<LostLabel>,
}

/// What is wrong, where, and what to do.
struct Problem {
    message: String,
    advice: &'static str,
    /// Line and column, both from 1.
    at: Option<(usize, usize)>,
}

pub(crate) async fn check(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    form: Form,
) -> Response {
    part(ConfigCheck::of(&app, &actor, id, form.value("label_config")).await)
}

impl ConfigCheck {
    /// Checks the XML for this project.
    pub(super) async fn of(
        app: &App,
        actor: &Actor,
        project: ProjectId,
        xml: &str,
    ) -> Result<Self, ApiError> {
        let xml = if xml.trim().is_empty() {
            "<View></View>"
        } else {
            xml
        };
        let config = match LabelConfig::read(xml).await {
            Ok(config) => config,
            Err(message) => return Ok(Self::wrong(message)),
        };
        Ok(Self {
            problem: None,
            summary: summary(&config),
            unknown_tags: config
                .tags()
                .filter(|tag| !is_known_tag(tag))
                .map(str::to_owned)
                .collect(),
            lost: app.engine.lost_labels(actor, project, &config).await?,
        })
    }

    fn wrong(message: String) -> Self {
        Self {
            problem: Some(Problem {
                advice: advice(&message),
                at: place(&message),
                message,
            }),
            summary: String::new(),
            unknown_tags: Vec::new(),
            lost: Vec::new(),
        }
    }
}

impl Problem {
    /// Without the place, which is said with its numbers from 1.
    fn what(&self) -> &str {
        match (self.at, self.message.rsplit_once(": line ")) {
            (Some(_), Some((what, _))) => what,
            _ => &self.message,
        }
    }
}

/// `: line 2, column 7` at the end; the parser counts columns from 0, people from 1.
fn place(message: &str) -> Option<(usize, usize)> {
    let (_, place) = message.rsplit_once(": line ")?;
    let (line, column) = place.split_once(", column ")?;
    let column: usize = column.parse().ok()?;
    Some((line.parse().ok()?, column + 1))
}

/// What to do about a refusal, by its words.
fn advice(message: &str) -> &'static str {
    const ADVICE: [(&str, &str); 10] = [
        (
            "unclosed token",
            "A tag begins here and does not end: close it with > or />.",
        ),
        (
            "no element found",
            "Write a labeling config, at least <View></View>.",
        ),
        (
            "expected '",
            "Tags close in the order in which they opened: close the one inside first.",
        ),
        (
            "the root node was opened",
            "A tag was never closed: every <View> needs its </View>.",
        ),
        (
            "attribute '",
            "An attribute may stand once in a tag: remove the other one.",
        ),
        (
            "is a required property",
            "Add what is named to that tag; the path leads to it from the outermost tag.",
        ),
        (
            "non-unique names",
            "Give each tag a name of its own: results are kept by it.",
        ),
        (
            "not found in names",
            "toName says which data is labeled: give the name of an Image, a Text, an Audio or the like.",
        ),
        (
            "A labeling config has at most",
            "Make it smaller: it would take too long for everybody.",
        ),
        ("DTD", "Remove the DOCTYPE: a labeling config has none."),
    ];
    ADVICE
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or(
            "Look at this place for a missing quote, bracket or slash; & is written &amp;amp;.",
            |(_, advice)| advice,
        )
}

/// `Asks: Choices, RectangleLabels. Shows $image (Image).`
fn summary(config: &LabelConfig) -> String {
    let shown: Vec<String> = config
        .shown_fields()
        .map(|(key, tag)| format!("${key} ({tag})"))
        .collect();
    let shows = match shown.as_slice() {
        [] => "It shows nothing of the task data yet: add a tag such as <Image name=\"image\" value=\"$image\"/>.".to_owned(),
        fields => format!("It shows {} of the task data.", fields.join(", ")),
    };
    if config.has_controls() {
        shows
    } else {
        format!("{shows} It asks nothing of annotators yet.")
    }
}

#[cfg(test)]
mod tests {
    use engine::LabelConfig;

    use super::{ConfigCheck, advice};

    #[test]
    fn a_mistake_says_where_and_what_to_do() {
        for (xml, what, at, to_do) in [
            ("<View>\n  <Text", "unclosed token", (2, 3), "close it with"),
            (
                "<View>\n<A></B>\n</View>",
                "expected 'A' tag",
                (2, 4),
                "close the one inside",
            ),
            (
                "<View><A x='1' x='2'/></View>",
                "attribute 'x'",
                (1, 16),
                "once in a tag",
            ),
            (
                "<View>\n",
                "the root node was opened",
                (1, 1),
                "was never closed",
            ),
            ("<View a=b/>", "", (1, 9), "missing quote"),
        ] {
            let check = ConfigCheck::wrong(LabelConfig::parse(xml).unwrap_err());
            let problem = check.problem.unwrap();
            assert!(problem.what().contains(what), "{}", problem.message);
            assert_eq!(problem.at, Some(at), "{}", problem.message);
            assert!(problem.advice.contains(to_do), "{}", problem.message);
        }
        let nowhere = "toName=\"x\" not found in names: {}";
        assert!(advice(nowhere).starts_with("toName says"));
        let large = LabelConfig::parse(&"<View>".repeat(1_000)).unwrap_err();
        assert!(advice(&large).starts_with("Make it smaller"));
    }
}
