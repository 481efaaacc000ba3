//! Running a plan over one document.

use hashbrown::HashSet;

use super::plan::Step;
use super::{Report, ResponsePlan, Sanitizer};
use crate::augment::drop_forged;
use crate::json::{Document, NewValue, NodeId, NodeSet};
use crate::jsonpath::Repeats;
use crate::pseudonym::Scheme;
use crate::schema::SchemaFilter;
use crate::transform::{Context, Failure, Outcome};

impl Sanitizer {
    pub(super) fn run(
        &self,
        plan: &ResponsePlan,
        document: &mut Document<'_>,
        report: &mut Report,
    ) {
        let added = augment(plan, document, report);
        if let Some(schema) = &plan.schema {
            let null_is_false = self.pseudonymizer.scheme() == Scheme::Compat;
            let filter = SchemaFilter {
                schema,
                null_is_false,
                added: &added,
            };
            report.filtered.add(filter.apply(document));
        }
        let mut pseudonymized = NodeSet::default();
        for (index, step) in plan.steps.iter().enumerate() {
            if step
                .condition
                .as_ref()
                .is_none_or(|condition| condition.holds(document))
            {
                let hits = self.step(step, document, &mut pseudonymized, report);
                if let Some(total) = report.hits.get_mut(index) {
                    *total += hits;
                }
            }
        }
    }

    fn step(
        &self,
        step: &Step,
        document: &mut Document<'_>,
        pseudonymized: &mut NodeSet,
        report: &mut Report,
    ) -> u64 {
        let context = Context {
            pseudonymizer: &self.pseudonymizer,
        };
        let native = self.pseudonymizer.scheme() == Scheme::Native;
        let once = native && step.transform.pseudonymizes();
        let repeats = if native { Repeats::Drop } else { Repeats::Keep };
        let mut hits = 0;
        let mut changed = 0;
        for path in &step.paths {
            for node in path.select(document, repeats) {
                if !document.is_live(node) {
                    continue;
                }
                hits += 1;
                if once && pseudonymized.contains(node) {
                    continue;
                }
                let outcome = step.transform.apply(&document.view(node), context);
                changed += u64::from(outcome != Outcome::Keep);
                let stays = matches!(outcome, Outcome::Pseudonym(_));
                if let Some(failure) = put(document, node, outcome) {
                    *report.failed.entry(failure).or_default() += 1;
                }
                if stays && native {
                    pseudonymized.insert(node);
                }
            }
        }
        if changed > 0 {
            *report.transformed.entry(step.name).or_default() += changed;
        }
        hits
    }
}

fn augment(
    plan: &ResponsePlan,
    document: &mut Document<'_>,
    report: &mut Report,
) -> HashSet<NodeId> {
    let mut added = HashSet::new();
    if plan.augments.is_empty() {
        return added;
    }
    report.forged += drop_forged(document);
    for augment in &plan.augments {
        augment.apply(document, &mut added);
    }
    report.augmented += added.len() as u64;
    added
}

/// Puts what a transform said into the document; what failed becomes `null`.
fn put(document: &mut Document<'_>, node: NodeId, outcome: Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Keep => {}
        // The root can't vanish, but nothing of it may stay.
        Outcome::Remove if node == document.root() => document.set(node, NewValue::Null),
        Outcome::Remove => document.delete(node),
        Outcome::Null => document.set(node, NewValue::Null),
        Outcome::Text(text) | Outcome::Pseudonym(text) => {
            document.set(node, NewValue::String(text));
        }
        Outcome::Failed(failure) => {
            document.set(node, NewValue::Null);
            return Some(failure);
        }
    }
    None
}
