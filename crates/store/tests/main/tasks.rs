//! Projects and tasks.

use store::{Expected, NewTask, ProjectPatch, TaskPatch, TaskQuery};

use crate::world::{NOW, World, counts, json, prediction, task};

pub async fn projects_are_created_changed_and_listed(w: World) {
    let patch = ProjectPatch {
        title: Some("Dogs".to_owned()),
        settings: Some(json(r#"{"color":"red"}"#)),
        ..ProjectPatch::default()
    };
    let changed = w
        .store
        .update_project(w.org, w.project, &patch, NOW + 5)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.title.as_str(), changed.label_config.as_str()),
        ("Dogs", "<View/>")
    );
    assert_eq!(
        (changed.settings.get(), changed.updated_at_ms),
        (r#"{"color":"red"}"#, NOW + 5)
    );
    let (page, total) = w.store.list_projects(w.org, "", 10, 0).await.unwrap();
    assert_eq!((page.len(), total, page[0].title.as_str()), (1, 1, "Dogs"));
    assert!(
        w.store
            .list_projects(w.org, "", 10, 1)
            .await
            .unwrap()
            .0
            .is_empty()
    );
    assert!(w.delete_project(w.org, w.project).await);
    assert!(!w.delete_project(w.org, w.project).await);
}

pub async fn tasks_come_with_what_was_labeled(w: World) {
    let mut cancelled = w.annotation();
    cancelled.was_cancelled = true;
    let full = NewTask {
        meta: Some(json(r#"{"a":"\u0000 'quoted' $1"}"#)),
        annotations: vec![w.annotation(), cancelled],
        predictions: vec![prediction(0.1), prediction(0.25)],
        ..task()
    };
    let ids = w.tasks(&[full, task()]).await;
    assert!(ids[0] < ids[1]);
    let first = w.store.find_task(w.org, ids[0]).await.unwrap().unwrap();
    assert_eq!(first.meta.get(), r#"{"a":"\u0000 'quoted' $1"}"#);
    assert_eq!(first.data.get(), task().data.get());
    assert_eq!(
        (first.inner_id, first.is_labeled, first.prediction_count),
        (1, true, 2)
    );
    assert_eq!(
        (first.annotation_count, first.cancelled_annotation_count),
        (1, 1)
    );
    let second = w.store.find_task(w.org, ids[1]).await.unwrap().unwrap();
    assert_eq!(
        (second.inner_id, second.is_labeled, second.meta.get()),
        (2, false, "{}")
    );
    let annotations = w
        .store
        .find_annotations_of_tasks(w.org, &ids)
        .await
        .unwrap();
    assert_eq!(annotations.len(), 2);
    assert_eq!(annotations[0].lead_time, Some(1.25));
    assert_eq!(
        annotations[0].completed_by_email.as_deref(),
        Some("owner@example.com")
    );
    let predictions = w
        .store
        .find_predictions_of_tasks(w.org, &ids)
        .await
        .unwrap();
    assert_eq!(predictions[0].score, Some(0.1));
    assert_eq!(counts(&w.counted().await), (2, 1, 1, 1, 2));
}

pub async fn tasks_are_paged_by_offset_and_by_key(w: World) {
    let ids = w.tasks(&vec![task(); 25]).await;
    let query = TaskQuery {
        project: Some(w.project),
        limit: 10,
        ..TaskQuery::default()
    };
    let (page, total) = w
        .store
        .list_tasks(
            w.org,
            &TaskQuery {
                offset: 20,
                ..query
            },
        )
        .await
        .unwrap();
    assert_eq!(total, 25);
    assert!(
        page.iter()
            .map(|task| task.id)
            .eq(ids[20..].iter().copied())
    );
    let after = TaskQuery {
        after_id: Some(ids[3]),
        ..query
    };
    let (page, total) = w.store.list_tasks(w.org, &after).await.unwrap();
    assert_eq!(total, 25);
    assert!(
        page.iter()
            .map(|task| task.id)
            .eq(ids[4..14].iter().copied())
    );
    let everywhere = TaskQuery {
        project: None,
        ..query
    };
    let (page, total) = w.store.list_tasks(w.org, &everywhere).await.unwrap();
    assert_eq!((page.len(), total), (10, 25));
}

pub async fn another_organization_sees_nothing(w: World) {
    let id = w.task().await;
    let annotation = w
        .store
        .create_annotation(w.org, id, &w.annotation(), NOW)
        .await;
    let annotation = annotation.unwrap().unwrap().id;
    let predicted = w
        .store
        .create_prediction(w.org, id, &prediction(0.5), NOW)
        .await;
    let predicted = predicted.unwrap().unwrap().id;
    let (s, foreign) = (&w.store, w.stranger());

    assert!(s.find_project(foreign, w.project).await.unwrap().is_none());
    let patch = ProjectPatch::default();
    assert!(
        s.update_project(foreign, w.project, &patch, NOW)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!w.delete_project(foreign, w.project).await);
    assert_eq!(s.list_projects(foreign, "", 9, 0).await.unwrap().1, 0);
    assert!(
        s.create_tasks(foreign, w.project, &[task()], NOW, w.user)
            .await
            .unwrap()
            .is_none()
    );
    assert!(s.find_task(foreign, id).await.unwrap().is_none());
    assert!(
        s.find_task_for_resolve(foreign, id)
            .await
            .unwrap()
            .is_none()
    );
    let patch = TaskPatch {
        data: Some(json("{}")),
        meta: None,
    };
    assert!(
        s.update_task(foreign, id, &patch, w.user, NOW)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!s.delete_task(foreign, id, NOW).await.unwrap());
    assert!(
        s.delete_tasks_of_project(foreign, w.project, NOW)
            .await
            .unwrap()
            .is_none()
    );
    for project in [None, Some(w.project)] {
        let query = TaskQuery {
            project,
            limit: 9,
            ..TaskQuery::default()
        };
        let (tasks, total) = s.list_tasks(foreign, &query).await.unwrap();
        assert_eq!((tasks.len(), total), (0, 0));
    }
    assert!(
        s.create_annotation(foreign, id, &w.annotation(), NOW)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        s.find_annotation(foreign, annotation)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        s.list_annotations_of_task(foreign, id)
            .await
            .unwrap()
            .is_empty()
    );
    let patch = store::AnnotationPatch::default();
    let updated = s
        .update_annotation(foreign, annotation, &patch, w.user, NOW)
        .await;
    assert!(updated.unwrap().done().is_none());
    let deleted = s.delete_annotation(foreign, annotation, &Expected::Any, NOW);
    assert!(deleted.await.unwrap().done().is_none());
    assert!(
        s.create_prediction(foreign, id, &prediction(1.0), NOW)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        s.find_prediction(foreign, predicted)
            .await
            .unwrap()
            .is_none()
    );
    let query = store::PredictionQuery::default();
    assert!(
        s.list_predictions(foreign, &query)
            .await
            .unwrap()
            .is_empty()
    );
    let patch = store::PredictionPatch::default();
    assert!(
        s.update_prediction(foreign, predicted, &patch, NOW)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!s.delete_prediction(foreign, predicted).await.unwrap());

    let found = s.find_task(w.org, id).await.unwrap().unwrap();
    assert_eq!(found.data.get(), task().data.get());
    assert_eq!(counts(&w.counted().await), (1, 1, 1, 0, 1));
}

pub async fn deleting_keeps_the_counters_true(w: World) {
    let labeled = NewTask {
        annotations: vec![w.annotation()],
        predictions: vec![prediction(0.5)],
        ..task()
    };
    let ids = w.tasks(&[labeled.clone(), labeled.clone(), task()]).await;
    let resolve = w
        .store
        .find_task_for_resolve(w.org, ids[0])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (resolve.project_id, resolve.data.as_str()),
        (w.project, task().data.get())
    );
    let patch = TaskPatch {
        data: None,
        meta: Some(json(r#"{"k":1}"#)),
    };
    let changed = w
        .store
        .update_task(w.org, ids[0], &patch, w.user, NOW + 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.meta.get(), changed.data.get()),
        (r#"{"k":1}"#, task().data.get())
    );
    assert_eq!(changed.updated_by, Some(w.user));

    assert!(w.store.delete_task(w.org, ids[0], NOW).await.unwrap());
    assert!(!w.store.delete_task(w.org, ids[0], NOW).await.unwrap());
    assert_eq!(counts(&w.counted().await), (2, 1, 1, 0, 1));
    assert_eq!(
        w.store
            .delete_tasks_of_project(w.org, w.project, NOW)
            .await
            .unwrap(),
        Some(2)
    );
    assert_eq!(counts(&w.counted().await), (0, 0, 0, 0, 0));
    let next = w.task().await;
    assert!(next > ids[2], "ids are never reused");
    let next = w.store.find_task(w.org, next).await.unwrap().unwrap();
    assert_eq!(next.inner_id, 4);
}
