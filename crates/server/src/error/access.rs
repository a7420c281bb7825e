//! Refusals that are about who asks.

use std::borrow::Cow;

use axum::http::{StatusCode, header};

use super::ApiError;

impl ApiError {
    /// 401: no credentials, or not (or no longer) valid ones.
    pub(crate) fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .header(header::WWW_AUTHENTICATE, "Token")
    }

    /// A failure of the token endpoints, where the body is the credential.
    pub(crate) fn of_refresh_token(error: engine::Error) -> Self {
        match error {
            engine::Error::Unauthenticated { reason } => {
                Self::new(StatusCode::UNAUTHORIZED, "token_not_valid", reason)
                    .header(header::WWW_AUTHENTICATE, "Bearer realm=\"api\"")
            }
            other => other.into(),
        }
    }

    /// 403: a browser's request that another site may have made it send. `ours` is the origin that
    /// pages have here.
    pub(crate) fn cross_site(ours: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "cross_site_request",
            format!(
                "This request was sent by a page of another site. Use an API token, or open this site at {ours} (its operator's setting public_url)."
            ),
        )
    }

    /// 403: a browser would run, apply or frame what is only there to be shown.
    pub(crate) fn used_as_script() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_for_this_use",
            "This address has data to show: a page cannot use it as a script, a stylesheet or a document inside it.",
        )
    }

    /// 409: the session is not that of the person for whom the page was made.
    pub(crate) fn another_person() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "another_person",
            "Somebody else is signed in in this browser.",
        )
    }

    /// Is it a 401?
    pub(crate) fn is_unauthenticated(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    /// Does the role of who asked not allow it?
    pub(crate) fn is_denied(&self) -> bool {
        self.0.code == "permission_denied"
    }

    /// 403 of the metrics.
    pub(crate) fn metrics_are_local() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "metrics_are_local",
            "The metrics are for the machine that the server runs on. The operator opens them to others with the setting metrics_token.",
        )
    }
}
