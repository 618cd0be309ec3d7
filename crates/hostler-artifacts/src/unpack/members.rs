//! Walks the members of a tar stream: headers, long names, PAX records, and each file's bytes in order.
//!
//! Why: see `unpack`; every length that an archive claims is checked before memory or disk is spent on it.
//! Invariants: at most one metadata record of bounded size is in memory; a file's bytes are read or skipped whole before
//! the next header. What a name may be is not decided here.

use std::io::Read;

use tar::Header;

use super::plain::Plain;
use super::{UnpackError, UnpackLimits, flawed, name, over_files, sniff};
use crate::port::ArchiveFlaw;

/// tar's unit.
const BLOCK_BYTES: usize = 512;
/// Bytes of one long name or PAX record; macOS stores extended attributes there, which take some kilobytes.
const META_BYTES_MAX: u64 = 1 << 20;
/// Where a header keeps its checksum, which counts as spaces in the sum.
const CHECKSUM_AT: std::ops::Range<usize> = 148..156;
/// Execute permission of anybody.
const EXECUTE_BITS: u32 = 0o111;

/// One thing that an archive holds.
pub(crate) struct Member {
    /// Its path as written.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: MemberKind,
}

/// What a member is.
pub(crate) enum MemberKind {
    File { size: u64, executable: bool },
    Directory,
    Symlink { target: Vec<u8> },
    HardLink { target: Vec<u8> },
}

/// What long-name and PAX members say about the member after them.
#[derive(Default)]
struct Overrides {
    gnu_name: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
    pax_name: Option<Vec<u8>>,
    pax_link: Option<Vec<u8>>,
    pax_size: Option<u64>,
    is_sparse: bool,
}

/// The walk.
pub(super) struct Members<R: Read> {
    plain: Plain<R>,
    limits: UnpackLimits,
    headers: u64,
    /// Where the last header began, for error texts.
    header_at: u64,
    /// Bytes of the present file not read yet, and the padding after them.
    body_bytes: u64,
    padding_bytes: u64,
    has_end_marker: bool,
}

impl<R: Read> Members<R> {
    pub(super) fn new(plain: Plain<R>, limits: UnpackLimits) -> Self {
        Self {
            plain,
            limits,
            headers: 0,
            header_at: 0,
            body_bytes: 0,
            padding_bytes: 0,
            has_end_marker: false,
        }
    }

    /// The next member; none at the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        let mut overrides = Overrides::default();
        loop {
            self.skip_body()?;
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            if block.iter().all(|&byte| byte == 0) {
                self.has_end_marker = true;
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            self.check_header(header, &block)?;
            self.headers += 1;
            if self.headers > self.limits.files {
                return Err(over_files(&self.limits));
            }
            let size = header.entry_size().map_err(|_| self.damaged("a size that is no number"))?;
            match header.entry_type().as_byte() {
                b'L' => overrides.gnu_name = Some(until_zero(self.meta(size)?)),
                b'K' => overrides.gnu_link = Some(until_zero(self.meta(size)?)),
                b'x' => {
                    let records = self.meta(size)?;
                    self.read_pax(&records, &mut overrides)?;
                }
                // Comments for the whole archive (git writes one) and volume labels concern nobody here.
                b'g' | b'V' => {
                    self.meta(size)?;
                }
                kind => return self.member(header, kind, size, overrides).map(Some),
            }
        }
    }

    /// Reads from the present file; zero at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let wanted = usize::try_from(self.body_bytes).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.plain.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(cut_off());
        }
        self.body_bytes -= count as u64;
        Ok(count)
    }

    /// Reads to the end of the stream and checks that the archive was whole.
    pub(super) fn finish(mut self) -> Result<(), UnpackError> {
        self.plain.drain()?;
        // tar itself, Python and bsdtar accept an archive without an end marker, so it is accepted where a checksum over
        // everything was right; a plain tar has none, so a cut one could only be told by its missing end.
        if self.has_end_marker || self.plain.is_checked() { Ok(()) } else { Err(cut_off()) }
    }

    fn member(
        &mut self,
        header: &Header,
        kind: u8,
        size: u64,
        overrides: Overrides,
    ) -> Result<Member, UnpackError> {
        let path =
            overrides.pax_name.or(overrides.gnu_name).unwrap_or_else(|| header.path_bytes().into_owned());
        let link = overrides.pax_link.or(overrides.gnu_link);
        let link = link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let refuse = |what: &str| Err(UnpackError::Refused(format!("{} is {what}", name::quoted(&path))));
        if overrides.is_sparse || kind == b'S' {
            return refuse("stored as a sparse file; make the archive without `--sparse`");
        }
        let kind = match kind {
            // Before ustar a directory was a file whose name ends in a slash.
            b'0' | 0 | b'7' if path.ends_with(b"/") => MemberKind::Directory,
            b'0' | 0 | b'7' => {
                let size = overrides.pax_size.unwrap_or(size);
                self.expect_body(size)?;
                let mode = header.mode().map_err(|_| self.damaged("a mode that is no number"))?;
                MemberKind::File { size, executable: mode & EXECUTE_BITS != 0 }
            }
            // Links and directories carry no bytes, whatever their size field says.
            b'5' => MemberKind::Directory,
            b'2' => MemberKind::Symlink { target: link.unwrap_or_default() },
            b'1' => MemberKind::HardLink { target: link.unwrap_or_default() },
            b'3' => return refuse("a character device"),
            b'4' => return refuse("a block device"),
            b'6' => return refuse("a named pipe"),
            b'M' => return refuse("the continuation of another archive"),
            other => return refuse(&format!("of the unknown kind `{}`", other.escape_ascii())),
        };
        Ok(Member { name: path, kind })
    }

    fn check_header(&self, header: &Header, block: &[u8; BLOCK_BYTES]) -> Result<(), UnpackError> {
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, &byte)| if CHECKSUM_AT.contains(&at) { u32::from(b' ') } else { u32::from(byte) })
            .sum();
        if header.cksum().is_ok_and(|stored| stored == sum) {
            return Ok(());
        }
        if self.headers > 0 {
            return Err(self.damaged("a wrong checksum"));
        }
        Err(flawed(
            ArchiveFlaw::NotAnArchive,
            format!(
                "compressed with gzip, but not a tar archive inside; it looks like this: {}",
                sniff::looks_like(block)
            ),
        ))
    }

    fn damaged(&self, what: &str) -> UnpackError {
        UnpackError::Refused(format!("its tar header at byte {} has {what}", self.header_at))
    }

    fn expect_body(&mut self, size: u64) -> Result<(), UnpackError> {
        self.plain.check(size)?;
        self.body_bytes = size;
        let block = BLOCK_BYTES as u64;
        self.padding_bytes = (block - size % block) % block;
        Ok(())
    }

    /// One metadata member's bytes.
    fn meta(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        if size > META_BYTES_MAX {
            return Err(UnpackError::OverLimit(format!(
                "it holds a name or attribute record of {size} bytes; at most {META_BYTES_MAX} are read"
            )));
        }
        self.expect_body(size)?;
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = self.read(&mut piece)?;
            if count == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&piece[..count]);
        }
    }

    /// PAX records: `LENGTH KEY=VALUE\n`, the length counting itself.
    fn read_pax(&self, mut records: &[u8], overrides: &mut Overrides) -> Result<(), UnpackError> {
        let bad = || self.damaged("an attribute record that cannot be read");
        while !records.is_empty() {
            let space = records.iter().position(|&byte| byte == b' ').ok_or_else(bad)?;
            let length: usize =
                str::from_utf8(&records[..space]).ok().and_then(|text| text.parse().ok()).ok_or_else(bad)?;
            let record = records.get(space + 1..length).ok_or_else(bad)?;
            let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
            let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(bad)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => overrides.pax_name = Some(value.to_vec()),
                b"linkpath" => overrides.pax_link = Some(value.to_vec()),
                b"size" => {
                    let size = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    overrides.pax_size = Some(size.ok_or_else(bad)?);
                }
                _ if key.starts_with(b"GNU.sparse.") => overrides.is_sparse = true,
                _ => {}
            }
            records = &records[length..];
        }
        Ok(())
    }

    fn skip_body(&mut self) -> Result<(), UnpackError> {
        self.body_bytes += std::mem::take(&mut self.padding_bytes);
        let mut scrap = [0; 4096];
        while self.read(&mut scrap)? > 0 {}
        Ok(())
    }

    /// The next header block; none at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK_BYTES]>, UnpackError> {
        self.header_at = self.plain.produced_bytes();
        let mut block = [0; BLOCK_BYTES];
        let mut filled = 0;
        while filled < BLOCK_BYTES {
            let count = self.plain.read(&mut block[filled..])?;
            if count == 0 {
                return match (filled, self.headers) {
                    (0, 0) => Err(UnpackError::Refused("there is nothing inside".into())),
                    (0, _) => Ok(None),
                    (_, 0) => Err(flawed(
                        ArchiveFlaw::NotAnArchive,
                        format!(
                            "compressed with gzip, but not a tar archive inside; it looks like this: {}",
                            sniff::looks_like(&block[..filled])
                        ),
                    )),
                    _ => Err(cut_off()),
                };
            }
            filled += count;
        }
        Ok(Some(block))
    }
}

fn cut_off() -> UnpackError {
    flawed(ArchiveFlaw::CutOff, "the tar archive was cut off before its end".into())
}

fn until_zero(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}
