//! What the files of a model look like, by their first bytes.
//!
//! Why: "no engine serves this" helps only with what it is; most people who read it have an XGBoost, pickle or ONNX file
//! and want to know that it was seen.
//! Invariants: a format is told by content, except for the two that have none (`MLmodel`, `code/inference.py`). It looks
//! at the first bytes of a bounded number of files, two directories deep, never through a link.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::ndarray;

/// The largest header that any row looks at.
const HEAD_BYTES: u64 = 512;
/// Files that are looked at; a model has a few.
const FILES_MAX: usize = 1_000;
const DEPTH_MAX: usize = 2;

/// fastText's number at the start of a `.bin`, as a little-endian 32-bit integer.
const FASTTEXT_MAGIC: [u8; 4] = 793_712_314_i32.to_le_bytes();
/// Where XGBoost's old binary form, without its optional first four bytes, has the length of its objective's name.
const XGBOOST_OBJECTIVE_AT: usize = 136;
/// A safetensors header of more bytes than this is none.
const SAFETENSORS_HEADER_MAX: u64 = 100 << 20;

/// A file whose format is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// Below the directory.
    pub file: PathBuf,
    /// What it is, as a noun.
    pub format: &'static str,
}

struct Format {
    noun: &'static str,
    is: fn(&Path, &[u8]) -> bool,
}

const FORMATS: [Format; 14] = [
    Format { noun: "an MLflow model", is: |name, _| name.file_name().is_some_and(|name| name == "MLmodel") },
    Format { noun: "an inference script", is: |name, _| name == Path::new("code/inference.py") },
    Format { noun: "an MXNet NDArray list", is: |_, head| ndarray::is_list(head) },
    Format { noun: "an XGBoost model", is: |_, head| is_xgboost(head) },
    Format { noun: "a LightGBM model", is: |_, head| head.starts_with(b"tree\nversion=") },
    Format { noun: "a CatBoost model", is: |_, head| head.starts_with(b"CBM1") },
    Format { noun: "a fastText model", is: |_, head| head.starts_with(&FASTTEXT_MAGIC) },
    Format { noun: "a GGUF model", is: |_, head| head.starts_with(b"GGUF") },
    Format { noun: "a safetensors file", is: |_, head| is_safetensors(head) },
    Format { noun: "an ONNX model", is: is_onnx },
    Format { noun: "an HDF5 file", is: |_, head| head.starts_with(b"\x89HDF\r\n\x1a\n") },
    Format { noun: "a NumPy array", is: |_, head| head.starts_with(b"\x93NUMPY") },
    Format { noun: "a Python pickle", is: |_, head| matches!(head, [0x80, 2..=5, ..]) },
    Format {
        noun: "a zip archive (linear-learner, factorization-machines and PyTorch write such)",
        is: |_, head| head.starts_with(b"PK\x03\x04"),
    },
];

/// The files of a directory whose format is known, by name.
pub fn recognise(dir: &Path) -> Vec<Recognised> {
    let mut files = Vec::new();
    collect(dir, Path::new(""), 0, &mut files);
    files.sort();
    let known = |file: PathBuf| {
        let head = head(&dir.join(&file))?;
        let format = FORMATS.iter().find(|format| (format.is)(&file, &head))?;
        Some(Recognised { file, format: format.noun })
    };
    files.into_iter().filter_map(known).collect()
}

/// What cannot be read is not recognised; that it cannot be read is somebody else's message.
fn collect(root: &Path, below: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(root.join(below)) else { return };
    for entry in entries.flatten() {
        if files.len() == FILES_MAX {
            return;
        }
        let path = below.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_file() => files.push(path),
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => collect(root, &path, depth + 1, files),
            _ => {}
        }
    }
}

fn head(file: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(file).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    Some(head)
}

/// JSON and UBJSON hold an object with the key `learner`; the old binary form has its objective at a fixed place.
fn is_xgboost(head: &[u8]) -> bool {
    const KEY: &[u8] = b"learner";
    let has_key = |within: usize| head.windows(KEY.len()).take(within).any(|window| window == KEY);
    match head {
        [b'{', b'L' | b'l' | b'I' | b'i' | b'U', ..] => has_key(16),
        [b'{', ..] => has_key(64),
        [b'b', b'i', b'n', b'f', rest @ ..] => has_objective(rest),
        _ => has_objective(head),
    }
}

fn has_objective(head: &[u8]) -> bool {
    let name = head.get(XGBOOST_OBJECTIVE_AT + 8..).unwrap_or_default();
    ["reg:", "binary:", "multi:", "rank:", "count:", "survival:"]
        .iter()
        .any(|family| name.starts_with(family.as_bytes()))
}

fn is_safetensors(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    u64::from_le_bytes(*length) < SAFETENSORS_HEADER_MAX && rest.starts_with(b"{\"")
}

/// Its first field is a small number (protobuf's `08`), which says little without the name.
fn is_onnx(name: &Path, head: &[u8]) -> bool {
    head.first() == Some(&0x08) && name.extension().is_some_and(|extension| extension == "onnx")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First bytes as the writers' own documents and files have them.
    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let legacy = [&[0; 136][..], &12_u64.to_le_bytes(), b"reg:logistic"].concat();
        let pickle = b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05model\x94.";
        let safetensors = [&66_u64.to_le_bytes()[..], b"{\"weight\":{\"dtype\":\"F32\""].concat();
        let cases: [(&str, &[u8], &str); 12] = [
            ("model_algo-1", b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "an MXNet NDArray list"),
            ("xgboost-model", b"{L\0\0\0\0\0\0\0\x07learner{L", "an XGBoost model"),
            ("model.json", b"{\"learner\":{\"attributes\":{}", "an XGBoost model"),
            ("model.bin", &legacy, "an XGBoost model"),
            ("model.txt", b"tree\nversion=v4\nnum_class=1\n", "a LightGBM model"),
            ("model.bin", b"\xba\x16\x4f\x2f\x0c\0\0\0", "a fastText model"),
            ("m.gguf", b"GGUF\x03\0\0\0", "a GGUF model"),
            ("m.safetensors", &safetensors, "a safetensors file"),
            ("m.onnx", b"\x08\x08\x12\x07pytorch", "an ONNX model"),
            ("m.pkl", pickle, "a Python pickle"),
            ("w.npy", b"\x93NUMPY\x01\0", "a NumPy array"),
            ("MLmodel", b"artifact_path: model\n", "an MLflow model"),
        ];
        for (name, content, format) in cases {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(name), content).unwrap();
            assert_eq!(recognise(dir.path()), [Recognised { file: name.into(), format }], "{name}");
        }
    }

    #[test]
    fn what_no_row_knows_is_not_named() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in
            [("m.onnx", &b"text"[..]), ("empty", b""), ("a.json", b"{\"x\": 1}"), ("08", b"\x08")]
        {
            fs::write(dir.path().join(name), content).unwrap();
        }
        assert_eq!(recognise(dir.path()), []);
    }

    #[test]
    fn files_are_found_two_directories_deep_and_never_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b/c")).unwrap();
        for file in ["a/b/m.gguf", "a/b/c/m.gguf"] {
            fs::write(dir.path().join(file), b"GGUF").unwrap();
        }
        std::os::unix::fs::symlink("a/b/m.gguf", dir.path().join("link")).unwrap();
        let found = recognise(dir.path());
        assert_eq!(found, [Recognised { file: "a/b/m.gguf".into(), format: "a GGUF model" }]);
    }
}
