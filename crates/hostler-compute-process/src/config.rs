//! Where the process backend lives and what it may use.
//!
//! Invariants: plain values, resolved by the binary; nothing here reads the environment.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostler_compute_local::Capacity;

use crate::LogLimits;

/// Below Linux's range for outgoing connections, so that no client takes a port between choice and bind.
const PORTS_DEFAULT: RangeInclusive<u16> = 20_000..=31_999;
/// InvokeEndpoint's own limit: 25 MiB.
const PAYLOAD_BYTES_MAX_DEFAULT: u64 = 25 * 1024 * 1024;
/// Where Linux keeps device nodes.
const DEVICE_DIR_DEFAULT: &str = "/dev";
/// Where programs are looked for; the server's own PATH is not passed on.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Of all virtual environments together: a few with PyTorch in them.
const ENVIRONMENTS_BYTES_MAX_DEFAULT: u64 = 20 << 30;
/// As long as an instance may take to answer its first ping when nobody says otherwise.
const INSTALL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(8 * 60);
const PYTHON_DEFAULT: &str = "python3";

/// How models with a script of their own are run.
#[derive(Clone, Debug)]
pub struct ScriptConfig {
    /// The directory of their virtual environments; made when one is needed.
    pub environments_dir: PathBuf,
    /// How large all of them together may become before unused ones are deleted.
    pub environments_bytes_max: u64,
    /// How long making one may take.
    pub install_timeout: Duration,
    /// The Python that they are made of, a path or a name to look for in `path`.
    pub python: String,
    /// Variables that pip gets and no model does.
    pub pip: BTreeMap<String, String>,
    /// By framework: what is installed in place of what the image's tag asks for.
    pub base: BTreeMap<String, Vec<String>>,
}

impl ScriptConfig {
    /// The defaults over a directory.
    pub fn new(environments_dir: impl Into<PathBuf>) -> Self {
        Self {
            environments_dir: environments_dir.into(),
            environments_bytes_max: ENVIRONMENTS_BYTES_MAX_DEFAULT,
            install_timeout: INSTALL_TIMEOUT_DEFAULT,
            python: PYTHON_DEFAULT.to_owned(),
            pip: BTreeMap::new(),
            base: BTreeMap::new(),
        }
    }
}

/// The settings of a [`ProcessBackend`](crate::ProcessBackend).
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The directory that holds one directory per instance; made when missing.
    pub dir: PathBuf,
    /// The binary that offers `supervise`, `contain` and `runtime`.
    pub hostler_exe: PathBuf,
    /// How much log is kept of each instance.
    pub log_limits: LogLimits,
    /// The loopback ports to choose from.
    pub ports: RangeInclusive<u16>,
    /// `PATH` of the instances.
    pub path: String,
    /// An instance that asks for more memory never fits and fails at once; none lets a large instance type run on a
    /// small machine for as long as it uses less.
    pub memory_bytes_max: Option<u64>,
    /// Apply memory and CPU limits where this machine can.
    pub use_cgroups: bool,
    /// The largest request body that a built-in engine reads.
    pub payload_bytes_max: u64,
    /// How many files the processes of an instance may have open, below what the system allows; none: as many as this
    /// process may.
    pub open_files_max: Option<u64>,
    /// Where device nodes are counted.
    pub device_dir: PathBuf,
    /// How models with a script of their own are run.
    pub script: ScriptConfig,
    /// What all backends of this machine may promise.
    pub capacity: Arc<Capacity>,
}

impl ProcessConfig {
    /// The defaults over a directory and a binary.
    pub fn new(dir: impl Into<PathBuf>, hostler_exe: impl AsRef<Path>) -> Self {
        let dir: PathBuf = dir.into();
        Self {
            script: ScriptConfig::new(dir.with_file_name("environments")),
            dir,
            hostler_exe: hostler_exe.as_ref().to_path_buf(),
            log_limits: LogLimits::default(),
            ports: PORTS_DEFAULT,
            path: PATH_DEFAULT.to_owned(),
            memory_bytes_max: None,
            use_cgroups: true,
            payload_bytes_max: PAYLOAD_BYTES_MAX_DEFAULT,
            open_files_max: None,
            device_dir: PathBuf::from(DEVICE_DIR_DEFAULT),
            capacity: Capacity::unlimited(),
        }
    }
}
