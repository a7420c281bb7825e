//! Connect to Azure: the browser's way to Entra ID and back.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use engine::{ConnectAddresses, Returned};
use model::{Permission, Secret};

use super::{
    Person, entra,
    frame::Frame,
    html::{Message, with_status},
};
use crate::{
    App, auth::session_of, client_address::ClientAddress, error::ApiError, extract::Query,
};

const BACK: &str = "/settings/integrations";

/// The addresses that are registered with the app.
pub(super) struct Addresses {
    signed_in: String,
    consented: String,
}

impl Addresses {
    pub(super) fn of(app: &App) -> Self {
        let base = app.settings.public_url.as_str().trim_end_matches('/');
        Self {
            signed_in: format!("{base}/connect/azure/callback"),
            consented: format!("{base}/connect/azure/consented"),
        }
    }

    pub(super) fn as_connect(&self) -> ConnectAddresses<'_> {
        ConnectAddresses {
            signed_in: &self.signed_in,
            consented: &self.consented,
        }
    }
}

/// The way is bound to the browser's session, so an API token cannot go it.
fn session<'a>(app: &App, headers: &'a HeaderMap) -> Result<&'a str, ApiError> {
    session_of(headers, app).ok_or_else(|| {
        ApiError::invalid_request("Connect to Azure needs a browser that is signed in here.")
    })
}

pub(super) fn returned(query: &Query) -> Returned {
    let text = |name| query.text(name).map(str::to_owned);
    Returned {
        state: text("state"),
        code: text("code").map(Secret::new),
        error: text("error"),
        error_subcode: text("error_subcode"),
        error_description: text("error_description"),
        admin_consent: text("admin_consent"),
        tenant: text("tenant"),
    }
}

/// On to this address, or what went wrong as a page.
fn on(next: Result<String, ApiError>) -> Response {
    match next {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(error) => not_connected(&error),
    }
}

fn not_connected(error: &ApiError) -> Response {
    let page = Message {
        frame: Frame::nobody(),
        heading: "Not connected",
        problem: Some(error.messages()),
        says: &[],
        links: &[(BACK, "Settings, Integrations")],
    };
    with_status(error.status(), page)
}

pub(crate) async fn start(
    State(app): State<App>,
    Person(actor): Person,
    headers: HeaderMap,
) -> Response {
    on(async {
        let to = Addresses::of(&app);
        let session = session(&app, &headers)?;
        Ok(app
            .engine
            .begin_connect(&actor, session, &to.as_connect())
            .await?)
    }
    .await)
}

/// Somebody is back from signing in: to sign in here, or to connect themselves or a tenant.
pub(crate) async fn signed_in(
    State(app): State<App>,
    from: ClientAddress,
    person: Result<Person, Response>,
    headers: HeaderMap,
    query: Query,
) -> Response {
    if let Some(response) = entra::came_back(&app, from, &headers, &query).await {
        return response;
    }
    let actor = match person {
        Ok(Person(actor)) if actor.may(Permission::ManageOrganization) => actor,
        _ => return entra::not_begun_here(&app, from),
    };
    on(async {
        let to = Addresses::of(&app);
        let session = session(&app, &headers)?;
        Ok(app
            .engine
            .finish_sign_in(&actor, session, &to.as_connect(), &returned(&query))
            .await?)
    }
    .await)
}

pub(crate) async fn ask_consent(
    State(app): State<App>,
    Person(actor): Person,
    headers: HeaderMap,
) -> Response {
    on(async {
        let to = Addresses::of(&app);
        let session = session(&app, &headers)?;
        Ok(app
            .engine
            .ask_consent(&actor, session, &to.as_connect())
            .await?)
    }
    .await)
}

/// An administrator who only opened the consent page has no account here: nothing is done for
/// them, because whoever connects asks Entra ID by themselves.
pub(crate) async fn consented(
    State(app): State<App>,
    person: Result<Person, Response>,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let Ok(Person(actor)) = person else {
        let page = Message {
            frame: Frame::nobody(),
            heading: "Thank you",
            problem: None,
            says: &[
                "Microsoft has recorded your answer. Nothing is connected by this page: whoever asked you goes on in Longshore, Settings, Integrations, with Check again.",
                "If that is you, sign in and go there.",
            ],
            links: &[(BACK, "Settings, Integrations")],
        };
        return with_status(StatusCode::OK, page);
    };
    on(async {
        let session = session(&app, &headers)?;
        app.engine
            .finish_consent(&actor, session, &returned(&query))
            .await?;
        Ok(BACK.to_owned())
    }
    .await)
}

pub(crate) async fn check(State(app): State<App>, Person(actor): Person) -> Response {
    on(match app.engine.check_connect(&actor).await {
        Ok(_) => Ok(BACK.to_owned()),
        Err(error) => Err(error.into()),
    })
}

pub(crate) async fn cancel(State(app): State<App>, Person(actor): Person) -> Response {
    on(match app.engine.cancel_connect(&actor).await {
        Ok(()) => Ok(BACK.to_owned()),
        Err(error) => Err(error.into()),
    })
}
