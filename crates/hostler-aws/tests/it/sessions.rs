//! An assumed role's session at every door: good to its last millisecond, then over in each protocol's words.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http::Request;
use http::request::Parts;

use hostler_aws::sigv4::{Caller, Payload, Rules, Signer, Verifier, payload_hash};
use hostler_aws::{ApiError, KeyRing, Keys as _, LongLivedKey, TokenSealer};
use hostler_types::{AccountId, Clock, Credentials, Millis, Secret};

use crate::wire::NOW;

const ROLE: &str = "arn:aws:iam::123456789012:role/Reader";
const QUARTER_MS: i64 = 900_000;
const OVER: &str = "The security token included in the request is expired";

/// Code, status and text of facts/sagemaker-api.md 4.4 and 4.6.
const DOORS: [(Rules, (&str, u16, &str)); 4] = [
    (Rules::CONTROL, ("ExpiredTokenException", 400, OVER)),
    (Rules::GATEWAY, ("ExpiredTokenException", 403, OVER)),
    (Rules::STS, ("ExpiredToken", 403, OVER)),
    (Rules::S3, ("ExpiredToken", 400, "The provided token has expired.")),
];

#[derive(Default)]
struct MovableClock(AtomicI64);

impl Clock for MovableClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

struct Doors {
    clock: Arc<MovableClock>,
    verifier: Verifier,
    session: Credentials,
}

impl Doors {
    fn with_session_from(now: Millis) -> Self {
        let clock = Arc::new(MovableClock::default());
        let ring = Arc::new(KeyRing::new(TokenSealer::new([7; 32])));
        let account = AccountId::new("123456789012");
        let session = ring.sealer().issue(ROLE, "download", &account, now.plus(QUARTER_MS));
        Self { verifier: Verifier::new(ring, Arc::clone(&clock) as _), clock, session }
    }

    /// Asks at `now` with a request that was signed at `signed_at`.
    fn ask(&self, rules: &Rules, signed_at: Millis, now: Millis) -> Result<Caller, ApiError> {
        self.clock.0.store(now.0, Ordering::SeqCst);
        let parts = signed(&self.session, rules, signed_at);
        let claim = self.verifier.check(&parts, rules).map_err(|error| error.to_api_error(rules.protocol))?;
        claim.verify_payload(&payload_hash(b"")).map_err(|error| error.to_api_error(rules.protocol))
    }
}

fn signed(session: &Credentials, rules: &Rules, now: Millis) -> Parts {
    let (mut parts, ()) = Request::builder().uri("http://127.0.0.1:7070/x").body(()).unwrap().into_parts();
    let payload = match rules.service {
        "s3" => Payload::DeclaredHash(payload_hash(b"")),
        _ => Payload::Hash(payload_hash(b"")),
    };
    let signer = Signer { credentials: session, region: "us-east-1", service: rules.service, now };
    signer.sign_headers(&mut parts, &payload).unwrap();
    parts
}

#[test]
fn a_session_is_good_to_its_last_millisecond_and_then_over_at_every_door() {
    for (rules, expected) in DOORS {
        let doors = Doors::with_session_from(NOW);
        let last = NOW.plus(QUARTER_MS - 1);
        for now in [NOW, last] {
            let caller = doors.ask(&rules, now, now).unwrap();
            assert_eq!(caller.identity.role_arn.as_deref(), Some(ROLE), "{rules:?}");
        }
        let end = NOW.plus(QUARTER_MS);
        let error = doors.ask(&rules, end, end).unwrap_err();
        let found = (error.code(), error.status().as_u16(), error.message().unwrap());
        assert_eq!(found, expected, "{rules:?}");
    }
}

#[test]
fn a_request_that_was_signed_in_time_does_not_outlive_its_session() {
    for (rules, expected) in DOORS {
        let doors = Doors::with_session_from(NOW);
        // Within the skew that every service allows, so its date alone would be accepted.
        let (signed_at, now) = (NOW.plus(QUARTER_MS - 60_000), NOW.plus(QUARTER_MS + 60_000));
        let error = doors.ask(&rules, signed_at, now).unwrap_err();
        assert_eq!(error.code(), expected.0, "{rules:?}");
    }
}

/// A key and a verifier; whoever drips a body may still be at it when the key is revoked.
#[test]
fn a_key_that_is_revoked_while_a_body_comes_is_refused_at_its_end() {
    let clock = Arc::new(MovableClock::default());
    let ring = Arc::new(KeyRing::new(TokenSealer::new([7; 32])));
    let account = AccountId::new("123456789012");
    let key = LongLivedKey::of_account("AKIDEXAMPLE", Secret::new("secret"), &account);
    let verifier = Verifier::new(ring.clone(), Arc::clone(&clock) as _);
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("secret"),
        session_token: None,
        expires_at: None,
    };
    for (rules, _) in &DOORS {
        ring.replace([&key]);
        let head = |at: Millis| {
            clock.0.store(at.0, Ordering::SeqCst);
            verifier.check(&signed(&credentials, rules, NOW), rules).expect("the key is good")
        };
        let end = |claim: hostler_aws::sigv4::Claim, at: Millis| {
            clock.0.store(at.0, Ordering::SeqCst);
            claim.verify_payload(&payload_hash(b""))
        };
        assert!(end(head(NOW), NOW.plus(30_000)).is_ok(), "a slow body is none the worse");
        let claim = head(NOW);
        ring.replace(&[] as &[LongLivedKey]);
        let error = end(claim, NOW.plus(900)).expect_err("it was revoked").to_api_error(rules.protocol);
        let code = error.code();
        assert!(
            ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"].contains(&code),
            "{code}"
        );
    }
}

#[test]
fn a_session_that_ends_while_a_body_comes_was_good_for_its_request() {
    let doors = Doors::with_session_from(NOW);
    for (rules, _) in &DOORS {
        let last = NOW.plus(QUARTER_MS - 1);
        doors.clock.0.store(last.0, Ordering::SeqCst);
        let claim = doors.verifier.check(&signed(&doors.session, rules, last), rules).expect("it is good");
        doors.clock.0.store(last.plus(30_000).0, Ordering::SeqCst);
        assert!(claim.verify_payload(&payload_hash(b"")).is_ok());
    }
}

/// A key and its ring, asked by the signatures of several secrets.
#[test]
fn what_was_derived_from_keys_goes_with_them() {
    let clock = Arc::new(MovableClock::default());
    clock.0.store(NOW.0, Ordering::SeqCst);
    let ring = Arc::new(KeyRing::new(TokenSealer::new([7; 32])));
    let account = AccountId::new("123456789012");
    let key = |secret| LongLivedKey::of_account("AKIDEXAMPLE", Secret::new(secret), &account);
    let signs_with = |secret| Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new(secret),
        session_token: None,
        expires_at: None,
    };
    let verifier = Verifier::new(ring.clone(), clock as _);
    let ask = |credentials: &Credentials| {
        let parts = signed(credentials, &Rules::GATEWAY, NOW);
        let claim = verifier.check(&parts, &Rules::GATEWAY).expect("the key is known");
        claim.verify_payload(&payload_hash(b"")).map(|_| ())
    };
    let kept = || {
        let owner = ring.find("AKIDEXAMPLE", None, NOW).expect("the key is known");
        owner.signing_keys.len()
    };
    ring.replace([&key("old")]);
    assert!(ask(&signs_with("other")).is_err());
    assert_eq!(kept(), 0, "a wrong signature leaves nothing");
    for _ in 0..3 {
        assert!(ask(&signs_with("old")).is_ok());
        assert_eq!(kept(), 1);
    }
    assert!(ask(&signs_with("other")).is_err());
    let session = ring.sealer().issue(ROLE, "s", &account, NOW.plus(QUARTER_MS));
    assert!(ask(&session).is_ok());
    assert_eq!(kept(), 2, "those of sessions are kept beside it");
    // The same access key id with another secret: what the old one signed is nothing.
    ring.replace([&key("new")]);
    assert_eq!(kept(), 0);
    assert!(ask(&signs_with("old")).is_err());
    assert!(ask(&signs_with("new")).is_ok());
}
