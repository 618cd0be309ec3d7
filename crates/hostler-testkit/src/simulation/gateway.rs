//! A gateway with requests of its own: some begin at random, each stays in flight for a while.
//!
//! The rules: what a gateway is told never leaves a variant without a taker while the instance that took its requests is
//! as well as before; and a withdrawn endpoint serves no more.
//! What this does not see: requests at the gateway of a controller that does not act (see the lease's limit).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_types::{EndpointRoute, EndpointStatus, Goal, InstanceId, InstanceIntent, Key, RouteTable};

use super::dice::Dice;
use super::stage::Stage;
use crate::{Effects, SimRoutes};

/// An instance that was sick a moment ago may still count as sick.
const WELL_FOR: Duration = Duration::from_secs(20);
/// So often a request begins on a route at the moment in which it is replaced.
const LATE_PERMILLE: u64 = 250;

/// A [`RouteTable`] that writes into the book.
pub(super) struct WatchedRoutes {
    pub(super) stage: Arc<Stage>,
    pub(super) server: String,
    pub(super) routes: Arc<SimRoutes>,
    pub(super) effects: Arc<Effects>,
    pub(super) dice: Mutex<Dice>,
}

impl WatchedRoutes {
    /// One request to an endpoint that is there, on an instance that takes it; none when nobody does.
    pub(super) fn begin_request(&self, key: &Key, dice: &mut Dice) -> Option<InstanceId> {
        let route = self.routes.route(key)?;
        let takers: Vec<InstanceId> = takers(&route).cloned().collect();
        let id = dice.pick(&takers)?.clone();
        let is_removed_already = {
            let pages = self.stage.book.pages();
            let record = pages.endpoint(&id.endpoint);
            !record.is_some_and(|record| {
                let mut known = record.instances.iter().filter(|instance| instance.id == id);
                known.any(|instance| instance.intent != InstanceIntent::Removing)
            })
        };
        // Another gateway's drain ended before this one heard of it: the lease's limit.
        if is_removed_already {
            return None;
        }
        self.routes.begin(&id);
        let (routes, ended, took) = (self.routes.clone(), id.clone(), dice.pause(Duration::from_secs(30)));
        tokio::spawn(async move {
            tokio::time::sleep(took).await;
            routes.end(&ended);
        });
        Some(id)
    }

    /// A request that has read the route which is about to be replaced, and begins only now.
    fn late_request(&self, key: &Key) {
        let is_acting = self.stage.book.pages().holder.as_ref() == Some(&self.server);
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        if is_acting
            && !self.stage.weather.is_calm()
            && dice.permille(LATE_PERMILLE)
            && let Some(id) = self.begin_request(key, &mut dice)
        {
            self.stage.book.note(|| format!("a late request begins at {} on {id}", self.server));
        }
    }

    /// Every container of an instance is there, or a request that goes through all of them would be lost.
    fn check_containers(&self, route: &EndpointRoute) {
        for variant in &route.variants {
            let containers = variant.pipeline.as_ref().map_or(1, |pipeline| pipeline.hostnames.len());
            for instance in
                variant.instances.iter().filter(|instance| instance.further.len() + 1 != containers)
            {
                let at = &self.server;
                self.stage.book.complain(&format!("at {at} `{}` lacks containers of its route", instance.id));
            }
        }
    }

    fn check(&self, key: &Key, next: Option<&EndpointRoute>) {
        let Some(former) = self.routes.route(key) else { return };
        let pages = self.stage.book.pages();
        let Some(record) = pages.endpoints.get(key).cloned() else { return };
        let is_acting = pages.holder.as_ref() == Some(&self.server);
        drop(pages);
        if record.goal != Goal::Serve || !record.status.is_serving() || record.uid != former.uid {
            return;
        }
        // What the acting controller let go was judged where it was decided: by then another instance took requests there,
        // and that this one has vanished since may be heard of here first.
        let is_kept = |id: &&InstanceId| {
            let mut known = record.instances.iter().filter(|instance| instance.id == **id);
            is_acting || known.any(|instance| instance.intent == InstanceIntent::Wanted)
        };
        let lost: Vec<&InstanceId> =
            takers(&former).filter(|id| self.stage.is_well(id, WELL_FOR)).filter(is_kept).collect();
        let Some(next) = next else {
            if !lost.is_empty() {
                self.complain(key, record.status, "is withdrawn");
            }
            return;
        };
        if !lost.is_empty() && takers(next).next().is_none() {
            self.complain(key, record.status, "has no taker any more");
            return;
        }
        for variant in next.variants.iter().filter(|variant| variant.share > 0.0 && variant.weight > 0.0) {
            let could = lost.iter().any(|id| id.variant == variant.name);
            if could && !takers(next).any(|id| id.variant == variant.name) {
                self.complain(key, record.status, &format!("has no taker of `{}` any more", variant.name));
            }
        }
    }

    fn complain(&self, key: &Key, status: EndpointStatus, what: &str) {
        let Self { server, .. } = self;
        self.stage.book.complain(&format!("at {server} {} {what}, in status {status}", key.name()));
    }
}

/// Who gets new requests.
pub(super) fn takers(route: &EndpointRoute) -> impl Iterator<Item = &InstanceId> {
    let instances = route.variants.iter().flat_map(|variant| &variant.instances);
    instances.filter(|instance| !instance.draining).map(|instance| &instance.id)
}

fn in_words(route: &EndpointRoute) -> String {
    let variants = route.variants.iter().map(|variant| {
        let instances: Vec<String> = variant
            .instances
            .iter()
            .map(|instance| {
                let InstanceId { generation, ordinal, attempt, .. } = &instance.id;
                let mark = if instance.draining { "-" } else { "" };
                format!("{mark}g{generation}.{ordinal}.{attempt}")
            })
            .collect();
        format!("{}*{:.2}*{:.2}[{}]", variant.name, variant.weight, variant.share, instances.join(" "))
    });
    variants.collect::<Vec<_>>().join(" ")
}

impl RouteTable for WatchedRoutes {
    fn publish(&self, route: Arc<EndpointRoute>) {
        if self.effects.has_crashed() {
            return;
        }
        self.stage.book.note(|| format!("{} routes {}: {}", self.server, route.key.name(), in_words(&route)));
        self.check_containers(&route);
        self.check(&route.key, Some(&route));
        self.late_request(&route.key);
        self.routes.publish(route);
    }

    fn withdraw(&self, key: &Key) {
        if self.effects.has_crashed() {
            return;
        }
        if self.routes.route(key).is_some() {
            self.stage.book.note(|| format!("{} withdraws {}", self.server, key.name()));
        }
        self.check(key, None);
        self.late_request(key);
        self.routes.withdraw(key);
    }

    fn in_flight(&self, id: &InstanceId) -> usize {
        self.routes.in_flight(id)
    }

    fn on_drained(&self, hook: Box<dyn Fn(&InstanceId) + Send + Sync>) {
        self.routes.on_drained(hook);
    }
}
