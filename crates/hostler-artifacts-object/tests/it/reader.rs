//! Looks, downloads, refusals, retries and roles.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use hostler_artifacts::{
    ArtifactCache, ArtifactSource, ArtifactVersion, CacheLimits, DataForm, DataSource, FetchError,
    ObjectReader, ObjectStream,
};
use hostler_artifacts_object::{ObjectStoreConfig, ObjectStoreReader, ReaderLimits};
use hostler_types::{AccountId, CredentialError, Millis, Region};
use http::Method;

use crate::s3::{Reply, S3, StoppedClock, Sts};

const ROLE: &str = "arn:aws:iam::111122223333:role/reader";
const URI: &str = "s3://models/demo/model v1.tar.gz";
const BODY: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
const EXPIRED: &str =
    "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
const NO_KEY: &str =
    "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";

fn source(uri: &str) -> ArtifactSource {
    ArtifactSource {
        uri: uri.into(),
        role_arn: ROLE.into(),
        account: AccountId::new("111122223333"),
        region: Region::new("eu-west-1"),
    }
}

fn config(url: &str) -> ObjectStoreConfig {
    // Waits that no test runs into unless it means to.
    let limits = ReaderLimits { look: Duration::from_secs(20), ..ReaderLimits::default() };
    ObjectStoreConfig {
        endpoint: Some(url.into()),
        region: None,
        path_style: true,
        allow_http: true,
        roots: None,
        limits,
    }
}

fn reader(s3: &S3, sts: &Arc<Sts>) -> ObjectStoreReader {
    ObjectStoreReader::new(config(&s3.url), Arc::clone(sts) as _).unwrap()
}

async fn collect(stream: ObjectStream) -> Result<Vec<u8>, FetchError> {
    stream
        .try_fold(vec![], |mut all, piece| async move { Ok([all.split_off(0), piece.to_vec()].concat()) })
        .await
}

async fn look_and_read(reader: &ObjectStoreReader) -> Result<Vec<u8>, FetchError> {
    let version = reader.look(&source(URI)).await?;
    collect(reader.open(&source(URI), &version, 0).await?).await
}

#[tokio::test]
async fn an_object_is_looked_at_and_read_as_the_role() {
    let s3 = S3::start(BODY, "abc").await;
    s3.put(BODY, "abc", Some("v7"));
    let sts = Arc::new(Sts::default());
    let reader = reader(&s3, &sts);
    let version = reader.look(&source(URI)).await.unwrap();
    assert_eq!(
        version,
        ArtifactVersion {
            bucket: "models".into(),
            key: "demo/model v1.tar.gz".into(),
            etag: Some("abc".into()),
            bytes: 36,
            version_id: Some("v7".into()),
        }
    );
    assert_eq!(collect(reader.open(&source(URI), &version, 0).await.unwrap()).await.unwrap(), BODY);

    let seen = s3.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!((&seen[0].method, seen[0].target.as_str()), (&Method::HEAD, "/models/demo/model%20v1.tar.gz"));
    assert_eq!(seen[0].header("if-match"), None);
    assert_eq!(seen[1].method, Method::GET);
    assert_eq!(seen[1].target, "/models/demo/model%20v1.tar.gz?versionId=v7");
    assert_eq!(seen[1].header("if-match"), Some("\"abc\""));
    for request in &seen {
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=ASIA1/"), "{authorization}");
        assert!(authorization.contains("/eu-west-1/s3/aws4_request"), "{authorization}");
        assert_eq!(request.header("x-amz-security-token"), Some("token-1"));
        assert_eq!(request.header("host"), Some(s3.url.strip_prefix("http://").unwrap()));
    }
    let asked = sts.asked.lock().unwrap().clone();
    assert_eq!(asked, [("111122223333".into(), "eu-west-1".into(), ROLE.into(), "SageMaker".into())]);
}

#[tokio::test]
async fn a_configured_region_is_signed_for() {
    let s3 = S3::start(BODY, "abc").await;
    let region = Some("garage".to_owned());
    let config = ObjectStoreConfig { region, ..config(&s3.url) };
    let reader = ObjectStoreReader::new(config, Arc::new(Sts::default())).unwrap();
    reader.look(&source(URI)).await.unwrap();
    assert!(s3.seen()[0].header("authorization").unwrap().contains("/garage/s3/aws4_request"));
}

#[tokio::test]
async fn an_object_that_is_not_there_is_missing() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    let version = reader.look(&source(URI)).await.unwrap();
    s3.script([Reply::Status(404, NO_KEY), Reply::Status(404, NO_KEY)]);
    let error = reader.look(&source(URI)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no object at `{URI}`"));
    let Err(error) = reader.open(&source(URI), &version, 0).await else { panic!("it was opened") };
    assert!(matches!(error, FetchError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_look_says_why_though_its_answer_is_mute() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::default();
    s3.script([Reply::Status(403, DENIED), Reply::Status(403, DENIED)]);
    let error = reader(&s3, &sts).look(&source(URI)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("role `{ROLE}` was refused access to `{URI}`: AccessDenied: Access Denied")
    );
    assert!(!error.is_transient());
    let methods: Vec<_> = s3.seen().iter().map(|seen| seen.method.clone()).collect();
    assert_eq!(methods, [Method::HEAD, Method::GET]);
    assert_eq!(s3.seen()[1].header("range"), Some("bytes=0-0"));
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_ended_session_is_renewed_once() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::default();
    let reader = reader(&s3, &sts);
    reader.look(&source(URI)).await.unwrap();
    // AWS says 400 for it, others 403; a HEAD says neither code.
    s3.script([Reply::Status(400, EXPIRED), Reply::Status(400, EXPIRED)]);
    let version = reader.look(&source(URI)).await.unwrap();
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 2);
    assert_eq!(s3.seen().last().unwrap().header("x-amz-security-token"), Some("token-2"));

    s3.script([Reply::Status(403, EXPIRED)]);
    assert_eq!(collect(reader.open(&source(URI), &version, 0).await.unwrap()).await.unwrap(), BODY);
    assert_eq!(s3.seen().last().unwrap().header("x-amz-security-token"), Some("token-3"));

    s3.script([Reply::Status(403, EXPIRED), Reply::Status(403, EXPIRED)]);
    let Err(error) = reader.open(&source(URI), &version, 0).await else { panic!("it was opened") };
    assert_eq!(
        error.to_string(),
        format!("role `{ROLE}` was refused access to `{URI}`: ExpiredToken: The provided token has expired.")
    );
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_their_end() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::new(Sts { expires_at: Some(Millis(3_600_000)), ..Sts::default() });
    let clock = Arc::new(StoppedClock::default());
    let reader =
        ObjectStoreReader::with_clock(config(&s3.url), Arc::clone(&sts) as _, Arc::clone(&clock) as _)
            .unwrap();
    let looks = join_all((0..5).map(|_| async { reader.look(&source(URI)).await.unwrap() }));
    looks.await;
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 1);
    // Renewed five minutes before the end, and not a millisecond earlier.
    for (now, assumed) in [(3_299_999, 1), (3_300_000, 2)] {
        *clock.0.lock().unwrap() = Millis(now);
        reader.look(&source(URI)).await.unwrap();
        assert_eq!(sts.assumed.load(Ordering::SeqCst), assumed, "at {now}");
    }
    let other = ArtifactSource { role_arn: "arn:aws:iam::1:role/other".into(), ..source(URI) };
    reader.look(&other).await.unwrap();
    let elsewhere = ArtifactSource { region: Region::new("us-east-1"), ..source(URI) };
    reader.look(&elsewhere).await.unwrap();
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_the_roles_fault() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::new(Sts::default());
    *sts.refusal.lock().unwrap() = Some(CredentialError::Refused {
        role_arn: ROLE.into(),
        code: "AccessDenied".into(),
        message: "no trust".into(),
    });
    let reader = reader(&s3, &sts);
    let error = reader.look(&source(URI)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("role `{ROLE}` could not be assumed: AccessDenied: no trust"));
    *sts.refusal.lock().unwrap() =
        Some(CredentialError::Unreachable { role_arn: ROLE.into(), detail: "connection refused".into() });
    let error = reader.look(&source(URI)).await.unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }), "{error}");
    assert!(s3.seen().is_empty(), "nothing is asked without credentials");
}

#[tokio::test]
async fn a_service_in_trouble_is_asked_again() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    s3.script([Reply::Status(500, ""), Reply::Status(503, "")]);
    assert_eq!(look_and_read(&reader).await.unwrap(), BODY);
    assert_eq!(s3.seen().len(), 4);
}

#[tokio::test]
async fn a_service_that_stays_in_trouble_is_given_up() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    let slow_down = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let version = reader.look(&source(URI)).await.unwrap();
    s3.script((0..6).map(|_| Reply::Status(503, slow_down)));
    let Err(error) = reader.open(&source(URI), &version, 0).await else { panic!("it was opened") };
    assert_eq!(
        error.to_string(),
        format!("reading `{URI}` broke off: SlowDown: Please reduce your request rate.")
    );
    assert_eq!(s3.seen().len(), 7);
}

#[tokio::test]
async fn a_download_that_breaks_is_resumed_where_it_broke() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    let version = reader.look(&source(URI)).await.unwrap();
    s3.script([Reply::Broken(10), Reply::Broken(5)]);
    assert_eq!(collect(reader.open(&source(URI), &version, 0).await.unwrap()).await.unwrap(), BODY);
    let seen = s3.seen();
    let ranges: Vec<_> = seen.iter().skip(1).map(|seen| seen.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=10-35"), Some("bytes=15-35")]);
    assert!(seen.iter().skip(1).all(|seen| seen.header("if-match") == Some("\"abc\"")));
}

#[tokio::test]
async fn a_download_is_taken_up_behind_what_came_before() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    let version = reader.look(&source(URI)).await.unwrap();
    let rest = collect(reader.open(&source(URI), &version, 10).await.unwrap()).await.unwrap();
    assert_eq!(rest, BODY[10..]);
    let seen = s3.seen();
    let last = seen.last().unwrap();
    assert_eq!((last.header("range"), last.header("if-match")), (Some("bytes=10-"), Some("\"abc\"")));

    // Another object lies there now, whether the service honours the condition, has none, or the range is behind its end.
    s3.put(b"another object of some more bytes", "def", None);
    let condition = reader.open(&source(URI), &version, 10).await;
    assert!(matches!(condition, Err(FetchError::Changed { .. })));
    let weak = ArtifactVersion { etag: Some("W/\"abc\"".into()), ..version.clone() };
    let unconditional = reader.open(&source(URI), &weak, 10).await;
    assert!(matches!(unconditional, Err(FetchError::Changed { .. })));
    s3.script([Reply::Status(416, "<Error><Code>InvalidRange</Code></Error>")]);
    let behind = reader.open(&source(URI), &version, 10).await;
    assert!(matches!(behind, Err(FetchError::Changed { .. })));
}

#[tokio::test]
async fn the_cache_takes_up_a_download_for_as_long_as_it_brings_something() {
    let s3 = S3::start(BODY, "abc").await;
    let dir = tempfile::tempdir().unwrap();
    let reader = Arc::new(reader(&s3, &Arc::default()));
    let cache = ArtifactCache::open(dir.path(), CacheLimits::default(), reader).await.unwrap();
    // The library resumes one download five times and gives up; three bytes a time, the twelfth connection ends it.
    s3.script([Reply::Object]);
    s3.script((0..11).map(|_| Reply::Broken(3)));
    let data = DataSource { form: DataForm::Object, ..source(URI).into() };
    let prepared = cache.prepare(&data, |_| {}).await.unwrap();
    assert_eq!(std::fs::read(prepared.path.join("model v1.tar.gz")).unwrap(), BODY);
    let seen = s3.seen();
    let begins: Vec<usize> = seen[2..]
        .iter()
        .map(|seen| {
            seen.header("range").unwrap()["bytes=".len()..].split('-').next().unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(begins, [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33], "no byte is read twice");
    assert!(seen[1..].iter().all(|seen| seen.header("if-match") == Some("\"abc\"")));
}

#[tokio::test]
async fn a_download_that_always_breaks_is_given_up() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    let version = reader.look(&source(URI)).await.unwrap();
    s3.script((0..20).map(|_| Reply::Broken(1)));
    let error = collect(reader.open(&source(URI), &version, 0).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }), "{error}");
    assert_eq!(s3.seen().len(), 7, "one look, one download, five resumptions");
}

#[tokio::test]
async fn an_object_that_changed_after_the_look_is_not_read() {
    let s3 = S3::start(BODY, "abc").await;
    let reader = reader(&s3, &Arc::default());
    let version = reader.look(&source(URI)).await.unwrap();
    s3.put(b"another", "def", None);
    let changed = format!("reading `{URI}` broke off: the object changed after it was looked at");
    let Err(error) = reader.open(&source(URI), &version, 0).await else { panic!("it was opened") };
    assert_eq!(error.to_string(), changed);
    assert!(error.is_transient());

    // The same from a service that takes no conditions: the answer's own ETag and size tell.
    for seen in [
        ArtifactVersion { etag: None, ..version.clone() },
        ArtifactVersion { etag: Some("W/\"def\"".into()), ..version.clone() },
        ArtifactVersion { etag: Some("def".into()), ..version },
    ] {
        let Err(error) = reader.open(&source(URI), &seen, 0).await else { panic!("it was opened") };
        assert_eq!(error.to_string(), changed);
    }
}

#[tokio::test]
async fn a_download_that_stalls_is_resumed() {
    let s3 = S3::start(BODY, "abc").await;
    let mut config = config(&s3.url);
    config.limits.idle = Duration::from_millis(50);
    let reader = ObjectStoreReader::new(config, Arc::new(Sts::default())).unwrap();
    let version = reader.look(&source(URI)).await.unwrap();
    s3.script([Reply::Stalled(7)]);
    assert_eq!(collect(reader.open(&source(URI), &version, 0).await.unwrap()).await.unwrap(), BODY);
    assert_eq!(s3.seen().last().unwrap().header("range"), Some("bytes=7-35"));
}

#[tokio::test]
async fn a_look_is_bounded_whatever_the_service_does() {
    let s3 = S3::start(BODY, "abc").await;
    let mut config = config(&s3.url);
    config.limits.look = Duration::from_millis(100);
    let reader = ObjectStoreReader::new(config, Arc::new(Sts::default())).unwrap();
    s3.script([Reply::Silence]);
    let error = reader.look(&source(URI)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "reading `{URI}` broke off: looking at it took longer than 100 ms: `{}` had not yet answered",
            s3.url
        )
    );
    assert_eq!(ReaderLimits::default().look, Duration::from_secs(2), "CreateModel waits so long");
}

#[tokio::test]
async fn a_service_that_answers_nothing_is_given_up() {
    let s3 = S3::start(BODY, "abc").await;
    let mut config = config(&s3.url);
    // Long enough for a request to arrive on a busy machine: both are counted below.
    (config.limits.answer, config.limits.look_retries) = (Duration::from_secs(1), 1);
    let reader = ObjectStoreReader::new(config, Arc::new(Sts::default())).unwrap();
    s3.script([Reply::Silence, Reply::Silence]);
    let error = reader.look(&source(URI)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("reading `{URI}` broke off: asking `{}` failed: no answer within 1000 ms", s3.url)
    );
    assert_eq!(s3.seen().len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_there_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let reader = ObjectStoreReader::new(config(&url), Arc::new(Sts::default())).unwrap();
    let error = reader.look(&source(URI)).await.unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert!(error.to_string().contains(&format!("asking `{url}` failed")), "{error}");
}

#[tokio::test]
async fn a_bucket_in_another_region_is_named() {
    // As AWS documents them: a permanent and a temporary redirect, and a signature for the wrong region.
    let moved = "<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be \
                 addressed using the specified endpoint.</Message></Error>";
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; \
                     the region 'eu-west-1' is wrong; expecting 'us-west-2'</Message><Region>us-west-2</Region></Error>";
    let named = format!(
        "`{URI}` is not a location that can be read: its bucket is not in region `eu-west-1` but in `us-west-2`; \
         SageMaker reads model data in the model's own region: create the model there, or copy the data to a bucket \
         in `eu-west-1`"
    );
    for (status, body) in [(301, moved), (307, moved), (400, malformed)] {
        let s3 = S3::start(BODY, "abc").await;
        let reader = reader(&s3, &Arc::default());
        let version = reader.look(&source(URI)).await.unwrap();
        s3.script([
            Reply::OtherRegion(status, "us-west-2", body),
            Reply::OtherRegion(status, "us-west-2", body),
        ]);
        let error = reader.look(&source(URI)).await.unwrap_err();
        assert_eq!(error.to_string(), named, "{status}");
        assert!(!error.is_transient());
        s3.script((0..6).map(|_| Reply::OtherRegion(status, "us-west-2", body)));
        let Err(error) = reader.open(&source(URI), &version, 0).await else { panic!("it was opened") };
        assert_eq!(error.to_string(), named, "{status}");
    }
}

#[tokio::test]
async fn a_slow_sts_is_waited_for_once_and_not_for_ever() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::new(Sts::default());
    let mut config = config(&s3.url);
    config.limits.look = Duration::from_millis(50);
    let reader = ObjectStoreReader::new(config, Arc::clone(&sts) as _).unwrap();
    let gate = sts.gate.lock().await;
    for _ in 0..3 {
        let error = reader.look(&source(URI)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "reading `{URI}` broke off: looking at it took longer than 50 ms: STS had not yet answered for role \
                 `{ROLE}`"
            )
        );
    }
    drop(gate);
    // The answer to the first question serves, however many gave up waiting for it.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while let Err(error) = reader.look(&source(URI)).await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
    }
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_region_without_sts_is_named_with_what_to_do() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::new(Sts::default());
    *sts.refusal.lock().unwrap() = Some(CredentialError::Refused {
        role_arn: ROLE.into(),
        code: "RegionDisabledException".into(),
        message: "STS is not activated in this region.".into(),
    });
    let error = reader(&s3, &sts).look(&source(URI)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "role `{ROLE}` could not be assumed: RegionDisabledException: STS is not activated in this region. The \
             region is `eu-west-1`: activate STS there (for Hostler's own STS, take `eu-west-1` out of \
             `inactive_regions` of `[sts]` in the settings), or create the model and the endpoint in another region."
        )
    );
    assert!(matches!(error, FetchError::Role { .. }));
}

#[tokio::test]
async fn other_schemes_are_refused_without_asking_anybody() {
    let s3 = S3::start(BODY, "abc").await;
    let sts = Arc::default();
    let reader = reader(&s3, &sts);
    let uri = "https://models.s3.amazonaws.com/model.tar.gz";
    let error = reader.look(&source(uri)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{uri}` is not a location that can be read: only `s3://BUCKET/KEY` is supported")
    );
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 0);
    assert!(s3.seen().is_empty());
}

#[tokio::test]
async fn a_reader_for_aws_itself_sets_tls_up() {
    // No request is sent: the certificates of this machine are all that is read.
    match ObjectStoreReader::new(ObjectStoreConfig::default(), Arc::new(Sts::default())) {
        Ok(_) => {}
        Err(error) => {
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("root certificates"), "{cause}");
        }
    }
}
