//! What the fuzz harnesses and the measurements reach of this room besides its public face.
//!
//! Why: a harness holds the reader of answers itself against independent ones, and an exchange with a container is
//! measured without everything that comes before and after it.
//! Invariants: forwards and decides nothing; nobody but `hostler-fuzz` and `examples/` calls it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use crate::upstream::{self, Kept};

/// One container and the connections that are kept to it.
pub struct Container(Arc<Kept>);

impl Container {
    /// The container that listens there.
    pub fn at(address: SocketAddr) -> Self {
        Self(Arc::new(Kept::new(address)))
    }

    /// One exchange, its answer read to the end.
    pub async fn exchange(&self, headers: HeaderMap, body: Bytes) -> Result<(StatusCode, Bytes), String> {
        let answer = upstream::invoke(&self.0, headers, body).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
            if first.is_empty() && all.is_empty() {
                first = data;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
        Ok((status, if all.is_empty() { first } else { all.freeze() }))
    }
}
