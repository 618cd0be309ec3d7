//! The file name of an object's key.
//!
//! Why: a key is any text of up to 1,024 bytes (`a`, `a/b`, `a/`, `../x` may all live in one bucket), a file name is
//! not. One flat, escaped name per key has none of the collisions that a directory tree has.
//! Invariants: different keys have different names; a name never starts with a dot, holds no slash and is no longer
//! than file systems allow. The name of a short key can be read back; a long key is in its file's record.

use ring::digest::{SHA256, digest};

/// File systems allow 255.
const NAME_BYTES_MAX: usize = 250;
/// Starts the name of a key that is too long to be escaped; an escaped name never has a tilde after a percent sign.
const LONG: &str = "%~";

/// The file name of `key`.
pub(crate) fn file_name(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 16);
    for (index, byte) in key.bytes().enumerate() {
        let is_plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && index > 0);
        if is_plain {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push_str(&hex::encode_upper([byte]));
        }
        if name.len() > NAME_BYTES_MAX {
            return format!("{LONG}{}", hex::encode(digest(&SHA256, key.as_bytes())));
        }
    }
    name
}

/// What a file name says about its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NamedKey {
    /// The key itself.
    Key(String),
    /// Read the file's record.
    InRecord,
    /// Hostler did not make this name.
    Foreign,
}

/// Reads a file name back.
pub(crate) fn named_key(name: &str) -> NamedKey {
    if name.starts_with(LONG) {
        return NamedKey::InRecord;
    }
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(name).collect();
    match String::from_utf8(decoded) {
        Ok(key) if !key.is_empty() && file_name(&key) == name => NamedKey::Key(key),
        _ => NamedKey::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn odd_keys_have_distinct_safe_names_that_can_be_read_back() {
        let keys = [
            "a",
            "A",
            "a/",
            "a/b",
            "/a",
            "..",
            "../a",
            "a/../b",
            ".",
            ".hidden",
            "a.b",
            "ü",
            "a b",
            "a+b",
            "a%2Fb",
            "%~",
            "%~00",
            "~",
            "\u{1}",
            "\u{7f}",
            "a\nb",
            "日本語/モデル.tar.gz",
            "a//b",
            "a\\b",
            "a:b",
            "*?\"<>|",
        ];
        let mut names = HashSet::new();
        for key in keys {
            let name = file_name(key);
            assert!(!name.starts_with('.') && !name.contains('/') && name.is_ascii(), "{key} became {name}");
            assert_eq!(named_key(&name), NamedKey::Key(key.to_owned()));
            assert!(names.insert(name), "{key}");
        }
    }

    #[test]
    fn a_long_key_has_a_short_name() {
        let long = "x/".repeat(512);
        let name = file_name(&long);
        assert!(name.len() < NAME_BYTES_MAX, "{name}");
        assert_eq!(named_key(&name), NamedKey::InRecord);
        assert_ne!(name, file_name(&format!("{}y", &long[..1023])));
    }

    #[test]
    fn a_foreign_file_is_not_taken_for_an_object() {
        for name in [".DS_Store", "a b", "%zz", "%61", ""] {
            assert_eq!(named_key(name), NamedKey::Foreign, "{name}");
        }
    }
}
