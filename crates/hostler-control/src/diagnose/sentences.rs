//! The sentences: for each cause what happened, in words for somebody who meets it for the first time, and what to try.
//!
//! Why: in one place, so that they are one voice, and so that a cause without a sentence does not compile.
//! Invariants: pure. A sentence needs no other to be understood; a step can be carried out as it stands.

use hostler_types::{FailureCause, FailurePhase, FailureRecord, InvocationFailure, InvocationTrouble};

use super::log_words::{LogWords, read};
use super::{Context, Evidence, Finding, Seen, invocation_word};

/// What a cause is called in an answer, what to say of it, and what to try.
struct Told {
    sentence: String,
    next: Vec<String>,
}

/// The finding of a failure that was written down.
pub(super) fn of_failure(failure: &FailureRecord, failures: Option<u64>, context: &Context) -> Finding {
    let Told { sentence, next } = match failure.phase {
        FailurePhase::Fetch | FailurePhase::Unpack => of_data(failure, context),
        FailurePhase::Ping => of_ping(failure, context),
        FailurePhase::Start | FailurePhase::Invoke => of_start(failure, context),
    };
    let (exit_code, signal, memory_limit_bytes) = match failure.cause {
        FailureCause::Exited { code } => (Some(code), None, None),
        FailureCause::Signalled { signal } => (None, Some(signal), None),
        FailureCause::OutOfMemory { limit_bytes } => (None, None, Some(limit_bytes)),
        _ => (None, None, None),
    };
    Finding {
        phase: failure.phase,
        cause: cause_word(&failure.cause),
        sentence,
        next,
        evidence: Evidence {
            at: Some(failure.at),
            instance: Some(failure.instance.clone()),
            detail: failure.detail.clone(),
            exit_code,
            signal,
            memory_limit_bytes,
            expected_address: failure.expected,
            listens_on: failure.listened.clone(),
            failures,
            log_tail: failure.log_tail.clone(),
        },
    }
}

/// The finding of invocations that fail at an instance that is healthy.
pub(super) fn of_invocation(
    seen: &Seen,
    trouble: &InvocationTrouble,
    context: &Context,
    log_tail: String,
) -> Finding {
    let times = match trouble.in_a_row {
        1 => "The last invocation".to_owned(),
        many => format!("The last {many} invocations"),
    };
    let logs = see_logs(context);
    let (sentence, next) = match trouble.failure {
        InvocationFailure::Answered { status: 415 } => (
            format!("{times} got status 415 from the model: it does not take the content type of the request."),
            vec![
                "send the ContentType that the model's code reads, for example text/csv or application/json"
                    .to_owned(),
                logs,
            ],
        ),
        InvocationFailure::Answered { status: status @ 400..=499 } => (
            format!("{times} got status {status} from the model: it refuses what it was sent."),
            vec![
                "compare body, ContentType and Accept of the request with what the model's code expects; its own \
                 words are the OriginalMessage of the error"
                    .to_owned(),
                logs,
            ],
        ),
        InvocationFailure::Answered { status } => (
            format!(
                "{times} got status {status} from the model: it is healthy by /ping, and its code fails on \
                 /invocations."
            ),
            vec![
                format!("look for the error in the log: `hostler logs {}`", context.endpoint),
                "send the same body to the model on your own machine".to_owned(),
            ],
        ),
        InvocationFailure::TimedOut => (
            format!("{times} got no answer from the model within the time that a request may take."),
            vec![
                "try a smaller request; if it is right that answers take longer, raise model_timeout_s under [limits] \
                 in hostler.toml"
                    .to_owned(),
                "a model that hangs on one request only needs more workers or threads".to_owned(),
                logs,
            ],
        ),
        InvocationFailure::Lost => (
            format!("{times} lost the connection: the model closed it, or ended, before it had answered."),
            vec![
                format!("`hostler history {}` and `hostler describe` show whether it was replaced", context.endpoint),
                logs,
            ],
        ),
    };
    let ago = trouble.ago_ms / 1000;
    Finding {
        phase: FailurePhase::Invoke,
        cause: invocation_word(trouble.failure).to_owned(),
        sentence,
        next,
        evidence: Evidence {
            instance: Some(seen.id.clone()),
            detail: format!("the last one was {ago} s ago; one that succeeds ends this"),
            failures: Some(trouble.in_a_row),
            log_tail,
            ..Evidence::default()
        },
    }
}

fn of_data(failure: &FailureRecord, context: &Context) -> Told {
    let data = named(&context.made_from.model_data, "the model data");
    let role = named(&context.made_from.role_arn, "of the model");
    match &failure.cause {
        FailureCause::DataMissing => told(
            format!("There is no object at {data}: the bucket or the key is misspelled, or it was deleted."),
            [
                format!("look what is there: `aws s3 ls {}`", parent(&context.made_from.model_data)),
                "upload it again, or create a model with the right ModelDataUrl and an endpoint config with that model"
                    .to_owned(),
            ],
        ),
        FailureCause::DataForbidden => told(
            format!("The role {role} may not read {data}."),
            [
                "name a role in CreateModel that may read it, or add the bucket to `allow` of its [[role]] in \
                 hostler.toml"
                    .to_owned(),
                format!("read it as that role yourself: `aws s3 cp {} -`", context.made_from.model_data),
            ],
        ),
        FailureCause::RoleRefused => told(
            format!("The role {role} cannot be assumed, so nothing can be read in its name."),
            [
                "check the ARN in CreateModel: account, `role/` and the name".to_owned(),
                "declare it as [[role]] in hostler.toml; with an [sts] of your own, look at its trust policy".to_owned(),
            ],
        ),
        FailureCause::DataUnreadable => told(
            format!("{data} is no location that this server can read."),
            ["use s3://BUCKET/KEY; for another region or service see [s3] in hostler.toml".to_owned()],
        ),
        FailureCause::DataInterrupted => told(
            format!("The store of {data} could not be reached, or broke off in the middle."),
            ["it is tried again by itself; see whether the store answers, and [s3] in hostler.toml".to_owned()],
        ),
        FailureCause::DataLate { timeout_ms } => told(
            format!("{data} did not arrive and unpack within the {} s that it may take.", timeout_ms / 1000),
            [
                "raise ModelDataDownloadTimeoutInSeconds of the production variant (60 to 3600)".to_owned(),
                "make the archive smaller, or keep it in a store that is nearer".to_owned(),
            ],
        ),
        FailureCause::DataLayout => told(
            format!("The objects at {data} cannot be laid out as files of one directory."),
            ["see the detail for the name that is in the way; rename it or leave it out".to_owned()],
        ),
        FailureCause::NotAnArchive => told(
            format!("What stands at {data} is no tar archive, compressed with gzip or plain."),
            [
                "pack it so: `tar -czf model.tar.gz -C DIRECTORY .`; a renamed .zip is none".to_owned(),
                "for plain files use ModelDataSource with CompressionType None".to_owned(),
                "`hostler inspect FILE` looks into an archive before it is uploaded".to_owned(),
            ],
        ),
        FailureCause::ArchiveCutOff => told(
            format!("The archive at {data} ends in the middle: it was not written or not uploaded to its end."),
            [
                "check your copy with `gzip -t model.tar.gz`, then upload it again".to_owned(),
                "`hostler inspect FILE` looks into it".to_owned(),
            ],
        ),
        FailureCause::ArchiveUnsafe => told(
            format!("A member of the archive at {data} would be written outside of the model's directory."),
            [
                "pack it with relative names from inside the directory: `tar -czf model.tar.gz -C DIRECTORY .`"
                    .to_owned(),
                "links must stay inside too: `tar -h` packs the files that they point to".to_owned(),
            ],
        ),
        FailureCause::ArchiveRefused => told(
            format!("The archive at {data} cannot be unpacked; the detail says which member is in the way."),
            ["`hostler inspect FILE` lists everything that is wrong with it".to_owned()],
        ),
        FailureCause::DataOverLimit => told(
            format!("{data} is larger than this server allows, or unpacks to much more than it is."),
            [
                "leave out what serving does not need, such as checkpoints and training data".to_owned(),
                "raise the limit under [limits] in hostler.toml; the detail says which one it is".to_owned(),
            ],
        ),
        FailureCause::DiskFull => disk_full(),
        _ => told(
            format!("{data} could not be brought into place: {}.", failure.detail),
            ["the server's own log says more".to_owned()],
        ),
    }
}

fn of_start(failure: &FailureRecord, context: &Context) -> Told {
    let image = named(&context.made_from.image, "of the model");
    let program = named(context.program.as_deref().unwrap_or_default(), "at the beginning");
    match &failure.cause {
        FailureCause::ImageUnmapped => told(
            format!("No program is known for the image {image}, and this server runs no container images."),
            [
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
            [format!("the traceback is in `hostler logs {}`", context.endpoint)],
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

fn of_ping(failure: &FailureRecord, context: &Context) -> Told {
    let logs = see_logs(context);
    let wait = "raise ContainerStartupHealthCheckTimeoutInSeconds of the production variant (60 to 3600) if it needs \
                longer to load";
    let before = if failure.was_healthy { "The model was healthy, and " } else { "" };
    match &failure.cause {
        FailureCause::PingRefused => of_refused_ping(failure, context, wait),
        FailureCause::PingAnswered { status: 404 } => told(
            format!("{before}GET /ping is answered with 404: the program serves HTTP and has no /ping."),
            [
                "let it answer GET /ping with 200 once the model is loaded, and POST /invocations".to_owned(),
                "is it the right image for the model? `hostler inspect FILE` names one".to_owned(),
            ],
        ),
        FailureCause::PingAnswered { status: 503 } => told(
            format!("{before}GET /ping is answered with 503: the program says that it is not ready."),
            [wait.to_owned(), logs],
        ),
        FailureCause::PingAnswered { status } => told(
            format!(
                "{before}GET /ping is answered with {status}: the program runs and says that it is not well."
            ),
            ["the model probably could not be loaded; its log says why".to_owned(), logs],
        ),
        FailureCause::PingSilent => told(
            format!("{before}the program takes the connection and does not answer GET /ping within 2 s."),
            [
                "answer /ping from a thread that loading and predicting do not block".to_owned(),
                wait.to_owned(),
                logs,
            ],
        ),
        _ => told(
            format!("{before}what answers on the port breaks off or speaks no HTTP: {}.", failure.detail),
            ["let it speak HTTP/1.1 without TLS on the port that it is given".to_owned(), logs],
        ),
    }
}

fn of_refused_ping(failure: &FailureRecord, context: &Context, wait: &str) -> Told {
    let logs = see_logs(context);
    let expected = failure.expected.map(|expected| expected.to_string()).unwrap_or_default();
    let port = failure.expected.map(|expected| expected.port());
    let listened: Vec<String> = failure.listened.iter().map(ToString::to_string).collect();
    let listened = listened.join(", ");
    if failure.listened.is_empty() {
        let within = context.made_from.startup_timeout_ms / 1000;
        return told(
            format!("The program runs and listens on no port: within {within} s it did not get to serving."),
            [wait.to_owned(), "its log shows how far it came".to_owned(), logs],
        );
    }
    if failure.listened.iter().any(|address| Some(address.port()) == port) {
        return told(
            format!(
                "The program listens on {listened}, and is asked at {expected}: the same port, another address."
            ),
            ["let it listen on 0.0.0.0 or 127.0.0.1; an IPv6 address alone is not enough".to_owned()],
        );
    }
    told(
        format!("The program listens on {listened}, and is asked at {expected}: it has a port of its own choice."),
        [
            "let it listen on the port that it is given: {port} in the command of its [[image]], or the environment's \
             SAGEMAKER_BIND_TO_PORT"
                .to_owned(),
        ],
    )
}

fn disk_full() -> Told {
    told(
        "The disk that holds the server's data directory is full.".to_owned(),
        [
            "free some space; `hostler doctor` shows how much is left".to_owned(),
            "delete endpoints and objects that are not needed, or move the data directory to a larger disk"
                .to_owned(),
        ],
    )
}

fn told<const N: usize>(sentence: String, next: [String; N]) -> Told {
    let mut letters = sentence.chars();
    // Some begin with a name in quotes, some with what was said before.
    let sentence = letters.next().map(|first| first.to_uppercase().chain(letters).collect());
    Told { sentence: sentence.unwrap_or_default(), next: next.into() }
}

fn see_logs(context: &Context) -> String {
    format!("`hostler logs {}` shows what it wrote", context.endpoint)
}

/// A name in quotes, or a word for what has none.
fn named(name: &str, word: &str) -> String {
    if name.is_empty() { word.to_owned() } else { format!("`{name}`") }
}

/// The directory of an object.
fn parent(uri: &str) -> &str {
    uri.rfind('/').map_or(uri, |end| &uri[..=end])
}

/// The cause's name without what it holds.
fn cause_word(cause: &FailureCause) -> String {
    let word = format!("{cause:?}");
    word.split([' ', '{']).next().unwrap_or_default().to_owned()
}
