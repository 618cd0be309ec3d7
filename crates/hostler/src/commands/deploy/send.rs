//! The model on its way to the bucket: packed or read, in parts, while they are sent.
//!
//! Why: neither memory nor disk should hold the archive a second time.
//! Invariants: at most `PARTS_WAITING` parts wait between the reader and the network.
//! Failure: when the network side goes away the reader's next write fails and it ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use hostler_artifacts::{UnpackLimits, pack};
use tokio::sync::mpsc;

use crate::client::{PART_BYTES, Upload};
use crate::model_path::Form;
use crate::progress::{Progress, size};

const PARTS_WAITING: usize = 1;
const READ_BYTES: usize = 256 << 10;

/// Sends the model; how many bytes its archive has.
pub(super) async fn send(
    path: &Path,
    form: Form,
    upload: &Upload<'_>,
    progress: &Progress,
) -> anyhow::Result<u64> {
    let (sender, mut parts) = mpsc::channel(PARTS_WAITING);
    let source = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&source, form, sender));
    let phase = if form == Form::Directory { "packing and uploading" } else { "uploading" };
    progress.show(phase, "");
    let sent = upload.send(&mut parts, |bytes| progress.show(phase, &size(bytes))).await;
    drop(parts);
    let read = reading.await.context("the reader of the model panicked")?;
    // An upload that fails ends the reader, too, so its error comes first. A reader that fails ends the upload early,
    // which looks like a smaller archive until here.
    let bytes = sent?;
    read?;
    Ok(bytes)
}

fn read(path: &PathBuf, form: Form, sender: mpsc::Sender<Bytes>) -> anyhow::Result<()> {
    let mut parts = Parts { sender, part: BytesMut::new() };
    match form {
        Form::Directory => {
            pack(path, &mut parts, &UnpackLimits::default())?;
        }
        Form::Archive { .. } => {
            let reading = || format!("reading `{}` failed", path.display());
            let mut file = File::open(path).with_context(reading)?;
            let mut buffer = vec![0; READ_BYTES];
            loop {
                let count = file.read(&mut buffer).with_context(reading)?;
                if count == 0 {
                    break;
                }
                parts.write_all(&buffer[..count])?;
            }
        }
    }
    Ok(parts.finish()?)
}

/// Cuts what is written into parts.
struct Parts {
    sender: mpsc::Sender<Bytes>,
    part: BytesMut,
}

impl Parts {
    fn send(&mut self) -> io::Result<()> {
        let part = self.part.split().freeze();
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the upload was given up");
        self.sender.blocking_send(part).map_err(gone)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.part.is_empty() { Ok(()) } else { self.send() }
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PART_BYTES - self.part.len());
        self.part.extend_from_slice(&bytes[..count]);
        if self.part.len() == PART_BYTES {
            self.send()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_comes_out_in_whole_parts_and_a_rest() {
        let (sender, mut parts) = mpsc::channel(16);
        let mut writer = Parts { sender, part: BytesMut::new() };
        let bytes: Vec<u8> = (0..PART_BYTES * 2 + 5).map(|n| (n % 251) as u8).collect();
        for piece in bytes.chunks(1_000_003) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        let mut came = Vec::new();
        while let Ok(part) = parts.try_recv() {
            came.push(part);
        }
        assert_eq!(came.iter().map(Bytes::len).collect::<Vec<_>>(), [PART_BYTES, PART_BYTES, 5]);
        assert_eq!(came.concat(), bytes);
    }

    #[test]
    fn a_reader_whose_upload_went_away_ends() {
        let (sender, parts) = mpsc::channel(1);
        drop(parts);
        let mut writer = Parts { sender, part: BytesMut::new() };
        let error = writer.write_all(&vec![0; PART_BYTES]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
