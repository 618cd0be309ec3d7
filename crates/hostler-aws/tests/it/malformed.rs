//! Scopes, dates and Authorization headers that do not fit, and what each protocol says to them.

use hostler_aws::sigv4::Rules;

use crate::negatives::{check, edit_authorization, set, verify};
use crate::wire::{Case, NOW};

#[test]
fn a_scope_of_another_service() {
    let coral = "Credential should be scoped to correct service: 'sagemaker'. ";
    check(
        NOW,
        |case| {
            edit_authorization(case, |text| {
                ["/sagemaker/", "/sts/", "/s3/"]
                    .iter()
                    .fold(text.to_owned(), |text, old| text.replace(old, "/ec2/"))
            });
        },
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, "Credential should be scoped to correct service: 'sts'. "),
            (
                "AuthorizationHeaderMalformed",
                400,
                "The authorization header is malformed; incorrect service \"ec2\". This endpoint belongs to \"s3\".",
            ),
        ],
    );
}

#[test]
fn a_scope_without_a_region_that_could_be_one() {
    let coral = "Credential should be scoped to a valid region. ";
    check(
        NOW,
        |case| edit_authorization(case, |text| text.replace("/eu-central-1/", "/EU_1/")),
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, coral),
            (
                "AuthorizationHeaderMalformed",
                400,
                "The authorization header is malformed; the region 'EU_1' is wrong",
            ),
        ],
    );
}

#[test]
fn a_scope_with_another_ending() {
    let coral = "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ";
    check(
        NOW,
        |case| edit_authorization(case, |text| text.replace("/aws4_request", "/aws5_request")),
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, coral),
            (
                "AuthorizationHeaderMalformed",
                400,
                "The authorization header is malformed; incorrect terminator \"aws5_request\". This endpoint uses \"aws4_request\".",
            ),
        ],
    );
}

#[test]
fn a_scope_of_another_day() {
    let coral = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260101' != '20260102', from '20260102T030405Z'. ";
    check(
        NOW,
        |case| edit_authorization(case, |text| text.replace("/20260102/", "/20260101/")),
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, coral),
            (
                "AuthorizationHeaderMalformed",
                400,
                "The authorization header is malformed; Invalid credential date \"20260101\". This date is not the same as X-Amz-Date: \"20260102\".",
            ),
        ],
    );
}

#[test]
fn several_faults_of_a_scope_are_all_told() {
    let mut case = Case::load("control-describe");
    edit_authorization(&mut case, |text| text.replace("/eu-central-1/sagemaker/", "//ec2/"));
    let error = verify(&case, &Rules::CONTROL, NOW).unwrap_err().to_api_error(Rules::CONTROL.protocol);
    assert_eq!(
        error.message(),
        Some(
            "Credential should be scoped to a valid region. \
             Credential should be scoped to correct service: 'sagemaker'. "
        )
    );
}

/// Spoils the Authorization header's text.
fn check_authorization(text: &str, coral: &'static str, s3: (&'static str, u16, &'static str)) {
    check(
        NOW,
        |case| set(&mut case.parts, "authorization", text),
        [
            ("IncompleteSignatureException", 400, coral),
            ("IncompleteSignatureException", 400, coral),
            ("IncompleteSignature", 400, coral),
            s3,
        ],
    );
}

#[test]
fn an_incomplete_authorization_header() {
    const S3_PARTS: (&str, u16, &str) = (
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.",
    );
    check_authorization(
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00",
        "Authorization header requires 'Credential' parameter. ",
        S3_PARTS,
    );
    check_authorization(
        "AWS4-HMAC-SHA256",
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. ",
        S3_PARTS,
    );
    check_authorization(
        "AWS4-HMAC-SHA256 Credential",
        "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header.",
        S3_PARTS,
    );
    check_authorization(
        "AWS4-HMAC-SHA256 Credential=A/b/c, SignedHeaders=host, Signature=00",
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'A/b/c'",
        (
            "AuthorizationHeaderMalformed",
            400,
            "The authorization header is malformed; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
    );
    check_authorization(
        "AWS AKIDEXAMPLE:c2lnbmF0dXJl",
        "Unsupported AWS 'algorithm': 'AWS'.",
        (
            "InvalidRequest",
            400,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
    );
    check_authorization(
        "Basic dTpw",
        "Unsupported AWS 'algorithm': 'Basic'.",
        ("InvalidArgument", 400, "Unsupported Authorization Type"),
    );
    check_authorization(
        "AWS4-HMAC-SHA256 Credential=A/b/c/d/e, SignedHeaders=Host, Signature=00",
        "SignedHeaders must be a sorted list of lower-case header names, got 'Host'",
        (
            "AuthorizationHeaderMalformed",
            400,
            "The authorization header is malformed; SignedHeaders must be a sorted list of lower-case header names.",
        ),
    );
}

#[test]
fn a_date_that_is_missing_or_none() {
    let s3 = ("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header");
    let coral = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    check(
        NOW,
        |case| drop(case.parts.headers.remove("x-amz-date")),
        [
            ("IncompleteSignatureException", 400, coral),
            ("IncompleteSignatureException", 400, coral),
            ("IncompleteSignature", 400, coral),
            s3,
        ],
    );
    let coral =
        "Date must be in ISO-8601 'basic format'. Got 'today'. See http://en.wikipedia.org/wiki/ISO_8601";
    check(
        NOW,
        |case| set(&mut case.parts, "x-amz-date", "today"),
        [
            ("IncompleteSignatureException", 400, coral),
            ("IncompleteSignatureException", 400, coral),
            ("IncompleteSignature", 400, coral),
            s3,
        ],
    );
}

#[test]
fn headers_that_must_be_signed() {
    let coral = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
    check(
        NOW,
        |case| edit_authorization(case, |text| text.replace(";host", "").replace("=host;", "=")),
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, coral),
            (
                "AuthorizationHeaderMalformed",
                400,
                "The authorization header is malformed; the host header must be signed.",
            ),
        ],
    );
    let coral = "'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization.";
    check(
        NOW,
        |case| set(&mut case.parts, "x-amz-extra", "1"),
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, coral),
            ("AccessDenied", 403, "There were headers present in the request which were not signed"),
        ],
    );
}
