//! Raw requests of the vectors, and the keys and clock they were made with.

use std::path::PathBuf;
use std::sync::Arc;

use http::Request;
use http::request::Parts;

use hostler_aws::sigv4::{Rules, Verifier};
use hostler_aws::{KeyError, KeyOwner, Keys};
use hostler_types::{AccountId, Clock, Credentials, Identity, Millis, Secret};

/// 2026-01-02T03:04:05Z, the moment at which make.py signs.
pub(crate) const NOW: Millis = Millis(1_767_323_045_000);
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLE+token==";
pub(crate) const REGION: &str = "eu-central-1";

/// The keys of make.py: one access key, with or without its token.
pub(crate) struct VectorKeys;

impl Keys for VectorKeys {
    fn find(
        &self,
        access_key_id: &str,
        token: Option<&str>,
        _now: Millis,
    ) -> Result<Arc<KeyOwner>, KeyError> {
        match (access_key_id, token) {
            (KEY_ID, None | Some(TOKEN)) => {
                let (secret, identity) = (Secret::new(SECRET), Arc::new(identity()));
                Ok(Arc::new(KeyOwner { secret, identity, signing_keys: Arc::default(), last_use: None }))
            }
            (KEY_ID, Some("over")) => Err(KeyError::Expired),
            (KEY_ID, Some(_)) => Err(KeyError::BadToken),
            _ => Err(KeyError::Unknown),
        }
    }
}

/// A clock that a test sets.
pub(crate) struct FixedClock(pub(crate) Millis);

impl Clock for FixedClock {
    fn now(&self) -> Millis {
        self.0
    }
}

pub(crate) fn verifier_at(now: Millis) -> Verifier {
    Verifier::new(Arc::new(VectorKeys), Arc::new(FixedClock(now)))
}

pub(crate) fn identity() -> Identity {
    Identity {
        account: AccountId::new("123456789012"),
        access_key_id: KEY_ID.to_owned(),
        arn: "arn:aws:iam::123456789012:root".to_owned(),
        user_id: "123456789012".to_owned(),
        role_arn: None,
        long_lived_key_id: Some(KEY_ID.to_owned()),
    }
}

pub(crate) fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: token.map(Secret::new),
        expires_at: None,
    }
}

/// One directory of `tests/sigv4`.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) parts: Parts,
    pub(crate) body: Vec<u8>,
    pub(crate) canonical: Vec<u8>,
    pub(crate) string_to_sign: String,
    pub(crate) signature: String,
    pub(crate) decoded: Option<Vec<u8>>,
}

impl Case {
    pub(crate) fn load(name: &str) -> Self {
        let directory = directory().join(name);
        let read = |file: &str| std::fs::read(directory.join(file)).unwrap();
        let (parts, body) = parse(&read("request"));
        Self {
            name: name.to_owned(),
            parts,
            body,
            canonical: read("canonical"),
            string_to_sign: String::from_utf8(read("string-to-sign")).unwrap(),
            signature: String::from_utf8(read("signature")).unwrap(),
            decoded: std::fs::read(directory.join("decoded")).ok(),
        }
    }

    pub(crate) fn all() -> Vec<Self> {
        let mut names: Vec<String> = std::fs::read_dir(directory())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.iter().map(|name| Self::load(name)).collect()
    }

    pub(crate) fn rules(&self) -> Rules {
        match self.name.split('-').next().unwrap() {
            "control" => Rules::CONTROL,
            "runtime" => Rules::GATEWAY,
            "sts" => Rules::STS,
            "s3" | "chunked" => Rules::S3,
            other => panic!("no rules for {other}"),
        }
    }
}

/// Reads an HTTP/1.1 request.
pub(crate) fn parse(raw: &[u8]) -> (Parts, Vec<u8>) {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&raw[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let mut line = lines.next().unwrap().split(' ');
    let mut request = Request::builder().method(line.next().unwrap()).uri(line.next().unwrap());
    for header in lines {
        // What a server gives is trimmed; inner spaces are kept.
        let (name, value) = header.split_once(':').unwrap();
        request = request.header(name, value.trim());
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    (parts, raw[end + 4..].to_vec())
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sigv4")
}
