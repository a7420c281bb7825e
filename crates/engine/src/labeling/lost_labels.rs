//! What annotations say that another labeling config could not say any more.

use std::{collections::BTreeMap, sync::Arc};

use model::{Actor, Permission, Project, ProjectId};
use quick_cache::sync::Cache;
use store::LabelUse;
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{Engine, Error, LabelConfig, Result, aside, require};

/// Annotations that are looked at, the newest: counting more would keep a person waiting.
const LOOKED_AT: i64 = 100_000;

/// What looking up one use costs, as bytes that are read.
const USE_BYTES: usize = 256;
/// How long what was read is believed, while a config is being typed.
const KEPT_MS: i64 = 60_000;
/// Projects that are kept.
const KEPT_PROJECTS: usize = 64;

/// What the annotations of projects use, as read lately.
pub(crate) struct UsesCache(Cache<ProjectId, Kept>);

impl Default for UsesCache {
    fn default() -> Self {
        Self(Cache::new(KEPT_PROJECTS))
    }
}

#[derive(Clone)]
struct Kept {
    /// The project's annotations, and those that were skipped: others when one came or went.
    counts: (i64, i64),
    until_ms: i64,
    uses: Arc<[LabelUse]>,
}

/// A label (or a whole control) that annotations use and a config lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostLabel {
    pub control: String,
    /// `None` for answers of a control that has gone, such as texts and ratings.
    pub label: Option<String>,
    /// In how many results of the newest 100,000 annotations.
    pub count: i64,
}

impl Engine {
    /// What the project's annotations use and this config does not offer. Nothing is lost by saving
    /// it: the annotations stay as they are, and the editor shows what it still knows. Changes of
    /// annotations that were there before are seen after a minute.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for the project.
    pub async fn lost_labels(
        &self,
        actor: &Actor,
        project: ProjectId,
        config: &LabelConfig,
    ) -> Result<Vec<LostLabel>> {
        require(actor, Permission::ManageProjects)?;
        let project = self.get_project(actor, project).await?;
        let uses = self.label_uses(&project).await?;
        // Each is looked up in the config.
        Ok(aside(uses.len() * USE_BYTES, || lost(&uses, config)).await)
    }

    async fn label_uses(&self, project: &Project) -> Result<Arc<[LabelUse]>> {
        let counts = (project.annotation_count, project.cancelled_annotation_count);
        let cache = &self.0.label_uses.0;
        if let Some(kept) = cache.get(&project.id)
            && kept.counts == counts
            && self.now_ms() < kept.until_ms
        {
            return Ok(kept.uses);
        }
        // It reads the results of all of them.
        let (store, runtime) = (self.store().clone(), Handle::current());
        let (org, id) = (project.org_id, project.id);
        let read = move || runtime.block_on(store.label_uses(org, id, LOOKED_AT));
        let uses = spawn_blocking(read)
            .await
            .map_err(|error| Error::Internal(format!("the labels in use: {error}")))?;
        let kept = Kept {
            counts,
            uses: uses?.into(),
            until_ms: self.now_ms() + KEPT_MS,
        };
        let uses = kept.uses.clone();
        cache.insert(project.id, kept);
        Ok(uses)
    }
}

/// Those of the uses that the config does not offer.
fn lost(uses: &[LabelUse], config: &LabelConfig) -> Vec<LostLabel> {
    let mut lost: BTreeMap<(String, Option<String>), i64> = BTreeMap::new();
    for used in uses {
        let mut missing: Vec<Option<String>> = used
            .labels
            .iter()
            .cloned()
            .map(Some)
            .filter(|label| !config.offers(&used.control, label.as_deref()))
            .collect();
        if missing.is_empty() && !config.offers(&used.control, None) {
            missing.push(None);
        }
        for label in missing {
            *lost.entry((used.control.clone(), label)).or_default() += used.count;
        }
    }
    let lost = lost.into_iter();
    lost.map(|((control, label), count)| LostLabel {
        control,
        label,
        count,
    })
    .collect()
}
