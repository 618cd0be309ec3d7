//! Objects through the door: bodies that break, checksums, conditions, ranges and presigned URLs.

use http_body_util::Full;

use crate::world::{World, frames, key, open, signed, unsigned_put};

async fn with_bucket() -> World {
    let world = World::new();
    assert_eq!(world.s3("PUT /bucket", &[], b"").await.status, 200);
    world
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let world = with_bucket().await;
    let headers = [("content-type", "text/csv"), ("x-amz-meta-who", "me"), ("cache-control", "no-cache")];
    let put = world.s3("PUT /bucket/a/../b%20c/", &headers, b"hello").await;
    // printf hello | md5sum
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    assert_eq!((put.status.as_u16(), put.header("etag")), (200, etag));
    assert!(!put.header("x-amz-request-id").is_empty());
    for method in ["GET", "HEAD"] {
        let got = world.s3(&format!("{method} /bucket/a/../b%20c/"), &[], b"").await;
        assert_eq!(got.status, 200);
        for (name, value) in headers {
            assert_eq!(got.header(name), value);
        }
        assert_eq!(got.header("etag"), etag);
        assert_eq!(got.header("last-modified"), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(got.header("content-length"), "5");
        assert_eq!(got.text(), if method == "GET" { "hello" } else { "" });
    }
    assert_eq!(world.s3("GET /bucket/b%20c/", &[], b"").await.refusal(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn large_objects_stream_in_ranges_and_survive_a_restart() {
    let world = with_bucket().await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
    assert_eq!(world.s3("PUT /bucket/big", &[], &content).await.status, 200);
    let (local, _) = open(
        world.dir.path(),
        hostler_localaws::S3Limits::default(),
        hostler_localaws::UndeclaredRoles::default(),
    );
    let world = World { local, ..world };
    assert_eq!(world.s3("GET /bucket/big", &[], b"").await.body, content);
    let part = world.s3("GET /bucket/big", &[("range", "bytes=1000000-2000000")], b"").await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, "bytes 1000000-2000000/3000000"));
    assert_eq!(part.body, content[1_000_000..=2_000_000]);
    let outside = world.s3("GET /bucket/big", &[("range", "bytes=3000000-")], b"").await;
    assert_eq!(outside.refusal(), (416, "InvalidRange"));
}

#[tokio::test]
async fn conditions_are_respected() {
    let world = with_bucket().await;
    let etag = world.s3("PUT /bucket/k", &[], b"one").await.header("etag").to_owned();
    let get = async |name: &str, value: &str| world.s3("GET /bucket/k", &[(name, value)], b"").await;
    assert_eq!(get("if-match", &etag).await.status, 200);
    assert_eq!(get("if-none-match", &etag).await.status, 304);
    world.s3("PUT /bucket/k", &[], b"two").await;
    assert_eq!(get("if-match", &etag).await.refusal(), (412, "PreconditionFailed"));
    assert_eq!(get("if-none-match", &etag).await.text(), "two");
    let put = world.s3("PUT /bucket/k", &[("if-none-match", "*")], b"three").await;
    assert_eq!(put.refusal(), (412, "PreconditionFailed"));
    let head = world.s3("HEAD /bucket/k", &[("if-match", &etag)], b"").await;
    assert_eq!((head.status.as_u16(), head.text()), (412, ""));
}

#[tokio::test]
async fn a_body_with_another_hash_leaves_nothing() {
    let world = with_bucket().await;
    world.s3("PUT /bucket/k", &[], b"before").await;
    let promised = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // sha256 of hello
    let request = signed(&key("AKIDEXAMPLE"), ("s3", promised), "PUT /bucket/k", &[]);
    let answer = world.send(request.map(|()| Full::new(bytes::Bytes::from_static(b"tampered")))).await;
    assert_eq!(answer.refusal(), (400, "XAmzContentSHA256Mismatch"));
    assert_eq!(world.s3("GET /bucket/k", &[], b"").await.text(), "before");
    assert_eq!(world.unfinished(), 0);
}

#[tokio::test]
async fn sums_that_the_client_sends_are_checked() {
    let world = with_bucket().await;
    for (name, right, wrong, code) in [
        // Values for `hello` by Python's hashlib, zlib and base64.
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==", "XUFAKrxLKna5cZ2REBfFkA==", "BadDigest"),
        ("x-amz-checksum-crc32", "NhCmhg==", "NhCmhQ==", "BadDigest"),
        ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=", "qvTGHdzF6KLavt4PO0gs2a6pQ08=", "BadDigest"),
        (
            "x-amz-checksum-sha256",
            "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
            "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCA=",
            "BadDigest",
        ),
    ] {
        let put = world.s3("PUT /bucket/k", &[(name, right)], b"hello").await;
        assert_eq!(put.status, 200, "{name} {}", put.text());
        let bad = world.s3("PUT /bucket/bad", &[(name, wrong)], b"hello").await;
        assert_eq!(bad.refusal(), (400, code), "{name}");
        if name != "content-md5" {
            assert_eq!(put.header(name), right);
            let got = world.s3("GET /bucket/k", &[("x-amz-checksum-mode", "ENABLED")], b"").await;
            assert_eq!(got.header(name), right);
        }
    }
    let bad = world.s3("PUT /bucket/bad", &[("content-md5", "short")], b"hello").await;
    assert_eq!(bad.refusal(), (400, "InvalidDigest"));
    assert_eq!(world.s3("GET /bucket/bad", &[], b"").await.refusal(), (404, "NoSuchKey"));
    assert_eq!(world.unfinished(), 0);
}

#[tokio::test]
async fn a_chunked_body_is_decoded_and_its_trailer_checked() {
    let world = with_bucket().await;
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "5"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ];
    let put = async |body: &'static [u8]| {
        let form = ("s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        let request = signed(&key("AKIDEXAMPLE"), form, "PUT /bucket/k", &headers);
        world.send(request.map(|()| frames(vec![Ok(body)]))).await
    };
    let good = put(b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n").await;
    assert_eq!(
        (good.status.as_u16(), good.header("x-amz-checksum-crc32")),
        (200, "NhCmhg=="),
        "{}",
        good.text()
    );
    let got = world.s3("GET /bucket/k", &[], b"").await;
    assert_eq!((got.text(), got.header("content-encoding")), ("hello", ""));
    for bad in [
        &b"5\r\nhallo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"[..],
        b"5\r\nhello\r\n0\r\n",
        b"4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
        b"nonsense",
    ] {
        let answer = put(bad).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(world.s3("GET /bucket/k", &[], b"").await.text(), "hello");
    assert_eq!(world.unfinished(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let world = with_bucket().await;
    for (body, length) in [
        (vec![Ok(&b"half"[..]), Err("connection reset")], "8"),
        (vec![Ok(&b"half"[..])], "8"),
        (vec![Ok(&b"too much"[..])], "4"),
    ] {
        let request = unsigned_put("/bucket/k", &[("content-length", length)]);
        let answer = world.send(request.map(|()| frames(body))).await;
        assert_eq!(answer.refusal(), (400, "IncompleteBody"));
    }
    assert_eq!(world.s3("GET /bucket/k", &[], b"").await.refusal(), (404, "NoSuchKey"));
    assert_eq!(world.unfinished(), 0);
}

#[tokio::test]
async fn listings_page_through_both_versions() {
    let world = with_bucket().await;
    for name in ["a", "b/1", "b/2", "c%20d", "%C3%BC"] {
        world.s3(&format!("PUT /bucket/{name}"), &[], b"x").await;
    }
    let first = world.s3("GET /bucket?list-type=2&max-keys=2&delimiter=/&encoding-type=url", &[], b"").await;
    assert_eq!((first.element("IsTruncated"), first.element("KeyCount")), ("true", "2"));
    assert!(first.text().contains("<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>"));
    let token = first.element("NextContinuationToken");
    let line = format!("GET /bucket?continuation-token={token}&delimiter=%2F&encoding-type=url&list-type=2");
    let second = world.s3(&line, &[], b"").await;
    assert_eq!((second.element("IsTruncated"), second.element("Key")), ("false", "c%20d"));
    assert!(second.text().contains("<Key>%C3%BC</Key>"));
    let old = world.s3("GET /bucket?marker=b/1&max-keys=1", &[], b"").await;
    assert_eq!(
        (old.element("Key"), old.element("IsTruncated"), old.element("NextMarker")),
        ("b/2", "true", "")
    );
    for line in [
        "GET /bucket?list-type=2&continuation-token=!",
        "GET /bucket?max-keys=-1",
        "GET /bucket?encoding-type=x",
    ] {
        assert_eq!(world.s3(line, &[], b"").await.refusal(), (400, "InvalidArgument"), "{line}");
    }
}

#[tokio::test]
async fn keys_are_deleted_one_by_one_and_together() {
    let world = with_bucket().await;
    for name in ["a", "b", "c"] {
        world.s3(&format!("PUT /bucket/{name}"), &[], b"x").await;
    }
    assert_eq!(world.s3("DELETE /bucket/a", &[], b"").await.status, 204);
    assert_eq!(world.s3("DELETE /bucket/a", &[], b"").await.status, 204);
    assert_eq!(world.s3("DELETE /bucket", &[], b"").await.refusal(), (409, "BucketNotEmpty"));
    let document =
        b"<Delete><Object><Key>b</Key></Object><Object><Key>nothing</Key></Object><Object><Key>c</Key>\
        <VersionId>7</VersionId></Object></Delete>";
    let deleted = world.s3("POST /bucket?delete", &[], document).await;
    assert_eq!(deleted.text().matches("<Deleted>").count(), 2);
    assert_eq!(deleted.element("Code"), "NoSuchVersion");
    for bad in ["", "<Delete/>", "<Delete><Object/></Delete>", "<Delete>"] {
        let answer = world.s3("POST /bucket?delete", &[], bad.as_bytes()).await;
        assert_eq!(answer.refusal(), (400, "MalformedXML"), "{bad}");
    }
    world.s3("DELETE /bucket/c", &[], b"").await;
    assert_eq!(world.s3("DELETE /bucket", &[], b"").await.status, 204);
    assert_eq!(world.s3("HEAD /bucket", &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let world = with_bucket().await;
    world.s3("PUT /bucket/from", &[("x-amz-meta-a", "1"), ("content-type", "text/csv")], b"hello").await;
    let copy = world.s3("PUT /bucket/to", &[("x-amz-copy-source", "/bucket/from")], b"").await;
    assert_eq!(copy.element("ETag"), "&quot;5d41402abc4b2a76b9719d911017c592&quot;");
    world.s3("PUT /bucket/from", &[], b"changed").await;
    let got = world.s3("GET /bucket/to", &[], b"").await;
    assert_eq!(
        (got.text(), got.header("x-amz-meta-a"), got.header("content-type")),
        ("hello", "1", "text/csv")
    );
    let replaced =
        [("x-amz-copy-source", "bucket/to"), ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    world.s3("PUT /bucket/to", &replaced, b"").await;
    let got = world.s3("HEAD /bucket/to", &[], b"").await;
    assert_eq!((got.header("x-amz-meta-a"), got.header("x-amz-meta-b")), ("", "2"));
    let itself = world.s3("PUT /bucket/to", &[("x-amz-copy-source", "bucket/to")], b"").await;
    assert_eq!(itself.refusal(), (400, "InvalidRequest"));
    let missing = world.s3("PUT /bucket/x", &[("x-amz-copy-source", "bucket/none")], b"").await;
    assert_eq!(missing.refusal(), (404, "NoSuchKey"));
}
