//! What the route table is made of: a route, and what the OpenAPI document says of it.

use std::{pin::Pin, sync::Arc};

use axum::{
    Extension, Router,
    body::HttpBody as _,
    extract::{FromRequest as _, FromRequestParts as _, Request, State},
    handler::Handler,
    http::request::Parts,
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use model::{Actor, Permission};
use utoipa::{ToSchema, openapi::HttpMethod};

use crate::{
    App,
    budget::BodyBudget,
    error::ApiError,
    extract::{self, Nothing},
    openapi::{Operation, Shape},
    pages::Person,
    parameters::{self, Parameter},
};

/// The table while it is made.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<App>,
    pub(crate) operations: Vec<Operation>,
    all: Vec<Route>,
}

/// One route of the table, for tests that walk them.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: String,
    /// What its sender must be allowed to do; without it it needs no sign-in.
    pub permission: Option<Permission>,
    /// Is it no part of the API?
    pub is_page: bool,
}

/// Every route, pages included.
pub fn every_route() -> Vec<Route> {
    crate::router::routes().all
}

/// Whom a page is for, and what its form may cost.
#[derive(Clone, Copy)]
pub(crate) struct For {
    permission: Option<Permission>,
    body: BodyBudget,
}

/// For everybody, signed in or not.
pub(crate) const ANYBODY: For = For {
    permission: None,
    body: BodyBudget::Little,
};
/// For every member.
pub(crate) const MEMBERS: For = who_may(Permission::Read);

/// For those who label.
pub(crate) const ANNOTATORS: For = who_may(Permission::Annotate);
/// For those who make projects and connect storages.
pub(crate) const MANAGERS: For = who_may(Permission::ManageProjects);
/// For those who look after people, links and the audit log.
pub(crate) const OWNERS: For = who_may(Permission::ManageOrganization);

const fn who_may(permission: Permission) -> For {
    For {
        permission: Some(permission),
        body: BodyBudget::Little,
    }
}

impl For {
    /// Its form holds more than a few fields.
    pub(crate) const fn sending(self, body: BodyBudget) -> Self {
        Self { body, ..self }
    }
}

impl Routes {
    pub(crate) fn get<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        doc: Doc,
    ) -> Self {
        self.operation(path, HttpMethod::Get, MethodFilter::GET, handler, doc)
    }

    pub(crate) fn post<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        doc: Doc,
    ) -> Self {
        self.operation(path, HttpMethod::Post, MethodFilter::POST, handler, doc)
    }

    pub(crate) fn put<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        doc: Doc,
    ) -> Self {
        self.operation(path, HttpMethod::Put, MethodFilter::PUT, handler, doc)
    }

    pub(crate) fn patch<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        doc: Doc,
    ) -> Self {
        self.operation(path, HttpMethod::Patch, MethodFilter::PATCH, handler, doc)
    }

    pub(crate) fn delete<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        doc: Doc,
    ) -> Self {
        self.operation(path, HttpMethod::Delete, MethodFilter::DELETE, handler, doc)
    }

    fn operation<H: Handler<T, App>, T: 'static>(
        mut self,
        path: &str,
        method: HttpMethod,
        filter: MethodFilter,
        handler: H,
        doc: Doc,
    ) -> Self {
        let parameters: Arc<[Parameter]> = doc.query.into();
        self.operations.push(Operation {
            path: path.to_owned(),
            method,
            summary: doc.summary,
            permission: doc.permission,
            query: parameters.clone(),
            request: doc.request,
            status: doc.status,
            response: doc.response,
        });
        let who = For {
            permission: doc.permission,
            body: doc.body,
        };
        let door = Door {
            kind: DoorKind::Api {
                known: parameters,
                // What a body of the others means is said nowhere (RFC 9110, 9.3.1).
                may_have_body: doc.has_body
                    || matches!(filter, MethodFilter::GET | MethodFilter::DELETE),
            },
            permission: doc.permission,
        };
        self.route(path, filter, door.before(handler), who, false)
    }

    /// A route that is no part of the API. Every path answers with and without a trailing slash.
    pub(crate) fn page<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        filter: MethodFilter,
        who: For,
        handler: H,
    ) -> Self {
        self.not_api(path, filter, who, DoorKind::Page, handler)
    }

    /// What a script of a page asks for: nobody is sent to the sign-in page.
    pub(crate) fn part<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        filter: MethodFilter,
        who: For,
        handler: H,
    ) -> Self {
        self.not_api(path, filter, who, DoorKind::Part, handler)
    }

    fn not_api<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        filter: MethodFilter,
        who: For,
        kind: DoorKind,
        handler: H,
    ) -> Self {
        // That every member may read, a page finds out itself.
        let permission = who
            .permission
            .filter(|permission| *permission != Permission::Read);
        if permission.is_none() {
            return self.route(path, filter, handler, who, true);
        }
        let door = Door { kind, permission };
        self.route(path, filter, door.before(handler), who, true)
    }

    fn route<H: Handler<T, App>, T: 'static>(
        mut self,
        path: &str,
        filter: MethodFilter,
        handler: H,
        who: For,
        is_page: bool,
    ) -> Self {
        let mut methods: MethodRouter<App> = on(filter, handler);
        if who.body != BodyBudget::Little {
            methods = methods.layer(Extension(who.body));
        }
        self.all.push(Route {
            method: method_of(filter),
            path: path.to_owned(),
            permission: who.permission,
            is_page,
        });
        if path != "/" {
            self.router = self.router.route(&format!("{path}/"), methods.clone());
        }
        self.router = self.router.route(path, methods);
        self
    }
}

/// A handler behind its door.
type Asked = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What stands before a handler. Who may not is refused before anything that they sent is read: what
/// is wrong with it is not for them to know.
#[derive(Clone)]
struct Door {
    kind: DoorKind,
    permission: Option<Permission>,
}

#[derive(Clone)]
enum DoorKind {
    /// Of the API.
    Api {
        /// What its query may say.
        known: Arc<[Parameter]>,
        /// Else one with fields is refused.
        may_have_body: bool,
    },
    /// A page: whoever is not signed in is sent to sign in.
    Page,
    Part,
}

impl Door {
    fn before<H: Handler<T, App>, T: 'static>(
        self,
        handler: H,
    ) -> impl Fn(State<App>, Request) -> Asked + Clone + Send + Sync {
        move |State(app), request| {
            let (door, handler) = (self.clone(), handler.clone());
            Box::pin(async move {
                let (mut parts, mut body) = request.into_parts();
                let opened = async {
                    door.opens(&mut parts, &app).await?;
                    if let DoorKind::Api {
                        may_have_body: false,
                        ..
                    } = door.kind
                        && !body.is_end_stream()
                    {
                        let sent = Request::from_parts(parts.clone(), std::mem::take(&mut body));
                        extract::Body::<Nothing>::from_request(sent, &app)
                            .await
                            .map_err(ApiError::into_response)?;
                    }
                    Ok(())
                };
                match opened.await {
                    Ok(()) => handler.call(Request::from_parts(parts, body), app).await,
                    Err(refusal) => refusal,
                }
            })
        }
    }

    async fn opens(&self, parts: &mut Parts, app: &App) -> Result<(), Response> {
        if let Some(permission) = self.permission {
            let actor = match self.kind {
                DoorKind::Page => Person::from_request_parts(parts, app).await?.0,
                DoorKind::Api { .. } | DoorKind::Part => Actor::from_request_parts(parts, app)
                    .await
                    .map_err(ApiError::into_response)?,
            };
            if !actor.may(permission) {
                return Err(ApiError::from(engine::Error::Denied { permission }).into_response());
            }
            // For the handler, which asks again.
            parts.extensions.insert(actor);
        }
        match &self.kind {
            DoorKind::Api { known, .. } => {
                let query = parts.uri.query().unwrap_or_default();
                parameters::check(query, known).map_err(ApiError::into_response)
            }
            DoorKind::Page | DoorKind::Part => Ok(()),
        }
    }
}

fn method_of(filter: MethodFilter) -> &'static str {
    match filter {
        MethodFilter::GET => "GET",
        MethodFilter::POST => "POST",
        MethodFilter::PUT => "PUT",
        MethodFilter::PATCH => "PATCH",
        _ => "DELETE",
    }
}

/// What the document says of an operation, and what its body may cost.
pub(crate) struct Doc {
    summary: &'static str,
    permission: Option<Permission>,
    query: Vec<Parameter>,
    request: Option<Shape>,
    has_body: bool,
    body: BodyBudget,
    status: u16,
    response: Option<Shape>,
}

/// An operation for everybody who is signed in and may read.
pub(crate) fn op(summary: &'static str) -> Doc {
    Doc {
        summary,
        permission: Some(Permission::Read),
        query: Vec::new(),
        request: None,
        has_body: false,
        body: BodyBudget::Little,
        status: 204,
        response: None,
    }
}

/// An operation that needs no sign-in.
pub(crate) fn public(summary: &'static str) -> Doc {
    Doc {
        permission: None,
        status: 200,
        ..op(summary)
    }
}

impl Doc {
    /// An operation that needs more than reading. The engine refuses others; the document says so,
    /// and a test compares the two.
    pub(crate) fn needs(mut self, permission: Permission) -> Self {
        self.permission = Some(permission);
        self
    }

    /// What its query may say; everything else is refused by name.
    pub(crate) fn query(mut self, parameters: impl Into<Vec<Parameter>>) -> Self {
        self.query = parameters.into();
        self
    }

    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(Shape::of::<T>());
        self.has_body = true;
        self
    }

    /// An operation whose body holds more than a few fields.
    pub(crate) fn body(mut self, body: BodyBudget) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn returns<T: ToSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.response = Some(Shape::of::<T>());
        self
    }

    pub(crate) fn lists<T: ToSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.response = Some(Shape::list_of::<T>());
        self
    }
}
