//! What the two tables may say, and what is told when they may not.

use super::*;

fn environment(pairs: &'static [(&'static str, &'static str)]) -> Environment {
    Environment::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

const KEY: &[(&str, &str)] = &[("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "hush")];

fn resolve(
    text: &str,
    variables: &'static [(&'static str, &'static str)],
) -> (Option<ExternalS3>, BTreeSet<Region>, Vec<String>) {
    let (file, mut mistakes) = file::SettingsFile::parse(text);
    let services = Services { s3: file.s3, sts: file.sts, environment: environment(variables) };
    let (s3, inactive) = services.resolve(&mut mistakes);
    (s3, inactive, mistakes)
}

#[test]
fn nothing_said_means_the_embedded_ones() {
    let (s3, inactive, mistakes) = resolve("", &[]);
    assert!(s3.is_none() && inactive.is_empty() && mistakes.is_empty(), "{mistakes:?}");
    let (s3, inactive, mistakes) = resolve("[sts]\ninactive_regions = ['eu-south-1', 'af-south-1']", &[]);
    assert!(s3.is_none() && mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(inactive, [Region::new("af-south-1"), Region::new("eu-south-1")].into());
}

#[test]
fn aws_itself_is_asked_in_the_models_region_and_by_host_name() {
    let (s3, _, mistakes) = resolve("[s3]\nendpoint = 'aws'\n[sts]\nendpoint = 'aws'", KEY);
    let s3 = s3.expect("it is resolved");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!((s3.endpoint, s3.region, s3.path_style), (None, None, false));
    let ReadAs::Roles(sts) = s3.read_as else { panic!("as a role") };
    assert_eq!((sts.endpoint, sts.region), (StsEndpoint::Aws, None));
    let KeySource::Environment(key) = sts.keys else { panic!("from the environment") };
    assert_eq!(key.access_key_id, "AKIDENV");
}

#[test]
fn a_service_elsewhere_is_reached_by_path_unless_said_otherwise() {
    let text = "[s3]\nendpoint = 'http://127.0.0.1:9000'\nregion = 'garage'\nassume_roles = false\n";
    let (s3, _, mistakes) = resolve(text, KEY);
    let s3 = s3.expect("it is resolved");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(s3.region.as_deref(), Some("garage"));
    assert!(s3.path_style && matches!(s3.read_as, ReadAs::Own(_)));
    let (s3, ..) = resolve(&format!("{text}path_style = false\n"), KEY);
    assert!(!s3.expect("it is resolved").path_style);
}

#[test]
fn what_does_not_fit_together_is_told_with_the_way_out() {
    let own = "assume_roles = false";
    for (text, told) in [
        ("[s3]\nendpoint = 'aws'", "`[s3]`: model data is read as the model's role, which needs `[sts]`"),
        ("[sts]\nendpoint = 'aws'", "`[sts]`: `endpoint` needs an `[s3]`"),
        ("[s3]\n[sts]\nendpoint = 'aws'", "`[s3]`: `endpoint` is missing"),
        ("[sts]\nprofile = 'x'", "`[sts]`: `region`, `profile` and `ca_file` are for an STS elsewhere"),
        ("[sts]\ninactive_regions = ['EU']", "`[sts]`: \"EU\" is not the name of a region"),
        (
            "[s3]\nendpoint = 'aws'\n[sts]\nendpoint = 'aws'\ninactive_regions = ['eu-south-1']",
            "`[sts]`: `inactive_regions` is the embedded STS's",
        ),
        ("[s3]\nendpoint = 'aws'\nassume_roles = false\n[sts]\nendpoint = 'aws'", "asks no STS"),
        ("[s3]\nendpoint = 'aws'\nprofile = 'p'\n[sts]\nendpoint = 'aws'", "the key for STS is in `[sts]`"),
        (&format!("[s3]\nendpoint = 'minio:9000'\n{own}"), "is neither \"aws\" nor `http(s)://HOST[:PORT]`"),
        (&format!("[s3]\nendpoint = 'https://minio/bucket'\n{own}"), "is neither \"aws\""),
        (&format!("[s3]\nendpoint = 'http://minio:9000'\n{own}"), "is not encrypted and not on this machine"),
        (&format!("[s3]\nendpoint = 'http://127.0.0.1.example'\n{own}"), "is not encrypted"),
        (&format!("[s3]\nendpoint = 'aws'\n{own}\nca_file = '/nowhere.pem'"), "reading certificates (PEM)"),
        (&format!("[s3]\nendpoint = 'aws'\n{own}\ncredentials_file = '/x'"), "needs a `profile`"),
        (&format!("[s3]\nendpoint = 'aws'\n{own}\nprofile = 'x'"), "there is no HOME"),
        (
            &format!("[s3]\nendpoint = 'aws'\n{own}\nprofile = 'x'\ncredentials_file = '/nowhere'"),
            "reading the credentials file `/nowhere` failed",
        ),
        ("[s3]\nendpint = 'aws'", "`s3.endpint`: unknown field `endpint`"),
    ] {
        let (_, _, mistakes) = resolve(text, KEY);
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        assert!(mistakes[0].contains(told), "{text}: {mistakes:?}");
    }
    let (_, _, mistakes) = resolve(&format!("[s3]\nendpoint = 'aws'\n{own}"), &[]);
    assert!(mistakes[0].contains("AWS_ACCESS_KEY_ID"), "{mistakes:?}");
}

#[test]
fn plain_http_beyond_this_machine_can_be_allowed() {
    let text = "[s3]\nendpoint = 'http://minio:9000'\nallow_http = true\nassume_roles = false";
    assert!(resolve(text, KEY).0.is_some());
    for endpoint in ["http://localhost:1", "http://[::1]:9000", "http://127.0.0.9"] {
        let text = format!("[s3]\nendpoint = '{endpoint}'\nassume_roles = false");
        assert!(resolve(&text, KEY).0.is_some(), "{endpoint}");
    }
}

#[test]
fn no_secret_is_shown() {
    let (s3, ..) = resolve("[s3]\nendpoint = 'aws'\nassume_roles = false", KEY);
    assert!(!format!("{s3:?}").contains("hush"));
    let (_, _, mistakes) = resolve("[s3]\nendpoint = 'https://me:hush@minio'\nassume_roles = false", KEY);
    assert!(mistakes.len() == 1 && !mistakes[0].contains("hush"), "{mistakes:?}");
}
