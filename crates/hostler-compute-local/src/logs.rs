//! An instance's log: segments named after the position of their first byte.
//!
//! Why: with the position in the name, positions grow across rotation, a reader needs no index, and rotation never
//! renames a file that somebody reads; `log`, `log.1` … would need all three.
//! Invariants: one writer; segments times their size bounds the whole; the oldest goes first.
//! Failure: a full disk loses log bytes, it never blocks the container; how many were lost is told where they would be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Bounds of the tail shown with an exit.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 20;
/// A reader that meets a rotation looks again; more rotations than this in one read are an error.
const LOOKS_MAX: usize = 8;
/// A container's log is worth having down to this size.
const SEGMENT_BYTES_MIN: u64 = 64 * 1024;

/// How much log is kept of each instance: of several containers each has its part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLimits {
    /// A new segment begins when one would grow past this.
    pub segment_bytes: u64,
    /// The oldest segment goes when there would be more; at least one is kept.
    pub segments: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { segment_bytes: 8 * 1024 * 1024, segments: 4 }
    }
}

impl LogLimits {
    /// Those of each of so many containers of one instance.
    pub fn divided_among(self, containers: usize) -> Self {
        let containers = u64::try_from(containers).unwrap_or(u64::MAX).max(1);
        let least = SEGMENT_BYTES_MIN.min(self.segment_bytes);
        Self { segment_bytes: (self.segment_bytes / containers).max(least), ..self }
    }
}

/// The writing end.
pub struct LogWriter {
    dir: PathBuf,
    limits: LogLimits,
    file: File,
    base: u64,
    bytes: u64,
    lost: Option<Lost>,
}

/// Output that could not be written.
struct Lost {
    bytes: u64,
    why: io::Error,
}

/// A piece of a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Whole lines where possible.
    pub bytes: Vec<u8>,
    /// Where the next piece begins.
    pub next: u64,
    /// Nothing is written after this piece yet.
    pub is_last: bool,
}

impl LogWriter {
    /// Goes on at the end of the newest segment.
    pub fn open(dir: &Path, limits: LogLimits) -> io::Result<Self> {
        let base = segments(dir)?.last().map_or(0, |segment| segment.base);
        let file = open_segment(dir, base)?;
        let bytes = file.metadata()?.len();
        Ok(Self { dir: dir.to_path_buf(), limits, file, base, bytes, lost: None })
    }

    /// Adds bytes or counts them as lost; as soon as there is room again, the log tells how many were.
    pub fn add(&mut self, bytes: &[u8]) {
        if let Some(lost) = &self.lost {
            let notice = format!("\nhostler: {} bytes of output were lost here: {}\n", lost.bytes, lost.why);
            if !self.append_whole(notice.as_bytes()) {
                self.lose(bytes.len() as u64, None);
                return;
            }
            self.lost = None;
        }
        let begin = self.position();
        if let Err(error) = self.append(bytes) {
            self.lose((bytes.len() as u64).saturating_sub(self.position() - begin), Some(error));
        }
    }

    fn lose(&mut self, bytes: u64, why: Option<io::Error>) {
        match (&mut self.lost, why) {
            (Some(lost), _) => lost.bytes += bytes,
            (None, Some(why)) => self.lost = Some(Lost { bytes, why }),
            (None, None) => {}
        }
    }

    /// Adds bytes to this segment, all or none; whether it did.
    fn append_whole(&mut self, bytes: &[u8]) -> bool {
        let before = self.bytes;
        let is_written = self.write(bytes).is_ok();
        if !is_written && self.file.set_len(before).is_ok() {
            self.bytes = before;
        }
        is_written
    }

    /// Where the next byte goes.
    pub fn position(&self) -> u64 {
        self.base + self.bytes
    }

    /// Counts what was written also where the rest failed.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.bytes += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Adds bytes; a segment ends with a whole line where there is one.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.limits.segment_bytes.saturating_sub(self.bytes).min(bytes.len() as u64) as usize;
            let fits = if room == bytes.len() {
                room
            } else {
                let line_end = bytes[..room].iter().rposition(|&byte| byte == b'\n').map(|at| at + 1);
                line_end.unwrap_or(if self.bytes == 0 { room.max(1) } else { 0 })
            };
            self.write(&bytes[..fits])?;
            bytes = &bytes[fits..];
            if !bytes.is_empty() {
                self.rotate()?;
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let base = self.base + self.bytes;
        self.file = open_segment(&self.dir, base)?;
        (self.base, self.bytes) = (base, 0);
        let all = segments(&self.dir)?;
        for old in &all[..all.len().saturating_sub(self.limits.segments.max(1))] {
            fs::remove_file(&old.path)?;
        }
        Ok(())
    }
}

/// Reads from the first of these directories that is there; none when none is.
pub fn read_first(dirs: &[&Path], from: u64, bytes_max: usize) -> io::Result<Option<Piece>> {
    for dir in dirs {
        match read(dir, from, bytes_max) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result.map(Some),
        }
    }
    Ok(None)
}

/// Reads from a position; one before the oldest kept byte means that byte.
pub fn read(dir: &Path, from: u64, bytes_max: usize) -> io::Result<Piece> {
    for _ in 0..LOOKS_MAX {
        match read_once(dir, from, bytes_max) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir.exists() => {}
            result => return result,
        }
    }
    Err(io::Error::other("the log was rotated faster than it could be read"))
}

fn read_once(dir: &Path, from: u64, bytes_max: usize) -> io::Result<Piece> {
    let all = segments(dir)?;
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Ok(Piece { bytes: Vec::new(), next: from, is_last: true });
    };
    let end = last.base + fs::metadata(&last.path)?.len();
    let from = from.max(first.base).min(end);
    let holder = all.iter().rfind(|segment| segment.base <= from).unwrap_or(first);
    let mut file = File::open(&holder.path)?;
    file.seek(SeekFrom::Start(from - holder.base))?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64).read_to_end(&mut bytes)?;
    let is_last = from + bytes.len() as u64 >= end;
    if !is_last {
        // What is left for the next piece begins with a whole line, where this piece has a line end.
        if let Some(line_end) = bytes.iter().rposition(|&byte| byte == b'\n') {
            bytes.truncate(line_end + 1);
        }
    }
    Ok(Piece { next: from + bytes.len() as u64, bytes, is_last })
}

/// Takes away what was written after a position, so that it can be written again. Only for who writes the log, and
/// before it does.
pub fn cut(dir: &Path, position: u64) -> io::Result<()> {
    for segment in segments(dir)?.iter().rev() {
        if segment.base >= position && segment.base > 0 {
            fs::remove_file(&segment.path)?;
            continue;
        }
        let length = fs::metadata(&segment.path)?.len();
        if segment.base + length > position {
            OpenOptions::new().write(true).open(&segment.path)?.set_len(position - segment.base)?;
        }
        break;
    }
    Ok(())
}

/// The last lines, bounded.
pub fn tail(dir: &Path) -> String {
    let Ok(all) = segments(dir) else { return String::new() };
    let mut bytes = Vec::new();
    for segment in all.iter().rev().take(2) {
        let Ok(mut file) = File::open(&segment.path) else { continue };
        let length = file.metadata().map_or(0, |meta| meta.len());
        let wanted = TAIL_BYTES.saturating_sub(bytes.len() as u64);
        let mut piece = Vec::new();
        if file.seek(SeekFrom::Start(length.saturating_sub(wanted))).is_ok()
            && file.take(wanted).read_to_end(&mut piece).is_ok()
        {
            piece.extend_from_slice(&bytes);
            bytes = piece;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

struct Segment {
    base: u64,
    path: PathBuf,
}

fn segments(dir: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let base = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let Some(base) = base {
            found.push(Segment { base, path });
        }
    }
    found.sort_by_key(|segment| segment.base);
    Ok(found)
}

fn open_segment(dir: &Path, base: u64) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(format!("{base:016}.log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(dir: &Path, mut from: u64, bytes_max: usize) -> (String, u64) {
        let mut all = Vec::new();
        loop {
            let piece = read(dir, from, bytes_max).unwrap();
            all.extend_from_slice(&piece.bytes);
            from = piece.next;
            if piece.is_last {
                return (String::from_utf8(all).unwrap(), from);
            }
        }
    }

    #[test]
    fn positions_grow_across_rotation_and_old_segments_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::open(dir.path(), LogLimits { segment_bytes: 20, segments: 2 }).unwrap();
        for number in 0..10 {
            log.append(format!("line {number}\n").as_bytes()).unwrap();
        }
        // Seven bytes a line, two lines a segment, the last two segments kept: lines 6 to 9.
        let (text, end) = read_all(dir.path(), 0, 1000);
        assert_eq!((text.as_str(), end), ("line 6\nline 7\nline 8\nline 9\n", 70));
        log.append(b"line 10\n").unwrap();
        assert_eq!(read_all(dir.path(), end, 1000), ("line 10\n".to_owned(), 78));
        assert_eq!(segments(dir.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_line_longer_than_a_segment_is_cut_and_none_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::open(dir.path(), LogLimits { segment_bytes: 8, segments: 100 }).unwrap();
        let line = "x".repeat(50) + "\n";
        log.append(b"ab\n").unwrap();
        log.append(line.as_bytes()).unwrap();
        assert_eq!(read_all(dir.path(), 0, 5).0, format!("ab\n{line}"));
    }

    #[test]
    fn a_piece_ends_with_a_whole_line_where_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::open(dir.path(), LogLimits::default()).unwrap();
        log.append(b"one\ntwo\nthree").unwrap();
        let piece = read(dir.path(), 0, 10).unwrap();
        assert_eq!(piece, Piece { bytes: b"one\ntwo\n".to_vec(), next: 8, is_last: false });
        assert_eq!(read(dir.path(), 8, 10).unwrap().bytes, b"three");
        assert_eq!(read(dir.path(), 99, 10).unwrap(), Piece { bytes: vec![], next: 13, is_last: true });
    }

    #[test]
    fn a_log_that_was_moved_aside_is_read_where_it_is_now() {
        let root = tempfile::tempdir().unwrap();
        let [living, kept] = ["living", "kept"].map(|name| root.path().join(name));
        let both = [living.as_path(), kept.as_path()];
        assert_eq!(read_first(&both, 0, 100).unwrap(), None);
        fs::create_dir(&living).unwrap();
        LogWriter::open(&living, LogLimits::default()).unwrap().append(b"why\n").unwrap();
        let piece = Some(Piece { bytes: b"why\n".to_vec(), next: 4, is_last: true });
        assert_eq!(read_first(&both, 0, 100).unwrap(), piece);
        fs::rename(&living, &kept).unwrap();
        assert_eq!(read_first(&both, 0, 100).unwrap(), piece);
    }

    #[test]
    fn what_is_cut_off_can_be_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let limits = LogLimits { segment_bytes: 20, segments: 100 };
        let write = |from: u32| {
            let mut log = LogWriter::open(dir.path(), limits).unwrap();
            for number in from..10 {
                log.append(format!("line {number}\n").as_bytes()).unwrap();
            }
        };
        write(0);
        let whole = read_all(dir.path(), 0, 1000);
        // Inside of a segment, at its border, before the first byte, and behind the last.
        for position in [7 * 3, 7 * 4, 0, 70, 1000] {
            cut(dir.path(), position).unwrap();
            assert_eq!(read_all(dir.path(), 0, 1000).1, position.min(70));
            write(u32::try_from(position.min(70) / 7).unwrap());
            assert_eq!(read_all(dir.path(), 0, 1000), whole, "{position}");
        }
    }

    #[test]
    fn the_tail_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::open(dir.path(), LogLimits::default()).unwrap();
        for number in 0..1000 {
            log.append(format!("line {number}\n").as_bytes()).unwrap();
        }
        let shown = tail(dir.path());
        assert_eq!(shown.lines().count(), TAIL_LINES);
        assert!(shown.ends_with("line 999"));
    }
}
