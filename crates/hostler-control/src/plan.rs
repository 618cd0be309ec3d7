//! The planner: what to do next for one endpoint, computed without I/O.
//!
//! Why: every decision about an endpoint's life is made here, in one synchronous and total function, so that it can
//! be run millions of times with faults and crashes. The executor only carries out; the operations only set goals.
//! The plan holds the record to write down *before* its effects: what is launched is known before it exists.
//! Invariants: no clock, no randomness, no I/O. An id is launched again only while no backend has ever shown it. An
//! endpoint that is created becomes InService only when every place has a healthy instance, one that is updated only
//! when somebody can answer. A routed instance is never removed before it drained, unless it is dead. During an update
//! one side at least goes on answering.
//! Failure: losing a plan half-way loses nothing: the same record and the same world give the same plan again.

mod delete;
mod evidence;
mod failure;
mod fleet;
pub(crate) mod goals;
mod lint;
mod place;
mod route;
#[cfg(test)]
mod tests;
mod update;

use std::net::SocketAddr;

use hostler_compute::InstanceState;
use hostler_types::{EndpointRecord, EndpointRoute, EndpointStatus, Goal, InstanceId, LimitBounds, Millis};

use crate::history::generation;
use crate::prober::PingTrouble;

pub use failure::{WhyFailed, backoff_ms};
pub use lint::lint_plan;

/// How much longer an instance is waited for than its model may take.
pub const DRAIN_MARGIN_MS: i64 = 5_000;

/// What the prober knows of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet, or no answer counted yet.
    Unknown,
    /// `/ping` has not been 200 so far; the last answer in words.
    NotYet(PingTrouble),
    /// `/ping` is 200, or was and has not failed often enough to count.
    Healthy,
    /// `/ping` was 200 and failed often enough since; the last answer in words.
    Sick(PingTrouble),
}

/// One instance as backends, prober and gateway see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Which.
    pub id: InstanceId,
    /// What its backend says.
    pub state: InstanceState,
    /// What the prober says.
    pub health: Health,
    /// Requests that the gateway has not seen the end of.
    pub in_flight: usize,
    /// Where its processes listen; looked up only of one whose time to answer is over.
    pub listens: Vec<SocketAddr>,
}

/// The numbers that the planner goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Launches in one place before a creation that only ever crashed is given up.
    pub start_attempts: u32,
    /// How long a creation waits for capacity or infrastructure before it is given up.
    pub provision_timeout_ms: i64,
    /// The pause after the first failure; doubles with each further one.
    pub backoff_min_ms: i64,
    /// The longest pause.
    pub backoff_max_ms: i64,
    /// Healthy for this long forgives earlier failures.
    pub stable_after_ms: i64,
    /// How long requests in flight may hold up a removal; longer where the endpoint's owner gives models more time.
    pub drain_timeout_ms: i64,
    /// The most that owners may set of their endpoints' limits.
    pub limit_bounds: LimitBounds,
    /// How long RollingBack is shown at least: clients that poll must see it, for it alone tells of a failed update.
    pub rollback_shown_ms: i64,
    /// How long a container has from the polite signal to the other one.
    pub stop_grace_ms: i64,
    /// When this server began: what should have happened before that was not tried.
    pub began_at: Millis,
    /// When all instances were last stopped on purpose, with the server: what was launched before that and is gone
    /// has not failed.
    pub emptied_at: Millis,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            start_attempts: 3,
            provision_timeout_ms: 20 * 60 * 1000,
            backoff_min_ms: 250,
            backoff_max_ms: 60_000,
            stable_after_ms: 30_000,
            // The longest a model may take to answer, and a little.
            drain_timeout_ms: 65_000,
            limit_bounds: LimitBounds::default(),
            // Terraform polls every ten seconds, the SageMaker SDKs more often.
            rollback_shown_ms: 12_000,
            // AWS's figure.
            stop_grace_ms: 30_000,
            began_at: Millis(0),
            emptied_at: Millis(0),
        }
    }
}

impl Policy {
    /// How long requests in flight may hold up the removal of an endpoint's instance: as long as its model may take.
    fn drain_timeout_ms(&self, record: &EndpointRecord) -> i64 {
        let limits = self.limit_bounds.limits(&record.tags);
        let longest = limits.model_timeout.max(limits.stream_timeout).unwrap_or_default();
        let longest_ms = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
        self.drain_timeout_ms.max(longest_ms.saturating_add(DRAIN_MARGIN_MS))
    }
}

/// One effect. All are idempotent and carry the id of what they touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the backend to run this instance.
    Launch(InstanceId),
    /// Ask the backend to stop and delete this instance.
    Remove {
        /// Which.
        id: InstanceId,
        /// How long it has to stop by itself.
        grace_ms: i64,
    },
}

/// What to do now.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The record to write down before the effects; none when nothing in it changes.
    pub record: Option<EndpointRecord>,
    /// The last of it is gone: delete the record.
    pub forget: bool,
    /// What the gateway is to know; none withdraws the endpoint.
    pub route: Option<EndpointRoute>,
    /// The effects, in order.
    pub actions: Vec<Action>,
    /// Look again after this long even if nothing changes.
    pub requeue_after_ms: Option<i64>,
    /// The moves of the status, in order: the history is told of each.
    pub moves: Vec<Move>,
    /// What happened, for the log.
    pub events: Vec<Happening>,
}

/// Something that a plan found or decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// One sentence.
    pub text: String,
    /// The instance that it concerns, if it is one.
    pub instance: Option<InstanceId>,
}

/// A move of the status, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// What it was.
    pub from: EndpointStatus,
    /// What it is.
    pub to: EndpointStatus,
    /// The deployment that it is about.
    pub generation: u64,
    /// One sentence or two.
    pub why: String,
}

/// The work of one planning step.
struct Step<'a> {
    record: EndpointRecord,
    seen: &'a [Sighting],
    now: Millis,
    policy: &'a Policy,
    actions: Vec<Action>,
    requeue_after_ms: Option<i64>,
    moves: Vec<Move>,
    events: Vec<Happening>,
}

/// What a gateway is to know of the record as it stands, when nothing is decided.
pub(crate) fn route(
    endpoint: &EndpointRecord,
    seen: &[Sighting],
    now: Millis,
    policy: &Policy,
) -> Option<EndpointRoute> {
    Step::new(endpoint, seen, now, policy).route()
}

/// The actions that take what is seen one step nearer to what is wanted.
pub fn plan(endpoint: &EndpointRecord, seen: &[Sighting], now: Millis, policy: &Policy) -> Plan {
    let mut step = Step::new(endpoint, seen, now, policy);
    step.note_sightings();
    let mut forget = false;
    match (step.record.goal, step.record.status) {
        (Goal::Gone, _) => forget = step.plan_deletion(),
        (Goal::Serve, EndpointStatus::Failed) => step.plan_teardown(),
        (Goal::Serve, _) => step.plan_serving(),
    }
    step.remove_strangers();
    let route = step.route();
    let Step { record, actions, requeue_after_ms, moves, events, .. } = step;
    let record = (record != *endpoint && !forget).then_some(record);
    Plan { record, forget, route, actions, requeue_after_ms, moves, events }
}

impl<'a> Step<'a> {
    fn new(endpoint: &EndpointRecord, seen: &'a [Sighting], now: Millis, policy: &'a Policy) -> Self {
        Self {
            record: endpoint.clone(),
            seen,
            now,
            policy,
            actions: Vec::new(),
            requeue_after_ms: None,
            moves: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl Step<'_> {
    fn sighting(&self, id: &InstanceId) -> Option<&Sighting> {
        self.seen.iter().find(|sighting| sighting.id == *id)
    }

    fn tell(&mut self, text: String) {
        self.events.push(Happening { text, instance: None });
    }

    fn tell_of(&mut self, id: &InstanceId, text: String) {
        self.events.push(Happening { text, instance: Some(id.clone()) });
    }

    fn requeue_in(&mut self, ms: i64) {
        let ms = ms.max(1);
        self.requeue_after_ms = Some(self.requeue_after_ms.map_or(ms, |earlier| earlier.min(ms)));
    }

    fn requeue_at(&mut self, at: Millis) {
        self.requeue_in(at.since(self.now));
    }

    /// Writes down what was seen, before deciding anything.
    fn note_sightings(&mut self) {
        let seen = self.seen;
        for instance in &mut self.record.instances {
            let Some(sighting) = seen.iter().find(|sighting| sighting.id == instance.id) else { continue };
            instance.was_seen = true;
            if instance.healthy_at.is_none()
                && sighting.health == Health::Healthy
                && is_running(&sighting.state)
            {
                instance.healthy_at = Some(self.now);
            }
        }
    }

    fn plan_serving(&mut self) {
        self.advance_update();
        self.plan_places();
        if self.record.status == EndpointStatus::Failed {
            self.plan_teardown();
            return;
        }
        self.dismiss_surplus();
        self.plan_departures();
        self.conclude_update();
        if self.record.status == EndpointStatus::Creating
            && self.goals().iter().all(|goal| self.is_full(goal))
        {
            self.set_status(EndpointStatus::InService, &self.everybody_is_healthy());
            self.record.failure_reason = None;
            self.record.failure = None;
        }
    }

    /// Fills, watches and heals every place; a status that changed meanwhile has other goals, which the next run has.
    fn plan_places(&mut self) {
        let status = self.record.status;
        for goal in self.goals() {
            for ordinal in 0..goal.count {
                if self.record.status != status {
                    return;
                }
                self.plan_place(&goal, ordinal);
            }
        }
    }

    /// The status moves only along the table; anything else would be a bug of this file.
    fn set_status(&mut self, next: EndpointStatus, why: &str) {
        let status = self.record.status;
        if status == next {
            return;
        }
        assert!(status.can_become(next), "`{status}` cannot become `{next}`");
        self.tell(format!("status {status} -> {next}"));
        let generation = generation(&self.record);
        self.moves.push(Move { from: status, to: next, generation, why: why.to_owned() });
        self.record.status = next;
        // LastModifiedTime never goes back, even when the wall clock does.
        self.record.modified_at = self.record.modified_at.max(self.now);
    }

    /// What runs without a record is nobody's: an attempt or a generation long gone.
    fn remove_strangers(&mut self) {
        let seen = self.seen;
        for sighting in seen {
            let is_known = self.record.instances.iter().any(|instance| instance.id == sighting.id);
            let is_leaving = sighting.state == InstanceState::Removing;
            if !is_known && !is_leaving && !self.is_news(&sighting.id) {
                self.actions
                    .push(Action::Remove { id: sighting.id.clone(), grace_ms: self.policy.stop_grace_ms });
            }
        }
    }

    /// A newer record than this one launched it, so this one is old news (a second controller wrote meanwhile) and
    /// must not touch it. After the goal to be gone no newer record launches anything.
    fn is_news(&self, id: &InstanceId) -> bool {
        let attempts = self.record.places.iter().find(|place| {
            place.generation == id.generation && place.variant == id.variant && place.ordinal == id.ordinal
        });
        let attempts = attempts.map_or(0, |place| place.attempts);
        let is_in_play = self.record.deployment_of(id.generation).is_some();
        self.record.goal == Goal::Serve
            && (id.generation > self.record.newest_generation() || is_in_play && id.attempt > attempts)
    }
}

fn is_running(state: &InstanceState) -> bool {
    matches!(state, InstanceState::Running { .. })
}
