//! A whole control plane in one thread under a paused clock, and the faults and crashes to try it with.
//!
//! Why: what must survive `kill -9` at any point has to be tried at every point, thousands of times and in seconds;
//! so store and backend are in memory, and each of their calls is a place where a world can fail or end.
//! Invariants: for tests only. Nothing here decides what control should: it runs the real reconciler and operations.
#![warn(missing_docs)]

mod clock;
mod damaged_store;
mod effects;
mod faulty_compute;
mod faulty_store;
mod objects;
mod ping;
mod routes;
pub mod simulation;
pub mod testmodel;
mod world;

pub use clock::SimClock;
pub use damaged_store::DamagedStore;
pub use effects::{Effects, Fate, Mishap, When};
pub use faulty_compute::FaultyCompute;
pub use faulty_store::FaultyStore;
pub use objects::SimObjects;
pub use ping::SimPing;
pub use routes::SimRoutes;
pub use world::{SimWorld, caller};
