//! Every route on one page. The OpenAPI document is made from this table, so that it cannot
//! promise a route that is not there or forget one.

mod annotating;
mod azure;
mod pages;
mod people;

use axum::{Router, http::Method, middleware, routing::MethodFilter};
use model::Permission::{Annotate, ManageProjects};
use serde_json::Value;

use crate::{
    App,
    api::{
        annotations, checks, exports, health, media, predictions, projects, storage_forms,
        storages, sync_runs, task_actions, tasks, tokens, users,
    },
    budget::BodyBudget,
    error::ApiError,
    media_origin::two_hosts,
    observe::observe,
    pages::error_page::for_browsers,
    parameters::{PAGE, PAGE_SIZE, flag, id, only},
    routes::{ANYBODY, Routes, op, public},
    stranger::only_own_files_run,
};

/// The server's router, with what happens around every request.
pub(crate) fn router(app: App) -> Router {
    let own = routes()
        .router
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async |method: Method| ApiError::method_not_allowed(&method))
        .layer(middleware::from_fn(only_own_files_run))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .layer(middleware::from_fn_with_state(app.clone(), for_browsers))
        .with_state(app.clone());
    two_hosts(app, own)
}

/// The table.
pub(crate) fn routes() -> Routes {
    let routes = pages::page_routes(Routes::default())
        // the service itself
        .get("/health", health::health, public("Is the process up?"))
        .get(
            "/ready",
            health::ready,
            public("Can it serve: is the database reachable, and does it take what is written?"),
        )
        .page("/metrics", MethodFilter::GET, ANYBODY, health::metrics)
        .get(
            "/api/version",
            users::version,
            public("Versions of the product and of its API."),
        )
        .get(
            "/api/openapi.json",
            health::openapi,
            public("This document."),
        )
        // people and tokens
        .get(
            "/api/current-user/whoami",
            users::whoami,
            op("Who the caller is.").returns::<users::WhoamiView>(200),
        )
        .get(
            "/api/jwt/settings",
            tokens::settings,
            op("Which kinds of API tokens are on.").returns::<tokens::TokenSettings>(200),
        )
        .post(
            "/api/jwt/settings",
            tokens::update_settings,
            op("Accepts Label Studio's token settings; both kinds stay on.")
                .takes::<tokens::TokenSettingsInput>()
                .returns::<tokens::TokenSettings>(200),
        )
        .get(
            "/api/token",
            tokens::list,
            op("The caller's personal access tokens, without their signatures.")
                .lists::<tokens::TokenView>(200),
        )
        .post(
            "/api/token",
            tokens::create,
            op("Makes a personal access token; shown whole this once.")
                .returns::<tokens::TokenView>(201),
        )
        .post(
            "/api/token/refresh",
            tokens::refresh,
            public("A five-minute access token for a personal access token.")
                .takes::<tokens::RefreshInput>()
                .returns::<tokens::Access>(200),
        )
        .post(
            "/api/token/rotate",
            tokens::rotate,
            public("Replaces a personal access token.")
                .takes::<tokens::RefreshInput>()
                .returns::<tokens::Refresh>(200),
        )
        .post(
            "/api/token/blacklist",
            tokens::blacklist,
            op("Revokes a personal access token.").takes::<tokens::RefreshInput>(),
        )
        // projects
        .get(
            "/api/projects",
            projects::list::list,
            op("Projects, newest first.")
                .query(projects::list::PARAMETERS)
                .returns::<projects::ProjectPage>(200),
        )
        .post(
            "/api/projects",
            projects::create,
            op("Creates a project.")
                .needs(ManageProjects)
                .takes::<projects::ProjectFields>()
                .body(BodyBudget::Config)
                .returns::<projects::ProjectView>(201),
        )
        .get(
            "/api/projects/{id}",
            projects::get,
            op("One project.").returns::<projects::ProjectView>(200),
        )
        .patch(
            "/api/projects/{id}",
            projects::update,
            op("Changes the given fields.")
                .needs(ManageProjects)
                .takes::<projects::ProjectFields>()
                .body(BodyBudget::Config)
                .returns::<projects::ProjectView>(200),
        )
        .delete(
            "/api/projects/{id}",
            projects::delete,
            op("Deletes a project, its tasks and storages. Blobs in Azure stay.")
                .needs(ManageProjects),
        )
        .post(
            "/api/projects/{id}/validate",
            projects::validate,
            op("Checks a labeling config and changes nothing.")
                .takes::<projects::LabelConfigInput>()
                .body(BodyBudget::Config)
                .returns::<projects::Validated>(200),
        )
        .post(
            "/api/projects/{id}/import",
            tasks::import,
            op("Imports a JSON task or an array of tasks.")
                .needs(ManageProjects)
                .query(tasks::IMPORT)
                .takes::<Value>()
                .body(BodyBudget::Import)
                .returns::<tasks::ImportedView>(201),
        )
        .get(
            "/api/projects/{id}/tasks",
            tasks::list::list_of_project,
            op("The project's tasks as a plain array, each whole.")
                .query(tasks::asked::LIST_OF_PROJECT)
                .lists::<tasks::TaskView>(200),
        )
        .post(
            "/api/projects/{id}/tasks",
            tasks::create_in_project,
            op("Creates a task of the project.")
                .needs(ManageProjects)
                .takes::<tasks::TaskFields>()
                .body(BodyBudget::Work)
                .returns::<tasks::TaskView>(201),
        )
        .get(
            "/api/projects/{id}/export",
            exports::export,
            op("Every annotated task as one file.")
                .query(exports::PARAMETERS)
                .lists::<Value>(200),
        )
        .get(
            "/api/projects/{id}/export/formats",
            exports::formats,
            op("The formats of the export.").lists::<engine::ExportFormat>(200),
        )
        // the access check
        .post(
            "/api/check",
            checks::check,
            op("The access check of a container or blob URL, or of a storage before it is saved.")
                .needs(ManageProjects)
                .takes::<checks::CheckPlaceFields>()
                .returns::<Value>(200),
        )
        // tasks
        .get(
            "/api/tasks",
            tasks::list::list,
            op("Tasks of a project.")
                .query(tasks::asked::LIST)
                .returns::<tasks::TaskPage>(200),
        )
        .post(
            "/api/tasks",
            tasks::create,
            op("Creates a task.")
                .needs(ManageProjects)
                .takes::<tasks::TaskFields>()
                .body(BodyBudget::Work)
                .returns::<tasks::TaskView>(201),
        )
        .get(
            "/api/tasks/{id}",
            tasks::get,
            op("One task with its annotations and predictions.")
                .query([flag("resolve_uri"), id("project"), tasks::asked::INTERACTION])
                .returns::<tasks::TaskView>(200),
        )
        .patch(
            "/api/tasks/{id}",
            tasks::update,
            op("Changes the given fields.")
                .needs(ManageProjects)
                .takes::<tasks::TaskFields>()
                .body(BodyBudget::Work)
                .returns::<tasks::TaskView>(200),
        )
        .delete(
            "/api/tasks/{id}",
            tasks::delete,
            op("Deletes a task.").needs(ManageProjects),
        )
        .post(
            "/api/dm/actions",
            task_actions::act,
            op("Deletes the selected tasks (id=delete_tasks), or their annotations (id=delete_tasks_annotations).")
                .needs(ManageProjects)
                .query(task_actions::PARAMETERS)
                .takes::<task_actions::ActionFields>()
                .body(BodyBudget::Work)
                .returns::<task_actions::ActionView>(200),
        )
        // media
        .get(
            "/tasks/{id}/resolve",
            media::resolve,
            op("The media of a task: a redirect to a pre-signed URL, or its bytes.")
                .query(media::PARAMETERS),
        )
        .get(
            "/tasks/{id}/presign",
            media::resolve,
            op("The same as resolve.").query(media::PARAMETERS),
        )
        // annotations and predictions
        .get(
            "/api/tasks/{id}/annotations",
            annotations::list,
            op("The annotations of a task.")
                .query([only("ordering", &["id"], "They come by id.")])
                .lists::<annotations::AnnotationView>(200),
        )
        .post(
            "/api/tasks/{id}/annotations",
            annotations::create,
            op("Creates an annotation.")
                .needs(Annotate)
                .query([id("project"), flag("was_cancelled")])
                .takes::<annotations::AnnotationFields>()
                .body(BodyBudget::Work)
                .returns::<annotations::AnnotationView>(201),
        )
        .get(
            "/api/annotations/{id}",
            annotations::get,
            op("One annotation.").returns::<annotations::AnnotationView>(200),
        )
        .patch(
            "/api/annotations/{id}",
            annotations::update,
            op("Changes the given fields.")
                .needs(Annotate)
                .takes::<annotations::AnnotationFields>()
                .body(BodyBudget::Work)
                .returns::<annotations::AnnotationView>(200),
        )
        .delete(
            "/api/annotations/{id}",
            annotations::delete,
            op("Deletes an annotation.").needs(Annotate),
        )
        .get(
            "/api/predictions",
            predictions::list,
            op("Predictions of a project or a task.")
                .query([id("project"), id("task__project"), id("task")])
                .lists::<predictions::PredictionView>(200),
        )
        .post(
            "/api/predictions",
            predictions::create,
            op("Creates a prediction.")
                .needs(ManageProjects)
                .takes::<predictions::PredictionFields>()
                .body(BodyBudget::Work)
                .returns::<predictions::PredictionView>(201),
        )
        .get(
            "/api/predictions/{id}",
            predictions::get,
            op("One prediction.").returns::<predictions::PredictionView>(200),
        )
        .patch(
            "/api/predictions/{id}",
            predictions::update,
            op("Changes the given fields.")
                .needs(ManageProjects)
                .takes::<predictions::PredictionFields>()
                .body(BodyBudget::Work)
                .returns::<predictions::PredictionView>(200),
        )
        .delete(
            "/api/predictions/{id}",
            predictions::delete,
            op("Deletes a prediction.").needs(ManageProjects),
        );
    let routes = routes.post(
        "/api/storages/{kind}/{id}/retry-errors",
        sync_runs::retry_errors,
        op("Tries the blobs again that could not be imported, or one of them, without looking through the whole container. Answers as a sync.")
            .needs(ManageProjects)
            .takes::<sync_runs::RetryFields>()
            .returns::<storages::StorageView>(200),
    );
    let routes = routes
        .get(
            "/api/storages/export/{kind}/{id}/foreign",
            sync_runs::foreign,
            op("The blobs of somebody else's that are in the storage's way, by name.")
                .needs(ManageProjects)
                .query([PAGE, PAGE_SIZE])
                .lists::<sync_runs::ForeignBlobView>(200),
        )
        .post(
            "/api/storages/export/{kind}/{id}/adopt",
            sync_runs::adopt,
            op("Lets the storage overwrite the blobs of somebody else's that are in its way now.")
                .needs(ManageProjects)
                .returns::<storages::StorageView>(200),
        );
    // Source and target storages have the same routes; `model::StorageType` says which it is.
    ["/api/storages", "/api/storages/export"].into_iter().fold(
        annotating::annotating_routes(azure::azure_routes(people::people_routes(routes))),
        storage_routes,
    )
}

fn storage_routes(routes: Routes, base: &str) -> Routes {
    let at = |rest: &str| format!("{base}{rest}");
    routes
        .get(
            base,
            storages::list_all,
            op("The project's storages of every kind.").needs(ManageProjects)
                .query([id("project")])
                .lists::<storages::StorageView>(200),
        )
        .get(
            &at("/types"),
            storages::types,
            op("The kinds of storages.").lists::<storages::TypeView>(200),
        )
        .get(
            &at("/{kind}"),
            storages::list,
            op("The project's storages of one kind.").needs(ManageProjects)
                .query([id("project")])
                .lists::<storages::StorageView>(200),
        )
        .post(
            &at("/{kind}"),
            storages::create,
            op("Creates a storage, when it works.").needs(ManageProjects)
                .query([id("project"), only("pk", &["undefined"], "A new storage gets its id here.")])
                .takes::<storages::StorageFields>()
                .returns::<storages::StorageView>(201),
        )
        .post(
            &at("/{kind}/validate"),
            storages::validate,
            op("Checks that a storage would work, and changes nothing.").needs(ManageProjects)
                .takes::<storages::StorageFields>(),
        )
        .post(
            &at("/{kind}/files"),
            storages::files,
            op("Lists what would match, before anything is saved.").needs(ManageProjects)
                .takes::<storages::StorageFields>()
                .returns::<storages::FileList>(200),
        )
        .get(
            &at("/{kind}/form"),
            storage_forms::form,
            op("The fields of this kind of storage, for a form.").returns::<Value>(200),
        )
        .get(
            &at("/{kind}/{id}"),
            storages::get,
            op("One storage. Its secrets are never returned.").needs(ManageProjects)
                .returns::<storages::StorageView>(200),
        )
        .patch(
            &at("/{kind}/{id}"),
            storages::update,
            op("Changes the given fields; secrets that are not given stay.").needs(ManageProjects)
                .query([id("project")])
                .takes::<storages::StorageFields>()
                .returns::<storages::StorageView>(200),
        )
        .put(
            &at("/{kind}/{id}"),
            storages::update,
            op("The same as PATCH, as in Label Studio.").needs(ManageProjects)
                .query([id("project")])
                .takes::<storages::StorageFields>()
                .returns::<storages::StorageView>(200),
        )
        .delete(
            &at("/{kind}/{id}"),
            storages::delete,
            op("Deletes a storage; its tasks and blobs stay.").needs(ManageProjects),
        )
        .post(
            &at("/{kind}/{id}/check"),
            checks::check_storage,
            op("The access check: what works, what does not, why, and the command that fixes it. Changes nothing in Longshore.").needs(ManageProjects)
                .takes::<checks::CheckFields>()
                .returns::<Value>(200),
        )
        .post(
            &at("/{kind}/{id}/sync"),
            sync_runs::sync,
            op("Starts a sync, or joins the one that runs. Answers the final state when it ends within two seconds, else the progress.").needs(ManageProjects)
                .returns::<storages::StorageView>(200),
        )
        .post(
            &at("/{kind}/{id}/cancel"),
            sync_runs::cancel,
            op("Stops the sync that runs. What was committed stays.").needs(ManageProjects)
                .returns::<storages::StorageView>(200),
        )
        .get(
            &at("/{kind}/{id}/runs"),
            sync_runs::list,
            op("The storage's syncs, newest first.").needs(ManageProjects)
                .query([PAGE, PAGE_SIZE])
                .lists::<sync_runs::RunView>(200),
        )
        .get(
            &at("/{kind}/{id}/errors"),
            sync_runs::errors,
            op("The blobs that failed, each with its cause.").needs(ManageProjects)
                .query([PAGE, PAGE_SIZE])
                .lists::<sync_runs::BlobErrorView>(200),
        )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::routes;

    #[test]
    fn every_operation_is_said_once() {
        let operations = routes().operations;
        let distinct: BTreeSet<_> = operations
            .iter()
            .map(|operation| (operation.id(), operation.path.clone()))
            .collect();
        assert_eq!(distinct.len(), operations.len());
    }
}
