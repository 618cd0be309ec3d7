//! The gateway's side of the contract, as a record of what it was told, and the book of complaints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_types::{EndpointRoute, InstanceId, Key, RouteTable, VariantName};

type Hook = Box<dyn Fn(&InstanceId) + Send + Sync>;

/// A [`RouteTable`] without traffic of its own: tests begin and end requests.
#[derive(Default)]
pub struct SimRoutes {
    state: Mutex<State>,
    drained: Mutex<Option<Hook>>,
}

#[derive(Default)]
struct State {
    routes: BTreeMap<Key, Arc<EndpointRoute>>,
    history: Vec<Arc<EndpointRoute>>,
    in_flight: BTreeMap<InstanceId, usize>,
    complaints: Vec<String>,
}

impl SimRoutes {
    /// What requests are routed by now.
    pub fn route(&self, key: &Key) -> Option<Arc<EndpointRoute>> {
        self.state().routes.get(key).cloned()
    }

    /// Every snapshot that was published, in order.
    pub fn history(&self) -> Vec<Arc<EndpointRoute>> {
        self.state().history.clone()
    }

    /// Instances of a variant that take new requests.
    pub fn answering(&self, key: &Key, variant: &VariantName) -> usize {
        let route = self.route(key);
        let variants = route.iter().flat_map(|route| &route.variants).filter(|shown| shown.name == *variant);
        variants.flat_map(|variant| &variant.instances).filter(|instance| !instance.draining).count()
    }

    /// Whether any snapshot in force lists the instance.
    pub fn is_routed(&self, id: &InstanceId) -> bool {
        let state = self.state();
        let variants = state.routes.values().flat_map(|route| &route.variants);
        variants.flat_map(|variant| &variant.instances).any(|instance| instance.id == *id)
    }

    /// A request begins.
    pub fn begin(&self, id: &InstanceId) {
        *self.state().in_flight.entry(id.clone()).or_default() += 1;
    }

    /// A request ends; the last one tells the reconciler.
    pub fn end(&self, id: &InstanceId) {
        let is_last = {
            let mut state = self.state();
            let count = state.in_flight.entry(id.clone()).or_default();
            *count = count.saturating_sub(1);
            *count == 0
        };
        if is_last && let Some(hook) = &*self.drained.lock().unwrap_or_else(PoisonError::into_inner) {
            hook(id);
        }
    }

    /// Notes that a rule was broken.
    pub fn complain(&self, complaint: String) {
        self.state().complaints.push(complaint);
    }

    /// The broken rules.
    pub fn complaints(&self) -> Vec<String> {
        self.state().complaints.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RouteTable for SimRoutes {
    fn publish(&self, route: Arc<EndpointRoute>) {
        let mut state = self.state();
        state.history.push(route.clone());
        state.routes.insert(route.key.clone(), route);
    }

    fn withdraw(&self, key: &Key) {
        self.state().routes.remove(key);
    }

    fn in_flight(&self, id: &InstanceId) -> usize {
        self.state().in_flight.get(id).copied().unwrap_or(0)
    }

    fn on_drained(&self, hook: Hook) {
        *self.drained.lock().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    }
}
