//! The arguments of `hostler keys`.

use clap::{Args, Subcommand};

use super::FindArgs;

#[derive(Debug, Clone, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an access key of an account; its secret is shown this once
    Create(CreateKeyArgs),
    /// List access keys, never their secrets
    Ls(ListKeysArgs),
    /// End an access key, or all of an account: they are refused when this returns
    Revoke(RevokeKeysArgs),
    /// Replace the server's own key, while the server is stopped
    Rotate(RotateKeyArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CreateKeyArgs {
    /// The account: twelve digits; one that is not there yet begins with its first key
    #[arg(long, value_name = "N", value_parser = account)]
    pub(crate) account: String,
    /// The user of the account whose key it is [default: the account itself]
    #[arg(long, value_name = "USER")]
    pub(crate) name: Option<String>,
    /// Write the key into the data directory's AWS files, as this profile
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ListKeysArgs {
    /// Of this account alone
    #[arg(long, value_name = "N", value_parser = account)]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RotateKeyArgs {
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RevokeKeysArgs {
    #[command(flatten)]
    pub(crate) which: WhichKeys,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichKeys {
    /// The access key's id
    pub(crate) id: Option<String>,
    /// All keys of this account
    #[arg(long, value_name = "N", value_parser = account)]
    pub(crate) account: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EnvArgs {
    /// A profile that `hostler keys create --profile` wrote
    #[arg(long, value_name = "PROFILE", default_value = crate::profile::PROFILE)]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("an account is twelve digits".to_owned()) }
}

fn profile(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(is_plain) {
        return Err("a profile's name is one to 64 letters, digits or any of -_.@".to_owned());
    }
    if [crate::profile::PROFILE, "default"].contains(&text) {
        return Err(format!("the name `{text}` is taken"));
    }
    Ok(text.to_owned())
}
