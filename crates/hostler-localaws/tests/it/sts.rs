//! The STS through its door: identities, sessions, and the client that assumes roles.

use std::convert::Infallible;
use std::sync::Arc;

use hostler_localaws::{S3Limits, StsClient, UndeclaredRoles};
use hostler_types::{AccountId, CredentialError, CredentialSource, Credentials, Millis, Region, Secret};
use http::Uri;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::world::{ACCOUNT, NOW, READER, TestClock, World, key, signed};

const ASSUME: &str = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/path/Any";

#[tokio::test]
async fn a_caller_learns_who_it_is() {
    let world = World::new();
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = world.sts_as(&key("AKIDOTHER"), form).await;
    assert_eq!(answer.element("Arn"), "arn:aws:iam::111111111111:root");
    assert_eq!((answer.element("UserId"), answer.element("Account")), ("111111111111", "111111111111"));
    assert!(!answer.header("x-amzn-requestid").is_empty());
    // The same as a GET.
    let empty = hex::encode(hostler_aws::sigv4::payload_hash(b""));
    let get = signed(&key("AKIDOTHER"), ("sts", &empty), &format!("GET /?{form}"), &[]);
    let response = world.local.sts(get.map(|()| http_body_util::Empty::new())).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn an_assumed_role_can_do_what_it_may() {
    let world = World::new();
    let form = format!("{ASSUME}&RoleSessionName=me&DurationSeconds=900");
    let answer = world.sts_as(&key("AKIDEXAMPLE"), &form).await;
    // A quarter of an hour after 03:04:05.
    assert_eq!(answer.element("Expiration"), "2026-01-02T03:19:05Z");
    assert_eq!(answer.element("Arn"), "arn:aws:sts::000000000000:assumed-role/Any/me");
    let session = Credentials {
        access_key_id: answer.element("AccessKeyId").to_owned(),
        secret_access_key: Secret::new(answer.element("SecretAccessKey")),
        session_token: Some(Secret::new(answer.element("SessionToken"))),
        expires_at: None,
    };
    let identity = world.sts_as(&session, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(identity.element("Arn"), "arn:aws:sts::000000000000:assumed-role/Any/me");
    assert_eq!(identity.element("UserId"), answer.element("AssumedRoleId"));
    assert_eq!(world.s3_as(&session, "PUT /bucket", &[], b"").await.status, 200);
    let chained = world.sts_as(&session, &format!("{ASSUME}&RoleSessionName=next")).await;
    assert_eq!(chained.status, 200);
    let long = format!("{ASSUME}&RoleSessionName=next&DurationSeconds=3601");
    assert_eq!(world.sts_as(&session, &long).await.refusal(), (400, "ValidationError"));
}

#[tokio::test]
async fn refusals_are_stss_own() {
    let world = World::with(S3Limits::default(), UndeclaredRoles::Deny);
    let ask = async |form: &str| world.sts_as(&key("AKIDEXAMPLE"), form).await;
    let denied = ask(&format!("{ASSUME}&RoleSessionName=me")).await;
    assert_eq!(denied.refusal(), (403, "AccessDenied"));
    assert_eq!(
        denied.element("Message"),
        "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::000000000000:role/path/Any"
    );
    let declared = format!("Action=AssumeRole&Version=2011-06-15&RoleSessionName=me&RoleArn={READER}");
    assert_eq!(ask(&declared).await.status, 200);
    let foreign = declared.replace(ACCOUNT, "111111111111");
    assert_eq!(ask(&foreign).await.refusal(), (403, "AccessDenied"));
    assert_eq!(ask("Action=Nothing&Version=2011-06-15").await.refusal(), (400, "InvalidAction"));
    assert_eq!(ask("Action=GetCallerIdentity&Version=2020-01-01").await.refusal(), (400, "InvalidAction"));
    assert_eq!(ask("Version=2011-06-15").await.refusal(), (400, "MissingAction"));
    let long = format!("Action={}", "x".repeat(70_000));
    assert_eq!(ask(&long).await.status, 413);
    let unknown = world.sts_as(&key("AKIDNOBODY"), "Action=GetCallerIdentity").await;
    assert_eq!(unknown.refusal(), (403, "InvalidClientTokenId"));
}

#[tokio::test]
async fn credentials_come_from_the_process_by_the_same_rules() {
    let world = World::with(S3Limits::default(), UndeclaredRoles::Deny);
    check_source(&world, &world.local.credential_source()).await;
}

#[tokio::test]
async fn credentials_come_over_http_as_for_a_foreign_client() {
    let world = World::with(S3Limits::default(), UndeclaredRoles::Deny);
    let (uri, server) = serve(&world).await;
    let keys = |account: &AccountId| {
        if account.as_str() == ACCOUNT {
            Ok(key("AKIDEXAMPLE"))
        } else {
            Err("no key of that account".to_owned())
        }
    };
    let client = StsClient::plain(uri, keys, Arc::new(TestClock::default()));
    check_source(&world, &client).await;

    let (account, region) = (AccountId::new(ACCOUNT), Region::new("us-east-1"));
    let first = client.assume(&account, &region, READER, "download").await.unwrap();
    let second = client.assume(&account, &region, READER, "download").await.unwrap();
    assert_ne!(first.access_key_id, second.access_key_id, "a session that was refused can be had anew");
    let nobody = client.assume(&AccountId::new("222222222222"), &region, READER, "download").await;
    assert!(matches!(nobody, Err(CredentialError::Unreachable { .. })), "{nobody:?}");

    server.abort();
}

/// The world's STS on a port.
async fn serve(world: &World) -> (Uri, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let local = Arc::clone(&world.local);
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let local = Arc::clone(&local);
            let service = service_fn(move |request| {
                let local = Arc::clone(&local);
                async move { Ok::<_, Infallible>(local.sts(request).await) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (uri, server)
}

#[tokio::test]
async fn clocks_that_differ_are_made_up_for() {
    let world = World::new();
    let (uri, server) = serve(&world).await;
    let client = StsClient::plain(uri, |_| Ok(key("AKIDEXAMPLE")), Arc::new(TestClock::default()));
    let (account, region) = (AccountId::new(ACCOUNT), Region::new("us-east-1"));
    // STS tolerates five minutes; here its clock is hours and minutes ahead, behind, and right again.
    for ahead_ms in [2 * 3_600_000, -2 * 3_600_000, 240_000, 0] {
        world.clock.set(NOW.plus(ahead_ms));
        let session = client.assume(&account, &region, READER, "download").await.unwrap();
        // By the client's own clock, which stands at NOW, the session is an hour long.
        assert_eq!(session.expires_at, Some(NOW.plus(3_600_000)), "{ahead_ms}");
        let identity = world.sts_as(&session, "Action=GetCallerIdentity&Version=2011-06-15").await;
        assert_eq!(identity.status, 200, "{ahead_ms}");
    }
    server.abort();
}

#[tokio::test]
async fn a_key_that_is_wrong_is_not_taken_for_a_clock_that_is() {
    let world = World::new();
    let (uri, server) = serve(&world).await;
    let wrong = || Credentials { secret_access_key: Secret::new("another"), ..key("AKIDEXAMPLE") };
    let client = StsClient::plain(uri, move |_| Ok(wrong()), Arc::new(TestClock::default()));
    let (account, region) = (AccountId::new(ACCOUNT), Region::new("us-east-1"));
    for ahead_ms in [0, 2 * 3_600_000] {
        world.clock.set(NOW.plus(ahead_ms));
        let error = client.assume(&account, &region, READER, "download").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("refused this server's own key"), "{text}");
        assert!(text.contains("SignatureDoesNotMatch: The request signature we calculated"), "{text}");
        assert!(!text.contains("another"), "{text}");
    }
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn an_sts_that_does_not_answer_is_not_waited_for_without_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (account, region) = (AccountId::new(ACCOUNT), Region::new("us-east-1"));
    for (address, text) in [(silent, "no answer within 10 s"), (closed, "onnection refused")] {
        let uri = format!("http://{address}/").parse().unwrap();
        let client = StsClient::plain(uri, |_| Ok(key("AKIDEXAMPLE")), Arc::new(TestClock::default()));
        let error = client.assume(&account, &region, READER, "download").await.unwrap_err();
        assert!(matches!(&error, CredentialError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

async fn check_source(world: &World, source: &dyn CredentialSource) {
    let (account, region) = (AccountId::new(ACCOUNT), Region::new("eu-west-1"));
    world.s3("PUT /models", &[], b"").await;
    world.s3("PUT /models/public/m", &[], b"model").await;
    let session = source.assume(&account, &region, READER, "download").await.unwrap();
    assert_eq!(session.expires_at, Some(Millis(NOW.0 + 3_600_000)));
    assert_eq!(world.s3_as(&session, "GET /models/public/m", &[], b"").await.text(), "model");
    let refused = source.assume(&account, &region, "arn:aws:iam::000000000000:role/None", "download").await;
    let Err(CredentialError::Refused { code, message, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "AccessDenied");
    assert!(message.contains("is not authorized to perform: sts:AssumeRole"), "{message}");
}
