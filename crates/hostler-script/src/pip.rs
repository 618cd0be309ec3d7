//! Runs a step of making an environment: its output goes to the log as it comes, and its end is remembered.
//!
//! Why: what pip says last is what its user can act on; what it says meanwhile is the only progress there is.
//! Invariants: bounded in time and in what is remembered. The step sees no variable but those that are named here, and what
//! of them decides what is installed is part of the key: environments are shared, and nobody may put packages into another's.
//! So the model's home, where pip would look for settings, is not the step's.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write, pipe};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Variables that a step gets besides `PIP_` ones and that change nothing of what is installed.
const PASSED: [&str; 3] = [
    "LANG",
    "TMPDIR",
    // By which the backend finds what an instance started.
    "HOSTLER_INSTANCE_DIR",
];
/// Those that decide whose packages come: which programs build them, and who is asked over the network and believed.
const DECISIVE: [&str; 9] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
];
/// Lines that are remembered, and how much of each.
const LINES_MAX: usize = 40;
const LINE_BYTES_MAX: u64 = 2000;
/// What a failure's text has room for.
const WORDS_CHARS_MAX: usize = 640;
/// Of output in which nothing is called an error.
const LAST_LINES: usize = 5;
const STEP: Duration = Duration::from_millis(20);
/// How long output may go on to come after the program's end: a program of its own may hold the pipe.
const DRAIN: Duration = Duration::from_secs(2);

/// How a step ended.
pub(crate) enum Ended {
    Well,
    Badly { status: ExitStatus, words: String },
    Late { words: String },
}

/// The `PIP_` variables: the operator's, and over them the model's own.
pub(crate) fn variables(
    operators: BTreeMap<String, String>,
    own: impl Iterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let mut all = operators;
    all.extend(own.filter(|(name, _)| name.starts_with("PIP_")));
    all
}

/// Of an environment what decides besides `PIP_` variables what is installed.
pub(crate) fn decisive(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_decisive = |name: &str| DECISIVE.contains(&name);
    environment
        .iter()
        .filter(|(name, _)| is_decisive(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Runs a program with this environment until it ends or the time is over. `home` is its home.
pub(crate) fn run(
    program: &Path,
    arguments: &[String],
    (dir, home): (&Path, &Path),
    variables: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    timeout: Duration,
) -> io::Result<Ended> {
    let (output, output_end) = pipe()?;
    let is_passed = |name: &str| PASSED.contains(&name) || DECISIVE.contains(&name);
    let passed = environment.iter().filter(|(name, _)| is_passed(name));
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .envs(passed)
        .env("HOME", home)
        .env("PYTHONNOUSERSITE", "1")
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(output_end.try_clone()?)
        .stderr(output_end)
        .spawn()?;
    let lines = forward(output);
    let deadline = now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if now() >= deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(STEP);
    };
    let words = || last_words(&lines.recv_timeout(DRAIN).unwrap_or_default());
    Ok(match status {
        Some(status) if status.success() => {
            words();
            Ended::Well
        }
        Some(status) => Ended::Badly { status, words: words() },
        None => Ended::Late { words: words() },
    })
}

/// Copies output to standard output line by line; at its end come the last ones.
fn forward(output: PipeReader) -> Receiver<Vec<String>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut kept = VecDeque::new();
        loop {
            let mut line = Vec::new();
            match (&mut output).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            // A log that is gone is no reason to stop.
            let _ = io::stdout().write_all(&line);
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if !text.trim().is_empty() {
                kept.push_back(text);
            }
            if kept.len() > LINES_MAX {
                kept.pop_front();
            }
        }
        let _ = sender.send(kept.into());
    });
    receiver
}

/// From the first error on, or the last lines where none is called one; of too much the end.
fn last_words(lines: &[String]) -> String {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| !line.starts_with("[notice]")).collect();
    let first = lines.iter().position(|line| line.to_ascii_lowercase().starts_with("error"));
    let first = first.unwrap_or_else(|| lines.len().saturating_sub(LAST_LINES));
    let text = lines[first..].join(" | ");
    let chars = text.chars().count();
    if chars <= WORDS_CHARS_MAX {
        return text;
    }
    let end: String = text.chars().skip(chars - WORDS_CHARS_MAX + 1).collect();
    format!("…{end}")
}

#[expect(clippy::disallowed_methods, reason = "there is no async runtime here whose clock could be used")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str, variables: &[(&str, &str)], timeout: Duration) -> Ended {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let environment =
            pairs(&[("PATH", "/usr/bin:/bin"), ("SECRET", "s"), ("AWS_SECRET_ACCESS_KEY", "s")]);
        let arguments = ["-c".to_owned(), script.to_owned()];
        run(
            Path::new("/bin/sh"),
            &arguments,
            (Path::new("/"), Path::new("/")),
            &pairs(variables),
            &environment,
            timeout,
        )
        .unwrap()
    }

    #[test]
    fn the_words_of_a_failure_begin_with_its_first_error() {
        let script = "echo Collecting x; echo 'ERROR: no version'; echo 'ERROR: none found' >&2; \
                      echo '[notice] a new pip'; exit 1";
        let Ended::Badly { status, words } = shell(script, &[], LONG) else { panic!("it went well") };
        assert_eq!(status.code(), Some(1));
        assert_eq!(words, "ERROR: no version | ERROR: none found");
    }

    #[test]
    fn words_are_bounded_and_their_end_is_kept() {
        let lines: Vec<String> = (0..200).map(|number| format!("ERROR: line {number}")).collect();
        let words = last_words(&lines);
        assert_eq!(words.chars().count(), WORDS_CHARS_MAX);
        assert!(words.starts_with('…') && words.ends_with("ERROR: line 199"), "{words}");
        let plain: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        assert_eq!(last_words(&plain), "4 | 5 | 6 | 7 | 8");
    }

    #[test]
    fn a_step_sees_only_what_it_is_meant_to() {
        let Ended::Badly { words, .. } =
            shell("echo error $(env | sort); exit 2", &[("PIP_INDEX_URL", "u")], LONG)
        else {
            panic!("it went well")
        };
        for part in ["PATH=/usr/bin:/bin", "PIP_INDEX_URL=u", "PYTHONNOUSERSITE=1"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(!words.contains("SECRET"), "{words}");
    }

    #[test]
    fn a_step_that_takes_too_long_is_ended() {
        let ended = shell("echo began; exec sleep 600", &[], Duration::from_millis(300));
        assert!(matches!(ended, Ended::Late { words } if words == "began"));
    }

    #[test]
    fn the_models_own_variables_win_and_only_those_of_pip_are_taken() {
        let operators = BTreeMap::from([("PIP_INDEX_URL".to_owned(), "a".to_owned())]);
        let own = [("PIP_INDEX_URL", "b"), ("OTHER", "c")];
        let all =
            variables(operators, own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        assert_eq!(all, BTreeMap::from([("PIP_INDEX_URL".to_owned(), "b".to_owned())]));
    }
}
