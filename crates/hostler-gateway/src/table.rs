//! The routing table: one immutable value per endpoint, read without locks.
//!
//! Why: a request looks up one `Arc`; a change replaces one `Arc`, however many endpoints there are. The lanes to the
//! instances and the line of those who wait live beside the routes and survive their replacement.
//! Invariants: an endpoint has one line from its first route to its last, and its lanes know it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hostler_shapes::RoutingStrategy;
use hostler_types::{
    EndpointRoute, EndpointUid, InstanceId, InstanceRoute, InvocationLimits, InvocationMeter,
    InvocationTrouble, Key, Kind, Metered, MultiModel, Pipeline, RouteTable, Scope, ShownEndpoints, Untold,
    VariantName,
};
use papaya::{Equivalent, HashMap};

use crate::lane::{DrainHook, Lane, LaneHome, Lanes, pardon_if_nobody_is_left};
use crate::limits::AdmissionLimits;
use crate::line::Line;
use crate::models::{ModelLoader, NoLoader};
use crate::sessions::Sessions;
use crate::tally::{Book, Tally};

/// Endpoints with series of their own, where nobody says how many.
const SHOWN_DEFAULT: usize = 200;

/// The routes of every endpoint.
pub struct RoutingTable {
    endpoints: HashMap<Key, Arc<LiveEndpoint>>,
    /// Held while a route is changed: lines and lanes learn of routes in the order in which they are found.
    changing: Mutex<()>,
    pub(crate) lanes: Arc<Lanes>,
    drained: Arc<OnceLock<DrainHook>>,
    pub(crate) book: Book,
    pub(crate) sessions: Sessions,
    /// Requests that wait for a place at an instance.
    pub(crate) held: AtomicU64,
    /// Where an endpoint's owner set none.
    limits: AdmissionLimits,
    /// Some endpoint has, or had, a limit of its own to the size of a request.
    limits_payloads: AtomicBool,
    loader: Arc<dyn ModelLoader>,
}

/// A route with the lanes of its instances.
pub(crate) struct LiveEndpoint {
    pub(crate) name: String,
    pub(crate) uid: EndpointUid,
    pub(crate) retries_lost: bool,
    pub(crate) limits: InvocationLimits,
    pub(crate) variants: Vec<LiveVariant>,
    /// Who waits for a place; the next route has the same.
    pub(crate) line: Arc<Line>,
    /// As many may.
    pub(crate) waiting_max: usize,
    /// So many requests an instance works on at once.
    pub(crate) places_per_instance: usize,
}

pub(crate) struct LiveVariant {
    pub(crate) name: VariantName,
    pub(crate) weight: f64,
    pub(crate) share: f64,
    pub(crate) routing: Option<RoutingStrategy>,
    pub(crate) lanes: Vec<Arc<Lane>>,
    pub(crate) tally: Arc<Tally>,
}

impl RoutingTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::showing(Arc::new(ShownEndpoints::new(SHOWN_DEFAULT)))
    }

    /// An empty table that counts by these places.
    pub fn showing(shown: Arc<ShownEndpoints>) -> Self {
        Self {
            endpoints: HashMap::new(),
            changing: Mutex::default(),
            lanes: Arc::default(),
            drained: Arc::default(),
            book: Book::new(shown),
            sessions: Sessions::default(),
            held: AtomicU64::new(0),
            limits: AdmissionLimits::default(),
            limits_payloads: AtomicBool::new(false),
            loader: Arc::new(NoLoader),
        }
    }

    /// The same, where somebody brings the models of multi-model endpoints.
    #[must_use]
    pub fn loading_by(self, loader: Arc<dyn ModelLoader>) -> Self {
        Self { loader, ..self }
    }

    /// The same, with these limits for endpoints whose owners set none.
    #[must_use]
    pub fn limited_by(self, limits: AdmissionLimits) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<LiveEndpoint>> {
        self.endpoints.pin().get(key).cloned()
    }

    /// The same without making a key of it.
    pub(crate) fn find_named(&self, scope: &Scope, name: &str) -> Option<Arc<LiveEndpoint>> {
        let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if has_capitals { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
        self.endpoints.pin().get(&Sought { scope, kind: Kind::Endpoint, name: &name }).cloned()
    }

    /// Whether it is worth looking for an endpoint's own limit to the size of a request.
    pub(crate) fn limits_payloads(&self) -> bool {
        self.limits_payloads.load(Ordering::Relaxed)
    }

    fn lane(
        &self,
        instance: &InstanceRoute,
        way: (Option<&Arc<Pipeline>>, Option<MultiModel>),
        line: &Arc<Line>,
        tally: &Arc<Tally>,
    ) -> Arc<Lane> {
        let lanes = self.lanes.pin();
        if let Some(lane) = lanes.get(&instance.id)
            && lane.leads_to(instance)
        {
            return lane.clone();
        }
        let home = LaneHome {
            line: line.clone(),
            tally: tally.clone(),
            lanes: Arc::downgrade(&self.lanes),
            drained: self.drained.clone(),
            loader: self.loader.clone(),
        };
        let lane = Arc::new(Lane::new(instance, way, home));
        lanes.insert(instance.id.clone(), lane.clone());
        lane
    }

    /// The line that the endpoint has already. One that was withdrawn and comes back finds it by its instances.
    fn line_of(&self, route: &EndpointRoute, before: Option<&Arc<LiveEndpoint>>) -> Arc<Line> {
        if let Some(before) = before.filter(|before| before.uid == route.uid) {
            return before.line.clone();
        }
        let lanes = self.lanes.pin();
        let mut instances = route.variants.iter().flat_map(|variant| &variant.instances);
        let known = instances.find_map(|instance| lanes.get(&instance.id));
        known.map_or_else(Arc::default, |lane| lane.line.clone())
    }

    /// Lanes that left a route take nothing new; they are forgotten when they are empty.
    fn retire(before: &LiveEndpoint, is_kept: impl Fn(&Arc<Lane>) -> bool) {
        before.lanes().filter(|lane| !is_kept(lane)).for_each(|lane| lane.retire());
    }
}

/// A key that is looked for; its hash is the key's own.
#[derive(Hash)]
struct Sought<'a> {
    scope: &'a Scope,
    kind: Kind,
    name: &'a str,
}

impl Equivalent<Key> for Sought<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        key.name() == self.name && key.scope() == self.scope && key.kind() == self.kind
    }
}

impl Default for RoutingTable {
    fn default() -> Self {
        Self::new()
    }
}

impl RouteTable for RoutingTable {
    fn publish(&self, route: Arc<EndpointRoute>) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints = self.endpoints.pin();
        let before = endpoints.get(&route.key).cloned();
        let line = self.line_of(&route, before.as_ref());
        let instances = route.variants.iter().flat_map(|variant| &variant.instances);
        let takers = instances.filter(|instance| !instance.draining).count();
        let places_per_instance = self.limits.places_per_instance(&route.limits, takers);
        let variants = route.variants.iter().map(|variant| {
            let tally = self.book.open(Metered {
                uid: route.uid.clone(),
                variant: variant.name.clone(),
                instance_type: variant.instance_type.clone(),
                key: route.key.clone(),
                name: route.name.clone(),
            });
            let lanes = variant.instances.iter().map(|instance| {
                let lane =
                    self.lane(instance, (variant.pipeline.as_ref(), variant.multi_model), &line, &tally);
                lane.is_routed(instance.draining, places_per_instance);
                lane
            });
            LiveVariant {
                name: variant.name.clone(),
                weight: variant.weight,
                share: variant.share,
                routing: variant.routing,
                lanes: lanes.collect(),
                tally,
            }
        });
        let live = Arc::new(LiveEndpoint {
            name: route.name.clone(),
            uid: route.uid.clone(),
            retries_lost: route.retries_lost,
            limits: route.limits,
            variants: variants.collect(),
            line,
            waiting_max: self.limits.waiting(&route.limits),
            places_per_instance,
        });
        let tallies: Vec<Arc<Tally>> = live.variants.iter().map(|variant| variant.tally.clone()).collect();
        self.book.close_others(&route.uid, &tallies);
        if route.limits.payload_bytes.is_some() {
            self.limits_payloads.store(true, Ordering::Relaxed);
        }
        endpoints.insert(route.key.clone(), live.clone());
        if let Some(before) = &before {
            Self::retire(before, |lane| live.lanes().any(|other| Arc::ptr_eq(other, lane)));
        }
        // Whoever could have answered in the stead of an ejected one may have left.
        let court = live.line.court.lock().unwrap_or_else(PoisonError::into_inner);
        live.variants.iter().for_each(|fleet| drop(pardon_if_nobody_is_left(fleet)));
        live.line.reroute(&live, rand::random);
        drop(court);
        if let Some(before) = before.filter(|before| before.uid != live.uid) {
            self.sessions.forget(&before.uid);
            self.book.close_others(&before.uid, &[]);
            before.line.close();
        }
    }

    fn withdraw(&self, key: &Key) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.endpoints.pin().remove(key).cloned();
        if let Some(before) = before {
            Self::retire(&before, |_| false);
            self.sessions.forget(&before.uid);
            self.book.close_others(&before.uid, &[]);
            before.line.close();
        }
    }

    fn in_flight(&self, id: &InstanceId) -> usize {
        self.lanes.pin().get(id).map_or(0, |lane| lane.in_flight_now())
    }

    fn trouble(&self, id: &InstanceId) -> Option<InvocationTrouble> {
        self.lanes.pin().get(id)?.troubles.view()
    }

    fn on_drained(&self, hook: DrainHook) {
        // A second hook would be a second control plane in one process: the first stays.
        let _ = self.drained.set(hook);
    }
}

impl InvocationMeter for RoutingTable {
    fn untold(&self) -> Vec<Untold> {
        self.book.untold()
    }

    fn told(&self, written: &[Untold]) {
        self.book.told(written);
    }
}

impl LiveEndpoint {
    /// The lanes of all its fleets.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.variants.iter().flat_map(|variant| &variant.lanes)
    }
}

impl LiveVariant {
    /// Somebody of it takes requests.
    pub(crate) fn is_up(&self) -> bool {
        self.lanes.iter().any(|lane| lane.is_up())
    }
}

#[cfg(test)]
mod tests;
