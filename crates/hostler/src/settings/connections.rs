//! Of `[limits]`: what connections of clients and the bodies of their requests are held to.

use std::time::Duration;

use hostler_gateway::BodyLimits;

use super::file::Limits;

/// Connections of clients at once.
const CONNECTIONS_DEFAULT: u64 = 16_384;
/// A request's head must be there so long after its first byte.
const HEAD_TIMEOUT_DEFAULT_S: u64 = 30;
/// A connection without a request is kept so long.
const IDLE_TIMEOUT_DEFAULT_S: u64 = 120;
/// Whoever neither sends nor takes anything worth mentioning for so long is gone.
const STALL_TIMEOUT_DEFAULT_S: u64 = 30;
/// 25 MB in a minute are 3.5 Mbit/s.
const BODY_TIMEOUT_DEFAULT_S: u64 = 60;

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
        Self::of(&Limits::default())
    }
}

impl ConnectionLimits {
    pub(super) fn of(limits: &Limits) -> Self {
        let seconds = |set: Option<u64>, default| Duration::from_secs(set.unwrap_or(default));
        let connections_max = limits.connections.unwrap_or(CONNECTIONS_DEFAULT);
        Self {
            connections_max: usize::try_from(connections_max).unwrap_or(usize::MAX),
            head_timeout: seconds(limits.head_timeout_s, HEAD_TIMEOUT_DEFAULT_S),
            idle_timeout: seconds(limits.idle_timeout_s, IDLE_TIMEOUT_DEFAULT_S),
            stall_timeout: seconds(limits.stall_timeout_s, STALL_TIMEOUT_DEFAULT_S),
        }
    }
}

/// What is not set has the gateway's default.
pub(super) fn bodies(limits: &Limits) -> BodyLimits {
    let default = BodyLimits::default();
    BodyLimits {
        memory_bytes: limits.body_memory_bytes.unwrap_or(default.memory_bytes),
        disk_bytes: limits.body_disk_bytes.unwrap_or(default.disk_bytes),
        spill_bytes: limits.body_spill_bytes.unwrap_or(default.spill_bytes),
        wait: limits.body_wait_s.map_or(default.wait, Duration::from_secs),
    }
}

pub(super) fn body_timeout(limits: &Limits) -> Duration {
    Duration::from_secs(limits.body_timeout_s.unwrap_or(BODY_TIMEOUT_DEFAULT_S))
}
