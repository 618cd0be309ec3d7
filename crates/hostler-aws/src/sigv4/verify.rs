//! Verifies a request's signature, in two steps so that a body can stream.
//!
//! Why: the signature covers the body's hash. Where the head declares that hash the signature is decided at once and
//! the body is held to it later; where it does not, the caller reads the (bounded) body first.
//! Invariants: a [`Claim`] gives nobody's name away before its signature was found right. Exactly the headers that
//! `SignedHeaders` lists are verified, `host` and every `x-amz-…` header of the request must be among them. The same
//! signature may come twice, as with AWS.

use std::sync::Arc;

use http::request::Parts;

use hostler_types::{Clock, Millis, Region, Secret};

use crate::keys::{KeyOwner, Keys};
use crate::{Head, Protocol, digits};

use super::claim::Presenter;
use super::pending::Pending;
use super::presented::split;
use super::{
    AmzDate, AuthError, AuthForm, Caller, ChunkSigning, ChunkedPayload, Claim, PayloadForm, Presented,
    Refusals, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER, ScopeFault, TERMINATOR,
    UNSIGNED_PAYLOAD,
};

/// How far a client's clock may be off: five minutes, and fifteen for S3.
const SKEW_MS: i64 = 5 * 60 * 1000;
const S3_SKEW_MS: i64 = 15 * 60 * 1000;
/// What a room demands of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The service in the scope.
    pub service: &'static str,
    /// How far the date may be off.
    pub skew_ms: i64,
    /// In which protocol errors are told; S3 also has its own payload forms.
    pub protocol: Protocol,
}

impl Rules {
    /// SageMaker's control plane.
    pub const CONTROL: Self = Self { service: "sagemaker", skew_ms: SKEW_MS, protocol: Protocol::AwsJson };
    /// SageMaker's data plane.
    pub const GATEWAY: Self = Self { service: "sagemaker", skew_ms: SKEW_MS, protocol: Protocol::RestJson };
    /// The embedded STS.
    pub const STS: Self = Self { service: "sts", skew_ms: SKEW_MS, protocol: Protocol::Query };
    /// The embedded S3.
    pub const S3: Self = Self { service: "s3", skew_ms: S3_SKEW_MS, protocol: Protocol::S3 };
    /// Hostler's own admin API.
    pub const HOSTLER: Self = Self { service: "hostler", skew_ms: SKEW_MS, protocol: Protocol::AwsJson };
}

/// Verifies signatures against the keys that are known.
pub struct Verifier(Arc<Grounds>);

/// What a verifier decides by. A claim holds on to it until its body is there.
pub(super) struct Grounds {
    pub(super) keys: Arc<dyn Keys>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) refusals: Arc<Refusals>,
}

impl Verifier {
    /// A verifier that believes `keys`.
    pub fn new(keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Grounds { keys, clock, refusals: Arc::default() }))
    }

    /// How often whom was refused.
    pub fn refusals(&self) -> &Arc<Refusals> {
        &self.0.refusals
    }

    /// Reads and checks the signature of a request's head.
    pub fn check(&self, parts: &Parts, rules: &Rules) -> Result<Claim, AuthError> {
        self.check_head(&Head::of(parts), rules)
    }

    /// The same of a head where it stands.
    pub fn check_head(&self, head: &Head<'_>, rules: &Rules) -> Result<Claim, AuthError> {
        self.read(head, rules).inspect_err(|error| self.0.refusals.count(error))
    }

    fn read(&self, head: &Head<'_>, rules: &Rules) -> Result<Claim, AuthError> {
        let now = self.0.clock.now();
        let presented = Presented::read_head(head)?;
        check_scope(&presented, rules)?;
        check_date(&presented, rules, now)?;
        check_signed_headers(&presented, head)?;
        let payload = declared_payload(&presented, rules)?;
        let owner = self.find_owner(&presented, now)?;
        let region = Region::new(presented.scope.region.as_ref());
        let caller = Caller { identity: Arc::clone(&owner.identity), region };
        let presenter = Presenter { session_token: presented.session_token.clone(), at: now };
        let pending = Pending::new(head, &presented, rules, owner, now);
        let form = match payload {
            Declared::Nothing => {
                return Ok(Claim::pending(Arc::clone(&self.0), caller, presenter, pending));
            }
            Declared::Hash(hash) => PayloadForm::Signed(hash),
            Declared::Unsigned => PayloadForm::Unsigned,
            Declared::Chunked { is_signed, has_trailer } => {
                let signing = is_signed.then(|| ChunkSigning {
                    key: pending.key().clone(),
                    date: presented.date.to_string(),
                    scope: presented.scope.to_string(),
                    seed: presented.signature.unwrap_or_default(),
                });
                PayloadForm::Chunked(Box::new(chunked_payload(head, signing, has_trailer)?))
            }
        };
        pending.verify(presented.payload_line())?;
        Ok(Claim::verified(Arc::clone(&self.0), caller, presenter, form))
    }

    fn find_owner(&self, presented: &Presented<'_>, now: Millis) -> Result<Arc<KeyOwner>, AuthError> {
        let token = presented.session_token.as_ref().map(Secret::expose);
        let found = self.0.keys.find(&presented.access_key_id, token, now);
        found.map_err(|source| AuthError::Key {
            access_key_id: presented.access_key_id.as_ref().to_owned(),
            source,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

/// What the head declares about the payload, before the signature is looked at.
enum Declared {
    Nothing,
    Hash([u8; 32]),
    Unsigned,
    Chunked { is_signed: bool, has_trailer: bool },
}

fn declared_payload(presented: &Presented<'_>, rules: &Rules) -> Result<Declared, AuthError> {
    let is_s3 = rules.protocol == Protocol::S3;
    let Some(declared) = &presented.declared_payload else {
        return match (is_s3, presented.form) {
            (true, AuthForm::Query) => Ok(Declared::Unsigned),
            (true, AuthForm::Header) => Err(AuthError::PayloadMissing),
            (false, _) => Ok(Declared::Nothing),
        };
    };
    if let Some(hash) = digits::read_hash(declared) {
        return Ok(Declared::Hash(hash));
    }
    if !is_s3 {
        // The other services hash the body themselves, so nothing else can match.
        return Ok(Declared::Nothing);
    }
    match declared.as_ref() {
        UNSIGNED_PAYLOAD => Ok(Declared::Unsigned),
        STREAMING_SIGNED => Ok(Declared::Chunked { is_signed: true, has_trailer: false }),
        STREAMING_SIGNED_TRAILER => Ok(Declared::Chunked { is_signed: true, has_trailer: true }),
        STREAMING_UNSIGNED_TRAILER => Ok(Declared::Chunked { is_signed: false, has_trailer: true }),
        other => Err(AuthError::PayloadForm(other.chars().take(128).collect())),
    }
}

fn check_scope(presented: &Presented<'_>, rules: &Rules) -> Result<(), AuthError> {
    let scope = &presented.scope;
    let mut faults = Vec::new();
    if !Region::is_region(&scope.region) {
        faults.push(ScopeFault::Region(cut(&scope.region)));
    }
    if scope.service != rules.service {
        faults.push(ScopeFault::Service { expected: rules.service, found: cut(&scope.service) });
    }
    if scope.terminator != TERMINATOR {
        faults.push(ScopeFault::Terminator(cut(&scope.terminator)));
    }
    if scope.day != presented.date.day() {
        faults.push(ScopeFault::Day { scope: cut(&scope.day), date: presented.date });
    }
    if faults.is_empty() { Ok(()) } else { Err(AuthError::Scope { form: presented.form, faults }) }
}

fn check_date(presented: &Presented<'_>, rules: &Rules, now: Millis) -> Result<(), AuthError> {
    let at = presented.date.millis();
    let minutes = rules.skew_ms / 60_000;
    // Texts are made only for an error: this runs for every request.
    let date = || presented.date;
    let now_text = || AmzDate::from_millis(now);
    let latest = now.plus(rules.skew_ms);
    if at > latest {
        let limit = AmzDate::from_millis(latest);
        let form = presented.form;
        return Err(AuthError::NotYetCurrent { date: date(), limit, now: now_text(), minutes, form });
    }
    if let Some(expires_s) = presented.expires_s {
        let until = at.plus(i64::from(expires_s) * 1000);
        if until < now {
            return Err(AuthError::PresignExpired { until: AmzDate::from_millis(until), now: now_text() });
        }
        return Ok(());
    }
    let earliest = now.plus(-rules.skew_ms);
    if at < earliest {
        let limit = AmzDate::from_millis(earliest);
        return Err(AuthError::Expired { date: date(), limit, now: now_text(), minutes });
    }
    Ok(())
}

/// `host` is always signed; a header by which AWS decides anything (`x-amz-target`, `x-amz-date`, …) may not come in
/// beside the signature.
fn check_signed_headers(presented: &Presented<'_>, head: &Head<'_>) -> Result<(), AuthError> {
    let is_signed = |name: &str| split(&presented.signed_headers, b';').any(|signed| signed == name);
    let mut names: Vec<String> = Vec::new();
    for field in head.fields.iter().filter(|field| field.begins("x-amz-")) {
        let is_signed = split(&presented.signed_headers, b';').any(|signed| field.is(signed));
        let name = || field.name.to_ascii_lowercase();
        if !is_signed && !names.contains(&name()) {
            names.push(name());
        }
    }
    if !is_signed("host") && !is_signed(":authority") {
        names.insert(0, "host".to_owned());
    }
    if names.is_empty() { Ok(()) } else { Err(AuthError::NotSigned { names }) }
}

fn chunked_payload(
    head: &Head<'_>,
    signing: Option<ChunkSigning>,
    has_trailer: bool,
) -> Result<ChunkedPayload, AuthError> {
    let text = |name: &str| head.text(name);
    let decoded_length = text("x-amz-decoded-content-length")
        .and_then(|text| text.trim().parse().ok())
        .ok_or(AuthError::DecodedLength)?;
    let trailer_names = text("x-amz-trailer")
        .unwrap_or("")
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    Ok(ChunkedPayload { signing, has_trailer, trailer_names, decoded_length })
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
