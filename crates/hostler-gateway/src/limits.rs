//! How much one endpoint may have of the gateway: requests at its instances, and requests that wait.
//!
//! Why: one endpoint's overload must not become another's. Whatever clients do, the instances of an endpoint that take
//! requests are given so many at once and no more, and so many more wait; with them go so many descriptors: two of each
//! that is at an instance, one of each that waits.
//! Invariants: an instance always has a place, also where that makes more than the endpoint may have. What an instance
//! had before it began to drain, or before a route left it fewer places, goes on beside all this until it ends. Nothing
//! is added to it, but while instances are replaced an endpoint may hold as many again. Pure.

use hostler_types::InvocationLimits;

/// What an operator may set, for endpoints whose owners set nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Requests that one instance works on at once.
    pub in_flight_per_instance: u32,
    /// Requests that all instances of an endpoint work on at once, whatever its owner set.
    pub in_flight_per_endpoint: u32,
    /// Requests of one endpoint that wait for a place at once.
    pub waiting: u32,
}

impl Default for AdmissionLimits {
    /// More than a model does at once, and fewer than the descriptors that a server usually gets.
    fn default() -> Self {
        Self { in_flight_per_instance: 1024, in_flight_per_endpoint: 8192, waiting: 1024 }
    }
}

impl AdmissionLimits {
    /// The places of each of so many instances.
    pub(crate) fn places_per_instance(&self, own: &InvocationLimits, instances: usize) -> usize {
        let wanted = own.in_flight_per_instance.unwrap_or(self.in_flight_per_instance) as usize;
        let fair = self.in_flight_per_endpoint as usize / instances.max(1);
        wanted.min(fair).max(1)
    }

    /// How many may wait.
    pub(crate) fn waiting(&self, own: &InvocationLimits) -> usize {
        own.waiting.unwrap_or(self.waiting) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_decides_within_what_the_operator_leaves_to_an_endpoint() {
        let limits = AdmissionLimits { in_flight_per_instance: 10, in_flight_per_endpoint: 60, waiting: 5 };
        let own = |in_flight| InvocationLimits { in_flight_per_instance: in_flight, ..Default::default() };
        let places = |own: InvocationLimits, instances| limits.places_per_instance(&own, instances);
        assert_eq!([0, 1, 6, 7, 1000].map(|instances| places(own(None), instances)), [10, 10, 10, 8, 1]);
        assert_eq!([0, 1, 3, 100].map(|instances| places(own(Some(40)), instances)), [40, 40, 20, 1]);
        assert_eq!(places(own(Some(0)), 1), 1);
        assert_eq!(limits.waiting(&own(None)), 5);
        assert_eq!(limits.waiting(&InvocationLimits { waiting: Some(0), ..own(None) }), 0);
    }
}
