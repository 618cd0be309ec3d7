//! What the metrics show of endpoints, remembered from the last run of each.
//!
//! Why: a scrape must not read ten thousand records; every change of one causes a run, and each run leaves its numbers
//! here.
//! Invariants: as many endpoints have numbers of their own as have a place, the others are summed up; what is gone has
//! none. Restarts of the others never go down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_compute::InstanceState;
use hostler_types::{
    EndpointRecord, EndpointStatus, EndpointUid, Goal, InstanceIntent, Key, ShownEndpoints, VariantName,
};

use crate::plan::{Health, Sighting};

/// How an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceStanding {
    /// Being fetched for, started, or not yet healthy.
    Starting,
    /// It runs and passes its health check.
    Healthy,
    /// It runs and fails its health check.
    Sick,
    /// It ended, or never started.
    Failed,
    /// It finishes its requests.
    Draining,
    /// It is to vanish.
    Removing,
}

impl InstanceStanding {
    pub(crate) const ALL: [Self; 6] =
        [Self::Starting, Self::Healthy, Self::Sick, Self::Failed, Self::Draining, Self::Removing];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Sick => "sick",
            Self::Failed => "failed",
            Self::Draining => "draining",
            Self::Removing => "removing",
        }
    }

    fn of(intent: InstanceIntent, sighting: Option<&Sighting>) -> Self {
        match (intent, sighting.map(|sighting| (&sighting.state, &sighting.health))) {
            (InstanceIntent::Draining { .. }, _) => Self::Draining,
            (InstanceIntent::Removing, _) | (_, Some((InstanceState::Removing, _))) => Self::Removing,
            (_, Some((InstanceState::Running { .. }, Health::Healthy))) => Self::Healthy,
            (_, Some((InstanceState::Running { .. }, Health::Sick(_)))) => Self::Sick,
            (_, Some((InstanceState::Exited { .. } | InstanceState::Failed(_), _))) => Self::Failed,
            (_, Some((InstanceState::Running { .. } | InstanceState::Preparing { .. }, _)) | None) => {
                Self::Starting
            }
        }
    }
}

/// The numbers of one variant.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariantStanding {
    /// How many the deployment that is shown asks for.
    pub(crate) desired: u64,
    pub(crate) instances: [u64; InstanceStanding::ALL.len()],
    pub(crate) restarts: u64,
}

impl VariantStanding {
    pub(crate) fn add(&mut self, other: &Self) {
        self.desired += other.desired;
        self.restarts += other.restarts;
        for (total, count) in self.instances.iter_mut().zip(other.instances) {
            *total += count;
        }
    }
}

/// The numbers of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct EndpointStanding {
    uid: EndpointUid,
    pub(crate) name: String,
    pub(crate) status: EndpointStatus,
    pub(crate) is_shown: bool,
    pub(crate) variants: BTreeMap<VariantName, VariantStanding>,
}

/// The numbers of every endpoint.
#[derive(Debug)]
pub(crate) struct Standings {
    shown: Arc<ShownEndpoints>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    endpoints: BTreeMap<Key, EndpointStanding>,
    /// Of endpoints without numbers of their own that are gone.
    past_restarts: u64,
}

impl Standings {
    pub(super) fn new(shown: Arc<ShownEndpoints>) -> Self {
        Self { shown, state: Mutex::default() }
    }

    /// A run read or wrote this.
    pub(super) fn note(&self, record: &EndpointRecord, seen: &[Sighting]) {
        let is_shown = self.shown.claim(&record.uid);
        let mut variants: BTreeMap<VariantName, VariantStanding> = BTreeMap::new();
        if record.goal == Goal::Serve {
            for fleet in &record.deployment.fleets {
                variants.entry(fleet.variant.clone()).or_default().desired += u64::from(fleet.count);
            }
        }
        for instance in &record.instances {
            let sighting = seen.iter().find(|sighting| sighting.id == instance.id);
            let standing = InstanceStanding::of(instance.intent, sighting);
            let variant = variants.entry(instance.id.variant.clone()).or_default();
            variant.instances[standing as usize] += 1;
        }
        let mut state = self.state();
        let key = record.key();
        if let Some(former) = state.endpoints.get(&key).filter(|former| former.uid == record.uid) {
            for (name, variant) in &former.variants {
                if variant.restarts > 0 {
                    variants.entry(name.clone()).or_default().restarts = variant.restarts;
                }
            }
        }
        let (uid, name, status) = (record.uid.clone(), record.name.clone(), record.status);
        let standing = EndpointStanding { uid, name, status, is_shown, variants };
        state.endpoints.insert(key, standing);
    }

    /// What was written down fills places anew in which an instance had failed.
    pub(super) fn note_restarts(&self, before: &EndpointRecord, after: &EndpointRecord) {
        let new = after.instances.iter().filter(|instance| {
            let is_known = before.instances.iter().any(|known| known.id == instance.id);
            let has_failed = after.places.iter().any(|place| {
                place.generation == instance.id.generation
                    && place.variant == instance.id.variant
                    && place.ordinal == instance.id.ordinal
                    && place.failures > 0
            });
            !is_known && has_failed
        });
        let mut state = self.state();
        let Some(standing) = state.endpoints.get_mut(&after.key()) else { return };
        for instance in new {
            standing.variants.entry(instance.id.variant.clone()).or_default().restarts += 1;
        }
    }

    /// The endpoint is gone.
    pub(super) fn forget(&self, key: &Key, uid: &EndpointUid) {
        let mut state = self.state();
        if state.endpoints.get(key).is_some_and(|standing| standing.uid == *uid)
            && let Some(gone) = state.endpoints.remove(key)
            && !gone.is_shown
        {
            state.past_restarts += gone.variants.values().map(|variant| variant.restarts).sum::<u64>();
        }
        drop(state);
        self.shown.release(uid);
    }

    /// Every endpoint, and the restarts of those that had no numbers of their own and are gone.
    pub(crate) fn read(&self) -> (BTreeMap<Key, EndpointStanding>, u64) {
        let state = self.state();
        (state.endpoints.clone(), state.past_restarts)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while holding it leaves numbers that the next run sets right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hostler_shapes::CreateEndpointConfigInput;
    use hostler_types::{
        AccountId, Deployment, InstanceId, InstanceRecord, Millis, PlaceRecord, RECORD_SCHEMA, Region, Scope,
    };

    use super::*;

    const START: Millis = Millis(1_700_000_000_000);

    /// Its one instance is the `attempt`th in its place; all before it failed.
    fn endpoint(name: &str, attempt: u32) -> EndpointRecord {
        let (uid, variant) = (EndpointUid::new(format!("uid-of-{name}")), VariantName::new("v"));
        let id = InstanceId {
            endpoint: uid.clone(),
            generation: 1,
            variant: variant.clone(),
            ordinal: 0,
            attempt,
        };
        EndpointRecord {
            schema: RECORD_SCHEMA,
            scope: Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1")),
            name: name.to_owned(),
            uid,
            created_at: START,
            modified_at: START,
            goal: Goal::Serve,
            status: EndpointStatus::InService,
            failure_reason: None,
            failure: None,
            deployment: Deployment {
                generation: 1,
                started_at: START,
                config: CreateEndpointConfigInput::default(),
                models: Vec::new(),
                fleets: Vec::new(),
                images: [].into(),
            },
            update: None,
            stranded: None,
            generations: 1,
            places: vec![PlaceRecord {
                generation: 1,
                variant,
                ordinal: 0,
                attempts: attempt,
                failures: attempt - 1,
                not_before: START,
                last_failure: None,
                failure: None,
                failing_since: None,
            }],
            instances: vec![InstanceRecord {
                id,
                intent: InstanceIntent::Wanted,
                launched_at: START,
                was_seen: true,
                healthy_at: None,
            }],
            deployment_config: None,
            metered_until: None,
            tags: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn restart(standings: &Standings, name: &str, attempt: u32) {
        let after = endpoint(name, attempt);
        standings.note(&after, &[]);
        standings.note_restarts(&endpoint(name, attempt - 1), &after);
    }

    /// Restarts of all that have no numbers of their own.
    fn others(standings: &Standings) -> u64 {
        let (endpoints, past) = standings.read();
        let unseen = endpoints.values().filter(|standing| !standing.is_shown);
        past + unseen
            .flat_map(|standing| standing.variants.values())
            .map(|variant| variant.restarts)
            .sum::<u64>()
    }

    #[test]
    fn restarts_of_the_others_never_go_down_when_a_place_comes_free() {
        let shown = Arc::new(ShownEndpoints::new(1));
        let standings = Standings::new(shown.clone());
        let (first, second, third) = (endpoint("first", 1), endpoint("second", 1), endpoint("third", 1));
        standings.note(&first, &[]);
        standings.note(&second, &[]);
        restart(&standings, "second", 2);
        assert_eq!(others(&standings), 1);
        standings.forget(&first.key(), &first.uid);
        restart(&standings, "second", 3);
        assert_eq!(others(&standings), 2);
        assert!(!shown.claim(&second.uid), "the gateway would show it");
        standings.note(&third, &[]);
        assert!(standings.read().0[&third.key()].is_shown);
        standings.forget(&second.key(), &second.uid);
        assert_eq!(others(&standings), 2);
    }
}
