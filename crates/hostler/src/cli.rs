//! The command line.
//!
//! Invariants: names and defaults that other programs rely on stand here and nowhere else. What a command explains
//! beyond its arguments stands in `help`.

mod deploy;
mod doctor;
mod help;
mod history;
mod inspect;
mod keys;
mod ls;
mod papers;
mod plan;
mod strategy;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use deploy::DeployArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use history::{HistoryArgs, HistoryKind};
pub(crate) use inspect::InspectArgs;
pub(crate) use keys::{
    CreateKeyArgs, EnvArgs, KeysArgs, KeysCommand, ListKeysArgs, RevokeKeysArgs, RotateKeyArgs,
};
pub(crate) use ls::LsArgs;
pub(crate) use papers::{CompletionsArgs, ManArgs};
pub(crate) use plan::PlanArgs;
pub(crate) use strategy::StrategyArgs;
pub(crate) use usage::UsageArgs;

/// Model hosting with the Amazon SageMaker API, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "hostler", version, about, propagate_version = true, max_term_width = 100)]
#[command(after_long_help = help::HOSTLER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    #[command(after_long_help = help::SERVE)]
    Serve(ServeArgs),
    /// Show the whole way once: a real K-Means model from upload to answers, then clean up
    #[command(after_long_help = help::DEMO)]
    Demo(DemoArgs),
    /// Bring a model directory or archive to an endpoint that answers
    #[command(after_long_help = help::DEPLOY)]
    Deploy(DeployArgs),
    /// Look into a model directory or archive: what it holds, what would serve it, what it answers
    #[command(after_long_help = help::INSPECT)]
    Inspect(InspectArgs),
    /// List endpoints
    #[command(after_long_help = help::LS)]
    Ls(LsArgs),
    /// Show what the account may have in the region, and what it has
    #[command(after_long_help = help::QUOTAS)]
    Quotas(ListArgs),
    /// Show instance-hours and invocations per endpoint and variant, or per value of a tag
    #[command(after_long_help = help::USAGE)]
    Usage(UsageArgs),
    /// Show an endpoint: status, instances, what had no effect
    #[command(after_long_help = help::DESCRIBE)]
    Describe(NameArgs),
    /// Say what an update of an endpoint would do, without doing it
    #[command(after_long_help = help::PLAN)]
    Plan(PlanArgs),
    /// Show what an endpoint's instances wrote
    #[command(after_long_help = help::LOGS)]
    Logs(LogsArgs),
    /// Show what happened to an endpoint, an endpoint config or a model: when, who and why
    #[command(after_long_help = help::HISTORY)]
    History(HistoryArgs),
    /// Say what is wrong with an endpoint, and what to do about it
    #[command(after_long_help = help::DIAGNOSE)]
    Diagnose(NameArgs),
    /// Send a request to an endpoint
    #[command(after_long_help = help::INVOKE)]
    Invoke(InvokeArgs),
    /// Print the shell exports that point AWS tools at the server
    #[command(after_long_help = help::ENV)]
    Env(EnvArgs),
    /// Make, list and revoke the access keys of several accounts
    #[command(after_long_help = help::KEYS)]
    Keys(KeysArgs),
    /// Say what this machine can run, and what to do about the rest
    #[command(after_long_help = help::DOCTOR)]
    Doctor(DoctorArgs),
    /// Print a shell's completion script
    #[command(after_long_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print a manual page
    #[command(after_long_help = help::MAN)]
    Man(ManArgs),
    /// The built-in model server (started by the server itself)
    #[command(hide = true)]
    Runtime(hostler_runtime::RuntimeArgs),
    /// A model's own script (started by the server itself)
    #[command(hide = true)]
    Script(hostler_script::ScriptArgs),
}

/// How `serve` is started; what is not given comes from the settings file, then from defaults.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Where everything is kept [default: ./.hostler]
    #[arg(long, value_name = "DIR", env = "HOSTLER_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to listen; port 0 picks a free one [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR:PORT", env = "HOSTLER_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// The settings file
    #[arg(long, value_name = "FILE", env = "HOSTLER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// How the log is written [default: text]
    #[arg(long, value_name = "FORM", env = "HOSTLER_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// Leave the instances running when the server stops; the next start adopts them
    #[arg(long)]
    pub(crate) leave_running: bool,
    /// The certificate chain (PEM) for TLS
    #[arg(long, value_name = "FILE", env = "HOSTLER_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key (PEM) for TLS
    #[arg(long, value_name = "FILE", env = "HOSTLER_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond loopback without TLS: signatures then protect requests, nothing protects their secrecy
    #[arg(long)]
    pub(crate) allow_plaintext: bool,
    /// Refuse to delete an endpoint config or a model that is in use [default: false]
    #[arg(long, value_name = "BOOL", env = "HOSTLER_PROTECT_IN_USE", value_parser = BoolishValueParser::new(),
          num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    pub(crate) protect_in_use: Option<bool>,
    /// Refuse what AWS refuses though it could be done, such as deleting an endpoint that is being created
    /// [default: false]
    #[arg(long, value_name = "BOOL", env = "HOSTLER_STRICT_AWS", value_parser = BoolishValueParser::new(),
          num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    pub(crate) strict_aws: Option<bool>,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Leave the server running at the end and say how to use it
    #[arg(long)]
    pub(crate) keep: bool,
    /// How many invocations to measure
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub(crate) invocations: u32,
}

/// How a command finds the server.
#[derive(Debug, Clone, Args)]
pub(crate) struct FindArgs {
    /// The server's data directory
    #[arg(long, value_name = "DIR", env = "HOSTLER_DATA_DIR", default_value = ".hostler", global = true)]
    pub(crate) data_dir: PathBuf,
    /// The server's URL, if it is not the one written in the data directory
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Believe the certificates in this file (PEM) when the server's URL is https://
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE", hide_env_values = true)]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Act by another profile of the data directory: as its key's account sees it
    #[arg(long = "as", value_name = "PROFILE")]
    pub(crate) as_profile: Option<String>,
    /// What `hostler env --profile` exports; counts where the data directory has such a profile
    #[arg(long = "aws-profile", env = "AWS_PROFILE", hide = true)]
    pub(crate) profile_of_environment: Option<String>,
    /// The region to look in, if it is not the server's default
    #[arg(long, value_name = "REGION", env = "AWS_REGION", hide_env_values = true)]
    pub(crate) region: Option<String>,
    /// text or json
    #[arg(long, value_enum, default_value_t = OutputForm::Text)]
    pub(crate) output: OutputForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    Text,
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct NameArgs {
    /// The endpoint
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    /// The endpoint
    pub(crate) name: String,
    /// Only this one of the containers that each instance has: its hostname
    #[arg(long, value_name = "HOSTNAME")]
    pub(crate) container: Option<String>,
    /// Go on until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InvokeArgs {
    /// The endpoint
    pub(crate) name: String,
    /// The request's body: a file, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) body: PathBuf,
    /// What the body is
    #[arg(long, value_name = "T")]
    pub(crate) content_type: String,
    /// What the answer should be
    #[arg(long, value_name = "T")]
    pub(crate) accept: Option<String>,
    /// How long to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = crate::client::TIMEOUT.as_secs())]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}
