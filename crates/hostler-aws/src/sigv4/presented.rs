//! What a request presents as its signature: read, split and bounded, not yet believed.
//!
//! Why: header and presigned query carry the same things in two forms; after this step the verifier sees one.
//! Invariants: sizes are checked before anything is parsed; nothing here compares or looks up anything.

use std::borrow::Cow;

use http::request::Parts;
use memchr::{memchr, memrchr};
use percent_encoding::percent_decode_str;

use hostler_types::Secret;

use super::{ALGORITHM, AmzDate, AuthError, Incomplete};
use crate::Head;
use crate::digits;
use crate::head::ascii;

/// Bytes of path, query, header names and values together: AWS's front ends take a little less.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines.
pub(crate) const HEADERS_MAX: usize = 256;
/// The longest life of a presigned request: a week.
const EXPIRES_S_MAX: u32 = 604_800;
/// What of a client's text goes into an error's text.
const QUOTED_CHARS_MAX: usize = 128;

const CONTENT_SHA256: &str = "x-amz-content-sha256";
const AMZ_DATE: &str = "x-amz-date";
const SECURITY_TOKEN: &str = "x-amz-security-token";

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthForm {
    /// In the Authorization header.
    Header,
    /// In the query of a presigned request.
    Query,
}

/// `<day>/<region>/<service>/aws4_request`, as presented.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts are AWS's own words")]
pub struct CredentialScope<'a> {
    pub day: Cow<'a, str>,
    pub region: Cow<'a, str>,
    pub service: Cow<'a, str>,
    pub terminator: Cow<'a, str>,
}

impl CredentialScope<'_> {
    pub(crate) fn into_owned(self) -> CredentialScope<'static> {
        let [day, region, service, terminator] =
            [self.day, self.region, self.service, self.terminator].map(|part| Cow::Owned(part.into_owned()));
        CredentialScope { day, region, service, terminator }
    }

    pub(crate) fn push_to(&self, out: &mut String) {
        for part in [&self.day, "/", &self.region, "/", &self.service, "/", &self.terminator] {
            out.push_str(part);
        }
    }
}

impl std::fmt::Display for CredentialScope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { day, region, service, terminator } = self;
        write!(f, "{day}/{region}/{service}/{terminator}")
    }
}

/// A signature with everything that it claims, as it stands in the request.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// Where it stands.
    pub form: AuthForm,
    /// Who claims to have signed.
    pub access_key_id: Cow<'a, str>,
    /// Where and when the signing key is good.
    pub scope: CredentialScope<'a>,
    /// `SignedHeaders` as sent.
    pub signed_headers: Cow<'a, str>,
    /// The signature itself; none when it is not 64 hexadecimal digits and so can match nothing.
    pub signature: Option<[u8; 32]>,
    /// When it was made.
    pub date: AmzDate,
    /// How long it is good for; presigned requests only.
    pub expires_s: Option<u32>,
    /// Of an assumed role.
    pub session_token: Option<Secret>,
    /// `x-amz-content-sha256` as sent.
    pub declared_payload: Option<Cow<'a, str>>,
}

impl<'a> Presented<'a> {
    /// Reads the signature of a request.
    pub fn read(parts: &'a Parts) -> Result<Self, AuthError> {
        Self::read_head(&Head::of(parts))
    }

    /// The same of a head where it stands.
    pub(crate) fn read_head(head: &Head<'a>) -> Result<Self, AuthError> {
        check_size(head)?;
        let query = Query(head.query.unwrap_or(""));
        let is_query = query.find("X-Amz-Algorithm").is_some() || query.find("X-Amz-Signature").is_some();
        match (head.find("authorization"), is_query) {
            (None, false) => Err(AuthError::Missing),
            (Some(_), true) => Err(incomplete(AuthForm::Header, Incomplete::TwoForms)),
            (Some(value), false) => {
                let value = ascii(value).ok_or_else(|| {
                    incomplete(AuthForm::Header, Incomplete::NotKeyValue("(not ASCII)".to_owned()))
                })?;
                Self::read_header(head, value)
            }
            (None, true) => Self::read_query(head, query),
        }
    }

    /// The canonical request's last line when it does not come from the body.
    pub(crate) fn payload_line(&self) -> &str {
        self.declared_payload.as_deref().unwrap_or(super::UNSIGNED_PAYLOAD)
    }

    fn read_header(head: &Head<'a>, value: &'a str) -> Result<Self, AuthError> {
        let form = AuthForm::Header;
        let value = value.trim_ascii();
        let (algorithm, rest) = value.split_once(' ').unwrap_or((value, ""));
        if algorithm != ALGORITHM {
            return Err(incomplete(form, Incomplete::Algorithm(quoted(algorithm))));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in split(rest, b',').map(str::trim_ascii).filter(|field| !field.is_empty()) {
            let Some(equals) = memchr(b'=', field.as_bytes()) else {
                return Err(incomplete(form, Incomplete::NotKeyValue(quoted(field))));
            };
            let value = Some(field[equals + 1..].trim_ascii());
            match field[..equals].trim_ascii() {
                "Credential" => credential = value,
                "SignedHeaders" => signed_headers = value,
                "Signature" => signature = value,
                _ => {}
            }
        }
        let date = header_date(head);
        let (Some(credential), Some(signed_headers), Some(signature), Some(date)) =
            (credential, signed_headers, signature, &date)
        else {
            let missing = [
                ("Credential", credential.is_none()),
                ("Signature", signature.is_none()),
                ("SignedHeaders", signed_headers.is_none()),
                ("X-Amz-Date", date.is_none()),
            ];
            let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name);
            return Err(incomplete(form, Incomplete::Missing(missing.collect())));
        };
        let (access_key_id, scope) = split_credential(form, credential.into())?;
        Ok(Self {
            form,
            access_key_id,
            scope,
            signed_headers: check_signed_headers(form, signed_headers.into())?,
            signature: digits::read_hash(signature),
            date: date.as_ref().copied().map_err(|text| incomplete(form, Incomplete::Date(quoted(text))))?,
            expires_s: None,
            session_token: header_text(head, SECURITY_TOKEN).map(Secret::new),
            declared_payload: header_text(head, CONTENT_SHA256),
        })
    }

    fn read_query(head: &Head<'a>, query: Query<'a>) -> Result<Self, AuthError> {
        const NAMES: [&str; 6] = [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Signature",
            "X-Amz-Date",
            "X-Amz-SignedHeaders",
            "X-Amz-Expires",
        ];
        let form = AuthForm::Query;
        let found = NAMES.map(|name| query.find(name));
        let missing: Vec<_> = NAMES
            .into_iter()
            .zip(&found)
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        let [
            Some(algorithm),
            Some(credential),
            Some(signature),
            Some(date),
            Some(signed_headers),
            Some(expires),
        ] = found
        else {
            return Err(incomplete(form, Incomplete::Missing(missing)));
        };
        if algorithm != ALGORITHM {
            return Err(incomplete(form, Incomplete::Algorithm(quoted(&algorithm))));
        }
        let (access_key_id, scope) = split_credential(form, credential)?;
        let date = AmzDate::parse(&date).ok_or_else(|| incomplete(form, Incomplete::Date(quoted(&date))))?;
        let declared = query.find("X-Amz-Content-Sha256").or_else(|| header_text(head, CONTENT_SHA256));
        Ok(Self {
            form,
            access_key_id,
            scope,
            signed_headers: check_signed_headers(form, signed_headers)?,
            signature: digits::read_hash(&signature),
            date,
            expires_s: Some(read_expires(&expires)?),
            session_token: query.find("X-Amz-Security-Token").map(Secret::new),
            declared_payload: declared,
        })
    }
}

/// The query as sent; values are decoded one at a time.
#[derive(Clone, Copy)]
struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn find(self, name: &str) -> Option<Cow<'a, str>> {
        if self.0.is_empty() {
            return None;
        }
        let mut pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(percent_decode_str(value).decode_utf8_lossy())
    }
}

fn check_size(head: &Head<'_>) -> Result<(), AuthError> {
    let mut bytes = head.path.len() + head.query.map_or(0, str::len);
    bytes += head.fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>();
    if bytes > HEAD_BYTES_MAX {
        return Err(AuthError::TooLarge { what: "bytes", found: bytes, max: HEAD_BYTES_MAX });
    }
    if head.fields.len() > HEADERS_MAX {
        return Err(AuthError::TooLarge { what: "header lines", found: head.fields.len(), max: HEADERS_MAX });
    }
    Ok(())
}

fn split_credential<'a>(
    form: AuthForm,
    text: Cow<'a, str>,
) -> Result<(Cow<'a, str>, CredentialScope<'a>), AuthError> {
    let split: Option<[Cow<'a, str>; 5]> = match &text {
        Cow::Borrowed(text) => split_scope(text).map(|parts| parts.map(Cow::Borrowed)),
        Cow::Owned(text) => split_scope(text).map(|parts| parts.map(|part| Cow::Owned(part.to_owned()))),
    };
    let Some([terminator, service, region, day, access_key_id]) = split else {
        return Err(incomplete(form, Incomplete::Credential(quoted(&text))));
    };
    Ok((access_key_id, CredentialScope { day, region, service, terminator }))
}

/// From the end: only an access key id may hold a slash, and it comes last here.
fn split_scope(text: &str) -> Option<[&str; 5]> {
    let mut rest = text;
    let mut part = || {
        let slash = memrchr(b'/', rest.as_bytes())?;
        let part = &rest[slash + 1..];
        rest = &rest[..slash];
        Some(part)
    };
    let [terminator, service, region, day] = [part()?, part()?, part()?, part()?];
    (!rest.is_empty()).then_some([terminator, service, region, day, rest])
}

/// Names in order, each once.
fn check_signed_headers(form: AuthForm, text: Cow<'_, str>) -> Result<Cow<'_, str>, AuthError> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
    };
    let (mut count, mut last) = (0, "");
    let is_well = split(&text, b';').all(|name| {
        let is_next = is_name(name) && last < name;
        (count, last) = (count + 1, name);
        is_next
    });
    if is_well && count <= HEADERS_MAX {
        Ok(text)
    } else {
        Err(incomplete(form, Incomplete::SignedHeaders(quoted(&text))))
    }
}

/// The parts of a text between ASCII characters.
pub(super) fn split(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr(at, text.as_bytes());
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

fn read_expires(text: &str) -> Result<u32, AuthError> {
    let form = AuthForm::Query;
    match text.parse::<i64>() {
        Err(_) => Err(incomplete(form, Incomplete::ExpiresForm)),
        Ok(..0) => Err(incomplete(form, Incomplete::ExpiresNegative)),
        Ok(seconds) => u32::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= EXPIRES_S_MAX)
            .ok_or_else(|| incomplete(form, Incomplete::ExpiresTooLong)),
    }
}

/// `X-Amz-Date`, else `Date`; the inner error is a text that is no date.
fn header_date<'a>(head: &Head<'a>) -> Option<Result<AmzDate, Cow<'a, str>>> {
    if let Some(text) = header_text(head, AMZ_DATE) {
        return Some(AmzDate::parse(&text).ok_or(text));
    }
    let text = header_text(head, "date")?;
    Some(AmzDate::parse_http(&text).ok_or(text))
}

fn header_text<'a>(head: &Head<'a>, name: &str) -> Option<Cow<'a, str>> {
    Some(match String::from_utf8_lossy(head.find(name)?) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    })
}

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}

fn incomplete(form: AuthForm, part: Incomplete) -> AuthError {
    AuthError::Incomplete { form, part }
}
