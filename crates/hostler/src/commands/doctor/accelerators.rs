//! GPUs and other accelerators: those that a server counts, and cards whose driver is missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hostler_compute_process::{ProcessConfig, accelerators};
use hostler_types::DeviceClass;

use super::report::Row;

const PCI_DEVICES: &str = "/sys/bus/pci/devices";

pub(super) fn row() -> Row {
    row_of(&accelerators(&ProcessConfig::new("", "")), Path::new(PCI_DEVICES))
}

fn row_of(counted: &BTreeMap<DeviceClass, u32>, pci_devices: &Path) -> Row {
    let found: Vec<String> = counted.iter().map(|(class, count)| format!("{count} {class}")).collect();
    if !found.is_empty() {
        return Row::good(
            "accelerators",
            format!("{}, for the instance types that have such", found.join(", ")),
        );
    }
    // A card without its driver is the usual mistake.
    if has_nvidia_card(pci_devices) {
        return Row::limited(
            "accelerators",
            "an NVIDIA card is there, but its driver is not loaded",
            "install NVIDIA's driver; `nvidia-smi` then lists the card",
        );
    }
    Row::missing(
        "accelerators",
        "there are none: endpoints on instance types that have one at AWS fail for want of capacity",
        "nothing unless a model needs one; accelerators = \"mark\" in the settings runs such types without",
    )
}

/// NVIDIA's vendor number, and a class of displays or of compute cards.
fn has_nvidia_card(devices: &Path) -> bool {
    fs::read_dir(devices).into_iter().flatten().flatten().any(|device| {
        let read = |name: &str| fs::read_to_string(device.path().join(name)).unwrap_or_default();
        read("vendor").trim() == "0x10de" && read("class").trim().starts_with("0x03")
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn card(class: &str) -> tempfile::TempDir {
        let devices = tempfile::tempdir().unwrap();
        let card = devices.path().join("0000:01:00.0");
        fs::create_dir(&card).unwrap();
        fs::write(card.join("vendor"), "0x10de\n").unwrap();
        fs::write(card.join("class"), class).unwrap();
        devices
    }

    #[test]
    fn what_the_server_counts_is_told() {
        let counted = BTreeMap::from([(DeviceClass::NvidiaGpu, 2)]);
        let row = row_of(&counted, Path::new("/nowhere"));
        assert_eq!(row.verdict, Verdict::Good);
        assert!(row.says.starts_with("2 NVIDIA GPUs"), "{}", row.says);
        assert_eq!(row_of(&BTreeMap::new(), Path::new("/nowhere")).verdict, Verdict::Missing);
    }

    #[test]
    fn a_card_without_its_driver_is_told_from_no_card() {
        // Classes of the PCI standard: a VGA controller, and the audio device that sits on the same card.
        let verdict = |class: &str| row_of(&BTreeMap::new(), card(class).path()).verdict;
        assert_eq!(verdict("0x030000\n"), Verdict::Limited);
        assert_eq!(verdict("0x040300\n"), Verdict::Missing);
    }
}
