//! `[script]`: how models with a script of their own are run.
//!
//! Invariants: what would make every script fail is a mistake here and not the failure of an endpoint.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hostler_compute_process::ScriptConfig;
use serde::Deserialize;

const DAY_S: u64 = 24 * 60 * 60;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    pub(super) frameworks: Option<bool>,
    pub(super) python: Option<String>,
    pub(super) environments_bytes: Option<u64>,
    pub(super) install_timeout_s: Option<u64>,
    #[serde(default)]
    pub(super) pip: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) base: BTreeMap<String, Vec<String>>,
}

impl Script {
    /// Whether AWS's framework images are run as scripts.
    pub(crate) fn runs_frameworks(&self) -> bool {
        self.frameworks.unwrap_or(true)
    }

    /// What the backend is told; the environments lie in `dir`.
    pub(crate) fn config(&self, dir: &Path) -> ScriptConfig {
        let defaults = ScriptConfig::new(dir);
        ScriptConfig {
            environments_bytes_max: self.environments_bytes.unwrap_or(defaults.environments_bytes_max),
            install_timeout: self.install_timeout_s.map_or(defaults.install_timeout, Duration::from_secs),
            python: self.python.clone().unwrap_or(defaults.python),
            pip: self.pip.clone(),
            base: self.base.clone(),
            environments_dir: defaults.environments_dir,
        }
    }

    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.python.as_ref().is_some_and(|python| python.is_empty() || python.contains('\0')) {
            all.push("[script] python is no program's name".to_owned());
        }
        if let Some(seconds) = self.install_timeout_s.filter(|seconds| !(1..=DAY_S).contains(seconds)) {
            all.push(format!("[script] install_timeout_s = {seconds} is not between 1 and {DAY_S}"));
        }
        for name in self.pip.keys().filter(|name| !name.starts_with("PIP_") || name.contains(['=', '\0'])) {
            all.push(format!("[script] pip has `{name}`, and pip's variables begin with PIP_"));
        }
        for name in self.base.keys().filter(|name| !hostler_script::FRAMEWORKS.contains(&name.as_str())) {
            let known = hostler_script::FRAMEWORKS.join(", ");
            all.push(format!("[script.base] has `{name}`, and the frameworks are {known}"));
        }
        for (name, lines) in &self.base {
            // An option would reach pip as one.
            for line in lines.iter().filter(|line| line.is_empty() || line.starts_with('-')) {
                all.push(format!("[script.base] {name} has `{line}`, which is no package"));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_script_could_live_with_is_a_mistake() {
        let script: Script = toml::from_str(
            "python = ''\ninstall_timeout_s = 0\npip = { INDEX_URL = 'x', PIP_INDEX_URL = 'y' }\n\
             base = { keras = [], pytorch = ['--pre', 'torch'] }\n",
        )
        .unwrap();
        let mistakes = script.mistakes();
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        for part in ["python", "install_timeout_s = 0", "`INDEX_URL`", "`keras`", "`--pre`"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}: {mistakes:?}");
        }
        assert!(Script::default().mistakes().is_empty());
    }
}
