//! `hostler.toml` as it is written.
//!
//! Why: serde stops at the first mistake; so each entry, each key of a table and each table of a list is read by itself,
//! and what goes wrong with it is collected.
//! Invariants: an unknown key is a mistake that names the key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::docker;
use super::image::Image;
use super::metrics::Written;
use super::script::Script;

#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    pub(super) listen: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) describe_hold_ms: Option<u64>,
    pub(super) rollback_shown_s: Option<u64>,
    pub(super) protect_in_use: Option<bool>,
    pub(super) strict_aws: Option<bool>,
    pub(super) log_format: Option<String>,
    pub(super) undeclared_roles: Option<String>,
    pub(super) model_dirs: Vec<PathBuf>,
    pub(super) backend: Option<String>,
    pub(super) docker: Option<docker::Written>,
    pub(super) accelerators: Option<String>,
    pub(super) limits: Limits,
    pub(super) quotas: Quotas,
    pub(super) throttling: BTreeMap<String, toml::Value>,
    pub(super) s3: Option<S3>,
    pub(super) sts: Sts,
    pub(super) role: Vec<Role>,
    pub(super) image: Vec<Image>,
    pub(super) metrics: Written,
    pub(super) script: Script,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) model_timeout_s: Option<u64>,
    pub(super) stream_timeout_s: Option<u64>,
    pub(super) payload_bytes: Option<u64>,
    pub(super) artifact_bytes: Option<u64>,
    pub(super) instance_memory_bytes: Option<u64>,
    pub(super) overcommit: Option<f64>,
    pub(super) provision_timeout_s: Option<u64>,
    pub(super) in_flight_per_instance: Option<u64>,
    pub(super) in_flight_per_endpoint: Option<u64>,
    pub(super) waiting: Option<u64>,
    pub(super) hold_timeout_s: Option<u64>,
    pub(super) model_timeout_max_s: Option<u64>,
    pub(super) stream_timeout_max_s: Option<u64>,
    pub(super) payload_bytes_max: Option<u64>,
    pub(super) in_flight_per_instance_max: Option<u64>,
    pub(super) waiting_max: Option<u64>,
    pub(super) body_memory_bytes: Option<u64>,
    pub(super) body_disk_bytes: Option<u64>,
    pub(super) body_spill_bytes: Option<u64>,
    pub(super) body_wait_s: Option<u64>,
    pub(super) body_timeout_s: Option<u64>,
    pub(super) connections: Option<u64>,
    pub(super) head_timeout_s: Option<u64>,
    pub(super) idle_timeout_s: Option<u64>,
    pub(super) stall_timeout_s: Option<u64>,
}

impl Limits {
    /// Numbers that nobody means: nothing at all, or a time past every clock.
    pub(super) fn mistakes(&self) -> Vec<String> {
        const DAY_S: u64 = 24 * 60 * 60;
        /// A request is held in memory.
        const PAYLOAD_BYTES: u64 = 1 << 30;
        /// More than a machine has sockets for.
        const REQUESTS: u64 = 1_000_000;
        /// Room for the small bodies of some clients.
        const BODY_MEMORY_BYTES_MIN: u64 = 1 << 20;
        [
            ("model_timeout_s", self.model_timeout_s, DAY_S),
            ("stream_timeout_s", self.stream_timeout_s, DAY_S),
            ("provision_timeout_s", self.provision_timeout_s, DAY_S),
            ("payload_bytes", self.payload_bytes, PAYLOAD_BYTES),
            ("model_timeout_max_s", self.model_timeout_max_s, DAY_S),
            ("stream_timeout_max_s", self.stream_timeout_max_s, DAY_S),
            ("payload_bytes_max", self.payload_bytes_max, PAYLOAD_BYTES),
            ("in_flight_per_instance_max", self.in_flight_per_instance_max, REQUESTS),
            ("waiting_max", self.waiting_max, REQUESTS),
            ("artifact_bytes", self.artifact_bytes, u64::MAX),
            ("instance_memory_bytes", self.instance_memory_bytes, u64::MAX),
            ("in_flight_per_instance", self.in_flight_per_instance, REQUESTS),
            ("in_flight_per_endpoint", self.in_flight_per_endpoint, REQUESTS),
            ("waiting", self.waiting, REQUESTS),
            ("hold_timeout_s", self.hold_timeout_s, DAY_S),
            ("body_wait_s", self.body_wait_s, DAY_S),
            ("body_timeout_s", self.body_timeout_s, DAY_S),
            ("connections", self.connections, REQUESTS),
            ("head_timeout_s", self.head_timeout_s, DAY_S),
            ("idle_timeout_s", self.idle_timeout_s, DAY_S),
            ("stall_timeout_s", self.stall_timeout_s, DAY_S),
        ]
        .into_iter()
        .filter_map(|(name, value, max)| {
            let value = value.filter(|value| !(1..=max).contains(value))?;
            Some(match max {
                u64::MAX => format!("[limits] {name} = {value} is not 1 or more"),
                _ => format!("[limits] {name} = {value} is not between 1 and {max}"),
            })
        })
        .chain(
            self.overcommit
                .filter(|times| !(0.1..=1000.0).contains(times))
                .map(|times| format!("[limits] overcommit = {times} is not between 0.1 and 1000")),
        )
        .chain(self.body_memory_bytes.filter(|bytes| *bytes < BODY_MEMORY_BYTES_MIN).map(|bytes| {
            format!("[limits] body_memory_bytes = {bytes} is not {BODY_MEMORY_BYTES_MIN} or more")
        }))
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
                "rollback_shown_s" => entry.read(&mut file.rollback_shown_s),
                "protect_in_use" => entry.read(&mut file.protect_in_use),
                "strict_aws" => entry.read(&mut file.strict_aws),
                "log_format" => entry.read(&mut file.log_format),
                "undeclared_roles" => entry.read(&mut file.undeclared_roles),
                "accelerators" => entry.read(&mut file.accelerators),
                "model_dirs" => entry.read(&mut file.model_dirs),
                "backend" => entry.read(&mut file.backend),
                "docker" => file.docker = entry.whole_table(),
                "limits" => file.limits = entry.table().0,
                "quotas" => file.quotas = entry.table().0,
                "throttling" => file.throttling = entry.table().0,
                "s3" => file.s3 = entry.whole_table(),
                "sts" => file.sts = entry.whole_table().unwrap_or_default(),
                "role" => entry.read_list(&mut file.role),
                "image" => entry.read_list(&mut file.image),
                "script" => file.script = entry.table().0,
                "metrics_token_file" => entry.read(&mut file.metrics.metrics_token_file),
                "metrics_endpoints_max" => entry.read(&mut file.metrics.metrics_endpoints_max),
                "usage_days" => entry.read(&mut file.metrics.usage_days),
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
            Err(error) => self.mistakes.push(mistake(self.key, &error)),
        }
    }

    /// What is right in a table in which any key may be missing, and whether all is: a wrong key takes no other with it.
    fn table<T: DeserializeOwned + Default>(mut self) -> (T, bool) {
        let known = self.mistakes.len();
        if let toml::Value::Table(table) = &mut self.value {
            table.retain(|key, value| {
                let alone = toml::Table::from_iter([(key.to_owned(), value.clone())]);
                let wrong = alone.try_into::<T>().err();
                self.mistakes
                    .extend(wrong.iter().map(|error| mistake(&format!("{}.{key}", self.key), error)));
                wrong.is_none()
            });
        }
        let (mut into, mistakes) = (T::default(), self.mistakes);
        Entry { key: self.key, value: self.value, mistakes }.read(&mut into);
        (into, mistakes.len() == known)
    }

    /// A table whose keys mean something together only: none when one of them is wrong.
    fn whole_table<T: DeserializeOwned + Default>(self) -> Option<T> {
        let (table, is_right) = self.table();
        is_right.then_some(table)
    }

    /// Reads a list of tables, each by itself.
    fn read_list<T: DeserializeOwned>(self, into: &mut Vec<T>) {
        let toml::Value::Array(values) = self.value else { return self.read(into) };
        for (index, value) in values.into_iter().enumerate() {
            match value.try_into() {
                Ok(value) => into.push(value),
                Err(error) => self.mistakes.push(mistake(&format!("{} {}", self.key, index + 1), &error)),
            }
        }
    }
}

fn mistake(place: &str, error: &toml::de::Error) -> String {
    format!("`{place}`: {}", error.message())
}

#[cfg(test)]
mod tests {
    use hostler_catalog::ImageMapping;

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
    fn a_mistake_in_a_table_hides_no_other() {
        let (file, mistakes) = SettingsFile::parse(
            "[limits]\nmodel_timeout_s = 'x'\nsize = 1\npayload_bytes = 7\n[quotas]\nendpoints = -1\nvariants = 2\n\
             [s3]\nendpoint = 5\nregion = 'eu-west-1'\n[[role]]\narn = 'a'\n[[role]]\narn = 'b'\nallow = []\n\
             [[image]]\nmatch = 'x'\ncommand = 'serve'\n[[image]]\nmatch = 'y'\ncommand = ['serve']\nspeed = 1\n",
        );
        let places: Vec<&str> = mistakes.iter().map(|text| text.split('`').nth(1).unwrap()).collect();
        let wanted = [
            "image 1",
            "image 2",
            "limits.model_timeout_s",
            "limits.size",
            "quotas.endpoints",
            "role 1",
            "s3.endpoint",
        ];
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, wanted, "{mistakes:?}");
        assert_eq!(file.limits.payload_bytes, Some(7));
        assert_eq!(file.quotas["variants"], 2);
        assert_eq!(file.role.len(), 1);
        assert!(file.s3.is_none(), "half of it would mean something else");
    }

    #[test]
    fn limits_that_nobody_means_are_mistakes_and_their_borders_are_not() {
        let mistakes = |text: &str| SettingsFile::parse(text).0.limits.mistakes();
        let names =
            ["model_timeout_s", "stream_timeout_s", "provision_timeout_s", "payload_bytes", "artifact_bytes"];
        for name in names {
            assert_eq!(mistakes(&format!("[limits]\n{name} = 0")).len(), 1, "{name}");
            assert_eq!(mistakes(&format!("[limits]\n{name} = 1")), Vec::<String>::new(), "{name}");
        }
        for name in ["in_flight_per_instance", "in_flight_per_endpoint", "waiting"] {
            assert_eq!(mistakes(&format!("[limits]\n{name} = 0")).len(), 1, "{name}");
            assert_eq!(mistakes(&format!("[limits]\n{name} = 1000001")).len(), 1, "{name}");
            assert_eq!(mistakes(&format!("[limits]\n{name} = 1000000")), Vec::<String>::new(), "{name}");
        }
        assert_eq!(mistakes("[limits]\nhold_timeout_s = 86401").len(), 1);
        for name in [
            "head_timeout_s",
            "idle_timeout_s",
            "stall_timeout_s",
            "body_timeout_s",
            "body_wait_s",
            "connections",
        ] {
            assert_eq!(mistakes(&format!("[limits]\n{name} = 0")).len(), 1, "{name}");
            assert_eq!(mistakes(&format!("[limits]\n{name} = 1")), Vec::<String>::new(), "{name}");
            assert_eq!(mistakes(&format!("[limits]\n{name} = 1000001")).len(), 1, "{name}");
        }
        assert_eq!(mistakes("[limits]\nbody_disk_bytes = 0\nbody_spill_bytes = 0"), Vec::<String>::new());
        assert_eq!(
            mistakes("[limits]\nbody_memory_bytes = 1048575"),
            ["[limits] body_memory_bytes = 1048575 is not 1048576 or more"]
        );
        assert_eq!(
            mistakes("[limits]\nmodel_timeout_s = 86400\nstream_timeout_s = 86400"),
            Vec::<String>::new()
        );
        assert_eq!(mistakes("[limits]\npayload_bytes = 1073741824"), Vec::<String>::new());
        let said = mistakes(
            "[limits]\nmodel_timeout_s = 86401\nstream_timeout_s = 86401\npayload_bytes = 1073741825\ninstance_memory_bytes = 0",
        );
        assert_eq!(
            said,
            [
                "[limits] model_timeout_s = 86401 is not between 1 and 86400",
                "[limits] stream_timeout_s = 86401 is not between 1 and 86400",
                "[limits] payload_bytes = 1073741825 is not between 1 and 1073741824",
                "[limits] instance_memory_bytes = 0 is not 1 or more"
            ]
        );
    }

    #[test]
    fn a_full_file_is_read() {
        let (file, mistakes) = SettingsFile::parse(
            "listen = '127.0.0.1:0'\nprotect_in_use = true\nstrict_aws = false\nmodel_dirs = ['/srv/models']\nregion = 'eu-central-1'\naccount = '123456789012'\n\
             [limits]\nmodel_timeout_s = 5\nstream_timeout_s = 7\n[quotas]\nvariants = 3\n'ml.m5.large' = 2\n\
             [[role]]\narn = 'arn:aws:iam::123456789012:role/r'\nallow = ['s3://b/p*']\n\
             [[image]]\nmatch = '*/x*'\ncommand = ['serve', '{port}']\nenv = { A = 'b' }\n\
             needs_opt_ml = true\nmemory_mib = 512\ncpu_millis = 500\n",
        );
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!((file.protect_in_use, file.strict_aws), (Some(true), Some(false)));
        assert_eq!((file.limits.model_timeout_s, file.limits.stream_timeout_s), (Some(5), Some(7)));
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
