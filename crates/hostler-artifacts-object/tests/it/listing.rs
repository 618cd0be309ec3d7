//! Listings: what is asked, what is read, and what goes wrong.
//!
//! The documents are in the form of the examples in Amazon S3's API reference for ListObjectsV2.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hostler_artifacts::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader};
use hostler_artifacts_object::{ObjectStoreConfig, ObjectStoreReader};
use hostler_types::{AccountId, Region};
use http::Method;

use crate::s3::{Reply, S3, Sts};

const URI: &str = "s3://models/llm v1/";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";
const PAGE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">
  <Name>models</Name><Prefix>llm+v1/</Prefix><KeyCount>5</KeyCount><MaxKeys>1000</MaxKeys>
  <EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
  <Contents><Key>llm+v1/</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>
    <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size><StorageClass>STANDARD</StorageClass></Contents>
  <Contents><Key>llm+v1/a%2Bb%20%C3%BC</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>
    <ETag>\"fba9dede5f27731c9771645a39863328\"</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass></Contents>
  <Contents><Key>llm+v1/a//b</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>1</Size></Contents>
  <Contents><Key>llm+v1/line%0Abreak</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>2</Size></Contents>
  <Contents><Key>llm+v1/weights/</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>3</Size></Contents>
</ListBucketResult>";
const FIRST: &str = "<ListBucketResult><IsTruncated>true</IsTruncated>
  <NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
  <Contents><Key>llm%20v1/a</Key><Size>1</Size></Contents><Contents><Key>llm%20v1/b</Key><Size>1</Size></Contents>
</ListBucketResult>";
const SECOND: &str = "<ListBucketResult><IsTruncated>false</IsTruncated>
  <Contents><Key>llm%20v1/c</Key><Size>1</Size></Contents></ListBucketResult>";
const EMPTY: &str =
    "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>";
const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
const EXPIRED: &str =
    "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";

fn prefix(uri: &str) -> ArtifactSource {
    ArtifactSource {
        uri: uri.into(),
        role_arn: ROLE.into(),
        account: AccountId::new("111122223333"),
        region: Region::new("eu-west-1"),
    }
}

fn reader(s3: &S3, sts: &Arc<Sts>) -> ObjectStoreReader {
    let config = ObjectStoreConfig {
        endpoint: Some(s3.url.clone()),
        path_style: true,
        allow_http: true,
        ..ObjectStoreConfig::default()
    };
    ObjectStoreReader::new(config, Arc::clone(sts) as _).unwrap()
}

fn keys(listed: &[ArtifactVersion]) -> Vec<&str> {
    listed.iter().map(|one| one.key.as_str()).collect()
}

#[tokio::test]
async fn keys_come_as_they_are_and_requests_are_signed_as_the_role() {
    let s3 = S3::start(b"", "abc").await;
    s3.script([Reply::Status(200, PAGE)]);
    let listed = reader(&s3, &Arc::default()).list(&prefix(URI), 1000).await.unwrap();
    assert_eq!(
        keys(&listed),
        ["llm v1/", "llm v1/a+b ü", "llm v1/a//b", "llm v1/line\nbreak", "llm v1/weights/"]
    );
    assert_eq!(listed[1].etag.as_deref(), Some("fba9dede5f27731c9771645a39863328"));
    assert_eq!((listed[0].bytes, listed[1].bytes, listed[1].bucket.as_str()), (0, 434_234, "models"));
    assert_eq!((listed[4].etag.as_deref(), listed[4].version_id.as_deref()), (None, None));

    let seen = s3.seen();
    assert_eq!((seen.len(), &seen[0].method), (1, &Method::GET));
    assert_eq!(seen[0].target, "/models?encoding-type=url&list-type=2&max-keys=1000&prefix=llm%20v1%2F");
    let authorization = seen[0].header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=ASIA1/"), "{authorization}");
    assert!(authorization.contains("/eu-west-1/s3/aws4_request"), "{authorization}");
    assert_eq!(seen[0].header("x-amz-security-token"), Some("token-1"));
}

#[tokio::test]
async fn pages_are_followed_to_their_end_or_to_as_many_keys_as_are_wanted() {
    let s3 = S3::start(b"", "abc").await;
    let reader = reader(&s3, &Arc::default());
    s3.script([Reply::Status(200, FIRST), Reply::Status(200, SECOND)]);
    let listed = reader.list(&prefix(URI), 10_001).await.unwrap();
    assert_eq!(keys(&listed), ["llm v1/a", "llm v1/b", "llm v1/c"]);
    let targets: Vec<String> = s3.seen().iter().map(|seen| seen.target.clone()).collect();
    assert!(targets[0].contains("max-keys=1000&"), "{targets:?}");
    let token = "continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D&";
    assert!(targets[1].contains(token), "{targets:?}");

    s3.script([Reply::Status(200, FIRST)]);
    assert_eq!(keys(&reader.list(&prefix(URI), 2).await.unwrap()), ["llm v1/a", "llm v1/b"]);
    assert!(s3.seen()[2].target.contains("max-keys=2&"));
    // A service that sends more than it was asked for.
    s3.script([Reply::Status(200, FIRST)]);
    assert_eq!(keys(&reader.list(&prefix(URI), 1).await.unwrap()), ["llm v1/a"]);
    assert_eq!(s3.seen().len(), 4);
    s3.script([Reply::Status(200, EMPTY)]);
    assert!(reader.list(&prefix(URI), 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn pages_without_keys_are_followed_but_not_for_ever() {
    let s3 = S3::start(b"", "abc").await;
    let reader = reader(&s3, &Arc::default());
    let empty = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    s3.script([Reply::Status(200, empty), Reply::Status(200, empty), Reply::Status(200, SECOND)]);
    assert_eq!(keys(&reader.list(&prefix(URI), 9).await.unwrap()), ["llm v1/c"]);
    s3.script((0..200).map(|_| Reply::Status(200, empty)));
    let error = reader.list(&prefix(URI), 9).await.unwrap_err();
    assert!(error.to_string().ends_with("its listing goes on after 101 pages"), "{error}");
    assert_eq!(s3.seen().len(), 3 + 101);
}

#[tokio::test]
async fn refusals_say_why() {
    let s3 = S3::start(b"", "abc").await;
    let sts: Arc<Sts> = Arc::default();
    let reader = reader(&s3, &sts);
    s3.script([Reply::Status(403, DENIED)]);
    let error = reader.list(&prefix(URI), 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("role `{ROLE}` was refused access to `{URI}`: AccessDenied: Access Denied")
    );
    s3.script([Reply::Status(404, "<Error><Code>NoSuchBucket</Code></Error>")]);
    let error = reader.list(&prefix(URI), 1).await.unwrap_err();
    assert!(matches!(error, FetchError::Missing { .. }), "{error}");
    s3.script([Reply::OtherRegion(301, "us-west-2", "")]);
    let error = reader.list(&prefix(URI), 1).await.unwrap_err();
    assert!(error.to_string().contains("not in region `eu-west-1` but in `us-west-2`"), "{error}");
    assert_eq!((s3.seen().len(), sts.assumed.load(Ordering::SeqCst)), (3, 1));
    let error = reader.list(&prefix("https://models/llm/"), 1).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreadable { .. }), "{error}");
    assert_eq!(s3.seen().len(), 3);
}

#[tokio::test]
async fn a_service_in_trouble_or_a_session_that_ended_is_asked_again() {
    let s3 = S3::start(b"", "abc").await;
    let sts: Arc<Sts> = Arc::default();
    let reader = reader(&s3, &sts);
    s3.script([Reply::Status(503, ""), Reply::Status(403, EXPIRED), Reply::Status(500, "")]);
    s3.script([Reply::Status(200, SECOND)]);
    assert_eq!(keys(&reader.list(&prefix(URI), 9).await.unwrap()), ["llm v1/c"]);
    assert_eq!(s3.seen().last().unwrap().header("x-amz-security-token"), Some("token-2"));

    s3.script((0..3).map(|_| Reply::Status(503, "")));
    let error = reader.list(&prefix(URI), 9).await.unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }), "{error}");
    assert_eq!(s3.seen().len(), 7, "two tries more, then no more");
    s3.script([Reply::Status(403, EXPIRED), Reply::Status(403, EXPIRED)]);
    let error = reader.list(&prefix(URI), 9).await.unwrap_err();
    assert!(matches!(error, FetchError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_listing_of_this_prefix_is_refused() {
    let s3 = S3::start(b"", "abc").await;
    let reader = reader(&s3, &Arc::default());
    for (page, part) in [
        ("<html>", "its listing is not S3's XML"),
        ("", "its listing is not S3's XML"),
        (
            "<ListBucketResult><Contents><Key>other/x</Key><Size>1</Size></Contents></ListBucketResult>",
            "its listing holds `other/x`, which was not asked for",
        ),
        (
            "<ListBucketResult><Contents><Key>llm%20v1/%FF</Key><Size>1</Size></Contents></ListBucketResult>",
            "a key in its listing is not UTF-8",
        ),
    ] {
        s3.script([Reply::Status(200, page)]);
        let error = reader.list(&prefix(URI), 9).await.unwrap_err();
        assert!(error.to_string().contains(part), "{page}: {error}");
        assert!(!error.is_transient(), "{error}");
    }
}
