//! Azure's names, parsed once: an `AccountName` cannot be wrong.
//!
//! Rules from Microsoft's "Naming and referencing containers, blobs, and metadata" and
//! "Storage account overview". Blob names are kept exactly as Azure has them: no trimming,
//! no collapsing of `//`, no path normalisation. Azure has no name with a backslash: it reads every
//! one as a slash (its listings, Azurite and the signatures of its SDKs agree), and so does this.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a name is not one of Azure's; the text says the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    what: &'static str,
    given: String,
    rule: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.given.chars().take(80).collect();
        write!(f, "{shown:?} is not a valid {}: {}", self.what, self.rule)
    }
}

impl std::error::Error for NameError {}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $read:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks Azure's rule, on the text as Azure reads it.
            ///
            /// # Errors
            /// [`NameError`] with the rule, when the text breaks it.
            pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
                let read: fn(String) -> String = $read;
                let text = read(text.into());
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(NameError { what: $what, given: text, rule: $rule })
                }
            }

            /// The name as Azure has it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

fn as_written(text: String) -> String {
    text
}

/// A backslash as a slash, and no dots at the end of a segment (reported of the real service); a
/// segment that is nothing but dots stays.
fn as_azure_reads(text: String) -> String {
    if !text.contains('\\') && !text.contains("./") && !text.ends_with('.') {
        return text;
    }
    let segments = text
        .split(['/', '\\'])
        .map(|segment| match segment.trim_end_matches('.') {
            "" => segment,
            kept => kept,
        });
    segments.collect::<Vec<_>>().join("/")
}

name!(
    /// A storage account's name: 3 to 24 lower-case letters and digits.
    AccountName,
    "storage account name",
    "use 3 to 24 lower-case letters and digits, as in the address https://NAME.blob.core.windows.net",
    as_written,
    |text| (3..=24).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

name!(
    /// A container's name: 3 to 63 lower-case letters, digits and single hyphens, or `$root`, `$web`, `$logs`.
    ContainerName,
    "container name",
    "use 3 to 63 lower-case letters, digits and single hyphens, beginning and ending with a letter or digit",
    as_written,
    |text| matches!(text, "$root" | "$web" | "$logs")
        || ((3..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--"))
);

name!(
    /// A blob's name, exactly as Azure lists it: 1 to 1,024 characters.
    BlobName,
    "blob name",
    "use 1 to 1,024 characters",
    as_azure_reads,
    |text| (1..=1024).contains(&text.chars().count())
);

/// The leading part of blob names that a storage is limited to; empty means the whole container.
///
/// A prefix without a trailing slash names a folder: `images` covers `images/a.png` and not
/// `images2/b.png`, as a person means it. It is kept without its trailing slash; every other slash
/// counts, because `/images` and `images//` are other folders of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Prefix(String);

impl Prefix {
    /// Drops one slash at the end, so `images/` and `images` are one prefix.
    pub fn new(text: &str) -> Self {
        let text = as_azure_reads(text.to_owned());
        Self(text.strip_suffix('/').unwrap_or(&text).to_owned())
    }

    /// Without its trailing slash; empty for the whole container.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What to ask Azure to list: empty, or the folder with its trailing slash.
    pub fn listing(&self) -> String {
        if self.0.is_empty() {
            String::new()
        } else {
            format!("{}/", self.0)
        }
    }

    /// Is this blob inside the prefix?
    pub fn covers(&self, blob: &str) -> bool {
        self.0.is_empty()
            || blob
                .strip_prefix(self.0.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
    }

    /// `prefix/name`, or just `name` when the prefix is empty.
    pub fn join(&self, name: &str) -> String {
        format!("{}{name}", self.listing())
    }
}

impl From<String> for Prefix {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> String {
        prefix.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

name!(
    /// When a snapshot or a version of a blob was made, as Azure writes it in addresses:
    /// `2026-11-28T09:00:00.0000000Z`.
    BlobInstant,
    "snapshot or version",
    "use Azure's own spelling, as in 2026-11-28T09:00:00.0000000Z",
    as_written,
    |text| text.len() == 28
        && text.bytes().zip(b"0000-00-00T00:00:00.0000000Z").all(|(byte, like)| {
            if *like == b'0' { byte.is_ascii_digit() } else { byte == *like }
        })
);

/// An earlier state of a blob, which its address can name ("Get Blob", URI parameters).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BlobRevision {
    /// `?snapshot=…`
    Snapshot(BlobInstant),
    /// `?versionid=…`
    Version(BlobInstant),
}

impl BlobRevision {
    /// The name of its query parameter, and the value.
    pub fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::Snapshot(made) => ("snapshot", made.as_str()),
            Self::Version(made) => ("versionid", made.as_str()),
        }
    }
}

/// One blob of one storage account, whatever cloud or endpoint serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobUri {
    pub account: AccountName,
    pub container: ContainerName,
    pub blob: BlobName,
    /// `None` for the blob as it is now.
    pub revision: Option<BlobRevision>,
}

#[cfg(test)]
mod tests {
    use super::{AccountName, BlobInstant, BlobName, ContainerName, Prefix};

    #[test]
    fn account_names_follow_azures_rule() {
        for good in ["abc", "acct1", "a23456789012345678901234"] {
            assert_eq!(AccountName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "ab",
            "Acct",
            "a-b-c",
            "a234567890123456789012345",
            "ünï",
            "a.b.c",
        ] {
            assert!(
                AccountName::parse(bad)
                    .unwrap_err()
                    .to_string()
                    .contains("3 to 24")
            );
        }
    }

    #[test]
    fn container_names_follow_azures_rule() {
        for good in ["abc", "a-b-c", "$root", "0-1"] {
            assert!(ContainerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["ab", "-abc", "abc-", "a--b", "A-b", "$other", "a_b"] {
            assert!(ContainerName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn blob_names_are_kept_as_they_are() {
        for name in ["a//b", "./x ", "50% #1?.png", "日本/🐈.png", "dir/"] {
            assert_eq!(BlobName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(
            BlobName::parse(r"scans\x\b.png").unwrap().as_str(),
            "scans/x/b.png"
        );
        for (text, name) in [("a.png.", "a.png"), ("a./b..", "a/b"), ("../...", "../...")] {
            assert_eq!(BlobName::parse(text).unwrap().as_str(), name);
        }
        assert!(BlobName::parse("").is_err());
        assert!(BlobName::parse("x".repeat(1025)).is_err());
    }

    #[test]
    fn an_instant_is_spelled_as_azure_does() {
        assert!(BlobInstant::parse("2026-11-28T09:00:00.0000000Z").is_ok());
        for bad in [
            "",
            "now",
            "2026-11-28T09:00:00Z",
            "2026-11-28T09:00:00.0000000z",
        ] {
            assert!(BlobInstant::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_a_folder() {
        let images = Prefix::new("images/");
        assert_eq!(images, Prefix::new("images"));
        assert_eq!(images, Prefix::new(r"images\"));
        assert_eq!(images.listing(), "images/");
        assert!(images.covers("images/a.png"));
        assert!(!images.covers("images2/a.png"));
        assert!(!images.covers("images"));
        assert!(!images.covers("/images/a.png"));
        assert!(Prefix::new("").covers("anything"));
        for (text, covered) in [
            ("/inbox", "/inbox/a.png"),
            ("a//", "a//b"),
            ("//a", "//a/b"),
        ] {
            assert!(Prefix::new(text).covers(covered), "{text}");
        }
        assert_eq!(Prefix::new("x//").join("1.json"), "x//1.json");
        assert_eq!(Prefix::new("").join("1.json"), "1.json");
        assert_eq!(Prefix::new("out").join("1.json"), "out/1.json");
    }
}
