//! One call over one connection.
//!
//! Invariants: dropping an answer ends its connection, also in the middle of a stream; so does dropping a call.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;

use super::{Engine, EngineError};
use crate::EngineAddress;

/// The newest version of the API that this client was written against; an engine that is older says so.
const VERSION_MINOR_MAX: u32 = 47;
/// A list of a thousand containers is a few megabytes.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an engine may take for what is not endless: a busy disk makes starting slow.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// A call: a verb, a path below the version, and perhaps a body.
pub(super) struct Call {
    /// What it is for, as in "was asked to …".
    pub(super) action: &'static str,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
    /// `X-Registry-Auth`.
    pub(super) registry_auth: Option<String>,
}

impl Call {
    pub(super) fn new(action: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self { action, method, path: path.into(), body: Bytes::new(), registry_auth: None }
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, EngineError> {
        let bytes = serde_json::to_vec(body).map_err(|error| EngineError::broken(self.action, &error))?;
        self.body = bytes.into();
        Ok(self)
    }
}

/// An answer whose body is still coming.
pub(super) struct Answer {
    pub(super) action: &'static str,
    pub(super) status: u16,
    body: Incoming,
    _connection: Connection,
}

/// Ends the connection when dropped.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..400).contains(&self.status)
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(EngineError::broken(self.action, &error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    _ => {}
                },
            }
        }
    }

    pub(super) async fn whole(mut self) -> Result<Bytes, EngineError> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if all.len() + bytes.len() > ANSWER_BYTES_MAX {
                let detail = format!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
                return Err(EngineError::Broken { action: self.action, detail });
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}

impl Engine {
    /// A call with a short answer: status and body.
    pub(super) async fn exchange(&self, call: Call) -> Result<(u16, Bytes), EngineError> {
        let action = call.action;
        let whole = async {
            let answer = self.open(call).await?;
            Ok((answer.status, answer.whole().await?))
        };
        let late = EngineError::Late { action, seconds: CALL_TIMEOUT.as_secs() };
        tokio::time::timeout(CALL_TIMEOUT, whole).await.unwrap_or(Err(late))
    }

    /// The same, where anything but success is an error, and the body is JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, EngineError> {
        let action = call.action;
        let (status, body) = self.exchange(call).await?;
        if !(200..300).contains(&status) {
            return Err(EngineError::refused(action, status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| EngineError::broken(action, &error))
    }

    /// Sends a call; the answer's body is still to be read.
    pub(super) async fn open(&self, call: Call) -> Result<Answer, EngineError> {
        let version = self.version().await?;
        self.send(call, &version).await
    }

    /// Both sides' newest.
    async fn version(&self) -> Result<String, EngineError> {
        if let Some(version) = &*self.version.read().await {
            return Ok(version.clone());
        }
        let ping = Call::new("say which version it speaks", Method::GET, "/_ping");
        let action = ping.action;
        let pinged = async {
            let (answer, said) = self.send_and_look(ping, "").await?;
            if !answer.is_success() {
                let status = answer.status;
                return Err(EngineError::refused(action, status, &answer.whole().await?));
            }
            Ok(said)
        };
        let late = EngineError::Late { action, seconds: CALL_TIMEOUT.as_secs() };
        let said = tokio::time::timeout(CALL_TIMEOUT, pinged).await.unwrap_or(Err(late))?;
        let version = version(said.as_deref()).ok_or_else(|| EngineError::Broken {
            action,
            detail: "something else than a container engine answers".to_owned(),
        })?;
        *self.version.write().await = Some(version.clone());
        Ok(version)
    }

    async fn send(&self, call: Call, version: &str) -> Result<Answer, EngineError> {
        Ok(self.send_and_look(call, version).await?.0)
    }

    /// The answer and its `Api-Version`.
    async fn send_and_look(
        &self,
        call: Call,
        version: &str,
    ) -> Result<(Answer, Option<String>), EngineError> {
        let unreachable = |cause| EngineError::Unreachable { address: self.address.to_string(), cause };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        match &self.address {
            EngineAddress::Unix(path) => {
                let stream = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(path)).await;
                let stream = stream.map_err(late).and_then(|stream| stream).map_err(unreachable)?;
                over(stream, call, version).await
            }
            EngineAddress::Tcp(address) => {
                let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
                let stream = stream.map_err(late).and_then(|stream| stream).map_err(unreachable)?;
                over(stream, call, version).await
            }
        }
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    call: Call,
    version: &str,
) -> Result<(Answer, Option<String>), EngineError> {
    let action = call.action;
    let broken = |error: hyper::Error| EngineError::broken(action, &error);
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let mut request = Request::builder()
        .method(call.method)
        .uri(format!("{version}{}", call.path))
        .header(http::header::HOST, "localhost");
    if !call.body.is_empty() {
        request = request.header(http::header::CONTENT_TYPE, "application/json");
    }
    if let Some(auth) = call.registry_auth {
        request = request.header("X-Registry-Auth", auth);
    }
    let request = request.body(Full::new(call.body)).map_err(|error| EngineError::broken(action, &error))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let said = response.headers().get("Api-Version").and_then(|said| said.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    Ok((Answer { action, status, body: response.into_body(), _connection: connection }, said))
}

/// The beginning of paths, from what an engine says is its newest version.
fn version(said: Option<&str>) -> Option<String> {
    let (major, minor) = said?.split_once('.')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    (major == 1).then(|| format!("/v1.{}", minor.min(VERSION_MINOR_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_of_both_versions_is_spoken() {
        assert_eq!(version(Some("1.41")).as_deref(), Some("/v1.41"));
        assert_eq!(version(Some("1.99")).as_deref(), Some("/v1.47"));
        for nonsense in [None, Some(""), Some("1"), Some("2.0"), Some("1.x")] {
            assert_eq!(version(nonsense), None, "{nonsense:?}");
        }
    }
}
