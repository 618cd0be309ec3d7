//! The place of a value within a request, as AWS's messages spell it.
//!
//! Why: nearly all requests are right; a chain of references on the stack costs nothing until a
//! message needs the text.
//! Invariants: names begin with a lower-case letter, elements count from 1.

use std::fmt;

pub(super) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
    Entry(&'a Path<'a>, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = match self {
            Self::Root => return Ok(()),
            Self::Member(parent, _) | Self::Element(parent, _) | Self::Entry(parent, _) => parent,
        };
        parent.fmt(out)?;
        if !matches!(parent, Path::Root) {
            out.write_str(".")?;
        }
        match self {
            Self::Root => Ok(()),
            Self::Member(_, name) => out.write_str(&lower_first(name)),
            Self::Element(_, index) => write!(out, "{}.member", index + 1),
            Self::Entry(_, key) => write!(out, "{key}.member"),
        }
    }
}

/// `S3OutputPath` becomes `s3OutputPath`: only the first letter changes.
pub(super) fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_ascii_lowercase().to_string() + letters.as_str(),
        None => String::new(),
    }
}
