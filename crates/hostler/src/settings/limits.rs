//! Limits of endpoints whose owners set none, and the most that owners may set, from `[limits]`.
//!
//! Invariants: a bound is never below what an endpoint has whose owner set nothing.

use hostler_gateway::AdmissionLimits;
use hostler_types::LimitBounds;

use super::file::Limits;
use super::{MODEL_TIMEOUT_DEFAULT_S, PAYLOAD_BYTES_DEFAULT, STREAM_TIMEOUT_DEFAULT_S};

pub(super) fn bounds(limits: &Limits, mistakes: &mut Vec<String>) -> LimitBounds {
    let usual = LimitBounds::default();
    let mut at_least = |name: &str, bound: Option<u64>, usual: u64, of: &str, what: u64| match bound {
        Some(bound) if bound < what => {
            mistakes.push(format!("[limits] {name} = {bound} is below {of} = {what}"));
            what
        }
        Some(bound) => bound,
        None => usual.max(what),
    };
    let model_timeout_s = limits.model_timeout_s.unwrap_or(MODEL_TIMEOUT_DEFAULT_S);
    let payload_bytes = limits.payload_bytes.unwrap_or(PAYLOAD_BYTES_DEFAULT);
    let admission = admission(limits);
    let mut requests = |name: &str, bound: Option<u64>, usual: u32, of: &str, what: u32| {
        u32::try_from(at_least(name, bound, usual.into(), of, what.into())).unwrap_or(u32::MAX)
    };
    let in_flight_per_instance = requests(
        "in_flight_per_instance_max",
        limits.in_flight_per_instance_max,
        usual.in_flight_per_instance,
        "in_flight_per_instance",
        admission.in_flight_per_instance,
    );
    let waiting = requests("waiting_max", limits.waiting_max, usual.waiting, "waiting", admission.waiting);
    LimitBounds {
        model_timeout_s: at_least(
            "model_timeout_max_s",
            limits.model_timeout_max_s,
            usual.model_timeout_s,
            "model_timeout_s",
            model_timeout_s,
        ),
        stream_timeout_s: at_least(
            "stream_timeout_max_s",
            limits.stream_timeout_max_s,
            usual.stream_timeout_s,
            "stream_timeout_s",
            limits.stream_timeout_s.unwrap_or(STREAM_TIMEOUT_DEFAULT_S),
        ),
        // Larger requests are more of this machine's memory: only the operator says so.
        payload_bytes: at_least(
            "payload_bytes_max",
            limits.payload_bytes_max,
            payload_bytes,
            "payload_bytes",
            payload_bytes,
        ),
        in_flight_per_instance,
        waiting,
    }
}

/// What is not set has the gateway's default.
pub(super) fn admission(limits: &Limits) -> AdmissionLimits {
    let usual = AdmissionLimits::default();
    // A number that is too large is a mistake that is told elsewhere.
    let or = |set: Option<u64>, usual| set.map_or(usual, |set| u32::try_from(set).unwrap_or(u32::MAX));
    AdmissionLimits {
        in_flight_per_instance: or(limits.in_flight_per_instance, usual.in_flight_per_instance),
        in_flight_per_endpoint: or(limits.in_flight_per_endpoint, usual.in_flight_per_endpoint),
        waiting: or(limits.waiting, usual.waiting),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::SettingsFile;
    use super::*;

    fn of(text: &str) -> (LimitBounds, Vec<String>) {
        let mut mistakes = Vec::new();
        let bounds = bounds(&SettingsFile::parse(text).0.limits, &mut mistakes);
        (bounds, mistakes)
    }

    #[test]
    fn what_is_not_said_is_as_large_as_an_endpoint_has_anyway() {
        assert_eq!(of(""), (LimitBounds::default(), Vec::new()));
        let (bounds, mistakes) = of("[limits]\nmodel_timeout_s = 7200\npayload_bytes = 7");
        assert_eq!((bounds.model_timeout_s, bounds.payload_bytes), (7200, 7));
        assert_eq!(mistakes, Vec::<String>::new());
    }

    #[test]
    fn an_operator_says_how_much_owners_may_set() {
        let (bounds, mistakes) = of(
            "[limits]\nmodel_timeout_max_s = 61\nstream_timeout_max_s = 481\npayload_bytes = 1\npayload_bytes_max = 63\n\
             in_flight_per_instance = 64\nin_flight_per_instance_max = 64\nwaiting = 65\nwaiting_max = 65",
        );
        let expected = LimitBounds {
            model_timeout_s: 61,
            stream_timeout_s: 481,
            payload_bytes: 63,
            in_flight_per_instance: 64,
            waiting: 65,
        };
        assert_eq!((bounds, mistakes), (expected, Vec::new()));
    }

    #[test]
    fn a_bound_below_what_it_bounds_is_a_mistake() {
        let (_, mistakes) = of(
            "[limits]\nmodel_timeout_max_s = 59\npayload_bytes = 8\npayload_bytes_max = 7\nwaiting_max = 9",
        );
        let expected = [
            "[limits] waiting_max = 9 is below waiting = 1024",
            "[limits] model_timeout_max_s = 59 is below model_timeout_s = 60",
            "[limits] payload_bytes_max = 7 is below payload_bytes = 8",
        ];
        assert_eq!(mistakes, expected);
    }
}
