//! The shapes of SageMaker hosting: structures, enums, constraints and operations, and the checks
//! that a request passes before anybody acts on it.
//!
//! Why: what a member is called and what it may hold is AWS's decision; it is generated from AWS's
//! own service models, so that the rooms above never spell a name or a bound themselves.
//! Invariants: no I/O, no clock, no state; the generated part holds no logic, the hand-written part
//! no names of operations.

mod deserialize;
mod generated;
mod operation;
mod pattern;
mod printed_patterns;
mod shape;
mod string_enum;
mod timestamp;
#[cfg(test)]
mod types_match_tables;
mod validate;

pub use deserialize::{DecodeError, SerializationProblem, check_types, decode};
pub use generated::BOTOCORE_VERSION;
pub use generated::endpoint::*;
pub use generated::endpoint_config::*;
pub use generated::enums::*;
pub use generated::model::*;
pub use generated::operations::{OPERATION_NAMES, OPERATIONS};
pub use generated::runtime::RUNTIME_OPERATIONS;
pub use generated::shared::*;
pub use generated::tags::*;
pub use operation::{Binding, Operation, RuntimeOperation, is_operation, operation, runtime_operation};
pub use pattern::Pattern;
pub use printed_patterns::printed_pattern;
pub use shape::{Kind, Member, Shape, Text};
pub use timestamp::Timestamp;
pub use validate::{Found, Violation, validate, validate_headers, validation_message};
