//! `hostler demo`: the K-Means exercise for real, in one command.
//!
//! Why: a newcomer should see a model go from upload to answers before reading anything. It is a client like any
//! other: every step is a signed request over HTTP to a server in this process.
//! Invariants: nothing is canned: the answers are compared with what scikit-learn said of the same rows. Whatever
//! happens, the server is stopped and its temporary directory removed, unless it is kept on request.

mod measure;
mod step;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::cli::{DemoArgs, ServeArgs};
use crate::client::{Client, Refusal, TIMEOUT};
use crate::commands::StopSignals;
use crate::hint::Interrupted;
use crate::output;
use crate::profile;
use crate::serve::Server;
use crate::settings::Settings;
use step::Step;

const MODEL: &[u8] = include_bytes!("../../../examples/kmeans-digits/model.tar.gz");
const ROWS: &str = include_str!("../../../examples/kmeans-digits/rows.csv");
const DIGITS: &str = include_str!("../../../examples/kmeans-digits/rows-digits.txt");
const EXPECTED: &str = include_str!("../../../examples/kmeans-digits/expected.json");

/// AWS's K-Means image for us-east-1: served by the built-in runtime.
const IMAGE: &str = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1";
const ROLE: &str = "arn:aws:iam::000000000000:role/demo";
const NAME: &str = "digits";
const BUCKET: &str = "demo";

/// Far beyond what it takes; a demo that hangs should say so.
const IN_SERVICE_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: &DemoArgs) -> anyhow::Result<()> {
    output::outlive_reader();
    let mut stops = StopSignals::listen()?;
    let dir =
        tempfile::Builder::new().prefix("hostler-demo-").tempdir().context("making a directory failed")?;
    let step = Step::begin("start a server");
    let settings = Settings::resolve(&ServeArgs {
        data_dir: Some(dir.path().to_path_buf()),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..ServeArgs::default()
    })?;
    let server = Server::start(settings).await?;
    step.done(&format!("at {}", server.url));
    let shown = tokio::select! {
        shown = show(args, dir.path()) => shown,
        () = stops.next() => Err(Interrupted(String::new()).into()),
    };
    if shown.is_ok() && args.keep {
        say_how_to_use(dir.path(), &server.url);
        stops.next().await;
    }
    let step = Step::begin("stop the server");
    server.stop(async move { stops.next().await }).await?;
    step.done("nothing is left behind");
    shown
}

async fn show(args: &DemoArgs, data_dir: &Path) -> anyhow::Result<()> {
    let profile = profile::read(data_dir)?;
    let client = Client::new(profile.url, profile.region, profile.credentials, None)?;

    let step = Step::begin("upload model.tar.gz to the embedded S3");
    client.s3(Method::PUT, &format!("/{BUCKET}"), Bytes::new()).await?;
    client.s3(Method::PUT, &format!("/{BUCKET}/model.tar.gz"), Bytes::from_static(MODEL)).await?;
    step.done(&format!("{} bytes to s3://{BUCKET}/model.tar.gz", MODEL.len()));

    let step = Step::begin("CreateModel");
    let container = json!({ "Image": IMAGE, "ModelDataUrl": format!("s3://{BUCKET}/model.tar.gz") });
    let model = json!({ "ModelName": NAME, "ExecutionRoleArn": ROLE, "PrimaryContainer": container });
    client.call("CreateModel", &model).await?;
    step.done(IMAGE);

    let step = Step::begin("CreateEndpointConfig");
    let variant = json!({
        "VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1,
    });
    let config = json!({ "EndpointConfigName": NAME, "ProductionVariants": [variant] });
    client.call("CreateEndpointConfig", &config).await?;
    step.done("one instance of ml.t2.medium");

    let step = Step::begin("CreateEndpoint, until InService");
    client.call("CreateEndpoint", &json!({ "EndpointName": NAME, "EndpointConfigName": NAME })).await?;
    let seen = await_in_service(&client).await?;
    step.done(&seen.join(" -> "));

    let step = Step::begin("InvokeEndpoint, rows as CSV");
    let answer = invoke(&client, "text/csv", Bytes::from_static(ROWS.as_bytes())).await?;
    let clusters = check(&answer)?;
    step.done(&format!("{} real handwritten digits", clusters.len()));
    output::data(&format!("    digit    {}", DIGITS.split_whitespace().collect::<Vec<_>>().join(" ")));
    output::data(&format!("    cluster  {}", clusters.join(" ")));

    let step = Step::begin("InvokeEndpoint, the same rows as JSON");
    let instances: Vec<Value> = ROWS
        .lines()
        .map(|row| {
            let features: Vec<f64> = row.split(',').filter_map(|cell| cell.parse().ok()).collect();
            json!({ "features": features })
        })
        .collect();
    let body = json!({ "instances": instances }).to_string();
    let again = check(&invoke(&client, "application/json", body.into()).await?)?;
    ensure!(again == clusters, "JSON rows were put into other clusters than CSV rows: {again:?}");
    step.done("the same clusters, as scikit-learn finds them");

    let row = ROWS.lines().next().unwrap_or_default();
    measure::run(&client, NAME, row, args.invocations).await?;
    if args.keep {
        return Ok(());
    }

    let step = Step::begin("delete endpoint, config and model");
    client.call("DeleteEndpoint", &json!({ "EndpointName": NAME })).await?;
    client.call("DeleteEndpointConfig", &json!({ "EndpointConfigName": NAME })).await?;
    client.call("DeleteModel", &json!({ "ModelName": NAME })).await?;
    await_gone(&client).await?;
    step.done("");
    Ok(())
}

/// The statuses that were seen on the way.
async fn await_in_service(client: &Client) -> anyhow::Result<Vec<String>> {
    let deadline = tokio::time::Instant::now() + IN_SERVICE_TIMEOUT;
    // What CreateEndpoint promises; DescribeEndpoint may already see the next one.
    let mut seen = vec!["Creating".to_owned()];
    loop {
        let endpoint = client.call("DescribeEndpoint", &json!({ "EndpointName": NAME })).await?;
        let status = endpoint["EndpointStatus"].as_str().unwrap_or_default().to_owned();
        if seen.last() != Some(&status) {
            seen.push(status.clone());
        }
        match status.as_str() {
            "InService" => return Ok(seen),
            "Creating" => {}
            _ => bail!("the endpoint became {status}: {}", endpoint["FailureReason"]),
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "the endpoint is still {status} after {IN_SERVICE_TIMEOUT:?}"
        );
    }
}

async fn await_gone(client: &Client) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + IN_SERVICE_TIMEOUT;
    loop {
        match client.call("DescribeEndpoint", &json!({ "EndpointName": NAME })).await {
            Err(error)
                if error.chain().any(|cause| cause.to_string().contains("Could not find endpoint")) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "the endpoint is still there after {IN_SERVICE_TIMEOUT:?}"
        );
    }
}

async fn invoke(client: &Client, content_type: &str, body: Bytes) -> anyhow::Result<Value> {
    let answer = client.invoke(TIMEOUT, NAME, content_type, Some("application/json"), body).await?;
    if !answer.status.is_success() {
        return Err(Refusal::read(&answer)).context("InvokeEndpoint was refused");
    }
    serde_json::from_slice(&answer.body).context("the answer is not JSON")
}

/// Compares an answer with what scikit-learn said; the clusters it names.
fn check(answer: &Value) -> anyhow::Result<Vec<String>> {
    let expected: Value = serde_json::from_str(EXPECTED).context("the expected answers are damaged")?;
    let rows = |value: &Value| value["predictions"].as_array().cloned().unwrap_or_default();
    let (got, expected) = (rows(answer), rows(&expected));
    ensure!(got.len() == expected.len(), "{} answers for {} rows", got.len(), expected.len());
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let distance = |row: &Value| row["distance_to_cluster"].as_f64().unwrap_or(f64::NAN);
        let is_same = got["closest_cluster"] == expected["closest_cluster"]
            && (distance(got) - distance(expected)).abs() < 1e-3;
        ensure!(is_same, "row {}: got {got}, scikit-learn says {expected}", index + 1);
    }
    let cluster = |row: &Value| format!("{}", row["closest_cluster"].as_f64().unwrap_or(f64::NAN));
    Ok(got.iter().map(cluster).collect())
}

fn say_how_to_use(data_dir: &Path, url: &str) {
    let dir = data_dir.display();
    // Nothing is indented, so that it can be copied into a shell as it stands.
    output::data(&format!(
        "\nThe server stays at {url} until Ctrl-C. In another terminal, with boto3 installed:\n"
    ));
    output::data(&format!("export AWS_CONFIG_FILE={dir}/aws/config AWS_PROFILE=hostler"));
    output::data(&format!("export AWS_SHARED_CREDENTIALS_FILE={dir}/aws/credentials"));
    output::data("python3 - <<'PY'\nimport boto3\nruntime = boto3.client('sagemaker-runtime')");
    output::data("row = ','.join(['0'] * 64)");
    output::data(&format!(
        "answer = runtime.invoke_endpoint(EndpointName='{NAME}', ContentType='text/csv', Body=row)"
    ));
    output::data("print(answer['Body'].read().decode())\nPY\n");
}
