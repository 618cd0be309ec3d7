//! What an instance's process gets to see: its command line and its environment.
//!
//! Why: the container contract speaks through variables; nothing of the server's own environment, AWS keys above
//! all, may leak into a model.
//! Invariants: pure. The model's own variables are passed word for word and win over the operator's mapping; only
//! the port and the marks of this room win over them, since a model cannot know those.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use hostler_compute::{ContainerSpec, InstanceSpec, Program};

use crate::processes::MARKER;
use crate::{ScriptConfig, script};

/// Where SageMaker's containers find their model.
pub(crate) const OPT_ML_MODEL: &str = "/opt/ml/model";
/// Enough for every server that was tried; the range has room for 1,500 such containers.
const MORE_PORTS: u16 = 7;
const OPT_ML: &str = "/opt/ml";
/// Where SageMaker puts additional model data, each in a directory named by its channel.
pub(crate) const OPT_ML_ADDITIONAL: &str = "/opt/ml/additional-model-data-sources";

/// The address of every instance of this backend.
pub(crate) const HOST: &str = "127.0.0.1";

/// Where a container lives and what it is given.
pub(crate) struct Place<'a> {
    pub(crate) instance_dir: &'a Path,
    /// The container's own: the instance's when there is no other container.
    pub(crate) home: &'a Path,
    pub(crate) model_dir: &'a Path,
    pub(crate) additional_dir: &'a Path,
    /// The first is the container contract's.
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) path: &'a str,
    pub(crate) hostler_exe: &'a Path,
    /// What a built-in engine reads of one request.
    pub(crate) payload_bytes_max: u64,
    pub(crate) script: &'a ScriptConfig,
    /// Processes of a script's server.
    pub(crate) workers: usize,
}

/// The command line; none for a program that only a container backend runs.
pub(crate) fn command(container: &ContainerSpec, place: &Place<'_>) -> Option<Vec<String>> {
    match &container.program {
        Program::BuiltIn { engine } => {
            let [exe, model_dir] =
                [place.hostler_exe, place.model_dir].map(|path| path.display().to_string());
            let (port, payload) = (place.ports.start().to_string(), place.payload_bytes_max.to_string());
            let words: [&str; 12] = [
                &exe,
                "runtime",
                "--engine",
                engine,
                "--model-dir",
                &model_dir,
                "--port",
                &port,
                "--host",
                HOST,
                "--max-payload-bytes",
                &payload,
            ];
            Some(words.map(str::to_owned).to_vec())
        }
        Program::Command { command, .. } => Some(command.iter().map(|word| place.fill_in(word)).collect()),
        Program::Script { framework, version } => {
            Some(script::command(container, framework, version.as_deref(), place))
        }
        Program::Image => None,
    }
}

/// The whole environment.
pub(crate) fn environment(
    spec: &InstanceSpec,
    container: &ContainerSpec,
    place: &Place<'_>,
) -> BTreeMap<String, String> {
    let dir = |path: &Path| path.display().to_string();
    // Where SageMaker's inference toolkits look for `model`.
    let base_dir = if needs_opt_ml(container) { OPT_ML.to_owned() } else { dir(place.home) };
    let region = spec.scope.region.to_string();
    let mut all: BTreeMap<String, String> = [
        ("PATH", place.path.to_owned()),
        ("HOME", dir(place.home)),
        ("LANG", "C.UTF-8".to_owned()),
        ("TMPDIR", dir(&place.home.join("tmp"))),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("SAGEMAKER_BASE_DIR", base_dir),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Program::Command { environment, .. } = &container.program {
        all.extend(environment.iter().map(|(name, value)| (name.clone(), place.fill_in(value))));
    }
    all.extend(container.environment.clone());
    all.insert("SAGEMAKER_BIND_TO_PORT".to_owned(), place.ports.start().to_string());
    let mut more = place.ports.clone().skip(1);
    if let (Some(first), last) = (more.next(), place.ports.end()) {
        all.insert("SAGEMAKER_SAFE_PORT_RANGE".to_owned(), format!("{first}-{last}"));
    }
    all.insert("HOSTLER_MODEL_DIR".to_owned(), dir(place.model_dir));
    if !container.additional_model_data.is_empty() {
        all.insert("HOSTLER_ADDITIONAL_DIR".to_owned(), dir(place.additional_dir));
    }
    if matches!(container.program, Program::Script { .. }) {
        all.extend(script::variables(place.script));
    }
    all.insert(MARKER.to_owned(), dir(place.instance_dir));
    all
}

/// How many ports a program gets besides its own: servers of others have listeners for metrics or management.
pub(crate) fn more_ports(container: &ContainerSpec) -> u16 {
    match container.program {
        Program::Command { .. } => MORE_PORTS,
        Program::BuiltIn { .. } | Program::Script { .. } | Program::Image => 0,
    }
}

/// Whether the program looks nowhere but in `/opt/ml/model`.
pub(crate) fn needs_opt_ml(container: &ContainerSpec) -> bool {
    matches!(container.program, Program::Command { needs_opt_ml: true, .. })
}

impl Place<'_> {
    fn fill_in(&self, text: &str) -> String {
        text.replace("{port}", &self.ports.start().to_string())
            .replace("{model_dir}", &self.model_dir.display().to_string())
            .replace("{additional_dir}", &self.additional_dir.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use hostler_artifacts::ArtifactSource;
    use hostler_compute::conformance::instance_id;
    use hostler_compute::{ChannelData, Limits};
    use hostler_types::{AccountId, Region, Scope};

    use super::*;

    fn spec(program: Program, environment: &[(&str, &str)]) -> InstanceSpec {
        let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        InstanceSpec {
            id: instance_id("e1", 0),
            scope: Scope::new(&AccountId::new("000000000000"), &Region::new("eu-west-1")),
            endpoint_name: "demo".to_owned(),
            containers: vec![ContainerSpec {
                name: "container_1".to_owned(),
                image: String::new(),
                program,
                model_data: None,
                additional_model_data: Vec::new(),
                environment: pairs.collect(),
                image_role_arn: None,
                models: None,
            }],
            limits: Limits::default(),
            accelerators: None,
            download_timeout_ms: 1,
            is_isolated: false,
        }
    }

    fn place() -> Place<'static> {
        static SCRIPT: std::sync::LazyLock<ScriptConfig> =
            std::sync::LazyLock::new(|| ScriptConfig::new("/e"));
        Place {
            instance_dir: Path::new("/i"),
            home: Path::new("/i"),
            model_dir: Path::new("/i/model"),
            additional_dir: Path::new("/i/additional-model-data-sources"),
            ports: 8123..=8130,
            path: "/bin",
            hostler_exe: Path::new("/usr/bin/hostler"),
            payload_bytes_max: 40_000_000,
            script: &SCRIPT,
            workers: 2,
        }
    }

    #[test]
    fn a_mapped_command_learns_its_port_and_model() {
        let program = Program::Command {
            command: ["python", "serve.py", "--port={port}", "{model_dir}/x"].map(str::to_owned).to_vec(),
            environment: [("BIND".to_owned(), "0.0.0.0:{port}".to_owned())].into(),
            working_dir: None,
            needs_opt_ml: false,
        };
        let spec = spec(program, &[("KEEP", "{port}")]);
        let command = command(&spec.containers[0], &place()).unwrap();
        assert_eq!(command, ["python", "serve.py", "--port=8123", "/i/model/x"]);
        let all = environment(&spec, &spec.containers[0], &place());
        assert_eq!(all["BIND"], "0.0.0.0:8123");
        assert_eq!(all["KEEP"], "{port}", "the model's own variables are passed word for word");
        assert_eq!(all["AWS_REGION"], "eu-west-1");
        assert_eq!(all["SAGEMAKER_SAFE_PORT_RANGE"], "8124-8130");
    }

    #[test]
    fn one_of_several_containers_lives_in_its_own_directory_and_carries_the_instances_mark() {
        let spec = spec(Program::BuiltIn { engine: "kmeans".to_owned() }, &[]);
        let place = Place { home: Path::new("/i/containers/02-b"), ..place() };
        let all = environment(&spec, &spec.containers[0], &place);
        assert_eq!(all["HOME"], "/i/containers/02-b");
        assert_eq!(all["TMPDIR"], "/i/containers/02-b/tmp");
        assert_eq!(all["SAGEMAKER_BASE_DIR"], "/i/containers/02-b");
        assert_eq!(all[MARKER], "/i");
    }

    #[test]
    fn additional_data_is_told_to_who_has_some() {
        let program = Program::Command {
            command: ["serve", "--draft={additional_dir}/draft"].map(str::to_owned).to_vec(),
            environment: [("DRAFT".to_owned(), "{additional_dir}/draft".to_owned())].into(),
            working_dir: None,
            needs_opt_ml: false,
        };
        let mut spec = spec(program, &[]);
        assert!(!environment(&spec, &spec.containers[0], &place()).contains_key("HOSTLER_ADDITIONAL_DIR"));
        let data = ArtifactSource {
            uri: "s3://b/draft/".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
            account: AccountId::new("000000000000"),
            region: Region::new("eu-west-1"),
        };
        let data = ChannelData { channel: "draft".to_owned(), data: data.into() };
        spec.containers[0].additional_model_data.push(data);
        let all = environment(&spec, &spec.containers[0], &place());
        assert_eq!(all["HOSTLER_ADDITIONAL_DIR"], "/i/additional-model-data-sources");
        assert_eq!(all["DRAFT"], "/i/additional-model-data-sources/draft");
        let line = command(&spec.containers[0], &place()).unwrap();
        assert_eq!(line, ["serve", "--draft=/i/additional-model-data-sources/draft"]);
    }

    #[test]
    fn the_model_wins_over_defaults_but_not_over_its_port() {
        let variables = [("AWS_REGION", "us-west-2"), ("SAGEMAKER_BIND_TO_PORT", "8080")];
        let spec = spec(Program::BuiltIn { engine: "kmeans".to_owned() }, &variables);
        let place = Place { ports: 8123..=8123, ..place() };
        let all = environment(&spec, &spec.containers[0], &place);
        assert_eq!(all["AWS_REGION"], "us-west-2");
        assert_eq!(all["SAGEMAKER_BIND_TO_PORT"], "8123");
        assert!(!all.contains_key("SAGEMAKER_SAFE_PORT_RANGE"));
    }

    #[test]
    fn a_command_that_needs_opt_ml_is_told_of_no_other_place() {
        let program = Program::Command {
            command: ["serve", "{model_dir}"].map(str::to_owned).to_vec(),
            environment: [].into(),
            working_dir: None,
            needs_opt_ml: true,
        };
        let spec = spec(program, &[]);
        let place = Place { model_dir: Path::new(OPT_ML_MODEL), ..place() };
        assert_eq!(command(&spec.containers[0], &place).unwrap(), ["serve", "/opt/ml/model"]);
        let all = environment(&spec, &spec.containers[0], &place);
        assert_eq!(all["SAGEMAKER_BASE_DIR"], "/opt/ml");
        assert_eq!(all["HOSTLER_MODEL_DIR"], "/opt/ml/model");
    }

    #[test]
    fn a_script_is_served_by_this_binary_and_its_own_archive_is_told() {
        let program =
            Program::Script { framework: "scikit-learn".to_owned(), version: Some("1.2".to_owned()) };
        let mut spec = spec(program, &[("SAGEMAKER_PROGRAM", "serve.py")]);
        let words = |spec: &InstanceSpec| command(&spec.containers[0], &place()).unwrap().join(" ");
        let plain = words(&spec);
        assert!(plain.starts_with(
            "/usr/bin/hostler script --framework scikit-learn --framework-version 1.2 --model-dir /i/model --port 8123"
        ), "{plain}");
        assert!(
            plain.contains(" --workers 2 --environments /e ") && !plain.contains("--code-dir"),
            "{plain}"
        );
        let code = ArtifactSource {
            uri: "s3://b/sourcedir.tar.gz".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
            account: AccountId::new("000000000000"),
            region: Region::new("eu-west-1"),
        };
        let code = ChannelData { channel: hostler_compute::SCRIPT_CHANNEL.to_owned(), data: code.into() };
        spec.containers[0].additional_model_data.push(code);
        let found = words(&spec);
        assert!(found.contains(" --code-dir /i/additional-model-data-sources/hostler:code "), "{found}");
    }

    #[test]
    fn the_operators_variables_for_pip_go_to_scripts_alone_and_in_one_piece() {
        let mut script = ScriptConfig::new("/e");
        script.pip.insert("PIP_INDEX_URL".to_owned(), "https://user:secret@index".to_owned());
        let place = Place { script: &script, ..place() };
        let program = Program::Script { framework: "plain".to_owned(), version: None };
        for (program, expected) in
            [(program, true), (Program::BuiltIn { engine: "kmeans".to_owned() }, false)]
        {
            let spec = spec(program, &[]);
            let all = environment(&spec, &spec.containers[0], &place);
            assert!(!all.contains_key("PIP_INDEX_URL"));
            assert_eq!(all.contains_key("HOSTLER_PIP_VARIABLES"), expected);
        }
    }

    #[test]
    fn the_built_in_runtime_is_this_binary() {
        let spec = spec(Program::BuiltIn { engine: "kmeans".to_owned() }, &[]);
        let line = command(&spec.containers[0], &place()).unwrap().join(" ");
        let wanted = "/usr/bin/hostler runtime --engine kmeans --model-dir /i/model --port 8123 --host 127.0.0.1 \
             --max-payload-bytes 40000000";
        assert_eq!(line, wanted);
    }
}
