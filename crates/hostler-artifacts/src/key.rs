//! The name of one artifact version in the cache.
//!
//! Why: the digest covers what a look saw (bucket, key, ETag, size, version), so an overwritten object gets another name,
//! and account and region too, because the embedded S3 may hold equal bucket names for different accounts.
//! A set of files has the digest of all their versions in the place of the ETag.
//! Invariants: 64 lower-case hexadecimal digits, so a key is always safe as a directory's name. The role is not part of
//! it: the right to read is asked again at every use, the bytes are the same.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::port::{ArtifactVersion, DataForm, DataSource};

/// Changes whenever the layout of an entry or the rules of unpacking do, so that old entries are not used again.
const LAYOUT: &[u8] = b"hostler artifact 1";
/// The same for objects that are kept as the files they are.
const FILES_LAYOUT: &[u8] = b"hostler files 1";
/// Before the name of a copy, to make that of the next one.
const NEXT_COPY: &[u8] = b"hostler next copy 1";
/// Hexadecimal digits of SHA-256.
const DIGITS: usize = 64;

/// Names a cache entry; whoever runs an instance keeps it, to [`adopt`](crate::ArtifactCache::adopt) it after a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CacheKey(String);

/// A text that is not a cache key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cache key (64 lower-case hexadecimal digits)")]
pub struct CacheKeyError(pub String);

impl CacheKey {
    /// The key of a version. One without ETag and version id gets a key of its own every time, because nothing would tell
    /// it from what replaces it.
    pub(crate) fn of(data: &DataSource, version: &ArtifactVersion) -> Self {
        let mut context = Context::new(&SHA256);
        let bytes = version.bytes.to_string();
        let mut nonce = [0; 16];
        if version.etag.is_none() && version.version_id.is_none() {
            // Without randomness the key is merely one that may be met again.
            let _ = SystemRandom::new().fill(&mut nonce);
        }
        let optional =
            |text: &Option<String>| text.as_ref().map_or_else(String::new, |text| format!("={text}"));
        let (etag, version_id) = (optional(&version.etag), optional(&version.version_id));
        let layout = match data.form {
            DataForm::Archive => LAYOUT,
            DataForm::Object | DataForm::Prefix | DataForm::Manifest { .. } => FILES_LAYOUT,
        };
        let parts: [&[u8]; 9] = [
            layout,
            data.at.account.as_str().as_bytes(),
            data.at.region.as_str().as_bytes(),
            version.bucket.as_bytes(),
            version.key.as_bytes(),
            etag.as_bytes(),
            bytes.as_bytes(),
            version_id.as_bytes(),
            &nonce,
        ];
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self(hex::encode(context.finish()))
    }

    /// The name of one more copy of the same version, beside one that was changed while it is in use.
    pub(crate) fn next_copy(&self) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(NEXT_COPY);
        context.update(self.0.as_bytes());
        Self(hex::encode(context.finish()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CacheKey {
    type Err = CacheKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == DIGITS && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(CacheKeyError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for CacheKey {
    type Error = CacheKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CacheKey> for String {
    fn from(key: CacheKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use hostler_types::{AccountId, Region};

    use super::*;
    use crate::ArtifactSource;

    fn at() -> ArtifactSource {
        ArtifactSource {
            uri: "s3://models/a.tar.gz".into(),
            role_arn: "arn:aws:iam::000000000000:role/one".into(),
            account: AccountId::new("000000000000"),
            region: Region::new("us-east-1"),
        }
    }

    fn source() -> DataSource {
        at().into()
    }

    fn version() -> ArtifactVersion {
        ArtifactVersion {
            bucket: "models".into(),
            key: "a.tar.gz".into(),
            etag: Some("abc".into()),
            bytes: 10,
            version_id: None,
        }
    }

    #[test]
    fn everything_that_tells_contents_apart_is_in_the_key() {
        let base = CacheKey::of(&source(), &version());
        let mut others = vec![];
        for change in [
            |version: &mut ArtifactVersion| version.bucket.push('x'),
            |version: &mut ArtifactVersion| version.key.push('x'),
            |version: &mut ArtifactVersion| version.etag = Some("abd".into()),
            |version: &mut ArtifactVersion| version.bytes = 11,
            |version: &mut ArtifactVersion| version.version_id = Some("1".into()),
        ] {
            let mut changed = version();
            change(&mut changed);
            others.push(CacheKey::of(&source(), &changed));
        }
        for other in [
            ArtifactSource { account: AccountId::new("1"), ..at() },
            ArtifactSource { region: Region::new("x"), ..at() },
        ] {
            others.push(CacheKey::of(&other.into(), &version()));
        }
        others.push(CacheKey::of(&DataSource { form: DataForm::Object, ..source() }, &version()));
        for other in &others {
            assert_ne!(*other, base);
        }
        assert_eq!(CacheKey::of(&source(), &version()), base);
        let other_role = ArtifactSource { role_arn: "two".into(), ..at() };
        assert_eq!(CacheKey::of(&other_role.into(), &version()), base);
    }

    #[test]
    fn archives_keep_the_names_that_earlier_releases_gave_them() {
        // SHA-256 of the parts, each after its length in eight bytes, as Python's hashlib has it.
        assert_eq!(
            CacheKey::of(&source(), &version()).as_str(),
            "3e74e79aa2a93481c91b353ef6b3b3c568da6470e77a153e73ea4dd4622d2c03"
        );
    }

    #[test]
    fn a_version_that_nothing_identifies_is_never_met_again() {
        let nameless = ArtifactVersion { etag: None, ..version() };
        assert_ne!(CacheKey::of(&source(), &nameless), CacheKey::of(&source(), &nameless));
    }

    #[test]
    fn only_digests_are_keys() {
        let key = CacheKey::of(&source(), &version());
        assert_eq!(key.as_str().parse::<CacheKey>(), Ok(key));
        for text in ["", "..", "../../etc", &"A".repeat(64), &"a".repeat(63), &"g".repeat(64)] {
            assert!(text.parse::<CacheKey>().is_err(), "{text}");
        }
    }
}
