//! What verifying a signature takes: head and body of an InvokeEndpoint, and its floor, SHA-256 alone.
//!
//! Why: the signature is the one thing on the way of an invocation that a plain proxy does not do.
//! Invariants: the smallest of many short rounds counts, because whatever else the machine does only adds to it. Under
//! callgrind one thing is done a given number of times: `signature verify 1000 1024`. bench/signature has the figures.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use hostler_aws::sigv4::{Payload, Rules, Signer, Verifier, payload_hash};
use hostler_aws::{KeyRing, LongLivedKey, TokenSealer};
use hostler_types::{AccountId, Clock, Credentials, Secret, SystemClock};
use http::request::Parts;
use http::{HeaderValue, Request};

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const ROUNDS: usize = 2000;
const TIMES_A_ROUND: usize = 50;
const BODIES: [usize; 4] = [0, 1024, 64 * 1024, 1024 * 1024];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => report(),
        [what, times, bytes] => {
            let (Ok(times), Ok(bytes)) = (times.parse(), bytes.parse()) else { panic!("{USAGE}") };
            let case = Case::new(bytes);
            for _ in 0..times {
                match what.as_str() {
                    "verify" => case.verify(),
                    "sha256" => case.hash(),
                    _ => panic!("{USAGE}"),
                }
            }
        }
        _ => panic!("{USAGE}"),
    }
}

const USAGE: &str = "usage: signature [verify|sha256 TIMES BODY_BYTES]";

#[expect(clippy::print_stdout, reason = "the figures belong on stdout")]
fn report() {
    println!("| body | SHA-256 of it alone | whole verification | without the body's SHA-256 |");
    println!("|---|---|---|---|");
    for bytes in BODIES {
        let case = Case::new(bytes);
        let times = if bytes > 64 * 1024 { 1 } else { TIMES_A_ROUND };
        let (hash, verify) = (least_ns(times, || case.hash()), least_ns(times, || case.verify()));
        println!("| {bytes} bytes | {hash:.0} ns | {verify:.0} ns | {:.0} ns |", verify - hash);
    }
}

/// Of one call, by the fastest round.
#[expect(clippy::disallowed_methods, reason = "a measurement: no simulation owns its time")]
fn least_ns(times: usize, run: impl Fn()) -> f64 {
    let round = || {
        let begun = Instant::now();
        for _ in 0..times {
            run();
        }
        begun.elapsed().as_secs_f64() * 1e9 / times as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

struct Case {
    verifier: Verifier,
    parts: Parts,
    body: Vec<u8>,
}

impl Case {
    /// A request with the headers that boto3 sends.
    fn new(body_bytes: usize) -> Self {
        let account = AccountId::new("000000000000");
        let keys = KeyRing::new(TokenSealer::new([7; 32]));
        keys.replace([&LongLivedKey::of_account(KEY_ID, Secret::new(SECRET), &account)]);
        let clock = Arc::new(SystemClock);
        let verifier = Verifier::new(Arc::new(keys), clock.clone());
        let body = vec![b'7'; body_bytes];
        let request = Request::post("/endpoints/bench/invocations").body(()).expect("it is well formed");
        let (mut parts, ()) = request.into_parts();
        let length = body_bytes.to_string();
        for (name, value) in [
            ("host", "127.0.0.1:8300"),
            ("content-type", "text/csv"),
            (
                "user-agent",
                "Boto3/1.43.0 md/Botocore#1.43.0 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.2",
            ),
            ("amz-sdk-invocation-id", "6a2f41a3-c54c-4ce8-8d9f-2f0c2a8f6d11"),
            ("amz-sdk-request", "attempt=1"),
        ] {
            parts.headers.insert(name, HeaderValue::from_static(value));
        }
        let credentials = Credentials {
            access_key_id: KEY_ID.to_owned(),
            secret_access_key: Secret::new(SECRET),
            session_token: None,
            expires_at: None,
        };
        let signer =
            Signer { credentials: &credentials, region: "us-east-1", service: "sagemaker", now: clock.now() };
        signer.sign_headers(&mut parts, &Payload::Hash(payload_hash(&body))).expect("it can be signed");
        // Which botocore does not sign.
        parts.headers.insert("content-length", HeaderValue::from_str(&length).expect("digits"));
        Self { verifier, parts, body }
    }

    fn hash(&self) {
        black_box(payload_hash(black_box(&self.body)));
    }

    fn verify(&self) {
        let claim = self.verifier.check(black_box(&self.parts), &Rules::GATEWAY).expect("it is signed");
        let caller = claim.verify_payload(&payload_hash(black_box(&self.body))).expect("it is signed well");
        black_box(caller);
    }
}
