//! Says what a file looks like by its first bytes.
//!
//! Why: "not a gzip-compressed tar archive" helps only with the other half of the sentence: what was uploaded instead.
//! Invariants: it only names; whether something is accepted is decided by whoever reads it.

/// Where a ustar header spells `ustar`.
const USTAR_AT: usize = 257;
/// Where a safetensors file begins its JSON header.
const SAFETENSORS_JSON_AT: usize = 8;

const MAGICS: [(&[u8], &str); 17] = [
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip archive (PyTorch and Keras files are zip archives too)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF model"),
    (b"\x7fELF", "a program or shared library"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"<", "XML or HTML text"),
];

/// Whether gzip data begins here.
pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b")
}

/// Whether a ustar, PAX or GNU tar header stands here.
pub(super) fn is_tar(head: &[u8]) -> bool {
    head.get(USTAR_AT..).is_some_and(|rest| rest.starts_with(b"ustar"))
}

/// What `head`, the first bytes of a file, looks like.
pub(super) fn looks_like(head: &[u8]) -> String {
    if head.is_empty() {
        return "empty".into();
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).into();
    }
    if is_tar(head) {
        return "a damaged tar archive".into();
    }
    if head.get(SAFETENSORS_JSON_AT..).is_some_and(|rest| rest.starts_with(b"{\"")) {
        return "a safetensors file".into();
    }
    if matches!(head[0], b'{' | b'[') {
        return "JSON text".into();
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if head.iter().all(is_text) {
        return "plain text".into();
    }
    let hex: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("unknown data that begins with {}", hex.join(" "))
}
