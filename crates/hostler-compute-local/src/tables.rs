//! The kernel's tables of sockets.
//!
//! Invariants: read-only; what cannot be read is left out. TCP only, which the container contract speaks.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The kernel's number for a socket that listens.
const LISTEN: &str = "0A";

/// Everything that listens in the network of a process: addresses, and the inodes of their sockets.
pub fn listening_at(pid: u32) -> Vec<(SocketAddr, u64)> {
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        found.extend(text.lines().skip(1).filter_map(listening));
    }
    found
}

/// Address and inode of a row of `/proc/PID/net/tcp` or `tcp6`, if that socket listens.
fn listening(row: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != LISTEN {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddr::new(ip(address)?, port), inode.parse().ok()?))
}

/// The kernel prints addresses as words of 32 bits, each in the machine's own order of bytes.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_of_the_kernels_tables_are_read() {
        // As `man 5 proc` describes them: 127.0.0.1:8080 listening, the same established, [::1]:9000 listening.
        let v4 = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 4711 1 0 100 0";
        assert_eq!(listening(v4), Some(("127.0.0.1:8080".parse().unwrap(), 4711)));
        assert_eq!(listening(&v4.replace(" 0A ", " 01 ")), None);
        let v6 = "   1: 00000000000000000000000001000000:2328 00000000000000000000000000000000:0000 0A \
                  00000000:00000000 00:00000000 00000000     0 0 12 1 0 100 0 0 10 0";
        assert_eq!(listening(v6), Some(("[::1]:9000".parse().unwrap(), 12)));
        assert_eq!(listening("  sl  local_address rem_address   st"), None);
    }
}
