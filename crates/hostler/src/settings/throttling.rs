//! `[throttling]`: operations and rates into classes, with every mistake told.
//!
//! Invariants: a name that throttles nothing is a mistake; what is not named is not throttled, but for the control
//! plane's operations when `default` is.

use std::collections::BTreeMap;

use hostler_aws::{DEFAULT_CLASS, Rate, ThrottleClass};
use hostler_shapes::{OPERATION_NAMES, RUNTIME_OPERATIONS};

/// Rates beyond it limit nothing that one machine can do.
const PER_S_MAX: f64 = 1_000_000.0;
/// Once in a quarter of an hour; slower is what `0` would mean, and that is for roles and quotas.
const PER_S_MIN: f64 = 0.001;
const BURST_MAX: i64 = 1_000_000;

pub(super) fn resolve(
    table: BTreeMap<String, toml::Value>,
    mistakes: &mut Vec<String>,
) -> Vec<ThrottleClass> {
    let mut classes = Vec::new();
    for (name, value) in table {
        if !is_class(&name) {
            mistakes.push(format!(
                "[throttling] `{name}` is neither an operation of SageMaker or its runtime, nor the beginning of some \
                 and a `*`, nor {DEFAULT_CLASS}"
            ));
        } else {
            match rate(&value) {
                Ok(rate) => classes.push(ThrottleClass { name, rate }),
                Err(why) => mistakes.push(format!("[throttling] `{name}`: {why}")),
            }
        }
    }
    classes
}

fn is_class(name: &str) -> bool {
    let mut operations =
        OPERATION_NAMES.iter().copied().chain(RUNTIME_OPERATIONS.iter().map(|operation| operation.name));
    match name.strip_suffix('*') {
        Some(beginning) => operations.any(|operation| operation.starts_with(beginning)),
        None => name == DEFAULT_CLASS || operations.any(|operation| operation == name),
    }
}

/// `5`, `0.5`, or `{ per_s = 5, burst = 20 }`. Without a burst it is what a second brings, and one at least.
fn rate(value: &toml::Value) -> Result<Rate, String> {
    let form =
        || "a number of requests a second, or { per_s = NUMBER, burst = NUMBER }, is expected".to_owned();
    let (per_s, burst) = match value {
        toml::Value::Table(table) => {
            if let Some(unknown) = table.keys().find(|key| !["per_s", "burst"].contains(&key.as_str())) {
                return Err(format!("unknown key `{unknown}`"));
            }
            (table.get("per_s").ok_or_else(form)?, table.get("burst"))
        }
        number => (number, None),
    };
    let per_s = match per_s {
        toml::Value::Integer(number) => *number as f64,
        toml::Value::Float(number) => *number,
        _ => return Err(form()),
    };
    if !(PER_S_MIN..=PER_S_MAX).contains(&per_s) {
        return Err(format!("{per_s} a second is not between {PER_S_MIN} and {PER_S_MAX}"));
    }
    let burst = match burst {
        None => per_s.ceil() as i64,
        Some(toml::Value::Integer(burst)) => *burst,
        Some(_) => return Err(form()),
    };
    match u32::try_from(burst) {
        Ok(whole) if (1..=BURST_MAX).contains(&burst) => Ok(Rate { per_s, burst: whole }),
        _ => Err(format!("burst = {burst} is not between 1 and {BURST_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> (Vec<(String, f64, u32)>, Vec<String>) {
        let mut mistakes = Vec::new();
        let table = toml::from_str(text).unwrap();
        let classes = resolve(table, &mut mistakes).into_iter();
        (classes.map(|class| (class.name, class.rate.per_s, class.rate.burst)).collect(), mistakes)
    }

    #[test]
    fn a_rate_is_a_number_or_a_table() {
        let (classes, mistakes) = resolved(
            "default = 10\nCreateEndpoint = 0.5\n\"Describe*\" = { per_s = 20, burst = 100 }\n\
             InvokeEndpoint = 1000000\n\"Invoke*\" = { per_s = 2.5 }\n\"*\" = 1\n",
        );
        assert_eq!(mistakes, Vec::<String>::new());
        let class = |name: &str, per_s: f64, burst: u32| (name.to_owned(), per_s, burst);
        let expected = [
            class("*", 1.0, 1),
            class("CreateEndpoint", 0.5, 1),
            class("Describe*", 20.0, 100),
            class("Invoke*", 2.5, 3),
            class("InvokeEndpoint", 1_000_000.0, 1_000_000),
            class("default", 10.0, 10),
        ];
        assert_eq!(classes, expected);
    }

    #[test]
    fn every_mistake_is_told_and_hides_no_other() {
        let (classes, mistakes) = resolved(
            "CreateEndpont = 1\n\"Describ**\" = 1\ns3 = 1\nListModels = 0\nListTags = -1\nAddTags = 'fast'\n\
             DeleteTags = { burst = 1 }\nDeleteModel = { per_s = 1, burst = 0 }\nDescribeModel = { per_s = 1, bust = 1 }\n\
             CreateModel = { per_s = 1, burst = 1.5 }\nListEndpoints = 1000001\nCreateEndpoint = nan\ndefault = 2\n",
        );
        assert_eq!(classes, [("default".to_owned(), 2.0, 2)]);
        assert_eq!(mistakes.len(), 12, "{mistakes:#?}");
    }
}
