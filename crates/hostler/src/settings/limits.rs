//! `[limits]`: sizes and times that an operator may set.
//!
//! Invariants: a number that nobody means (nothing at all, a time past every clock) is a mistake that names its key and
//! its borders.

use std::time::Duration;

use hostler_gateway::BodyLimits;
use serde::Deserialize;

/// Connections of clients at once.
const CONNECTIONS_DEFAULT: u64 = 16_384;
/// A request's head must be there so long after its first byte.
const HEAD_TIMEOUT_DEFAULT_S: u64 = 30;
/// A connection without a request is kept so long; longer than the pools of common clients leave theirs unused.
const IDLE_TIMEOUT_DEFAULT_S: u64 = 120;
/// Whoever neither sends nor takes anything worth mentioning for so long is gone.
const STALL_TIMEOUT_DEFAULT_S: u64 = 30;
/// 25 MB in a minute are 3.5 Mbit/s.
const BODY_TIMEOUT_DEFAULT_S: u64 = 60;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) model_timeout_s: Option<u64>,
    pub(super) stream_timeout_s: Option<u64>,
    pub(super) payload_bytes: Option<u64>,
    pub(super) artifact_bytes: Option<u64>,
    pub(super) instance_memory_bytes: Option<u64>,
    pub(super) provision_timeout_s: Option<u64>,
    body_memory_bytes: Option<u64>,
    body_disk_bytes: Option<u64>,
    body_spill_bytes: Option<u64>,
    body_wait_s: Option<u64>,
    body_timeout_s: Option<u64>,
    connections: Option<u64>,
    head_timeout_s: Option<u64>,
    idle_timeout_s: Option<u64>,
    stall_timeout_s: Option<u64>,
}

/// What a connection of a client is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) connections_max: usize,
    /// From the first byte of a request's head to its last.
    pub(crate) head_timeout: Duration,
    /// Without a request.
    pub(crate) idle_timeout: Duration,
    /// Without a part worth mentioning of a request's body, or of an answer taken.
    pub(crate) stall_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Limits::default().connections()
    }
}

impl Limits {
    /// Numbers that nobody means.
    pub(super) fn mistakes(&self) -> Vec<String> {
        const DAY_S: u64 = 24 * 60 * 60;
        /// A request is held whole.
        const PAYLOAD_BYTES: u64 = 1 << 30;
        /// Room for the small bodies of many.
        const BODY_MEMORY_BYTES_MIN: u64 = 1 << 20;
        const CONNECTIONS: u64 = 1_000_000;
        [
            ("model_timeout_s", self.model_timeout_s, 1, DAY_S),
            ("stream_timeout_s", self.stream_timeout_s, 1, DAY_S),
            ("provision_timeout_s", self.provision_timeout_s, 1, DAY_S),
            ("payload_bytes", self.payload_bytes, 1, PAYLOAD_BYTES),
            ("artifact_bytes", self.artifact_bytes, 1, u64::MAX),
            ("instance_memory_bytes", self.instance_memory_bytes, 1, u64::MAX),
            ("body_memory_bytes", self.body_memory_bytes, BODY_MEMORY_BYTES_MIN, u64::MAX),
            ("body_wait_s", self.body_wait_s, 1, DAY_S),
            ("body_timeout_s", self.body_timeout_s, 1, DAY_S),
            ("connections", self.connections, 1, CONNECTIONS),
            ("head_timeout_s", self.head_timeout_s, 1, DAY_S),
            ("idle_timeout_s", self.idle_timeout_s, 1, DAY_S),
            ("stall_timeout_s", self.stall_timeout_s, 1, DAY_S),
        ]
        .into_iter()
        .filter_map(|(name, value, min, max)| {
            let value = value.filter(|value| !(min..=max).contains(value))?;
            Some(match max {
                u64::MAX => format!("[limits] {name} = {value} is not {min} or more"),
                _ => format!("[limits] {name} = {value} is not between {min} and {max}"),
            })
        })
        .collect()
    }

    pub(super) fn bodies(&self) -> BodyLimits {
        let default = BodyLimits::default();
        BodyLimits {
            memory_bytes: self.body_memory_bytes.unwrap_or(default.memory_bytes),
            disk_bytes: self.body_disk_bytes.unwrap_or(default.disk_bytes),
            spill_bytes: self.body_spill_bytes.unwrap_or(default.spill_bytes),
            wait: self.body_wait_s.map_or(default.wait, Duration::from_secs),
        }
    }

    pub(super) fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_s.unwrap_or(BODY_TIMEOUT_DEFAULT_S))
    }

    pub(super) fn connections(&self) -> ConnectionLimits {
        let seconds = |value: Option<u64>, default| Duration::from_secs(value.unwrap_or(default));
        let connections_max = self.connections.unwrap_or(CONNECTIONS_DEFAULT);
        ConnectionLimits {
            connections_max: usize::try_from(connections_max).unwrap_or(usize::MAX),
            head_timeout: seconds(self.head_timeout_s, HEAD_TIMEOUT_DEFAULT_S),
            idle_timeout: seconds(self.idle_timeout_s, IDLE_TIMEOUT_DEFAULT_S),
            stall_timeout: seconds(self.stall_timeout_s, STALL_TIMEOUT_DEFAULT_S),
        }
    }
}
