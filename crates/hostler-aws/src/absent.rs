//! Services of AWS that SDKs ask on their way to SageMaker, and that Hostler does not have.
//!
//! Why: a profile's `endpoint_url` leads every service here. The SageMaker SDK v3 asks IAM whether a role suffices, and
//! CloudWatch Logs for what an endpoint writes; it goes on without either where the caller may not ask, and stops at
//! any other error. So a caller is refused as AWS refuses those without the permission, and told why.
//! Invariants: a signature is verified as everywhere, so that a wrong key is told as such.

use crate::sigv4::Rules;
use crate::{ApiError, Form};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbsentService {
    /// Identity and Access Management.
    Iam,
    /// CloudWatch Logs.
    Logs,
}

impl AbsentService {
    /// What its requests' signatures are held to. IAM's errors are written as STS's.
    pub fn rules(self) -> Rules {
        match self {
            Self::Iam => Rules { service: "iam", ..Rules::STS },
            Self::Logs => Rules { service: "logs", ..Rules::CONTROL },
        }
    }

    /// What the caller is told; `target` is the header that names an operation in JSON protocols.
    pub fn refusal(self, caller_arn: &str, target: &str, body: &[u8]) -> ApiError {
        let (prefix, operation, why) = match self {
            Self::Iam => {
                let form = Form::parse(body).ok();
                let action = form.as_ref().and_then(|form| form.get("Action")).unwrap_or_default();
                ("iam", action.to_owned(), "there is no IAM in Hostler")
            }
            Self::Logs => {
                let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
                ("logs", operation, "there is no CloudWatch Logs in Hostler; see `hostler logs ENDPOINT`")
            }
        };
        ApiError::access_denied(format!(
            "User: {caller_arn} is not authorized to perform: {prefix}:{operation} because {why}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(service: AbsentService, target: &str, body: &str, expected: &str) {
        let error = service.refusal("arn:aws:iam::000000000000:root", target, body.as_bytes());
        assert_eq!(error.code(), "AccessDeniedException");
        assert_eq!(error.message(), Some(expected));
    }

    #[test]
    fn a_caller_is_told_what_may_not_be_done_and_why() {
        check(
            AbsentService::Iam,
            "",
            "Action=GetRole&Version=2010-05-08&RoleName=any",
            "User: arn:aws:iam::000000000000:root is not authorized to perform: iam:GetRole because there is no IAM \
             in Hostler",
        );
        check(
            AbsentService::Logs,
            "Logs_20140328.FilterLogEvents",
            "{}",
            "User: arn:aws:iam::000000000000:root is not authorized to perform: logs:FilterLogEvents because there is \
             no CloudWatch Logs in Hostler; see `hostler logs ENDPOINT`",
        );
    }

    #[test]
    fn a_body_that_is_no_form_is_refused_all_the_same() {
        check(
            AbsentService::Iam,
            "",
            "%zz=%",
            "User: arn:aws:iam::000000000000:root is not authorized to perform: iam: because there is no IAM in Hostler",
        );
    }
}
