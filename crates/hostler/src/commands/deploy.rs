//! `hostler deploy PATH --name N`: from a directory or an archive to an endpoint that answers.
//!
//! Why: five calls of three services, in the right order, with names that do not collide, are what stands between a
//! trained model and its first answer. Here they are one command, and still plain calls that AWS has, too.
//! Invariants: an endpoint that exists is touched only when everything else is ready: it is updated, or with `--replace`
//! deleted and created anew.
//! Failure: until the endpoint is asked for, whatever was made is taken back, and so it is when an update has gone back;
//! otherwise it stays and is named.

mod existing;
mod image;
mod instance_type;
mod names;
mod report;
mod send;
mod wait;

use std::cell::{Cell, OnceCell};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use hostler_catalog::SCRIPT_IMAGE;
use hostler_types::{Clock, SystemClock};
use http::Method;
use serde_json::{Map, Value, json};

use super::StopSignals;
use crate::cli::DeployArgs;
use crate::client::{Client, Refusal, Upload};
use crate::hint::Hinted;
use crate::model_path::{Form, ModelPath};
use crate::output;
use crate::progress::{Progress, size};
use existing::{Former, Way};
use image::Engine;
use names::{BUCKET, Names};

pub(crate) use image::image;

const ROLE_NAME: &str = "hostler-deploy";
const VARIANT: &str = "AllTraffic";
/// An instance of two vCPUs and 8 GiB: enough for most models, and a type that every region has.
const INSTANCE_TYPE_DEFAULT: &str = "ml.m5.large";

/// What exists by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Nothing,
    Archive,
    Model,
    Config,
    /// CreateEndpoint or UpdateEndpoint was sent.
    Endpoint,
}

/// One deployment.
struct Deployment<'a> {
    args: &'a DeployArgs,
    client: Client,
    names: Names,
    form: Form,
    progress: Progress,
    made: Cell<Made>,
    /// The endpoint that was there has been deleted.
    has_deleted: Cell<bool>,
    /// What the endpoint runs that is updated.
    former: OnceCell<Former>,
}

pub(crate) async fn run(args: &DeployArgs) -> anyhow::Result<()> {
    // Half a deployment is nobody's wish, also when whoever read its progress has gone.
    output::outlive_reader();
    let mut stops = StopSignals::listen()?;
    let names = Names::new(&args.name, SystemClock.now(), rand::random())?;
    args.instance_type.as_deref().map_or(Ok(()), instance_type::check)?;
    let form = Form::of(&args.path)?;
    let client = Client::find(&args.find)?;
    let progress = Progress::begin();
    let deployment = Deployment {
        args,
        client,
        names,
        form,
        progress,
        made: Cell::new(Made::Nothing),
        has_deleted: Cell::new(false),
        former: OnceCell::new(),
    };
    let outcome = tokio::select! {
        outcome = deployment.run() => outcome,
        () = stops.next() => Err(deployment.interrupted().await),
    };
    if outcome.is_err() && deployment.made.get() < Made::Endpoint {
        deployment.take_back().await;
    }
    outcome
}

impl Deployment<'_> {
    async fn run(&self) -> anyhow::Result<()> {
        let is_replacing = match self.way().await? {
            Way::Create => false,
            Way::Replace => true,
            Way::Update(former) => {
                self.former.set(former).expect("it is looked at once");
                false
            }
        };
        let engine = self.engine().await?;
        let image = match (&self.args.image, &engine) {
            (Some(image), _) => image.clone(),
            (None, Some(engine)) => engine.image.clone(),
            (None, None) => SCRIPT_IMAGE.to_owned(),
        };
        if let Some(engine) = &engine {
            self.progress.done(&format!("served by the built-in engine {}", engine.description));
        } else if self.args.image.is_none() {
            self.progress.done("served by its own code/inference.py");
        }
        self.upload().await?;
        self.create_model_and_config(&image).await?;
        if is_replacing {
            self.delete_existing().await?;
        }
        match self.former.get() {
            Some(_) => self.update().await?,
            None => self.create().await?,
        }
        let limit = Duration::from_secs(self.args.timeout);
        let settled = wait::settled(&self.client, &self.names.endpoint, limit, &self.progress).await?;
        self.report(&settled, &image, engine.as_ref()).await
    }

    async fn create(&self) -> anyhow::Result<()> {
        let name = &self.names.endpoint;
        self.made.set(Made::Endpoint);
        let input = json!({ "EndpointName": name, "EndpointConfigName": self.names.version });
        if let Err(error) = self.client.call("CreateEndpoint", &input).await {
            if matches!(wait::describe(&self.client, name).await, Ok(None)) {
                self.made.set(Made::Config);
            }
            if self.has_deleted.get() {
                return Err(
                    error.context(format!("endpoint `{name}` was deleted and could not be created anew"))
                );
            }
            return Err(error);
        }
        self.progress.show("creating the endpoint", "");
        Ok(())
    }

    /// The engine that serves the model, unless an image was named or a script of its own does.
    async fn engine(&self) -> anyhow::Result<Option<Engine>> {
        if self.args.image.is_some() {
            return Ok(None);
        }
        self.progress.show("looking into the model", "");
        let (path, region) = (self.args.path.clone(), self.client.region().to_string());
        let looking = tokio::task::spawn_blocking(move || {
            let model = ModelPath::look(&path)?;
            refuse_problems(&path, &model.contents.problems)?;
            image::engine(model.dir(), &region, &path)
        });
        looking.await.context("looking into the model panicked")?
    }

    async fn upload(&self) -> anyhow::Result<()> {
        if let Err(error) = self.archive().make_bucket().await {
            let is_off = error
                .downcast_ref::<Refusal>()
                .is_some_and(|refusal| refusal.code == "NotImplementedByHostler");
            return Err(if is_off {
                let hint = "its settings name another S3 by [s3], where `deploy` has no key: upload the archive there, and \
                            create model, endpoint config and endpoint with boto3 or the AWS CLI";
                Hinted::wrap(error, hint)
            } else {
                error
            });
        }
        self.made.set(Made::Archive);
        let bytes = send::send(&self.args.path, self.form, &self.archive(), &self.progress).await?;
        self.progress.done(&format!("uploaded {} to {}", size(bytes), self.names.url()));
        Ok(())
    }

    fn archive(&self) -> Upload<'_> {
        Upload { client: &self.client, bucket: BUCKET, key: &self.names.key }
    }

    async fn create_model_and_config(&self, image: &str) -> anyhow::Result<()> {
        let version = &self.names.version;
        self.progress.show("creating model and endpoint config", "");
        let role = match &self.args.role {
            Some(role) => role.clone(),
            None => format!("arn:aws:iam::{}:role/{ROLE_NAME}", self.client.account().await?),
        };
        let mut container = json!({ "Image": image, "ModelDataUrl": self.names.url() });
        if !self.args.environment.is_empty() {
            let variables: Map<String, Value> =
                self.args.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            container["Environment"] = Value::Object(variables);
        }
        let model = json!({ "ModelName": version, "ExecutionRoleArn": role, "PrimaryContainer": container });
        if let Err(error) = self.client.call("CreateModel", &model).await {
            let is_about_role =
                error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.message.contains(&role));
            return Err(if is_about_role {
                let hint = "name a role that may read the bucket by --role; a server with undeclared_roles = \"deny\" \
                            knows those of its [[role]] settings only";
                Hinted::wrap(error, hint)
            } else {
                error
            });
        }
        self.made.set(Made::Model);
        let former = self.former.get();
        let instance_type = self.args.instance_type.as_deref();
        let instance_type = instance_type.or(former.and_then(|former| former.instance_type.as_deref()));
        let count = self.args.count.map(u64::from).or(former.map(|former| former.count));
        let variant = json!({
            "VariantName": former.map_or(VARIANT, |former| &former.variant), "ModelName": version,
            "InstanceType": instance_type.unwrap_or(INSTANCE_TYPE_DEFAULT),
            "InitialInstanceCount": count.unwrap_or(1),
            "InitialVariantWeight": former.map_or(1.0, |former| former.weight),
        });
        let config = json!({ "EndpointConfigName": version, "ProductionVariants": [variant] });
        self.client.call("CreateEndpointConfig", &config).await?;
        self.made.set(Made::Config);
        self.progress.done(&format!("created model and endpoint config {version}"));
        Ok(())
    }

    /// Deletes what was made before the endpoint; what cannot be deleted is named.
    async fn take_back(&self) {
        let version = &self.names.version;
        let made = self.made.get();
        let mut left = Vec::new();
        if made >= Made::Config {
            let input = json!({ "EndpointConfigName": version });
            left.extend(self.client.call("DeleteEndpointConfig", &input).await.err());
        }
        if made >= Made::Model {
            left.extend(self.client.call("DeleteModel", &json!({ "ModelName": version })).await.err());
        }
        if made >= Made::Archive {
            let archive = self.archive();
            let path = format!("/{BUCKET}/{}", self.names.key);
            left.extend(archive.abort().await.err());
            left.extend(self.client.s3(Method::DELETE, &path, Bytes::new()).await.err());
        }
        for error in left {
            output::say(&format!("something may be left of {version}: {error:#}"));
        }
    }
}

fn refuse_problems(path: &Path, problems: &[String]) -> anyhow::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let list = problems.join("\n  - ");
    Err(Hinted::wrap(
        anyhow!("a deployment would refuse `{}`:\n  - {list}", path.display()),
        format!("`hostler inspect {}` shows all that it holds", path.display()),
    ))
}
