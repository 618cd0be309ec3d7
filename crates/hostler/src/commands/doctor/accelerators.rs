//! GPUs and other accelerators that the kernel shows.

use std::fs;
use std::path::Path;

use super::report::Row;

pub(super) fn row() -> Row {
    row_of(Path::new("/"))
}

fn row_of(root: &Path) -> Row {
    let nvidia = names(&root.join("dev"), |name| {
        name.strip_prefix("nvidia").is_some_and(|number| number.parse::<u16>().is_ok())
    });
    let neuron = names(&root.join("dev"), |name| {
        name.strip_prefix("neuron").is_some_and(|number| number.parse::<u16>().is_ok())
    });
    let amd = if root.join("dev/kfd").exists() {
        names(&root.join("dev/dri"), |name| name.starts_with("renderD"))
    } else {
        0
    };
    let mut found = Vec::new();
    for (count, what) in [(nvidia, "NVIDIA"), (amd, "AMD"), (neuron, "AWS Neuron")] {
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    if !found.is_empty() {
        return Row::good("accelerators", format!("{}; a model's process can use them", found.join(", ")));
    }
    // A card without its driver is the usual mistake.
    if has_nvidia_card(&root.join("sys/bus/pci/devices")) {
        return Row::limited(
            "accelerators",
            "an NVIDIA card is there, but its driver is not loaded",
            "install NVIDIA's driver; `nvidia-smi` then lists the card",
        );
    }
    Row::missing(
        "accelerators",
        "no GPU; models run on the CPU, also on instance types that have one at AWS",
        "nothing, unless a model needs one",
    )
}

fn names(dir: &Path, is_one: impl Fn(&str) -> bool) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_one)).count()
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

    fn machine(files: &[(&str, &str)]) -> Row {
        let root = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        row_of(root.path())
    }

    #[test]
    fn cards_are_counted_by_their_device_files() {
        let row = machine(&[
            ("dev/nvidia0", ""),
            ("dev/nvidia1", ""),
            ("dev/nvidiactl", ""),
            ("dev/nvidia-uvm", ""),
        ]);
        assert_eq!((row.verdict, row.says.split(';').next()), (Verdict::Good, Some("2 NVIDIA")));
        let row = machine(&[("dev/kfd", ""), ("dev/dri/renderD128", ""), ("dev/dri/card0", "")]);
        assert_eq!((row.verdict, row.says.split(';').next()), (Verdict::Good, Some("1 AMD")));
        assert_eq!(machine(&[("dev/dri/renderD128", "")]).verdict, Verdict::Missing);
    }

    #[test]
    fn a_card_without_its_driver_is_told_from_no_card() {
        let card =
            [("sys/bus/pci/devices/0/vendor", "0x10de\n"), ("sys/bus/pci/devices/0/class", "0x030000\n")];
        assert_eq!(machine(&card).verdict, Verdict::Limited);
        let sound =
            [("sys/bus/pci/devices/0/vendor", "0x10de\n"), ("sys/bus/pci/devices/0/class", "0x040300\n")];
        assert_eq!(machine(&sound).verdict, Verdict::Missing);
    }
}
