//! Foresight: what would happen to an endpoint if nothing went wrong, step by step, without anything happening.
//!
//! Why: an operator wants to know what an update will do before it does it. A second description of the planner would
//! be wrong some day; so the planner itself is asked, again and again, over a backend in memory where every launch
//! succeeds, under a clock that jumps from one event to the next.
//! Invariants: no I/O, and nothing outside is changed. Every decision is `plan()`'s, every plan passes `lint_plan`. It
//! ends: after so many plans, and after so much time that passes in it.

mod load;
mod moment;
mod pace;
mod world;

use hostler_types::{EndpointRecord, InstanceIntent, Millis};

use crate::plan::{Policy, Sighting, lint_plan, plan};
pub(crate) use load::{Load, least_serving, peak};
pub(crate) use moment::{Moment, present};
pub(crate) use pace::Pace;
use world::World;

/// Plans of one course. A course has a few for each step; a step is at least a twentieth of a fleet.
const PLANS_MAX: usize = 2_000;
/// The time of one course: longer than any update may take by its own settings.
const TIME_MAX_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Instances in one record: planning costs their square.
pub(crate) const INSTANCES_MAX: usize = 1_000;

/// What would happen.
#[derive(Debug)]
pub(crate) struct Course {
    /// In order; the first one is at 0.
    pub(crate) moments: Vec<Moment>,
    pub(crate) end: End,
    /// What the record would be then.
    pub(crate) record: EndpointRecord,
}

/// How a course ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is on its way any more.
    Rests {
        /// When the endpoint came to the status that it keeps.
        settled_ms: i64,
    },
    /// It was followed no further.
    NotFollowed {
        /// Why.
        why: String,
    },
}

/// Follows an endpoint from a record that was just decided, and from what is seen, until it rests.
pub(crate) fn foresee(
    record: EndpointRecord,
    seen: Vec<Sighting>,
    began_at: Millis,
    policy: &Policy,
    pace: &Pace,
) -> Course {
    let mut course = Course { moments: Vec::new(), end: End::Rests { settled_ms: 0 }, record };
    let mut world = World::new(seen, &course.record, began_at, pace);
    let mut now = began_at;
    let mut settled_at = None;
    for _ in 0..PLANS_MAX {
        let places = course.record.instances.len();
        if places > INSTANCES_MAX {
            return course.not_followed(format!("more than {INSTANCES_MAX} instances are not followed"));
        }
        let seen = world.seen(now);
        let plan = plan(&course.record, &seen, now, policy);
        let broken = lint_plan(&course.record, &seen, &plan);
        if !broken.is_empty() {
            return course.not_followed(format!("the planner breaks its own rules: {}", broken.join("; ")));
        }
        let is_changed = plan.record.is_some() || !plan.actions.is_empty();
        let next = plan.record.clone().unwrap_or_else(|| course.record.clone());
        let moment = Moment::between(now.since(began_at), &course.record, &next, &seen, &plan);
        if moment.is_news_after(course.moments.last()) {
            course.moments.push(moment);
        }
        world.carry_out(&plan.actions, now);
        course.record = next;
        if course.record.status.is_passing() {
            settled_at = None;
        } else {
            let settled_at = *settled_at.get_or_insert(now);
            if !is_changed && is_at_rest(&course.record, &world) {
                course.end = End::Rests { settled_ms: settled_at.since(began_at) };
                return course;
            }
        }
        if is_changed {
            continue;
        }
        let planned = plan.requeue_after_ms.map(|ms| now.plus(ms));
        let Some(next) = planned.into_iter().chain(world.next_change(now)).min() else {
            let status = course.record.status;
            return course.not_followed(format!("it would stay {status} until something else happens"));
        };
        if next.since(began_at) > TIME_MAX_MS {
            return course.not_followed("it would take more than 30 days".to_owned());
        }
        now = next;
    }
    course.not_followed(format!("it needs more than {PLANS_MAX} plans"))
}

/// Nothing comes and nothing goes. What is only starting beside what serves is the planner's everyday work.
fn is_at_rest(record: &EndpointRecord, world: &World) -> bool {
    let is_wanted = record.instances.iter().all(|instance| instance.intent == InstanceIntent::Wanted);
    is_wanted && world.ids().all(|id| record.instances.iter().any(|instance| instance.id == *id))
}

impl Course {
    fn not_followed(mut self, why: String) -> Self {
        self.end = End::NotFollowed { why };
        self
    }
}
