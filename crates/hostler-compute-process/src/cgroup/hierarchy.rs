//! Where on this machine groups can be made, found out once.
//!
//! Why: which hierarchy carries memory and which CPU, and where this process may write, differs between systemd
//! machines, containers and hand-made ones; trying it is the only honest test.
//! Invariants: groups are made below the server's own group. Only where version 2 forbids that (a group with
//! processes has no limited children) the nearest ancestor that already hands out the controllers is taken; nothing
//! is ever switched on in a group that is not the server's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Group, GroupKind, make_group_dir, put};

/// The parent of all groups of this project, so that a person sees whose they are.
const PARENT: &str = "hostler";

/// The places for groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    places: Vec<Place>,
    /// What cannot be limited, and why.
    pub(crate) missing: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    kind: GroupKind,
    parent: PathBuf,
}

/// A mounted hierarchy as `/proc/self/mountinfo` tells it.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    root: String,
    point: PathBuf,
    /// None: version 2.
    controllers: Option<Vec<String>>,
}

impl Hierarchies {
    /// Looks at this machine as this process sees it.
    pub(crate) fn detect() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::detect_in(&mounts, &own)
    }

    fn detect_in(mountinfo: &str, own: &str) -> Self {
        let mounts: Vec<Mount> = mountinfo.lines().filter_map(parse_mount).collect();
        let mut found = Self::default();
        let (mut unified_memory, mut unified_cpu) = (None, None);
        for (controller, kind) in [("memory", GroupKind::MemoryV1), ("cpu", GroupKind::CpuV1)] {
            let first = mounts.iter().find(|mount| mount.carries(controller)).map(|mount| {
                let parent = mount.group(own_group(own, Some(controller))).join(PARENT);
                try_place(&parent, &[]).map(|()| found.places.push(Place { kind, parent }))
            });
            let tried = match first {
                Some(result) => result,
                None => unified_parent(&mounts, own, controller).map(|parent| match controller {
                    "memory" => unified_memory = Some(parent),
                    _ => unified_cpu = Some(parent),
                }),
            };
            if let Err(error) = tried {
                found.missing.push(format!("{controller}: {error}"));
            }
        }
        if unified_memory.is_some() && unified_cpu.is_some() && unified_memory != unified_cpu {
            // One process is in one group of version 2 only.
            unified_cpu = None;
            found.missing.push("cpu: handed out by another group than memory is".to_owned());
        }
        let (memory, cpu) = (unified_memory.is_some(), unified_cpu.is_some());
        if let Some(parent) = unified_memory.or(unified_cpu) {
            found.places.push(Place { kind: GroupKind::Unified { memory, cpu }, parent });
        }
        found
    }

    /// None at all, because the operator wants it so.
    pub(crate) fn none() -> Self {
        Self { places: Vec::new(), missing: vec!["switched off".to_owned()] }
    }

    pub(crate) fn limits_memory(&self) -> bool {
        self.places
            .iter()
            .any(|place| matches!(place.kind, GroupKind::MemoryV1 | GroupKind::Unified { memory: true, .. }))
    }

    pub(crate) fn limits_cpu(&self) -> bool {
        self.places
            .iter()
            .any(|place| matches!(place.kind, GroupKind::CpuV1 | GroupKind::Unified { cpu: true, .. }))
    }

    /// The versions of control groups that carry something here.
    pub(crate) fn versions(&self) -> Vec<u8> {
        let version = |place: &Place| match place.kind {
            GroupKind::MemoryV1 | GroupKind::CpuV1 => 1,
            GroupKind::Unified { .. } => 2,
        };
        let mut versions: Vec<u8> = self.places.iter().map(version).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// The groups of the instance with this directory.
    pub(crate) fn groups(&self, instance_dir: &Path) -> Vec<Group> {
        // Two servers may hold instances of one name; the directory tells them apart.
        let hash = instance_dir
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let name = instance_dir.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}-{hash:016x}");
        self.places.iter().map(|place| Group { kind: place.kind, dir: place.parent.join(&name) }).collect()
    }
}

impl Mount {
    fn carries(&self, controller: &str) -> bool {
        self.controllers.as_ref().is_some_and(|all| all.iter().any(|one| one == controller))
    }

    /// Where the group with this path of the hierarchy lies in the file system.
    fn group(&self, path: &str) -> PathBuf {
        let below = match self.root.as_str() {
            "/" => Some(path),
            root => path.strip_prefix(root),
        };
        self.point.join(below.unwrap_or_default().trim_start_matches('/'))
    }
}

fn parse_mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    let controllers = match *right.first()? {
        "cgroup" => Some(right.get(2)?.split(',').map(str::to_owned).collect()),
        "cgroup2" => None,
        _ => return None,
    };
    Some(Mount { root: (*left.get(3)?).to_owned(), point: PathBuf::from(left.get(4)?), controllers })
}

/// This process's group in the hierarchy of a controller, or in version 2.
fn own_group<'a>(own: &'a str, controller: Option<&str>) -> &'a str {
    let group = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let matches = match controller {
            Some(controller) => controllers.split(',').any(|one| one == controller),
            None => controllers.is_empty(),
        };
        matches.then_some(path)
    });
    group.unwrap_or("/")
}

/// Makes a group and removes it again.
fn try_place(parent: &Path, controllers: &[&str]) -> io::Result<()> {
    let probe = parent.join(format!("probe-{}", std::process::id()));
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("making `{}` failed: {error}", probe.display()))
    };
    make_group_dir(&probe, controllers).map_err(named)?;
    fs::remove_dir(&probe).map_err(named)?;
    // Fails while other groups are in it, as it should.
    let _ = fs::remove_dir(parent);
    Ok(())
}

/// Where version 2 lets this process make groups that a controller limits.
fn unified_parent(mounts: &[Mount], own: &str, controller: &str) -> io::Result<PathBuf> {
    let mount = mounts.iter().find(|mount| mount.controllers.is_none());
    let mount = mount.ok_or_else(|| io::Error::other("no control groups are mounted"))?;
    let own = mount.group(own_group(own, None));
    let mut last = io::Error::other(format!("no group above `{}` hands out `{controller}`", own.display()));
    for candidate in own.ancestors().take_while(|dir| dir.starts_with(&mount.point)) {
        if !lists(&candidate.join("cgroup.controllers"), controller) {
            continue;
        }
        let switch = candidate.join("cgroup.subtree_control");
        let enabled = lists(&switch, controller)
            || (candidate == own && put(&switch, &format!("+{controller}")).is_ok());
        if !enabled {
            continue;
        }
        let parent = candidate.join(PARENT);
        let wanted = format!("+{controller}");
        match try_place(&parent, &[&wanted]) {
            Ok(()) => return Ok(parent),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn lists(file: &Path, word: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.split_whitespace().any(|one| one == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_of_version_one_has_a_place_per_controller_below_the_own_group() {
        let root = tempfile::tempdir().unwrap();
        let point = root.path().display();
        let mounts = format!(
            "32 31 0:29 / {point}/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / {point}/memory rw - cgroup cgroup rw,memory\n\
             41 31 0:38 / {point}/unified rw - cgroup2 cgroup2 rw\n"
        );
        fs::create_dir_all(root.path().join("memory/own")).unwrap();
        let found = Hierarchies::detect_in(&mounts, "4:memory:/own\n1:cpu,cpuacct:/\n0::/\n");
        assert_eq!(found.missing, Vec::<String>::new());
        let dirs: Vec<PathBuf> = found.places.iter().map(|place| place.parent.clone()).collect();
        assert_eq!(dirs, [root.path().join("memory/own/hostler"), root.path().join("cpu,cpuacct/hostler")]);
        assert!(!dirs[0].exists(), "the probe leaves nothing");
        assert_eq!(found.versions(), [1]);
    }

    #[test]
    fn a_busy_group_of_version_two_falls_back_to_the_ancestor_that_hands_out() {
        let root = tempfile::tempdir().unwrap();
        let (top, own) = (root.path(), root.path().join("app.slice/run.scope"));
        fs::create_dir_all(&own).unwrap();
        for dir in [top.join("app.slice"), own.clone()] {
            fs::write(dir.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        }
        fs::write(top.join("app.slice/cgroup.subtree_control"), "cpu memory\n").unwrap();
        fs::create_dir_all(top.join("app.slice/hostler")).unwrap();
        fs::write(top.join("app.slice/hostler/cgroup.subtree_control"), "").unwrap();
        let mounts = format!("41 31 0:38 / {} rw - cgroup2 cgroup2 rw\n", top.display());
        let found = Hierarchies::detect_in(&mounts, "0::/app.slice/run.scope\n");
        let kind = GroupKind::Unified { memory: true, cpu: true };
        assert_eq!(found.places, [Place { kind, parent: top.join("app.slice/hostler") }]);
        assert!(found.limits_memory() && found.limits_cpu());
        assert_eq!(found.versions(), [2]);
    }

    #[test]
    fn controllers_from_different_groups_of_version_two_do_not_mix() {
        let root = tempfile::tempdir().unwrap();
        let (top, own) = (root.path(), root.path().join("own"));
        for (dir, all) in [(top.to_path_buf(), "cpu memory\n"), (own.clone(), "memory\n")] {
            fs::create_dir_all(dir.join("hostler")).unwrap();
            fs::write(dir.join("hostler/cgroup.subtree_control"), "").unwrap();
            fs::write(dir.join("cgroup.controllers"), all).unwrap();
            fs::write(dir.join("cgroup.subtree_control"), all).unwrap();
        }
        let mounts = format!("41 31 0:38 / {} rw - cgroup2 cgroup2 rw\n", top.display());
        let found = Hierarchies::detect_in(&mounts, "0::/own\n");
        assert!(found.limits_memory() && !found.limits_cpu());
        assert_eq!(found.missing, ["cpu: handed out by another group than memory is"]);
    }

    #[test]
    fn a_machine_without_groups_says_what_is_missing() {
        let found = Hierarchies::detect_in("", "");
        assert_eq!(found.places, []);
        assert_eq!(found.missing.len(), 2);
    }
}
