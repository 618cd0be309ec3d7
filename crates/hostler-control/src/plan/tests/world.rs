//! A small world that is driven by `plan()`: what it launches appears, runs, falls ill, ends and vanishes as told.

use std::collections::{BTreeMap, BTreeSet};

use hostler_compute::{ExitCause, Fault, InstanceState, Phase};
use hostler_types::{EndpointRecord, EndpointStatus, Fleet, Goal, InstanceId, InstanceIntent, Millis};
use proptest::prelude::*;

use super::super::{Action, Health, Plan, Policy, Sighting, lint_plan, plan};
use super::{START, begin_deploy, begin_scale, deployment_configs, endpoint, exited, id, never_ran, running};

/// What happens next; `usize` picks an instance.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Time passes.
    Pass(i64),
    /// A run of the planner that breaks off: before writing, or after so many effects.
    BreakOff(Option<usize>),
    /// A whole run.
    Run,
    /// The next state on the way up.
    Advance(usize),
    Health(usize, Health),
    Requests(usize, usize),
    Exit(usize, ExitCause),
    Fail(usize, Fault),
    Vanish(usize),
    /// The server restarts: what the prober knew is lost, and what was in flight.
    Restart,
    /// Somebody else's instance appears under a newer generation.
    Newcomer,
    /// UpdateEndpoint, with one of [`deployment_configs`] and these counts.
    Deploy(usize, [u32; 2]),
    /// UpdateEndpointWeightsAndCapacities.
    Scale([u32; 2]),
    Delete,
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let which = 0..6_usize;
    let health = prop_oneof![
        4 => Just(Health::Healthy),
        1 => Just(Health::Unknown),
        1 => Just(Health::NotYet("it answered 503".into())),
        2 => Just(Health::Sick("it answered 500".into())),
    ];
    let cause = prop_oneof![
        3 => Just(ExitCause::Code(1)),
        1 => Just(ExitCause::Signal(11)),
        1 => Just(ExitCause::Unseen),
        1 => Just(ExitCause::OutOfMemory { limit_bytes: 1 << 30 }),
    ];
    let fault = prop_oneof![
        Just(Fault::User),
        Just(Fault::Capacity),
        Just(Fault::NeverFits),
        Just(Fault::Infrastructure),
    ];
    prop_oneof![
        8 => prop_oneof![Just(1_i64), 2..400_i64, 1_000..90_000_i64, Just(-5_000_i64)].prop_map(Event::Pass),
        4 => proptest::option::of(0..3_usize).prop_map(Event::BreakOff),
        12 => Just(Event::Run),
        12 => which.clone().prop_map(Event::Advance),
        10 => (which.clone(), health).prop_map(|(which, health)| Event::Health(which, health)),
        3 => (which.clone(), 0..4_usize).prop_map(|(which, count)| Event::Requests(which, count)),
        3 => (which.clone(), cause).prop_map(|(which, cause)| Event::Exit(which, cause)),
        1 => (which.clone(), fault).prop_map(|(which, fault)| Event::Fail(which, fault)),
        2 => which.prop_map(Event::Vanish),
        1 => Just(Event::Restart),
        1 => Just(Event::Newcomer),
        4 => (0..deployment_configs().len(), [1..5_u32, 1..3_u32]).prop_map(|(c, n)| Event::Deploy(c, n)),
        2 => [1..5_u32, 1..3_u32].prop_map(Event::Scale),
        1 => Just(Event::Delete),
    ]
}

struct Inhabitant {
    state: InstanceState,
    health: Health,
    in_flight: usize,
    was_healthy: bool,
}

pub(super) struct World {
    pub(super) record: Option<EndpointRecord>,
    inhabitants: BTreeMap<InstanceId, Inhabitant>,
    /// Ids that a run saw and wrote down: none of them may ever be launched again.
    shown: BTreeSet<InstanceId>,
    now: Millis,
    policy: Policy,
}

impl World {
    pub(super) fn new(fleets: &[(&str, u32)]) -> Self {
        Self {
            record: Some(endpoint(fleets)),
            inhabitants: BTreeMap::new(),
            shown: BTreeSet::new(),
            now: START,
            policy: Policy::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inhabitants.is_empty()
    }

    pub(super) fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Pass(ms) => self.now = self.now.plus(*ms),
            Event::BreakOff(effects) => {
                self.run(*effects)?;
            }
            Event::Run => {
                self.run(Some(usize::MAX))?;
            }
            Event::Advance(which) => {
                if let Some(id) = self.pick(*which) {
                    self.advance(&id);
                }
            }
            Event::Health(which, health) => self.touch(*which, |inhabitant| {
                // Only what was healthy can be called sick.
                let is_possible = !matches!(health, Health::Sick(_)) || inhabitant.was_healthy;
                if is_running(&inhabitant.state) && is_possible {
                    inhabitant.health = health.clone();
                    inhabitant.was_healthy |= *health == Health::Healthy;
                }
            }),
            Event::Requests(which, count) => self.touch(*which, |inhabitant| inhabitant.in_flight = *count),
            Event::Exit(which, cause) => self.touch(*which, |inhabitant| {
                if is_running(&inhabitant.state) {
                    inhabitant.state = InstanceState::Exited {
                        container: None,
                        cause: cause.clone(),
                        log_tail: String::new(),
                    };
                }
            }),
            Event::Fail(which, fault) => self.touch(*which, |inhabitant| {
                if matches!(inhabitant.state, InstanceState::Preparing { .. }) {
                    inhabitant.state = never_ran(*fault, None, "it was told to");
                }
            }),
            Event::Vanish(which) => {
                if let Some(id) = self.pick(*which) {
                    self.inhabitants.remove(&id);
                }
            }
            Event::Restart => {
                for inhabitant in self.inhabitants.values_mut() {
                    inhabitant.health = Health::Unknown;
                    inhabitant.in_flight = 0;
                }
            }
            // Without a record it is the sweep's, not the planner's.
            Event::Newcomer if self.record.is_none() => {}
            Event::Newcomer => {
                let mut newer = id("a", 0, 1);
                newer.generation += 1_000;
                let state = running(self.now);
                self.inhabitants.entry(newer).or_insert(Inhabitant {
                    state,
                    health: Health::Unknown,
                    in_flight: 0,
                    was_healthy: false,
                });
            }
            Event::Deploy(config, counts) => {
                if let Some(record) = &mut self.record {
                    let fleets = [("a", counts[0]), ("b", counts[1])];
                    begin_deploy(record, &fleets, deployment_configs()[*config].clone(), self.now);
                }
            }
            Event::Scale(counts) => {
                if let Some(record) = &mut self.record {
                    begin_scale(record, counts, self.now);
                }
            }
            Event::Delete => {
                if let Some(record) = &mut self.record {
                    record.goal = Goal::Gone;
                    record.status = EndpointStatus::Deleting;
                }
            }
        }
        Ok(())
    }

    fn pick(&self, which: usize) -> Option<InstanceId> {
        self.inhabitants.keys().nth(which % self.inhabitants.len().max(1)).cloned()
    }

    fn touch(&mut self, which: usize, change: impl FnOnce(&mut Inhabitant)) {
        if let Some(inhabitant) = self.pick(which).and_then(|id| self.inhabitants.get_mut(&id)) {
            change(inhabitant);
        }
    }

    /// One step on its way; whether anything moved.
    fn advance(&mut self, id: &InstanceId) -> bool {
        let now = self.now;
        let Some(inhabitant) = self.inhabitants.get_mut(id) else { return false };
        match inhabitant.state {
            InstanceState::Preparing { .. } => inhabitant.state = running(now),
            InstanceState::Removing => {
                self.inhabitants.remove(id);
            }
            _ => return false,
        }
        true
    }

    /// A run of the executor in small; `None` breaks off before the record is written.
    fn run(&mut self, effects: Option<usize>) -> Result<Option<Plan>, TestCaseError> {
        let Some(before) = self.record.clone() else { return Ok(None) };
        let seen = self.seen();
        let plan = plan(&before, &seen, self.now, &self.policy);
        prop_assert_eq!(lint_plan(&before, &seen, &plan), Vec::<String>::new());
        self.check(&before, &plan)?;
        let Some(effects) = effects else { return Ok(Some(plan)) };
        if let Some(next) = &plan.record {
            self.record = Some(next.clone());
        }
        let written = self.record.iter().flat_map(|record| &record.instances);
        self.shown.extend(written.filter(|instance| instance.was_seen).map(|instance| instance.id.clone()));
        for action in plan.actions.iter().take(effects) {
            self.carry_out(action)?;
        }
        if plan.forget && effects >= plan.actions.len() {
            self.record = None;
        }
        Ok(Some(plan))
    }

    fn seen(&self) -> Vec<Sighting> {
        let seen = self.inhabitants.iter().map(|(id, inhabitant)| Sighting {
            id: id.clone(),
            state: inhabitant.state.clone(),
            health: inhabitant.health.clone(),
            in_flight: inhabitant.in_flight,
            listens: Vec::new(),
        });
        seen.collect()
    }

    fn check(&self, before: &EndpointRecord, plan: &Plan) -> Result<(), TestCaseError> {
        let after = plan.record.as_ref().unwrap_or(before);
        let moved = before.status != after.status;
        prop_assert!(!moved || before.status.can_become(after.status));
        prop_assert!(after.modified_at >= before.modified_at);
        if moved && after.status == EndpointStatus::InService {
            let healthy = |fleet: &Fleet| {
                let of_fleet = self.inhabitants.iter().filter(|(id, inhabitant)| {
                    id.variant == fleet.variant
                        && id.generation == after.deployment.generation
                        && is_running(&inhabitant.state)
                        && inhabitant.was_healthy
                        && !matches!(inhabitant.health, Health::Sick(_))
                });
                of_fleet.count()
            };
            let mut fleets = after.deployment.fleets.iter();
            // What serves already goes on healing in service; a creation must have everything.
            let has_enough = match before.status {
                EndpointStatus::Creating => fleets.all(|fleet| healthy(fleet) >= fleet.count as usize),
                _ => fleets.any(|fleet| healthy(fleet) > 0),
            };
            prop_assert!(has_enough, "InService too early");
            prop_assert!(after.update.is_none());
        }
        for action in &plan.actions {
            let (Action::Launch(id) | Action::Remove { id, .. }) = action;
            prop_assert_eq!(&id.endpoint, &before.uid);
            if before.goal == Goal::Serve {
                prop_assert!(id.generation <= before.newest_generation(), "foreign `{}` is touched", id);
            }
            if let Action::Remove { id, .. } = action {
                self.check_removal(before, id)?;
            }
        }
        for variant in plan.route.iter().flat_map(|route| &route.variants) {
            for instance in &variant.instances {
                let inhabitant = &self.inhabitants[&instance.id];
                prop_assert!(is_running(&inhabitant.state) && inhabitant.was_healthy);
                let is_sick = matches!(inhabitant.health, Health::Sick(_));
                prop_assert!(instance.draining || !is_sick, "sick `{}` gets requests", instance.id);
            }
        }
        Ok(())
    }

    /// What could still answer leaves only drained, or after the deadline.
    fn check_removal(&self, before: &EndpointRecord, id: &InstanceId) -> Result<(), TestCaseError> {
        let Some(inhabitant) = self.inhabitants.get(id) else { return Ok(()) };
        let known = before.instances.iter().find(|instance| instance.id == *id);
        let Some(known) = known.filter(|known| known.healthy_at.is_some()) else { return Ok(()) };
        if !is_running(&inhabitant.state) || known.intent == InstanceIntent::Removing {
            return Ok(());
        }
        let InstanceIntent::Draining { since } = known.intent else {
            return Err(TestCaseError::fail(format!("`{id}` is removed without draining")));
        };
        let is_over = self.now.since(since) >= self.policy.drain_timeout_ms;
        prop_assert!(inhabitant.in_flight == 0 || is_over, "`{}` is removed with requests in flight", id);
        Ok(())
    }

    fn carry_out(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::Launch(id) => {
                prop_assert!(!self.shown.contains(id), "`{}` is launched twice", id);
                let state = InstanceState::Preparing { phase: Phase::Fetching };
                self.inhabitants.entry(id.clone()).or_insert(Inhabitant {
                    state,
                    health: Health::Unknown,
                    in_flight: 0,
                    was_healthy: false,
                });
            }
            Action::Remove { id, .. } => {
                if let Some(inhabitant) = self.inhabitants.get_mut(id) {
                    inhabitant.state = InstanceState::Removing;
                }
            }
        }
        Ok(())
    }

    /// No more faults: everything starts, gets well (or, when `is_broken`, crashes) and goes as it should, until
    /// nothing is left to do. A plan that neither waits for something nor asks to be called again is stuck.
    pub(super) fn settle(&mut self, is_broken: impl Fn(&InstanceId) -> bool) -> Result<(), TestCaseError> {
        for _ in 0..1500 {
            if self.live(&is_broken)? {
                return Ok(());
            }
        }
        Err(TestCaseError::fail(format!("no end in sight: {:?}", self.record)))
    }

    /// The same for so many rounds, or until it settled: what is broken for good never does.
    pub(super) fn rest(
        &mut self,
        is_broken: impl Fn(&InstanceId) -> bool,
        rounds: usize,
    ) -> Result<(), TestCaseError> {
        for _ in 0..rounds {
            if self.live(&is_broken)? {
                break;
            }
        }
        Ok(())
    }

    /// One round; whether it ended the matter.
    fn live(&mut self, is_broken: &impl Fn(&InstanceId) -> bool) -> Result<bool, TestCaseError> {
        let before = self.record.clone();
        let plan = self.run(Some(usize::MAX))?;
        if self.is_settled() {
            return Ok(true);
        }
        let mut moved = before != self.record;
        for id in self.inhabitants.keys().cloned().collect::<Vec<_>>() {
            moved |= self.advance(&id);
        }
        for (id, inhabitant) in &mut self.inhabitants {
            moved |= std::mem::take(&mut inhabitant.in_flight) > 0;
            if !is_running(&inhabitant.state) {
                continue;
            }
            if is_broken(id) {
                inhabitant.state = exited(1, "told to");
                moved = true;
            } else if inhabitant.health != Health::Healthy && !matches!(inhabitant.health, Health::Sick(_)) {
                inhabitant.health = Health::Healthy;
                inhabitant.was_healthy = true;
                moved = true;
            }
        }
        let requeue = plan.and_then(|plan| plan.requeue_after_ms);
        prop_assert!(moved || requeue.is_some(), "stuck: {:?}", self.record);
        self.now = self.now.plus(if moved { 1 } else { requeue.unwrap_or(1) });
        Ok(false)
    }

    fn is_settled(&self) -> bool {
        let Some(record) = &self.record else { return true };
        let own = |id: &InstanceId| id.generation <= record.newest_generation();
        let own_count = self.inhabitants.keys().filter(|id| own(id)).count();
        let wanted = match (record.status, &record.stranded) {
            (EndpointStatus::Failed, _) => return own_count == 0 && record.instances.is_empty(),
            (EndpointStatus::InService, None) => {
                record.deployment.fleets.iter().map(|fleet| fleet.count).sum::<u32>()
            }
            // Nobody could answer when its update ended: it heals in that status.
            (EndpointStatus::UpdateRollbackFailed, None) => {
                record.deployment.fleets.iter().map(|fleet| fleet.count).sum::<u32>()
            }
            (EndpointStatus::UpdateRollbackFailed, Some(stranded)) => {
                stranded.counts.iter().chain(&stranded.former_counts).sum()
            }
            _ => return false,
        };
        let healthy = self.inhabitants.iter().filter(|(id, inhabitant)| {
            own(id) && is_running(&inhabitant.state) && inhabitant.health == Health::Healthy
        });
        own_count == wanted as usize && healthy.count() == own_count && record.instances.len() == own_count
    }
}

fn is_running(state: &InstanceState) -> bool {
    matches!(state, InstanceState::Running { .. })
}
