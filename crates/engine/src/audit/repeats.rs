//! What somebody does again and again is told once and then counted, so that nobody can fill the
//! database: the first time at once, the further times as one entry every few seconds.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use model::OrgId;
use serde_json::Value;
use tokio::time::Instant;

use super::{AuditAction, By};

/// How long a count is only in memory.
const COUNTED_FOR: Duration = Duration::from_secs(5);
/// How long the same is a repetition.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// What is remembered in all; beyond, everything is told one by one.
const MOST_REMEMBERED: usize = 50_000;
/// Different things of one kind that one person is told of one by one within a minute, where what
/// is different can be made up.
const MOST_DIFFERENT: usize = 20;

/// Whose repetitions, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub org_id: OrgId,
    pub by: By,
    pub action: AuditAction,
}

/// What becomes of something that is not a repetition when there is much of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Different {
    /// Each is told.
    Told,
    /// Beyond [`MOST_DIFFERENT`] they are counted together.
    Counted,
}

/// Something that was done or refused.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub subject: String,
    /// JSON object.
    pub detail: Value,
}

/// What was told of late, and how often it happened since.
#[derive(Default)]
pub(crate) struct Repeats {
    kinds: HashMap<Kind, OfKind>,
    remembered: usize,
    /// Since when something is counted and not told.
    counting_since: Option<Instant>,
    hashes: RandomState,
}

struct OfKind {
    since: Instant,
    deeds: HashMap<u64, Counted>,
    others: Option<Counted>,
}

struct Counted {
    deed: Deed,
    count: u64,
    last_ms: i64,
}

impl Counted {
    fn again(&mut self, now_ms: i64) {
        self.count += 1;
        self.last_ms = now_ms;
    }
}

/// What was counted: whose, what, how often, and when last.
pub(crate) type Told = (Kind, Deed, u64, i64);

impl Repeats {
    /// Counts a repetition. Gives back what is to be told now: it happened for the first time.
    pub fn meet(
        &mut self,
        kind: Kind,
        deed: Deed,
        different: Different,
        now: Instant,
        now_ms: i64,
    ) -> Option<Deed> {
        let is_old = |of: &OfKind| now.duration_since(of.since) >= REMEMBERED_FOR;
        if self.remembered >= MOST_REMEMBERED {
            // Those that count something are kept until it is told.
            self.forget(|of| is_old(of) && !of.counts());
        }
        let same = self
            .hashes
            .hash_one((&deed.subject, deed.detail.to_string()));
        if let Some(of) = self.kinds.get(&kind)
            && is_old(of)
            && !of.counts()
        {
            self.remembered -= of.deeds.len();
            self.kinds.remove(&kind);
        }
        let is_full = self.remembered >= MOST_REMEMBERED;
        let of = self.kinds.entry(kind).or_insert_with(|| OfKind {
            since: now,
            deeds: HashMap::new(),
            others: None,
        });
        let differs = of.deeds.len();
        if let Some(known) = of.deeds.get_mut(&same) {
            known.again(now_ms);
        } else if different == Different::Counted && differs >= MOST_DIFFERENT {
            let others = of.others.get_or_insert(Counted {
                deed,
                count: 0,
                last_ms: now_ms,
            });
            others.again(now_ms);
        } else {
            if !is_full {
                self.remembered += 1;
                let counted = Counted {
                    deed: deed.clone(),
                    count: 0,
                    last_ms: now_ms,
                };
                of.deeds.insert(same, counted);
            }
            return Some(deed);
        }
        self.counting_since.get_or_insert(now);
        None
    }

    /// Something is counted elsewhere and due with the rest.
    pub fn begin_counting(&mut self, now: Instant) {
        self.counting_since.get_or_insert(now);
    }

    /// Is there a count that nobody was told of?
    pub fn counts(&self) -> bool {
        self.counting_since.is_some()
    }

    /// Has a count been in memory for as long as it may?
    pub fn is_due(&self, now: Instant) -> bool {
        self.counting_since
            .is_some_and(|since| now.duration_since(since) >= COUNTED_FOR)
    }

    /// What was counted of these actions.
    pub fn take(&mut self, takes: impl Fn(AuditAction) -> bool) -> Vec<Told> {
        let mut told = Vec::new();
        for (kind, of) in self.kinds.iter_mut().filter(|(kind, _)| takes(kind.action)) {
            let deeds = of.deeds.values_mut();
            for counted in deeds.filter(|counted| counted.count > 0) {
                let count = std::mem::take(&mut counted.count);
                told.push((*kind, counted.deed.clone(), count, counted.last_ms));
            }
            if let Some(mut others) = of.others.take() {
                if let Some(detail) = others.deed.detail.as_object_mut() {
                    detail.insert("and_others".to_owned(), true.into());
                }
                told.push((*kind, others.deed, others.count, others.last_ms));
            }
        }
        if !self.kinds.values().any(OfKind::counts) {
            self.counting_since = None;
        }
        told.sort_by_key(|(.., last_ms)| *last_ms);
        told
    }

    fn forget(&mut self, is_old: impl Fn(&OfKind) -> bool) {
        self.kinds.retain(|_, of| !is_old(of));
        self.remembered = self.kinds.values().map(|of| of.deeds.len()).sum();
    }
}

impl OfKind {
    fn counts(&self) -> bool {
        self.others.is_some() || self.deeds.values().any(|counted| counted.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{OrgId, UserId};
    use serde_json::json;
    use tokio::time::Instant;

    use super::{Deed, Different, Kind, MOST_DIFFERENT, MOST_REMEMBERED, Repeats};
    use crate::{AuditAction, audit::By};

    fn kind(user: i64) -> Kind {
        Kind {
            org_id: OrgId(1),
            by: By::Person(UserId(user)),
            action: AuditAction::BlobRefuse,
        }
    }

    fn deed(name: usize) -> Deed {
        Deed {
            subject: format!("task/{name}"),
            detail: json!({}),
        }
    }

    #[test]
    fn the_same_is_told_once_and_then_counted_and_nothing_is_lost() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let mut told = 0;
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            for _ in 0..10 {
                let first = repeats.meet(kind(1), deed(1), Different::Counted, now, 0);
                told += u64::from(first.is_some());
            }
            if repeats.is_due(now) {
                let counted = repeats.take(|_| true);
                assert_eq!(counted.len(), 1);
                told += counted[0].2;
            }
        }
        told += repeats
            .take(|_| true)
            .iter()
            .map(|(.., count, _)| count)
            .sum::<u64>();
        assert_eq!(told, 3_000);
        assert!(!repeats.counts());
    }

    #[test]
    fn what_is_made_up_anew_each_time_is_counted_together() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        let told = (0..3_000)
            .filter_map(|name| repeats.meet(kind(1), deed(name), Different::Counted, now, 0));
        assert_eq!(told.count(), MOST_DIFFERENT);
        let counted = repeats.take(|_| true);
        assert_eq!(counted.len(), 1);
        assert_eq!(counted[0].2, 3_000 - MOST_DIFFERENT as u64);
        assert_eq!(counted[0].1.detail["and_others"], true);
        let other = repeats.meet(kind(2), deed(1), Different::Counted, now, 0);
        assert!(other.is_some(), "another person's are their own");
    }

    #[test]
    fn memory_is_bounded_and_then_everything_is_told() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        for name in 0..MOST_REMEMBERED + 10 {
            let told = repeats.meet(kind(1), deed(name), Different::Told, now, 0);
            assert!(told.is_some());
        }
        assert_eq!(repeats.remembered, MOST_REMEMBERED);
        let later = now + Duration::from_secs(61);
        let told = repeats.meet(kind(2), deed(1), Different::Told, later, 0);
        assert!(told.is_some());
        assert_eq!(repeats.remembered, 1);
    }
}
