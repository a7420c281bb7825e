//! A storage's settings: every field with the wizard's parts; its secrets are never shown. And
//! Disconnect, which says what stops before it does it.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::{FieldError, LinkedTenant, Problem, SignsIn};
use model::{Actor, Direction, Permission, Storage, StorageId};

use super::{
    StorageHead, Tab, Values,
    fields::{EXPORT, IMPORT, PLACE, SECRETS, SIGN_IN},
    kinds::KINDS,
    live::{Live, several},
    problem::Refusal,
};
use crate::{
    App,
    error::ApiError,
    extract::Id,
    pages::{
        Person,
        form::Form,
        frame::{Frame, Section},
        html::{failed, render, with_status},
    },
};

#[derive(Template)]
#[template(path = "storage_settings.html")]
struct Settings {
    frame: Frame,
    head: StorageHead,
    live: Live,
    method: &'static str,
    is_source: bool,
    form: Form,
    shown: Vec<&'static str>,
    /// The secret that is stored.
    stored: Option<&'static str>,
    tenants: Vec<LinkedTenant>,
    may_connect: bool,
    problem: Option<Box<Problem>>,
}

impl Settings {
    async fn load(
        app: &App,
        actor: &Actor,
        storage: &Storage,
        signs_in: &SignsIn,
        values: &Values,
    ) -> Result<Self, ApiError> {
        let last = match storage.direction {
            Direction::Source => IMPORT,
            Direction::Target => EXPORT,
        };
        Ok(Self {
            frame: Frame::load(app, actor, Section::Projects).await?,
            head: StorageHead::load(app, actor, storage, Tab::Settings).await?,
            live: Live::of(app, actor, storage).await?,
            method: values.method().map_or("", |method| method.as_str()),
            is_source: storage.direction == Direction::Source,
            form: values.form(storage.direction),
            shown: [SIGN_IN, SECRETS, PLACE, last, &["title"]].concat(),
            stored: match signs_in {
                SignsIn::ServicePrincipal {
                    has_certificate: true,
                    ..
                } => Some("client_certificate"),
                SignsIn::ServicePrincipal { .. } => Some("client_secret"),
                SignsIn::Sas => Some("sas_token"),
                SignsIn::AccountKey => Some("account_key"),
                SignsIn::AzureLink { .. } | SignsIn::ManagedIdentity(_) | SignsIn::Anonymous => {
                    None
                }
            },
            tenants: app.engine.linked_tenants(actor).await?,
            may_connect: actor.may(Permission::ManageOrganization),
            problem: None,
        })
    }

    /// The secret of a saved storage stays when none is given.
    fn is_kept(&self, field: &str) -> bool {
        self.stored == Some(field)
    }

    #[expect(clippy::unused_self, reason = "the parts of the wizard ask the page")]
    fn kinds(&self) -> [(&'static str, &'static str, &'static str); 6] {
        KINDS
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
) -> Response {
    render(
        async {
            let storage = app.engine.find_storage(&actor, id).await?;
            let signs_in = app.engine.signs_in(&actor, id).await?;
            let values = Values::of(&storage, &signs_in);
            Settings::load(&app, &actor, &storage, &signs_in, &values).await
        }
        .await,
    )
}

pub(crate) async fn save(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    form: Form,
) -> Response {
    let saved = async {
        let storage = app.engine.find_storage(&actor, id).await?;
        let signs_in = app.engine.signs_in(&actor, id).await?;
        let mut values = Values::of(&storage, &signs_in);
        let method = values.get("method").to_owned();
        values.take(&form, &[SIGN_IN, PLACE, &["title"]].concat());
        values.take(
            &form,
            match storage.direction {
                Direction::Source => IMPORT,
                Direction::Target => EXPORT,
            },
        );
        // How it signs in is what it is: another way is another storage.
        values.0.set("method", method);
        values.take_secrets(&form);
        let taken = values.take_apart(&app.engine);
        let done = match taken.and_then(|()| values.check_filter()) {
            Ok(()) => update(&app, &actor, &storage, &values).await,
            Err(error) => Err(ApiError::invalid(vec![error]).into()),
        };
        let mut page = Settings::load(&app, &actor, &storage, &signs_in, &values).await?;
        match done {
            Ok(()) => return Ok(Redirect::to(&format!("/storages/{id}")).into_response()),
            Err(Refusal::Azure(problem)) => page.problem = Some(problem),
            Err(Refusal::Other(error)) => page.form = page.form.refused(&error),
        }
        Ok(with_status(StatusCode::BAD_REQUEST, page))
    };
    saved.await.unwrap_or_else(|error: ApiError| failed(&error))
}

async fn update(
    app: &App,
    actor: &Actor,
    storage: &Storage,
    values: &Values,
) -> Result<(), Refusal> {
    let input = values.input(storage.project_id);
    let input = input.map_err(|error: FieldError| ApiError::invalid(vec![error]))?;
    app.engine
        .update_storage(actor, storage.storage_type(), storage.id, &input)
        .await?;
    Ok(())
}

#[derive(Template)]
#[template(path = "storage_disconnect.html")]
struct Disconnect {
    frame: Frame,
    head: StorageHead,
    is_source: bool,
    consequences: Vec<String>,
}

pub(crate) async fn confirm_disconnect(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
) -> Response {
    render(
        async {
            let storage = app.engine.find_storage(&actor, id).await?;
            let live = Live::of(&app, &actor, &storage).await?;
            let consequences = match storage.direction {
                Direction::Source => {
                    let tasks = app.engine.tasks_made_by(&actor, id).await?;
                    vec![
                        format!("{} and their annotations stay in the project.", several(tasks, "task that came from it", "tasks that came from it")),
                        "Their media stop opening, unless another storage of the project or an Azure link reaches the same container.".to_owned(),
                        "Connecting the same container again finds these tasks again: nothing is imported twice.".to_owned(),
                    ]
                }
                Direction::Target => {
                    let backlog = live.backlog.as_ref();
                    let mut said = vec!["What was written stays in the container. New annotations are not written there any more.".to_owned()];
                    said.extend(backlog.map(|backlog| backlog.words.clone()));
                    if let Some(failed) = backlog.map(|backlog| backlog.failed).filter(|failed| *failed > 0) {
                        said.push(format!("{} could not be written and will not be.", several(failed, "object", "objects")));
                    }
                    said
                }
            };
            Ok(Disconnect {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                head: StorageHead::load(&app, &actor, &storage, Tab::Settings).await?,
                is_source: storage.direction == Direction::Source,
                consequences,
            })
        }
        .await,
    )
}

pub(crate) async fn disconnect(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
) -> Response {
    let done = async {
        let storage = app.engine.find_storage(&actor, id).await?;
        app.engine
            .delete_storage(&actor, storage.storage_type(), id)
            .await?;
        Ok::<_, ApiError>(match storage.direction {
            Direction::Source => format!("/projects/{}/storages", storage.project_id),
            Direction::Target => format!("/projects/{}/exports", storage.project_id),
        })
    };
    match done.await {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(error) => failed(&error),
    }
}
