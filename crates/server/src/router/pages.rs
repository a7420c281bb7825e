//! The pages, by area. They are no part of the API: the OpenAPI document does not name them.

use axum::routing::MethodFilter;

use crate::{budget::BodyBudget, editor, pages, routes::Routes, static_files};

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;

/// All of them.
pub(super) fn page_routes(routes: Routes) -> Routes {
    let routes = routes
        .page("/static/{name}", GET, static_files::serve)
        .page("/user/login", GET, pages::sign_in_form)
        .page("/user/login", POST, pages::sign_in)
        .page("/user/logout", POST, pages::sign_out)
        .page("/first-run/{secret}", GET, pages::first_run::show)
        .page("/first-run/{secret}", POST, pages::first_run::finish);
    annotate_pages(storage_pages(task_pages(project_pages(routes))))
}

/// Projects and their settings.
fn project_pages(routes: Routes) -> Routes {
    use pages::{import_page, label_config, new_project, project_settings};
    routes
        .page("/", GET, pages::home::show)
        .page("/events", GET, pages::home::events)
        .page("/projects/new", GET, new_project::show)
        .page("/projects/new", POST, new_project::create)
        .page("/projects/{id}/settings", GET, project_settings::show)
        .page_with(
            "/projects/{id}/settings",
            POST,
            project_settings::save,
            BodyBudget::Config,
        )
        .page_with(
            "/projects/{id}/settings/label-config",
            POST,
            project_settings::save_label_config,
            BodyBudget::Config,
        )
        .page_with(
            "/projects/{id}/settings/label-config/check",
            POST,
            label_config::check,
            BodyBudget::Config,
        )
        .page(
            "/projects/{id}/delete",
            GET,
            project_settings::confirm_delete,
        )
        .page("/projects/{id}/delete", POST, project_settings::delete)
        .page("/projects/{id}/import", GET, import_page::show)
        .page_with(
            "/projects/{id}/import",
            POST,
            import_page::import,
            BodyBudget::Import,
        )
}

/// A project's tasks.
fn task_pages(routes: Routes) -> Routes {
    use pages::grid;
    routes
        .page("/projects/{id}", GET, grid::show)
        .page_with(
            "/projects/{id}/tasks/chosen",
            POST,
            grid::confirm,
            BodyBudget::Chosen,
        )
        .page_with(
            "/projects/{id}/tasks/delete",
            POST,
            grid::delete,
            BodyBudget::Chosen,
        )
        .page("/tasks/{id}/thumbnail", GET, grid::thumbnail)
        .page("/tasks/{id}/thumbnail/{key}", GET, grid::picture)
}

/// Storages: connecting one, its state, its access check, exports.
fn storage_pages(routes: Routes) -> Routes {
    use pages::{
        connect_storage, exports, project_storages,
        storage::{self, errors, history, settings},
    };
    let routes = ["connect", "connect-target"]
        .into_iter()
        .fold(routes, |routes, wizard| {
            let at = |rest: &str| format!("/projects/{{id}}/{wizard}{rest}");
            let steps = ["/sign-in", "/place", "/content"];
            let routes = steps.into_iter().fold(routes, |routes, step| {
                routes.page(&at(step), GET, connect_storage::show).page(
                    &at(step),
                    POST,
                    connect_storage::go,
                )
            });
            routes
                .page(&at(""), GET, connect_storage::begin)
                .page(&at("/review"), GET, connect_storage::show)
                .page(&at("/review"), POST, connect_storage::save)
                .page(&at("/check"), POST, connect_storage::access::check)
                .page(&at("/preview"), POST, connect_storage::preview::show)
                .page(&at("/start-over"), POST, connect_storage::start_over)
        });
    routes
        .page("/projects/{id}/storages", GET, project_storages::show)
        .page(
            "/projects/{id}/storages/events",
            GET,
            project_storages::events,
        )
        .page("/projects/{id}/events", GET, project_storages::importing)
        .page("/projects/{id}/exports", GET, exports::show_project)
        .page(
            "/projects/{id}/exports/events",
            GET,
            exports::project_events,
        )
        .page("/exports", GET, exports::show)
        .page("/exports/events", GET, exports::events)
        .page("/storages/{id}", GET, storage::show)
        .page("/storages/{id}/events", GET, storage::events)
        .page("/storages/{id}/sync", POST, storage::sync)
        .page("/storages/{id}/cancel", POST, storage::cancel)
        .page("/storages/{id}/history", GET, history::show)
        .page("/storages/{id}/history/events", GET, history::events)
        .page("/storages/{id}/errors", GET, errors::show)
        .page("/storages/{id}/errors/events", GET, errors::events)
        .page("/storages/{id}/errors/retry", POST, errors::retry)
        .page("/storages/{id}/settings", GET, settings::show)
        .page("/storages/{id}/settings", POST, settings::save)
        .page(
            "/storages/{id}/disconnect",
            GET,
            settings::confirm_disconnect,
        )
        .page("/storages/{id}/disconnect", POST, settings::disconnect)
        .page("/storages/{id}/check", GET, pages::check_form)
        .page("/storages/{id}/check", POST, pages::check)
}

/// The annotation editor.
fn annotate_pages(routes: Routes) -> Routes {
    routes
        .page("/projects/{id}/tasks/{task}", GET, pages::annotate::show)
        .page("/tasks/{id}/unreadable", GET, pages::annotate::unreadable)
        .page("/projects/{id}/label", GET, pages::annotate::label)
        .page(
            "/projects/{id}/label-preview",
            GET,
            pages::label_preview::show,
        )
        .page(
            "/projects/{id}/label-preview/shown",
            POST,
            pages::shown::preview,
        )
        .page("/projects/{id}/shown-next", GET, pages::shown::next)
        .page("/tasks/{id}/shown", GET, pages::shown::task)
        .page("/tasks/{id}/shown-html", GET, pages::shown::html)
        .page("/editor/licences", GET, pages::editor_licences::show)
        .page("/editor/{folder}/{name}", GET, editor::file)
        .page("/static/fonts/{name}", GET, editor::font)
}
