//! `hostler describe NAME`: what DescribeEndpoint has no words for, too.

mod update;

use serde_json::Value;

use crate::cli::{NameArgs, OutputForm};
use crate::client::Client;
use crate::endpoint_name;
use crate::output;
use crate::rows::Rows;
use update::{Side, reason_row, update_rows};

/// The width of the labels.
const LABEL: usize = 12;

pub(crate) async fn run(args: &NameArgs) -> anyhow::Result<()> {
    endpoint_name::check(&args.name)?;
    let client = Client::find(&args.find)?;
    let endpoint = match client.admin(&format!("endpoints/{}", args.name)).await {
        Ok(endpoint) => endpoint,
        Err(error) => return Err(client.with_near_names(error, &args.name).await),
    };
    if args.find.output == OutputForm::Json {
        output::data(&endpoint.to_string());
        return Ok(());
    }
    let rows = Rows::new(LABEL, None);
    for (label, text) in described(&endpoint) {
        rows.row(label, &text);
    }
    Ok(())
}

/// Label and text of each row.
fn described(endpoint: &Value) -> Vec<(&'static str, String)> {
    let mut rows: Vec<(&str, String)> = [
        ("name", "EndpointName"),
        ("arn", "EndpointArn"),
        ("status", "EndpointStatus"),
        ("config", "EndpointConfigName"),
        ("generation", "Generation"),
    ]
    .into_iter()
    .map(|(label, key)| (label, text(&endpoint[key])))
    .collect();
    rows.extend(reason_row(endpoint));
    rows.extend(list(endpoint, "Variants").iter().map(|variant| ("variant", variant_words(variant))));
    rows.extend(limits_row(endpoint));
    rows.extend(update_rows(endpoint));
    let mut instances: Vec<&Value> = list(endpoint, "Instances").iter().collect();
    instances.sort_by_key(|instance| instance["Generation"].as_u64());
    for instance in instances {
        rows.push(("instance", instance_words(endpoint, instance)));
        // The only container of an instance is the instance.
        let containers = list(instance, "Containers");
        if containers.len() > 1 {
            rows.extend(containers.iter().map(|container| ("", container_words(container))));
        }
    }
    rows.extend(
        list(endpoint, "Places").iter().filter_map(|place| Some(("", place_words(endpoint, place)?))),
    );
    rows.extend(list(endpoint, "Notes").iter().map(|note| ("note", text(note))));
    rows
}

/// What its owner's tags set.
fn limits_row(endpoint: &Value) -> Option<(&'static str, String)> {
    let limits = endpoint["Limits"].as_object().filter(|limits| !limits.is_empty())?;
    let words: Vec<String> = limits.iter().map(|(tag, value)| format!("{tag} {value}")).collect();
    Some(("limits", words.join(" · ")))
}

fn variant_words(variant: &Value) -> String {
    format!(
        "{} · weight {} · {} instance(s) of {} · model {}",
        text(&variant["variant"]),
        variant["weight"],
        variant["count"],
        text(&variant["instance_type"]),
        text(&variant["model_name"]),
    )
}

fn instance_words(endpoint: &Value, instance: &Value) -> String {
    let side = match Side::of(endpoint, &instance["Generation"]) {
        Some(side) => format!("{} · ", side.word()),
        None => String::new(),
    };
    let leaving = if instance["Intent"] == "Wanted" { "" } else { " · leaving" };
    format!(
        "{side}{} · {}{leaving} · pid {} · {} · {} in flight",
        text(&instance["Id"]),
        text(&instance["Health"]),
        text(&instance["Pid"]),
        text(&instance["Address"]),
        instance["InFlight"],
    )
}

/// One of several containers of an instance.
fn container_words(container: &Value) -> String {
    let [name, pid, address] = ["name", "pid", "address"].map(|key| text(&container[key]));
    format!("container {name} · pid {pid} · {address}")
}

/// The last failure of a place, if one is remembered.
fn place_words(endpoint: &Value, place: &Value) -> Option<String> {
    let failure = place["last_failure"].as_str()?;
    let generation = &place["generation"];
    let of = if *generation == endpoint["Generation"] {
        String::new()
    } else {
        format!(" of generation {generation}")
    };
    Some(format!(
        "last failure of {}/{}{of}: {failure} ({} in a row)",
        text(&place["variant"]),
        place["ordinal"],
        place["failures"]
    ))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_of_several_containers_has_a_row() {
        let container = |name: &str, pid: u32| json!({ "name": name, "pid": pid, "address": "127.0.0.1:9" });
        let instance = |containers: &[Value]| {
            json!({
                "Instances": [{
                    "Id": "u.g1.v.0.1", "Generation": 1, "Intent": "Wanted", "Health": "Healthy", "Pid": 7,
                    "Address": "127.0.0.1:9", "InFlight": 0, "Containers": containers,
                }],
            })
        };
        let rows = |containers: &[Value]| {
            let rows = described(&instance(containers)).into_iter();
            rows.filter(|(_, text)| text.starts_with("container ")).map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(rows(&[container("container_1", 7)]), Vec::<String>::new());
        assert_eq!(
            rows(&[container("one", 7), container("two", 8)]),
            ["container one · pid 7 · 127.0.0.1:9", "container two · pid 8 · 127.0.0.1:9"]
        );
    }

    #[test]
    fn a_steady_endpoint_has_no_word_of_sides() {
        let endpoint = json!({
            "EndpointName": "digits", "EndpointStatus": "InService", "Generation": 2, "NewestGeneration": 2,
            "Update": null, "Stranded": null,
            "Instances": [{
                "Id": "u.g2.v.0.1", "Generation": 2, "Intent": "Wanted", "Health": "Healthy", "Pid": 7,
                "Address": "127.0.0.1:9", "InFlight": 0,
            }],
            "Places": [{ "generation": 1, "variant": "v", "ordinal": 0, "failures": 3, "last_failure": "died" }],
        });
        let rows = described(&endpoint);
        assert_eq!(rows[2], ("status", "InService".to_owned()));
        assert!(rows.iter().all(|(label, _)| *label != "limits"), "nobody set any");
        assert_eq!(
            rows[5..],
            [
                ("instance", "u.g2.v.0.1 · Healthy · pid 7 · 127.0.0.1:9 · 0 in flight".to_owned()),
                ("", "last failure of v/0 of generation 1: died (3 in a row)".to_owned()),
            ]
        );
    }

    #[test]
    fn limits_that_the_owner_set_stand_in_one_row() {
        let limits = json!({ "hostler:model_timeout_s": 90, "hostler:waiting": 0 });
        let rows = described(&json!({ "EndpointName": "digits", "Limits": limits }));
        assert_eq!(rows[5], ("limits", "hostler:model_timeout_s 90 · hostler:waiting 0".to_owned()));
    }
}
