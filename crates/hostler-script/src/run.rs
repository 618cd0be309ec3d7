//! The life of a script's process until it is the Python server.
//!
//! Invariants: the operator's variables for pip are gone when the model's code runs. The environment's lock goes on to the
//! server, for life.
//! Failure: whatever is wrong is the refusal that is returned; nothing of it is left behind.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::args::{PIP_VARIABLES, ScriptArgs};
use crate::code::Code;
use crate::environment::{self, Wanted};
use crate::python::Python;
use crate::refusal::Refusal;
use crate::store::Store;
use crate::{contract, framework, key, pip};

/// The contract server's files, in the instance's directory.
const CONTRACT: &str = "contract";

/// Becomes the server; returns only with the reason why not. The working directory is the instance's.
pub fn run(args: &ScriptArgs) -> Result<Infallible, Refusal> {
    Err(Refusal::of_machine("starting Python", &prepare(args)?.exec()))
}

fn prepare(args: &ScriptArgs) -> Result<Command, Refusal> {
    let machine = |action: &'static str| move |error: io::Error| Refusal::of_machine(action, &error);
    let own: BTreeMap<String, String> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let code = Code::find(&args.model_dir, args.code_dir.as_deref(), |name| own.get(name).cloned())
        .map_err(machine("looking at the model's code"))?;
    let operators =
        own.get(PIP_VARIABLES).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let pip = pip::variables(operators, own.clone().into_iter());
    let path = own.get("PATH").map_or("", String::as_str);
    let python = Python::ask(&args.python, path)?;
    let base = if args.own_base {
        args.base.clone()
    } else {
        framework::base(&args.framework, args.framework_version.as_deref(), code.has_script)
    };
    let requirements = code.requirements.as_ref();
    let base = framework::besides(base, requirements.map_or("", |(_, text)| text));
    // pip's own variables lead to files as well as requirements do.
    let names_files = code.refers_to_files() || own.keys().any(|name| name.starts_with("PIP_"));
    let files = names_files.then_some(code.dir.as_path());
    let text = requirements.map(|(_, text)| text.as_str());
    let mut deciding = pip::decisive(&own);
    deciding.extend(pip.clone());
    let key = key::key(&python.identity, &base, text, &deciding, files)
        .map_err(machine("looking at what the requirements lead to"))?;
    let store = Store::open(&args.environments, args.environments_bytes_max)
        .map_err(machine("opening the directory of environments"))?;
    let wanted = Wanted {
        python: &python,
        base: &base,
        requirements: requirements.map(|(path, _)| path.as_path()),
        code_dir: &code.dir,
        pip: &pip,
        environment: &own,
        timeout: Duration::from_secs(args.install_timeout_s),
    };
    let held = store.enter(&key, |new, place| environment::make(&wanted, new, place))?;
    contract::lay_out(Path::new(CONTRACT)).map_err(machine("laying out the server"))?;
    held.hand_on().map_err(machine("keeping the environment"))?;
    let server = server(args, &code, &held.path, path);
    // Its descriptor has to stay open until the server has it.
    std::mem::forget(held);
    Ok(server)
}

/// Python with the contract server, in the environment.
fn server(args: &ScriptArgs, code: &Code, place: &Path, path: &str) -> Command {
    let bin = place.join("bin");
    let mut command = Command::new(bin.join("python"));
    command
        .arg(CONTRACT)
        .args(["--host".to_owned(), args.host.to_string(), "--port".to_owned(), args.port.to_string()])
        .args(["--framework", &args.framework])
        .arg("--model-dir")
        .arg(&args.model_dir)
        .arg("--code-dir")
        .arg(&code.dir)
        .args(["--workers".to_owned(), args.workers.to_string()])
        .args(["--payload-bytes-max".to_owned(), args.max_payload_bytes.to_string()])
        .env_remove(PIP_VARIABLES)
        .env_remove("PYTHONHOME")
        .env("VIRTUAL_ENV", place)
        .env("PATH", format!("{}:{path}", bin.display()))
        // Lines reach the log when they are written.
        .env("PYTHONUNBUFFERED", "1")
        // The model's directory is shared and stays as it is.
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
