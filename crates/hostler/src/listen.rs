//! Connections: accepted, wrapped in TLS where that is wanted, limited, and let finish at a stop.
//!
//! Why: whoever connects has proven nothing yet; heads and handshakes have a time and a size, and connections a
//! number, before any room is asked.
//! Invariants: a stop closes idle connections at once and busy ones after their answer, within a bound; streams, which
//! may take longer, are told that they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::front::Front;
use crate::settings::TlsFiles;
use crate::threads::Threads;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 16_384;
/// A request's head must arrive within this time, and within this size.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for answers under way at most: AWS's model may take 60 s.
const FINISH_TIMEOUT: Duration = Duration::from_secs(65);
/// How much longer it waits than a model may take, and how long for streams that were told to end.
const FINISH_MARGIN: Duration = Duration::from_secs(5);
/// The pause after an accept that failed, for want of file descriptors above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    threads: Threads,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = Connection { peer, front: front.clone(), stop: stop.clone() };
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
    // Every connection holds a permit: when all are back, all have ended.
    let all_ended = permits.acquire_many(u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX));
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

/// One connection of a client.
struct Connection {
    peer: SocketAddr,
    front: Front,
    stop: CancellationToken,
}

impl Connection {
    async fn open(self, stream: TcpStream, transport: Transport) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(peer = %self.peer, %error, "setting TCP_NODELAY failed");
        }
        match transport {
            Transport::Plain => self.serve(stream).await,
            Transport::Tls(acceptor) => {
                let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    shaken = handshake => match shaken {
                        Ok(Ok(stream)) => self.serve(stream).await,
                        Ok(Err(error)) => debug!(peer = %self.peer, %error, "the TLS handshake failed"),
                        Err(_) => debug!(peer = %self.peer, "the TLS handshake took too long"),
                    },
                }
            }
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
        let service = service_fn(|request| {
            let front = self.front.clone();
            async move { Ok::<_, std::convert::Infallible>(front.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(peer = %self.peer, %error, "a connection ended early");
        }
    }
}
