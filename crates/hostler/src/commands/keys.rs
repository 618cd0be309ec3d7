//! `hostler keys`: access keys of several accounts, by the server's admin API.

use anyhow::{Context, bail};
use http::Method;
use serde_json::{Value, json};

use crate::cli::{
    CreateKeyArgs, KeysArgs, KeysCommand, ListKeysArgs, OutputForm, RevokeKeysArgs, RotateKeyArgs,
};
use crate::client::Client;
use crate::data_dir::DataDir;
use crate::hint::Hinted;
use crate::output;
use crate::profile;

pub(crate) async fn run(args: &KeysArgs) -> anyhow::Result<()> {
    match &args.command {
        KeysCommand::Create(create) => create_key(create).await,
        KeysCommand::Ls(list) => list_keys(list).await,
        KeysCommand::Revoke(revoke) => revoke_keys(revoke).await,
        KeysCommand::Rotate(args) => rotate(args),
    }
}

async fn create_key(args: &CreateKeyArgs) -> anyhow::Result<()> {
    let find = &args.find;
    let client = Client::find_own(find)?;
    if let Some(name) = &args.profile {
        profile::check_free(&find.data_dir, name)?;
    }
    let mut body = json!({ "Account": args.account });
    if let Some(user) = &args.name {
        body["UserName"] = json!(user);
    }
    let key = client.admin_call(Method::POST, "keys", body.to_string()).await?;
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    // The secret first: whatever fails after this, it must not be lost.
    match find.output {
        OutputForm::Json => output::data(&key.to_string()),
        OutputForm::Text => {
            for name in ["AccessKeyId", "SecretAccessKey", "Account", "Arn"] {
                output::data(&format!("{name:<17}{}", text(name)));
            }
        }
    }
    let Some(name) = &args.profile else {
        output::say(
            "the secret is shown this once; `--profile NAME` also writes it into the data directory's AWS files",
        );
        return Ok(());
    };
    profile::add(&find.data_dir, name, text("AccessKeyId"), text("SecretAccessKey"))
        .with_context(|| format!("the key is good, but profile `{name}` was not written"))?;
    output::say(&format!(
        "the secret is shown this once; eval \"$(hostler env --profile {name})\" uses the key"
    ));
    Ok(())
}

async fn list_keys(args: &ListKeysArgs) -> anyhow::Result<()> {
    let find = &args.find;
    let keys = keys_of(&Client::find_own(find)?, args.account.as_deref()).await?;
    match find.output {
        OutputForm::Json => output::data(&Value::Array(keys).to_string()),
        OutputForm::Text => table(&keys).iter().for_each(|line| output::data(line)),
    }
    Ok(())
}

async fn keys_of(client: &Client, account: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let mut shown = client.admin("keys").await?;
    let Value::Array(mut keys) = shown["Keys"].take() else { bail!("the server's answer has no keys") };
    keys.retain(|key| account.is_none_or(|account| key["Account"] == account));
    Ok(keys)
}

/// A heading and a line for each key.
fn table(keys: &[Value]) -> Vec<String> {
    let heading = ["ACCESS KEY ID", "ACCOUNT", "NAME", "CREATED", "LAST USED (10 min)"].map(str::to_owned);
    let rows = keys.iter().map(|key| {
        let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
        let time = |name: &str, none: &str| key[name].as_i64().map_or_else(|| none.to_owned(), minute);
        let name = match (&key["IsServersOwn"], key["UserName"].as_str()) {
            (Value::Bool(true), _) => "(server)".to_owned(),
            (_, Some(user)) => user.to_owned(),
            (_, None) => "(root)".to_owned(),
        };
        [text("AccessKeyId"), text("Account"), name, time("CreationTime", "-"), time("LastUsedTime", "never")]
    });
    let rows: Vec<[String; 5]> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    rows.iter()
        .map(|[id, account, name, created, used]| {
            let [a, b, c, d] = widths;
            format!("{id:a$}  {account:b$}  {name:c$}  {created:d$}  {used}")
        })
        .collect()
}

/// `2026-01-02 03:04Z`.
fn minute(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%d %H:%MZ").to_string()
}

async fn revoke_keys(args: &RevokeKeysArgs) -> anyhow::Result<()> {
    let RevokeKeysArgs { which, find } = args;
    let client = Client::find_own(find)?;
    let ids = match (&which.id, &which.account) {
        (Some(id), _) => vec![id.clone()],
        (None, account) => {
            let mut keys = keys_of(&client, account.as_deref()).await?;
            // Of the server's account all go but the one that nobody can do without.
            keys.retain(|key| key["IsServersOwn"] != true);
            keys.iter().filter_map(|key| key["AccessKeyId"].as_str().map(str::to_owned)).collect()
        }
    };
    if ids.is_empty() {
        let account = which.account.as_deref().unwrap_or_default();
        return Err(Hinted::wrap(
            anyhow::anyhow!("account {account} has no access key that can be revoked"),
            "`hostler keys ls` shows the keys that there are",
        ));
    }
    let mut revoked = Vec::new();
    for id in ids {
        // The answer comes when the server refuses the key.
        client
            .admin_call(Method::DELETE, &format!("keys/{}", segment(&id)), String::new())
            .await
            .with_context(|| format!("revoking {} failed", id.escape_debug()))?;
        if find.output == OutputForm::Text {
            output::data(&format!("{id} is revoked"));
        }
        if let Some(name) = profile::remove(&find.data_dir, &id)? {
            output::say(&format!("profile `{name}` was removed"));
        }
        revoked.push(json!({ "AccessKeyId": id, "Revoked": true }));
    }
    if find.output == OutputForm::Json {
        output::data(&Value::Array(revoked).to_string());
    }
    Ok(())
}

/// What stands in a path as it is; anything else is no id, and the server says so.
fn segment(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn rotate(args: &RotateKeyArgs) -> anyhow::Result<()> {
    let find = &args.find;
    let id = DataDir::existing(&find.data_dir)?.rotate_key()?;
    match find.output {
        OutputForm::Json => output::data(&json!({ "AccessKeyId": id }).to_string()),
        OutputForm::Text => output::data(&format!("the server's own key is {id} from its next start")),
    }
    output::say(
        "sessions that came from the former key end with it; `hostler env` names the new one after the start",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_columns_and_say_whose_they_are() {
        let key = |id: &str, name: Value, own: bool, created: Value, used: Value| {
            json!({ "AccessKeyId": id, "Account": "111122223333", "UserName": name, "IsServersOwn": own,
                    "CreationTime": created, "LastUsedTime": used })
        };
        let keys = [
            key("AKIAOWN", Value::Null, true, Value::Null, json!(1_767_322_800_000_i64)),
            key("AKIAONE", json!("ci"), false, json!(1_767_323_045_000_i64), Value::Null),
            key("AKIATWO", Value::Null, false, json!(1_767_323_045_000_i64), Value::Null),
        ];
        let expected = [
            "ACCESS KEY ID  ACCOUNT       NAME      CREATED            LAST USED (10 min)",
            "AKIAOWN        111122223333  (server)  -                  2026-01-02 03:00Z",
            "AKIAONE        111122223333  ci        2026-01-02 03:04Z  never",
            "AKIATWO        111122223333  (root)    2026-01-02 03:04Z  never",
        ];
        assert_eq!(table(&keys), expected);
    }

    #[test]
    fn an_id_cannot_become_another_path() {
        assert_eq!(segment("AKIA234"), "AKIA234");
        assert_eq!(segment("../x y"), "%2E%2E%2Fx%20y");
    }
}
