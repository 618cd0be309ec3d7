//! AWS's sentences about resources: clients match on them.
//!
//! Source: sightings in public issues; `../docs/compatibility.md` lists those without one.

use hostler_aws::ApiError;
use hostler_types::{Arn, Kind, Scope};

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

/// A feature that would change answers or safety, and that is not there.
pub(crate) fn refused(member: &str, why: &str) -> ApiError {
    ApiError::validation(format!("{member} is not supported by Hostler yet: {why}"))
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Model => "model",
        Kind::EndpointConfig => "endpoint configuration",
        Kind::Endpoint => "endpoint",
    }
}
