//! Which blobs of a storage become tasks. Linear-time: no pattern can hang a sync.

use std::fmt;

use globset::{Glob, GlobMatcher};
use regex::{Regex, RegexBuilder};

use crate::budgets::{self, cut};

/// Letters of a pattern inside a message.
const SHOWN: usize = 200;

/// Why a filter cannot be used; the text shows where in the pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FilterError {}

/// A storage's filter, applied to the whole blob name.
#[derive(Clone, Debug, Default)]
pub struct BlobFilter(Pattern);

#[derive(Clone, Debug, Default)]
enum Pattern {
    #[default]
    All,
    Regex(Regex),
    Glob(GlobMatcher),
}

impl BlobFilter {
    /// No filter: everything matches.
    pub fn all() -> Self {
        Self(Pattern::All)
    }

    /// Compiles a `regex_filter`. As in Label Studio (Python's `re.match`) it must match from the
    /// beginning of the name, and not necessarily to its end. A pattern that is not a valid
    /// regular expression but is a valid glob such as `*.png` is taken as the glob.
    ///
    /// # Errors
    /// [`FilterError`] when it is neither, when it needs look-around or back-references (which no
    /// linear-time engine has), or when it or what it compiles to is larger than [`crate::budgets`]
    /// allow.
    pub fn parse(pattern: &str) -> Result<Self, FilterError> {
        if pattern.is_empty() {
            return Ok(Self::all());
        }
        if pattern.len() > budgets::FILTER {
            return Err(FilterError(format!(
                "the filter has {} bytes; at most {} are allowed",
                pattern.len(),
                budgets::FILTER
            )));
        }
        let anchored = RegexBuilder::new(&format!("^(?:{pattern})"))
            .size_limit(budgets::COMPILED_FILTER)
            .build();
        match anchored {
            Ok(regex) => Ok(Self(Pattern::Regex(regex))),
            Err(error) => match Glob::new(pattern) {
                Ok(glob) if pattern.starts_with('*') => {
                    Ok(Self(Pattern::Glob(glob.compile_matcher())))
                }
                _ => Err(FilterError(explain(pattern, &error))),
            },
        }
    }

    /// Does this blob name pass?
    pub fn matches(&self, blob: &str) -> bool {
        match &self.0 {
            Pattern::All => true,
            Pattern::Regex(regex) => regex.is_match(blob),
            Pattern::Glob(glob) => glob.is_match(blob),
        }
    }
}

fn explain(pattern: &str, error: &regex::Error) -> String {
    let cause = match error {
        regex::Error::CompiledTooBig(_) => {
            "it is too large once compiled; use a shorter pattern or smaller repetition counts"
                .to_owned()
        }
        // The crate's own text shows our wrapping; compile the bare pattern for a text a person recognises.
        _ => match Regex::new(pattern) {
            Err(bare) => {
                let text = bare.to_string();
                text.lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned()
            }
            Ok(_) => error.to_string(),
        },
    };
    let (pattern, cause) = (cut(pattern, SHOWN), cut(&cause, SHOWN));
    format!("{pattern:?} is not a valid regular expression or glob: {cause}")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::BlobFilter;

    #[test]
    fn matches_from_the_beginning_like_label_studio() {
        let filter = BlobFilter::parse(r".*\.png").unwrap();
        assert!(filter.matches("images/1.png"));
        assert!(filter.matches("images/1.png.bak"));
        assert!(!filter.matches("images/1.jpg"));
        assert!(!BlobFilter::parse("1").unwrap().matches("images/1.png"));
    }

    #[test]
    fn alternatives_are_all_anchored() {
        assert!(!BlobFilter::parse("a|b").unwrap().matches("xb"));
    }

    #[test]
    fn a_glob_is_understood() {
        let filter = BlobFilter::parse("*.png").unwrap();
        assert!(filter.matches("images/1.png"));
        assert!(!filter.matches("images/1.png.bak"));
    }

    #[test]
    fn an_invalid_pattern_says_why() {
        assert!(
            BlobFilter::parse("[")
                .unwrap_err()
                .to_string()
                .contains("unclosed character class")
        );
        assert!(
            BlobFilter::parse("(?=a)b")
                .unwrap_err()
                .to_string()
                .contains("look-around")
        );
        assert!(BlobFilter::parse("(a{1000}){1000}").is_err());
        for long in ["a".repeat(1 << 20), "[".repeat(4_000)] {
            let said = BlobFilter::parse(&long).unwrap_err().to_string();
            assert!(said.len() < 600, "{said}");
        }
    }

    #[test]
    fn the_pattern_that_hangs_label_studio_is_linear() {
        let filter = BlobFilter::parse("(a+)+$").unwrap();
        let start = Instant::now();
        assert!(!filter.matches(&format!("{}!", "a".repeat(1000))));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
