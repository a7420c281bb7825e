//! Which wizard of which project, its steps, and what was entered in them so far.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use engine::FieldError;
use model::{Actor, Direction, ProjectId};

use crate::{
    App,
    error::ApiError,
    pages::{
        html::failed,
        storage::{
            Values,
            fields::{EXPORT, IMPORT, PLACE, SIGN_IN},
        },
    },
};

/// Which wizard of which project: `/projects/{id}/connect` or `/projects/{id}/connect-target`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wizard {
    pub(super) project: ProjectId,
    pub(super) direction: Direction,
}

impl FromRequestParts<App> for Wizard {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let not_found = || failed(&ApiError::not_found());
        let Path(params) = Path::<Vec<(String, String)>>::from_request_parts(parts, app)
            .await
            .map_err(|_| not_found())?;
        let id = params.iter().find(|(name, _)| name == "id");
        let project = id.and_then(|(_, text)| text.parse().ok());
        let is_target = parts.uri.path().split('/').nth(3) == Some("connect-target");
        Ok(Self {
            project: project.ok_or_else(not_found)?,
            direction: match is_target {
                true => Direction::Target,
                false => Direction::Source,
            },
        })
    }
}

impl Wizard {
    pub(super) fn address(self, rest: &str) -> String {
        let name = match self.direction {
            Direction::Source => "connect",
            Direction::Target => "connect-target",
        };
        format!("/projects/{}/{name}/{rest}", self.project)
    }

    pub(super) fn to(self, step: Step) -> Response {
        Redirect::to(&self.address(step.name())).into_response()
    }

    pub(super) async fn values(self, app: &App, actor: &Actor) -> Result<Values, ApiError> {
        let draft = app
            .engine
            .connect_draft(actor, self.project, self.direction);
        Ok(Values(draft.await?))
    }

    pub(super) async fn keep(
        self,
        app: &App,
        actor: &Actor,
        values: &Values,
    ) -> Result<(), ApiError> {
        let (project, direction) = (self.project, self.direction);
        let kept = app
            .engine
            .keep_connect_draft(actor, project, direction, &values.0);
        Ok(kept.await?)
    }

    /// What is wrong with these fields, whatever else is missing.
    pub(super) async fn wrong_fields(
        self,
        app: &App,
        actor: &Actor,
        values: &Values,
        fields: &[&str],
    ) -> Result<Vec<FieldError>, ApiError> {
        let mut complete = values.clone();
        // Fields of later steps stand in, so that those of this one are judged.
        for (field, any) in [("account_name", "account"), ("container", "container")] {
            if !fields.contains(&field) {
                complete.0.set(field, any);
            }
        }
        let (kind, input) = match (values.method(), complete.input(self.project)) {
            (Some(method), Ok(input)) => (method.kind(), input),
            (_, Err(error)) => return Ok(vec![error]),
            (None, Ok(_)) => return Ok(Vec::new()),
        };
        let found = app
            .engine
            .wrong_fields(actor, self.direction.by(kind), &input);
        let mut found = found.await?;
        found.retain(|error| fields.contains(&error.field.as_str()));
        Ok(found)
    }
}

/// The steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Step {
    SignIn,
    Place,
    Content,
    Review,
}

impl Step {
    pub(super) const ALL: [Self; 4] = [Self::SignIn, Self::Place, Self::Content, Self::Review];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Place => "place",
            Self::Content => "content",
            Self::Review => "review",
        }
    }

    pub(super) fn title(self, direction: Direction) -> &'static str {
        match (self, direction) {
            (Self::SignIn, _) => "How we sign in",
            (Self::Place, Direction::Source) => "Where the data is",
            (Self::Place, Direction::Target) => "Where annotations go",
            (Self::Content, Direction::Source) => "What to import",
            (Self::Content, Direction::Target) => "What to write",
            (Self::Review, _) => "Review",
        }
    }

    /// The fields of this step that are shown again.
    pub(super) fn fields(self, direction: Direction) -> &'static [&'static str] {
        match (self, direction) {
            (Self::SignIn, _) => SIGN_IN,
            (Self::Place, _) => PLACE,
            (Self::Content, Direction::Source) => IMPORT,
            (Self::Content, Direction::Target) => EXPORT,
            (Self::Review, _) => &["title"],
        }
    }

    /// The first step that was never gone through, up to this one.
    pub(super) fn reachable(self, values: &Values, direction: Direction) -> Self {
        let entered = |step: Self| match step {
            Self::SignIn => values.method().is_some(),
            Self::Place => values.is_checked(),
            step => step
                .fields(direction)
                .iter()
                .any(|field| values.0.has(field)),
        };
        let before = Self::ALL.into_iter().take_while(|step| *step != self);
        before
            .into_iter()
            .find(|step| !entered(*step))
            .unwrap_or(self)
    }

    pub(super) fn at(self, by: isize) -> Self {
        let place = Self::ALL.iter().position(|step| *step == self).unwrap_or(0);
        let place = place.saturating_add_signed(by).min(Self::ALL.len() - 1);
        Self::ALL[place]
    }
}

/// The step in the path.
pub(crate) struct AtStep(pub(super) Step);

impl FromRequestParts<App> for AtStep {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Response> {
        let mut names = parts.uri.path().trim_end_matches('/').rsplit('/');
        let name = names.next().unwrap_or_default();
        let step = Step::ALL.into_iter().find(|step| step.name() == name);
        step.map(Self).ok_or_else(|| failed(&ApiError::not_found()))
    }
}
