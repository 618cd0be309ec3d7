//! What an instance type grants: vCPUs, memory, accelerators.
//!
//! Why: `ml.m5.large` is a promise of two vCPUs and 8 GiB; a backend that can hold a process to it does. The numbers
//! are rows and no formula: families differ from each other, and some sizes from their own family.
//! Invariants: every value of the service model's enum has a row, which a test compares; a codegen that brings a new
//! value fails there until its row is written. A name without a row grants nothing.

mod table;
#[cfg(test)]
mod tests;

use hostler_types::DeviceClass;

use table::TABLE;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// `ml.` and the EC2 type.
    pub name: &'static str,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// What it has besides, which a machine may lack.
    pub accelerators: Option<Accelerators>,
}

/// The accelerators of an instance type, all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accelerators {
    /// How many devices.
    pub count: u32,
    /// Maker and model.
    pub name: &'static str,
    /// Whose driver they need.
    pub class: DeviceClass,
}

/// The row of an `ml.` instance type.
pub fn instance_type(name: &str) -> Option<InstanceType> {
    TABLE.iter().find(|row| row.name == name).copied()
}

/// Every name that has a row.
pub fn instance_type_names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.name)
}
