//! The bodies that go in and out.
//!
//! Why: rooms are called with hyper's bodies and with test bodies; one boxed type keeps the code below single.
//! Invariants: streaming both ways; nothing here buffers a whole body.

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, Empty, Full, StreamBody};

use crate::folder::ObjectFile;

/// What answers carry.
pub type Body = BoxBody<Bytes, io::Error>;
/// What requests carry, whatever they came with.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Bytes of an object in one frame.
const READ_BYTES: u64 = 512 * 1024;

/// Boxes a request's body.
pub(crate) fn boxed<B>(body: B) -> RequestBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    body.map_err(Into::into).boxed_unsync()
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// Streams a range of an object that is open, so that neither an overwrite nor a deletion disturbs it.
pub(crate) fn object(file: ObjectFile, start: u64, length: u64) -> Body {
    let file = Arc::new(file);
    let frames = stream::try_unfold((start, length), move |(at, left)| {
        let file = Arc::clone(&file);
        async move {
            if left == 0 {
                return Ok(None);
            }
            let step = left.min(READ_BYTES);
            let read = move || {
                let mut buffer = vec![0; step as usize];
                file.read_at(&mut buffer, at).map(|()| Bytes::from(buffer))
            };
            let bytes =
                tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?.map_err(|error| {
                    tracing::error!(%error, "an object cannot be read to its end");
                    io::Error::other(error)
                })?;
            Ok(Some((Frame::data(bytes), (at + step, left - step))))
        }
    });
    StreamBody::new(frames).boxed()
}
