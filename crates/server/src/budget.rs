//! What the body of a request to a route may cost. The route table says it; a route that says
//! nothing takes little.

use std::time::Duration;

use axum::http::Extensions;
use model::budgets;

use crate::ServerSettings;

/// Kinds of bodies, by what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyBudget {
    /// A few fields.
    #[default]
    Little,
    /// A labeling config.
    Config,
    /// Tasks that were chosen one by one.
    Chosen,
    /// A task's data, or what was annotated.
    Work,
    /// Tasks to import.
    Import,
}

impl BodyBudget {
    /// Of the request's route.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }

    /// Bytes.
    pub(crate) fn bytes(self, settings: &ServerSettings) -> u64 {
        let own = match self {
            Self::Little => budgets::LITTLE_BODY,
            Self::Config => budgets::CONFIG_BODY,
            Self::Chosen => budgets::CHOSEN_BODY,
            Self::Work => settings.body_limit_bytes,
            Self::Import => return settings.import_limit_bytes,
        };
        own.min(settings.body_limit_bytes)
    }

    /// Fields of a form.
    pub(crate) fn fields(self) -> usize {
        match self {
            Self::Chosen => budgets::CHOSEN_FIELDS,
            _ => budgets::FIELDS,
        }
    }

    /// From the first byte to the last.
    pub(crate) fn time(self, settings: &ServerSettings) -> Duration {
        match self {
            Self::Little => settings
                .body_timeout
                .min(Duration::from_secs(budgets::LITTLE_BODY_TIME)),
            _ => settings.body_timeout,
        }
    }
}
