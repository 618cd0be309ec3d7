//! Every limit of the embedded S3 is reached, and answers in S3's words.

use std::time::Duration;

use hostler_localaws::{S3Limits, UndeclaredRoles};

use crate::world::{World, frames, silence, unsigned_put};

async fn small() -> World {
    let limits = S3Limits {
        put_bytes_max: 10,
        object_bytes_max: 25,
        part_bytes_min: 5,
        buckets_max: 2,
        uploads_max: 1,
        document_bytes_max: 1000,
        body_idle: Duration::from_millis(20),
    };
    let world = World::with(limits, UndeclaredRoles::Allow);
    assert_eq!(world.s3("PUT /bucket", &[], b"").await.status, 200);
    world
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused_before_its_body_is_read() {
    let world = small().await;
    assert_eq!(world.s3("PUT /bucket/k", &[], &[0; 10]).await.status, 200);
    assert_eq!(world.s3("PUT /bucket/k", &[], &[0; 11]).await.refusal(), (400, "EntityTooLarge"));
    let request = unsigned_put("/bucket/k", &[("content-length", "11")]);
    assert_eq!(world.send(request.map(|()| silence())).await.refusal(), (400, "EntityTooLarge"));
}

#[tokio::test]
async fn a_body_without_a_length_is_refused() {
    let world = small().await;
    let request = unsigned_put("/bucket/k", &[("transfer-encoding", "chunked")]);
    let answer = world.send(request.map(|()| frames(vec![Ok(b"x")]))).await;
    assert_eq!(answer.refusal(), (411, "MissingContentLength"));
}

#[tokio::test]
async fn a_silent_client_is_not_waited_for_without_end() {
    let world = small().await;
    let request = unsigned_put("/bucket/k", &[("content-length", "5")]);
    assert_eq!(world.send(request.map(|()| silence())).await.refusal(), (400, "RequestTimeout"));
    assert_eq!(world.unfinished(), 0);
}

#[tokio::test]
async fn buckets_keys_metadata_and_documents_have_limits() {
    let world = small().await;
    assert_eq!(world.s3("PUT /second", &[], b"").await.status, 200);
    assert_eq!(world.s3("PUT /third", &[], b"").await.refusal(), (400, "TooManyBuckets"));
    let long = format!("PUT /bucket/{}", "k".repeat(1025));
    assert_eq!(world.s3(&long, &[], b"").await.refusal(), (400, "KeyTooLongError"));
    let metadata = "v".repeat(2048);
    let put = world.s3("PUT /bucket/k", &[("x-amz-meta-n", &metadata)], b"").await;
    assert_eq!(put.refusal(), (400, "MetadataTooLarge"));
    assert_eq!(world.s3("PUT /bucket/k", &[("x-amz-meta-n", &metadata[1..])], b"").await.status, 200);
    let document = vec![b' '; 1001];
    assert_eq!(world.s3("POST /bucket?delete", &[], &document).await.refusal(), (400, "EntityTooLarge"));
}

#[tokio::test]
async fn uploads_and_their_parts_have_limits() {
    let world = small().await;
    let created = world.s3("POST /bucket/k?uploads", &[], b"").await;
    let id = created.element("UploadId").to_owned();
    assert_eq!(world.s3("POST /bucket/l?uploads", &[], b"").await.refusal(), (503, "SlowDown"));
    let mut etags = Vec::new();
    for (number, size) in [(1, 4), (2, 10), (3, 10), (4, 6)] {
        let line = format!("PUT /bucket/k?partNumber={number}&uploadId={id}");
        let part = world.s3(&line, &[], &vec![number; size]).await;
        etags.push(part.header("etag").to_owned());
    }
    let complete = async |numbers: &[usize]| {
        let part = |number: &usize| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", etags[number - 1])
        };
        let parts = numbers.iter().map(part).collect::<Vec<_>>().concat();
        let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        world.s3(&format!("POST /bucket/k?uploadId={id}"), &[], document.as_bytes()).await
    };
    for number in [0, 10_001] {
        let line = format!("PUT /bucket/k?partNumber={number}&uploadId={id}");
        assert_eq!(world.s3(&line, &[], b"x").await.refusal(), (400, "InvalidArgument"));
    }
    assert_eq!(complete(&[1, 2]).await.refusal(), (400, "EntityTooSmall"));
    assert_eq!(complete(&[2, 3, 4]).await.refusal(), (400, "EntityTooLarge"));
    assert_eq!(complete(&[3, 2]).await.refusal(), (400, "InvalidPartOrder"));
    let done = complete(&[2, 3, 1]).await;
    assert_eq!(done.refusal(), (400, "InvalidPartOrder"));
    let done = complete(&[2, 3]).await;
    // Python: md5(md5(b"\2" * 10) + md5(b"\3" * 10))
    assert_eq!(done.element("ETag"), "&quot;ea27f463076f99c63f8538b7bfb3164d-2&quot;");
    let again = complete(&[2, 3]).await;
    assert_eq!(again.element("ETag"), done.element("ETag"), "a lost answer may be asked for again");
    let got = world.s3("GET /bucket/k?partNumber=2", &[], b"").await;
    assert_eq!((got.status.as_u16(), got.header("x-amz-mp-parts-count")), (206, "2"));
    assert_eq!(&got.body[..], [3; 10]);
    assert_eq!(world.unfinished(), 0);
}
