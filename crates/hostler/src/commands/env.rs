//! `hostler env`: what a shell evaluates to point AWS tools at the server.

use anyhow::Context;
use serde_json::json;

use crate::cli::{EnvArgs, OutputForm};
use crate::output;
use crate::profile;

pub(crate) fn run(args: &EnvArgs) -> anyhow::Result<()> {
    let find = &args.find;
    let profile = profile::read(&find.data_dir)?;
    profile::check_there(&find.data_dir, &args.profile)?;
    let dir = find.data_dir.canonicalize().context("finding the data directory failed")?.join("aws");
    let url = find.endpoint.clone().unwrap_or(profile.url);
    let exports = [
        ("AWS_CONFIG_FILE", dir.join("config").display().to_string()),
        ("AWS_SHARED_CREDENTIALS_FILE", dir.join("credentials").display().to_string()),
        ("AWS_PROFILE", args.profile.clone()),
        ("AWS_ENDPOINT_URL", url),
    ];
    match find.output {
        OutputForm::Json => {
            let object: serde_json::Map<_, _> =
                exports.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            output::data(&serde_json::Value::Object(object).to_string());
        }
        OutputForm::Text => {
            for (name, value) in exports {
                output::data(&format!("export {name}='{}'", value.replace('\'', r"'\''")));
            }
        }
    }
    Ok(())
}
