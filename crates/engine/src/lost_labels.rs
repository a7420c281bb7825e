//! What annotations say that another labeling config could not say any more.

use std::collections::BTreeMap;

use model::{Actor, Permission, ProjectId};

use crate::{Engine, LabelConfig, Result, require};

/// Annotations that are looked at, the newest: counting more would keep a person waiting.
const LOOKED_AT: i64 = 100_000;

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
    /// it: the annotations stay as they are, and the editor shows what it still knows.
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
        self.get_project(actor, project).await?;
        let uses = self
            .store()
            .label_uses(actor.org_id, project, LOOKED_AT)
            .await?;
        let mut lost: BTreeMap<(String, Option<String>), i64> = BTreeMap::new();
        for used in uses {
            let mut missing: Vec<Option<String>> = used
                .labels
                .into_iter()
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
        Ok(lost
            .map(|((control, label), count)| LostLabel {
                control,
                label,
                count,
            })
            .collect())
    }
}
