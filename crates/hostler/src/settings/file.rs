//! `hostler.toml` as it is written.
//!
//! Why: serde stops at the first mistake; so each top-level entry is read by itself, and what goes wrong with it is
//! collected.
//! Invariants: an unknown key is a mistake that names the key.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use hostler_catalog::ImageMapping;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An interpreter does not start in less; the most is more than any machine has.
const MEMORY_MIB: RangeInclusive<u64> = 4..=64 * 1024 * 1024;
/// The kernel grants a CPU in pieces of at least a hundredth.
const CPU_MILLIS: RangeInclusive<u64> = 10..=1_000_000;

#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    pub(super) listen: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) describe_hold_ms: Option<u64>,
    pub(super) undeclared_roles: Option<String>,
    pub(super) model_dirs: Vec<PathBuf>,
    pub(super) backend: Option<String>,
    pub(super) accelerators: Option<String>,
    pub(super) limits: Limits,
    pub(super) quotas: Quotas,
    pub(super) s3: Option<S3>,
    pub(super) sts: Sts,
    pub(super) role: Vec<Role>,
    pub(super) image: Vec<Image>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) model_timeout_s: Option<u64>,
    pub(super) payload_bytes: Option<u64>,
    pub(super) artifact_bytes: Option<u64>,
    pub(super) instance_memory_bytes: Option<u64>,
    pub(super) provision_timeout_s: Option<u64>,
}

impl Limits {
    /// Numbers that nobody means: nothing at all, or a time past every clock.
    pub(super) fn mistakes(&self) -> Vec<String> {
        const DAY_S: u64 = 24 * 60 * 60;
        /// A request is held in memory.
        const PAYLOAD_BYTES: u64 = 1 << 30;
        [
            ("model_timeout_s", self.model_timeout_s, DAY_S),
            ("provision_timeout_s", self.provision_timeout_s, DAY_S),
            ("payload_bytes", self.payload_bytes, PAYLOAD_BYTES),
            ("artifact_bytes", self.artifact_bytes, u64::MAX),
            ("instance_memory_bytes", self.instance_memory_bytes, u64::MAX),
        ]
        .into_iter()
        .filter_map(|(name, value, max)| {
            let value = value.filter(|value| !(1..=max).contains(value))?;
            Some(match max {
                u64::MAX => format!("[limits] {name} = {value} is not 1 or more"),
                _ => format!("[limits] {name} = {value} is not between 1 and {max}"),
            })
        })
        .collect()
    }
}

/// Limits by name: `endpoints`, `variants`, `default_instances`, or an instance type.
pub(super) type Quotas = BTreeMap<String, u64>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) path_style: Option<bool>,
    pub(super) assume_roles: Option<bool>,
    pub(super) profile: Option<String>,
    pub(super) credentials_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) allow_http: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sts {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    #[serde(default)]
    pub(super) inactive_regions: Vec<String>,
    pub(super) profile: Option<String>,
    pub(super) credentials_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) allow_http: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    pub(super) r#match: String,
    pub(super) command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    working_dir: Option<String>,
    #[serde(default)]
    needs_opt_ml: bool,
    memory_mib: Option<u64>,
    cpu_millis: Option<u64>,
}

impl Image {
    /// What is wrong with it.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.command.is_empty() {
            mistakes.push("has an empty command".to_owned());
        }
        let mut check = |name: &str, value: Option<u64>, range: RangeInclusive<u64>| {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                let (least, most) = range.into_inner();
                mistakes.push(format!("has {name} = {value}, which is not between {least} and {most}"));
            }
        };
        check("memory_mib", self.memory_mib, MEMORY_MIB);
        check("cpu_millis", self.cpu_millis, CPU_MILLIS);
        mistakes.into_iter().map(|what| format!("[[image]] match = \"{}\" {what}", self.r#match)).collect()
    }
}

impl From<Image> for ImageMapping {
    fn from(image: Image) -> Self {
        Self {
            pattern: image.r#match,
            command: image.command,
            environment: image.env.into_iter().collect(),
            working_dir: image.working_dir,
            needs_opt_ml: image.needs_opt_ml,
            memory_mib: image.memory_mib,
            cpu_millis: image.cpu_millis,
        }
    }
}

impl SettingsFile {
    /// Reads what can be read, and says what cannot.
    pub(super) fn parse(text: &str) -> (Self, Vec<String>) {
        let mut mistakes = Vec::new();
        let mut file = Self::default();
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return (file, vec![error.to_string().trim_end().replace('\n', "\n    ")]),
        };
        for (key, value) in table {
            let entry = Entry { key: &key, value, mistakes: &mut mistakes };
            match key.as_str() {
                "listen" => entry.read(&mut file.listen),
                "data_dir" => entry.read(&mut file.data_dir),
                "region" => entry.read(&mut file.region),
                "account" => entry.read(&mut file.account),
                "describe_hold_ms" => entry.read(&mut file.describe_hold_ms),
                "undeclared_roles" => entry.read(&mut file.undeclared_roles),
                "accelerators" => entry.read(&mut file.accelerators),
                "model_dirs" => entry.read(&mut file.model_dirs),
                "backend" => entry.read(&mut file.backend),
                "limits" => entry.read(&mut file.limits),
                "quotas" => entry.read(&mut file.quotas),
                "s3" => entry.read(&mut file.s3),
                "sts" => entry.read(&mut file.sts),
                "role" => entry.read(&mut file.role),
                "image" => entry.read(&mut file.image),
                unknown => mistakes.push(format!("unknown key `{unknown}`")),
            }
        }
        (file, mistakes)
    }
}

struct Entry<'a> {
    key: &'a str,
    value: toml::Value,
    mistakes: &'a mut Vec<String>,
}

impl Entry<'_> {
    fn read<T: DeserializeOwned>(self, into: &mut T) {
        match self.value.try_into() {
            Ok(value) => *into = value,
            Err(error) => {
                let text: toml::de::Error = error;
                self.mistakes.push(format!("`{}`: {}", self.key, text.message()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_at_once() {
        let (_, mistakes) = SettingsFile::parse(
            "listn = 'x'\ndescribe_hold_ms = 'soon'\n[limits]\nmodel_timeout = 1\n[[role]]\narn = 'a'\n",
        );
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
        for part in ["listn", "describe_hold_ms", "model_timeout", "allow"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}: {mistakes:?}");
        }
    }

    #[test]
    fn limits_of_an_image_have_limits() {
        let (file, _) = SettingsFile::parse(
            "[[image]]\nmatch = 'x'\ncommand = []\nmemory_mib = 0\ncpu_millis = 1000001\n\
             [[image]]\nmatch = 'y'\ncommand = ['z']\nmemory_mib = 4\ncpu_millis = 10\n",
        );
        let mistakes = file.image[0].mistakes();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        for part in ["empty command", "memory_mib = 0", "cpu_millis = 1000001"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}: {mistakes:?}");
        }
        assert_eq!(file.image[1].mistakes(), Vec::<String>::new());
    }

    #[test]
    fn limits_that_nobody_means_are_mistakes_and_their_borders_are_not() {
        let mistakes = |text: &str| SettingsFile::parse(text).0.limits.mistakes();
        for name in ["model_timeout_s", "provision_timeout_s", "payload_bytes", "artifact_bytes"] {
            assert_eq!(mistakes(&format!("[limits]\n{name} = 0")).len(), 1, "{name}");
            assert_eq!(mistakes(&format!("[limits]\n{name} = 1")), Vec::<String>::new(), "{name}");
        }
        assert_eq!(mistakes("[limits]\nmodel_timeout_s = 86400"), Vec::<String>::new());
        assert_eq!(mistakes("[limits]\npayload_bytes = 1073741824"), Vec::<String>::new());
        let said = mistakes(
            "[limits]\nmodel_timeout_s = 86401\npayload_bytes = 1073741825\ninstance_memory_bytes = 0",
        );
        assert_eq!(
            said,
            [
                "[limits] model_timeout_s = 86401 is not between 1 and 86400",
                "[limits] payload_bytes = 1073741825 is not between 1 and 1073741824",
                "[limits] instance_memory_bytes = 0 is not 1 or more"
            ]
        );
    }

    #[test]
    fn a_full_file_is_read() {
        let (file, mistakes) = SettingsFile::parse(
            "listen = '127.0.0.1:0'\nmodel_dirs = ['/srv/models']\nregion = 'eu-central-1'\naccount = '123456789012'\n\
             [limits]\nmodel_timeout_s = 5\n[quotas]\nvariants = 3\n'ml.m5.large' = 2\n\
             [[role]]\narn = 'arn:aws:iam::123456789012:role/r'\nallow = ['s3://b/p*']\n\
             [[image]]\nmatch = '*/x*'\ncommand = ['serve', '{port}']\nenv = { A = 'b' }\n\
             needs_opt_ml = true\nmemory_mib = 512\ncpu_millis = 500\n",
        );
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(file.limits.model_timeout_s, Some(5));
        assert_eq!((file.quotas["variants"], file.quotas["ml.m5.large"]), (3, 2));
        assert_eq!(file.model_dirs, [PathBuf::from("/srv/models")]);
        assert_eq!(file.role[0].allow, ["s3://b/p*"]);
        assert_eq!(file.image[0].command, ["serve", "{port}"]);
        assert_eq!(file.image[0].mistakes(), Vec::<String>::new());
        let mapping = ImageMapping::from(file.image.into_iter().next().unwrap());
        assert!(mapping.needs_opt_ml);
        assert_eq!((mapping.memory_mib, mapping.cpu_millis), (Some(512), Some(500)));
    }
}
