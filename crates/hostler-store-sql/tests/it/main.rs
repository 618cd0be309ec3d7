//! SQLite is held to the suite of every store, and to what only a database on a disk can break.

mod conformance;
mod damage;
mod data_dir;
mod durability;
mod events;
mod limits;
mod opening;
mod upgrading;
