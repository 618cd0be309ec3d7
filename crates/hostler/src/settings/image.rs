//! `[[image]]`: which program runs an image, as it is written and what may be wrong with it.
//!
//! Invariants: what passes here can be started as far as the settings tell; whether the program is there is seen when it
//! is needed, and told by the endpoint's reason.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use hostler_catalog::ImageMapping;
use serde::Deserialize;

/// An interpreter does not start in less; the most is more than any machine has.
const MEMORY_MIB: RangeInclusive<u64> = 4..=64 * 1024 * 1024;
/// The kernel grants a CPU in pieces of at least a hundredth.
const CPU_MILLIS: RangeInclusive<u64> = 10..=1_000_000;

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
        if self.r#match.is_empty() {
            mistakes.push("matches no image".to_owned());
        }
        if self.command.first().is_none_or(String::is_empty) {
            mistakes.push("has an empty command".to_owned());
        }
        if let Some(dir) = self.working_dir.as_ref().filter(|dir| !Path::new(dir).is_absolute()) {
            mistakes.push(format!("has working_dir = \"{dir}\", which is not an absolute path"));
        }
        if self.env.keys().any(|name| name.is_empty() || name.contains('=')) {
            mistakes.push("has a variable in env whose name is empty or holds a `=`".to_owned());
        }
        if self.texts().any(|text| text.contains('\0')) {
            mistakes.push("has a zero byte in a text".to_owned());
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

    /// Everything of it that a program gets to see.
    fn texts(&self) -> impl Iterator<Item = &String> {
        let variables = self.env.iter().flat_map(|(name, value)| [name, value]);
        self.command.iter().chain(&self.working_dir).chain(variables)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        toml::from_str::<Image>(text).unwrap().mistakes()
    }

    #[test]
    fn limits_of_an_image_have_limits() {
        let mistakes = mistakes("match = 'x'\ncommand = []\nmemory_mib = 0\ncpu_millis = 1000001\n");
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        for part in ["empty command", "memory_mib = 0", "cpu_millis = 1000001"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}: {mistakes:?}");
        }
    }

    #[test]
    fn what_could_never_start_is_a_mistake() {
        let said = mistakes(
            "match = ''\ncommand = ['']\nworking_dir = 'models'\nenv = { 'A=B' = 'c', C = \"x\\u0000\" }\n",
        );
        let wanted = [
            "matches no image",
            "has an empty command",
            "has working_dir = \"models\", which is not an absolute path",
            "has a variable in env whose name is empty or holds a `=`",
            "has a zero byte in a text",
        ];
        assert_eq!(said, wanted.map(|text| format!("[[image]] match = \"\" {text}")));
    }

    #[test]
    fn what_can_start_is_none() {
        let text = "match = '*/x*'\ncommand = ['serve', '{port}']\nworking_dir = '/srv'\nenv = { A = 'b=c' }\n\
                    memory_mib = 4\ncpu_millis = 10\n";
        assert_eq!(mistakes(text), Vec::<String>::new());
    }
}
