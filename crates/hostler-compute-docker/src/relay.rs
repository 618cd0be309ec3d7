//! The way to a container that has no network: a port of this machine's loopback, and a thread inside.
//!
//! Why: an internal network of the engine keeps a container from other machines only: this machine, with all that
//! listens on it, is still in reach, and engines carry questions to name servers out. A container without any network
//! reaches nobody, whatever the engine and the firewall. A thread that has entered its network makes connections to
//! it there, and connections keep the network that they were made in.
//! Invariants: only the port inside is reached, only from this machine's loopback. Bounded in connections. Entering
//! needs root on the engine's machine; where that is missing nothing is promised (`Capabilities`).
//! Failure: a connection that the container refuses is reset.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream as BlockingStream};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

/// More than an instance is sent at once.
const CONNECTIONS_MAX: usize = 4096;
/// Within one machine a connection stands or is refused at once, but for a server that does not take any.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after this machine refused a connection, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Wish = (u16, oneshot::Sender<io::Result<BlockingStream>>);

/// An open way; closed when dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The network of a process, held whatever becomes of the process.
pub(crate) struct Network(File);

impl Network {
    pub(crate) fn of_process(pid: u32) -> io::Result<Self> {
        File::open(format!("/proc/{pid}/ns/net")).map(Self)
    }
}

impl Relay {
    /// Opens a way to `port` in a network; where it can at the address that it had before.
    pub(crate) async fn open(network: Network, port: u16, before: Option<SocketAddr>) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = match before {
            Some(before) => match TcpListener::bind(before).await {
                Ok(listener) => listener,
                Err(_) => TcpListener::bind(any).await?,
            },
            None => TcpListener::bind(any).await?,
        };
        let address = listener.local_addr()?;
        let (wishes, inbox) = mpsc::channel();
        let (entered, has_entered) = oneshot::channel();
        std::thread::Builder::new()
            .name("container-network".to_owned())
            .spawn(move || work_inside(&network, &inbox, entered))?;
        has_entered.await.map_err(io::Error::other)??;
        let task = tokio::spawn(serve(listener, port, wishes)).abort_handle();
        Ok(Self { address, task })
    }
}

/// Enters the network and makes connections there until nobody wants any more.
fn work_inside(network: &Network, inbox: &mpsc::Receiver<Wish>, entered: oneshot::Sender<io::Result<()>>) {
    let moved = move_into_link_name_space(network.0.as_fd(), Some(LinkNameSpaceType::Network));
    let is_inside = moved.is_ok();
    if entered.send(moved.map_err(io::Error::from)).is_err() || !is_inside {
        return;
    }
    while let Ok((port, reply)) = inbox.recv() {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // An error means that whoever wanted it has gone.
        let _ = reply.send(BlockingStream::connect_timeout(&to, CONNECT_TIMEOUT));
    }
}

async fn serve(listener: TcpListener, port: u16, wishes: mpsc::Sender<Wish>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
            continue;
        }
        match listener.accept().await {
            Ok((outer, _)) => {
                connections.spawn(carry(outer, port, wishes.clone()));
            }
            Err(error) => {
                tracing::debug!(%error, "a connection to an isolated container was not taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn carry(mut outer: TcpStream, port: u16, wishes: mpsc::Sender<Wish>) {
    let connected = async {
        let (reply, answer) = oneshot::channel();
        wishes.send((port, reply)).map_err(io::Error::other)?;
        let inner = answer.await.map_err(io::Error::other)??;
        inner.set_nonblocking(true)?;
        TcpStream::from_std(inner)
    };
    let carried = async {
        let mut inner = connected.await?;
        outer.set_nodelay(true)?;
        inner.set_nodelay(true)?;
        tokio::io::copy_bidirectional(&mut outer, &mut inner).await
    };
    if let Err(error) = carried.await {
        tracing::debug!(%error, "a connection to an isolated container broke");
        // So that it is not taken for an answer that ended.
        let _ = rustix::net::sockopt::set_socket_linger(&outer, Some(Duration::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Entering a network needs root, also one's own.
    fn may_enter() -> bool {
        let may = rustix::process::geteuid().is_root();
        if !may {
            let may_leave_out = std::env::var_os("HOSTLER_TEST_ALL").is_none();
            assert!(may_leave_out, "not root, and nothing may be left out");
        }
        may
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_a_refusal_is_a_reset() {
        if !may_enter() {
            return;
        }
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = inner.local_addr().unwrap().port();
        let own = || Network::of_process(std::process::id()).unwrap();
        let relay = Relay::open(own(), port, None).await.unwrap();
        let mut client = TcpStream::connect(relay.address).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        client.shutdown().await.unwrap();
        let (mut served, _) = inner.accept().await.unwrap();
        let mut asked = String::new();
        served.read_to_string(&mut asked).await.unwrap();
        served.write_all(b"pong").await.unwrap();
        drop(served);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((asked.as_str(), answer.as_str()), ("ping", "pong"));
        drop(inner);
        let mut client = TcpStream::connect(relay.address).await.unwrap();
        let refused = client.read_u8().await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionReset);
        let address = relay.address;
        drop(relay);
        // The task that listened ends soon after.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let again = Relay::open(own(), port, Some(address)).await.unwrap();
        assert_eq!(again.address, address);
    }
}
