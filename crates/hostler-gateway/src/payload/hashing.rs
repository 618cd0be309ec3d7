//! The hash of a large body, taken beside the thread that reads it.
//!
//! Why: SHA-256 is more than half of what a large body costs. On the thread of the connections it would keep every other
//! request waiting, and could not go on while the next part is received.
//! Invariants: parts are hashed in their order, one at a time: whoever brings the next one waits for the one before, so
//! what is in flight is one part at the most. A small part is not worth another thread.
//! Failure: where the helper's thread panicked there is no hash, and so no body.

use std::io;

use bytes::Bytes;
use hostler_aws::sigv4::PayloadHasher;
use tokio::task::{JoinHandle, spawn_blocking};

/// Below this, handing over costs as much as hashing: about forty microseconds.
const HANDED_OVER_BYTES_MIN: usize = 64 * 1024;

/// The hash of what came so far.
pub(super) enum Hashing {
    /// At rest.
    Idle(Box<PayloadHasher>),
    /// At work on the last part.
    Busy(JoinHandle<Box<PayloadHasher>>),
    /// Nobody asks for it.
    NotWanted,
}

impl Hashing {
    /// Of nothing yet.
    pub(super) fn new() -> Self {
        Self::Idle(Box::default())
    }

    /// Takes the next part in; whether that took its time.
    pub(super) async fn update(&mut self, part: Bytes) -> io::Result<bool> {
        if matches!(self, Self::NotWanted) {
            return Ok(false);
        }
        let has_waited = matches!(self, Self::Busy(work) if !work.is_finished());
        let mut hasher = self.rest().await?;
        *self = if part.len() < HANDED_OVER_BYTES_MIN {
            hasher.update(&part);
            Self::Idle(hasher)
        } else {
            Self::Busy(spawn_blocking(move || {
                hasher.update(&part);
                hasher
            }))
        };
        Ok(has_waited)
    }

    /// Takes the next part in, and gives it back.
    pub(super) async fn update_and_return(&mut self, part: Vec<u8>) -> io::Result<Vec<u8>> {
        if matches!(self, Self::NotWanted) {
            return Ok(part);
        }
        let mut hasher = self.rest().await?;
        let work = spawn_blocking(move || {
            hasher.update(&part);
            (hasher, part)
        });
        let (hasher, part) = work.await.map_err(io::Error::other)?;
        *self = Self::Idle(hasher);
        Ok(part)
    }

    /// The hash of all parts; of nothing where it is not wanted.
    pub(super) async fn finish(mut self) -> io::Result<[u8; 32]> {
        Ok(self.rest().await?.finish())
    }

    /// Waits for the last part; leaves a hash of nothing behind.
    async fn rest(&mut self) -> io::Result<Box<PayloadHasher>> {
        match std::mem::replace(self, Self::new()) {
            Self::Idle(hasher) => Ok(hasher),
            Self::NotWanted => Ok(Box::default()),
            Self::Busy(work) => work.await.map_err(io::Error::other),
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_aws::sigv4::payload_hash;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn parts_of_any_size_have_the_hash_of_the_whole(
            sizes in prop::collection::vec(prop_oneof![0..100_usize, 60_000..70_000_usize, 200_000..300_000_usize], 0..8),
        ) {
            let whole: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|at| (at % 251) as u8).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let hash = runtime.block_on(async {
                let mut hashing = Hashing::new();
                let mut rest = Bytes::from(whole.clone());
                for size in sizes {
                    hashing.update(rest.split_to(size)).await.unwrap();
                }
                hashing.finish().await.unwrap()
            });
            prop_assert_eq!(hash, payload_hash(&whole));
        }
    }
}
