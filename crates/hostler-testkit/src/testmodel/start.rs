//! What happens at the start: the variables, the arguments, and what they make of this process.
//!
//! Invariants: an unknown `TEST_…` variable is an error; all of them are read here and nowhere else.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::fate::parse_signal;
use super::ping::{PingAnswer, PingPlan};
use super::wish::Wish;

const PORT_DEFAULT: u16 = 8080;
const MODEL_DIR_DEFAULT: &str = "/opt/ml/model";

/// What SIGTERM does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Ignore,
    After(Duration),
}

/// How this process begins, as its arguments and variables ask.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) port: u16,
    pub(super) model_dir: PathBuf,
    pub(super) listen: IpAddr,
    pub(super) every: Wish,
    pub(super) ping: PingPlan,
    pub(super) delay: Duration,
    pub(super) words: Option<String>,
    pub(super) exit: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) hang: bool,
    pub(super) eat_mib: u64,
    pub(super) exit_after: Option<Duration>,
    pub(super) child: bool,
    pub(super) stop: Stop,
    pub(super) many_models: bool,
    pub(super) models_most: Option<usize>,
    pub(super) keeps_models: bool,
}

impl Start {
    /// From the arguments (without the program's name) and this process's environment.
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut arguments = arguments.iter().skip_while(|word| *word == "serve");
        let port = arguments.next().cloned().or_else(|| env::var("SAGEMAKER_BIND_TO_PORT").ok());
        let port = port.map_or(Ok(PORT_DEFAULT), |text| {
            text.parse().map_err(|_| format!("the port `{text}` is not a number up to 65535"))
        })?;
        let model_dir = arguments.next().map(PathBuf::from);
        let model_dir = model_dir.or_else(|| env::var_os("HOSTLER_MODEL_DIR").map(PathBuf::from));
        if let Some(more) = arguments.next() {
            return Err(format!("`{more}` is one argument too many: [serve] [PORT [MODEL_DIR]]"));
        }
        let mut start = Self {
            port,
            model_dir: model_dir.unwrap_or_else(|| MODEL_DIR_DEFAULT.into()),
            listen: IpAddr::from([127, 0, 0, 1]),
            every: Wish::default(),
            ping: PingPlan::default(),
            delay: Duration::ZERO,
            words: None,
            exit: None,
            signal: None,
            hang: false,
            eat_mib: 0,
            exit_after: None,
            child: false,
            stop: Stop::After(Duration::ZERO),
            many_models: env::var("SAGEMAKER_MULTI_MODEL").is_ok_and(|value| value == "true"),
            models_most: None,
            keeps_models: false,
        };
        for (name, value) in env::vars_os() {
            if let (Some(name), value) = (name.to_str(), value.to_string_lossy())
                && name.starts_with("TEST_")
            {
                start.set(name, &value).map_err(|what| format!("`{name}={value}`: {what}"))?;
            }
        }
        Ok(start)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| "the value is not a number".to_owned());
        let time = || number().map(Duration::from_millis);
        let yes = || if value == "true" { Ok(true) } else { Err("the value is not `true`".to_owned()) };
        let ping =
            || PingAnswer::parse(value).ok_or_else(|| "the value is not a status or `hang`".to_owned());
        match name {
            "TEST_ANSWER" => self.every.take_list(value)?,
            "TEST_LISTEN" => self.listen = value.parse().map_err(|_| "the value is not an address")?,
            "TEST_START_DELAY_MS" => self.delay = time()?,
            "TEST_START_WORDS" => self.words = Some(value.to_owned()),
            "TEST_START_EXIT" => {
                self.exit = Some(value.parse().map_err(|_| "the value is not an exit code")?);
            }
            "TEST_START_SIGNAL" => {
                self.signal = Some(parse_signal(value).ok_or("the value is not a signal")?);
            }
            "TEST_START_HANG" => self.hang = yes()?,
            "TEST_START_EAT_MIB" => self.eat_mib = number()?,
            "TEST_EXIT_AFTER_MS" => self.exit_after = Some(time()?),
            "TEST_CHILD" => self.child = yes()?,
            "TEST_STOP" if value == "ignore" => self.stop = Stop::Ignore,
            "TEST_STOP" => self.stop = Stop::After(time()?),
            "TEST_MODELS_ABSENT" => self.many_models = !yes()?,
            "TEST_MODELS_KEEP" => self.keeps_models = yes()?,
            "TEST_MODELS_MAX" => {
                self.models_most = Some(value.parse().map_err(|_| "the value is not a number")?);
            }
            "TEST_PING" => self.ping.always = Some(ping()?),
            "TEST_PING_REFUSE" => self.ping.refuse = number()?,
            "TEST_PING_FILE" => self.ping.file = Some(value.into()),
            "TEST_PING_SICK_AFTER" => self.ping.sick_after = Some(number()?),
            "TEST_PING_DELAY_MS" => self.ping.delay = time()?,
            _ => return Err("there is no such variable; see hostler_testkit::testmodel".to_owned()),
        }
        Ok(())
    }
}
