//! gzip data, one member after another, and what stands after the last.
//!
//! Why: the library's own reader of several members takes whatever follows a member for the beginning of the next, so a
//! whole archive with something behind it was called cut off. Here the end of each member is seen.
//! Invariants: a member begins with gzip's first byte, and nothing else may follow one. Errors of the data have the kinds
//! that flate2 gives them; what follows is a `Trailing`.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::sniff;

/// The first byte of every member.
const FIRST_BYTE: u8 = 0x1f;

/// What stands after the end of gzip data.
#[derive(Debug, thiserror::Error)]
#[error("its gzip data is whole, but something else follows it; that looks like this: {looks_like}")]
pub(super) struct Trailing {
    looks_like: String,
}

/// The decompressed bytes of all members.
pub(super) struct Gzip<R: Read> {
    /// None only while one member's reader becomes the next one's.
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Gzip<R> {
    pub(super) fn new(source: R) -> Self {
        Self { member: Some(GzDecoder::new(BufReader::new(source))) }
    }

    /// What it reads from.
    pub(super) fn source(&self) -> &R {
        self.member.as_ref().expect("only `next_member` takes it, and puts it back").get_ref().get_ref()
    }

    /// Goes on to the next member; whether there is one.
    fn next_member(&mut self) -> io::Result<bool> {
        let member = self.member.as_mut().expect("it is always put back");
        match member.get_mut().fill_buf()? {
            [] => Ok(false),
            [FIRST_BYTE, ..] => {
                self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
                Ok(true)
            }
            rest => {
                let trailing = Trailing { looks_like: sniff::looks_like(rest) };
                Err(io::Error::new(io::ErrorKind::InvalidData, trailing))
            }
        }
    }
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let member = self.member.as_mut().expect("it is always put back");
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() || !self.next_member()? {
                return Ok(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Gzip::new(bytes).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_are_one_text() {
        let joined = [packed("one, "), packed(""), packed("two")].concat();
        assert_eq!(read(&joined).unwrap(), "one, two");
        // As it comes from a network, a byte at a time.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(1);
                self.0.read(&mut buffer[..most])
            }
        }
        let mut text = String::new();
        Gzip::new(Slow(&joined)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "one, two");
    }

    #[test]
    fn what_follows_whole_data_is_named_and_not_called_cut_off() {
        let cases: [(&[u8], &str); 4] = [
            (b"j", "plain text"),
            (b"<html>", "XML or HTML text"),
            (&[0; 20], "unknown data that begins with 00 00 00 00 00 00 00 00"),
            (b"PK\x03\x04", "a zip archive (PyTorch and Keras files are zip archives too)"),
        ];
        for (junk, name) in cases {
            let error = read(&[&packed("one"), junk].concat()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            let wanted = "its gzip data is whole, but something else follows it; that looks like this: ";
            assert_eq!(error.to_string(), format!("{wanted}{name}"));
        }
    }

    #[test]
    fn a_second_member_that_is_cut_off_is_cut_off() {
        let second = packed("two");
        for kept in 1..second.len() {
            let error = read(&[&packed("one"), &second[..kept]].concat()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{kept}");
        }
    }
}
