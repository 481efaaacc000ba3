//! What was done to a response, in counts.

use std::collections::BTreeMap;

use super::ResponsePlan;
use crate::schema::FilterReport;
use crate::transform::Failure;

/// Counts of what was done to one response: never a value, a name or a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// JSON values in the body.
    pub documents: u64,
    /// What the schema filter did.
    pub filtered: FilterReport,
    /// Members from the source that posed as results of augments and were dropped.
    pub forged: u64,
    /// Members that augments added.
    pub augmented: u64,
    /// Values changed, by transform name.
    pub transformed: BTreeMap<&'static str, u64>,
    /// Values that became `null` because they could not be treated, by reason.
    pub failed: BTreeMap<Failure, u64>,
    /// Values met by each transform of the plan, in rule order; 0 means that none of its paths
    /// found anything.
    pub hits: Vec<u64>,
}

impl Report {
    pub(super) fn new(plan: &ResponsePlan) -> Self {
        Self {
            hits: vec![0; plan.transform_count()],
            ..Self::default()
        }
    }

    /// Values that became `null` because they could not be treated.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum::<u64>() + self.filtered.failed
    }
}
