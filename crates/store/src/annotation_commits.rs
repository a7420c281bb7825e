//! Creating annotations. Each is on disk before its answer, with its counters and outbox rows in the
//! same transaction. SQLite syncs its disk once a commit, one commit after another, so annotations
//! that arrive while one is being committed share the next. PostgreSQL does that by itself.

use std::collections::BTreeMap;

use model::{Annotation, AnnotationId, DraftId, OrgId, ProjectId, TaskId};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error, NewAnnotation, Result,
    annotations::{find_in, newly_labeled, weights},
    db::{Db, Pools, Tx, sql, sql_of_each},
    drafts::delete_submitted,
    outbox::enqueue_upserts,
    projects::{Counted, count},
};

/// Annotations in one commit at most: the first of them waits for all.
const MOST: usize = 64;

/// What else a request to create an annotation says.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// Of the sender's making: the same one again on the same task creates nothing.
    pub unique_id: Option<String>,
    /// The draft that this annotation comes from; deleted with its creation, if it is the person's.
    pub draft: Option<DraftId>,
}

/// One annotation to create.
pub(crate) struct Creation {
    pub org: OrgId,
    pub task: TaskId,
    pub annotation: NewAnnotation,
    pub submission: Submission,
    pub now_ms: i64,
}

/// The new annotation, or the one that its unique id made before; `None` when there is no such task.
type Created = Option<Annotation>;

/// How a database commits new annotations; cheap to clone.
#[derive(Clone)]
pub(crate) enum AnnotationCommits {
    Shared(mpsc::Sender<(Creation, oneshot::Sender<Result<Created>>)>),
    Own,
}

impl AnnotationCommits {
    /// For SQLite starts a task, which ends with the last clone of this.
    pub(crate) fn new(db: &Db) -> Self {
        match &db.pools {
            Pools::Sqlite { .. } => {
                let (sender, arrivals) = mpsc::channel(MOST);
                tokio::spawn(share_commits(db.clone(), arrivals));
                Self::Shared(sender)
            }
            Pools::Postgres(_) => Self::Own,
        }
    }

    /// Creates one; it is on disk when this returns.
    pub(crate) async fn create(&self, db: &Db, creation: Creation) -> Result<Created> {
        let gone = || Error::new("the task that commits annotations has ended");
        match self {
            Self::Own => alone(db, &creation).await,
            Self::Shared(arrivals) => {
                let (answer, created) = oneshot::channel();
                arrivals
                    .send((creation, answer))
                    .await
                    .map_err(|_| gone())?;
                created.await.map_err(|_| gone())?
            }
        }
    }
}

async fn share_commits(
    db: Db,
    mut arrivals: mpsc::Receiver<(Creation, oneshot::Sender<Result<Created>>)>,
) {
    let mut together = Vec::with_capacity(MOST);
    while arrivals.recv_many(&mut together, MOST).await > 0 {
        let (creations, answers): (Vec<_>, Vec<_>) = together.drain(..).unzip();
        match commit(&db, &creations).await {
            Ok(created) => {
                for (created, answer) in created.into_iter().zip(answers) {
                    // Who asked may have gone; the annotation stays.
                    let _ = answer.send(Ok(created));
                }
            }
            // One that the database refuses must not cost the others theirs.
            Err(_) => {
                for (creation, answer) in creations.iter().zip(answers) {
                    let _ = answer.send(alone(&db, creation).await);
                }
            }
        }
    }
}

async fn alone(db: &Db, creation: &Creation) -> Result<Created> {
    Ok(commit(db, std::slice::from_ref(creation)).await?.remove(0))
}

/// All of them in one transaction, answered in their order.
async fn commit(db: &Db, creations: &[Creation]) -> Result<Vec<Created>> {
    let mut tx = db.begin().await?;
    let mut created = Vec::with_capacity(creations.len());
    let mut counted: BTreeMap<ProjectId, Counted> = BTreeMap::new();
    let mut ids = Vec::with_capacity(creations.len());
    for creation in creations {
        let before = made_before(&mut tx, creation).await?;
        if before.is_none()
            && let Some(new) = insert(&mut tx, creation, &mut counted).await?
        {
            ids.push(new.id.0);
            created.push(Some(new));
        } else {
            created.push(before);
        }
        delete_submitted(&mut tx, creation).await?;
    }
    for (project, counted) in counted {
        count(&mut tx, project, counted).await?;
    }
    let now_ms = creations.iter().map(|creation| creation.now_ms).max();
    if let (Some(now_ms), false) = (now_ms, ids.is_empty()) {
        enqueue_upserts(&mut tx, &ids, now_ms).await?;
    }
    tx.commit().await?;
    Ok(created)
}

/// What the same unique id has made on the task. The task is locked first, so that of two requests
/// at once the second finds what the first made.
async fn made_before(tx: &mut Tx, creation: &Creation) -> Result<Created> {
    let Some(unique_id) = &creation.submission.unique_id else {
        return Ok(None);
    };
    let lock = sql_of_each(
        "SELECT id FROM tasks WHERE org_id = $1 AND id = $2",
        "SELECT id FROM tasks WHERE org_id = $1 AND id = $2 FOR NO KEY UPDATE",
    );
    tx.rows(lock.bind(creation.org).bind(creation.task)).await?;
    let before =
        sql("SELECT id FROM annotations WHERE org_id = $1 AND task_id = $2 AND unique_id = $3")
            .bind(creation.org)
            .bind(creation.task)
            .bind(unique_id.as_str());
    match tx.row(before).await? {
        Some(row) => find_in(tx, creation.org, AnnotationId(row.get("id")?)).await,
        None => Ok(None),
    }
}

async fn insert(
    tx: &mut Tx,
    creation: &Creation,
    counted: &mut BTreeMap<ProjectId, Counted>,
) -> Result<Created> {
    let Creation {
        org,
        task,
        annotation,
        submission,
        now_ms,
    } = creation;
    let (valid, cancelled) = weights(annotation.was_cancelled);
    let task_row = tx
        .row(
            sql("UPDATE tasks SET annotation_count = annotation_count + $3,
                 cancelled_annotation_count = cancelled_annotation_count + $4,
                 is_labeled = CASE WHEN annotation_count + $3 >= overlap THEN 1 ELSE 0 END,
                 updated_by = $5, updated_at_ms = $6 WHERE org_id = $1 AND id = $2
                 AND NOT EXISTS (SELECT 1 FROM deletions d
                 WHERE d.project_id = tasks.project_id AND d.storage_id IS NULL)
                 RETURNING project_id, annotation_count, overlap,
                 (SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id
                  WHERE m.org_id = $1 AND m.user_id = $5) AS completed_by_email")
            .bind(*org)
            .bind(*task)
            .bind(valid)
            .bind(cancelled)
            .bind(annotation.completed_by)
            .bind(*now_ms),
        )
        .await?;
    let Some(task_row) = task_row else {
        return Ok(None);
    };
    let project = ProjectId(task_row.get("project_id")?);
    let inserted = tx
        .one(
            sql("INSERT INTO annotations (org_id, project_id, task_id, result, was_cancelled, ground_truth,
                 lead_time, completed_by, parent_prediction_id, parent_annotation_id, created_at_ms,
                 updated_at_ms, unique_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
                 RETURNING id")
            .bind(*org)
            .bind(project)
            .bind(*task)
            .bind(&*annotation.result)
            .bind(annotation.was_cancelled)
            .bind(annotation.ground_truth)
            .bind(annotation.lead_time)
            .bind(annotation.completed_by)
            .bind(annotation.parent_prediction)
            .bind(annotation.parent_annotation)
            .bind(*now_ms)
            .bind(submission.unique_id.as_deref()),
        )
        .await?;
    let of_project = counted.entry(project).or_default();
    of_project.annotations += valid;
    of_project.cancelled_annotations += cancelled;
    of_project.labeled_tasks += newly_labeled(&task_row, valid)?;
    Ok(Some(Annotation {
        id: AnnotationId(inserted.get("id")?),
        org_id: *org,
        project_id: project,
        task_id: *task,
        result: annotation.result.clone(),
        was_cancelled: annotation.was_cancelled,
        ground_truth: annotation.ground_truth,
        lead_time: annotation.lead_time,
        completed_by: annotation.completed_by,
        completed_by_email: task_row.get("completed_by_email")?,
        author: None,
        import_id: None,
        updated_by: annotation.completed_by,
        parent_prediction: annotation.parent_prediction,
        parent_annotation: annotation.parent_annotation,
        unique_id: submission.unique_id.clone(),
        created_at_ms: *now_ms,
        updated_at_ms: *now_ms,
    }))
}
