//! The Docker backend against a real engine. Without `HOSTLER_TEST_DOCKER` (the engine's socket) these tests say that
//! they were left out.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod world;
