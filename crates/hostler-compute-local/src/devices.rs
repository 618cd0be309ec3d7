//! The accelerators of this machine, counted by their device nodes.
//!
//! Why: a node such as `/dev/nvidia0` is there when the driver is loaded and found a device, whatever tools are
//! installed; asking a vendor's library would bring its library, for the same number.
//! Invariants: counted when the backend opens. Nobody reserves a device: instances share what there is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hostler_types::DeviceClass;

/// Names of nodes up to their number.
const NODES: [(&str, DeviceClass); 2] = [("nvidia", DeviceClass::NvidiaGpu), ("neuron", DeviceClass::Neuron)];

/// How many of each class have a node in `dir`; a directory that cannot be read shows none.
pub fn count(dir: &Path) -> BTreeMap<DeviceClass, u32> {
    let mut devices = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let class = NODES.into_iter().find(|(prefix, _)| {
            let number = name.strip_prefix(prefix);
            number
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        });
        if let Some((_, class)) = class {
            *devices.entry(class).or_default() += 1;
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(names: &[&str]) -> Vec<(DeviceClass, u32)> {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        count(dir.path()).into_iter().collect()
    }

    #[test]
    fn numbered_nodes_are_devices_and_a_drivers_other_nodes_are_not() {
        // What NVIDIA's driver makes on a machine with two GPUs, and what any machine has.
        let nvidia =
            ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "null"];
        assert_eq!(counted(&nvidia), [(DeviceClass::NvidiaGpu, 2)]);
        assert_eq!(counted(&["neuron0", "neuron15", "neuron"]), [(DeviceClass::Neuron, 2)]);
    }

    #[test]
    fn a_driver_without_a_device_is_none() {
        assert_eq!(counted(&["nvidiactl", "nvidia-uvm"]), []);
        assert!(count(Path::new("/nowhere/at/all")).is_empty());
    }
}
