//! Which names and link targets stay inside the directory.
//!
//! Why: a link is judged by its text alone, before anything exists, so the order of members cannot matter. `..` is
//! allowed at the beginning of a target only: a link stands in a real directory (members are never created through
//! links), so leading `..` climb real directories and are counted; after that every step goes down or through another
//! link for which the same holds. Hence no chain of accepted links ends outside.
//! Invariants: the components returned are never empty, `.`, `..`, or longer than a file name may be.

use super::{UnpackError, UnpackLimits, flawed};
use crate::port::ArchiveFlaw;

/// Bytes of one file name on every usual file system.
const NAME_BYTES_MAX: usize = 255;
/// Characters of a name shown in an error.
const SHOWN_CHARS_MAX: usize = 120;

/// A name for an error text: printable and of bounded length.
pub(crate) fn quoted(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_default).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The components of a member's name below the directory; none for the directory itself, which may be written `./`, or
/// `/` as the SageMaker SDK writes it.
pub(crate) fn inside<'a>(name: &'a [u8], limits: &UnpackLimits) -> Result<Vec<&'a [u8]>, UnpackError> {
    check_text(name, limits)?;
    if name.starts_with(b"/") && name.iter().any(|&byte| byte != b'/') {
        return Err(flawed(ArchiveFlaw::Unsafe, format!("{} is an absolute path", quoted(name))));
    }
    let mut components = Vec::new();
    for component in steps(name) {
        if component == b".." {
            return Err(flawed(ArchiveFlaw::Unsafe, format!("{} goes through `..`", quoted(name))));
        }
        check_component(name, component)?;
        components.push(component);
    }
    if components.len() > limits.depth {
        return Err(UnpackError::OverLimit(format!(
            "{} lies more than {} directories deep",
            quoted(name),
            limits.depth
        )));
    }
    Ok(components)
}

/// Checks that a symbolic link, itself `depth` components deep, leads nowhere outside.
pub(crate) fn check_link(
    link: &[u8],
    depth: usize,
    target: &[u8],
    limits: &UnpackLimits,
) -> Result<(), UnpackError> {
    check_text(target, limits)?;
    let refuse = |what: &str| {
        Err(flawed(ArchiveFlaw::Unsafe, format!("{} is a link to {}, {what}", quoted(link), quoted(target))))
    };
    if target.is_empty() {
        return refuse("which is empty");
    }
    if target.starts_with(b"/") {
        return refuse("an absolute path");
    }
    let mut climbed = 0;
    let mut has_descended = false;
    for step in steps(target) {
        if step != b".." {
            check_component(target, step)?;
            has_descended = true;
        } else if has_descended {
            return refuse("which goes through `..` after a name");
        } else {
            climbed += 1;
        }
    }
    // A link `depth` components deep stands `depth - 1` directories below the root.
    if climbed >= depth {
        return refuse("outside the model's directory");
    }
    Ok(())
}

fn steps(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|step| !step.is_empty() && *step != b".")
}

fn check_text(path: &[u8], limits: &UnpackLimits) -> Result<(), UnpackError> {
    if path.len() > limits.path_bytes {
        return Err(UnpackError::OverLimit(format!(
            "the path {} is longer than {} bytes",
            quoted(path),
            limits.path_bytes
        )));
    }
    if path.contains(&0) {
        return Err(UnpackError::Refused(format!("the path {} holds a zero byte", quoted(path))));
    }
    Ok(())
}

fn check_component(path: &[u8], component: &[u8]) -> Result<(), UnpackError> {
    if component.len() > NAME_BYTES_MAX {
        return Err(UnpackError::OverLimit(format!(
            "{} holds a name longer than {NAME_BYTES_MAX} bytes",
            quoted(path)
        )));
    }
    Ok(())
}
