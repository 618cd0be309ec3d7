//! Regions in which the STS is switched off, an S3 that is elsewhere, and a session whose time is over.

use hostler_localaws::OwnKeySource;
use hostler_types::{AccountId, CredentialError, CredentialSource, Credentials, Millis, Region, Secret};

use crate::world::{ACCOUNT, NOW, Plan, READER, World, key};

const OFF: &str = "eu-south-1";
/// facts/sagemaker-api.md 4.6.
const DISABLED: &str = "STS is not activated in this region for account:000000000000. Your account administrator can \
                        activate STS in this region using the IAM Console.";

fn world() -> World {
    World::of(Plan { inactive_regions: &[OFF], ..Plan::default() })
}

fn assume(name: &str) -> String {
    format!(
        "Action=AssumeRole&Version=2011-06-15&RoleArn={READER}&RoleSessionName={name}&DurationSeconds=900"
    )
}

#[tokio::test]
async fn a_region_that_is_switched_off_makes_no_sessions() {
    let world = world();
    let refused = world.sts_in(OFF, &key("AKIDEXAMPLE"), &assume("me")).await;
    assert_eq!(refused.refusal(), (403, "RegionDisabledException"));
    assert_eq!((refused.element("Message"), refused.element("Type")), (DISABLED, "Sender"));
    assert_eq!(world.sts_in("eu-south-2", &key("AKIDEXAMPLE"), &assume("me")).await.status, 200);
    // It says who asks, as the service model has it.
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(world.sts_in(OFF, &key("AKIDEXAMPLE"), form).await.status, 200);
    // A stranger learns nothing of regions.
    let stranger = world.sts_in(OFF, &key("AKIDNOBODY"), &assume("me")).await;
    assert_eq!(stranger.refusal(), (403, "InvalidClientTokenId"));
}

#[tokio::test]
async fn the_rule_holds_for_what_happens_inside_the_process() {
    let world = world();
    let roles = world.local.credential_source();
    let own = OwnKeySource::new(roles.clone(), std::sync::Arc::new(|_| Ok(key("AKIDELSEWHERE"))));
    let account = AccountId::new(ACCOUNT);
    for source in [&roles as &dyn CredentialSource, &own] {
        let refused = source.assume(&account, &Region::new(OFF), READER, "download").await;
        let Err(CredentialError::Refused { code, message, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((code.as_str(), message.as_str()), ("RegionDisabledException", DISABLED));
        assert!(source.assume(&account, &Region::new("eu-west-1"), READER, "download").await.is_ok());
    }
}

#[tokio::test]
async fn the_servers_own_key_goes_to_roles_that_may_be_assumed_and_to_no_others() {
    let world = World::of(Plan { undeclared: hostler_localaws::UndeclaredRoles::Deny, ..Plan::default() });
    let (account, region) = (AccountId::new(ACCOUNT), Region::new("us-east-1"));
    let own =
        OwnKeySource::new(world.local.credential_source(), std::sync::Arc::new(|_| Ok(key("AKIDELSEWHERE"))));
    let given = own.assume(&account, &region, READER, "download").await.unwrap();
    assert_eq!((given.access_key_id.as_str(), given.session_token), ("AKIDELSEWHERE", None));
    for role in ["arn:aws:iam::000000000000:role/None", "arn:aws:iam::111111111111:role/Theirs"] {
        let refused = own.assume(&account, &region, role, "download").await;
        assert!(
            matches!(refused, Err(CredentialError::Refused { code, .. }) if code == "AccessDenied"),
            "{role}"
        );
    }
    let without = OwnKeySource::new(
        world.local.credential_source(),
        std::sync::Arc::new(|_| Err("the file is gone".to_owned())),
    );
    let error = without.assume(&account, &region, READER, "download").await.unwrap_err();
    assert!(error.to_string().ends_with("got no usable answer: the file is gone"), "{error}");
}

#[tokio::test]
async fn an_s3_that_is_elsewhere_says_where_to_those_who_have_a_key() {
    let elsewhere = Some("https://minio.example:9000".to_owned());
    let world = World::of(Plan { s3_elsewhere: elsewhere, ..Plan::default() });
    for line in ["GET /", "PUT /bucket", "GET /bucket/key"] {
        let refused = world.s3(line, &[], b"").await;
        assert_eq!(refused.refusal(), (400, "NotImplementedByHostler"), "{line}");
        assert!(refused.element("Message").contains("https://minio.example:9000"), "{}", refused.text());
    }
    let stranger = world.s3_as(&key("AKIDNOBODY"), "GET /", &[], b"").await;
    assert_eq!(stranger.refusal(), (403, "InvalidAccessKeyId"));
    assert!(!stranger.text().contains("minio"));
}

#[tokio::test]
async fn a_session_that_sts_made_ends_at_both_doors() {
    let world = World::new();
    world.s3("PUT /models", &[], b"").await;
    world.s3("PUT /models/public/m", &[], b"model").await;
    let made = world.sts_as(&key("AKIDEXAMPLE"), &assume("me")).await;
    let session = Credentials {
        access_key_id: made.element("AccessKeyId").to_owned(),
        secret_access_key: Secret::new(made.element("SecretAccessKey")),
        session_token: Some(Secret::new(made.element("SessionToken"))),
        expires_at: None,
    };
    let identity = "Action=GetCallerIdentity&Version=2011-06-15";
    world.clock.set(NOW.plus(899_999));
    assert_eq!(world.s3_as(&session, "GET /models/public/m", &[], b"").await.text(), "model");
    assert_eq!(world.sts_as(&session, identity).await.status, 200);
    world.clock.set(Millis(NOW.0 + 900_000));
    let read = world.s3_as(&session, "GET /models/public/m", &[], b"").await;
    assert_eq!(read.refusal(), (400, "ExpiredToken"));
    assert_eq!(read.element("Message"), "The provided token has expired.");
    let asked = world.sts_as(&session, identity).await;
    assert_eq!(asked.refusal(), (403, "ExpiredToken"));
    assert_eq!(asked.element("Message"), "The security token included in the request is expired");
    // Nor does it make another session.
    assert_eq!(world.sts_as(&session, &assume("next")).await.refusal(), (403, "ExpiredToken"));
}
