//! An endpoint in service that is changed, as tests of updates look at it.

use hostler_shapes::DeploymentConfig;
use hostler_types::{EndpointRecord, EndpointStatus, InstanceId, Millis, Stage};
use serde_json::{Value, json};

use super::super::{Action, Health, Plan, Sighting};
use super::{START, begin_deploy, begin_scale, exited, in_service, running, sighting, step};

/// An endpoint in service whose instances appear healthy as soon as they are launched, unless they are to fail.
pub(super) struct Scene {
    pub(super) record: EndpointRecord,
    pub(super) seen: Vec<Sighting>,
    pub(super) now: Millis,
    pub(super) fails: fn(&InstanceId) -> bool,
}

impl Scene {
    /// One variant `v` of so many instances.
    pub(super) fn new(count: u32) -> Self {
        let (record, seen) = in_service();
        let mut scene = Self { record, seen: vec![seen], now: START, fails: |_| false };
        if count > 1 {
            begin_scale(&mut scene.record, &[count], START);
            scene.record.update.as_mut().unwrap().change =
                hostler_types::Change::Scale { sizes: vec![hostler_types::FleetSize { weight: 1.0, count }] };
            scene.run();
        }
        assert_eq!(scene.record.status, EndpointStatus::InService);
        scene
    }

    pub(super) fn deploy(&mut self, count: u32, config: Value) {
        let config: Option<DeploymentConfig> = serde_json::from_value(config).unwrap();
        begin_deploy(&mut self.record, &[("v", count)], config, self.now);
        assert_eq!(self.record.status, EndpointStatus::Updating);
    }

    /// Plans until nothing moves at this moment; the last plan.
    pub(super) fn run(&mut self) -> Plan {
        for _ in 0..50 {
            let before = (self.record.clone(), self.seen.clone());
            let plan = step(&mut self.record, &self.seen, self.now);
            for action in &plan.actions {
                match action {
                    Action::Launch(id) if (self.fails)(id) => {
                        self.seen.push(sighting(id, exited(3, "no such file"), Health::Unknown));
                    }
                    Action::Launch(id) => self.seen.push(sighting(id, running(self.now), Health::Healthy)),
                    Action::Remove { id, .. } => self.seen.retain(|seen| seen.id != *id),
                }
            }
            // Draining is judged a moment after it began; every other wait is longer than that.
            let waits_a_moment = plan.requeue_after_ms == Some(1);
            self.now = self.now.plus(1);
            if before == (self.record.clone(), self.seen.clone()) && !waits_a_moment {
                return plan;
            }
        }
        panic!("it never rests: {:#?}", self.record)
    }

    pub(super) fn pass(&mut self, seconds: i64) -> Plan {
        self.now = self.now.plus(seconds * 1000);
        self.run()
    }

    /// (generation counted from the first, instances that take requests, share in hundredths) of each fleet told.
    pub(super) fn traffic(&mut self) -> Vec<(u64, usize, u32)> {
        let plan = step(&mut self.record, &self.seen, self.now);
        let route = plan.route.unwrap();
        let first = super::GENERATION;
        let of = |variant: &hostler_types::VariantRoute| {
            let takers = variant.instances.iter().filter(|instance| !instance.draining).count();
            (variant.instances[0].id.generation - first, takers, (variant.share * 100.0).round() as u32)
        };
        route.variants.iter().filter(|variant| !variant.instances.is_empty()).map(of).collect()
    }

    /// How many instances of each generation there are.
    pub(super) fn population(&self) -> Vec<usize> {
        let of = |generation: u64| self.seen.iter().filter(|seen| seen.id.generation == generation).count();
        (0..3).map(|newer| of(super::GENERATION + newer)).collect()
    }

    pub(super) fn stage(&self) -> Option<&Stage> {
        self.record.update.as_ref().map(|update| &update.stage)
    }
}

pub(super) fn blue_green(traffic: Value, termination_wait: u32) -> Value {
    json!({ "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination_wait,
    }})
}

pub(super) fn instances(value: u32) -> Value {
    json!({ "Type": "INSTANCE_COUNT", "Value": value })
}

/// Some of a generation end; what happens next is up to the test.
pub(super) fn end_some(scene: &mut Scene, generation: u64, ordinals: std::ops::Range<u32>) {
    let is_chosen = |id: &InstanceId| id.generation == generation && ordinals.contains(&id.ordinal);
    for seen in scene.seen.iter_mut().filter(|seen| is_chosen(&seen.id)) {
        seen.state = exited(1, "gone");
    }
}
