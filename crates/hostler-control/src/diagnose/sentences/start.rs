//! What is said of a model that could not be started, or that ended.

use hostler_types::{FailureCause, FailureRecord};

use super::super::Context;
use super::super::log_words::{LogWords, read};
use super::{Told, disk_full, logs_command, named, see_logs, told};

pub(super) fn of_start(failure: &FailureRecord, context: &Context) -> Told {
    let image = named(&context.made_from.image, "of the model");
    let program = named(context.program.as_deref().unwrap_or_default(), "at the beginning");
    match &failure.cause {
        FailureCause::ImageUnmapped => told(
            format!("No program is known for the image {image}, and this server runs no container images."),
            [
                "install Docker or Podman and add an empty [docker] table to hostler.toml: then images run as they are"
                    .to_owned(),
                "map it in hostler.toml to a command that serves the model: [[image]] with match = \"*/NAME*\" and \
                 command = [\"python\", \"serve.py\", \"{port}\", \"{model_dir}\"]"
                    .to_owned(),
                "`hostler inspect FILE` says which built-in engine would serve the archive".to_owned(),
            ],
        ),
        FailureCause::Unsupported => told(
            format!("This server cannot run such a model: {}.", failure.detail),
            ["create the model in a form that it can run".to_owned()],
        ),
        FailureCause::CommandMissing => told(
            format!("The program {program} of the image's command is not there."),
            [
                "correct `command` of the image's [[image]] in hostler.toml; a full path is surest, since the server's \
                 PATH may not be yours"
                    .to_owned(),
                "of a script, the interpreter in its first line must be there too".to_owned(),
            ],
        ),
        FailureCause::CommandRefused => told(
            format!("The program {program} of the image's command is there and may not be executed."),
            [
                "`chmod +x` it, or name its interpreter first: command = [\"python\", \"serve.py\", …]".to_owned(),
                "the file system must not be mounted noexec, and a script's first line begins with #!".to_owned(),
            ],
        ),
        FailureCause::AcceleratorMissing => told(
            format!(
                "{} promises accelerators that this machine does not have.",
                named(&context.made_from.instance_type, "the instance type")
            ),
            [
                "choose a type without accelerators in the endpoint config, such as ml.m5.large".to_owned(),
                "accelerators = \"mark\" in hostler.toml runs it without; `hostler doctor` shows what is there".to_owned(),
            ],
        ),
        FailureCause::MemoryOverLimit => told(
            "The instance asks for more memory than this server gives to one instance.".to_owned(),
            [
                "choose a smaller instance type, or memory_mib in the image's [[image]]".to_owned(),
                "raise instance_memory_bytes under [limits] in hostler.toml".to_owned(),
            ],
        ),
        FailureCause::NoRoom => told(
            format!("The machine had no room to start it: {}.", failure.detail),
            ["delete endpoints that are not needed; `hostler doctor` shows memory, files and ports".to_owned()],
        ),
        FailureCause::DiskFull => disk_full(),
        FailureCause::OptMlRefused => told(
            "The program needs /opt/ml/model, and this machine did not let the server give it.".to_owned(),
            ["`hostler doctor` says what to change; or use {model_dir} and leave needs_opt_ml out".to_owned()],
        ),
        FailureCause::PythonMissing => told(
            format!("The model brings a script, and this machine has no Python to run it: {}.", failure.detail),
            ["`hostler doctor` looks for Python where instances do".to_owned()],
        ),
        FailureCause::RequirementsRefused => told(
            format!("What the script asks for could not be installed: {}.", failure.detail),
            [
                "correct code/requirements.txt: a package of that name and version must be there for this machine's Python"
                    .to_owned(),
                "another index is named by pip = { PIP_INDEX_URL = \"…\" } under [script] in hostler.toml".to_owned(),
                "a version of the image's framework that this machine's Python cannot have is replaced by naming another one \
                 in code/requirements.txt, or by [script.base] in hostler.toml"
                    .to_owned(),
                see_logs(context),
            ],
        ),
        FailureCause::RequirementsLate => told(
            format!("Installing what the script asks for took too long: {}.", failure.detail),
            ["raise install_timeout_s under [script] in hostler.toml".to_owned(), see_logs(context)],
        ),
        FailureCause::Exited { code } => of_exit(*code, failure, context),
        FailureCause::Signalled { signal } => of_signal(*signal, context),
        FailureCause::OutOfMemory { limit_bytes } => told(
            format!(
                "The kernel ended the model because it used more memory than its limit of {} MiB.",
                limit_bytes / (1024 * 1024)
            ),
            [
                "choose an instance type with more memory in the endpoint config".to_owned(),
                "fewer workers, or a smaller model, need less; memory_mib in the image's [[image]] sets the limit"
                    .to_owned(),
            ],
        ),
        FailureCause::EndUnseen => told(
            "The model ended while nobody watched it: the machine was restarted, or its supervisor was killed."
                .to_owned(),
            ["it is started again by itself; look who or what kills processes on this machine".to_owned()],
        ),
        _ => told(
            format!("It could not be started: {}.", failure.detail),
            ["the server's own log says more".to_owned()],
        ),
    }
}

fn of_exit(code: i32, failure: &FailureRecord, context: &Context) -> Told {
    let logs = see_logs(context);
    let when = if failure.was_healthy { "after it had been healthy" } else { "before it answered /ping" };
    let words = read(&failure.log_tail);
    if let Some(engine) = &context.engine {
        let line = match words {
            LogWords::Line(line) | LogWords::PythonError { line } => format!(": {line}"),
            _ => ".".to_owned(),
        };
        return told(
            format!("The built-in engine `{engine}` cannot serve what is in the archive{line}"),
            [
                "`hostler inspect FILE` shows what is inside and which engine would serve it".to_owned(),
                "the model's files belong at the top of the archive, not in a directory of their own"
                    .to_owned(),
                logs,
            ],
        );
    }
    match words {
        LogWords::ModuleMissing { module } if context.is_script => told(
            format!("The script needs the Python module `{module}`, which nothing installs."),
            [
                format!("name the package that holds `{module}` in code/requirements.txt"),
                "or, if it is the model's own, put it beside the script in code/".to_owned(),
            ],
        ),
        LogWords::ModuleMissing { module } => told(
            format!("The program needs the Python module `{module}`, which is not installed where it runs."),
            [
                format!("install it for the interpreter that the image's command names: `PYTHON -m pip install {module}`"),
                "or point `command` of its [[image]] in hostler.toml at the Python of a virtual environment that has it"
                    .to_owned(),
            ],
        ),
        LogWords::LibraryMissing { line } => told(
            format!("The program needs a shared library that this machine does not have: {line}"),
            ["install the package of that library on the machine, or use an environment that brings it".to_owned()],
        ),
        LogWords::AddressInUse { line } => told(
            format!("The program could not listen, because another one has its port: {line}"),
            ["let it listen on the port that it is given: {port} in the command, or SAGEMAKER_BIND_TO_PORT".to_owned()],
        ),
        LogWords::PythonError { line } => told(
            format!("A Python error ended the program (code {code}) {when}: {line}"),
            [format!("the traceback is in `{}`", logs_command(context))],
        ),
        LogWords::Line(_) | LogWords::Nothing => {
            let said = match words {
                LogWords::Line(line) => format!(" Its last words: {line}"),
                _ => " It wrote nothing.".to_owned(),
            };
            let (what, step) = exit_words(code, when);
            told(format!("{what}{said}"), [step, logs])
        }
    }
}

/// What an exit code says by itself, and what to try.
fn exit_words(code: i32, when: &str) -> (String, String) {
    match code {
        0 => (
            format!("The program ended by itself with code 0 {when}: a model server must go on running."),
            "start the server in the foreground, not as a daemon and not as a script that ends".to_owned(),
        ),
        126 => (
            format!(
                "The program ended with code 126 {when}: a shell found a command that it may not execute."
            ),
            "`chmod +x` the script that the command starts".to_owned(),
        ),
        127 => (
            format!("The program ended with code 127 {when}: a shell did not find a command."),
            "use full paths in the script that the command starts; the server's PATH may not be yours"
                .to_owned(),
        ),
        137 | 143 => (
            format!(
                "The program ended with code {code} {when}: what it had started was killed by signal {}.",
                code - 128
            ),
            "look who kills it: a person, a supervisor inside the program, or the machine for want of memory"
                .to_owned(),
        ),
        code => (
            format!("The program ended by itself with code {code} {when}."),
            "run the same command by hand with the same model directory".to_owned(),
        ),
    }
}

fn of_signal(signal: i32, context: &Context) -> Told {
    let (what, step) = match signal {
        4 => (
            "it used an instruction that this processor does not have",
            "install builds of its libraries for this processor",
        ),
        6 => ("it gave up on an error of its own", "the last lines of its log say which"),
        9 => (
            "it was killed from outside, by a person or by the machine for want of memory",
            "`dmesg` shows whether the kernel killed it; leave more memory free, or use a smaller model",
        ),
        11 => (
            "it crashed on a wrong memory access, which native libraries do",
            "look for versions of its libraries that fit together",
        ),
        15 => ("it was asked to end from outside", "look who sends the signal"),
        _ => ("it crashed, or was ended from outside", "the last lines of its log may say why"),
    };
    told(format!("The model was ended by signal {signal}: {what}."), [step.to_owned(), see_logs(context)])
}
