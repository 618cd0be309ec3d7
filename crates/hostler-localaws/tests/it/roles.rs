//! Declared roles are held to what they allow, undeclared ones to the setting.

use hostler_localaws::{S3Limits, UndeclaredRoles};

use crate::world::{ACCOUNT, READER, World, key, signed};

async fn with_models(undeclared: UndeclaredRoles) -> World {
    let world = World::with(S3Limits::default(), undeclared);
    world.s3("PUT /models", &[], b"").await;
    world.s3("PUT /models/public/m.tar.gz", &[], b"model").await;
    world.s3("PUT /models/secret", &[], b"secret").await;
    world
}

#[tokio::test]
async fn a_declared_role_is_held_to_what_it_allows() {
    let world = with_models(UndeclaredRoles::Allow).await;
    let session = world.session(READER);
    let ask = async |line: &str| world.s3_as(&session, line, &[], b"").await;
    assert_eq!(ask("GET /models/public/m.tar.gz").await.text(), "model");
    assert_eq!(ask("HEAD /models/public/m.tar.gz").await.status, 200);
    assert_eq!(ask("GET /models?list-type=2&prefix=public/").await.element("Key"), "public/m.tar.gz");
    assert_eq!(ask("GET /models/public/none").await.refusal(), (404, "NoSuchKey"));
    for line in [
        "GET /models/secret",
        "GET /models/none",
        "GET /models?list-type=2",
        "GET /models?prefix=secret",
        "GET /other/public/m.tar.gz",
        "PUT /models/public/new",
        "DELETE /models/public/m.tar.gz",
        "POST /models/public/new?uploads",
        "PUT /models2",
        "DELETE /models",
        "GET /",
    ] {
        assert_eq!(ask(line).await.refusal(), (403, "AccessDenied"), "{line}");
    }
    let head = ask("HEAD /models/secret").await;
    assert_eq!((head.status.as_u16(), head.text()), (403, ""));
    let copy = [("x-amz-copy-source", "models/secret")];
    let copied = world.s3_as(&session, "PUT /models/public/stolen", &copy, b"").await;
    assert_eq!(copied.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn an_undeclared_role_may_do_everything_or_nothing() {
    let other = "arn:aws:iam::000000000000:role/Other";
    for (undeclared, status) in [(UndeclaredRoles::Allow, 200), (UndeclaredRoles::Deny, 403)] {
        let world = with_models(undeclared).await;
        let session = world.session(other);
        for line in ["GET /models/secret", "PUT /models/new", "GET /models", "GET /"] {
            assert_eq!(world.s3_as(&session, line, &[], b"").await.status.as_u16(), status, "{line}");
        }
    }
}

#[tokio::test]
async fn another_account_sees_nothing() {
    let world = with_models(UndeclaredRoles::Allow).await;
    let other = key("AKIDOTHER");
    assert_eq!(world.s3_as(&other, "GET /", &[], b"").await.element("Buckets"), "");
    for line in [
        "GET /models/secret",
        "GET /models/none",
        "GET /models",
        "GET /models?location",
        "PUT /models/new",
        "DELETE /models/secret",
        "DELETE /models",
        "POST /models/new?uploads",
        "GET /models?uploads",
    ] {
        assert_eq!(world.s3_as(&other, line, &[], b"").await.refusal(), (403, "AccessDenied"), "{line}");
    }
    assert_eq!(world.s3_as(&other, "PUT /models", &[], b"").await.refusal(), (409, "BucketAlreadyExists"));
    world.s3_as(&other, "PUT /theirs", &[], b"").await;
    let copy = [("x-amz-copy-source", "models/secret")];
    assert_eq!(world.s3_as(&other, "PUT /theirs/k", &copy, b"").await.refusal(), (403, "AccessDenied"));
    let owner = [("x-amz-expected-bucket-owner", ACCOUNT)];
    assert_eq!(world.s3_as(&other, "GET /theirs", &owner, b"").await.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn every_operation_wants_a_signature_for_s3() {
    let world = with_models(UndeclaredRoles::Allow).await;
    for line in [
        "GET /",
        "PUT /models",
        "HEAD /models",
        "DELETE /models",
        "GET /models?location",
        "GET /models",
        "GET /models?list-type=2",
        "GET /models?uploads",
        "POST /models?delete",
        "GET /models/secret",
        "HEAD /models/secret",
        "PUT /models/secret",
        "DELETE /models/secret",
        "POST /models/secret?uploads",
        "PUT /models/secret?partNumber=1&uploadId=x",
        "POST /models/secret?uploadId=x",
        "DELETE /models/secret?uploadId=x",
        "GET /models/secret?uploadId=x",
        "GET /models?versioning",
    ] {
        let (method, uri) = line.split_once(' ').unwrap();
        let bare =
            http::Request::builder().method(method).uri(uri).body(http_body_util::Empty::new()).unwrap();
        assert_eq!(world.send(bare).await.status, 403, "{line} unsigned");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let mut forged = signed(&key("AKIDEXAMPLE"), ("s3", empty), line, &[]);
        forged.headers_mut().insert("x-amz-date", "20260102T030406Z".parse().unwrap());
        let forged = forged.map(|()| http_body_util::Empty::new());
        assert_eq!(world.send(forged).await.status, 403, "{line} forged");
        let unknown = world.s3_as(&key("AKIDNOBODY"), line, &[], b"").await;
        assert_eq!(unknown.status, 403, "{line} by nobody");
        let foreign = signed(&key("AKIDEXAMPLE"), ("sts", empty), line, &[("x-amz-content-sha256", empty)]);
        let foreign = world.send(foreign.map(|()| http_body_util::Empty::new())).await;
        assert_eq!(foreign.status, 400, "{line} for another service");
    }
    assert_eq!(world.s3("GET /models/secret", &[], b"").await.text(), "secret");
}
