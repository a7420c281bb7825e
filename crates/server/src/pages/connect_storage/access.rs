//! The access check of what was entered, before anything is saved.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use engine::{
    FieldError, Problem,
    check::{CheckReport, Verdict},
};
use model::Actor;

use super::{
    Page, take,
    wizard::{Step, Wizard},
};
use crate::{
    App,
    error::ApiError,
    pages::{
        Person,
        check::options,
        form::Form,
        html::{failed, part, with_status},
        storage::{Values, problem::Refusal},
    },
};

/// The access check of what was entered.
pub(super) async fn report(
    app: &App,
    actor: &Actor,
    wizard: Wizard,
    values: &Values,
    headers: &HeaderMap,
) -> Result<CheckReport, Refusal> {
    let mut values = values.clone();
    // Which blobs are wanted is asked in the next step: a filter that is wrong must not close it.
    values.0.set("regex_filter", "");
    let input = values.input(wizard.project);
    let input = input.map_err(|error| ApiError::invalid(vec![error]))?;
    let Some(method) = values.method() else {
        return Err(ApiError::required("method").into());
    };
    let options = options(app, headers);
    let checked =
        app.engine
            .check_input(actor, wizard.direction.by(method.kind()), &input, &options);
    Ok(checked.await?)
}

/// The page with what does not work, unless everything that is needed does.
pub(super) fn not_ready(mut page: Page, report: Result<CheckReport, Refusal>) -> Option<Response> {
    match report {
        Ok(report) if !matches!(report.verdict, Verdict::Failed | Verdict::NotYetEffective) => {
            return None;
        }
        Ok(report) => {
            page.form.wrong(
                FieldError::NON_FIELD,
                "Longshore cannot use this container yet. What does not work is below, with who mends it and how; then press Next again.",
            );
            page.report = Some(report);
        }
        Err(Refusal::Azure(problem)) => page.problem = Some(problem),
        Err(Refusal::Other(error)) => page.form = page.form.refused(&error),
    }
    Some(with_status(StatusCode::BAD_REQUEST, page))
}

/// What the check found, in place.
#[derive(Template)]
#[template(path = "parts/check_part.html")]
struct CheckPart {
    report: Option<CheckReport>,
    problem: Option<Box<Problem>>,
    errors: Vec<String>,
}

/// Check access, in step 2: in place by htmx, or as the whole page.
pub(crate) async fn check(
    State(app): State<App>,
    Person(actor): Person,
    wizard: Wizard,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let checked = async {
        let mut values = wizard.values(&app, &actor).await?;
        let taken = take(&app, &mut values, Step::Place, wizard.direction, &form);
        wizard.keep(&app, &actor, &values).await?;
        let report = match taken {
            Ok(()) => self::report(&app, &actor, wizard, &values, &headers).await,
            Err(error) => Err(ApiError::invalid(vec![error]).into()),
        };
        if is_htmx(&headers) {
            let errors = match &report {
                Err(Refusal::Other(error)) if error.field_errors().is_empty() => {
                    vec![error.detail().to_owned()]
                }
                Err(Refusal::Other(error)) => {
                    let errors = error.field_errors().iter();
                    errors.map(ToString::to_string).collect()
                }
                _ => Vec::new(),
            };
            let (report, problem) = match report {
                Ok(report) => (Some(report), None),
                Err(Refusal::Azure(problem)) => (None, Some(problem)),
                Err(Refusal::Other(_)) => (None, None),
            };
            return Ok(part(Ok(CheckPart {
                report,
                problem,
                errors,
            })));
        }
        let mut page = Page::load(&app, &actor, wizard, Step::Place, &values).await?;
        match report {
            Ok(report) => page.report = Some(report),
            refused => {
                if let Some(response) = not_ready(page, refused) {
                    return Ok(response);
                }
                return Ok(wizard.to(Step::Place));
            }
        }
        Ok(with_status(StatusCode::OK, page))
    };
    checked
        .await
        .unwrap_or_else(|error: ApiError| failed(&error))
}

/// Does a script ask for a part?
pub(super) fn is_htmx(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}
