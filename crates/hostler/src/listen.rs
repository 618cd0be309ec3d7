//! Connections: accepted, wrapped in TLS where that is wanted, limited, and let finish at a stop.
//!
//! Why: whoever connects has proven nothing yet; heads and handshakes have a time and a size, and connections a
//! number, before any room is asked. At that number idle connections make room for new ones.
//! Invariants: a stop closes idle connections at once and busy ones after their answer, within a bound; streams, which
//! may take longer, are told that they end.

mod bodies;
mod connection;
mod invocations;
pub(crate) mod open_files;
mod pulse;
mod socket;
mod watch;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

pub(crate) use self::bodies::RequestBody;
use self::connection::Connection;
pub(crate) use self::watch::{Closed, Watch};
use crate::front::Front;
use crate::settings::TlsFiles;
use crate::threads::Threads;

/// How long a stop waits for answers under way at most: AWS's model may take 60 s.
const FINISH_TIMEOUT: Duration = Duration::from_secs(65);
/// How much longer it waits than a model may take, and how long for streams that were told to end.
const FINISH_MARGIN: Duration = Duration::from_secs(5);
/// The pause after an accept that failed, for want of file descriptors above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The pause between two looks for idle connections, while a new one waits for room.
const EVICT_PAUSE: Duration = Duration::from_millis(500);

/// How bytes travel.
#[derive(Clone)]
pub(crate) enum Transport {
    Plain,
    Tls(TlsAcceptor),
}

impl Transport {
    /// Reads certificate and key, if there are any.
    pub(crate) fn new(files: Option<&TlsFiles>) -> anyhow::Result<Self> {
        let Some(files) = files else { return Ok(Self::Plain) };
        let shown = files.cert.display();
        let certs = CertificateDer::pem_file_iter(&files.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("reading the certificate `{shown}` failed"))?;
        ensure!(!certs.is_empty(), "there is no certificate in `{shown}`: one or more in PEM are expected");
        let key = match PrivateKeyDer::from_pem_file(&files.key) {
            Err(pem::Error::NoItemsFound) => {
                bail!("there is no private key in `{}`: one in PEM is expected", files.key.display())
            }
            other => other.with_context(|| format!("reading the key `{}` failed", files.key.display()))?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certs, key)
            .with_context(|| format!("the certificate `{shown}` and the key do not fit"))?;
        Ok(Self::Tls(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls(_) => "https",
        }
    }
}

/// Accepts until `stop`, then lets what is under way finish.
pub(crate) async fn run(
    listener: TcpListener,
    transport: Transport,
    front: Front,
    watch: Arc<Watch>,
    threads: Threads,
    stop: CancellationToken,
) {
    if let Err(error) = socket::prepare(&listener) {
        debug!(%error, "setting options of a listener failed");
    }
    let connections_max = watch.connections_max().min(open_files::connections_max());
    let permits = Arc::new(Semaphore::new(connections_max));
    let looking = AbortOnDropHandle::new(tokio::spawn({
        let watch = watch.clone();
        async move { watch.keep().await }
    }));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                watch.evict();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = admitted(&permits, &watch) => permit,
        };
        let connection = Connection { peer, door: front.clone(), pulse: watch.over() };
        let transport = transport.clone();
        // Taken out of this runtime, to be polled by the one that serves it.
        let stream = stream.into_std();
        threads.spawn(move || async move {
            match stream.and_then(TcpStream::from_std) {
                Ok(stream) => connection.open(stream, transport).await,
                Err(error) => warn!(%error, "a connection could not be served"),
            }
            drop(permit);
        });
    }
    drop(listener);
    drop(looking);
    watch.stop();
    // Every connection holds a permit: when all are back, all have ended.
    let all_ended = permits.acquire_many(u32::try_from(connections_max).unwrap_or(u32::MAX));
    tokio::pin!(all_ended);
    let finish_timeout = FINISH_TIMEOUT.min(front.answer_timeout() + FINISH_MARGIN);
    if tokio::time::timeout(finish_timeout, all_ended.as_mut()).await.is_ok() {
        return;
    }
    front.end_streams();
    if tokio::time::timeout(FINISH_MARGIN, all_ended).await.is_err() {
        warn!("some connections did not finish in time");
    }
}

/// Room for one more connection: when there is none, idle ones go.
async fn admitted(permits: &Arc<Semaphore>, watch: &Watch) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        watch.evict();
        // Whoever is not idle now may be soon.
        if let Ok(permit) = tokio::time::timeout(EVICT_PAUSE, permits.clone().acquire_owned()).await {
            return permit.ok();
        }
    }
}
