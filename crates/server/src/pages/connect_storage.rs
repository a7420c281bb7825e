//! Connecting a container to a project in four steps, each with its own address. What was entered
//! is kept sealed on the server for an hour, so going back loses nothing and a secret is sent once.

pub(crate) mod access;
pub(crate) mod preview;
mod save;
mod wizard;

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use engine::{FieldError, LabelConfig, LinkedTenant, Problem, check::CheckReport};
use model::{Actor, Direction, Permission, ProjectId};

use super::{
    Person,
    form::Form,
    frame::{Frame, Section},
    html::{failed, title, with_status},
    storage::{
        Values,
        fields::{Method, SECRETS},
        kinds::{self, KINDS},
    },
    words,
};
use crate::{App, error::ApiError};
use preview::Preview;
pub(crate) use save::save;
use wizard::{AtStep, Step, Wizard};

#[derive(Template)]
#[template(path = "connect_storage.html")]
struct Page {
    frame: Frame,
    project_id: ProjectId,
    project_title: String,
    is_source: bool,
    step: Step,
    steps: Vec<(Step, String, &'static str, bool)>,
    form: Form,
    kept: BTreeMap<&'static str, bool>,
    tenants: Vec<LinkedTenant>,
    has_app: bool,
    may_connect: bool,
    shown: Vec<&'static str>,
    address: String,
    check_address: String,
    preview_address: String,
    start_over: String,
    report: Option<CheckReport>,
    preview: Option<Preview>,
    data_key: Option<String>,
    /// The only kind of files that the labeling config shows.
    only_shown: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
    summary: String,
    problem: Option<Box<Problem>>,
    default_title: String,
}

impl Page {
    async fn load(
        app: &App,
        actor: &Actor,
        wizard: Wizard,
        step: Step,
        values: &Values,
    ) -> Result<Self, ApiError> {
        let project = app.engine.get_project(actor, wizard.project).await?;
        let direction = wizard.direction;
        let entered = values;
        let mut values = values.clone();
        let tenants = app.engine.linked_tenants(actor).await?;
        for (field, default) in [
            ("method", "azure_link"),
            ("identity", "system_assigned"),
            ("serve", "proxy"),
            ("presign_ttl", "15"),
            ("import_mode", "files"),
            ("recursive", "on"),
            ("export_layout", "per_annotation"),
        ] {
            if !values.0.has(field) {
                values.0.set(field, default);
            }
        }
        let config = LabelConfig::read(&project.label_config)
            .await
            .unwrap_or_default();
        // Another file would become a task that shows nothing.
        let only_shown = kinds::only_shown(&config);
        if let Some(kind) = only_shown.filter(|_| !values.0.has("kinds")) {
            values.0.set("kinds", kind);
        }
        let shown = [
            step.fields(direction),
            if step == Step::SignIn { SECRETS } else { &[] },
        ];
        Ok(Self {
            frame: Frame::load(app, actor, Section::Projects).await?,
            project_id: project.id,
            project_title: title(&project.title).to_owned(),
            is_source: direction == Direction::Source,
            step,
            steps: Step::ALL
                .into_iter()
                .map(|each| {
                    let open = each.reachable(entered, direction) == each && each != step;
                    (
                        each,
                        wizard.address(each.name()),
                        each.title(direction),
                        open,
                    )
                })
                .collect(),
            form: values.form(direction),
            kept: values.kept(),
            tenants,
            has_app: app.engine.has_app_registration(),
            may_connect: actor.may(Permission::ManageOrganization),
            shown: shown.concat(),
            address: wizard.address(step.name()),
            check_address: wizard.address("check"),
            preview_address: wizard.address("preview"),
            start_over: wizard.address("start-over"),
            report: None,
            preview: None,
            data_key: config.first_data_key().map(str::to_owned),
            only_shown,
            facts: save::facts(&values, direction),
            summary: save::summary(&values, direction, title(&project.title)),
            problem: None,
            default_title: save::default_title(&values),
        })
    }

    fn direction(&self) -> Direction {
        match self.is_source {
            true => Direction::Source,
            false => Direction::Target,
        }
    }

    /// The role that an identity needs, in a line.
    fn role(&self) -> &'static str {
        match self.is_source {
            true => {
                "the role Storage Blob Data Reader on the container; for pre-signed URLs also Storage Blob Delegator on the account"
            }
            false => "the role Storage Blob Data Contributor on the container",
        }
    }

    fn is_kept(&self, field: &str) -> bool {
        self.kept.get(field).copied().unwrap_or_default()
    }

    fn kinds(&self) -> [(&'static str, &'static str, &'static str); 6] {
        KINDS
    }

    /// Shows the page again with what is wrong.
    fn refused(mut self, errors: Vec<FieldError>) -> Response {
        for error in errors {
            self.form.wrong(&error.field, error.message);
        }
        with_status(StatusCode::BAD_REQUEST, self)
    }
}

pub(crate) async fn begin(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
) -> Response {
    match app.engine.get_project(&actor, wizard.project).await {
        Ok(_) => wizard.to(Step::SignIn),
        Err(error) => failed(&error.into()),
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
    AtStep(step): AtStep,
) -> Response {
    let page = async {
        let values = wizard.values(&app, &actor).await?;
        let reachable = step.reachable(&values, wizard.direction);
        if reachable != step {
            return Ok(wizard.to(reachable));
        }
        let page = Page::load(&app, &actor, wizard, step, &values).await?;
        Ok(with_status(StatusCode::OK, page))
    };
    page.await.unwrap_or_else(|error: ApiError| failed(&error))
}

/// Next or Back from one of the first three steps.
pub(crate) async fn go(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
    AtStep(step): AtStep,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let went = async {
        let direction = wizard.direction;
        let mut values = wizard.values(&app, &actor).await?;
        if step.reachable(&values, direction) != step {
            return Ok(wizard.to(step.reachable(&values, direction)));
        }
        let taken = take(&app, &mut values, step, direction, &form);
        wizard.keep(&app, &actor, &values).await?;
        if form.is("go", "back") {
            return Ok(wizard.to(step.at(-1)));
        }
        let page = Page::load(&app, &actor, wizard, step, &values).await?;
        let mut wrong: Vec<FieldError> = taken.err().into_iter().collect();
        if wrong.is_empty() {
            wrong = wizard
                .wrong_fields(&app, &actor, &values, &page.shown)
                .await?;
        }
        if step == Step::SignIn {
            wrong.extend(wrong_method(&page, &values));
        }
        if !wrong.is_empty() {
            return Ok(page.refused(wrong));
        }
        if step == Step::Place {
            let report = access::report(&app, &actor, wizard, &values, &headers).await;
            if let Some(refused) = access::not_ready(page, report) {
                return Ok(refused);
            }
            values.note_checked();
            wizard.keep(&app, &actor, &values).await?;
        }
        Ok(wizard.to(step.at(1)))
    };
    went.await.unwrap_or_else(|error: ApiError| failed(&error))
}

/// Takes what the form of a step says.
fn take(
    app: &App,
    values: &mut Values,
    step: Step,
    direction: Direction,
    form: &Form,
) -> Result<(), FieldError> {
    values.take(form, step.fields(direction));
    if matches!(step, Step::SignIn | Step::Place) {
        values.note_changed();
    }
    if step == Step::SignIn {
        values.take_secrets(form);
    }
    values.take_apart(&app.engine)?;
    match step {
        Step::Content => values.check_filter(),
        _ => Ok(()),
    }
}

/// What no field of the engine's says: there is no link, or no token.
fn wrong_method(page: &Page, values: &Values) -> Option<FieldError> {
    let (field, message) = match values.method()? {
        Method::AzureLink if page.tenants.is_empty() => (
            "method",
            match (page.has_app, page.may_connect) {
                (false, _) => words::NO_APP,
                (true, true) => {
                    "No tenant is connected yet. Connect to Azure first, in Integrations, or choose another way."
                }
                (true, false) => {
                    "No tenant is connected yet. An owner of your organization connects it, in Integrations; or choose another way."
                }
            },
        ),
        Method::Sas if values.get("sas_token").is_empty() => (
            "sas_token",
            "Paste the SAS token or the SAS URL; for a container that everybody may read choose Public container.",
        ),
        _ => return None,
    };
    Some(FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    })
}

pub(crate) async fn start_over(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
) -> Response {
    let (project, direction) = (wizard.project, wizard.direction);
    match app
        .engine
        .drop_connect_draft(&actor, project, direction)
        .await
    {
        Ok(()) => wizard.to(Step::SignIn),
        Err(error) => failed(&error.into()),
    }
}
