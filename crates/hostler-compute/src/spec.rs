//! What an instance is to be: everything a backend needs to run it, and nothing it has to look up.
//!
//! Why: the backend's node fetches and starts; it may be another machine, so the spec is a value that can travel.
//! Invariants: equal specs have equal hashes across processes and releases (the hash is over canonical JSON).

use std::collections::BTreeMap;

use hostler_artifacts::{ArtifactSource, DataSource};
use hostler_types::{DeviceClass, InstanceId, Key, Scope};
use serde::{Deserialize, Serialize};

/// One instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Its id; carries endpoint, generation, variant, ordinal and attempt.
    pub id: InstanceId,
    /// The account and region.
    pub scope: Scope,
    /// The endpoint's name as its owner spells it: for logs and environment.
    pub endpoint_name: String,
    /// One, or as many as the model lists; their names differ.
    pub containers: Vec<ContainerSpec>,
    /// What the instance type grants.
    pub limits: Limits,
    /// What the backend must have, or the instance fails as [`Fault::NeverFits`](crate::Fault::NeverFits).
    #[serde(default)]
    pub accelerators: Option<Accelerators>,
    /// How long fetching and unpacking may take, in milliseconds.
    pub download_timeout_ms: i64,
    /// Its containers may speak to nobody; a backend that cannot see to that refuses the instance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_isolated: bool,
}

impl InstanceSpec {
    /// The key of the endpoint it belongs to.
    pub fn endpoint_key(&self) -> Key {
        Key::new(&self.scope, hostler_types::Kind::Endpoint, &self.endpoint_name)
    }

    /// The names of its containers, in order.
    pub fn container_names(&self) -> Vec<String> {
        self.containers.iter().map(|container| container.name.clone()).collect()
    }

    /// A short digest of everything that decides what runs; the id is left out.
    pub fn hash(&self) -> String {
        let mut body = serde_json::json!([
            self.scope,
            self.endpoint_name,
            self.containers,
            self.limits,
            self.download_timeout_ms
        ]);
        // Added when there is something to add, so that a spec without it keeps the hash that earlier releases gave it.
        if let (Some(accelerators), Some(list)) = (&self.accelerators, body.as_array_mut()) {
            list.push(serde_json::json!(accelerators));
        }
        if let (true, Some(list)) = (self.is_isolated, body.as_array_mut()) {
            list.push(serde_json::json!("isolated"));
        }
        // FNV-1a, 64 bits: it tells specs apart, it does not keep enemies out.
        let hash = body.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// One container of an instance. It is found by its name: in what runs, in what failed, and among the logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// `ContainerHostname`, or the default name.
    pub name: String,
    /// The image as the model names it; empty when the model names none.
    pub image: String,
    /// What runs it.
    pub program: Program,
    /// What fills the model directory; none leaves it empty.
    pub model_data: Option<DataSource>,
    /// What lies beside the model directory, each in a directory named by its channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_model_data: Vec<ChannelData>,
    /// The container's environment.
    pub environment: BTreeMap<String, String>,
    /// Who asks a registry for the image; none where nothing is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_role_arn: Option<String>,
    /// The prefix under which its many models lie, each fetched when it is first asked for; none where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ArtifactSource>,
}

/// One of a container's `AdditionalModelDataSources`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelData {
    /// `ChannelName`: a plain file name.
    pub channel: String,
    /// What fills its directory.
    pub data: DataSource,
}

/// The channel of a script that comes in an archive of its own; no `ChannelName` holds a colon.
pub const SCRIPT_CHANNEL: &str = "hostler:code";

/// How a container's image is run here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Program {
    /// The built-in runtime with this engine.
    BuiltIn {
        /// The engine's name, such as `kmeans`.
        engine: String,
    },
    /// A command on this machine; `{port}`, `{model_dir}` and `{additional_dir}` in arguments and values are filled in by
    /// the backend.
    Command {
        /// Program and arguments.
        command: Vec<String>,
        /// Added to the container's environment, under it.
        environment: BTreeMap<String, String>,
        /// Where it starts; the instance's own directory when none.
        working_dir: Option<String>,
        /// The command finds its model in `/opt/ml/model` and nowhere else: a backend that cannot give it that path
        /// fails the instance and says why.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        needs_opt_ml: bool,
    },
    /// The model's own script under the contract server of this release.
    Script {
        /// Whose defaults its functions have, such as `scikit-learn`.
        framework: String,
        /// The framework's version, where the image says one.
        version: Option<String>,
    },
    /// A container image, for backends that pull.
    Image,
}

/// What an instance may use; none means as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Thousandths of a CPU.
    pub cpu_millis: Option<u64>,
}

/// Accelerators that an instance cannot do without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accelerators {
    /// How many.
    pub count: u32,
    /// Maker and model, for people.
    pub name: String,
    /// Whose driver they need.
    pub class: DeviceClass,
}

#[cfg(test)]
mod tests {
    use hostler_artifacts::{ArtifactSource, DataForm};
    use hostler_types::{AccountId, Region};

    use super::*;

    /// A container as the release before additional model data wrote it.
    const CONTAINER: &str = r#"{"name":"container_1","image":"registry/model:1","program":{"BuiltIn":{"engine":"kmeans"}},"model_data":{"uri":"s3://b/model.tar.gz","role_arn":"arn:aws:iam::000000000000:role/r","account":"000000000000","region":"us-east-1"},"environment":{"A":"1"}}"#;

    fn spec(container: &str) -> InstanceSpec {
        InstanceSpec {
            id: crate::conformance::instance_id("e1", 0),
            scope: Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1")),
            endpoint_name: "demo".to_owned(),
            containers: vec![serde_json::from_str(container).unwrap()],
            limits: Limits { memory_bytes: Some(1024), cpu_millis: None },
            accelerators: None,
            download_timeout_ms: 3_600_000,
            is_isolated: false,
        }
    }

    #[test]
    fn what_an_earlier_release_wrote_is_read_and_keeps_its_hash() {
        let spec = spec(CONTAINER);
        let data = spec.containers[0].model_data.as_ref().unwrap();
        assert_eq!(
            (data.at.uri.as_str(), &data.form, &data.etag),
            ("s3://b/model.tar.gz", &DataForm::Archive, &None)
        );
        assert!(spec.containers[0].additional_model_data.is_empty());
        assert_eq!(serde_json::to_string(&spec.containers[0]).unwrap(), CONTAINER);
        // FNV-1a of the earlier JSON, worked out in Python: a server that adopts it must not take it for another.
        assert_eq!(spec.hash(), "dffc9b1695e8ce43");
    }

    #[test]
    fn order_and_names_of_several_containers_decide_what_runs() {
        let named = |names: &[&str]| {
            let mut spec = spec(CONTAINER);
            let one = spec.containers.remove(0);
            let name = |name: &&str| ContainerSpec { name: (*name).to_owned(), ..one.clone() };
            spec.containers = names.iter().map(name).collect();
            spec.hash()
        };
        let hashes = [named(&["a"]), named(&["a", "b"]), named(&["b", "a"]), named(&["a", "b", "c"])];
        let different: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
    }

    #[test]
    fn every_part_of_the_data_decides_what_runs() {
        let base = spec(CONTAINER);
        let change = |change: &dyn Fn(&mut ContainerSpec)| {
            let mut other = base.clone();
            change(&mut other.containers[0]);
            let json = serde_json::to_string(&other).unwrap();
            assert_eq!(serde_json::from_str::<InstanceSpec>(&json).unwrap(), other);
            other.hash()
        };
        let data = || base.containers[0].model_data.clone().unwrap();
        let form = |form: DataForm| {
            move |container: &mut ContainerSpec| {
                container.model_data.as_mut().unwrap().form = form.clone();
            }
        };
        let at = |uri: &str| ArtifactSource { uri: uri.to_owned(), ..data().at };
        let channel = |channel: &str| {
            let data = ChannelData { channel: channel.to_owned(), data: at("s3://b/x/").into() };
            move |container: &mut ContainerSpec| container.additional_model_data.push(data.clone())
        };
        let hashes = [
            base.hash(),
            change(&form(DataForm::Object)),
            change(&form(DataForm::Prefix)),
            change(&form(DataForm::Manifest { uri: "s3://b/1".to_owned() })),
            change(&form(DataForm::Manifest { uri: "s3://b/2".to_owned() })),
            change(&|container| container.model_data.as_mut().unwrap().etag = Some("e".to_owned())),
            change(&channel("a")),
            change(&channel("b")),
        ];
        let different: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
    }
}
