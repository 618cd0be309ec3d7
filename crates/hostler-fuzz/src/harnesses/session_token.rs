//! Sealed session tokens.
//!
//! Held against: the seal. A session of whatever names opens as it was, and no other bytes open at all.

use hostler_aws::{Keys as _, TokenError, TokenSealer};
use hostler_types::{AccountId, Millis};

use super::head::{NOW, key_ring};
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "session_token",
    about: "sealed session tokens; what was sealed opens as it was, changed or foreign bytes never do",
    run,
    generate,
    words: &[b"AQ", b"arn:aws:iam::", b"/", b"=", b"-", b"_", b"\0"],
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let ring = key_ring();
    let sealer = ring.sealer();
    let opened = within(times(4, data), || sealer.open(&text, NOW));
    assert_eq!(opened, Err(TokenError::Foreign));
    assert!(ring.find("ASIA", Some(&text), NOW).is_err());
    sealed(sealer, &text, data);
}

fn sealed(sealer: &TokenSealer, text: &str, data: &[u8]) {
    let Some((at, name)) = text.char_indices().nth(text.chars().count() / 2).map(|(at, _)| text.split_at(at))
    else {
        return;
    };
    let account = AccountId::new("123456789012");
    let issued = sealer.issue(at, name, &account, NOW.plus(1));
    let token = issued.session_token.expect("a session has a token");
    let token = token.expose();
    // Names at their longest make 4 kB; what is longer than any honest token is not looked at.
    if token.len() > 8192 {
        assert_eq!(sealer.open(token, NOW), Err(TokenError::Foreign));
        return;
    }
    let session = sealer.open(token, NOW).expect("it was sealed here");
    assert_eq!((session.role_arn.as_str(), session.session_name.as_str()), (at, name));
    assert_eq!(session.access_key_id, issued.access_key_id);
    let identity = session.identity();
    assert!(identity.arn.ends_with(name) && identity.user_id.ends_with(name));
    assert_eq!(sealer.open(token, NOW.plus(1)), Err(TokenError::Expired));
    assert_eq!(sealer.open(token, Millis(i64::MAX)), Err(TokenError::Expired));
    let changed_at = data.len() % token.len();
    let mut changed = token.to_owned().into_bytes();
    changed[changed_at] = if changed[changed_at] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("it is ASCII");
    assert_eq!(sealer.open(&changed, NOW), Err(TokenError::Foreign), "character {changed_at} of {token}");
}

fn generate(source: &mut Source) -> Vec<u8> {
    if source.one_in(4) {
        let length = source.size(9000);
        return "A".repeat(length).into_bytes();
    }
    source
        .text(&["arn:aws:iam::123456789012:role/", "a", "/", ":", "é", "\"", "\\", "\0", "name", "😀"], 300)
        .into_bytes()
}
