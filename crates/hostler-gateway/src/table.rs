//! The routing table: one immutable value per endpoint, read without locks.
//!
//! Why: a request looks up one `Arc`; a change replaces one `Arc`, however many endpoints there are. Counts of
//! requests in flight live beside the routes and survive their replacement, because draining waits for them.
//! Invariants: a request counts itself in before it looks whether the instance drains, and control marks it draining
//! before it reads the count: of the two, one always sees the other, so no request is sent to an instance whose
//! count was read as zero.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use hostler_shapes::RoutingStrategy;
use hostler_types::{
    EndpointRoute, EndpointUid, InstanceId, InvocationLimits, InvocationMeter, InvocationTrouble, Key,
    Metered, RouteTable, ShownEndpoints, Untold, VariantName,
};
use papaya::HashMap;
use tokio::sync::watch;

use crate::sessions::Sessions;
use crate::tally::{Book, Tally};
use crate::trouble::Troubles;
use crate::upstream::Kept;

type DrainHook = Box<dyn Fn(&InstanceId) + Send + Sync>;
type Lanes = HashMap<InstanceId, Arc<Lane>>;

/// Endpoints with series of their own, where nobody says how many.
const SHOWN_DEFAULT: usize = 200;

/// The routes of every endpoint.
pub struct RoutingTable {
    endpoints: HashMap<Key, Arc<LiveEndpoint>>,
    pub(crate) lanes: Arc<Lanes>,
    drained: Arc<OnceLock<DrainHook>>,
    pub(crate) book: Book,
    pub(crate) sessions: Sessions,
    /// Requests that wait for an instance.
    pub(crate) held: AtomicU64,
    /// Some endpoint has, or had, a limit of its own to the size of a request.
    limits_payloads: AtomicBool,
}

/// A route with the lanes of its instances.
pub(crate) struct LiveEndpoint {
    pub(crate) name: String,
    pub(crate) uid: EndpointUid,
    pub(crate) retries_lost: bool,
    pub(crate) limits: InvocationLimits,
    pub(crate) variants: Vec<LiveVariant>,
    /// Changes when this route was replaced: whoever waits for an instance looks again.
    replaced: watch::Sender<bool>,
}

pub(crate) struct LiveVariant {
    pub(crate) name: VariantName,
    pub(crate) weight: f64,
    pub(crate) share: f64,
    pub(crate) routing: Option<RoutingStrategy>,
    pub(crate) lanes: Vec<Arc<Lane>>,
    pub(crate) tally: Arc<Tally>,
}

/// The way to one instance.
pub(crate) struct Lane {
    pub(crate) id: InstanceId,
    address: SocketAddr,
    pub(crate) kept: Arc<Kept>,
    pub(crate) troubles: Troubles,
    /// Where what goes along it is counted.
    pub(crate) tally: Arc<Tally>,
    in_flight: AtomicUsize,
    is_draining: AtomicBool,
    /// It left its route: the last request takes it out of `home`.
    is_retired: AtomicBool,
    home: Weak<Lanes>,
    drained: Arc<OnceLock<DrainHook>>,
}

/// The right to send one request to an instance; the request counts until it is dropped.
pub(crate) struct Permit(Arc<Lane>);

impl RoutingTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::showing(Arc::new(ShownEndpoints::new(SHOWN_DEFAULT)))
    }

    /// An empty table that counts by these places.
    pub fn showing(shown: Arc<ShownEndpoints>) -> Self {
        Self {
            endpoints: HashMap::new(),
            lanes: Arc::default(),
            drained: Arc::default(),
            book: Book::new(shown),
            sessions: Sessions::default(),
            held: AtomicU64::new(0),
            limits_payloads: AtomicBool::new(false),
        }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<LiveEndpoint>> {
        self.endpoints.pin().get(key).cloned()
    }

    /// Whether it is worth looking for an endpoint's own limit to the size of a request.
    pub(crate) fn limits_payloads(&self) -> bool {
        self.limits_payloads.load(Ordering::Relaxed)
    }

    fn lane(&self, id: &InstanceId, address: SocketAddr, tally: &Arc<Tally>) -> Arc<Lane> {
        let lanes = self.lanes.pin();
        if let Some(lane) = lanes.get(id)
            && lane.address == address
        {
            return lane.clone();
        }
        let lane = Arc::new(Lane {
            id: id.clone(),
            address,
            kept: Arc::new(Kept::new(address)),
            troubles: Troubles::default(),
            tally: tally.clone(),
            in_flight: AtomicUsize::new(0),
            is_draining: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
            home: Arc::downgrade(&self.lanes),
            drained: self.drained.clone(),
        });
        lanes.insert(id.clone(), lane.clone());
        lane
    }

    /// Lanes that left a route take nothing new; they are forgotten when they are empty.
    fn retire(&self, before: &LiveEndpoint, is_kept: impl Fn(&InstanceId) -> bool) {
        let lanes = self.lanes.pin();
        for lane in before.variants.iter().flat_map(|variant| &variant.lanes) {
            if !is_kept(&lane.id) {
                lane.is_draining.store(true, Ordering::SeqCst);
                lane.is_retired.store(true, Ordering::SeqCst);
                lane.kept.close();
                if lane.in_flight.load(Ordering::SeqCst) == 0 {
                    lanes.remove(&lane.id);
                }
            }
        }
    }
}

impl Default for RoutingTable {
    fn default() -> Self {
        Self::new()
    }
}

impl RouteTable for RoutingTable {
    fn publish(&self, route: Arc<EndpointRoute>) {
        let variants = route.variants.iter().map(|variant| {
            let tally = self.book.open(Metered {
                uid: route.uid.clone(),
                variant: variant.name.clone(),
                instance_type: variant.instance_type.clone(),
                key: route.key.clone(),
                name: route.name.clone(),
            });
            let lanes = variant.instances.iter().map(|instance| {
                let lane = self.lane(&instance.id, instance.address, &tally);
                lane.is_retired.store(false, Ordering::SeqCst);
                lane.is_draining.store(instance.draining, Ordering::SeqCst);
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
            replaced: watch::channel(false).0,
        });
        let tallies: Vec<Arc<Tally>> = live.variants.iter().map(|variant| variant.tally.clone()).collect();
        self.book.close_others(&route.uid, &tallies);
        if route.limits.payload_bytes.is_some() {
            self.limits_payloads.store(true, Ordering::Relaxed);
        }
        let endpoints = self.endpoints.pin();
        let before = endpoints.get(&route.key).cloned();
        endpoints.insert(route.key.clone(), live.clone());
        if let Some(before) = before {
            self.retire(&before, |id| {
                live.variants.iter().flat_map(|variant| &variant.lanes).any(|lane| lane.id == *id)
            });
            if before.uid != live.uid {
                self.sessions.forget(&before.uid);
                self.book.close_others(&before.uid, &[]);
            }
            before.replaced.send_replace(true);
        }
    }

    fn withdraw(&self, key: &Key) {
        let before = self.endpoints.pin().remove(key).cloned();
        if let Some(before) = before {
            self.retire(&before, |_| false);
            self.sessions.forget(&before.uid);
            self.book.close_others(&before.uid, &[]);
            before.replaced.send_replace(true);
        }
    }

    fn in_flight(&self, id: &InstanceId) -> usize {
        self.lanes.pin().get(id).map_or(0, |lane| lane.in_flight.load(Ordering::SeqCst))
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
    /// Waits until another route stands in this one's place.
    pub(crate) async fn replaced(&self) {
        let mut replaced = self.replaced.subscribe();
        // The sender lives as long as `self`: it cannot be gone.
        let _ = replaced.wait_for(|is_replaced| *is_replaced).await;
    }
}

impl Lane {
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Counts a request in; none when the instance takes no more.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let permit = Permit(self.clone());
        (!self.is_draining.load(Ordering::SeqCst)).then_some(permit)
    }
}

impl Permit {
    pub(crate) fn lane(&self) -> &Arc<Lane> {
        &self.0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let lane = &self.0;
        let was_last = lane.in_flight.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last
            && lane.is_retired.load(Ordering::SeqCst)
            && let Some(home) = lane.home.upgrade()
        {
            home.pin().remove(&lane.id);
        }
        if was_last
            && lane.is_draining.load(Ordering::SeqCst)
            && let Some(hook) = lane.drained.get()
        {
            hook(&lane.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_types::{
        AccountId, EndpointUid, InstanceRoute, InvocationLimits, Kind, Region, Scope, VariantRoute,
    };

    use super::*;

    fn key() -> Key {
        let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
        Key::new(&scope, Kind::Endpoint, "demo")
    }

    fn id(attempt: u32) -> InstanceId {
        InstanceId {
            endpoint: EndpointUid::new("u"),
            generation: 1,
            variant: VariantName::new("v"),
            ordinal: 0,
            attempt,
        }
    }

    fn route(instances: &[(u32, bool)]) -> Arc<EndpointRoute> {
        let instances = instances.iter().map(|&(attempt, draining)| InstanceRoute {
            id: id(attempt),
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            draining,
        });
        let variant = VariantRoute {
            name: VariantName::new("v"),
            weight: 1.0,
            share: 1.0,
            instance_type: None,
            routing: None,
            instances: instances.collect(),
        };
        Arc::new(EndpointRoute {
            key: key(),
            name: "demo".into(),
            uid: EndpointUid::new("u"),
            retries_lost: false,
            limits: InvocationLimits::default(),
            variants: vec![variant],
        })
    }

    fn lane(table: &RoutingTable, index: usize) -> Arc<Lane> {
        table.find(&key()).unwrap().variants[0].lanes[index].clone()
    }

    #[test]
    fn a_draining_instance_takes_nothing_new_and_tells_when_it_is_empty() {
        let table = RoutingTable::new();
        let told = Arc::new(AtomicUsize::new(0));
        let counter = told.clone();
        table.on_drained(Box::new(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        table.publish(route(&[(1, false)]));
        let permit = lane(&table, 0).enter().unwrap();
        table.publish(route(&[(1, true)]));
        assert!(lane(&table, 0).enter().is_none());
        assert_eq!(table.in_flight(&id(1)), 1);
        drop(permit);
        assert_eq!(table.in_flight(&id(1)), 0);
        assert!(told.load(Ordering::SeqCst) >= 1);
    }

    #[test]
    fn requests_of_a_withdrawn_endpoint_are_counted_to_their_end() {
        let table = RoutingTable::new();
        table.publish(route(&[(1, false)]));
        let held = lane(&table, 0);
        let permit = held.enter().unwrap();
        table.withdraw(&key());
        assert!(table.find(&key()).is_none());
        assert!(held.enter().is_none(), "a withdrawn instance took a request");
        assert_eq!(table.in_flight(&id(1)), 1);
        assert_eq!(table.lanes.pin().len(), 1);
        drop(permit);
        assert_eq!(table.in_flight(&id(1)), 0);
        assert!(table.lanes.pin().is_empty(), "an instance that is gone is remembered");
    }

    #[tokio::test]
    async fn whoever_waits_is_told_of_a_new_route() {
        let table = RoutingTable::new();
        table.publish(route(&[]));
        let old = table.find(&key()).unwrap();
        let waiting = tokio::spawn(async move { old.replaced().await });
        table.publish(route(&[(1, false)]));
        waiting.await.unwrap();
    }
}
