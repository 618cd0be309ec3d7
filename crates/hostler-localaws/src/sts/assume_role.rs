//! Assuming a role: who may, and what it gives.
//!
//! Why: the embedded STS and the source of credentials within the process decide by the same function.
//! Invariants: only roles of the caller's own account; every refusal of a role has the same words. A region is looked
//! at before the role, and for AssumeRole alone: AWS's service model lists RegionDisabledException for the operations
//! that make credentials, and none for GetCallerIdentity.

use std::collections::BTreeSet;

use hostler_aws::{ApiError, KeyRing, Keys as _, push_element};
use hostler_types::{AccountId, Credentials, Identity, Millis, Region, Secret};
use http::StatusCode;

use crate::roles::{RoleArn, RolePolicies};

/// Who wants to become what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assumption<'a> {
    pub(crate) caller: &'a Identity,
    pub(crate) region: &'a Region,
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    pub(crate) duration_s: u64,
}

/// What the operator decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssumeRules<'a> {
    pub(crate) roles: &'a RolePolicies,
    pub(crate) inactive_regions: &'a BTreeSet<Region>,
}

/// Credentials of the role, and who they are.
pub(crate) fn assume(
    assumption: &Assumption<'_>,
    rules: &AssumeRules<'_>,
    keys: &KeyRing,
    now: Millis,
) -> Result<(Credentials, Identity), ApiError> {
    let Assumption { caller, region, role_arn, session_name, duration_s } = *assumption;
    if rules.inactive_regions.contains(region) {
        return Err(region_disabled(&caller.account));
    }
    let is_own = RoleArn::parse(role_arn).is_some_and(|role| role.account == caller.account.as_str());
    if !is_own || !rules.roles.is_assumable(role_arn) {
        return Err(ApiError::access_denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            caller.arn
        )));
    }
    let expires_at = now.plus(duration_s as i64 * 1000);
    let credentials = keys.sealer().issue_to(caller, role_arn, session_name, expires_at);
    let token = credentials.session_token.as_ref().map(Secret::expose);
    let owner = keys
        .find(&credentials.access_key_id, token, now)
        .map_err(|error| ApiError::internal("a fresh session token cannot be opened").with_source(error))?;
    Ok((credentials, Identity::clone(&owner.identity)))
}

/// STS is switched off in the region; AWS's code, status and text.
fn region_disabled(account: &AccountId) -> ApiError {
    ApiError::new(
        "RegionDisabledException",
        StatusCode::FORBIDDEN,
        format!(
            "STS is not activated in this region for account:{account}. Your account administrator can activate STS \
             in this region using the IAM Console."
        ),
    )
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
