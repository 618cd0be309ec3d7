//! The Python that environments are made of.
//!
//! Invariants: what is missing is said with what to install.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::refusal::{Refusal, RefusalKind};

/// The contract server uses nothing newer.
const OLDEST: (u32, u32) = (3, 9);
/// Says what an environment depends on, and whether one can be made at all.
const ASK: &str = "import sys, sysconfig\n\
    try:\n    import venv, ensurepip\n    able = 1\nexcept ImportError:\n    able = 0\n\
    print(sys.version_info[0], sys.version_info[1], able, sys.implementation.cache_tag, \
    sysconfig.get_platform(), sys.base_prefix, sys.version.split()[0])\n\
    import glob, os\n\
    dirs = [sysconfig.get_config_var('WHEEL_PKG_DIR'), able and os.path.join(os.path.dirname(ensurepip.__file__), '_bundled')]\n\
    found = [wheel for dir in dirs if dir for wheel in sorted(glob.glob(os.path.join(dir, 'pip-*.whl')))]\n\
    print(found[-1] if found else '')";

/// A Python that can make environments.
#[derive(Debug)]
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    /// All that makes an environment of it differ from that of another.
    pub(crate) identity: String,
    /// For people.
    pub(crate) version: String,
    /// The wheel of pip that it would put into an environment; pip runs out of it as it is.
    pub(crate) pip_wheel: Option<PathBuf>,
}

impl Python {
    /// Asks the program, which is looked for in `path` when its name has no slash.
    pub(crate) fn ask(name: &str, path: &str) -> Result<Self, Refusal> {
        let refuse = |detail: String| Refusal::new(RefusalKind::Python, detail);
        let program = find(name, path).ok_or_else(|| {
            refuse(format!(
                "there is no `{name}` in {path}: install Python 3 with its module venv (Debian and Ubuntu: apt install \
                 python3-venv), or name another one by python under [script] in hostler.toml"
            ))
        })?;
        let shown = program.display().to_string();
        let output = Command::new(&program)
            .args(["-I", "-c", ASK])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| refuse(format!("starting `{shown}` failed: {error}")))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let (said, pip_wheel) = said.split_once('\n').unwrap_or((&said, ""));
        let words: Vec<&str> = said.split(' ').collect();
        let numbers = words
            .first()
            .zip(words.get(1))
            .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
        let Some(version) = numbers.filter(|_| output.status.success()) else {
            return Err(refuse(format!("`{shown}` is no Python 3 that runs")));
        };
        if version < OLDEST {
            return Err(refuse(format!(
                "`{shown}` is Python {}.{}, and script mode needs {}.{} or newer",
                version.0, version.1, OLDEST.0, OLDEST.1
            )));
        }
        if words.get(2) != Some(&"1") {
            return Err(refuse(format!(
                "`{shown}` cannot make virtual environments, because its modules venv and ensurepip are not there: \
                 install them (Debian and Ubuntu: apt install python3-venv)"
            )));
        }
        let full = words.last().copied().unwrap_or_default().to_owned();
        let pip_wheel = (!pip_wheel.is_empty()).then(|| PathBuf::from(pip_wheel));
        Ok(Self { identity: format!("{} {said}", program.display()), version: full, program, pip_wheel })
    }
}

fn find(name: &str, path: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Path::new(name).is_file().then(|| PathBuf::from(name));
    }
    path.split(':').map(|dir| Path::new(dir).join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_python_that_is_not_there_or_too_old_is_named_with_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display().to_string();
        let refused = |said: &str| {
            let program = dir.path().join("python3");
            fs::write(&program, format!("#!/bin/sh\necho '{said}'\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            Python::ask("python3", &path).map(|_| ()).unwrap_err().detail
        };
        let missing = Python::ask("python3", &path).unwrap_err();
        assert_eq!(missing.kind, RefusalKind::Python);
        assert!(missing.detail.contains("apt install python3-venv"), "{missing}");
        assert!(refused("3 6 1 x y /usr 3.6.1").contains("needs 3.9 or newer"));
        assert!(refused("3 12 0 x y /usr 3.12.1").contains("apt install python3-venv"));
        assert!(refused("2.7").contains("is no Python 3 that runs"));
    }
}
