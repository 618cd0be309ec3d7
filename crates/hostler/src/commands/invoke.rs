//! `hostler invoke NAME --body FILE|- --content-type T`.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde_json::json;

use crate::cli::{InvokeArgs, OutputForm};
use crate::client::{Client, NoAnswer, Refusal};
use crate::endpoint_name;
use crate::hint::Hinted;
use crate::output;

pub(crate) async fn run(args: &InvokeArgs) -> anyhow::Result<()> {
    endpoint_name::check(&args.name)?;
    let client = Client::find(&args.find)?;
    let body = read_body(&args.body)?;
    let limit = Duration::from_secs(args.timeout);
    let answered = client.invoke(limit, &args.name, &args.content_type, args.accept.as_deref(), body).await;
    let answer = answered.map_err(|error| {
        let hint =
            "--timeout waits longer; how long a model may take is `model_timeout_s` in the server's settings";
        if error.is::<NoAnswer>() { Hinted::wrap(error, hint) } else { error }
    })?;
    if !answer.status.is_success() {
        return Err(client.with_near_names(Refusal::read(&answer).into(), &args.name).await);
    }
    if args.find.output == OutputForm::Json {
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        output::data(
            &json!({
                "Body": String::from_utf8_lossy(&answer.body),
                "ContentType": header("content-type"),
                "InvokedProductionVariant": header("x-amzn-invoked-production-variant"),
            })
            .to_string(),
        );
    } else {
        output::bytes(&answer.body);
        if !answer.body.ends_with(b"\n") {
            output::data("");
        }
    }
    Ok(())
}

fn read_body(path: &Path) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("reading standard input failed")?;
    } else {
        bytes = std::fs::read(path).with_context(|| format!("reading `{}` failed", path.display()))?;
    }
    Ok(bytes.into())
}
