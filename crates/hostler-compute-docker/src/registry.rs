//! Who this server is at a registry: docker's config file, or a token of Amazon ECR for the model's role.
//!
//! Why: a password belongs in the file that `docker login` writes, where every tool finds it; ECR has none, only tokens
//! that a role may ask for.
//! Invariants: passwords are shown nowhere. A registry without a login is asked without one: most images are public.
//! Failure: a login that cannot be had is told beside the registry's own refusal, which may come for another reason.

mod config_file;
mod ecr;

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hostler_types::{AccountId, Region};

pub use self::ecr::{EcrClient, EcrConfig};
use crate::reference::Reference;

/// Asks Amazon ECR, or a service like it, for tokens.
#[async_trait::async_trait]
pub trait EcrTokens: Send + Sync {
    /// User and password at a registry of an account in a region; what came back instead in words.
    async fn token(&self, asked: &EcrRequest) -> Result<(String, String), String>;
}

/// For whom a token is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EcrRequest {
    /// The account that the model belongs to.
    pub account: AccountId,
    /// Its execution role.
    pub role_arn: String,
    /// Whose registry it is; none: the role's own.
    pub registry_account: Option<String>,
    /// The region of the registry.
    pub region: Region,
}

/// Where logins come from.
#[derive(Clone, Default)]
pub struct Logins {
    /// Docker's config file; one that is not there holds none.
    pub config_file: Option<PathBuf>,
    /// Who gives tokens; none: nobody.
    pub ecr: Option<Arc<dyn EcrTokens>>,
    /// Registries besides Amazon's own that take such tokens, by host and port.
    pub ecr_registries: Vec<String>,
}

/// For whom an image is pulled.
pub(crate) struct Puller<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) region: &'a Region,
    pub(crate) role_arn: Option<&'a str>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// `X-Registry-Auth`.
    pub(crate) header: Option<String>,
    /// Why there is no login, where there might have been one.
    pub(crate) hint: Option<String>,
}

impl Logins {
    /// The login for an image.
    pub(crate) async fn find(&self, image: &Reference, puller: &Puller<'_>) -> Found {
        let registry = image.registry();
        let from_file = match &self.config_file {
            Some(path) => config_file::find(path, registry).await,
            None => Found::default(),
        };
        if from_file.header.is_some() {
            return from_file;
        }
        let of_amazon = ecr::registry(registry);
        let is_like_it = self.ecr_registries.iter().any(|other| other == registry);
        let (Some(ecr), Some(role_arn)) = (&self.ecr, puller.role_arn) else { return from_file };
        let (registry_account, region) = match of_amazon {
            Some((account, region)) => (Some(account.to_owned()), region),
            None if is_like_it => (None, puller.region.clone()),
            None => return from_file,
        };
        let account = puller.account.clone();
        let asked = EcrRequest { account, role_arn: role_arn.to_owned(), registry_account, region };
        match ecr.token(&asked).await {
            Ok((user, password)) => Found::login(registry, &user, &password),
            Err(hint) => Found { header: None, hint: Some(hint) },
        }
    }
}

impl Found {
    fn login(registry: &str, user: &str, password: &str) -> Self {
        let login = serde_json::json!({ "username": user, "password": password, "serveraddress": registry });
        Self { header: Some(URL_SAFE.encode(login.to_string())), hint: None }
    }
}
