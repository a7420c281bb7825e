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
        // As it was given: put between other characters, `a)|(b` or a comment would mean another pattern.
        let own = RegexBuilder::new(pattern)
            .size_limit(budgets::COMPILED_FILTER)
            .build();
        match own {
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
            // The match that begins first: at the beginning, if any does.
            Pattern::Regex(regex) => regex.find(blob).is_some_and(|found| found.start() == 0),
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
        _ => {
            let text = error.to_string();
            text.lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned()
        }
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
    fn a_pattern_means_what_it_means_alone() {
        assert!(BlobFilter::parse("a)|(b").is_err());
        let with_a_comment = BlobFilter::parse("(?x) a b # and no more").unwrap();
        assert!(with_a_comment.matches("abc"));
        assert!(!with_a_comment.matches("xab"));
        assert!(!BlobFilter::parse("(?m)^b").unwrap().matches("a\nb"));
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

#[cfg(test)]
mod fuzz {
    use regex::RegexBuilder;

    use super::{BlobFilter, budgets};

    /// A filter is the pattern that was given, from the beginning of the name: nothing in a pattern
    /// leaves the place that it is put into.
    #[test]
    fn filters() {
        let seeds = [
            ".*\\.png\nimages/1.png",
            "*.{png,jpg}\na/b.png",
            "(?i)a|b\nxb",
            "(?x) a # b\na",
            "[a-c]{2,3}(?P<n>x)?$\nabcx",
            "**/x[!a]?\nq/xb",
            "\\p{Greek}+\u{3b1}\n\u{3b1}\u{3b1}",
        ];
        let words = [
            "(?:", "(?i)", "(?m)", "(?x)", ")", "|", "^", "$", "[^", "]", "{1000}", "{,", "*",
            "**", "#", "\\b", "\\Q", "\\p{L}", "\\z", "(a+)+",
        ];
        ::fuzz::texts("filters", &seeds, &words, |text| {
            let (pattern, name) = text.split_once('\n').unwrap_or((text, text));
            let filter = BlobFilter::parse(pattern);
            let own = RegexBuilder::new(pattern)
                .size_limit(budgets::COMPILED_FILTER)
                .build();
            match (filter, own) {
                (Ok(filter), Ok(own)) => {
                    let begins = own.find(name).is_some_and(|found| found.start() == 0);
                    assert_eq!(filter.matches(name), pattern.is_empty() || begins);
                }
                (Ok(filter), Err(_)) => {
                    assert!(pattern.starts_with('*'), "neither a glob nor a pattern");
                    filter.matches(name);
                }
                (Err(error), own) => {
                    let is_long = pattern.len() > budgets::FILTER;
                    assert!(
                        own.is_err() || is_long,
                        "a good pattern is refused: {error}"
                    );
                    assert!(!error.to_string().is_empty());
                }
            }
        });
    }
}
