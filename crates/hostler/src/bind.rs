//! The socket that listens.
//!
//! Why: a client whose connection finds the queue full is told nothing and tries again a second later; tokio's own queue
//! holds 128, fewer than a fleet of clients that starts at once.
//! Invariants: taking an address that a socket which was just closed still has works, as with tokio's own.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted; the kernel makes `net.core.somaxconn` of more.
const WAITING_MAX: u32 = 4096;

/// Listens there.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING_MAX)
    };
    listen().with_context(|| format!("listening on {address} failed"))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};
    use std::time::Duration;

    use super::*;

    /// Less than the second after which a client's kernel tries again.
    const AT_ONCE: Duration = Duration::from_millis(900);

    #[tokio::test]
    async fn a_thousand_clients_may_come_at_once() {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody accepts: all of them wait in the queue.
        let connections: Result<Vec<_>, _> =
            (0..1000).map(|_| TcpStream::connect_timeout(&address, AT_ONCE)).collect();
        assert_eq!(connections.unwrap().len(), 1000);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let taken = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind(address).unwrap_err();
        assert_eq!(error.to_string(), format!("listening on {address} failed"));
    }
}
