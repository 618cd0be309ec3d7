//! The form of the constraint tables: what a value must look like, as data.
//!
//! Why: one walk over data serves every operation; code per shape would be thousands of lines that
//! nobody reads.
//! Invariants: tables are static and never change; a shape never reaches itself.

use crate::pattern::Pattern;

/// A named shape of the service model.
#[derive(Debug)]
pub struct Shape {
    /// The model's name, for instance `EndpointName`.
    pub name: &'static str,
    /// What a value of this shape must be.
    pub kind: Kind,
}

/// What a value must be.
#[derive(Debug)]
pub enum Kind {
    /// An object with these members; others are ignored.
    Structure(&'static [Member]),
    /// An array; bounds count elements.
    List { min: Option<u32>, max: Option<u32>, member: &'static Shape },
    /// An object with free keys; bounds count entries.
    Map { min: Option<u32>, max: Option<u32>, key: &'static Shape, value: &'static Shape },
    /// A string.
    String(Text),
    /// A whole number of 32 bits.
    Integer { min: Option<i64>, max: Option<i64> },
    /// A whole number of 64 bits.
    Long { min: Option<i64>, max: Option<i64> },
    /// A number that the service holds in 32 bits.
    Float { min: Option<f64>, max: Option<f64> },
    /// A number that the service holds in 64 bits.
    Double { min: Option<f64>, max: Option<f64> },
    /// True or false.
    Boolean,
    /// Epoch seconds.
    Timestamp,
    /// Bytes; only as a payload.
    Blob { max: Option<u32> },
}

/// The constraints of a string.
#[derive(Debug)]
pub struct Text {
    /// Least length in Unicode code points.
    pub min: Option<u32>,
    /// Greatest length in Unicode code points.
    pub max: Option<u32>,
    /// What the whole string must match.
    pub pattern: Option<Pattern>,
    /// The allowed values, when the string is an enum; else empty.
    pub values: &'static [&'static str],
    /// Whether messages and logs must not show the value.
    pub sensitive: bool,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether a request must hold it.
    pub required: bool,
    /// What its value must be.
    pub shape: &'static Shape,
}
