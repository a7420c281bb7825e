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
};

/// The table while it is made.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<App>,
    pub(crate) operations: Vec<Operation>,
    /// Method and path.
    all: Vec<(&'static str, String)>,
}

/// Method and path of every route, pages included; for tests that walk them.
pub fn every_route() -> Vec<(&'static str, String)> {
    crate::router::routes().all
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
        match doc.permission {
            Some(permission) if permission != Permission::Read => {
                let handler = asked_by_who_may(permission, handler);
                self.page_with(path, filter, handler, doc.body)
            }
            _ => self.page_with(path, filter, handler, doc.body),
        }
    }

    /// A route that is no part of the API. Every path answers with and without a trailing slash.
    pub(crate) fn page<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        filter: MethodFilter,
        handler: H,
    ) -> Self {
        self.page_with(path, filter, handler, BodyBudget::Little)
    }

    /// The same, of a page whose form holds more than a few fields.
    pub(crate) fn page_with<H: Handler<T, App>, T: 'static>(
        mut self,
        path: &str,
        filter: MethodFilter,
        handler: H,
        body: BodyBudget,
    ) -> Self {
        let mut methods: MethodRouter<App> = on(filter, handler);
        if body != BodyBudget::Little {
            methods = methods.layer(Extension(body));
        }
        self.all.push((method_of(filter), path.to_owned()));
        if path != "/" {
            self.router = self.router.route(&format!("{path}/"), methods.clone());
        }
        self.router = self.router.route(path, methods);
        self
    }
}

/// Refuses who may not before anything that they sent is read: what is wrong with it is not for
/// them to know.
fn asked_by_who_may<H: Handler<T, App>, T: 'static>(
    permission: Permission,
    handler: H,
) -> impl Fn(State<App>, Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Clone + Send + Sync
{
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
