//! AWS's sentences about resources: clients match on them.
//!
//! Source: sightings in public issues; `../docs/compatibility.md` lists those without one.

use hostler_aws::ApiError;
use hostler_store::Trouble;
use hostler_types::{Arn, EndpointStatus, Key, Kind, Scope};

/// `Cannot create already existing …`
pub(crate) fn already_exists(scope: &Scope, kind: Kind, name: &str) -> ApiError {
    let arn = Arn::new(scope, kind, name);
    ApiError::validation(format!("Cannot create already existing {} \"{arn}\".", noun(kind)))
}

/// `Could not find …`
pub(crate) fn not_found(scope: &Scope, kind: Kind, name: &str) -> ApiError {
    let arn = Arn::new(scope, kind, name);
    ApiError::validation(format!("Could not find {} \"{arn}\".", noun(kind)))
}

/// `Cannot update in-progress endpoint …`, AWS's words for deleting one too.
pub(crate) fn in_progress(scope: &Scope, name: &str) -> ApiError {
    let arn = Arn::new(scope, Kind::Endpoint, name);
    ApiError::validation(format!("Cannot update in-progress endpoint \"{arn}\"."))
}

/// An endpoint that rests in a status from which it cannot be updated.
pub(crate) fn not_updatable(scope: &Scope, name: &str, status: EndpointStatus) -> ApiError {
    let arn = Arn::new(scope, Kind::Endpoint, name);
    ApiError::validation(format!("Cannot update endpoint \"{arn}\" in status {status}."))
}

/// The deletion of something that is used, refused because of what its user is doing.
pub(crate) fn in_use(used: &Key, user: &Key, doing: &str) -> ApiError {
    let named =
        |key: &Key| format!("{} \"{}\"", noun(key.kind()), Arn::new(key.scope(), key.kind(), key.name()));
    ApiError::validation(format!("Cannot delete {} while {} {doing}.", named(used), named(user)))
}

/// A feature that would change answers or safety, and that is not there.
pub(crate) fn refused(member: &str, why: &str) -> ApiError {
    ApiError::validation(format!("{member} is not supported by Hostler yet: {why}"))
}

/// What an operator has to mend before a call can succeed; AWS has no such sentences.
pub(crate) fn trouble_sentence(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::DiskFull => {
            "The disk that holds Hostler's data directory is full; nothing was changed. Free some space on it and try \
             again."
        }
        Trouble::ReadOnly => {
            "Hostler may not write to its data directory; nothing was changed. Make it writable and try again."
        }
        Trouble::Damaged => {
            "Hostler's database is damaged where this call needs it; nothing was changed. Stop the server and put a \
             copy of the database in its place: the server's log names the file, docs/trouble.md says how."
        }
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Model => "model",
        Kind::EndpointConfig => "endpoint configuration",
        Kind::Endpoint => "endpoint",
        Kind::Usage => "usage",
        Kind::AccessKey => "access key",
    }
}
