//! What the owner of an endpoint sets of its invocations' limits, by tags, within what the operator allows.
//!
//! Why: a tag, so that code says it through the API that it uses anyway, and so that it can be changed while the
//! endpoint serves. Who runs the machine keeps the last word: its bounds hold for tags that are older than they are.
//! Invariants: a tag that a call sets is right, or the call is refused. One that stands in a record never breaks it: too
//! much counts as the most, and what cannot be read as not set.

use std::time::Duration;

use hostler_shapes::Tag;
use thiserror::Error;

use crate::InvocationLimits;

/// The most that an owner may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitBounds {
    /// Seconds that a model may take to answer.
    pub model_timeout_s: u64,
    /// Seconds that a model may take to stream its answer.
    pub stream_timeout_s: u64,
    /// Bytes of a request's body.
    pub payload_bytes: u64,
    /// Requests that one instance works on at once.
    pub in_flight_per_instance: u32,
    /// Requests that wait for an instance at once.
    pub waiting: u32,
}

impl Default for LimitBounds {
    fn default() -> Self {
        Self {
            // AWS's longest of any kind of invocation, the asynchronous one.
            model_timeout_s: 3600,
            stream_timeout_s: 3600,
            // AWS's own limit: larger ones are this machine's memory.
            payload_bytes: 25 * 1024 * 1024,
            in_flight_per_instance: 10_000,
            waiting: 10_000,
        }
    }
}

/// A limit that an owner may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    ModelTimeout,
    StreamTimeout,
    PayloadBytes,
    InFlightPerInstance,
    Waiting,
}

impl Limit {
    const ALL: [Self; 5] = [
        Self::ModelTimeout,
        Self::StreamTimeout,
        Self::PayloadBytes,
        Self::InFlightPerInstance,
        Self::Waiting,
    ];

    const fn tag(self) -> &'static str {
        match self {
            Self::ModelTimeout => "hostler:model_timeout_s",
            Self::StreamTimeout => "hostler:stream_timeout_s",
            Self::PayloadBytes => "hostler:payload_bytes",
            Self::InFlightPerInstance => "hostler:in_flight_per_instance",
            Self::Waiting => "hostler:waiting",
        }
    }

    /// What the operator calls its bound, under `[limits]`.
    const fn setting(self) -> &'static str {
        match self {
            Self::ModelTimeout => "model_timeout_max_s",
            Self::StreamTimeout => "stream_timeout_max_s",
            Self::PayloadBytes => "payload_bytes_max",
            Self::InFlightPerInstance => "in_flight_per_instance_max",
            Self::Waiting => "waiting_max",
        }
    }

    /// Nobody may wait is a limit; nobody may work is none.
    const fn least(self) -> u64 {
        match self {
            Self::Waiting => 0,
            Self::ModelTimeout | Self::StreamTimeout | Self::PayloadBytes | Self::InFlightPerInstance => 1,
        }
    }

    const fn most(self, bounds: &LimitBounds) -> u64 {
        match self {
            Self::ModelTimeout => bounds.model_timeout_s,
            Self::StreamTimeout => bounds.stream_timeout_s,
            Self::PayloadBytes => bounds.payload_bytes,
            Self::InFlightPerInstance => bounds.in_flight_per_instance as u64,
            Self::Waiting => bounds.waiting as u64,
        }
    }

    fn of(tag: &Tag) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.tag() == tag.key)
    }
}

/// A tag that sets a limit to what it cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "tag \"{tag}\" has the value \"{value}\"; it has to be a whole number from {least} to {most}, the most that this \
     server allows ([limits] {setting})"
)]
pub struct LimitError {
    tag: &'static str,
    value: String,
    least: u64,
    most: u64,
    setting: &'static str,
}

impl LimitBounds {
    /// Whether a call may set this tag; one that sets no limit may be anything.
    pub fn check(&self, tag: &Tag) -> Result<(), LimitError> {
        let Some(limit) = Limit::of(tag) else { return Ok(()) };
        let (least, most) = (limit.least(), limit.most(self));
        match number(&tag.value) {
            Some(value) if (least..=most).contains(&value) => Ok(()),
            _ => Err(LimitError {
                tag: limit.tag(),
                value: tag.value.clone(),
                least,
                most,
                setting: limit.setting(),
            }),
        }
    }

    /// The limits that these tags set.
    pub fn limits(&self, tags: &[Tag]) -> InvocationLimits {
        let mut limits = InvocationLimits::default();
        for (limit, value) in self.values(tags) {
            let count = u32::try_from(value).unwrap_or(u32::MAX);
            match limit {
                Limit::ModelTimeout => limits.model_timeout = Some(Duration::from_secs(value)),
                Limit::StreamTimeout => limits.stream_timeout = Some(Duration::from_secs(value)),
                Limit::PayloadBytes => limits.payload_bytes = Some(value),
                Limit::InFlightPerInstance => limits.in_flight_per_instance = Some(count),
                Limit::Waiting => limits.waiting = Some(count),
            }
        }
        limits
    }

    /// The same by the names of the tags, for people.
    pub fn named(&self, tags: &[Tag]) -> Vec<(&'static str, u64)> {
        self.values(tags).map(|(limit, value)| (limit.tag(), value)).collect()
    }

    /// What of these tags is not as it stands there, one sentence each.
    pub fn notes(&self, tags: &[Tag]) -> Vec<String> {
        let note = |tag: &Tag| {
            let error = self.check(tag).err()?;
            Some(match self.values(std::slice::from_ref(tag)).next() {
                Some((_, value)) => format!("{error}: it counts as {value}"),
                None => format!("{error}: it has no effect"),
            })
        };
        tags.iter().filter_map(note).collect()
    }

    fn values(&self, tags: &[Tag]) -> impl Iterator<Item = (Limit, u64)> {
        tags.iter().filter_map(|tag| {
            let limit = Limit::of(tag)?;
            let value = number(&tag.value).filter(|value| *value >= limit.least())?;
            Some((limit, value.min(limit.most(self))))
        })
    }
}

/// Digits alone: no sign, no space.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: LimitBounds = LimitBounds {
        model_timeout_s: 100,
        stream_timeout_s: 200,
        payload_bytes: 300,
        in_flight_per_instance: 400,
        waiting: 500,
    };

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_limit_is_set_within_its_bounds_and_refused_beyond() {
        let borders = [
            ("hostler:model_timeout_s", 1, 100),
            ("hostler:stream_timeout_s", 1, 200),
            ("hostler:payload_bytes", 1, 300),
            ("hostler:in_flight_per_instance", 1, 400),
            ("hostler:waiting", 0, 500),
        ];
        for (key, least, most) in borders {
            for value in [least, most] {
                assert_eq!(BOUNDS.check(&tag(key, &value.to_string())), Ok(()), "{key} = {value}");
            }
            let beyond = (most + 1).to_string();
            for value in ["", " 5", "+5", "-1", "5s", "1.5", "ten", "99999999999999999999", &beyond] {
                let said = BOUNDS.check(&tag(key, value)).unwrap_err().to_string();
                let told = format!("tag \"{key}\" has the value \"{value}\"");
                assert!(said.starts_with(&told) && said.contains(&format!("{least} to {most}")), "{said}");
            }
        }
        assert!(BOUNDS.check(&tag("hostler:model_timeout_s", "0")).is_err());
    }

    #[test]
    fn every_tag_sets_its_own_limit() {
        let tags = [
            tag("team", "vision"),
            tag("hostler:model_timeout_s", "11"),
            tag("hostler:stream_timeout_s", "12"),
            tag("hostler:payload_bytes", "13"),
            tag("hostler:in_flight_per_instance", "14"),
            tag("hostler:waiting", "0"),
        ];
        let expected = InvocationLimits {
            model_timeout: Some(Duration::from_secs(11)),
            stream_timeout: Some(Duration::from_secs(12)),
            payload_bytes: Some(13),
            in_flight_per_instance: Some(14),
            waiting: Some(0),
        };
        assert_eq!(BOUNDS.limits(&tags), expected);
    }

    #[test]
    fn a_tag_older_than_its_bound_counts_as_the_most() {
        let tags = [tag("hostler:model_timeout_s", "101"), tag("hostler:payload_bytes", "nonsense")];
        let limits = BOUNDS.limits(&tags);
        assert_eq!(limits.model_timeout, Some(Duration::from_secs(100)));
        assert_eq!(limits.payload_bytes, None);
        assert_eq!(BOUNDS.named(&tags), [("hostler:model_timeout_s", 100)]);
        let notes = BOUNDS.notes(&tags);
        let expected = [
            "tag \"hostler:model_timeout_s\" has the value \"101\"; it has to be a whole number from 1 to 100, the most that \
             this server allows ([limits] model_timeout_max_s): it counts as 100",
            "tag \"hostler:payload_bytes\" has the value \"nonsense\"; it has to be a whole number from 1 to 300, the most \
             that this server allows ([limits] payload_bytes_max): it has no effect",
        ];
        assert_eq!(notes, expected);
        assert_eq!(BOUNDS.notes(&[tag("hostler:waiting", "0"), tag("team", "x")]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn whatever_a_record_says_no_limit_is_beyond_its_bound(
            limit in 0..Limit::ALL.len(),
            value in prop_oneof![any::<u64>().prop_map(|value| value.to_string()), ".{0,24}"],
        ) {
            let tag = tag(Limit::ALL[limit].tag(), &value);
            let limits = BOUNDS.limits(std::slice::from_ref(&tag));
            prop_assert!(limits.model_timeout.is_none_or(|limit| (1..=100).contains(&limit.as_secs())));
            prop_assert!(limits.stream_timeout.is_none_or(|limit| (1..=200).contains(&limit.as_secs())));
            prop_assert!(limits.payload_bytes.is_none_or(|limit| (1..=300).contains(&limit)));
            prop_assert!(limits.in_flight_per_instance.is_none_or(|limit| (1..=400).contains(&limit)));
            prop_assert!(limits.waiting.is_none_or(|limit| limit <= 500));
            // What a call may set is what the endpoint has then.
            prop_assert!(BOUNDS.check(&tag).is_err() || limits != InvocationLimits::default());
        }
    }
}
