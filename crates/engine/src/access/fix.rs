//! What to do about a failure: by whom, with which command, and how long it takes to act.

use std::fmt;

use serde::Serialize;

/// What to do about a failure. Shown as one sentence, or by its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    pub who: Who,
    /// What to do, in words.
    pub text: String,
    /// The exact command, for a POSIX shell; what is not known is in CAPITALS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Where the same is done in the Azure portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal: Option<String>,
    /// The same as a Bicep resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bicep: Option<String>,
    /// How long Azure takes to act on it, when that is not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<&'static str>,
}

/// Who can do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Whoever sets up the storage in Longshore.
    You,
    /// An administrator of the customer's tenant, subscription or storage account.
    AzureAdministrator,
    /// The owner of the app registration.
    AppOwner,
    /// Whoever runs Longshore.
    Operator,
}

impl Fix {
    /// A fix without a command.
    pub fn by(who: Who, text: impl Into<String>) -> Self {
        Self {
            who,
            text: text.into(),
            command: None,
            portal: None,
            bicep: None,
            takes: None,
        }
    }

    pub(crate) fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    pub(crate) fn portal(mut self, path: impl Into<String>) -> Self {
        self.portal = Some(path.into());
        self
    }

    pub(crate) fn bicep(mut self, text: impl Into<String>) -> Self {
        self.bicep = Some(text.into());
        self
    }

    pub(crate) fn takes(mut self, time: &'static str) -> Self {
        self.takes = Some(time);
        self
    }
}

/// The words and the command on one line.
impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "{}: {command}", self.text.trim_end_matches(['.', ':'])),
            None => f.write_str(&self.text),
        }
    }
}
