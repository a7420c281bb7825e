//! The pages, by area. They are no part of the API: the OpenAPI document does not name them.

use axum::routing::MethodFilter;

use crate::{editor, pages, routes::Routes, static_files};

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;

/// All of them.
pub(super) fn page_routes(routes: Routes) -> Routes {
    let routes = routes
        .page("/static/{name}", GET, static_files::serve)
        .page("/user/login", GET, pages::sign_in_form)
        .page("/user/login", POST, pages::sign_in)
        .page("/user/logout", POST, pages::sign_out);
    annotate_pages(storage_pages(task_pages(project_pages(routes))))
}

/// Projects and their settings.
fn project_pages(routes: Routes) -> Routes {
    routes.page("/", GET, pages::home::show)
}

/// A project's tasks.
fn task_pages(routes: Routes) -> Routes {
    routes.page("/projects/{id}", GET, pages::project)
}

/// Storages: connecting one, its state, its access check, exports.
fn storage_pages(routes: Routes) -> Routes {
    routes
        .page("/storages/{id}/check", GET, pages::check_form)
        .page("/storages/{id}/check", POST, pages::check)
}

/// The annotation editor.
fn annotate_pages(routes: Routes) -> Routes {
    routes
        .page("/editor/licences", GET, pages::editor_licences::show)
        .page("/editor/{folder}/{name}", GET, editor::file)
        .page("/static/fonts/{name}", GET, editor::font)
}
