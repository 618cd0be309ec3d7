//! Listings: one page of keys in byte order, with common prefixes.
//!
//! Why: names are read from the directory for every page, so a listing needs no index and is never stale; a bucket of
//! 100,000 keys costs about a tenth of a second per page, which is what S3 takes.
//! Invariants: memory holds one page, however many keys there are. Keys that appear or vanish between pages never
//! make another key come twice or be left out, because a page continues after a name, not after a number.

use std::collections::BTreeMap;
use std::fs;

use super::error::{FolderError, found};
use super::file_name::{NamedKey, named_key};
use super::record::ObjectRecord;
use super::{Folder, ObjectFile};

/// Which page.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Only what sorts after this key or common prefix.
    pub(crate) after: String,
    pub(crate) limit: usize,
}

/// One line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Object(Box<ObjectRecord>),
    CommonPrefix(String),
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Listed>,
    pub(crate) is_truncated: bool,
    /// Where the next page continues.
    pub(crate) last: Option<String>,
}

impl Folder {
    /// Reads one page.
    pub(crate) fn list_objects(&self, bucket: &str, query: &ListQuery) -> Result<Listing, FolderError> {
        let names = self.first_names(bucket, query)?;
        let is_truncated = query.limit > 0 && names.len() > query.limit;
        let mut listing = Listing { is_truncated, ..Listing::default() };
        for (name, file) in names.into_iter().take(query.limit) {
            listing.last = Some(name.clone());
            match file {
                None => listing.entries.push(Listed::CommonPrefix(name)),
                // A key deleted since its name was read is simply not listed.
                Some(file) => {
                    let path = self.objects_dir(bucket).join(file);
                    if let Some(object) = ObjectFile::open(&path)? {
                        listing.entries.push(Listed::Object(Box::new(object.record().clone())));
                    }
                }
            }
        }
        Ok(listing)
    }

    /// The first `limit + 1` names after the marker, with the file of each key.
    fn first_names(
        &self,
        bucket: &str,
        query: &ListQuery,
    ) -> Result<BTreeMap<String, Option<String>>, FolderError> {
        let dir = self.objects_dir(bucket);
        let io = |error| FolderError::io("listing", &dir, error);
        let entries = found(fs::read_dir(&dir), "listing", &dir)?.ok_or(FolderError::NoSuchBucket)?;
        let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
        for entry in entries {
            let Ok(file) = entry.map_err(io)?.file_name().into_string() else { continue };
            let key = match named_key(&file) {
                NamedKey::Key(key) => key,
                NamedKey::InRecord => match ObjectFile::open(&dir.join(&file))? {
                    Some(object) => object.record().key.clone(),
                    None => continue,
                },
                NamedKey::Foreign => continue,
            };
            let Some(rest) = key.strip_prefix(query.prefix.as_str()) else { continue };
            let delimiter = query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
            let group = delimiter.and_then(|delimiter| {
                let end = rest.find(delimiter)? + delimiter.len();
                Some(format!("{}{}", query.prefix, &rest[..end]))
            });
            let (name, file) = match group {
                // Keys in a group that a former page ended with, or that a marker lies in, are behind us.
                Some(group) if query.after.starts_with(&group) => continue,
                Some(group) => (group, None),
                None => (key, Some(file)),
            };
            if name.as_str() <= query.after.as_str() {
                continue;
            }
            names.insert(name, file);
            if names.len() > query.limit + 1 {
                names.pop_last();
            }
        }
        Ok(names)
    }
}
