//! Assuming a role: who may, and what it gives.
//!
//! Why: the embedded STS and the source of credentials within the process decide by the same function.
//! Invariants: only roles of the caller's own account; every refusal has the same words.

use hostler_aws::{ApiError, KeyRing, Keys as _, push_element};
use hostler_types::{Credentials, Identity, Millis, Secret};

use crate::roles::{RoleArn, RolePolicies};

/// Who wants to become what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assumption<'a> {
    pub(crate) caller: &'a Identity,
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    pub(crate) duration_s: u64,
}

/// Credentials of the role, and who they are.
pub(crate) fn assume(
    assumption: &Assumption<'_>,
    roles: &RolePolicies,
    keys: &KeyRing,
    now: Millis,
) -> Result<(Credentials, Identity), ApiError> {
    let Assumption { caller, role_arn, session_name, duration_s } = *assumption;
    let is_own = RoleArn::parse(role_arn).is_some_and(|role| role.account == caller.account.as_str());
    if !is_own || !roles.is_assumable(role_arn) {
        return Err(ApiError::access_denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            caller.arn
        )));
    }
    let expires_at = now.plus(duration_s as i64 * 1000);
    let credentials = keys.sealer().issue(role_arn, session_name, &caller.account, expires_at);
    let token = credentials.session_token.as_ref().map(Secret::expose);
    let owner = keys
        .find(&credentials.access_key_id, token, now)
        .map_err(|error| ApiError::internal("a fresh session token cannot be opened").with_source(error))?;
    Ok((credentials, owner.identity))
}

/// The inside of `AssumeRoleResult`.
pub(super) fn document(credentials: &Credentials, identity: &Identity) -> String {
    let mut xml = String::from("<AssumedRoleUser>");
    push_element(&mut xml, "AssumedRoleId", &identity.user_id);
    push_element(&mut xml, "Arn", &identity.arn);
    xml.push_str("</AssumedRoleUser><Credentials>");
    push_element(&mut xml, "AccessKeyId", &credentials.access_key_id);
    push_element(&mut xml, "SecretAccessKey", credentials.secret_access_key.expose());
    let token = credentials.session_token.as_ref().map_or("", Secret::expose);
    push_element(&mut xml, "SessionToken", token);
    let expires_at = credentials.expires_at.unwrap_or_default();
    let expiration = jiff::Timestamp::from_millisecond(expires_at.0)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%SZ");
    push_element(&mut xml, "Expiration", &expiration.to_string());
    xml.push_str("</Credentials>");
    xml
}
