//! Where objects stand as files: the rest of each key after the prefix, as SageMaker lays uncompressed models out.
//!
//! Why: all names are judged before the first byte is fetched, so a model of many gigabytes does not fail at its last
//! object. The rules are those of the service model's text on `CompressionType`: no name may be empty or blank, hold a
//! zero byte, be longer than 255 bytes, or be `.` or `..`, and none may be a file and a directory at once. A key that
//! ends in a slash, as the S3 console makes for folders, has an empty last name and is refused with it, as in AWS.
//! Invariants: what is accepted stays inside the directory it is laid out in, and no two objects are one file.

use std::collections::BTreeSet;

use crate::port::FetchError;
use crate::unpack::{UnpackLimits, quoted};

/// Bytes of one file name, SageMaker's limit and that of every usual file system.
const NAME_BYTES_MAX: usize = 255;

/// Checks the paths of objects, relative to the directory that they are to fill.
pub(crate) fn check(uri: &str, paths: &[&str], limits: &UnpackLimits) -> Result<(), FetchError> {
    let mut files = BTreeSet::new();
    for path in paths {
        check_path(path, limits).map_err(|fault| fault.at(uri))?;
        if !files.insert(*path) {
            return Err(Fault::Name(format!("{} is there twice", shown(path))).at(uri));
        }
    }
    let mut directories = BTreeSet::new();
    for path in paths {
        for (end, _) in path.match_indices('/') {
            let directory = &path[..end];
            if files.contains(directory) {
                let (file, other) = (shown(directory), shown(path));
                return Err(
                    Fault::Name(format!("{file} is a file, and a directory because of {other}")).at(uri)
                );
            }
            directories.insert(directory);
        }
    }
    let count = (files.len() + directories.len()) as u64;
    if count > limits.files {
        let most = limits.files;
        return Err(
            Fault::Limit(format!("its files and directories are {count}; at most {most} are made")).at(uri)
        );
    }
    Ok(())
}

enum Fault {
    Name(String),
    Limit(String),
}

impl Fault {
    fn at(self, uri: &str) -> FetchError {
        let uri = uri.to_owned();
        match self {
            Self::Name(detail) => FetchError::BadLayout { uri, detail },
            Self::Limit(detail) => FetchError::OverLimit { uri, detail },
        }
    }
}

fn check_path(path: &str, limits: &UnpackLimits) -> Result<(), Fault> {
    let refuse = |what: &str| Err(Fault::Name(format!("{} {what}", shown(path))));
    if path.is_empty() {
        return Err(Fault::Name(
            "an object has the prefix itself as its key, as the S3 console makes for a folder; delete it"
                .into(),
        ));
    }
    if path.ends_with('/') {
        return refuse("ends in a slash, as the S3 console makes for a folder; delete that object");
    }
    if path.len() > limits.path_bytes {
        return Err(Fault::Limit(format!(
            "the name {} is longer than {} bytes",
            shown(path),
            limits.path_bytes
        )));
    }
    if path.contains('\0') {
        return refuse("holds a zero byte");
    }
    for name in path.split('/') {
        match name {
            "" => return refuse("holds an empty name between two slashes or before the first"),
            "." | ".." => return refuse("goes through `.` or `..`"),
            _ if name.trim().is_empty() => return refuse("holds a name of blanks alone"),
            _ if name.len() > NAME_BYTES_MAX => {
                return refuse(&format!("holds a name longer than {NAME_BYTES_MAX} bytes"));
            }
            _ => {}
        }
    }
    if path.split('/').count() > limits.depth {
        return Err(Fault::Limit(format!(
            "{} lies more than {} directories deep",
            shown(path),
            limits.depth
        )));
    }
    Ok(())
}

fn shown(path: &str) -> String {
    quoted(path.as_bytes())
}

#[cfg(test)]
mod tests;
