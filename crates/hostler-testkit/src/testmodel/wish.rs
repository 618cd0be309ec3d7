//! What one invocation is asked to do: commands from headers, attributes, body and environment.
//!
//! Invariants: every command has one name, whatever way it comes; an unknown one is an error that lists the known.

use std::path::PathBuf;

use serde_json::Value;

use super::fate::{Fate, parse_signal};
use super::models::Listing;
use super::ping::PingAnswer;
use super::request::Request;

const HEADER_PREFIX: &str = "x-test-";
const ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";
/// What makes attributes and bodies commands; without it they are what they are.
const ATTRIBUTES_MARK: &str = "test:";
const BODY_MARK: &[u8] = b"{\"test\"";

/// When a fate is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum At {
    #[default]
    Start,
    Head,
    Byte(u64),
}

/// What is said of the body's length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Length {
    #[default]
    Exact,
    None,
    Off(i64),
}

/// What the answer holds instead of the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    Pid,
    All,
}

/// What becomes of the request's session after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionWish {
    Keep,
    Close,
}

/// How the body is cut into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Plain,
    Chunks(u64),
    Events(u64),
}

/// The commands of one invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    pub(super) status: Option<u16>,
    pub(super) interim: Option<u16>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) tell: Option<Tell>,
    pub(super) repeat: Option<u64>,
    pub(super) content_type: Option<String>,
    pub(super) headers: Vec<String>,
    pub(super) session: Option<SessionWish>,
    pub(super) expires: Option<String>,
    pub(super) delay_ms: u64,
    pub(super) touch: Option<PathBuf>,
    pub(super) until: Option<PathBuf>,
    pub(super) form: Form,
    pub(super) pause_ms: u64,
    pub(super) length: Length,
    pub(super) fate: Option<Fate>,
    pub(super) at: At,
    pub(super) eat_mib: u64,
    pub(super) spin_ms: u64,
    pub(super) log: Option<String>,
    pub(super) ping: Option<PingAnswer>,
    pub(super) forget: bool,
    pub(super) models: Option<Listing>,
}

impl Wish {
    /// The commands of a request over those that hold for every one.
    pub(super) fn of(request: &Request, every: &Self) -> Result<Self, String> {
        let mut wish = every.clone();
        if request.body.starts_with(BODY_MARK) {
            wish.take_body(&request.body)?;
        }
        if let Some(commands) =
            request.header(ATTRIBUTES).and_then(|text| text.trim().strip_prefix(ATTRIBUTES_MARK))
        {
            wish.take_list(commands)?;
        }
        for (name, value) in &request.headers {
            if let Some(command) = name.strip_prefix(HEADER_PREFIX) {
                wish.set(&command.replace('-', "_"), value)?;
            }
        }
        Ok(wish)
    }

    /// Commands as `name=value; name=value`.
    pub(super) fn take_list(&mut self, commands: &str) -> Result<(), String> {
        for command in commands.split(';').map(str::trim).filter(|command| !command.is_empty()) {
            let (name, value) =
                command.split_once('=').ok_or_else(|| format!("`{command}` is not `name=value`"))?;
            self.set(name.trim(), value.trim())?;
        }
        Ok(())
    }

    fn take_body(&mut self, body: &[u8]) -> Result<(), String> {
        let document: Value =
            serde_json::from_slice(body).map_err(|error| format!("the body's commands: {error}"))?;
        for (name, value) in document["test"].as_object().ok_or("`test` is not an object")? {
            match value {
                Value::String(text) => self.set(name, text)?,
                other => self.set(name, &other.to_string())?,
            }
        }
        let rest = document.get("body").and_then(Value::as_str).unwrap_or_default();
        self.body.get_or_insert_with(|| rest.as_bytes().to_vec());
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |what: &str| format!("`{name}={value}`: the value is not {what}");
        let number = || value.parse::<u64>().map_err(|_| wrong("a number"));
        match name {
            "status" => self.status = Some(status(value).ok_or_else(|| wrong("a status"))?),
            "interim" => {
                let interim = status(value).filter(|status| *status < 200);
                self.interim = Some(interim.ok_or_else(|| wrong("an interim status"))?);
            }
            "body" => self.body = Some(value.as_bytes().to_vec()),
            "tell" => {
                self.tell = Some(match value {
                    "pid" => Tell::Pid,
                    "all" => Tell::All,
                    _ => return Err(wrong("`pid` or `all`")),
                });
            }
            "repeat" => self.repeat = Some(number()?),
            "content_type" => self.content_type = Some(value.to_owned()),
            "header" => self.headers.push(value.to_owned()),
            "attributes" => self.headers.push(format!("X-Amzn-SageMaker-Custom-Attributes: {value}")),
            "session" => {
                self.session = Some(match value {
                    "keep" => SessionWish::Keep,
                    "close" => SessionWish::Close,
                    _ => return Err(wrong("`keep` or `close`")),
                });
            }
            "expires" => self.expires = Some(value.to_owned()),
            "delay_ms" => self.delay_ms = number()?,
            "touch" => self.touch = Some(value.into()),
            "until" => self.until = Some(value.into()),
            "chunks" => self.form = Form::Chunks(number()?),
            "events" => self.form = Form::Events(number()?),
            "pause_ms" => self.pause_ms = number()?,
            "length" if value == "none" => self.length = Length::None,
            "length" => {
                self.length = Length::Off(value.parse().map_err(|_| wrong("`none` or a signed number"))?);
            }
            "exit" => self.fate = Some(Fate::Exit(value.parse().map_err(|_| wrong("an exit code"))?)),
            "signal" => {
                self.fate = Some(Fate::Signal(parse_signal(value).ok_or_else(|| wrong("a signal"))?));
            }
            "hang" | "close" | "forget" if value != "true" => return Err(wrong("`true`")),
            "hang" => self.fate = Some(Fate::Hang),
            "forget" => self.forget = true,
            "models" => {
                self.models = Some(Listing::parse(value).ok_or_else(|| wrong("a status or `empty`"))?);
            }
            "close" => self.fate = Some(Fate::Close),
            "at" => {
                self.at = match value {
                    "start" => At::Start,
                    "head" => At::Head,
                    _ => At::Byte(number()?),
                };
            }
            "eat_mib" => self.eat_mib = number()?,
            "spin_ms" => self.spin_ms = number()?,
            "log" => self.log = Some(value.to_owned()),
            "ping" => self.ping = Some(PingAnswer::parse(value).ok_or_else(|| wrong("a status or `hang`"))?),
            _ => return Err(format!("there is no command `{name}`; see hostler_testkit::testmodel")),
        }
        Ok(())
    }
}

/// A status as HTTP writes it.
pub(super) fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (100..1000).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)], body: &str) -> Request {
        Request {
            method: "POST".to_owned(),
            path: "/invocations".to_owned(),
            headers: headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_same_command_may_come_in_four_ways_and_the_header_wins() {
        let mut every = Wish::default();
        every.take_list("status=501; delay_ms=1; pause_ms=1; spin_ms=1").unwrap();
        let body = r#"{"test": {"delay_ms": 2, "pause_ms": 2, "spin_ms": 2}, "body": "rows"}"#;
        let asked = request(&[(ATTRIBUTES, "test: pause_ms=3;spin_ms=3"), ("x-test-spin-ms", "4")], body);
        let wish = Wish::of(&asked, &every).unwrap();
        assert_eq!(
            (wish.status, wish.delay_ms, wish.pause_ms, wish.spin_ms),
            (Some(501), 2, 3, 4),
            "variable, body, attributes, header"
        );
        assert_eq!(wish.body.as_deref(), Some(&b"rows"[..]));
    }

    #[test]
    fn attributes_and_bodies_without_the_mark_are_no_commands() {
        let asked = request(&[(ATTRIBUTES, "status=500; trace=7")], r#"{"instances": [{"test": 1}]}"#);
        assert_eq!(Wish::of(&asked, &Wish::default()).unwrap(), Wish::default());
    }

    #[test]
    fn a_command_that_is_misspelled_is_an_error_that_names_it() {
        for (commands, part) in [
            ("statsu=500", "`statsu`"),
            ("status=5000", "`status=5000`"),
            ("status", "`status` is not `name=value`"),
            ("hang=yes", "`hang=yes`"),
            ("signal=HURT", "`signal=HURT`"),
            ("at=end", "`at=end`"),
        ] {
            let error = Wish::default().take_list(commands).unwrap_err();
            assert!(error.contains(part), "{commands}: {error}");
        }
    }
}
