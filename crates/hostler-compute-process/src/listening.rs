//! Where the processes of an instance listen.
//!
//! Why: a model that listens on its own favourite port, or on another address, is the commonest reason why `/ping` is
//! not answered, and nothing tells it but the kernel's tables, while the process still runs.
//! Invariants: read-only; what cannot be read is left out. TCP only, which the container contract speaks.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use hostler_compute_local::listening_at;

use crate::processes;

/// Every address at which a process with the instance's mark listens, each once, in order.
pub(crate) fn addresses(instance_dir: &Path) -> Vec<SocketAddr> {
    let mut found = BTreeSet::new();
    for pid in processes::marked(instance_dir) {
        let own = sockets(pid);
        if own.is_empty() {
            continue;
        }
        // The process's own tables: it may live in a network of its own.
        let listening = listening_at(pid).into_iter();
        found.extend(listening.filter(|(_, inode)| own.contains(inode)).map(|(address, _)| address));
    }
    found.into_iter().collect()
}

/// The inodes of a process's open sockets.
fn sockets(pid: u32) -> BTreeSet<u64> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
    let inode = |target: std::path::PathBuf| {
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    targets.filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_socket_of_this_process_is_found_in_its_tables() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pid = std::process::id();
        let own = sockets(pid);
        let found = listening_at(pid).into_iter().find(|(found, _)| *found == address).unwrap();
        assert!(own.contains(&found.1), "{found:?} {own:?}");
    }
}
