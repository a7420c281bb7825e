//! What the route table is made of: a route, and what the OpenAPI document says of it.

use std::pin::Pin;

use axum::{
    Extension, Router,
    extract::{FromRequestParts as _, Request, State},
    handler::Handler,
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use model::{Actor, Permission};
use utoipa::{ToSchema, openapi::HttpMethod};

use crate::{
    App,
    budget::BodyBudget,
    error::ApiError,
    openapi::{Operation, Shape},
    pages::Person,
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
    /// What is asked before the handler is; that every member may read, it finds out itself.
    fn checked(self) -> Option<Permission> {
        self.permission
            .filter(|permission| *permission != Permission::Read)
    }

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
        self.operations.push(Operation {
            path: path.to_owned(),
            method,
            summary: doc.summary,
            permission: doc.permission,
            query: doc.query,
            request: doc.request,
            status: doc.status,
            response: doc.response,
        });
        let who = For {
            permission: doc.permission,
            body: doc.body,
        };
        match who.checked() {
            Some(permission) => self.route(
                path,
                filter,
                asked_by_who_may(permission, handler),
                who,
                false,
            ),
            None => self.route(path, filter, handler, who, false),
        }
    }

    /// A route that is no part of the API. Every path answers with and without a trailing slash.
    pub(crate) fn page<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        filter: MethodFilter,
        who: For,
        handler: H,
    ) -> Self {
        match who.checked() {
            Some(permission) => self.route(
                path,
                filter,
                shown_to_who_may(permission, handler),
                who,
                true,
            ),
            None => self.route(path, filter, handler, who, true),
        }
    }

    /// What a script of a page asks for: nobody is sent to the sign-in page.
    pub(crate) fn part<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        filter: MethodFilter,
        who: For,
        handler: H,
    ) -> Self {
        match who.checked() {
            Some(permission) => self.route(
                path,
                filter,
                asked_by_who_may(permission, handler),
                who,
                true,
            ),
            None => self.route(path, filter, handler, who, true),
        }
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

/// A handler behind the question whether its sender may.
type Asked = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Refuses who may not before anything that they sent is read: what is wrong with it is not for
/// them to know.
fn asked_by_who_may<H: Handler<T, App>, T: 'static>(
    permission: Permission,
    handler: H,
) -> impl Fn(State<App>, Request) -> Asked + Clone + Send + Sync {
    move |State(app), request| {
        let handler = handler.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match Actor::from_request_parts(&mut parts, &app).await {
                Ok(actor) if actor.may(permission) => {
                    // For the handler, which asks again.
                    parts.extensions.insert(actor);
                    handler.call(Request::from_parts(parts, body), app).await
                }
                Ok(_) => ApiError::from(engine::Error::Denied { permission }).into_response(),
                Err(error) => error.into_response(),
            }
        })
    }
}

/// The same for a page: whoever is not signed in is sent to sign in.
fn shown_to_who_may<H: Handler<T, App>, T: 'static>(
    permission: Permission,
    handler: H,
) -> impl Fn(State<App>, Request) -> Asked + Clone + Send + Sync {
    let checked = asked_by_who_may(permission, handler);
    move |State(app), request| {
        let checked = checked.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match Person::from_request_parts(&mut parts, &app).await {
                Ok(Person(actor)) => {
                    parts.extensions.insert(actor);
                    checked(State(app), Request::from_parts(parts, body)).await
                }
                Err(refused) => refused,
            }
        })
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
    query: &'static [&'static str],
    request: Option<Shape>,
    body: BodyBudget,
    status: u16,
    response: Option<Shape>,
}

/// An operation for everybody who is signed in and may read.
pub(crate) fn op(summary: &'static str) -> Doc {
    Doc {
        summary,
        permission: Some(Permission::Read),
        query: &[],
        request: None,
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

    pub(crate) fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(Shape::of::<T>());
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
