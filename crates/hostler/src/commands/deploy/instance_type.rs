//! Whether an instance type is one, before anything is sent.
//!
//! Why: the service's own answer to a misspelled type is its whole list, after the model has been uploaded.

use anyhow::anyhow;
use hostler_catalog::{instance_type, instance_type_names};

use crate::hint::{self, Hinted};

/// Refuses a name that is no instance type, with those that could have been meant.
pub(super) fn check(name: &str) -> anyhow::Result<()> {
    if instance_type(name).is_some() {
        return Ok(());
    }
    let near: Vec<String> =
        hint::near(name, instance_type_names()).iter().map(|name| format!("`{name}`")).collect();
    let hint = if near.is_empty() {
        "types are called like `ml.m5.large`; on this machine they stand for limits of CPU and memory"
            .to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Err(Hinted::wrap(anyhow!("`{}` is not an instance type", name.escape_debug()), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_type_brings_the_nearest_ones() {
        assert!(check("ml.m5.large").is_ok());
        for (wrong, meant) in [
            ("m5.large", "`ml.m5.large`"),
            ("ml.m5.larg", "`ml.m5.large`"),
            ("ML.G5.XLARGE", "`ml.g5.xlarge`"),
        ] {
            let error = check(wrong).unwrap_err();
            assert_eq!(error.to_string(), format!("`{wrong}` is not an instance type"));
            let hint = hint::of(&error).unwrap();
            assert!(hint.starts_with(&format!("did you mean {meant}")), "{wrong}: {hint}");
        }
        assert!(hint::of(&check("?").unwrap_err()).unwrap().contains("`ml.m5.large`"));
    }
}
