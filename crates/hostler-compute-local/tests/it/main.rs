//! A backend of this machine with nothing but what the room gives: a way to run instances in which nothing runs.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod scripted;
