//! A container's output as engines send it: frames of eight bytes' head, a time and a piece of output.
//!
//! Invariants: a frame longer than any that an engine makes is an error, so memory is bounded; order is the engine's.

use bytes::{Buf, Bytes, BytesMut};

use super::EngineError;
use super::http::Answer;

/// Engines cut output at 16 KiB; the time before it is some thirty bytes.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
const HEAD_BYTES: usize = 8;

/// A piece of output: a line, or a part of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// When it was written, by the engine's clock.
    pub(crate) at_ns: i64,
    pub(crate) bytes: Bytes,
}

/// Takes frames out of bytes as they come.
#[derive(Default)]
pub(super) struct Frames {
    pending: BytesMut,
}

impl Frames {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole frame; none until more bytes come.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, String> {
        let Some(head) = self.pending.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [_, _, _, _, length @ ..] = *head;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(format!("a piece of output has {length} bytes"));
        }
        if self.pending.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        self.pending.advance(HEAD_BYTES);
        let mut bytes = self.pending.split_to(length).freeze();
        let blank = bytes.iter().position(|&byte| byte == b' ').ok_or("a piece of output has no time")?;
        let at_ns = std::str::from_utf8(&bytes[..blank]).ok().and_then(nanoseconds);
        let at_ns = at_ns.ok_or("the time of a piece of output cannot be read")?;
        bytes.advance(blank + 1);
        Ok(Some(Frame { at_ns, bytes }))
    }
}

fn nanoseconds(text: &str) -> Option<i64> {
    i64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_nanosecond()).ok()
}

/// The output of a container, as it comes.
pub(crate) struct LogStream {
    answer: Answer,
    frames: Frames,
}

impl LogStream {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, frames: Frames::default() }
    }

    /// The next frames, at least one; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Frame>>, EngineError> {
        let action = self.answer.action;
        loop {
            let mut all = Vec::new();
            while let Some(frame) =
                self.frames.next().map_err(|detail| EngineError::Broken { action, detail })?
            {
                all.push(frame);
            }
            if !all.is_empty() {
                return Ok(Some(all));
            }
            match self.answer.next().await? {
                Some(bytes) => self.frames.add(&bytes),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(stream: u8, text: &str) -> Vec<u8> {
        let mut all = vec![stream, 0, 0, 0];
        all.extend((text.len() as u32).to_be_bytes());
        all.extend(text.as_bytes());
        all
    }

    #[test]
    fn frames_are_found_however_the_bytes_come() {
        // As `curl --unix-socket … 'containers/ID/logs?stdout=1&stderr=1&timestamps=1'` of Docker 20.10 shows them.
        let mut all = raw(1, "2026-12-01T01:02:03.000000004Z ready\n");
        all.extend(raw(2, "2026-12-01T01:02:03.500000000Z two words\n"));
        for size in [1, 7, 8, 9, 1000] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for piece in all.chunks(size) {
                frames.add(piece);
                while let Some(frame) = frames.next().unwrap() {
                    found.push(frame);
                }
            }
            let texts: Vec<&[u8]> = found.iter().map(|frame| &frame.bytes[..]).collect();
            assert_eq!(texts, [&b"ready\n"[..], b"two words\n"], "{size}");
            // date -u -d 2026-12-01T01:02:03 +%s
            assert_eq!(found[0].at_ns, 1_796_086_923_000_000_004, "{size}");
            assert_eq!(found[1].at_ns - found[0].at_ns, 499_999_996);
        }
    }

    #[test]
    fn nonsense_is_an_error_and_not_a_wait_for_more() {
        for bytes in [raw(1, "no-time\n"), raw(1, "yesterday ready\n"), vec![1, 0, 0, 0, 255, 255, 255, 255]]
        {
            let mut frames = Frames::default();
            frames.add(&bytes);
            assert!(frames.next().is_err(), "{bytes:?}");
        }
    }
}
