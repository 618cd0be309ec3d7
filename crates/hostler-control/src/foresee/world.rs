//! The ideal backend: what is launched becomes healthy when it usually does, what is removed is gone at once.
//!
//! Invariants: requests in flight end at once. What has ended or fallen ill before stays so until it is removed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hostler_compute::{InstanceState, Phase, RunningContainer};
use hostler_types::{EndpointRecord, InstanceId, Millis};

use super::Pace;
use crate::plan::{Action, Health, Sighting};

/// Where a foreseen instance would listen: nowhere, for nobody is ever sent there.
fn nowhere() -> RunningContainer {
    RunningContainer { name: String::new(), address: (Ipv4Addr::UNSPECIFIED, 0).into(), pid: None }
}

pub(super) struct World<'a> {
    inhabitants: BTreeMap<InstanceId, Inhabitant>,
    pace: &'a Pace,
}

enum Inhabitant {
    /// It is on its way until then, and healthy from then on.
    Coming { healthy_at: Millis },
    /// It stays as it is.
    As(InstanceState, Health),
}

impl<'a> World<'a> {
    pub(super) fn new(seen: Vec<Sighting>, record: &EndpointRecord, now: Millis, pace: &'a Pace) -> Self {
        let inhabitant = |sighting: Sighting| {
            let known = record.instances.iter().find(|instance| instance.id == sighting.id);
            let was_healthy = known.is_some_and(|instance| instance.healthy_at.is_some());
            let is_coming = match (&sighting.state, &sighting.health) {
                (InstanceState::Preparing { .. }, _) => true,
                (InstanceState::Running { .. }, Health::Unknown | Health::NotYet(_)) => !was_healthy,
                // It is gone before anything else happens.
                (InstanceState::Removing, _) => return None,
                _ => false,
            };
            let inhabitant = if is_coming {
                let launched_at = known.map_or(now, |instance| instance.launched_at);
                let usual = launched_at.plus(pace.launch_ms(&sighting.id.variant));
                Inhabitant::Coming { healthy_at: usual.max(now) }
            } else {
                Inhabitant::As(sighting.state, sighting.health)
            };
            Some((sighting.id, inhabitant))
        };
        Self { inhabitants: seen.into_iter().filter_map(inhabitant).collect(), pace }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &InstanceId> {
        self.inhabitants.keys()
    }

    pub(super) fn seen(&self, now: Millis) -> Vec<Sighting> {
        let sighting = |(id, inhabitant): (&InstanceId, &Inhabitant)| {
            let (state, health) = match inhabitant {
                Inhabitant::Coming { healthy_at } if *healthy_at <= now => {
                    let state = InstanceState::Running { containers: vec![nowhere()], since: *healthy_at };
                    (state, Health::Healthy)
                }
                Inhabitant::Coming { .. } => {
                    (InstanceState::Preparing { phase: Phase::Starting }, Health::Unknown)
                }
                Inhabitant::As(state, health) => (state.clone(), health.clone()),
            };
            Sighting { id: id.clone(), state, health, in_flight: 0, listens: Vec::new() }
        };
        self.inhabitants.iter().map(sighting).collect()
    }

    pub(super) fn carry_out(&mut self, actions: &[Action], now: Millis) {
        for action in actions {
            match action {
                Action::Launch(id) => {
                    let healthy_at = now.plus(self.pace.launch_ms(&id.variant));
                    self.inhabitants.entry(id.clone()).or_insert(Inhabitant::Coming { healthy_at });
                }
                Action::Remove { id, .. } => {
                    self.inhabitants.remove(id);
                }
            }
        }
    }

    /// When something changes by itself next.
    pub(super) fn next_change(&self, now: Millis) -> Option<Millis> {
        let coming = self.inhabitants.values().filter_map(|inhabitant| match inhabitant {
            Inhabitant::Coming { healthy_at } if *healthy_at > now => Some(*healthy_at),
            _ => None,
        });
        coming.min()
    }
}
