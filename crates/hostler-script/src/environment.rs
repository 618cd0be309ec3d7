//! Makes one virtual environment in a directory that nobody uses yet.
//!
//! Why: an environment names its own place in its programs' first lines; it is made aside and renamed, so these lines are
//! written anew, and an environment that is there is always a whole one.
//! Failure: what fails leaves a directory that its caller, or the next maker, deletes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::pip::{self, Ended};
use crate::python::Python;
use crate::refusal::{Refusal, RefusalKind};

/// What is wanted of an environment.
pub(crate) struct Wanted<'a> {
    pub(crate) python: &'a Python,
    /// Of the framework.
    pub(crate) base: &'a [String],
    /// The model's own file.
    pub(crate) requirements: Option<&'a Path>,
    /// Where pip runs, so that paths in the file are found.
    pub(crate) code_dir: &'a Path,
    pub(crate) pip: &'a BTreeMap<String, String>,
    /// This process's own.
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) timeout: Duration,
}

/// Makes it in `new`, to be used in `place`.
pub(crate) fn make(wanted: &Wanted<'_>, new: &Path, place: &Path) -> Result<(), Refusal> {
    let has_packages = !wanted.base.is_empty() || wanted.requirements.is_some();
    let shown = wanted.python.program.display();
    say(&format!("making a virtual environment of Python {} ({shown})", wanted.python.version));
    let mut arguments = vec!["-m".to_owned(), "venv".to_owned()];
    // Putting pip into each environment takes longer, and more room, than most packages do.
    if !has_packages || wanted.python.pip_wheel.is_some() {
        arguments.push("--without-pip".to_owned());
    }
    arguments.push(new.display().to_string());
    match step(wanted, &wanted.python.program, &arguments, (Path::new("/"), new), wanted.pip)? {
        Ended::Well => {}
        Ended::Badly { words, .. } if is_disk_full(&words) => return Err(disk_full(&words)),
        Ended::Badly { status, words } => {
            let detail =
                format!("making a virtual environment with `{shown} -m venv` failed ({status}): {words}");
            return Err(Refusal::new(RefusalKind::Python, detail));
        }
        Ended::Late { words } => return Err(late(wanted, "making a virtual environment", &words)),
    }
    if has_packages {
        install(wanted, new)?;
    }
    rename_inside(new, place)
        .map_err(|error| Refusal::of_machine("writing the environment's place into it", &error))
}

fn install(wanted: &Wanted<'_>, new: &Path) -> Result<(), Refusal> {
    let mut arguments: Vec<String> = [
        "-m",
        "pip",
        "install",
        "--no-input",
        "--no-color",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    .map(str::to_owned)
    .into();
    if !wanted.pip.contains_key("PIP_CACHE_DIR") {
        arguments.push("--no-cache-dir".to_owned());
    }
    for line in wanted.base {
        // Of such packages the sources take an hour and a compiler.
        let name = line.split(['=', '<', '>', '!', '~', '[', ' ']).next().unwrap_or_default();
        arguments.extend(["--only-binary".to_owned(), name.to_owned()]);
    }
    if let Some(file) = wanted.requirements {
        arguments.extend(["-r".to_owned(), file.display().to_string()]);
    }
    arguments.extend(wanted.base.iter().cloned());
    let what = what_is_installed(wanted);
    say(&format!("installing {what}"));
    let mut variables = wanted.pip.clone();
    if let Some(wheel) = &wanted.python.pip_wheel {
        variables.insert("PYTHONPATH".to_owned(), wheel.display().to_string());
    }
    match step(wanted, &new.join("bin/python"), &arguments, (wanted.code_dir, new), &variables)? {
        Ended::Well => Ok(()),
        Ended::Badly { words, .. } if is_disk_full(&words) => Err(disk_full(&words)),
        Ended::Badly { words, .. } => {
            let detail =
                format!("pip could not install {what} for Python {}: {words}", wanted.python.version);
            Err(Refusal::new(RefusalKind::Requirements, detail))
        }
        Ended::Late { words } => Err(late(wanted, &format!("installing {what}"), &words)),
    }
}

fn what_is_installed(wanted: &Wanted<'_>) -> String {
    let base = wanted.base.join(", ");
    match (wanted.requirements.is_some(), wanted.base.is_empty()) {
        (true, true) => "code/requirements.txt".to_owned(),
        (true, false) => format!("code/requirements.txt and the image's {base}"),
        (false, _) => format!("the image's {base}"),
    }
}

fn step(
    wanted: &Wanted<'_>,
    program: &Path,
    arguments: &[String],
    (dir, home): (&Path, &Path),
    variables: &BTreeMap<String, String>,
) -> Result<Ended, Refusal> {
    // A model without code has no such directory.
    let dir = if dir.is_dir() { dir } else { Path::new("/") };
    pip::run(program, arguments, (dir, home), variables, wanted.environment, wanted.timeout)
        .map_err(|error| Refusal::of_machine("making a virtual environment", &error))
}

fn late(wanted: &Wanted<'_>, what: &str, words: &str) -> Refusal {
    let seconds = wanted.timeout.as_secs();
    let detail = format!("{what} took longer than {seconds} s (install_timeout_s under [script]): {words}");
    Refusal::new(RefusalKind::Late, detail)
}

fn is_disk_full(words: &str) -> bool {
    words.contains("No space left on device")
}

fn disk_full(words: &str) -> Refusal {
    Refusal::new(RefusalKind::DiskFull, format!("there was no room to install packages: {words}"))
}

/// The environment's programs begin with the path of its Python.
fn rename_inside(new: &Path, place: &Path) -> io::Result<()> {
    let (from, to) = (new.display().to_string(), place.display().to_string());
    let mut files: Vec<PathBuf> = fs::read_dir(new.join("bin"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.push(new.join("pyvenv.cfg"));
    for file in files {
        if !fs::symlink_metadata(&file)?.is_file() {
            continue;
        }
        // Programs that are no text stay as they are.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if text.contains(&from) {
            fs::write(&file, text.replace(&from, &to))?;
        }
    }
    Ok(())
}

/// A line of the instance's log.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "hostler: {text}");
}
