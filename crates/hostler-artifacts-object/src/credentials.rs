//! The credentials of each role, assumed when needed and kept until shortly before they end.
//!
//! Invariants: one assumption at a time per account, region and role; others wait for it, and it goes on when the one who
//! began it gives up, so that a slow STS is slow once and not for ever. Secrets stay in memory and are printed nowhere. At
//! most `ROLES_MAX` roles are remembered.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hostler_artifacts::ArtifactSource;
use hostler_types::{AccountId, Clock, CredentialError, CredentialSource, Credentials, Millis, Region};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

/// The session's name in the service's logs.
const SESSION: &str = "SageMaker";
/// Credentials are renewed so long before their end, so that a request under way does not outlive them.
const RENEW_BEFORE_MS: i64 = 5 * 60 * 1000;
/// Credentials without an end are renewed after an hour, as if they had one.
const AGE_MS_MAX: i64 = 60 * 60 * 1000;
/// Roles remembered; forgetting one only costs assuming it again.
const ROLES_MAX: usize = 1000;

#[derive(Clone, PartialEq, Eq, Hash)]
struct RoleKey {
    account: AccountId,
    region: Region,
    role_arn: String,
}

struct Held {
    credential: Arc<AwsCredential>,
    renew_at: Millis,
}

type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

pub(crate) struct RoleCredentials {
    source: Arc<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<RoleKey, Slot>>,
}

impl RoleCredentials {
    pub(crate) fn new(source: Arc<dyn CredentialSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, slots: Mutex::default() }
    }

    async fn get(&self, role: &RoleKey) -> Result<Arc<AwsCredential>, CredentialError> {
        let mut held = self.slot(role).lock_owned().await;
        let now = self.clock.now();
        if let Some(held) = held.as_ref().filter(|held| now < held.renew_at) {
            return Ok(Arc::clone(&held.credential));
        }
        let (source, RoleKey { account, region, role_arn }) = (Arc::clone(&self.source), role.clone());
        // Whoever waits may be cut short by a deadline; the task ends by the source's own.
        let assumed = tokio::spawn(async move {
            let credentials = source.assume(&account, &region, &role_arn, SESSION).await?;
            let (credential, fresh) = hold(credentials, now);
            *held = Some(fresh);
            Ok(credential)
        });
        assumed.await.unwrap_or_else(|error| {
            let (role_arn, detail) = (role.role_arn.clone(), format!("assuming it ended early: {error}"));
            Err(CredentialError::Unreachable { role_arn, detail })
        })
    }

    fn slot(&self, role: &RoleKey) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= ROLES_MAX && !slots.contains_key(role) {
            slots.clear();
        }
        Arc::clone(slots.entry(role.clone()).or_default())
    }
}

fn hold(credentials: Credentials, now: Millis) -> (Arc<AwsCredential>, Held) {
    let credential = Arc::new(AwsCredential {
        key_id: credentials.access_key_id,
        secret_key: credentials.secret_access_key.expose().to_owned(),
        token: credentials.session_token.map(|token| token.expose().to_owned()),
    });
    let renew_at = match credentials.expires_at {
        Some(end) => end.plus(-RENEW_BEFORE_MS).min(now.plus(AGE_MS_MAX)),
        None => now.plus(AGE_MS_MAX),
    };
    let held = Held { credential: Arc::clone(&credential), renew_at };
    (credential, held)
}

/// The credentials of one model's role, as `object_store` asks for them: at every request, resumed ones included.
pub(crate) struct AsRole {
    roles: Arc<RoleCredentials>,
    role: RoleKey,
    used: Mutex<Option<Arc<AwsCredential>>>,
    is_assuming: Arc<AtomicBool>,
}

impl AsRole {
    /// `is_assuming` tells whoever waits what for.
    pub(crate) fn new(
        roles: &Arc<RoleCredentials>,
        source: &ArtifactSource,
        is_assuming: &Arc<AtomicBool>,
    ) -> Self {
        let (account, region) = (source.account.clone(), source.region.clone());
        let role = RoleKey { account, region, role_arn: source.role_arn.clone() };
        Self { roles: Arc::clone(roles), role, used: Mutex::default(), is_assuming: Arc::clone(is_assuming) }
    }

    /// Forgets what the last request was signed with, unless somebody renewed it already. False when nothing was signed.
    pub(crate) async fn forget(&self) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(used) = used else {
            return false;
        };
        let slot = self.roles.slot(&self.role);
        let mut held = slot.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.credential, &used)) {
            *held = None;
        }
        true
    }
}

#[async_trait]
impl CredentialProvider for AsRole {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.is_assuming.store(true, Ordering::Relaxed);
        let got = self.roles.get(&self.role).await;
        self.is_assuming.store(false, Ordering::Relaxed);
        let credential =
            got.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&credential));
        Ok(credential)
    }
}

impl fmt::Debug for AsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsRole").field(&self.role.role_arn).finish()
    }
}
