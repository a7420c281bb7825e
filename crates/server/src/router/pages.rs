//! The pages, by area. They are no part of the API: the OpenAPI document does not name them.

use axum::routing::MethodFilter;

use crate::{
    budget::BodyBudget,
    editor, pages,
    routes::{ANNOTATORS, ANYBODY, MANAGERS, MEMBERS, Routes},
    static_files,
};

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;

/// All of them.
pub(super) fn page_routes(routes: Routes) -> Routes {
    let routes = routes
        .page("/static/{name}", GET, ANYBODY, static_files::serve)
        .page("/user/login", GET, ANYBODY, pages::sign_in_form)
        .page("/user/login", POST, ANYBODY, pages::sign_in)
        .page("/user/logout", POST, ANYBODY, pages::sign_out)
        .page("/first-run/{secret}", GET, ANYBODY, pages::first_run::show)
        .page(
            "/first-run/{secret}",
            POST,
            ANYBODY,
            pages::first_run::finish,
        );
    annotate_pages(storage_pages(task_pages(project_pages(routes))))
}

/// Projects and their settings.
fn project_pages(routes: Routes) -> Routes {
    use pages::{import_page, label_config, new_project, project_settings};
    routes
        .page("/", GET, MEMBERS, pages::home::show)
        .part("/events", GET, MEMBERS, pages::home::events)
        .page("/projects/new", GET, MANAGERS, new_project::show)
        .page("/projects/new", POST, MANAGERS, new_project::create)
        .page(
            "/projects/{id}/settings",
            GET,
            MANAGERS,
            project_settings::show,
        )
        .page(
            "/projects/{id}/settings",
            POST,
            MANAGERS.sending(BodyBudget::Config),
            project_settings::save,
        )
        .page(
            "/projects/{id}/settings/label-config",
            POST,
            MANAGERS.sending(BodyBudget::Config),
            project_settings::save_label_config,
        )
        .page(
            "/projects/{id}/settings/label-config/check",
            POST,
            MANAGERS.sending(BodyBudget::Config),
            label_config::check,
        )
        .page(
            "/projects/{id}/delete",
            GET,
            MANAGERS,
            project_settings::confirm_delete,
        )
        .page(
            "/projects/{id}/delete",
            POST,
            MANAGERS,
            project_settings::delete,
        )
        .page("/projects/{id}/import", GET, MANAGERS, import_page::show)
        .page(
            "/projects/{id}/import",
            POST,
            MANAGERS.sending(BodyBudget::Import),
            import_page::import,
        )
}

/// A project's tasks.
fn task_pages(routes: Routes) -> Routes {
    use pages::grid;
    routes
        .page("/projects/{id}", GET, MEMBERS, grid::show)
        .page(
            "/projects/{id}/tasks/chosen",
            POST,
            MANAGERS.sending(BodyBudget::Chosen),
            grid::confirm,
        )
        .page(
            "/projects/{id}/tasks/delete",
            POST,
            MANAGERS.sending(BodyBudget::Chosen),
            grid::delete,
        )
        .part("/tasks/{id}/thumbnail", GET, MEMBERS, grid::thumbnail)
        .part("/tasks/{id}/thumbnail/{key}", GET, MEMBERS, grid::picture)
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
                routes
                    .page(&at(step), GET, MANAGERS, connect_storage::show)
                    .page(&at(step), POST, MANAGERS, connect_storage::go)
            });
            routes
                .page(&at(""), GET, MANAGERS, connect_storage::begin)
                .page(&at("/review"), GET, MANAGERS, connect_storage::show)
                .page(&at("/review"), POST, MANAGERS, connect_storage::save)
                .page(
                    &at("/check"),
                    POST,
                    MANAGERS,
                    connect_storage::access::check,
                )
                .page(
                    &at("/preview"),
                    POST,
                    MANAGERS,
                    connect_storage::preview::show,
                )
                .page(
                    &at("/start-over"),
                    POST,
                    MANAGERS,
                    connect_storage::start_over,
                )
        });
    routes
        .page(
            "/projects/{id}/storages",
            GET,
            MANAGERS,
            project_storages::show,
        )
        .part(
            "/projects/{id}/storages/events",
            GET,
            MANAGERS,
            project_storages::events,
        )
        .part(
            "/projects/{id}/events",
            GET,
            MEMBERS,
            project_storages::importing,
        )
        .page(
            "/projects/{id}/exports",
            GET,
            MANAGERS,
            exports::show_project,
        )
        .part(
            "/projects/{id}/exports/events",
            GET,
            MANAGERS,
            exports::project_events,
        )
        .page("/exports", GET, MANAGERS, exports::show)
        .part("/exports/events", GET, MANAGERS, exports::events)
        .page("/storages/{id}", GET, MANAGERS, storage::show)
        .part("/storages/{id}/events", GET, MANAGERS, storage::events)
        .page("/storages/{id}/sync", POST, MANAGERS, storage::sync)
        .page("/storages/{id}/cancel", POST, MANAGERS, storage::cancel)
        .page("/storages/{id}/adopt", POST, MANAGERS, storage::adopt)
        .page("/storages/{id}/history", GET, MANAGERS, history::show)
        .part(
            "/storages/{id}/history/events",
            GET,
            MANAGERS,
            history::events,
        )
        .page("/storages/{id}/errors", GET, MANAGERS, errors::show)
        .part(
            "/storages/{id}/errors/events",
            GET,
            MANAGERS,
            errors::events,
        )
        .page("/storages/{id}/errors/retry", POST, MANAGERS, errors::retry)
        .page("/storages/{id}/settings", GET, MANAGERS, settings::show)
        .page("/storages/{id}/settings", POST, MANAGERS, settings::save)
        .page(
            "/storages/{id}/disconnect",
            GET,
            MANAGERS,
            settings::confirm_disconnect,
        )
        .page(
            "/storages/{id}/disconnect",
            POST,
            MANAGERS,
            settings::disconnect,
        )
        .page("/storages/{id}/check", GET, MANAGERS, pages::check_form)
        .page("/storages/{id}/check", POST, MANAGERS, pages::check)
}

/// The annotation editor.
fn annotate_pages(routes: Routes) -> Routes {
    routes
        .page(
            "/projects/{id}/tasks/{task}",
            GET,
            MEMBERS,
            pages::annotate::show,
        )
        .part(
            "/tasks/{id}/unreadable",
            GET,
            MEMBERS,
            pages::annotate::unreadable,
        )
        .page(
            "/projects/{id}/label",
            GET,
            ANNOTATORS,
            pages::annotate::label,
        )
        .page(
            "/projects/{id}/label-preview",
            GET,
            MEMBERS,
            pages::label_preview::show,
        )
        .part(
            "/projects/{id}/label-preview/shown",
            POST,
            MEMBERS,
            pages::shown::preview,
        )
        .part(
            "/projects/{id}/shown-next",
            GET,
            ANNOTATORS,
            pages::shown::next,
        )
        .part("/tasks/{id}/shown", GET, MEMBERS, pages::shown::task)
        .part("/tasks/{id}/shown-html", GET, MEMBERS, pages::shown::html)
        .page(
            "/editor/licences",
            GET,
            ANYBODY,
            pages::editor_licences::show,
        )
        .page("/editor/{folder}/{name}", GET, ANYBODY, editor::file)
        .page("/static/fonts/{name}", GET, ANYBODY, editor::font)
}
