//! Classes of accelerator devices, as far as one machine can be told from another by them.
//!
//! Why: an instance type names an exact device (an NVIDIA A10G); what matters to whether code runs at all is whose
//! driver it speaks to.
//! Invariants: words only; how many a machine has is a backend's to say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose driver a device needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeviceClass {
    /// A GPU of NVIDIA's.
    NvidiaGpu,
    /// AWS's Inferentia or Trainium.
    Neuron,
    /// Anything else, and what nobody here knows.
    Other,
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NvidiaGpu => "NVIDIA GPUs",
            Self::Neuron => "AWS Neuron devices",
            Self::Other => "accelerators of that kind",
        })
    }
}
