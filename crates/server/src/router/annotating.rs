//! The routes of annotating: the label stream, drafts, presence.

use model::Permission::Annotate;

use crate::{
    api::{drafts, label_stream, tasks},
    budget::BodyBudget,
    parameters::id,
    routes::{Routes, op},
};

pub(super) fn annotating_routes(routes: Routes) -> Routes {
    routes
        .get(
            "/api/projects/{id}/next",
            tasks::next,
            op("The next task for the caller, by id behind `after`; their unfinished work first without it. It is theirs for two minutes.")
                .needs(Annotate)
                .query([id("after")])
                .returns::<tasks::TaskView>(200),
        )
        .get(
            "/api/projects/{id}/label-stream-history",
            label_stream::history,
            op("The caller's last 50 annotations, newest first.")
                .query([id("project")])
                .lists::<label_stream::HistoryView>(200),
        )
        .post(
            "/api/tasks/{id}/presence",
            label_stream::note_presence,
            op("Says that the caller has the task open; answers who else has, and the annotations' versions.")
                .needs(Annotate)
                .returns::<label_stream::PresenceView>(200),
        )
        .get(
            "/api/tasks/{id}/drafts",
            drafts::list,
            op("The caller's drafts of a task.")
                .needs(Annotate)
                .lists::<drafts::DraftView>(200),
        )
        .post(
            "/api/tasks/{id}/drafts",
            drafts::save,
            op("Saves the caller's draft of a new annotation, over the one before.")
                .needs(Annotate)
                .query([id("project")])
                .takes::<drafts::DraftFields>()
                .body(BodyBudget::Work)
                .returns::<drafts::DraftView>(201),
        )
        .get(
            "/api/tasks/{id}/annotations/{annotation}/drafts",
            drafts::list_of_annotation,
            op("The caller's draft of a change to an annotation.")
                .needs(Annotate)
                .lists::<drafts::DraftView>(200),
        )
        .post(
            "/api/tasks/{id}/annotations/{annotation}/drafts",
            drafts::save_of_annotation,
            op("Saves the caller's draft of a change to an annotation, over the one before.")
                .needs(Annotate)
                .query([id("project")])
                .takes::<drafts::DraftFields>()
                .body(BodyBudget::Work)
                .returns::<drafts::DraftView>(201),
        )
        .get(
            "/api/drafts/{id}",
            drafts::get,
            op("One draft of the caller.")
                .needs(Annotate)
                .returns::<drafts::DraftView>(200),
        )
        .patch(
            "/api/drafts/{id}",
            drafts::update,
            op("Changes the given fields of the caller's draft.")
                .needs(Annotate)
                .takes::<drafts::DraftFields>()
                .body(BodyBudget::Work)
                .returns::<drafts::DraftView>(200),
        )
        .delete(
            "/api/drafts/{id}",
            drafts::delete,
            op("Deletes the caller's draft.").needs(Annotate),
        )
}
